/* sync_child.c - the process that reads a whole directory and keeps up with it.
 *
 * It is killed when it makes no progress (libldap cannot be bounded from inside), and ends itself at the first failure: the next one begins
 * anew, with another server.  Nothing of a reading that was not complete ever leaves it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/sync_child.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/net/child.h"

enum { SYNC_NICE = 10,
       REST_MS = 1000,          /* changes come in groups: a proposal waits for the rest of them ... */
       REST_SHARE = 20,         /* ... and takes at most a twentieth of the time */
       HINT_MS = 1000 };        /* a busy directory hints all the time */

static const struct sync_way *const ways[] = { &sync_way_syncrepl, &sync_way_dirsync, &sync_way_usn, &sync_way_full };

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- telling ---- */

static void send_note(const struct sync_note *n)
{
    struct buf out;

    buf_init(&out, CHILD_MESSAGE_MAX);
    sync_note_encode(n, &out);
    if (child_send_blocking(CHILD_FD, buf_span(&out), NULL, 0) != 0)
        exit(0);                 /* nobody is there to read for */
    buf_free(&out);
}

static void tell(struct sync_child *c, enum sync_said said, uint64_t number, const char *text)
{
    struct sync_note n = { .said = said, .number = number, .serial = c->serial, .server = c->reader.dir.server,
                           .behind_ms = (uint64_t)(now_ms() - c->as_of_ms) };

    snprintf(n.text, sizeof(n.text), "%s", text);
    send_note(&n);
}

static void on_progress(uint64_t entries, void *arg)
{
    struct sync_child *c = arg;

    tell(c, SYNC_SAID_PROGRESS, entries, c->way != NULL ? c->way->name : "");
}

static void tell_added(struct sync_child *c, span address, bool internal)
{
    struct sync_note n = { .said = SYNC_SAID_ADDED, .number = internal, .serial = ++c->serial, .server = c->reader.dir.server };

    snprintf(n.text, sizeof(n.text), "%.*s", SPAN_ARG(address));
    snprintf(n.more, sizeof(n.more), "%s", buf_cstr(&c->reader.entry.dn));        /* without what follows a NUL */
    send_note(&n);
}

/* ---- the model ---- */

bool sync_entry_is(struct sync_child *c)
{
    const struct dir_entry *e = &c->reader.entry;
    span id = span_of(e->id, e->id_n), address;
    size_t cursor = 0;
    unsigned attr;
    bool internal, changed;

    while (c->refreshed && dir_addresses_next(buf_span(&e->addresses), &cursor, &address, &attr, &internal)) {
        if (!dir_model_named(c->model, id, address))
            tell_added(c, address, internal);
    }
    dir_model_put(c->model, e, &changed);
    c->dirty = c->dirty || changed;
    return true;
}

void sync_entry_gone(struct sync_child *c, span id)
{
    if (dir_model_remove(c->model, id))
        c->dirty = true;
}

static bool each_entry(struct dir_reader *r, void *arg)
{
    (void)r;
    return sync_entry_is(arg);
}

struct unseen { struct sync_child *child; struct map *changed; };

static bool each_changed(struct dir_reader *r, void *arg)
{
    struct unseen *u = arg;

    map_remove(u->changed, span_of(r->entry.id, r->entry.id_n));
    return sync_entry_is(u->child);
}

bool sync_read_changed(struct sync_child *c, const char *filter, struct map *changed)
{
    struct unseen u = { c, changed };

    return dir_search(&c->reader, filter, false, each_changed, &u);
}

static bool drop(span id, void *value, void *arg)
{
    (void)value;
    sync_entry_gone(arg, id);
    return true;
}

void sync_drop_unseen(struct sync_child *c, const struct map *changed)
{
    map_each(changed, drop, c);
}

/* ---- proposals ---- */

static void fill_about(const struct sync_child *c, struct rcpt_set_about *a)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    *a = (struct rcpt_set_about){ .complete_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000, .entries = dir_model_count(c->model),
                                  .entries_named = dir_model_naming(c->model) };
    for (size_t i = 0; i < c->order.n_attributes; i++)
        snprintf(a->attr[i], sizeof(a->attr[i]), "%s", c->order.attribute[i].p);
    snprintf(a->base, sizeof(a->base), "%s", c->reader.dir.base);
    snprintf(a->context, sizeof(a->context), "%s", c->context);
    snprintf(a->server, sizeof(a->server), "%s", c->order.config.servers[c->reader.dir.server].p);
    snprintf(a->asked, sizeof(a->asked), "%s", c->order.asked.p);
}

