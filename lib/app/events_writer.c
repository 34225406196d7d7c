/* events_writer.c - the child that appends records to segments, cuts, prunes and purges them.
 *
 * It alone waits for the disk.  Each order is answered, so that the front knows what is safe in the kernel's hands.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/app/events.h"
#include "lib/app/events_files.h"
#include "lib/app/events_match.h"
#include "lib/app/events_wire.h"
#include "lib/app/sandbox.h"

enum { SEGMENT_LEAST_BYTES = 1024 * 1024, SEGMENTS_A_CAP = 20, SEGMENTS_A_KEEP = 24 };

struct writer {
    struct events_setup set;
    int dir;                      /* -1: not set up */
    int fd;                       /* the segment being written, -1: none yet */
    char name[96];
    int64_t first_ms, size_bytes;
    int64_t wall_ms;
    struct errtext err;
};

static int64_t segment_max(const struct writer *w)
{
    int64_t part = w->set.max_bytes / SEGMENTS_A_CAP;

    return part > SEGMENT_LEAST_BYTES ? part : SEGMENT_LEAST_BYTES;
}

static void segment_close(struct writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    w->size_bytes = 0;
    w->name[0] = '\0';
}

/* O_EXCL: never into a file that somebody else has prepared; a name that is taken (two starts in one millisecond) moves on by one. */
static int segment_open(struct writer *w)
{
    for (int64_t ms = w->wall_ms; ms < w->wall_ms + 1000; ms++) {
        segment_name(w->name, sizeof w->name, w->set.daemon, ms);
        w->fd = openat(w->dir, w->name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (w->fd >= 0) {
            fchmod(w->fd, 0640);
            w->first_ms = ms;
            return 0;
        }
        if (errno != EEXIST)
            break;
    }
    errtext_errno(&w->err, "cannot make the event segment %s/%s", w->set.directory, w->name);
    return -1;
}

/* ---- pruning ---- */

static bool is_current(const struct writer *w, const struct segment *s)
{
    return w->fd >= 0 && strcmp(s->name, w->name) == 0;
}

/* Oldest first until the rest, with room for one whole new segment, is under the cap; then what nobody has written to for keep_ms. */
static void prune(struct writer *w)
{
    struct segments all;
    int64_t total = 0, cap = w->set.max_bytes - segment_max(w);

    if (w->dir < 0 || segments_list(w->dir, w->set.daemon, &all, &w->err) < 0)
        return;
    for (size_t i = 0; i < all.n; i++)
        total += is_current(w, &all.v[i]) ? 0 : all.v[i].size_bytes;
    for (size_t i = 0; i < all.n; i++) {
        bool too_many = total > cap, too_old = all.v[i].last_s * 1000 < w->wall_ms - w->set.keep_ms;

        if (is_current(w, &all.v[i]) || (!too_many && !too_old))
            continue;
        if (unlinkat(w->dir, all.v[i].name, 0) < 0 && errno != ENOENT)
            errtext_errno(&w->err, "cannot remove the old event segment %s/%s", w->set.directory, all.v[i].name);
        else
            total -= all.v[i].size_bytes;
    }
    segments_free(&all);
}

/* A segment lives as long as its last record, so it must not collect them for long. */
static bool segment_is_full(const struct writer *w, size_t more)
{
    return w->size_bytes + (int64_t)more > segment_max(w) || w->wall_ms - w->first_ms > w->set.keep_ms / SEGMENTS_A_KEEP;
}

/* ---- orders ---- */

static void setup(struct writer *w, span body)
{
    struct events_setup set;

    if (body.n != sizeof set)
        return;
    memcpy(&set, body.p, sizeof set);
    segment_close(w);
    if (w->dir >= 0)
        close(w->dir);
    w->set = set;
    if (mkdir(set.directory, 0750) < 0 && errno != EEXIST) {
        errtext_errno(&w->err, "cannot make the folder %s (events.directory)", set.directory);
        w->dir = -1;
        return;
    }
    w->dir = open(set.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->dir < 0)
        errtext_errno(&w->err, "cannot open the folder %s (events.directory)", set.directory);
    prune(w);
}

/* All or nothing: half a batch on a full disk is cut off again, so that the next record starts on a line of its own. */
static bool append(struct writer *w, span lines)
{
    size_t done = 0;

    if (w->fd >= 0 && segment_is_full(w, lines.n)) {
        segment_close(w);
        prune(w);
    }
    if (w->dir < 0 || (w->fd < 0 && segment_open(w) < 0))
        return false;
    while (done < lines.n) {
        ssize_t n = write(w->fd, lines.p + done, lines.n - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errtext_errno(&w->err, "cannot write to the event segment %s/%s", w->set.directory, w->name);
            if (done > 0 && ftruncate(w->fd, w->size_bytes) < 0)
                segment_close(w);
            return false;
        }
        done += (size_t)n;
    }
    w->size_bytes += (int64_t)lines.n;
    return true;
}

static void write_lines(struct writer *w, span lines, struct events_report *r)
{
    uint64_t n = span_count(lines, '\n');

    if (append(w, lines))
        r->written = n;
    else
        r->lost = n;
}

static void tick(struct writer *w)
{
    if (w->fd >= 0 && segment_is_full(w, 0))
        segment_close(w);
    prune(w);
}

/* ---- purging: a record is overwritten with blanks where it stands, which needs no room and disturbs neither readers nor writers ---- */

struct purge {
    span forms;
    int fd;
    uint64_t removed;
    bool failed;
};

static bool names_any(span line, span forms)
{
    span form;

    while (span_next(&forms, '\0', &form))
        if (form.n > 0 && events_names(line, form))
            return true;
    return false;
}

static bool blank_out(span line, off_t at, void *arg)
{
    static char blanks[4096];
    struct purge *p = arg;

    if (!names_any(line, p->forms))
        return true;
    memset(blanks, ' ', sizeof blanks);
    for (size_t done = 0; done < line.n;) {
        size_t want = line.n - done < sizeof blanks ? line.n - done : sizeof blanks;
        ssize_t n = pwrite(p->fd, blanks, want, at + (off_t)done);

        if (n <= 0) {
            p->failed = true;
            return false;
        }
        done += (size_t)n;
    }
    p->removed++;
    return true;
}

static void purge_segment(struct writer *w, const struct segment *s, struct purge *p)
{
    /* Not O_APPEND: pwrite(2) would append whatever offset it is given. */
    int fd = openat(w->dir, s->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        if (errno != ENOENT)
            errtext_errno(&w->err, "cannot open the event segment %s", s->name);
        return;
    }
    p->fd = fd;
    if (fstat(fd, &st) == 0 && segment_read(fd, blank_out, p, &w->err) == 0 && p->failed)
        errtext_errno(&w->err, "cannot overwrite records in %s", s->name);
    if (fsync(fd) < 0)
        errtext_errno(&w->err, "cannot sync %s", s->name);
    futimens(fd, (struct timespec[2]){ st.st_atim, st.st_mtim });      /* its age for prune() is that of its last record */
    close(fd);
}

static void purge(struct writer *w, span forms, struct events_report *r)
{
    struct purge p = { .forms = forms };
    struct segments all;

    if (w->dir < 0 || segments_list(w->dir, w->set.daemon, &all, &w->err) < 0) {
        errtext_set(&w->err, "the events' folder cannot be read");
        return;
    }
    for (size_t i = 0; i < all.n; i++)
        purge_segment(w, &all.v[i], &p);
    segments_free(&all);
    r->written = p.removed;
}

static int answer(struct writer *w, const struct events_head *head, span body)
{
    struct events_report r = { .order = head->order };

    w->err.text[0] = '\0';
    w->wall_ms = head->wall_ms;
    switch (head->order) {
    case EV_SETUP:
        setup(w, body);
        break;
    case EV_WRITE:
        write_lines(w, body, &r);
        break;
    case EV_TICK:
        tick(w);
        break;
    case EV_PURGE:
        purge(w, body, &r);
        break;
    }
    snprintf(r.why, sizeof r.why, "%.*s", (int)sizeof r.why - 1, w->err.text);
    return child_send_blocking(CHILD_FD, span_of((const char *)&r, sizeof r), NULL, 0);
}

int events_writer_run(int argc, char **argv)
{
    static char message[CHILD_MESSAGE_MAX];
    struct writer w = { .dir = -1, .fd = -1 };
    struct events_head head;
    struct errtext err;
    long n;

    (void)argc;
    (void)argv;
    umask(027);
    if (sandbox_child(&err) < 0)
        fprintf(stderr, "events-writer: warning: %s\n", err.text);
    while ((n = child_recv_blocking(CHILD_FD, message, sizeof message, NULL, NULL)) > 0) {
        if ((size_t)n < sizeof head)
            return EXIT_FAILURE;
        memcpy(&head, message, sizeof head);
        if (answer(&w, &head, span_of(message + sizeof head, (size_t)n - sizeof head)) < 0)
            break;
    }
    segment_close(&w);
    return EXIT_SUCCESS;
}
