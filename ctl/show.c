/* show.c - a record for people.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "ctl/gatepostctl.h"

/* Control bytes, C1 too (in UTF-8: C2 80 to C2 9F), never reach the terminal. */
void show_safe(FILE *to, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;

        if (*p < 0x20 || *p == 0x7f || c1)
            fprintf(to, "\\x%02X", *p);
        else
            fputc(*p, to);
        if (c1)
            fprintf(to, "\\x%02X", *++p);
    }
}

static void show_value(FILE *to, const json_t *v)
{
    char *text;

    switch (json_typeof(v)) {
    case JSON_STRING:
        show_safe(to, json_string_value(v));
        break;
    case JSON_INTEGER:
        fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        fprintf(to, "%.6g", json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        fprintf(to, json_is_true(v) ? "yes" : "no");
        break;
    case JSON_NULL:
        fprintf(to, "-");
        break;
    default:
        text = json_dumps(v, JSON_COMPACT);
        show_safe(to, text != NULL ? text : "");
        free(text);
    }
}

static const char *text_of(const json_t *record, const char *key)
{
    const char *s = json_string_value(json_object_get(record, key));

    return s != NULL ? s : "";
}

/* ---- the first line ---- */

static void show_head(FILE *to, const json_t *record)
{
    int64_t t = json_integer_value(json_object_get(record, "t"));
    time_t s = (time_t)(t / 1000);
    struct tm tm;
    char when[64] = "?";

    if (localtime_r(&s, &tm) != NULL)
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    show_safe(to, text_of(record, "id"));
    fprintf(to, "  %s.%03d  ", when, (int)(t % 1000));
    show_safe(to, text_of(record, "daemon"));
    fprintf(to, ": ");
    show_safe(to, text_of(record, "outcome"));
    fprintf(to, "\n");
}

/* ---- lines of one key ---- */

static void show_key(FILE *to, const char *key, unsigned indent)
{
    fprintf(to, "%*s", (int)indent, "");
    show_safe(to, key);
    fprintf(to, "%*s", (int)(strlen(key) < 12 ? 12 - strlen(key) : 0), "");
    fprintf(to, " ");
}

static bool is_mailbox(const char *key)
{
    return strcmp(key, "from") == 0 || strcmp(key, "rcpt") == 0;
}

static void show_mailboxes(FILE *to, const json_t *v)
{
    const json_t *one;
    size_t i;

    if (!json_is_array(v)) {
        fprintf(to, "<");
        show_value(to, v);
        fprintf(to, ">");
        return;
    }
    json_array_foreach(v, i, one) {
        fprintf(to, i > 0 ? " <" : "<");
        show_value(to, one);
        fprintf(to, ">");
    }
}

static void show_object(FILE *to, const json_t *o, unsigned indent)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)o, key, v) {
        show_key(to, key, indent);
        show_value(to, v);
        fprintf(to, "\n");
    }
}

static void show_client(FILE *to, const json_t *record)
{
    const char *name = text_of(record, "client_name");

    show_key(to, "client", 2);
    show_safe(to, name);
    fprintf(to, "[");
    show_safe(to, text_of(record, "client"));
    fprintf(to, "]\n");
}

/* ---- checks: a line each ---- */

static void show_check(FILE *to, const json_t *c)
{
    static const char *const told[] = { "check", "name", "saw", "points", "ms" };
    const char *name = text_of(c, "name"), *check = text_of(c, "check"), *key;
    json_t *v;

    fprintf(to, "    ");
    show_safe(to, check);
    fprintf(to, check[0] != '\0' && name[0] != '\0' ? ":" : "");
    show_safe(to, name);
    if (json_object_get(c, "points") != NULL)
        fprintf(to, "  %+.6g points", json_number_value(json_object_get(c, "points")));
    if (text_of(c, "saw")[0] != '\0') {
        fprintf(to, "  saw ");
        show_safe(to, text_of(c, "saw"));
    }
    json_object_foreach((json_t *)(uintptr_t)c, key, v) {
        bool known = false;

        for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
            known = known || strcmp(key, told[i]) == 0;
        if (known)
            continue;
        fprintf(to, "  ");
        show_safe(to, key);
        fprintf(to, "=");
        show_value(to, v);
    }
    if (json_object_get(c, "ms") != NULL)
        fprintf(to, "  %.6g ms", json_number_value(json_object_get(c, "ms")));
    fprintf(to, "\n");
}

/* [check, name, is, saw]: what came from outside. */
static void show_fact(FILE *to, const json_t *row)
{
    fprintf(to, "    ");
    for (size_t i = 0; i < json_array_size(row); i++) {
        fprintf(to, i == 0 ? "" : i == 1 ? ":" : "  ");
        show_value(to, json_array_get(row, i));
    }
    fprintf(to, "\n");
}

static void show_list(FILE *to, const char *key, const json_t *list)
{
    const json_t *v;
    size_t i;

    bool objects = json_is_object(json_array_get(list, 0)), rows = json_is_array(json_array_get(list, 0));

    if (objects || rows) {
        fprintf(to, "  ");
        show_safe(to, key);
        fprintf(to, "\n");
        json_array_foreach(list, i, v) {
            if (json_is_object(v))
                show_check(to, v);
            else
                show_fact(to, v);
        }
        return;
    }
    show_key(to, key, 2);
    json_array_foreach(list, i, v) {
        fprintf(to, i > 0 ? ", " : "");
        show_value(to, v);
    }
    fprintf(to, "\n");
}

/* Keys of the first line, and those that are a part of another's. */
static bool is_told(const char *key)
{
    static const char *const keys[] = { "id", "t", "daemon", "outcome", "client_name" };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

void show_record(FILE *to, const json_t *record)
{
    const char *key;
    json_t *v;

    show_head(to, record);
    json_object_foreach((json_t *)(uintptr_t)record, key, v) {
        if (is_told(key))
            continue;
        if (strcmp(key, "client") == 0 && json_is_string(v)) {
            show_client(to, record);
        } else if (is_mailbox(key)) {
            show_key(to, key, 2);
            show_mailboxes(to, v);
            fprintf(to, "\n");
        } else if (json_is_array(v)) {
            show_list(to, key, v);
        } else if (json_is_object(v)) {
            fprintf(to, "  ");
            show_safe(to, key);
            fprintf(to, "\n");
            show_object(to, v, 4);
        } else {
            show_key(to, key, 2);
            show_value(to, v);
            fprintf(to, strcmp(key, "ms") == 0 ? " ms\n" : "\n");
        }
    }
}