static bool propose(struct sync_child *c)
{
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct rcpt_set_about about;
    struct errtext err = { "" };
    bool ok;

    dir_model_into(c->model, w);
    fill_about(c, &about);
    ok = rcpt_set_write(w, &about, c->order.proposal_path.p, &err) == 0;
    if (ok)
        tell(c, SYNC_SAID_PROPOSAL, rcpt_set_writer_count(w), c->way->name);
    else
        snprintf(c->reader.why, sizeof(c->reader.why), "%s", err.text);
    rcpt_set_writer_free(&w);
    c->dirty = c->dirty && !ok;
    return ok;
}

/* ---- reading ---- */

bool sync_root_has(struct sync_child *c, const char *attr, const char *value)
{
    char *attrs[] = { (char *)(uintptr_t)attr, NULL };
    LDAPMessage *res = NULL, *entry;
    struct berval **values = NULL;
    LDAP *ld = c->reader.dir.ld;
    bool found = false;

    if (directory_search(ld, "", LDAP_SCOPE_BASE, "(objectClass=*)", attrs, NULL, c->order.config.timeout_ms, 1, &res) == LDAP_SUCCESS &&
        (entry = ldap_first_entry(ld, res)) != NULL)
        values = ldap_get_values_len(ld, entry, attr);
    for (size_t i = 0; values != NULL && values[i] != NULL && !found; i++)
        found = span_eq_nocase(span_of(values[i]->bv_val, values[i]->bv_len), span_str(value));
    ldap_value_free_len(values);
    ldap_msgfree(res);
    return found;
}

static bool choose_way(struct sync_child *c)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (c->order.method != SYNC_AUTO ? ways[i]->method == c->order.method : ways[i]->offered(c)) {
            c->way = ways[i];
            return true;
        }
    }
    return false;
}

/* A way that the server says it has may still be refused to us: then the next one, down to reading pages. */
static bool read_all(struct sync_child *c)
{
    struct dir_model *fresh = dir_model_new();

    dir_model_free(&c->model);
    c->model = fresh;
    c->refreshed = false;
    c->as_of_ms = now_ms();
    c->reader.n_read = 0;
    if (c->way->mark != NULL && !c->way->mark(c))
        return false;
    if (c->way->read != NULL ? !c->way->read(c) : !dir_search(&c->reader, c->order.filter.p, false, each_entry, c))
        return false;
    c->refreshed = true;
    return propose(c);
}

static bool first_reading(struct sync_child *c)
{
    if (!dir_reader_connect(&c->reader))
        return false;
    if (!dir_get(&c->reader, "", "defaultNamingContext", c->context, sizeof(c->context)))
        dir_get(&c->reader, "", "namingContexts", c->context, sizeof(c->context));
    if (!choose_way(c))
        return false;
    tell(c, SYNC_SAID_PROGRESS, 0, c->way->name);
    for (size_t i = 0; !read_all(c); i++) {
        if (c->order.method != SYNC_AUTO || c->way == &sync_way_full)
            return false;
        while (ways[i] != c->way)
            i++;
        do
            c->way = ways[++i];
        while (!c->way->offered(c));
        directory_close(&c->reader.dir);
        if (!dir_reader_connect(&c->reader))
            return false;
    }
    return true;
}

/* ---- keeping up ---- */

struct clockwork {
    int64_t poll_ms, full_ms, propose_ms;      /* when each is due; propose: INT64_MAX when there is nothing */
};

/* What the server has said by itself. */
static bool take_messages(struct sync_child *c)
{
    struct timeval none = { 0, 0 };
    LDAPMessage *res = NULL;
    int type;

    while ((type = ldap_result(c->reader.dir.ld, LDAP_RES_ANY, LDAP_MSG_ONE, &none, &res)) > 0) {
        bool ok = c->way->message == NULL || c->way->message(c, type, res);

        ldap_msgfree(res);
        if (!ok)
            return false;
    }
    return type == 0 || dir_failed(&c->reader, LDAP_SERVER_DOWN, "keeping up");
}

static void await(struct sync_child *c, int64_t ms)
{
    struct pollfd fds[2] = { { .fd = CHILD_FD, .events = POLLIN }, { .fd = -1, .events = POLLIN } };

    ldap_get_option(c->reader.dir.ld, LDAP_OPT_DESC, &fds[1].fd);
    poll(fds, 2, ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms);
}

/* An order of the daemon, if there is one. */
static bool take_command(struct sync_child *c, struct clockwork *k)
{
    struct pollfd fd = { .fd = CHILD_FD, .events = POLLIN };
    char word[32];
    long n;

    if (poll(&fd, 1, 0) <= 0)
        return true;
    n = child_recv_blocking(CHILD_FD, word, sizeof(word), NULL, NULL);
    if (n <= 0)
        exit(0);
    if (span_eq(span_of(word, (size_t)n), SPAN(SYNC_READ_ALL)) || c->way == &sync_way_full)
        k->full_ms = 0;
    else
        return propose(c);
    return true;
}

