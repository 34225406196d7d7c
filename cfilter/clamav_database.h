/* clamav_database.h - the folders and files of signatures: reading them into an engine, and noticing that they change.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_CLAMAV_DATABASE_H
#define GATEPOST_CFILTER_CLAMAV_DATABASE_H

#include "lib/base/errtext.h"
#include "lib/base/map.h"
#include "lib/settings/settings.h"

struct cl_engine;

/* libclamav as such, once. */
bool clamav_start(struct errtext *err);
/* It has complained, since this was last asked, that it got no memory: how many bytes it wanted, at the least; 0: it has not.  What it wanted them for
 * it leaves out, and that is all it says. */
uint64_t clamav_lacked_memory(void);

/* All databases of the settings into an engine that is not compiled yet; *n_out: signatures.  Fewer than filter.virus.min_signatures is an error. */
bool clamav_load_databases(struct cl_engine *e, const struct set_virus *set, uint64_t *n_out, struct errtext *err);
/* Names of the signatures in the trusted databases: libclamav does not tell which file a hit is from.  The caller frees the map. */
struct map *clamav_trusted_names(const struct set_virus *set, struct errtext *warning);

/* Do both load the same signatures out of the same files?  Only then their numbers can be compared. */
bool clamav_same_databases(const struct set_virus *a, const struct set_virus *b);

/* A stamp of all databases that changes when a file in them does; 0: the folder is not there. */
uint64_t clamav_database_stamp(const struct set_virus *set);

#endif
