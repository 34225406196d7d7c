/* lua_talk.c - what a script of policy.lua asks while it judges a request.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/lua_talk.h"

#include "lib/app/log.h"

enum { WORDS_MAX = 4, ANSWER_MAX = CHILD_MESSAGE_MAX / 2 };

static void say(struct lua_talk *l, span answer)
{
    if (l->job != NULL)                  /* else it has ended, or was cancelled */
        child_pool_say(l->job, answer);
}

static bool in_names(const struct rules *r, const char *name, span value, bool *found_out)
{
    const struct set_name_list *first = r->set->policy.lists.v, *list = settings_list(r->set, name);

    if (strcmp(name, "own_domains") == 0)
        *found_out = value.n > 0 && settings_own_domain(r->set, value);
    else if (list != NULL)
        *found_out = name_list_has_mailbox(&r->lists[list - first], value,
                                           span_find(value, '@') < value.n ? span_from(value, span_rfind(value, '@') + 1) : value);
    else
        return false;
    return true;
}

static void ask_list(struct lua_talk *l, span list, span value)
{
    const struct rules *r = l->run->rules;
    const char *name = arena_str(l->run->arena, list);
    const struct conf_nets *nets = settings_network(r->set, name);
    struct ipaddr a;
    bool found = false;

    if (nets != NULL)
        found = ipaddr_parse(value, &a) && ipnet_list_contains(nets->v, nets->n, &a);
    else if (!in_names(r, name, arena_lower(l->run->arena, value), &found))
        return say(l, SPAN("!no such list under policy.lists or networks"));
    say(l, found ? SPAN("+") : SPAN("-"));
}

static void dns_answered(const struct dnsc_answer *a, void *arg)
{
    struct lua_talk *l = arg;
    struct buf text;

    l->query = NULL;
    buf_init(&text, ANSWER_MAX);
    buf_append_char(&text, a->outcome == DNSC_FOUND ? '+' : a->outcome == DNSC_NXDOMAIN || a->outcome == DNSC_NODATA ? '-' : '!');
    for (size_t i = 0; a->outcome == DNSC_FOUND && i < a->n; i++) {
        char address[IPADDR_TEXT_MAX];
        span one = a->records[i].text;

        if (a->records[i].addr.family != 0) {
            ipaddr_format(&a->records[i].addr, address);
            one = span_str(address);
        }
        buf_append(&text, one);
        buf_append_char(&text, '\0');
    }
    if (a->outcome != DNSC_FOUND)
        buf_append_str(&text, dnsc_outcome_name(a->outcome));
    say(l, text.overflow ? SPAN("!the answer is too long") : buf_span(&text));
    buf_free(&text);
}

static void ask_dns(struct lua_talk *l, span name, span type)
{
    static const struct { const char *word; enum dnsc_type type; } types[] = {
        { "A", DNSC_A }, { "AAAA", DNSC_AAAA }, { "MX", DNSC_MX }, { "TXT", DNSC_TXT }, { "PTR", DNSC_PTR },
    };

    for (size_t i = 0; l->run->rules->resolver != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (span_eq_nocase(type, span_str(types[i].word)))
            return dnsc_ask(l->run->rules->resolver->dnsc, name, types[i].type, l->run->rules->lua.set->timeout_ms, dns_answered, l, &l->query);
    }
    say(l, SPAN("!a type is A, AAAA, MX, TXT or PTR"));
}

static void recalled(const struct store_value_result *r, void *arg)
{
    struct lua_talk *l = arg;
    struct buf text;

    l->call = NULL;
    if (r->outcome != STORE_HIT)
        return say(l, r->outcome == STORE_MISS ? SPAN("-") : SPAN("!the store is away"));
    buf_init(&text, STORE_VALUE_MAX + 1);
    buf_append_char(&text, '+');
    buf_append(&text, r->value);
    say(l, buf_span(&text));
    buf_free(&text);
}

static void ask_remember(struct lua_talk *l, span key, span value, span seconds)
{
    uint64_t s;

    if (!span_to_u64(seconds, &s) || s == 0 || s > 400 * 86400 || value.n > STORE_VALUE_MAX)
        return say(l, SPAN("!remember(key, value, seconds): at most 4096 bytes, for 1 to 34560000 seconds"));
    if (!l->run->dry)
        store_remember(l->run->services->store, "lua", key, value, (int64_t)s * 1000, 0, NULL, NULL);
    say(l, SPAN("+"));
}

static void counted(const struct store_limits_result *r, void *arg)
{
    struct lua_talk *l = arg;

    l->call = NULL;
    say(l, r->outcome != STORE_HIT ? SPAN("!the store is away") : r->each[0].exceeded ? SPAN("-") : SPAN("+"));
}

static void ask_count(struct lua_talk *l, span key, span most, span seconds)
{
    uint64_t n, s;

    if (!span_to_u64(most, &n) || !span_to_u64(seconds, &s) || n == 0 || n > 1000000000 || s == 0 || s > 400 * 86400)
        return say(l, SPAN("!count(key, n, seconds): whole numbers above 0"));
    l->limit = (struct store_limit){ .count = (int64_t)n, .per_ms = (int64_t)s * 1000, .burst = (int64_t)n, .cost = !l->run->dry, .want = 1 };
    l->limit.key = span_str(arena_printf(l->run->arena, "lua/%.*s", SPAN_ARG(key)));
    store_limits(l->run->services->store, &(struct store_limits_request){ .limits = &l->limit, .n = 1 }, counted, l, &l->call);
}

void lua_talk_answer(struct lua_talk *l, span question)
{
    span words[WORDS_MAX] = { { NULL, 0 } }, rest = arena_span(l->run->arena, span_from(question, 1));

    for (size_t i = 0; i < WORDS_MAX && rest.n > 0; i++)
        span_next(&rest, '\0', &words[i]);
    if (span_eq(words[0], SPAN("list"))) {
        ask_list(l, words[1], words[2]);
    } else if (span_eq(words[0], SPAN("dns"))) {
        ask_dns(l, words[1], words[2]);
    } else if (span_eq(words[0], SPAN("log"))) {
        log_info("lua: %.*s", SPAN_ARG(span_head(words[1], 500)));
        say(l, SPAN("+"));
    } else if (l->run->services->store == NULL) {
        say(l, SPAN("!there is no store here"));
    } else if (span_eq(words[0], SPAN("recall"))) {
        store_recall(l->run->services->store, "lua", words[1], 0, recalled, l, &l->call);
    } else if (span_eq(words[0], SPAN("remember"))) {
        ask_remember(l, words[1], words[2], words[3]);
    } else if (span_eq(words[0], SPAN("count"))) {
        ask_count(l, words[1], words[2], words[3]);
    } else {
        say(l, SPAN("!no such question"));
    }
}

void lua_talk_end(struct lua_talk *l)
{
    dnsc_cancel(&l->query);
    store_cancel(&l->call);
}
