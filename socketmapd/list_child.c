/* list_child.c - files of recipients, read again beside the ones in use.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/list_child.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/ldap/ldap_config.h"
#include "lib/net/child.h"
#include "socketmapd/address.h"
#include "socketmapd/list_read.h"

enum { LIST_NICE = 10, STRINGS_MAX = 1000000 };

static void put_strings(struct buf *to, const struct conf_strings *l)
{
    ldap_put_number(to, l->n);
    for (size_t i = 0; i < l->n; i++)
        ldap_put(to, span_str(l->v[i]));
}

bool list_job_encode(bool fold, const struct conf_strings *entries, const struct conf_strings *files, struct buf *to)
{
    ldap_put_number(to, fold);
    put_strings(to, entries);
    put_strings(to, files);
    return !to->overflow;
}

static bool add_entry(struct rcpt_set_writer *w, span entry, bool fold, struct errtext *err)
{
    char key[ADDRESS_MAX];
    span folded;

    if (!address_fold_entry(entry, fold, key, &folded)) {
        errtext_set(err, "the configuration: \"%.*s\" is neither user@domain nor @domain", SPAN_ARG(span_head(entry, 100)));
        return false;
    }
    rcpt_set_add(w, &(struct rcpt_set_entry){ .address = folded });
    return true;
}

static bool read_all(span job, struct rcpt_set_writer *w, struct buf *patterns, struct errtext *err)
{
    uint64_t fold, n;
    span one;

    if (!ldap_take_number(&job, 1, &fold) || !ldap_take_number(&job, STRINGS_MAX, &n))
        return false;
    for (uint64_t i = 0; i < n; i++) {
        if (!ldap_take(&job, &one) || !add_entry(w, one, fold != 0, err))
            return false;
    }
    if (!ldap_take_number(&job, STRINGS_MAX, &n))
        return false;
    for (uint64_t i = 0; i < n; i++) {
        unsigned number = i + 1 < LIST_FILES_MAX ? (unsigned)i + 1 : LIST_FILES_MAX - 1;

        if (!ldap_take(&job, &one) || list_read(one.p, number, fold != 0, w, patterns, err) != 0)
            return false;
    }
    return true;
}

int list_job_run(span job, struct buf *patterns, struct errtext *err)
{
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct rcpt_set_about about = { .generation = 1 };
    int fd = -1;

    if (read_all(job, w, patterns, err))
        fd = rcpt_set_write_memfd(w, &about, err);
    rcpt_set_writer_free(&w);
    return fd;
}

static int memfd_of(span bytes)
{
    int fd = memfd_create("patterns", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool answer(span job)
{
    struct errtext err = { "" };
    struct buf patterns;
    int fds[2];
    bool sent;

    buf_init(&patterns, LIST_PATTERNS_BYTES);
    fds[0] = list_job_run(job, &patterns, &err);
    fds[1] = fds[0] >= 0 ? memfd_of(buf_span(&patterns)) : -1;
    if (fds[1] >= 0)
        sent = child_send_blocking(CHILD_FD, SPAN("ok"), fds, 2) == 0;
    else
        sent = child_send_blocking(CHILD_FD, err.text[0] != '\0' ? span_str(err.text) : SPAN("no memory is left"), NULL, 0) == 0;
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    buf_free(&patterns);
    return sent;
}

int list_child_run(int argc, char **argv)
{
    char *msg = xmalloc(CHILD_MESSAGE_MAX);
    long n;

    (void)argc;
    (void)argv;
    setpriority(PRIO_PROCESS, 0, LIST_NICE);
    while ((n = child_recv_blocking(CHILD_FD, msg, CHILD_MESSAGE_MAX, NULL, NULL)) > 0 && answer(span_of(msg, (size_t)n)))
        ;
    free(msg);
    return 0;
}
