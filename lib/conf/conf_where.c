/* conf_where.c - finding a place in the file, and the word that was meant.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/conf/conf_walk.h"
#include "lib/conf/conf_yaml.h"

/* ---- places ---- */

static const struct conf_node *find(const struct conf_node *n, span path);

/* path begins with "[N]".  A single value stands for a list of one. */
static const struct conf_node *find_item(const struct conf_node *n, span path)
{
    size_t end = span_find(path, ']');
    const struct conf_node *item;
    uint64_t index;

    if (end == path.n || !span_to_u64(span_of(path.p + 1, end - 1), &index))
        return NULL;
    if (n->kind != CONF_NODE_LIST)
        return index == 0 ? find(n, span_from(path, end + 1)) : NULL;
    for (item = n->first; item != NULL && index > 0; item = item->next)
        index--;
    return item != NULL ? find(item, span_from(path, end + 1)) : NULL;
}

/* Keys may hold dots (domains), so every key that fits is tried. */
static const struct conf_node *find(const struct conf_node *n, span path)
{
    if (path.n == 0)
        return n;
    if (path.p[0] == '[')
        return find_item(n, path);
    if (path.p[0] == '.')
        path = span_from(path, 1);
    if (n->kind != CONF_NODE_MAP)
        return NULL;
    for (const struct conf_node *c = n->first; c != NULL; c = c->next) {
        span rest = span_from(path, c->key.n);
        const struct conf_node *found;

        if (!span_starts(path, c->key) || (rest.n > 0 && rest.p[0] != '.' && rest.p[0] != '['))
            continue;
        if ((found = find(c, rest)) != NULL)
            return found;
    }
    return NULL;
}

const struct conf_node *conf_node_at(const struct conf_marks *marks, const char *key_path)
{
    return marks != NULL && marks->root != NULL && key_path[0] != '\0' ? find(marks->root, span_str(key_path)) : NULL;
}

bool conf_where(const struct conf_marks *marks, const char *key_path, size_t *line_out, size_t *column_out)
{
    const struct conf_node *n = conf_node_at(marks, key_path);

    if (n == NULL)
        return false;
    *line_out = n->line;
    *column_out = n->column;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where a scalar's own text begins in the file: behind a quote, or behind the line of | and >. */
static size_t value_begins(span file, const struct conf_node *n)
{
    size_t at = 0, line = 1, column = 1;

    while (at < file.n && line < n->value_line)
        line += file.p[at++] == '\n';
    while (at < file.n && column < n->value_column) {
        at++;
        while (at < file.n && ((unsigned char)file.p[at] & 0xC0) == 0x80)
            at++;
        column++;
    }
    if (n->plain || at == file.n)
        return at;
    if (file.p[at] == '|' || file.p[at] == '>')
        return at + span_find(span_from(file, at), '\n');
    return at + 1;
}

/* YAML folds and indents, but it leaves the characters that are not blank: the same one of them is looked for in the file. */
bool conf_where_in(const struct conf_marks *marks, const char *key_path, size_t at, size_t *line_out, size_t *column_out)
{
    const struct conf_node *n = conf_node_at(marks, key_path);
    size_t wanted = 0, place, line = 1, column = 1;
    bool quoted, behind = span_trim(span_from(n != NULL ? n->text : (span){ NULL, 0 }, at)).n == 0;

    if (n == NULL || n->kind != CONF_NODE_SCALAR)
        return false;
    for (size_t i = 0; i < at && i < n->text.n; i++)
        wanted += !is_blank(n->text.p[i]);
    behind = behind && wanted > 0;
    wanted -= behind;            /* behind the last character, not at what the file goes on with */
    place = value_begins(marks->text, n);
    quoted = !n->plain && place > 0 && place <= marks->text.n && strchr("\"'", marks->text.p[place - 1]) != NULL;
    for (; place < marks->text.n; place++) {
        char c = marks->text.p[place];

        if (is_blank(c))
            continue;
        if (quoted && place + 1 < marks->text.n && ((c == '\\' && marks->text.p[place - 1] != '\\') || (c == '\'' && marks->text.p[place + 1] == '\'')))
            continue;
        if (wanted-- == 0)
            break;
    }
    for (size_t i = 0; i < place; i++) {
        if (marks->text.p[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)marks->text.p[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    *line_out = line;
    *column_out = column + behind;
    return true;
}

static bool is_sound(const struct conf_node *n)
{
    if (n->bad)
        return false;
    for (const struct conf_node *c = n->first; c != NULL; c = c->next) {
        if (!is_sound(c))
            return false;
    }
    return true;
}

bool conf_sound(const struct conf_marks *marks, const char *key_path)
{
    const struct conf_node *n = conf_node_at(marks, key_path);

    return n == NULL || is_sound(n);
}

/* ---- what was written ---- */

static void overlay(const struct conf_key *rows, const struct conf_node *n, const void *from, void *to)
{
    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        const struct conf_node *value = n->kind == CONF_NODE_MAP ? find(n, span_str(r->name)) : conf_is_star(r) ? n : NULL;

        if (value == NULL || conf_node_is_null(value) || (n->kind == CONF_NODE_MAP && conf_is_star(r)))
            continue;
        if (r->type == CONF_OBJECT)
            overlay(r->sub, value, conf_slot_const(from, r), conf_slot(to, r));
        else
            memcpy(conf_slot(to, r), conf_slot_const(from, r), conf_value_size(r));
    }
}

void conf_overlay(const struct conf_key *rows, const struct conf_marks *marks, const char *key_path, const void *from, void *to)
{
    const struct conf_node *n = conf_node_at(marks, key_path);

    if (n != NULL && !conf_node_is_null(n))
        overlay(rows, n, from, to);
}

/* ---- the nearest word ---- */

enum { WORD_MAX = 40 };

static char same_case(char c)
{
    return c == '-' ? '_' : ascii_lower(c);
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Edits to get from a to b, two neighbours swapped being one (optimal string alignment). */
static size_t distance(span a, span b)
{
    size_t row[3][WORD_MAX + 1];
    size_t *two = row[0], *one = row[1], *now = row[2];

    for (size_t j = 0; j <= b.n; j++)
        one[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *t = two;

        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = same_case(a.p[i - 1]), y = same_case(b.p[j - 1]);

            now[j] = min3(one[j] + 1, now[j - 1] + 1, one[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == same_case(b.p[j - 2]) && same_case(a.p[i - 2]) == y && two[j - 2] + 1 < now[j])
                now[j] = two[j - 2] + 1;
        }
        two = one;
        one = now;
        now = t;
    }
    return one[b.n];
}

const char *conf_nearest(span word, const char *const *words)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;

    if (word.n == 0 || word.n > WORD_MAX)
        return NULL;
    for (; *words != NULL; words++) {
        span w = span_str(*words);
        size_t d = w.n <= WORD_MAX ? distance(word, w) : SIZE_MAX;
        size_t longer = w.n > word.n ? w.n : word.n;

        /* A third of the letters may differ; a word that only lacks its end or its plural is near too. */
        if (d < least && (d <= (longer + 1) / 3 || (word.n >= 4 && span_starts_nocase(w, word)))) {
            least = d;
            best = *words;
        }
    }
    return best;
}