static bool poll_changes(struct sync_child *c, struct clockwork *k)
{
    int64_t began = now_ms();
    bool current = false;

    c->wake = false;
    if (!c->way->poll(c, &current))
        return false;
    if (current)
        c->as_of_ms = began;
    tell(c, current ? SYNC_SAID_CURRENT : SYNC_SAID_PROGRESS, 0, c->way->name);
    k->poll_ms = now_ms() + c->order.interval_ms;
    return true;
}

static bool propose_and_rest(struct sync_child *c, struct clockwork *k)
{
    int64_t began = now_ms();
    bool ok = propose(c);

    k->propose_ms = now_ms() + (now_ms() - began) * REST_SHARE;
    return ok;
}

/* A model that has changed is proposed when it has been at rest for a moment. */
static bool do_what_is_due(struct sync_child *c, struct clockwork *k)
{
    int64_t now = now_ms();

    if (now >= k->full_ms) {
        if (!read_all(c))
            return false;
        k->full_ms = now_ms() + c->order.full_interval_ms;
        k->poll_ms = now_ms() + c->order.interval_ms;
        return true;
    }
    if (c->wake && k->poll_ms > now + HINT_MS)
        k->poll_ms = now + HINT_MS;
    if (now >= k->poll_ms && !poll_changes(c, k))
        return false;
    if (c->dirty && now >= k->propose_ms + REST_MS)
        return propose_and_rest(c, k);
    return true;
}

static int64_t until_next(const struct sync_child *c, const struct clockwork *k)
{
    int64_t at = k->poll_ms < k->full_ms ? k->poll_ms : k->full_ms;

    if (c->dirty && k->propose_ms + REST_MS < at)
        at = k->propose_ms + REST_MS;
    return at - now_ms();
}

static bool keep_up(struct sync_child *c)
{
    int64_t now = now_ms();
    struct clockwork k = { now + c->order.interval_ms, now + c->order.full_interval_ms, now };
    bool was_dirty = false;

    while (take_messages(c) && take_command(c, &k) && do_what_is_due(c, &k)) {
        if (c->dirty && !was_dirty && k.propose_ms < now_ms())
            k.propose_ms = now_ms();
        was_dirty = c->dirty;
        await(c, until_next(c, &k));
    }
    return false;
}

/* ---- the process ---- */

static bool read_domains(int fd, struct buf *to)
{
    struct stat st;
    ssize_t n = 1;

    if (fstat(fd, &st) != 0 || st.st_size > SYNC_DOMAINS_BYTES_MAX)
        return false;
    while (n > 0 && to->len < (size_t)st.st_size) {
        char *room = buf_reserve(to, (size_t)st.st_size - to->len);

        n = room != NULL ? pread(fd, room, (size_t)st.st_size - to->len, (off_t)to->len) : -1;
        if (n > 0)
            buf_commit(to, (size_t)n);
    }
    return n >= 0;
}

/* The order stays in `msg`, the domains in `domains`. */
static bool take_order(struct sync_child *c, char *msg, struct buf *domains)
{
    size_t nfds = 1;
    int fd = -1;
    long n = child_recv_blocking(CHILD_FD, msg, CHILD_MESSAGE_MAX, &fd, &nfds);
    bool ok = n > 0 && nfds == 1 && sync_order_decode(span_of(msg, (size_t)n), &c->order) && read_domains(fd, domains);

    if (nfds == 1)
        close(fd);
    c->order.domains = buf_span(domains);
    return ok;
}

int sync_child_run(int argc, char **argv)
{
    static struct sync_child c;
    char *msg = xmalloc(CHILD_MESSAGE_MAX);
    struct buf domains;

    (void)argc;
    (void)argv;
    setenv("LDAPNOINIT", "1", 1);     /* no ldap.conf, no ldaprc: the configuration is all there is */
    setpriority(PRIO_PROCESS, 0, SYNC_NICE);
    umask(077);
    buf_init(&domains, SYNC_DOMAINS_BYTES_MAX);
    if (!take_order(&c, msg, &domains))
        return 1;
    dir_reader_init(&c.reader, &c.order);
    c.reader.progress = on_progress;
    c.reader.progress_arg = &c;
    if (first_reading(&c))
        keep_up(&c);
    tell(&c, SYNC_SAID_FAILED, 0, c.reader.why);
    dir_reader_free(&c.reader);
    dir_model_free(&c.model);
    buf_free(&domains);
    explicit_bzero(msg, CHILD_MESSAGE_MAX);
    free(msg);
    return 0;
}
