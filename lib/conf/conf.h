/* conf.h - the table of rows that is parser, range check, default, help, manual page and `config show`.
 *
 * A section is a C struct and an array of rows; lib/settings holds them all.  Values live in an arena and are
 * never changed after loading: a reload makes a new set.
 * Units:     CONF_DURATION int64_t ms ("100ms", "5s", "10m", "2h", "1d", "0"); CONF_SIZE int64_t bytes ("100k", "25M", "1G": powers of 1024);
 *            CONF_RATE struct conf_rate ("100/h", "3/10m").
 * Errors:    all of one file in one run, "FILE:LINE:COLUMN: KEY: what is wrong (what to write)".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CONF_CONF_H
#define GATEPOST_CONF_CONF_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/errtext.h"
#include "lib/proto/ipnet.h"

enum conf_type {
    CONF_BOOL,        /* bool */
    CONF_INT,         /* int64_t, min..max */
    CONF_NUMBER,      /* double, min..max: weights, scores */
    CONF_DURATION,    /* int64_t ms, min..max in ms */
    CONF_SIZE,        /* int64_t bytes, min..max */
    CONF_RATE,        /* struct conf_rate */
    CONF_STRING,      /* const char *, NULL when absent and no default */
    CONF_PATH,        /* const char *: relative ones are made absolute against the folder of the file */
    CONF_SECRET_FILE, /* const char *: a CONF_PATH, "credential:NAME" reads $CREDENTIALS_DIRECTORY/NAME; show never reads it */
    CONF_ADDRESS,     /* const char *: "unix:/p", "inet:H:P", "H:P", "systemd:NAME"; checked for form and stored in long form */
    CONF_ENUM,        /* int: index into the row's words */
    CONF_STRINGS,     /* struct conf_strings; one scalar is a list of one */
    CONF_ADDRESSES,   /* struct conf_strings */
    CONF_PATHS,       /* struct conf_strings */
    CONF_NETS,        /* struct conf_nets: addresses and networks */
    CONF_DOMAIN,      /* const char *: lower case, A-labels, no trailing dot */
    CONF_DOMAINS,     /* struct conf_strings of such */
    CONF_OBJECT,      /* struct of `sub` rows, in place; a row named "*" in sub takes the value when it is not a mapping */
    CONF_LIST,        /* struct conf_list of `sub` structs, each sub_size bytes */
    CONF_NAMED,       /* mapping name -> value: struct conf_list of `sub` structs whose row "name" takes the key; "*" as above */
};

enum conf_apply { APPLY_LIVE, APPLY_RESTART };   /* whether a reload takes it over */

struct conf_strings { const char *const *v; size_t n; };
struct conf_nets    { const struct ipnet *v; size_t n; };
struct conf_list    { void *v; size_t n; };      /* array of n structs */
struct conf_rate    { int64_t count; int64_t per_ms; };

struct conf_key {
    const char *name;               /* within its section or object; NULL ends the table */
    enum conf_type type;
    size_t at;                      /* offsetof in the struct */
    double min, max;                /* 0, 0: no bounds */
    const char *dflt;               /* as written in the file; NULL: zero/none; "!" : must be given */
    enum conf_apply apply;
    const char *help;               /* one or two sentences for the manual */
    const char *const *words;       /* CONF_ENUM: NULL-terminated */
    const struct conf_key *sub;     /* CONF_OBJECT, CONF_LIST, CONF_NAMED */
    size_t sub_size;
    /* May be NULL: a last look at one parsed value (at `value`); 0, or -1 with err. */
    int (*check)(const void *value, struct errtext *err);
    /* May be NULL: true when the value holds a secret, so that show prints stars. */
    bool (*secret)(const void *value);
    /* CONF_LIST: an entry says only what differs from a whole that stands elsewhere; what it does not say has no value (conf_overlay). */
    bool overlay;
    /* CONF_STRING: may be written over several lines; their ends are blanks in the value. */
    bool lines;
    /* CONF_OBJECT: its rows stand elsewhere too; manual and example leave it at the help. */
    bool brief;
};

enum { CONF_MAX_BYTES = 1 << 20, CONF_MAX_DEPTH = 16, CONF_MAX_NODES = 200000 };   /* of one file */

struct conf_errors;                 /* collected messages */
struct conf_errors *conf_errors_new(void);
void conf_errors_free(struct conf_errors **e);
size_t conf_errors_count(const struct conf_errors *e);
const char *conf_errors_at(const struct conf_errors *e, size_t i);   /* one whole message */
void conf_errors_add(struct conf_errors *e, const char *file, size_t line, size_t column, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

struct conf_marks;                  /* where each value was written; lives in the arena */

/* Parses `text` (named `file` in messages) into *out (zeroed struct of `rows`), strings in `arena`.  false when any error was added.
 * Duplicate keys, unknown keys (with the nearest known one), wrong types, anchors/aliases, several documents are errors.
 * marks_out may be NULL; *marks_out is NULL when the text is not YAML. */
bool conf_parse(span text, const char *file, const struct conf_key *rows, void *out, struct arena *arena, struct conf_errors *errors,
                const struct conf_marks **marks_out);
/* Where a value came from, for later checks: "policy.dnsbl[1].zone" -> line and column; false if it was not written. */
bool conf_where(const struct conf_marks *marks, const char *key_path, size_t *line_out, size_t *column_out);
/* The place of the byte `at` within the text of a scalar, whatever its quotes or lines. */
bool conf_where_in(const struct conf_marks *marks, const char *key_path, size_t at, size_t *line_out, size_t *column_out);
/* false when parsing complained of that value or of anything within it: a check that needs it whole is then left out. */
bool conf_sound(const struct conf_marks *marks, const char *key_path);
/* Adds an error about key_path at its place, or at that of the nearest thing around it that was written. */
void conf_errors_add_at(struct conf_errors *e, const struct conf_marks *marks, const char *key_path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The known word nearest to `word`, or NULL when none is near: for "did you mean". */
const char *conf_nearest(span word, const char *const *words);

/* Copies into *to what the file says below key_path; from and to are structs of `rows`.  Lists are copied whole. */
void conf_overlay(const struct conf_key *rows, const struct conf_marks *marks, const char *key_path, const void *from, void *to);

/* The row's default into `value` (of the row's type), whatever was there; for CONF_OBJECT that of each of its rows. */
void conf_reset(const struct conf_key *row, void *value, struct arena *arena);

/* YAML text of the values in force; all: also those equal to the default (marked as comment). Secrets are file names, never content.
 * marks tell what an overlay says; NULL: what differs from the default there. */
void conf_show(const struct conf_key *rows, const void *values, const struct conf_marks *marks, bool all, struct buf *to);
/* mdoc(7) list items of every key: for man/gatepost.yaml.5 */
void conf_man(const struct conf_key *rows, struct buf *to);
/* A commented YAML file of every key with its default; as it stands it sets nothing, and a line without its '#' sets the default. */
void conf_example(const struct conf_key *rows, struct buf *to);
/* Appends the names of the keys with this `apply` whose values differ, as "a.b, c". */
void conf_changed(const struct conf_key *rows, const void *old, const void *neu, enum conf_apply apply, struct buf *to);

#endif
