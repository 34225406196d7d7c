/* spf.c - check_host() of RFC 7208 section 4, as a machine that is fed with DNS answers.
 *
 * One frame an include in progress; each holds its parsed record and the place in it.  A term that needs answers says so by `want` and is
 * entered again with each of them.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/spf.h"

enum {
    TERMS_MAX = 10,              /* 4.6.4: include, a, mx, ptr, exists, redirect */
    VOID_MAX = 2,
    NAMES_MAX = 10,              /* of an MX or PTR answer */
    FRAMES_MAX = TERMS_MAX + 1,
};

/* What the answer that comes next is for. */
enum want { WANT_RECORD, WANT_ADDRESS, WANT_MX, WANT_MX_ADDRESS, WANT_EXISTS, WANT_PTR, WANT_PTR_ADDRESS, WANT_EXPLANATION, WANT_NOTHING };

struct frame {
    span domain;
    struct spf_record record;
    size_t at;                   /* the term under way */
    bool redirected;
};

struct spf {
    const struct spf_input *input;
    struct arena *arena;
    struct frame frames[FRAMES_MAX];
    size_t depth;                /* frames in use */
    unsigned terms, voids;

    enum want want;
    struct spf_question question;
    span names[NAMES_MAX];       /* of the MX or PTR answer that is followed */
    size_t n_names, name_at;

    bool validated_known;        /* names of the client, confirmed (5.5) */
    span validated[NAMES_MAX];
    size_t n_validated;

    enum spf_result result;
    const char *why;
    span explanation;
};

const char *spf_result_name(enum spf_result r)
{
    static const char *const names[] = { "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror" };

    return names[r];
}

static struct frame *top(struct spf *s)
{
    return &s->frames[s->depth - 1];
}

static void go_on(struct spf *s);
static void finish_frame(struct spf *s, enum spf_result r, const char *why);

/* ---- questions ---- */

static void ask(struct spf *s, enum want want, span name, enum spf_type type)
{
    s->want = want;
    s->question = (struct spf_question){ name, type };
}

static enum spf_type address_type(const struct spf *s)
{
    return s->input->client.family == 4 ? SPF_A : SPF_AAAA;
}

/* 4.3: labels of 1 to 63 bytes, at least two. */
static bool domain_usable(span domain)
{
    size_t labels = 0;
    span rest = domain, label;

    if (domain.n == 0 || domain.n > SPF_DOMAIN_MAX)
        return false;
    while (span_next(&rest, '.', &label)) {
        if (label.n == 0 || label.n > 63)
            return false;
        labels++;
    }
    return labels >= 2;
}

static span without_dot(span domain)
{
    if (domain.n > 0 && domain.p[domain.n - 1] == '.')
        domain.n--;
    return domain;
}

/* The term's domain, expanded; too long a name loses labels on the left (7.3). */
static span target(struct spf *s, span spec)
{
    const struct spf_macros m = { s->input, top(s)->domain, s->n_validated > 0 ? s->validated[0] : (span){ NULL, 0 } };
    span domain;

    if (spec.n == 0)
        return top(s)->domain;
    domain = without_dot(spf_macro_expand(spec, &m, 8 * 1024, s->arena));
    while (domain.n > SPF_DOMAIN_MAX && span_find(domain, '.') < domain.n)
        domain = span_from(domain, span_find(domain, '.') + 1);
    return domain;
}

/* ---- results of a frame ---- */

static void give_up(struct spf *s, enum spf_result r, const char *why)
{
    s->depth = 1;
    s->result = r;
    s->why = why;
    s->want = WANT_NOTHING;
}

static void done(struct spf *s, enum spf_result r, const char *why)
{
    const struct frame *f = top(s);

    s->result = r;
    s->why = why;
    s->want = WANT_NOTHING;
    if (r != SPF_FAIL || f->record.exp.n == 0)
        return;
    span name = target(s, f->record.exp);
    if (domain_usable(name))
        ask(s, WANT_EXPLANATION, name, SPF_TXT);
}

static void matched(struct spf *s)
{
    const struct spf_term *t = &top(s)->record.terms[top(s)->at];

    finish_frame(s, t->qualifier, arena_printf(s->arena, "%.*s: %.*s", SPAN_ARG(top(s)->domain), SPAN_ARG(span_head(t->text, 120))));
}

static void not_matched(struct spf *s)
{
    top(s)->at++;
    s->want = WANT_NOTHING;
    go_on(s);
}

