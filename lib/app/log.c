/* log.c - what is logged: levels, free-form lines, fences.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/app/log_out.h"

enum { LINE_MAX_BYTES = 2048 };

static struct {
    enum log_level level;
    bool foreground;              /* stderr whatever the settings say */
} state = { .level = LOG_LEVEL_INFO };

/* RFC 5424 6.2.1 */
static int severity(enum log_level level)
{
    static const int of[] = { [LOG_LEVEL_ERROR] = 3, [LOG_LEVEL_WARNING] = 4, [LOG_LEVEL_INFO] = 6, [LOG_LEVEL_DEBUG] = 7 };

    return of[level];
}

/* ---- state ---- */

void log_open(const char *ident, const struct set_log *set, bool foreground)
{
    log_out_ident(ident);
    state.foreground = foreground;
    log_reconfigure(set);
}

void log_reconfigure(const struct set_log *set)
{
    state.level = (enum log_level)set->level;
    log_out_to(set->to == LOG_TO_SYSLOG && !state.foreground);
}

void log_close(void)
{
    log_batch(NULL, NULL);
    log_out_to(false);
    log_out_ident("");
}

void log_batch(void (*waiting)(void *arg), void *arg)
{
    log_out_batch(severity(LOG_LEVEL_WARNING), waiting, arg);
}

void log_flush(void)
{
    log_out_flush();
}

void log_syslog_path(const char *path)
{
    log_out_syslog_path(path);
}

bool log_wants(enum log_level level)
{
    return level <= state.level;
}

uint64_t log_dropped(void)
{
    return log_out_dropped();
}

/* ---- free-form lines ---- */

/* Whatever got into the words: no control byte leaves, so no line can look like two and no terminal obeys. */
static size_t make_printable(const char *in, size_t n, char *out, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)in[i];
        size_t need = c >= 0x20 && c < 0x7f ? 1 : 4;

        if (at + need + 4 > size) {
            memcpy(out + at, "...", 3);
            return at + 3;
        }
        if (need == 1)
            out[at] = (char)c;
        else
            snprintf(out + at, 5, "\\x%02X", c);
        at += need;
    }
    return at;
}

static void say(enum log_level level, const char *tag, const char *fmt, va_list ap)
{
    char raw[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
    size_t tag_len = strlen(tag);
    int n;

    if (!log_wants(level))
        return;
    n = vsnprintf(raw, sizeof raw, fmt, ap);
    if (n < 0)
        return;
    memcpy(line, tag, tag_len);
    log_out_put(severity(level), line,
                tag_len + make_printable(raw, (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1, line + tag_len, sizeof line - tag_len));
}

void log_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(LOG_LEVEL_ERROR, "error: ", fmt, ap);
    va_end(ap);
}

void log_warning(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(LOG_LEVEL_WARNING, "warning: ", fmt, ap);
    va_end(ap);
}

void log_info(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(LOG_LEVEL_INFO, "", fmt, ap);
    va_end(ap);
}

void log_debug(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(LOG_LEVEL_DEBUG, "", fmt, ap);
    va_end(ap);
}

/* logline_*: see logline.c; the line is made of escaped pieces already. */
void logline_emit(struct logline *l, enum log_level level)
{
    if (log_wants(level))
        log_out_put(severity(level), l->text, l->n);
}

bool log_fence_pass(struct log_fence *f, int64_t now_ms, int64_t interval_ms)
{
    if (now_ms < f->next_ms) {
        f->suppressed++;
        return false;
    }
    f->next_ms = now_ms + interval_ms;
    f->suppressed = 0;
    return true;
}
