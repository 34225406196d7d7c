/* handover.c - what is remembered of a message between its first recipient and its data, and the field that tells cfilter.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/handover.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"
#include "policyd/charges.h"

/* Postfix gives up on a silent client after 300 s a command (smtpd_timeout); a message of many recipients may take longer. */
#define MESSAGE_KEEP_MS HOURS(1)

/* Of all messages: thousands of transactions with thousands of recipients must not eat the machine. */
static size_t kept_bytes;

struct handover_memory {
    struct lru *messages;      /* instance NUL client -> struct message * */
    struct message **by_id;    /* chains */
    size_t ids;                /* of them: a power of two */
};

static struct message **id_chain(const struct handover_memory *m, uint32_t tail)
{
    return &m->by_id[tail & (m->ids - 1)];
}

static void forget(void *value)
{
    struct message **slot = value, *msg = *slot;
    struct message **at = id_chain(msg->memory, msg->tail);

    while (*at != msg)
        at = &(*at)->next_by_id;
    *at = msg->next_by_id;
    msg->memory = NULL;
    message_unref(slot);
}

struct handover_memory *handover_memory_new(size_t max_messages)
{
    struct handover_memory *m = xcalloc(1, sizeof(*m));

    m->messages = lru_new(max_messages, sizeof(struct message *), forget);
    for (m->ids = 1; m->ids < max_messages;)
        m->ids *= 2;
    m->by_id = xcalloc(m->ids, sizeof(struct message *));
    return m;
}

void handover_memory_free(struct handover_memory **m)
{
    if (*m == NULL)
        return;
    lru_free(&(*m)->messages);
    free((*m)->by_id);
    free(*m);
    *m = NULL;
}

size_t handover_memory_count(const struct handover_memory *m)
{
    return lru_count(m->messages);
}

struct message *message_ref(struct message *msg)
{
    msg->refs++;
    return msg;
}

void message_unref(struct message **msg)
{
    struct message *gone = *msg;

    *msg = NULL;
    if (gone == NULL || --gone->refs > 0)
        return;
    free(gone->hits);
    message_ended(gone);
    charges_forget(gone);
    free(gone->spf_why);
    for (size_t i = 0; i < gone->n_prepends; i++)
        free(gone->prepends[i]);
    free(gone);
}

/* The key of a request in the memory; n == 0 when there is none. */
static size_t message_key(const struct request *r, char *key, size_t size)
{
    span instance = request_attr(r, POLICY_INSTANCE);
    span client = request_attr(r, POLICY_CLIENT_ADDRESS);

    if (instance.n == 0 || instance.n + 1 + client.n > size)
        return 0;
    memcpy(key, instance.p, instance.n);
    key[instance.n] = '\0';
    if (client.n > 0)
        memcpy(key + instance.n + 1, client.p, client.n);
    return instance.n + 1 + client.n;
}

/* The memory's. */
static struct message *message_new(struct handover_memory *m, int64_t now_ms, int64_t wall_ms)
{
    struct message *msg = xzeroed(sizeof(*msg)), **chain;

    msg->refs = 1;
    msg->memory = m;
    msg->too_old_ms = now_ms + MESSAGE_KEEP_MS;
    buf_init(&msg->let_in, MESSAGE_RECIPIENTS_BYTES);
    msg->tail = id_make(msg->id, wall_ms);
    chain = id_chain(m, msg->tail);
    msg->next_by_id = *chain;
    *chain = msg;
    return msg;
}

struct message *handover_message(struct handover_memory *m, const struct request *r, int64_t now_ms, int64_t wall_ms)
{
    char key[256];
    size_t n = message_key(r, key, sizeof(key));
    struct message **slot;

    if (n == 0)
        return NULL;
    slot = lru_put(m->messages, span_of(key, n), now_ms + MESSAGE_KEEP_MS);
    if (*slot != NULL && (*slot)->too_old_ms > now_ms)
        return message_ref(*slot);
    if (*slot != NULL)
        forget(slot);
    *slot = message_new(m, now_ms, wall_ms);
    return message_ref(*slot);
}

struct message *handover_by_id(const struct handover_memory *m, span id)
{
    struct message *msg = *id_chain(m, id_tail(id));

    while (msg != NULL && !span_eq(span_str(msg->id), id))
        msg = msg->next_by_id;
    return msg;
}

