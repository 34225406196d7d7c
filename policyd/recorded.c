/* recorded.c - a decision as its event has it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/recorded.h"

#include <jansson.h>

static const char *text_of(json_t *o, const char *key, struct arena *arena)
{
    json_t *v = json_object_get(o, key);

    return json_is_string(v) ? arena_str(arena, span_of(json_string_value(v), json_string_length(v))) : NULL;
}

static void put_attr(struct recorded *r, enum policy_attr a, const char *text)
{
    if (text != NULL)
        r->attrs.v[a] = span_str(text);
}

/* Passes tell some attributes under the names that `explain` knows, and only the others in "request". */
static void read_request(json_t *event, struct arena *arena, struct recorded *r)
{
    json_t *request = json_object_get(event, "request"), *value;
    const char *key;

    put_attr(r, POLICY_CLIENT_ADDRESS, text_of(event, "client", arena));
    put_attr(r, POLICY_CLIENT_NAME, text_of(event, "client_name", arena));
    put_attr(r, POLICY_HELO_NAME, text_of(event, "helo", arena));
    put_attr(r, POLICY_SENDER, text_of(event, "from", arena));
    put_attr(r, POLICY_RECIPIENT, text_of(event, "rcpt", arena));
    put_attr(r, POLICY_SASL_USERNAME, text_of(event, "login", arena));
    r->whole = json_is_object(request);
    json_object_foreach(request, key, value) {
        enum policy_attr a = policy_attr_find(span_str(key));

        if (a != POLICY_ATTRS && json_is_string(value))
            put_attr(r, a, arena_str(arena, span_of(json_string_value(value), json_string_length(value))));
    }
    put_attr(r, POLICY_PROTOCOL_STATE, "RCPT");
}

static bool kind_of(const char *word, enum finding_kind *out)
{
    for (enum finding_kind kind = FINDING_CLEAR; word != NULL && kind <= FINDING_SKIPPED; kind++) {
        if (strcmp(word, finding_kind_name(kind)) == 0) {
            *out = kind;
            return true;
        }
    }
    return false;
}

static void add_fact(struct recorded *r, const char *check, const char *name, const char *is, const char *saw)
{
    enum finding_kind kind;

    if (r->n < RECORDED_FACTS_MAX && check != NULL && name != NULL && kind_of(is, &kind))
        r->facts[r->n++] = (struct recorded_fact){ check, name, saw != NULL ? saw : "", kind };
}

static const char *item(json_t *row, size_t i, struct arena *arena)
{
    const char *text = json_string_value(json_array_get(row, i));

    return text != NULL ? arena_str(arena, span_str(text)) : NULL;
}

/* Of refusals all that was found, as "checks"; of passes [check, name, is, saw] as "facts". */
static void read_facts(json_t *event, struct arena *arena, struct recorded *r)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(event, "checks"), i, row)
        add_fact(r, text_of(row, "check", arena), text_of(row, "name", arena), text_of(row, "is", arena), text_of(row, "saw", arena));
    json_array_foreach(json_object_get(event, "facts"), i, row)
        add_fact(r, item(row, 0, arena), item(row, 1, arena), item(row, 2, arena), item(row, 3, arena));
}

bool recorded_read(span line, struct arena *arena, struct recorded *out)
{
    json_t *event = json_loadb(line.p, line.n, 0, NULL);
    const char *state, *outcome;
    bool is_one;

    *out = (struct recorded){ .n = 0 };
    state = text_of(event, "state", arena);
    outcome = text_of(event, "outcome", arena);
    out->id = text_of(event, "id", arena);
    is_one = state != NULL && strcmp(state, "RCPT") == 0 && outcome != NULL && out->id != NULL;
    if (is_one) {
        out->time_ms = json_integer_value(json_object_get(event, "t"));
        out->answer = strcmp(outcome, "reject") == 0 ? RECORDED_REJECT : strcmp(outcome, "tempfail") == 0 ? RECORDED_DEFER : RECORDED_PASS;
        read_request(event, arena, out);
        read_facts(event, arena, out);
    }
    json_decref(event);
    return is_one;
}

const struct recorded_fact *recorded_fact(const struct recorded *r, const char *check, const char *name)
{
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->facts[i].check, check) == 0 && strcmp(r->facts[i].name, name) == 0)
            return &r->facts[i];
    }
    return NULL;
}
