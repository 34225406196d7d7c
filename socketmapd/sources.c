/* sources.c - the table of recipient sources, and the sources of one configuration.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/source.h"

#include <stdlib.h>

#include "lib/base/alloc.h"

static const struct source_type *const all_types[] = { &source_static, &source_sync, &source_ldap, &source_callout, &source_redis, NULL };

const char *rcpt_answer_name(enum rcpt_answer a)
{
    switch (a) {
    case RCPT_VALID:
        return "VALID";
    case RCPT_TEMPFAIL:
        return "TEMPFAIL";
    case RCPT_INVALID:
        break;
    }
    return "INVALID";
}

static int open_one(const struct source_env *env, const struct set_recipient_source *set, struct source *out, struct errtext *err)
{
    for (size_t i = 0; all_types[i] != NULL; i++) {
        if (!all_types[i]->wanted(set))
            continue;
        out->type = all_types[i];
        out->set = set;
        out->state = all_types[i]->open(env, set, err);
        return out->state != NULL ? 0 : -1;
    }
    errtext_set(err, "neither addresses, files, servers, callout nor redis are given: nothing could ever be answered");
    return -1;
}

int sources_open(const struct source_env *env, struct sources *out, struct errtext *err)
{
    const struct conf_list *all = &env->all->recipients.sources;
    const struct set_recipient_source *list = all->v;
    struct sources s = { xcalloc(all->n + 1, sizeof(struct source)), 0 };

    for (size_t i = 0; i < all->n; i++) {
        if (open_one(env, &list[i], &s.v[s.n], err) != 0) {
            errtext_prefix(err, "recipients source \"%s\"", list[i].name != NULL ? list[i].name : "(unnamed)");
            sources_close(&s);
            return -1;
        }
        s.n++;
    }
    *out = s;
    return 0;
}

void sources_close(struct sources *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->v[i].type->close(s->v[i].state);
    free(s->v);
    *s = (struct sources){ NULL, 0 };
}

bool source_peek(const struct source *s, span address, struct source_result *out)
{
    *out = (struct source_result){ .answer = RCPT_INVALID, .detail = "" };
    return s->type->peek != NULL && s->type->peek(s->state, address, out);
}

void source_ask(const struct source *s, span address, int64_t deadline_ms, source_fn *fn, void *arg, struct source_ask **ask_out)
{
    struct source_result r;

    *ask_out = NULL;
    if (source_peek(s, address, &r))
        fn(&r, arg);
    else
        s->type->ask(s->state, address, deadline_ms, fn, arg, ask_out);
}

bool source_covers(const struct source *s, span domain)
{
    if (s->set->domains.n == 0)
        return true;
    for (size_t i = 0; i < s->set->domains.n; i++)
        if (span_eq(span_str(s->set->domains.v[i]), domain))
            return true;
    return false;
}
