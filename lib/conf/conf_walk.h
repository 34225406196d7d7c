/* conf_walk.h - what the readers of a table share: rows, places of values, defaults.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CONF_CONF_WALK_H
#define GATEPOST_CONF_CONF_WALK_H

#include "lib/conf/conf_types.h"

static inline void *conf_slot(void *base, const struct conf_key *row)
{
    return (char *)base + row->at;
}

static inline const void *conf_slot_const(const void *base, const struct conf_key *row)
{
    return (const char *)base + row->at;
}

static inline bool conf_is_star(const struct conf_key *row)
{
    return row->name[0] == '*';
}

/* What a value of the row takes in its struct; not of CONF_OBJECT. */
size_t conf_value_size(const struct conf_key *row);
/* The row of that name, or NULL. */
const struct conf_key *conf_row(const struct conf_key *rows, span name);
/* Only "name" and "*": the value of such an entry is never a mapping. */
bool conf_is_pair(const struct conf_key *sub);
/* No value: a NULL string, a rate of nothing. */
bool conf_is_none(const struct conf_key *row, const void *value);

#endif
