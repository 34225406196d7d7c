/* conf_man.c - the table of rows as manual page items and as a commented example file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/conf/conf_walk.h"

enum { HELP_WIDTH = 110 };

/* ---- what both say about a row ---- */

static bool is_required(const struct conf_key *r)
{
    return r->dflt != NULL && strcmp(r->dflt, "!") == 0;
}

static bool has_default(const struct conf_key *r)
{
    return r->dflt != NULL && !is_required(r);
}

/* Without an own default a number is 0, a list empty, a switch off: values, too. */
static void default_text(const struct conf_key *r, struct buf *to)
{
    switch (r->type) {
    case CONF_LIST:
    case CONF_STRINGS:
    case CONF_ADDRESSES:
    case CONF_PATHS:
    case CONF_NETS:
    case CONF_DOMAINS:
        buf_append_str(to, has_default(r) ? r->dflt : "[]");
        break;
    case CONF_NAMED:
        buf_append_str(to, has_default(r) ? r->dflt : "{}");
        break;
    case CONF_BOOL:
        buf_append_str(to, has_default(r) ? r->dflt : "no");
        break;
    case CONF_INT:
    case CONF_NUMBER:
    case CONF_DURATION:
    case CONF_SIZE:
        buf_append_str(to, has_default(r) ? r->dflt : "0");
        break;
    case CONF_ENUM:
        buf_append_str(to, has_default(r) ? r->dflt : r->words[0]);
        break;
    default:
        if (has_default(r))
            conf_string_format(r->dflt, to);
    }
}

/* "a duration, 1s to 1d", "enforce, observe or off" */
static void type_text(const struct conf_key *r, struct buf *to)
{
    if (r->type == CONF_ENUM) {
        for (int i = 0; r->words[i] != NULL; i++)
            buf_printf(to, "%s%s", i == 0 ? "" : r->words[i + 1] != NULL ? ", " : " or ", r->words[i]);
        return;
    }
    buf_append_str(to, conf_type_noun(r->type));
    if (r->min != 0 || r->max != 0) {
        buf_append_str(to, ", ");
        conf_bound_format(r->type, r->min, to);
        buf_append_str(to, " to ");
        conf_bound_format(r->type, r->max, to);
    }
}

/* ---- manual page ---- */

/* mdoc(7): a backslash is \e, a line must not begin with a dot or quote, a hyphen that is typed is \-. */
static void man_text(const char *s, struct buf *to)
{
    if (s[0] == '.' || s[0] == '\'')
        buf_append_str(to, "\\&");
    for (; *s != '\0'; s++) {
        if (*s == '\\')
            buf_append_str(to, "\\e");
        else if (*s == '-')
            buf_append_str(to, "\\-");
        else if (s[0] == '.' && s[1] == ' ' && s[2] >= 'A' && s[2] <= 'Z') {   /* a sentence, a line: mdoc(7) spaces them */
            buf_append_str(to, ".\n");
            s++;
        }
        else
            buf_append_char(to, *s);
    }
}

static void man_row(const struct conf_key *r, const char *path, bool overlay, struct buf *to)
{
    struct buf facts;

    buf_init(&facts, 1024);
    buf_append_str(to, ".It Cm ");
    man_text(path, to);
    buf_append_str(to, "\n");
    if (r->type == CONF_OBJECT) {
        man_text(r->help, to);
        buf_append_char(to, '\n');
        buf_free(&facts);
        return;
    }
    buf_append_char(&facts, '(');
    type_text(r, &facts);
    if (is_required(r)) {
        buf_append_str(&facts, "; must be given");
    } else if (!overlay) {
        size_t before = facts.len;

        buf_append_str(&facts, "; default: ");
        default_text(r, &facts);
        if (facts.len == before + strlen("; default: ")) {
            buf_truncate(&facts, before);
            buf_append_str(&facts, "; no default");
        }
    }
    if (r->apply == APPLY_RESTART)
        buf_append_str(&facts, "; a change needs a restart");
    buf_append_char(&facts, ')');
    man_text(r->help, to);
    buf_append_char(to, '\n');
    man_text(buf_cstr(&facts), to);
    buf_append_char(to, '\n');
    buf_free(&facts);
}

/* overlay: what is not written has no value, and so nothing has a default. */
static void man_rows(const struct conf_key *rows, const char *prefix, bool named, bool overlay, struct buf *to)
{
    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        char path[256], below[300];

        if (conf_is_star(r) || (named && strcmp(r->name, "name") == 0))
            continue;
        snprintf(path, sizeof(path), "%s%s", prefix, r->name);
        man_row(r, path, overlay, to);
        if (r->sub == NULL || r->brief || (r->type == CONF_NAMED && conf_is_pair(r->sub)))
            continue;
        snprintf(below, sizeof(below), "%s%s", path, r->type == CONF_LIST ? "[]." : r->type == CONF_NAMED ? ".NAME." : ".");
        man_rows(r->sub, below, r->type == CONF_NAMED, overlay || r->overlay, to);
    }
}

