/* rows.h - what the files of rows share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SETTINGS_ROWS_H
#define GATEPOST_SETTINGS_ROWS_H

#include "lib/net/loop.h"            /* SECONDS, MINUTES, ... */
#include "lib/settings/settings.h"

/* A row ends where its further fields are zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define KB(n)      ((n) * 1024.0)
#define MB(n)      ((n) * 1048576.0)
#define GB(n)      ((n) * 1073741824.0)

enum { LIMITS_MAX = 16 };                         /* that a store decides at once: STORE_LIMITS_MAX */

extern const char *const mode_words[];            /* enum mode */

extern const struct conf_key process_rows[], listen_rows[], store_rows[], recipients_rows[], map_rows[], network_rows[],
    policy_rows[], limit_rows[], hook_rows[], lua_rows[], greylist_rows[], spf_rows[], rule_rows[], name_list_rows[], filter_rows[], virus_rows[], unchecked_rows[], shapes_rows[], heuristics_rows[], rcpt_class_rows[], replies_rows[], handover_rows[],
    events_rows[], log_rows[];

bool zone_holds_key(const void *value);          /* const char *: a zone whose first label is a customer's key */

extern const char *const ldap_tls_words[];        /* enum ldap_tls */
extern const struct conf_key ldap_bind_rows[];
int check_ldap_urls(const void *value, struct errtext *err);       /* struct conf_strings */

/* Checks of one value, shared by rows (see struct conf_key). */
int check_public_name(const void *value, struct errtext *err);     /* const char *: letters, digits, . _ - ; at most 63 */
int check_header_field(const void *value, struct errtext *err);    /* const char *: "Name: value", one line */
int check_octal_mode(const void *value, struct errtext *err);      /* const char *: "0660" */

/* Between the sections; each adds its errors, and leaves out what was not read whole (conf_sound). */
void settings_check_recipients(struct settings *s, struct conf_errors *errors);   /* also makes `sources` the one list */
void settings_check_policy(struct settings *s, struct conf_errors *errors);       /* also fills defaults that hang on other keys */
void settings_check_store(struct settings *s, struct conf_errors *errors);
void settings_check_filter(struct settings *s, struct conf_errors *errors);
void settings_check_rcpt_classes(struct settings *s, struct conf_errors *errors); /* also lays the classes over the rest: comes last */

#endif
