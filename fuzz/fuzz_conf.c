/* fuzz_conf.c - a configuration is either refused with a message, or what is shown of it reads back to the same values.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/settings/settings.h"
#include "tests/unit/lib/conf/every_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHOWN_MAX = 8 << 20 };

/* Every message is one line and names the file. */
static void check_messages(const struct conf_errors *errors)
{
    for (size_t i = 0; i < conf_errors_count(errors); i++) {
        const char *text = conf_errors_at(errors, i);

        if (text == NULL || (strncmp(text, "f.yaml:", 7) != 0 && strncmp(text, "... and ", 8) != 0))
            abort();
        if (strchr(text, '\n') != NULL)
            abort();
    }
}

static bool parse_and_show(span text, const struct conf_key *rows, size_t size, bool all, struct buf *shown)
{
    struct arena *arena = arena_new(1024);
    struct conf_errors *errors = conf_errors_new();
    void *values = calloc(1, size);
    bool good;

    if (values == NULL)
        abort();
    good = conf_parse(text, "f.yaml", rows, values, arena, errors, NULL);
    if (good != (conf_errors_count(errors) == 0))
        abort();
    check_messages(errors);
    if (good)
        conf_show(rows, values, NULL, all, shown);
    free(values);
    conf_errors_free(&errors);
    arena_free(&arena);
    return good;
}

static void check_table(span text, const struct conf_key *rows, size_t size)
{
    for (int all = 0; all < 2; all++) {
        struct buf first, second;

        buf_init(&first, SHOWN_MAX);
        buf_init(&second, SHOWN_MAX);
        /* Stars are no zone, and a text may outgrow what a file may hold. */
        if (parse_and_show(text, rows, size, all, &first) && !first.overflow && first.len <= CONF_MAX_BYTES &&
            span_find_span(buf_span(&first), SPAN("\"****\"")) == first.len) {
            if (!parse_and_show(buf_span(&first), rows, size, all, &second))
                abort();
            if (!span_eq(buf_span(&first), buf_span(&second)))
                abort();
        }
        buf_free(&first);
        buf_free(&second);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span text = { (const char *)data, size };

    check_table(text, every_type_rows, sizeof(struct every_type));
    check_table(text, settings_rows, sizeof(struct settings));
    return 0;
}
