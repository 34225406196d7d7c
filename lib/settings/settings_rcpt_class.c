/* settings_rcpt_class.c - rows of filter.classes, and which class a recipient is of.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/proto/domain.h"
#include "lib/proto/mailbox.h"
#include "lib/settings/rows.h"

enum { NAME_MAX_BYTES = 31 };            /* of the hand-over's class= */

/* ---- rows: what a class may say; the structs are those of filter, so that it can be laid over them ---- */

#define AT(f) offsetof(struct set_spam, f)

static const struct conf_key class_spam_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Mode of spam scoring.", .words = mode_words },
    { "tag", CONF_NUMBER, AT(tag), -1000, 1000, NULL, APPLY_LIVE, "Points from which a message is marked." },
    { "reject", CONF_NUMBER, AT(reject), -1000, 1000, NULL, APPLY_LIVE, "Points from which it is refused." },
    { "subject_tag", CONF_STRING, AT(subject_tag), 0, 0, NULL, APPLY_LIVE, "Goes before the Subject of a marked message; \"\" for none." },
    { NULL },
};
#undef AT

static const char *const virus_mode_words[] = { "inherit", "enforce", "observe", NULL };    /* enum mode */

static int check_virus_mode(const void *value, struct errtext *err)
{
    int mode = *(const int *)value;

    if (mode == MODE_ENFORCE || mode == MODE_OBSERVE)
        return 0;
    errtext_set(err, "\"%s\" is not enforce or observe", mode_words[mode]);
    return -1;
}

static const struct conf_key class_virus_rows[] = {
    { "mode", CONF_ENUM, offsetof(struct set_virus, mode), 0, 0, "enforce", APPLY_LIVE, "Observe lets viruses through to this class.",
      .words = virus_mode_words, .check = check_virus_mode },
    { "heuristics", CONF_OBJECT, offsetof(struct set_virus, heuristics), 0, 0, NULL, APPLY_LIVE, "Any key of filter.virus.heuristics.",
      .sub = heuristics_rows, .brief = true },
    { NULL },
};

static const struct conf_key class_mime_rows[] = {
    { "shapes", CONF_OBJECT, offsetof(struct set_mime, shapes), 0, 0, NULL, APPLY_LIVE, "Any key of filter.mime.shapes.",
      .sub = shapes_rows, .brief = true },
    { NULL },
};

static int check_class_name(const void *value, struct errtext *err)
{
    const char *name = *(const char *const *)value;

    if (check_public_name(value, err) < 0)
        return -1;
    if (strlen(name) > NAME_MAX_BYTES) {
        errtext_set(err, "\"%.80s\" is longer than %d characters", name, NAME_MAX_BYTES);
        return -1;
    }
    if (strcmp(name, "default") == 0) {
        errtext_set(err, "\"default\" is the class of everybody else: what stands outside of classes");
        return -1;
    }
    return 0;
}

#define AT(f) offsetof(struct set_rcpt_class, f)

const struct conf_key rcpt_class_rows[] = {
    { "name", CONF_STRING, AT(name), 0, 0, "!", APPLY_LIVE, "Stands in logs, records and replies.", .check = check_class_name },
    { "recipients", CONF_STRINGS, AT(recipients), 0, 0, NULL, APPLY_LIVE,
      "Who is of it: user@example.com, @example.com (the whole domain), *.example.com (all domains below). An address goes before its domain, a "
      "domain before those above. A class that is named like the policy_context of an smtpd service holds for all that this service takes." },
    { "spam", CONF_OBJECT, AT(over.spam), 0, 0, NULL, APPLY_LIVE, "What is other than in filter.spam.", .sub = class_spam_rows },
    { "virus", CONF_OBJECT, AT(over.virus), 0, 0, NULL, APPLY_LIVE, "What is other than in filter.virus.", .sub = class_virus_rows },
    { "mime", CONF_OBJECT, AT(over.mime), 0, 0, NULL, APPLY_LIVE, "What is other than in filter.mime.", .sub = class_mime_rows },
    { "unchecked", CONF_OBJECT, AT(over.unchecked), 0, 0, NULL, APPLY_LIVE, "What is other than in filter.unchecked: any key of it.",
      .sub = unchecked_rows, .brief = true },
    { NULL },
};
#undef AT

/* ---- patterns, sorted, for a search by halves ---- */