/* Is there an entry of that name in "a:1,b:2"? */
static bool hits_name(span hits, span name)
{
    span piece;

    while (span_next(&hits, ',', &piece)) {
        if (span_eq(span_head(piece, span_rfind(piece, ':')), name))
            return true;
    }
    return false;
}

void message_ended(struct message *msg)
{
    kept_bytes -= msg->let_in.len;
    buf_free(&msg->let_in);
    msg->let_in.len = 0;
}

bool message_has(const struct message *msg, span recipient)
{
    span rest = buf_span(&msg->let_in);

    while (rest.n > 0) {
        size_t n = strlen(rest.p);

        if (n == recipient.n && memcmp(rest.p, recipient.p, n) == 0)
            return true;
        rest = span_from(rest, n + 1);
    }
    return false;
}

size_t message_recipients_with(const struct message *msg, span recipient)
{
    return msg != NULL ? msg->n_let_in + !message_has(msg, recipient) : 1;
}

bool message_let_in(struct message *msg, span recipient)
{
    if (recipient.n == 0 || message_has(msg, recipient))
        return false;
    msg->n_let_in++;
    if (msg->let_in.len + recipient.n + 1 <= MESSAGE_RECIPIENTS_BYTES && kept_bytes + recipient.n + 1 <= ALL_RECIPIENTS_BYTES) {
        buf_append(&msg->let_in, recipient);
        buf_append_char(&msg->let_in, '\0');
        kept_bytes += recipient.n + 1;
    }
    return true;
}

static void add_prepend(struct message *msg, const char *field)
{
    for (size_t i = 0; i < msg->n_prepends; i++) {
        if (strcmp(msg->prepends[i], field) == 0)
            return;
    }
    if (msg->n_prepends < MESSAGE_PREPENDS_MAX)
        msg->prepends[msg->n_prepends++] = xstrdup(field);
}

const char *message_next_prepend(struct message *msg)
{
    return msg->n_prepended < msg->n_prepends ? msg->prepends[msg->n_prepended++] : NULL;
}

void message_add(struct message *msg, struct finding *const *findings, size_t n, double score)
{
    if (score > msg->score)
        msg->score = score;
    for (size_t i = 0; i < n; i++) {
        const struct finding *f = findings[i];
        char entry[160];
        size_t have = msg->hits != NULL ? strlen(msg->hits) : 0;
        int len;

        if (f->prepend != NULL && f->mode == MODE_ENFORCE)
            add_prepend(msg, f->prepend);
        if (f->kind != FINDING_HIT || f->mode != MODE_ENFORCE || f->points == 0)
            continue;
        if (msg->hits != NULL && hits_name(span_of(msg->hits, have), span_str(f->name)))
            continue;
        len = snprintf(entry, sizeof(entry), "%s%s:%g", have > 0 ? "," : "", f->name, f->points);
        if (len < 0 || (size_t)len >= sizeof(entry) || have + (size_t)len > HANDOVER_HITS_MAX)
            continue;                    /* the score still counts it */
        msg->hits = xrealloc(msg->hits, have + (size_t)len + 1);
        memcpy(msg->hits + have, entry, (size_t)len + 1);
    }
}

/* The class of filter.classes that is named like the service; cfilter knows the recipients itself. */
static const char *class_of(const struct request *r, const struct settings *set, char name[sizeof(((struct handover *)0)->msg_class)])
{
    span context = request_attr(r, POLICY_CONTEXT);

    if (context.n == 0 || context.n >= sizeof(((struct handover *)0)->msg_class))
        return "default";
    memcpy(name, context.p, context.n);
    name[context.n] = '\0';
    return settings_rcpt_class_named(set, name) != NULL ? name : "default";
}

void message_field(const struct message *msg, const struct request *r, const struct settings *set, int64_t wall_ms,
                   const struct handover_key *key, struct buf *to)
{
    struct handover h = { .time_s = wall_ms / 1000, .score = msg->score, .trusted = r->exempt };
    char name[sizeof(h.msg_class)];

    snprintf(h.msg_class, sizeof(h.msg_class), "%s", class_of(r, set, name));
    memcpy(h.id, msg->id, sizeof(h.id));
    snprintf(h.client, sizeof(h.client), "%s", r->client_text);
    snprintf(h.hits, sizeof(h.hits), "%s", msg->hits != NULL ? msg->hits : "");
    snprintf(h.login, sizeof(h.login), "%.*s", SPAN_ARG(r->login));
    handover_write(&h, request_attr(r, POLICY_SENDER), key, to);
}
