/* log.c - lines to syslog (facility mail) or stderr, without ever waiting for either.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, FACILITY_MAIL = 2 << 3 };

static struct {
    char ident[64];
    enum log_level level;
    enum log_to to;
    bool foreground;              /* stderr whatever the settings say */
    bool to_journal;              /* stderr is the journal: it takes "<6>" in front */
    const char *socket_path;
    int sock;                     /* -1: none */
    uint64_t dropped, told;
} state = { .level = LOG_LEVEL_INFO, .to = LOG_TO_STDERR, .socket_path = "/dev/log", .sock = -1 };

/* RFC 5424 6.2.1 */
static int severity(enum log_level level)
{
    static const int of[] = { [LOG_LEVEL_ERROR] = 3, [LOG_LEVEL_WARNING] = 4, [LOG_LEVEL_INFO] = 6, [LOG_LEVEL_DEBUG] = 7 };

    return of[level];
}

/* systemd.exec(5): JOURNAL_STREAM is DEVICE:INODE of the stream that stderr is, unless somebody redirected it since. */
static bool stderr_is_journal(void)
{
    const char *env = getenv("JOURNAL_STREAM");
    struct stat st;
    char here[64];

    if (env == NULL || fstat(STDERR_FILENO, &st) < 0)
        return false;
    snprintf(here, sizeof here, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(here, env) == 0;
}

static void socket_close(void)
{
    if (state.sock >= 0)
        close(state.sock);
    state.sock = -1;
}

static bool socket_open(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    socket_close();
    if (strlen(state.socket_path) >= sizeof to.sun_path)
        return false;
    strcpy(to.sun_path, state.socket_path);
    state.sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (state.sock >= 0 && connect(state.sock, (struct sockaddr *)&to, sizeof to) == 0)
        return true;
    socket_close();
    return false;
}

/* One datagram as RFC 3164 has it on the local socket (no host name).  A syslogd that was started anew wants a new connection. */
static bool to_syslog(enum log_level level, const char *text, size_t n)
{
    char line[LINE_MAX_BYTES + 128], when[32];
    time_t now = time(NULL);
    struct tm tm;
    int len;

    localtime_r(&now, &tm);
    strftime(when, sizeof when, "%b %e %H:%M:%S", &tm);
    len = snprintf(line, sizeof line, "<%d>%s %s[%d]: %.*s", FACILITY_MAIL | severity(level), when, state.ident, (int)getpid(), (int)n,
                   text);
    for (int attempt = 0; attempt < 2; attempt++) {
        if (state.sock < 0 && !socket_open())
            return false;
        if (send(state.sock, line, (size_t)len, MSG_NOSIGNAL) >= 0)
            return true;
        if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
            return false;
        socket_close();
    }
    return false;
}

/* A full pipe or a stopped terminal must not stop the daemon: only what can be taken now is written. */
static bool to_stderr(enum log_level level, const char *text, size_t n)
{
    char line[LINE_MAX_BYTES + 128];
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
    const char *sep = state.ident[0] != '\0' ? ": " : "";
    int len;

    if (state.to_journal)
        len = snprintf(line, sizeof line, "<%d>%.*s\n", severity(level), (int)n, text);
    else
        len = snprintf(line, sizeof line, "%s%s%.*s\n", state.ident, sep, (int)n, text);
    if (send(STDERR_FILENO, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    if (errno != ENOTSOCK || poll(&p, 1, 0) <= 0 || (p.revents & POLLOUT) == 0)
        return false;
    return write(STDERR_FILENO, line, (size_t)len) >= 0;
}

static bool put_line(enum log_level level, const char *text, size_t n)
{
    if (state.to == LOG_TO_SYSLOG && !state.foreground)
        return to_syslog(level, text, n);
    return to_stderr(level, text, n);
}

static void emit(enum log_level level, const char *text, size_t n)
{
    if (!put_line(level, text, n)) {
        state.dropped++;
        return;
    }
    if (state.dropped != state.told) {
        char words[128];
        int len = snprintf(words, sizeof words, "warning: %" PRIu64 " log lines were lost: the log did not take them",
                           state.dropped - state.told);

        if (put_line(LOG_LEVEL_WARNING, words, (size_t)len))
            state.told = state.dropped;
    }
}

/* ---- state ---- */

void log_open(const char *ident, const struct set_log *set, bool foreground)
{
    snprintf(state.ident, sizeof state.ident, "%s", ident);
    state.foreground = foreground;
    state.to_journal = stderr_is_journal();
    log_reconfigure(set);
}

void log_reconfigure(const struct set_log *set)
{
    state.level = (enum log_level)set->level;
    state.to = (enum log_to)set->to;
    if (state.to == LOG_TO_SYSLOG && !state.foreground) {
        if (state.sock < 0)
            socket_open();          /* not there yet: tried again with each line */
    } else {
        socket_close();
    }
}

void log_close(void)
{
    socket_close();
    state.to = LOG_TO_STDERR;
    state.ident[0] = '\0';
}

void log_syslog_path(const char *path)
{
    socket_close();
    state.socket_path = path;
}

bool log_wants(enum log_level level)
{
    return level <= state.level;
}

uint64_t log_dropped(void)
{
    return state.dropped;
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
    emit(level, line,
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
        emit(level, l->text, l->n);
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