/* 5.2: what an included check means to the one that includes it. */
static void finish_include(struct spf *s, enum spf_result r, const char *why)
{
    s->depth--;
    if (r == SPF_PASS)
        return matched(s);
    if (r == SPF_TEMPERROR)
        return give_up(s, SPF_TEMPERROR, why);
    if (r == SPF_PERMERROR || r == SPF_NONE)
        return give_up(s, SPF_PERMERROR, r == SPF_NONE ? arena_printf(s->arena, "an include leads to no record: %s", why) : why);
    not_matched(s);
}

static void finish_frame(struct spf *s, enum spf_result r, const char *why)
{
    if (s->depth > 1)
        finish_include(s, r, why);
    else
        done(s, r, why);
}

static bool count_term(struct spf *s)
{
    if (++s->terms <= TERMS_MAX)
        return true;
    give_up(s, SPF_PERMERROR, "more than 10 terms need DNS");
    return false;
}

static bool count_void(struct spf *s)
{
    if (++s->voids <= VOID_MAX)
        return true;
    give_up(s, SPF_PERMERROR, "more than 2 names do not exist");
    return false;
}

static void dns_failed(struct spf *s)
{
    give_up(s, SPF_TEMPERROR, arena_printf(s->arena, "no DNS answer for %.*s", SPAN_ARG(s->question.name)));
}

/* ---- records ---- */

static void fetch(struct spf *s, span domain)
{
    top(s)->domain = domain;
    top(s)->at = 0;
    top(s)->record = (struct spf_record){ .n = 0 };
    ask(s, WANT_RECORD, domain, SPF_TXT);
}

static void got_record(struct spf *s, const struct spf_answer *a)
{
    span text = { NULL, 0 };
    size_t found = 0;
    const char *wrong;

    if (a->outcome == SPF_FAILED)
        return dns_failed(s);
    for (size_t i = 0; i < a->n; i++) {
        if (!spf_is_record(a->v[i].text))
            continue;
        text = a->v[i].text;
        found++;
    }
    if (found == 0)                          /* 6.1: a redirect must lead to a record */
        return finish_frame(s, top(s)->redirected ? SPF_PERMERROR : SPF_NONE, arena_printf(s->arena, "%.*s has no SPF record", SPAN_ARG(top(s)->domain)));
    if (found > 1)
        return finish_frame(s, SPF_PERMERROR, arena_printf(s->arena, "%.*s has more than one SPF record", SPAN_ARG(top(s)->domain)));
    if (!spf_parse(arena_span(s->arena, text), s->arena, &top(s)->record, &wrong))
        return finish_frame(s, SPF_PERMERROR, arena_printf(s->arena, "the SPF record of %.*s: %s", SPAN_ARG(top(s)->domain), wrong));
    go_on(s);
}

/* 6.1: instead of a neutral end. */
static void end_of_record(struct spf *s)
{
    span domain;

    if (top(s)->record.redirect.n == 0)
        return finish_frame(s, SPF_NEUTRAL, arena_printf(s->arena, "%.*s: nothing matched", SPAN_ARG(top(s)->domain)));
    if (!count_term(s))
        return;
    domain = target(s, top(s)->record.redirect);
    if (!domain_usable(domain))
        return give_up(s, SPF_PERMERROR, "a redirect leads to no domain");
    fetch(s, domain);
    top(s)->redirected = true;
}

/* ---- address, mx, exists ---- */

static bool address_matches(const struct spf *s, const struct spf_term *t, const struct ipaddr *a)
{
    unsigned prefix = a->family == 4 ? t->prefix4 : t->prefix6;
    struct ipnet net;

    if (a->family != s->input->client.family)
        return false;
    net = ipnet_of(a, prefix);
    return ipnet_contains(&net, &s->input->client);
}

static bool any_matches(const struct spf *s, const struct spf_answer *a)
{
    const struct frame *f = &s->frames[s->depth - 1];
    const struct spf_term *t = &f->record.terms[f->at];

    for (size_t i = 0; a->outcome == SPF_FOUND && i < a->n; i++) {
        if (address_matches(s, t, &a->v[i].addr))
            return true;
    }
    return false;
}

/* What ends the term whatever it is about: no answer, or one name too many that does not exist.  true: it is dealt with. */
static bool no_use(struct spf *s, const struct spf_answer *a)
{
    if (a->outcome == SPF_FAILED) {
        dns_failed(s);
        return true;
    }
    return a->outcome == SPF_NOTHING && !count_void(s);
}

/* The same for addresses, one of which may be the client's. */
static bool settled(struct spf *s, const struct spf_answer *a)
{
    if (no_use(s, a))
        return true;
    if (!any_matches(s, a))
        return false;
    matched(s);
    return true;
}