static int compare_text(const void *a, const void *b)
{
    const struct set_rcpt_pattern *x = a, *y = b;
    int c = strcmp(x->text, y->text);

    return c != 0 ? c : x->klass != y->klass ? (x->klass < y->klass ? -1 : 1) : x->item < y->item ? -1 : x->item > y->item;
}

static const struct set_rcpt_pattern *find_text(const struct settings *s, const char *text)
{
    size_t low = 0, high = s->filter.n_class_patterns;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = strcmp(s->filter.class_patterns[middle].text, text);

        if (c == 0)
            return &s->filter.class_patterns[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* "local@domain" into out: local-part as recipients.fold_local_part says, domain as in DNS. */
static bool canonical(const struct settings *s, span address, char out[MAILBOX_MAX + 1])
{
    char folded[MAILBOX_MAX], domain[DOMAIN_TEXT_MAX];
    struct mailbox m;
    span all, name;

    if (!mailbox_fold(address, s->recipients.fold_local_part, folded, &all))
        return false;
    mailbox_split(all, &m);
    if (memchr(all.p, '\0', all.n) != NULL || domain_normalise(m.domain, domain, &name) != DOMAIN_OK)
        return false;
    return snprintf(out, MAILBOX_MAX + 1, "%.*s@%.*s", SPAN_ARG(m.local), SPAN_ARG(name)) <= MAILBOX_MAX;
}

/* The form that is searched: "user@example.com", "@example.com", ".example.com" for *.example.com; false: it is none of these. */
static bool canonical_pattern(const struct settings *s, span text, char out[MAILBOX_MAX + 1])
{
    size_t at = span_rfind(text, '@');
    char domain[DOMAIN_TEXT_MAX];
    bool below;
    span name;

    if (at < text.n && at > 0)
        return canonical(s, text, out);
    text = span_from(text, at == 0 && text.n > 0 && text.p[0] == '@' ? 1 : 0);
    below = span_starts(text, SPAN("*."));
    if (domain_normalise(span_from(text, below ? 2 : 0), domain, &name) != DOMAIN_OK)
        return false;
    return snprintf(out, MAILBOX_MAX + 1, "%c%.*s", below ? '.' : '@', SPAN_ARG(name)) <= MAILBOX_MAX;
}

static void add_pattern(struct settings *s, struct conf_errors *errors, size_t klass, size_t item)
{
    const struct set_rcpt_class *c = (const struct set_rcpt_class *)s->filter.classes.v + klass;
    char text[MAILBOX_MAX + 1], at[96];

    if (canonical_pattern(s, span_str(c->recipients.v[item]), text)) {
        s->filter.class_patterns[s->filter.n_class_patterns++] =
            (struct set_rcpt_pattern){ arena_str(s->arena, span_str(text)), klass, item };
        return;
    }
    snprintf(at, sizeof(at), "filter.classes[%zu].recipients[%zu]", klass, item);
    settings_error(s, errors, at, "\"%.80s\" is not user@example.com, @example.com or *.example.com", c->recipients.v[item]);
}

static void make_patterns(struct settings *s, struct conf_errors *errors)
{
    const struct set_rcpt_class *classes = s->filter.classes.v;
    struct set_rcpt_pattern *v;
    size_t n = 0;

    for (size_t i = 0; i < s->filter.classes.n; i++)
        n += classes[i].recipients.n;
    v = s->filter.class_patterns = arena_alloc(s->arena, n * sizeof(*v) + 1);
    for (size_t i = 0; i < s->filter.classes.n; i++)
        for (size_t k = 0; k < classes[i].recipients.n; k++)
            add_pattern(s, errors, i, k);
    n = s->filter.n_class_patterns;
    if (n > 0)
        qsort(v, n, sizeof(*v), compare_text);
    for (size_t i = 1; i < n; i++) {
        char at[96];

        if (strcmp(v[i].text, v[i - 1].text) != 0)
            continue;
        snprintf(at, sizeof(at), "filter.classes[%zu].recipients[%zu]", v[i].klass, v[i].item);
        settings_error(s, errors, at, "\"%.80s\" is also in class %s", classes[v[i].klass].recipients.v[v[i].item], classes[v[i - 1].klass].name);
    }
}

/* ---- laying over ---- */

static void lay_over(struct settings *s, struct conf_errors *errors, size_t i)
{
    struct set_rcpt_class *classes = s->filter.classes.v, *c = &classes[i], whole;
    struct settings *set;
    char path[64], at[96];

    snprintf(path, sizeof(path), "filter.classes[%zu]", i);
    snprintf(at, sizeof(at), "%s.name", path);
    for (size_t k = 0; k < i; k++)
        if (strcmp(classes[k].name, c->name) == 0)
            settings_error(s, errors, at, "\"%s\" is the name of an earlier class", c->name);
    whole.over = s->filter;
    conf_overlay(rcpt_class_rows, s->marks, path, c, &whole);
    set = arena_dup(s->arena, s, sizeof(*s));
    set->filter = whole.over;
    c->set = set;
    snprintf(at, sizeof(at), "%s.virus.mode", path);
    if (s->filter.virus.mode == MODE_OFF && set->filter.virus.mode != MODE_OFF)
        settings_error(s, errors, at, "filter.virus.mode is off: nothing is scanned for viruses");
    if (set->filter.spam.reject > 0 && set->filter.spam.tag > set->filter.spam.reject)
        settings_error(s, errors, path, "spam.tag (%g) is above spam.reject (%g) here: nothing would ever be marked", set->filter.spam.tag,
                       set->filter.spam.reject);
}

void settings_check_rcpt_classes(struct settings *s, struct conf_errors *errors)
{
    if (!conf_sound(s->marks, "filter") || !conf_sound(s->marks, "recipients"))
        return;
    if (s->filter.classes.n > RCPT_CLASSES_MAX) {
        settings_error(s, errors, "filter.classes", "has %zu entries; %d are the most", s->filter.classes.n, RCPT_CLASSES_MAX);
        return;
    }
    make_patterns(s, errors);
    for (size_t i = 0; i < s->filter.classes.n; i++)
        lay_over(s, errors, i);
}

/* ---- asking ---- */

static const struct set_rcpt_class *class_of_text(const struct settings *s, const char *text)
{
    const struct set_rcpt_pattern *p = find_text(s, text);

    return p != NULL ? (const struct set_rcpt_class *)s->filter.classes.v + p->klass : NULL;
}

/* user+extension@domain is of user@domain's class, unless it has one of its own. */
static const struct set_rcpt_class *class_of_address(const struct settings *s, const char *address, span local, span domain)
{
    const struct set_rcpt_class *c = class_of_text(s, address);
    char text[MAILBOX_MAX + 1];
    size_t cursor = 0;
    span base, extension;

    while (c == NULL && mailbox_subaddress(local, s->recipients.delimiters, &cursor, &base, &extension)) {
        snprintf(text, sizeof(text), "%.*s@%.*s", SPAN_ARG(base), SPAN_ARG(domain));
        c = class_of_text(s, text);
    }
    return c;
}

const struct set_rcpt_class *settings_rcpt_class(const struct settings *s, span mailbox)
{
    const struct set_rcpt_class *c;
    char address[MAILBOX_MAX + 1], text[DOMAIN_TEXT_MAX + 1];
    struct mailbox m;

    if (s->filter.n_class_patterns == 0 || !canonical(s, mailbox, address))
        return NULL;
    mailbox_split(span_str(address), &m);
    if ((c = class_of_address(s, address, m.local, m.domain)) != NULL)
        return c;
    snprintf(text, sizeof(text), "@%.*s", SPAN_ARG(m.domain));
    c = class_of_text(s, text);
    while (c == NULL && domain_parent(&m.domain)) {
        snprintf(text, sizeof(text), ".%.*s", SPAN_ARG(m.domain));
        c = class_of_text(s, text);
    }
    return c;
}

const struct set_rcpt_class *settings_rcpt_class_named(const struct settings *s, const char *name)
{
    const struct set_rcpt_class *v = s->filter.classes.v;

    for (size_t i = 0; i < s->filter.classes.n; i++)
        if (strcmp(v[i].name, name) == 0)
            return &v[i];
    return NULL;
}

const struct settings *settings_of_rcpt_class(const struct settings *s, const struct set_rcpt_class *c)
{
    return c != NULL ? c->set : s;
}

const char *settings_rcpt_class_name(const struct set_rcpt_class *c)
{
    return c != NULL ? c->name : "default";
}
