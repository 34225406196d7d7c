/* override_file.c - overrides of a limit that stand in a file, read again when it has changed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/override_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"

struct override_file {
    struct loop *loop;
    const struct settings *set;
    const struct set_limit *limit;
    char *path;
    bool kept;                           /* by Gatepost itself */
    struct overrides *now;
    struct stat seen;                    /* of what was looked at last, good or not */
    bool gone;
    struct loop_timer again;
};

/* ---- reading ---- */

static bool add_line(const char *path, size_t number, span line, struct overrides *o, struct conf_errors *errors)
{
    size_t end = 0;
    struct errtext err;
    struct conf_strings rate;
    char text[200];
    const char *one = text;
    span words;

    line = span_trim(span_head(line, span_find(line, '#')));
    if (line.n == 0)
        return true;
    while (end < line.n && line.p[end] != ' ' && line.p[end] != '\t')
        end++;
    words = span_trim(span_from(line, end));
    if (words.n == 0 || words.n >= sizeof(text) || memchr(words.p, '\0', words.n) != NULL) {
        conf_errors_add(errors, path, number, end + 1, NULL, "a line is WHO and a rate: alice@example.com 500/h, or @example.com unlimited");
        return false;
    }
    snprintf(text, sizeof(text), "%.*s", SPAN_ARG(words));
    rate = (struct conf_strings){ &one, 1 };
    if (overrides_add(o, span_head(line, end), &rate, &err))
        return true;
    conf_errors_add(errors, path, number, 1, NULL, "%s", err.text);
    return false;
}

bool override_file_read(const char *path, struct overrides *o, struct conf_errors *errors)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t size = 0, number = 0;
    ssize_t n;
    bool good = true;

    if (f == NULL) {
        conf_errors_add(errors, path, 0, 0, NULL, "cannot be read: %s", strerror(errno));
        return false;
    }
    while ((n = getline(&line, &size, f)) >= 0)
        good = add_line(path, ++number, span_of(line, (size_t)n), o, errors) && good;
    if (ferror(f)) {
        conf_errors_add(errors, path, number, 0, NULL, "cannot be read to its end: %s", strerror(errno));
        good = false;
    }
    free(line);
    fclose(f);
    return good;
}

static struct overrides *read_anew(const struct override_file *f, struct conf_errors *errors)
{
    struct overrides *o = overrides_new(f->set, f->limit);

    if (!override_file_read(f->path, o, errors) && !f->kept)
        overrides_free(&o);
    return o;
}

/* ---- watching ---- */

static bool changed(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_dev != b->st_dev || a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
           a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

static void take_change(struct override_file *f)
{
    struct conf_errors *errors = conf_errors_new();
    struct overrides *neu = read_anew(f, errors);

    if (neu != NULL) {
        overrides_free(&f->now);
        f->now = neu;
        log_info("limit %s: %s was read again, %zu overrides", f->limit->name, f->path, overrides_count(neu));
        if (conf_errors_count(errors) > 0)
            log_warning("limit %s: %s (%zu such lines are passed over)", f->limit->name, conf_errors_at(errors, 0), conf_errors_count(errors));
    } else {
        log_error("limit %s: %s (%zu errors); what was read before stays in force", f->limit->name, conf_errors_at(errors, 0),
                  conf_errors_count(errors));
    }
    conf_errors_free(&errors);
}

static void look(void *arg)
{
    struct override_file *f = arg;
    struct stat st;

    loop_timer_start(f->loop, &f->again, OVERRIDES_LOOK_MS, look, f);
    if (stat(f->path, &st) != 0) {
        if (!f->gone)
            log_error("limit %s: %s: %s; what was read before stays in force", f->limit->name, f->path, strerror(errno));
        f->gone = true;
        return;
    }
    if (!f->gone && !changed(&st, &f->seen))
        return;
    f->gone = false;
    f->seen = st;
    take_change(f);
}

static struct override_file *begin(struct loop *l, const struct settings *set, const struct set_limit *limit, const char *path, bool kept,
                                   struct conf_errors *errors)
{
    struct override_file *f = xcalloc(1, sizeof(*f));

    *f = (struct override_file){ .loop = l, .set = set, .limit = limit, .path = xstrdup(path), .kept = kept };
    f->gone = stat(f->path, &f->seen) != 0;
    if ((f->now = read_anew(f, errors)) != NULL)
        loop_timer_start(l, &f->again, OVERRIDES_LOOK_MS, look, f);
    else
        override_file_close(&f);
    return f;
}

struct override_file *override_file_open(struct loop *l, const struct settings *set, const struct set_limit *limit, struct errtext *err)
{
    struct conf_errors *errors = conf_errors_new();
    struct override_file *f = begin(l, set, limit, limit->overrides_file, false, errors);

    if (f == NULL)
        errtext_set(err, "%s", conf_errors_at(errors, 0));
    conf_errors_free(&errors);
    return f;
}

/* It is always there: a file that is not, or has bad lines, is one with fewer overrides. */
struct override_file *override_file_open_kept(struct loop *l, const struct settings *set, const struct set_limit *limit, const char *path)
{
    struct conf_errors *errors = conf_errors_new();
    struct override_file *f = begin(l, set, limit, path, true, errors);

    conf_errors_free(&errors);
    return f;
}

void override_file_look(struct override_file *f)
{
    look(f);
}

void override_file_close(struct override_file **fp)
{
    struct override_file *f = *fp;

    *fp = NULL;
    if (f == NULL)
        return;
    loop_timer_stop(&f->again);
    overrides_free(&f->now);
    free(f->path);
    free(f);
}

const struct overrides *override_file_now(const struct override_file *f)
{
    return f != NULL ? f->now : NULL;
}