static void got_address(struct spf *s, const struct spf_answer *a)
{
    if (!settled(s, a))
        not_matched(s);
}

/* Asks for the addresses of the next of the names; false: that was the last. */
static bool ask_next_name(struct spf *s, enum want want)
{
    while (s->name_at < s->n_names && !domain_usable(s->names[s->name_at]))
        s->name_at++;
    if (s->name_at == s->n_names)
        return false;
    ask(s, want, s->names[s->name_at++], address_type(s));
    return true;
}

static void next_mx(struct spf *s)
{
    if (!ask_next_name(s, WANT_MX_ADDRESS))
        not_matched(s);
}

static void keep_names(struct spf *s, const struct spf_answer *a)
{
    s->n_names = s->name_at = 0;
    for (size_t i = 0; a->outcome == SPF_FOUND && i < a->n && s->n_names < NAMES_MAX; i++)
        s->names[s->n_names++] = without_dot(arena_span(s->arena, a->v[i].text));
}

static void got_mx(struct spf *s, const struct spf_answer *a)
{
    if (no_use(s, a))
        return;
    if (a->outcome == SPF_FOUND && a->n > NAMES_MAX)
        return give_up(s, SPF_PERMERROR, arena_printf(s->arena, "%.*s has more than 10 MX records", SPAN_ARG(s->question.name)));
    keep_names(s, a);
    next_mx(s);
}

static void got_mx_address(struct spf *s, const struct spf_answer *a)
{
    if (!settled(s, a))
        next_mx(s);
}

static void got_exists(struct spf *s, const struct spf_answer *a)
{
    if (no_use(s, a))
        return;
    if (a->outcome == SPF_FOUND)
        matched(s);
    else
        not_matched(s);
}

/* ---- the client's names (5.5), also for %{p} ---- */

/* "4.3.2.1.in-addr.arpa": RFC 1035 3.5, RFC 3596 2.5. */
static span reverse_name(const struct spf *s)
{
    static const char hex[] = "0123456789abcdef";
    const struct ipaddr *a = &s->input->client;
    char text[80];
    size_t n = 0;

    if (a->family == 4)
        return span_str(arena_printf(s->arena, "%u.%u.%u.%u.in-addr.arpa", a->b[3], a->b[2], a->b[1], a->b[0]));
    for (size_t i = 16; i-- > 0;) {
        text[n++] = hex[a->b[i] & 15];
        text[n++] = '.';
        text[n++] = hex[a->b[i] >> 4];
        text[n++] = '.';
    }
    memcpy(text + n, "ip6.arpa", 8);
    return arena_span(s->arena, span_of(text, n + 8));
}

/* Is name the domain or below it? */
static bool within(span name, span domain)
{
    if (name.n < domain.n || !span_eq_nocase(span_from(name, name.n - domain.n), domain))
        return false;
    return name.n == domain.n || name.p[name.n - domain.n - 1] == '.';
}

/* 7.3 of %{p}: the domain itself, else a name below it, else any. */
static void order_validated(struct spf *s)
{
    span domain = top(s)->domain;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < s->n_validated; i++) {
            span name = s->validated[i];

            if (pass == 0 ? !within(name, domain) : !span_eq_nocase(name, domain))
                continue;
            s->validated[i] = s->validated[0];
            s->validated[0] = name;
            break;
        }
    }
}

static void names_known(struct spf *s)
{
    s->validated_known = true;
    order_validated(s);
    s->want = WANT_NOTHING;
    go_on(s);
}

static void next_ptr(struct spf *s)
{
    if (!ask_next_name(s, WANT_PTR_ADDRESS))
        names_known(s);
}

/* An error here means no name, not an error of the check (5.5). */
static void got_ptr(struct spf *s, const struct spf_answer *a)
{
    if (a->outcome == SPF_NOTHING && !count_void(s))
        return;
    keep_names(s, a);
    next_ptr(s);
}

static void got_ptr_address(struct spf *s, const struct spf_answer *a)
{
    for (size_t i = 0; a->outcome == SPF_FOUND && i < a->n; i++) {
        if (ipaddr_eq(&a->v[i].addr, &s->input->client)) {
            s->validated[s->n_validated++] = s->question.name;
            break;
        }
    }
    next_ptr(s);
}

static void evaluate_ptr(struct spf *s, const struct spf_term *t)
{
    span domain = target(s, t->domain);

    for (size_t i = 0; i < s->n_validated; i++) {
        if (within(s->validated[i], domain))
            return matched(s);
    }
    not_matched(s);
}

/* ---- terms ---- */

