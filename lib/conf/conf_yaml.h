/* conf_yaml.h - YAML text as a tree of nodes that know their line and column.
 *
 * libyaml's events, with limits: CONF_MAX_BYTES, CONF_MAX_DEPTH, CONF_MAX_NODES.  Refused with their place: anchors, aliases, tags,
 * several documents, duplicate or non-scalar keys, NUL, what is not UTF-8.  Scalars stay text: types belong to the rows.
 * Units:     lines and columns count from 1, columns in characters.
 * Ownership: everything lives in the arena.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CONF_CONF_YAML_H
#define GATEPOST_CONF_CONF_YAML_H

#include "lib/conf/conf.h"

enum conf_node_kind { CONF_NODE_SCALAR, CONF_NODE_LIST, CONF_NODE_MAP };

struct conf_node {
    enum conf_node_kind kind;
    size_t line, column;             /* of the key where the parent is a mapping, else of the value */
    size_t value_line, value_column; /* of a scalar's text, its quote or its | */
    span key;                        /* in a mapping */
    span text;                       /* of a scalar, without NUL inside */
    bool plain;                      /* scalar without quotes */
    struct conf_node *first, *last;  /* children */
    struct conf_node *next;          /* sibling */
    size_t count;                    /* of children */
    bool bad;                        /* somebody complained of it: said once */
};

struct conf_marks {
    const char *file;
    span text;                       /* the whole file */
    struct conf_node *root;          /* NULL: an empty file */
};

/* *root_out: NULL when the text holds nothing.  false: errors were added; *root_out is still set unless the text was not YAML. */
bool conf_yaml_parse(span text, const char *file, struct arena *arena, struct conf_errors *errors, struct conf_node **root_out);
/* The node of "policy.dnsbl[1].zone"; NULL: it was not written, or there are no marks. */
const struct conf_node *conf_node_at(const struct conf_marks *marks, const char *key_path);
/* A plain scalar that says nothing: `key:`, `~`, `null`. */
bool conf_node_is_null(const struct conf_node *n);

#endif
