/* override_ldap.h - overrides of a limit that stand in a directory, kept in a file of the state folder.
 *
 * A child reads all entries in pages and, when it got every one and something differs, puts a new file in the old one's place; so a start
 * with the directory down has the overrides of yesterday.  The file is read as any other of overrides (override_file.h), but a line that
 * is no override is passed over.  That there is none any more must be said three times before it is believed.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_OVERRIDE_LDAP_H
#define GATEPOST_POLICYD_OVERRIDE_LDAP_H

#include "policyd/override_file.h"

struct override_ldap;

/* Whether a limit has a directory, and whether what is said of it can be used (false with err). */
bool override_ldap_wanted(const struct set_limit *limit);
bool override_ldap_check(const struct set_limit *limit, struct errtext *err);
/* set and limit must outlive it.  serving: the directory is asked; else only the file is read.  NULL with err. */
struct override_ldap *override_ldap_open(struct loop *l, const struct settings *set, const struct set_limit *limit, bool serving,
                                         struct errtext *err);
void override_ldap_close(struct override_ldap **o);
const struct overrides *override_ldap_now(const struct override_ldap *o);     /* o may be NULL */

int override_ldap_run(int argc, char **argv);        /* child role "override-ldap" */

#endif