static bool needs_names(const struct spf *s, const struct spf_term *t)
{
    return !s->validated_known && (t->mechanism == SPF_MECH_PTR || spf_macro_uses_p(t->domain));
}

static void evaluate_include(struct spf *s, span domain)
{
    if (!domain_usable(domain))
        return give_up(s, SPF_PERMERROR, "an include leads to no domain");
    s->frames[s->depth].redirected = false;
    s->depth++;                              /* never beyond FRAMES_MAX: each took one of TERMS_MAX */
    fetch(s, domain);
}

/* A term that causes questions; counted once, before its first. */
static void evaluate_asking(struct spf *s, const struct spf_term *t)
{
    span domain;

    if (needs_names(s, t))
        return ask(s, WANT_PTR, reverse_name(s), SPF_PTR);
    if (!count_term(s))
        return;
    domain = target(s, t->domain);
    if (t->mechanism == SPF_MECH_INCLUDE)
        return evaluate_include(s, domain);
    if (t->mechanism == SPF_MECH_PTR)
        return evaluate_ptr(s, t);
    if (!domain_usable(domain))              /* 4.8: such a name cannot exist */
        return not_matched(s);
    if (t->mechanism == SPF_MECH_A)
        ask(s, WANT_ADDRESS, domain, address_type(s));
    else if (t->mechanism == SPF_MECH_MX)
        ask(s, WANT_MX, domain, SPF_MX);
    else
        ask(s, WANT_EXISTS, domain, SPF_A);
}

/* Goes on with the record on top until a question stands or all is done. */
static void go_on(struct spf *s)
{
    while (s->want == WANT_NOTHING && top(s)->at < top(s)->record.n) {
        const struct spf_term *t = &top(s)->record.terms[top(s)->at];

        if (t->mechanism == SPF_MECH_ALL)
            return matched(s);
        if (t->mechanism != SPF_MECH_IP4 && t->mechanism != SPF_MECH_IP6)
            return evaluate_asking(s, t);
        if (ipnet_contains(&t->net, &s->input->client))
            return matched(s);
        top(s)->at++;
    }
    if (s->want == WANT_NOTHING)
        end_of_record(s);
}

/* ---- the explanation (6.2) ---- */

static void got_explanation(struct spf *s, const struct spf_answer *a)
{
    const struct spf_macros m = { s->input, top(s)->domain, s->n_validated > 0 ? s->validated[0] : (span){ NULL, 0 } };

    s->want = WANT_NOTHING;
    if (a->outcome != SPF_FOUND || a->n != 1 || !spf_macro_valid(a->v[0].text, true))
        return;
    s->explanation = spf_macro_expand(arena_span(s->arena, a->v[0].text), &m, SPF_EXPLANATION_MAX, s->arena);
    for (size_t i = 0; i < s->explanation.n; i++) {
        if ((unsigned char)s->explanation.p[i] < 0x20 || (unsigned char)s->explanation.p[i] > 0x7e)
            s->explanation.n = 0;            /* what the macros brought in */
    }
}

/* ---- the machine ---- */

struct spf *spf_new(const struct spf_input *input, span domain, struct arena *arena)
{
    struct spf *s = arena_alloc(arena, sizeof(*s));

    s->input = input;
    s->arena = arena;
    s->depth = 1;
    s->want = WANT_NOTHING;
    domain = without_dot(domain);
    if (domain_usable(domain))
        fetch(s, arena_span(arena, domain));
    else
        give_up(s, SPF_NONE, "no domain to ask for");
    return s;
}

bool spf_next(struct spf *s, struct spf_question *out)
{
    if (s->want == WANT_NOTHING)
        return false;
    *out = s->question;
    return true;
}

void spf_answer(struct spf *s, const struct spf_answer *a)
{
    static void (*const got[])(struct spf *, const struct spf_answer *) = {
        [WANT_RECORD] = got_record,         [WANT_ADDRESS] = got_address, [WANT_MX] = got_mx,
        [WANT_MX_ADDRESS] = got_mx_address, [WANT_EXISTS] = got_exists,   [WANT_PTR] = got_ptr,
        [WANT_PTR_ADDRESS] = got_ptr_address, [WANT_EXPLANATION] = got_explanation,
    };
    enum want want = s->want;

    if (want == WANT_NOTHING)
        return;
    s->want = WANT_NOTHING;
    got[want](s, a);
}

enum spf_result spf_result(const struct spf *s)
{
    return s->result;
}

const char *spf_why(const struct spf *s)
{
    return s->why;
}

span spf_explanation(const struct spf *s)
{
    return s->explanation;
}

unsigned spf_questions(const struct spf *s)
{
    return s->terms;
}
