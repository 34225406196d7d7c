/* conf_types.h - one scalar of a configuration: text to value, value to text.
 *
 * What conf_scalar_format writes, conf_scalar_parse reads back to the same value.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CONF_CONF_TYPES_H
#define GATEPOST_CONF_CONF_TYPES_H

#include "lib/conf/conf.h"

struct conf_scalar_context {
    struct arena *arena;
    const char *folder;              /* of the file: relative paths start there; NULL: they stay as they are */
};

/* The type of one item of a list of scalars (CONF_STRINGS -> CONF_STRING, CONF_NETS -> CONF_NETS); the type itself otherwise. */
enum conf_type conf_item_type(enum conf_type t);
bool conf_type_is_list(enum conf_type t);         /* CONF_STRINGS, CONF_ADDRESSES, CONF_PATHS, CONF_NETS, CONF_DOMAINS */
size_t conf_item_size(enum conf_type t);          /* bytes of one item in memory */
const char *conf_type_noun(enum conf_type t);     /* "a duration" */

/* value: where an item of type t goes (CONF_NETS: a struct ipnet).  0, or -1 with err: `"5 minuts" is not a duration (try 5m)`. */
int conf_scalar_parse(enum conf_type t, const struct conf_key *row, span text, const struct conf_scalar_context *c, void *value,
                      struct errtext *err);
/* As YAML, quoted where it must be. */
void conf_scalar_format(enum conf_type t, const struct conf_key *row, const void *value, struct buf *to);
/* A string as YAML. */
void conf_string_format(const char *s, struct buf *to);
/* A limit of a row (min or max) in the row's own unit: "5m", "25M", "4.5". */
void conf_bound_format(enum conf_type t, double bound, struct buf *to);
/* Bytes for a message: printable, cut when long, in double quotes. */
const char *conf_quoted(span text, char *out, size_t size);

#endif