void conf_man(const struct conf_key *rows, struct buf *to)
{
    man_rows(rows, "", false, false, to);
}

/* ---- example file ---- */

static void line_start(struct buf *to, unsigned indent, const char *mark)
{
    for (unsigned i = 0; i < indent; i++)
        buf_append_char(to, ' ');
    buf_append_str(to, mark);
}

/* Words of a comment, broken at blanks. */
static void comment(const char *text, unsigned indent, const char *mark, struct buf *to)
{
    span rest = span_str(text);

    while (rest.n > 0) {
        size_t cut = rest.n;

        if (cut > HELP_WIDTH - indent) {
            cut = span_rfind(span_head(rest, HELP_WIDTH - indent), ' ');
            if (cut == 0 || cut > HELP_WIDTH)
                cut = rest.n;
        }
        line_start(to, indent, mark);
        buf_append(to, span_head(rest, cut));
        buf_append_char(to, '\n');
        rest = span_trim(span_from(rest, cut));
    }
}

static void example_help(const struct conf_key *r, unsigned indent, const char *mark, struct buf *to)
{
    struct buf text;

    buf_init(&text, 2048);
    buf_append_str(&text, r->help);
    if (r->type != CONF_OBJECT && r->type != CONF_LIST && r->type != CONF_NAMED && r->type != CONF_STRING && r->type != CONF_BOOL) {
        buf_append_str(&text, " (");
        type_text(r, &text);
        buf_append_char(&text, ')');
    }
    if (r->apply == APPLY_RESTART)
        buf_append_str(&text, " [restart]");
    comment(buf_cstr(&text), indent, mark, to);
    buf_free(&text);
}

enum { MARK_MAX = 40 };

/* Inside a list's entry: "#", so many blanks, and the tail. */
static const char *entry_mark(char mark[MARK_MAX], unsigned columns, const char *tail)
{
    snprintf(mark, MARK_MAX, "#%*s%s", (int)columns, "", tail);
    return mark;
}

/* Where in the example a row stands. */
struct place {
    unsigned indent;
    unsigned entry;      /* inside a list's entry: columns behind the # */
    bool overlay;        /* in one that only says what differs: no defaults */
};

static void example_rows(const struct conf_key *rows, struct place at, bool named, struct buf *to);

/* `#key: default`: without the # it is valid and changes nothing.  A key without a default has to be filled in. */
static void example_leaf(const struct conf_key *r, struct place at, struct buf *to)
{
    char mark[MARK_MAX];
    struct buf value;

    buf_init(&value, 1024);
    if (!at.overlay)
        default_text(r, &value);
    line_start(to, at.indent, at.entry > 0 ? entry_mark(mark, at.entry, "") : "#");
    buf_printf(to, "%s:%s%s\n", r->name, value.len > 0 ? " " : "", buf_cstr(&value));
    buf_free(&value);
}

/* Inside an entry the levels stand behind the #, so that they are still there without it. */
static void example_object(const struct conf_key *r, struct place at, struct buf *to)
{
    struct place inside = at;
    char mark[MARK_MAX];

    *(at.entry > 0 ? &inside.entry : &inside.indent) += 2;
    line_start(to, at.indent, at.entry > 0 ? entry_mark(mark, at.entry, "") : "");
    buf_printf(to, "%s:%s\n", r->name, r->brief ? " {}" : "");
    if (!r->brief)
        example_rows(r->sub, inside, false, to);
}

static void example_row(const struct conf_key *r, struct place at, struct buf *to)
{
    struct place inside = { at.indent, at.entry > 0 ? at.entry + 2 : 3, at.overlay || r->overlay };
    char mark[MARK_MAX];

    example_help(r, at.indent, at.entry > 0 ? entry_mark(mark, at.entry, "# ") : "# ", to);
    if (r->type == CONF_OBJECT) {
        example_object(r, at, to);
        return;
    }
    example_leaf(r, at, to);
    if (r->sub == NULL || (r->type == CONF_NAMED && conf_is_pair(r->sub)))
        return;
    comment(r->type == CONF_LIST ? "Each entry (- key: value ...):" : "Each NAME: {key: value ...}:", at.indent,
            at.entry > 0 ? entry_mark(mark, at.entry, "# ") : "# ", to);
    example_rows(r->sub, inside, r->type == CONF_NAMED, to);
}

static void example_rows(const struct conf_key *rows, struct place at, bool named, struct buf *to)
{
    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        if (conf_is_star(r) || (named && strcmp(r->name, "name") == 0))
            continue;
        if (at.indent == 0 && r != rows && at.entry == 0)
            buf_append_char(to, '\n');
        example_row(r, at, to);
    }
}

void conf_example(const struct conf_key *rows, struct buf *to)
{
    example_rows(rows, (struct place){ 0, 0, false }, false, to);
}
