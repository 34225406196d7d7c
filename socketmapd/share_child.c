/* share_child.c - what is read, hashed and written of a shared set.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/share_child.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/ldap/ldap_config.h"
#include "lib/net/child.h"
#include "socketmapd/rcpt_piece.h"

enum { SHARE_NICE = 10 };
#define TEXTS_MAX ((size_t)4 << 30)
#define NUMBER_MAX ((uint64_t)1 << 53)

/* ---- the wire ---- */

void share_job_encode(const struct share_job *j, struct buf *to)
{
    ldap_put_number(to, j->task);
    ldap_put(to, j->set_path);
    ldap_put(to, j->proposal_path);
    ldap_put(to, j->asked);
    ldap_put_number(to, j->complete_ms > 0 ? (uint64_t)j->complete_ms : 0);
}

bool share_job_decode(span bytes, struct share_job *out)
{
    uint64_t task, complete;

    if (!ldap_take_number(&bytes, SHARE_BUILD, &task) || !ldap_take(&bytes, &out->set_path) || !ldap_take(&bytes, &out->proposal_path) ||
        !ldap_take(&bytes, &out->asked) || !ldap_take_number(&bytes, NUMBER_MAX, &complete))
        return false;
    out->task = (enum share_task)task;
    out->complete_ms = (int64_t)complete;
    return bytes.n == 0;
}

bool share_answer_decode(span reply, uint64_t *number_out, struct errtext *why)
{
    span word = SPAN("an answer that cannot be read");

    if (ldap_take(&reply, &word) && span_eq(word, SPAN("ok")) && ldap_take_number(&reply, NUMBER_MAX, number_out))
        return true;
    errtext_set(why, "%.*s", SPAN_ARG(span_head(word, sizeof(why->text) - 1)));
    return false;
}

/* ---- files ---- */

bool share_map(int fd, span *out, struct errtext *err)
{
    struct stat st;
    void *p;

    *out = span_of(NULL, 0);
    if (fstat(fd, &st) != 0) {
        errtext_errno(err, "a file in memory");
        return false;
    }
    if (st.st_size == 0)
        return true;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        errtext_errno(err, "a file in memory of %lld bytes", (long long)st.st_size);
        return false;
    }
    *out = span_of(p, (size_t)st.st_size);
    return true;
}

void share_unmap(span *s)
{
    if (s->p != NULL)
        munmap((void *)(uintptr_t)s->p, s->n);
    *s = span_of(NULL, 0);
}

static int memfd_of(const char *name, span bytes, struct errtext *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    for (size_t done = 0; fd >= 0 && done < bytes.n;) {
        ssize_t n = write(fd, bytes.p + done, bytes.n - done);

        if (n <= 0) {
            close(fd);
            fd = -1;
        } else {
            done += (size_t)n;
        }
    }
    if (fd < 0)
        errtext_errno(err, "%s of %zu bytes in memory", name, bytes.n);
    return fd;
}

/* ---- what the set in force has ---- */

struct own {
    struct buf texts;
    struct rcpt_index index;
    size_t *starts;
};

static void own_free(struct own *o)
{
    buf_free(&o->texts);
    rcpt_index_free(&o->index);
    free(o->starts);
}

/* n: into so many pieces; 0: into as many as are right for it.  A set that is not there, or is of something else, has nothing. */
static bool own_read(const struct share_job *j, size_t n, struct own *o, struct errtext *err)
{
    struct rcpt_set *set = NULL;
    bool ok;

    *o = (struct own){ .starts = NULL };
    buf_init(&o->texts, TEXTS_MAX);
    if (rcpt_set_open(j->set_path.p, true, &set, err) != RCPT_SET_OK || !span_eq(span_str(rcpt_set_about(set)->asked), j->asked)) {
        if (set != NULL)
            errtext_set(err, "%s was read for something else", j->set_path.p);
        rcpt_set_close(&set);
        return false;
    }
    ok = rcpt_pieces_split(set, n > 0 ? n : rcpt_pieces_for(rcpt_set_count(set) - rcpt_set_missing(set)), &o->texts, &o->index);
    rcpt_set_close(&set);
    if (!ok) {
        errtext_set(err, "the set is too large to be shared");
        return false;
    }
    o->starts = xcalloc(o->index.n + 1, sizeof(*o->starts));
    for (size_t i = 0; i < o->index.n; i++)
        o->starts[i + 1] = o->starts[i] + (size_t)o->index.pieces[i].bytes;
    return true;
}

static bool own_has(const struct own *o, const struct rcpt_index *wanted, size_t i)
{
    return o->starts != NULL && strcmp(o->index.pieces[i].digest, wanted->pieces[i].digest) == 0;
}

/* ---- the tasks ---- */

static bool split(const struct share_job *j, int fds_out[2], uint64_t *number_out, struct errtext *err)
{
    struct own o;
    struct buf index;
    bool ok = own_read(j, 0, &o, err);

    buf_init(&index, RCPT_INDEX_BYTES_MAX);
    if (ok) {
        rcpt_index_encode(&o.index, &index);
        fds_out[0] = memfd_of("index", buf_span(&index), err);
        fds_out[1] = memfd_of("pieces", buf_span(&o.texts), err);
        *number_out = o.index.addresses;
        ok = !index.overflow && fds_out[0] >= 0 && fds_out[1] >= 0;
    }
    buf_free(&index);
    own_free(&o);
    return ok;
}

