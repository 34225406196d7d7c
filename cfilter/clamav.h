/* clamav.h - libclamav behind our own words; scan_clamav.c and clamav_*.c are the only files that know libclamav's clamav.h.
 *
 * An engine is loaded, tried (a marker must be found, a harmless message must be clean) and never changed after; workers share it by fork.
 * Every way of not having looked is a fact or makes the facts incomplete: libclamav itself calls a scan that ran out of time "clean".
 * Units:     bytes, milliseconds.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_CLAMAV_H
#define GATEPOST_CFILTER_CLAMAV_H

#include "cfilter/facts.h"
#include "lib/settings/settings.h"

struct clamav;
struct clean_view;

/* Loads the folder of set->filter.virus, with every limit set.  scratch: a folder for the time of loading.  NULL with err: missing, empty, broken,
 * too few signatures, or it did not pass its test.  *warning is filled when it loaded but something wants a look. */
struct clamav *clamav_load(const struct settings *set, const char *scratch, struct errtext *warning, struct errtext *err);
void clamav_free(struct clamav **c);
uint64_t clamav_signatures(const struct clamav *c);
/* Where the scanning process unpacks things: each its own, set once after the fork. */
void clamav_use_scratch(struct clamav *c, const char *dir);

/* The verdict cache of this worker; layers.h. */
void clamav_use_cache(struct clamav *c, const struct clean_view *known, uint32_t generation, uint32_t serial);

/* Forgets what was seen of the message before. */
void clamav_begin_message(struct clamav *c);
/* When nothing more of it will be scanned: adds to the facts what the cache is to be told. */
void clamav_end_message(struct clamav *c, struct facts *f);
/* The whole message, always read as mail, whatever its first bytes look like.  The LOADED_ROOM bytes before it are written to. */
void clamav_scan_message(struct clamav *c, span message, const char *scanner, struct facts *f);
/* One decoded part.  Not looked at again if libclamav's own parser has already taken the same bytes out of this message, or if it is
 * known to be clean; returns whether the engine was called. `text`: line ends and blank lines at the end do not make a difference. */
bool clamav_scan_part(struct clamav *c, span bytes, bool text, const char *scanner, struct facts *f);
/* Whether the engine has seen these bytes in this message, or they are known to be clean.  remember: if not, they count as seen from now on, because
 * the caller has them looked at as a file of their own. */
bool clamav_knows(struct clamav *c, span bytes, bool text, bool remember);
/* Were these bytes passed over in this message because they are known to be clean?  layers.h. */
bool clamav_passed_over(struct clamav *c, span bytes);
/* Something in this message was not looked at: nothing of it is to be called known. */
void clamav_not_whole(struct clamav *c);
/* Several parts as the members of one archive. */
void clamav_scan_bundle(struct clamav *c, span archive, const char *scanner, struct facts *f);

#endif
