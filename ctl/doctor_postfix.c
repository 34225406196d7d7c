/* doctor_postfix.c - the text of postconf(1) as a model.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "ctl/doctor.h"
#include "lib/base/alloc.h"

/* postconf folds long values: a line that begins with a blank belongs to the one before. */
static bool next_logical(span *rest, struct buf *line)
{
    span piece;

    buf_reset(line);
    if (!span_next(rest, '\n', &piece))
        return false;
    buf_append(line, piece);
    while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t') && span_next(rest, '\n', &piece)) {
        buf_append_char(line, ' ');
        buf_append(line, span_trim(piece));
    }
    return true;
}

static bool split_parameter(struct arena *a, span line, struct postfix_parameter *out)
{
    size_t eq = span_find(line, '=');

    if (eq >= line.n)
        return false;
    out->name = arena_str(a, span_trim(span_head(line, eq)));
    out->value = arena_str(a, span_trim(span_from(line, eq + 1)));
    return true;
}

static void read_main(struct postfix *p, span text)
{
    struct postfix_parameter one;
    struct buf line;

    buf_init(&line, 1024 * 1024);
    while (next_logical(&text, &line)) {
        if (!split_parameter(p->arena, buf_span(&line), &one))
            continue;
        p->main = xreallocarray(p->main, p->n_main + 1, sizeof(*p->main));
        p->main[p->n_main++] = one;
    }
    buf_free(&line);
}

static bool next_word(span *rest, span *word)
{
    *rest = span_trim(*rest);
    if (rest->n == 0)
        return false;
    for (word->n = 0; word->n < rest->n && rest->p[word->n] != ' ' && rest->p[word->n] != '\t';)
        word->n++;
    word->p = rest->p;
    *rest = span_from(*rest, word->n);
    return true;
}

/* service type private unpriv chroot wakeup maxproc command [args] */
static void read_service(struct postfix *p, span line)
{
    struct postfix_service s = { 0 };
    span words[8];
    uint64_t n;

    for (size_t i = 0; i < 8; i++)
        if (!next_word(&line, &words[i]))
            return;
    s.name = arena_str(p->arena, words[0]);
    s.type = arena_str(p->arena, words[1]);
    s.chroot = span_eq(words[4], SPAN("y"));
    s.max_processes = span_to_u64(words[6], &n) ? (long)n : -1;
    s.command = arena_str(p->arena, words[7]);
    p->services = xreallocarray(p->services, p->n_services + 1, sizeof(*p->services));
    p->services[p->n_services++] = s;
}

static void read_master(struct postfix *p, span text)
{
    struct buf line;

    buf_init(&line, 1024 * 1024);
    while (next_logical(&text, &line))
        read_service(p, buf_span(&line));
    buf_free(&line);
}

static struct postfix_service *find_service(struct postfix *p, span name, span type)
{
    for (size_t i = 0; i < p->n_services; i++)
        if (span_eq(span_str(p->services[i].name), name) && span_eq(span_str(p->services[i].type), type))
            return &p->services[i];
    return NULL;
}

/* "service/type/parameter = value"; the service may hold no slash but for unix paths, so the last two are ours. */
static void read_own_parameter(struct postfix *p, span line)
{
    struct postfix_parameter one;
    struct postfix_service *s;
    span path;
    size_t last, before;

    if (!split_parameter(p->arena, line, &one))
        return;
    path = span_str(one.name);
    last = span_rfind(path, '/');
    before = last < path.n ? span_rfind(span_head(path, last), '/') : last;
    if (before >= last)
        return;
    s = find_service(p, span_head(path, before), span_of(path.p + before + 1, last - before - 1));
    if (s == NULL)
        return;
    one.name = path.p + last + 1;
    s->set = xreallocarray(s->set, s->n_set + 1, sizeof(*s->set));
    s->set[s->n_set++] = one;
}

static void read_own_parameters(struct postfix *p, span text)
{
    struct buf line;

    buf_init(&line, 1024 * 1024);
    while (next_logical(&text, &line))
        read_own_parameter(p, buf_span(&line));
    buf_free(&line);
}

struct postfix *postfix_model(span main_text, span master_text, span master_params_text)
{
    struct postfix *p = xcalloc(1, sizeof(*p));

    p->arena = arena_new(16 * 1024);
    read_main(p, main_text);
    read_master(p, master_text);
    read_own_parameters(p, master_params_text);
    return p;
}

void postfix_model_free(struct postfix **pp)
{
    struct postfix *p = *pp;

    *pp = NULL;
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->n_services; i++)
        free(p->services[i].set);
    free(p->services);
    free(p->main);
    arena_free(&p->arena);
    free(p);
}

const char *postfix_own_value(const struct postfix_service *service, const char *name)
{
    for (size_t i = service != NULL ? service->n_set : 0; i > 0; i--)      /* of two, Postfix takes the last */
        if (strcmp(service->set[i - 1].name, name) == 0)
            return service->set[i - 1].value;
    return NULL;
}

const char *postfix_value(const struct postfix *p, const struct postfix_service *service, const char *name, const char *dflt)
{
    const char *own = postfix_own_value(service, name);

    if (own != NULL)
        return own;
    for (size_t i = 0; i < p->n_main; i++)
        if (strcmp(p->main[i].name, name) == 0)
            return p->main[i].value;
    return dflt;
}