static bool plan(const struct share_job *j, const struct rcpt_index *wanted, int fds_out[2], uint64_t *number_out, struct errtext *err)
{
    struct errtext none = { "" };
    struct own o;
    struct buf numbers;

    own_read(j, wanted->n, &o, &none);
    buf_init(&numbers, RCPT_PIECES_MAX * sizeof(uint32_t));
    for (uint32_t i = 0; i < wanted->n; i++) {
        if (!own_has(&o, wanted, i) && wanted->pieces[i].bytes > 0)
            buf_append(&numbers, span_of((const char *)&i, sizeof(i)));
    }
    *number_out = numbers.len / sizeof(uint32_t);
    fds_out[0] = memfd_of("numbers", buf_span(&numbers), err);
    buf_free(&numbers);
    own_free(&o);
    return fds_out[0] >= 0;
}

/* Fetched pieces by their numbers. */
static bool sort_fetched(span fetched, const struct rcpt_index *wanted, span *by_number, struct errtext *err)
{
    while (fetched.n > 0) {
        struct share_fetched head;

        if (fetched.n < sizeof(head)) {
            errtext_set(err, "the fetched pieces are cut");
            return false;
        }
        memcpy(&head, fetched.p, sizeof(head));
        fetched = span_from(fetched, sizeof(head));
        if (head.number >= wanted->n || head.bytes > fetched.n) {
            errtext_set(err, "the fetched pieces are cut");
            return false;
        }
        by_number[head.number] = span_of(fetched.p, head.bytes);
        fetched = span_from(fetched, head.bytes);
    }
    return true;
}

static bool write_proposal(const struct share_job *j, const struct rcpt_index *wanted, const struct own *o, const span *by_number, uint64_t *number_out,
                           struct errtext *err)
{
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct rcpt_set_about about = wanted->about;
    bool ok = true;

    for (size_t i = 0; ok && i < wanted->n; i++) {
        span text = by_number[i];

        if (text.p == NULL && own_has(o, wanted, i))
            text = span_of(buf_span(&o->texts).p + o->starts[i], (size_t)o->index.pieces[i].bytes);
        ok = rcpt_piece_take(wanted, i, text, w, err);
    }
    about.generation = 0;
    about.complete_ms = j->complete_ms;
    snprintf(about.asked, sizeof(about.asked), "%.*s", SPAN_ARG(span_head(j->asked, sizeof(about.asked) - 1)));
    *number_out = rcpt_set_writer_count(w);
    ok = ok && rcpt_set_write(w, &about, j->proposal_path.p, err) == 0;
    rcpt_set_writer_free(&w);
    return ok;
}

static bool build(const struct share_job *j, const struct rcpt_index *wanted, span fetched, uint64_t *number_out, struct errtext *err)
{
    span *by_number = xcalloc(wanted->n, sizeof(*by_number));
    struct errtext none = { "" };
    struct own o;
    bool ok;

    own_read(j, wanted->n, &o, &none);
    ok = sort_fetched(fetched, wanted, by_number, err) && write_proposal(j, wanted, &o, by_number, number_out, err);
    own_free(&o);
    free(by_number);
    return ok;
}

static bool with_index(const struct share_job *j, const int *fds_in, size_t n_in, int fds_out[2], uint64_t *number_out, struct errtext *err)
{
    span text = { NULL, 0 }, fetched = { NULL, 0 };
    struct rcpt_index wanted;
    bool ok = false;

    if (n_in != (j->task == SHARE_BUILD ? 2U : 1U)) {
        errtext_set(err, "a file is missing");
        return false;
    }
    if (share_map(fds_in[0], &text, err) && rcpt_index_decode(text, &wanted, err)) {
        if (j->task == SHARE_PLAN)
            ok = plan(j, &wanted, fds_out, number_out, err);
        else
            ok = share_map(fds_in[1], &fetched, err) && build(j, &wanted, fetched, number_out, err);
        rcpt_index_free(&wanted);
    }
    share_unmap(&text);
    share_unmap(&fetched);
    return ok;
}

bool share_job_run(const struct share_job *j, const int *fds_in, size_t n_in, int fds_out[2], uint64_t *number_out, struct errtext *err)
{
    fds_out[0] = fds_out[1] = -1;
    return j->task == SHARE_SPLIT ? split(j, fds_out, number_out, err) : with_index(j, fds_in, n_in, fds_out, number_out, err);
}

/* ---- the process ---- */

static bool answer(span msg, const int *fds_in, size_t n_in)
{
    struct share_job j;
    struct errtext err = { "the order could not be read" };
    struct buf out;
    uint64_t number = 0;
    int fds[2] = { -1, -1 };
    size_t n = 0;
    bool ok = share_job_decode(msg, &j) && share_job_run(&j, fds_in, n_in, fds, &number, &err), sent;

    buf_init(&out, CHILD_MESSAGE_MAX);
    ldap_put(&out, ok ? SPAN("ok") : span_str(err.text));
    ldap_put_number(&out, number);
    while (ok && n < 2 && fds[n] >= 0)
        n++;
    sent = child_send_blocking(CHILD_FD, buf_span(&out), fds, n) == 0;
    for (size_t i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    buf_free(&out);
    return sent;
}

int share_child_run(int argc, char **argv)
{
    char *msg = xmalloc(CHILD_MESSAGE_MAX);
    int fds[CHILD_FDS_MAX];
    size_t nfds = CHILD_FDS_MAX;
    bool ok = true;
    long n;

    (void)argc;
    (void)argv;
    setpriority(PRIO_PROCESS, 0, SHARE_NICE);
    umask(077);
    while (ok && (n = child_recv_blocking(CHILD_FD, msg, CHILD_MESSAGE_MAX, fds, &nfds)) > 0) {
        ok = answer(span_of(msg, (size_t)n), fds, nfds);
        for (size_t i = 0; i < nfds; i++)
            close(fds[i]);
        nfds = CHILD_FDS_MAX;
    }
    free(msg);
    return 0;
}
