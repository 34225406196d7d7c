/* layers.h - the layers that libclamav takes out of one message: what was looked at already, and what may be passed over because it is known clean.
 *
 * A layer can be known clean only where nothing but its own bytes decides:
 * - a decoded part that we give to the engine ourselves, alone or as a member of a bundle.  Its key is the SHA-256 over the generation (so database and
 *   settings: a generation is loaded once and never changed) and the length and SHA-256 of its bytes;
 * - what libclamav's mail parser finds directly in the message.  Its key holds type and attributes as well, and is another one than that of the
 *   part: signatures may name the mail as container.
 * Not known clean are
 * - the message itself and any other mail: the checks of headers, links and parts against each other belong to it, not to what is attached;
 * - what lies deeper, in archives and documents: a false-positive entry for the outer file silences hits in the inner one, which elsewhere counts; how
 *   deep it lies decides over limits; and the outer one is what comes again;
 * - anything of a message in which there was any alert, any limit, any error, or any other way of not having seen all.
 * Passing over a layer takes nothing from the limits, so more of the rest is read, never less.  Whoever wants to know more of a layer than whether it
 * is clean (names in an archive) must not let it be passed over.
 * Pure but for the cache, which it only reads.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_LAYERS_H
#define GATEPOST_CFILTER_LAYERS_H

#include "cfilter/clean_cache.h"

struct layers;

enum { LAYERS_SEEN_MAX = 4096, LAYERS_CLEAN_MAX = 64, LAYERS_DEPTH_MAX = 128 };
enum layers_root { LAYERS_MESSAGE, LAYERS_PART, LAYERS_BUNDLE };   /* a bundle: parts as members of an archive of ours */

struct layers *layers_new(void);                        /* NULL: no SHA-256 in this system */
void layers_free(struct layers **l);
/* From now on the cache is asked and told, for this worker.  known stays the caller's; NULL: it is not. */
void layers_use_cache(struct layers *l, const struct clean_view *known, uint32_t generation, uint32_t serial);
void layers_begin_message(struct layers *l);

/* Was that part taken out of this message before, by whatever parser, or is it known clean?  *digest_out: of its bytes, for layers_begin_call. */
bool layers_seen(struct layers *l, span part, bool text, struct digest *digest_out);

/* Was it passed over in this message because it is known clean?  Then so is all that any reader found in it: nothing is learned of a message of which
 * not all was seen. */
bool layers_passed_over(struct layers *l, span part);

/* It will be looked at as a member of a bundle: from now on it counts as seen. */
void layers_remember(struct layers *l, span part, const struct digest *digest);

/* One call of the engine: begin, then enter and leave as libclamav tells of layers, each inside the one around it, then end. */
void layers_begin_call(struct layers *l, enum layers_root root, span bytes, const struct digest *digest);     /* digest: LAYERS_PART only */
/* true: known clean, pass it over; leave is called for it all the same.  level: 0 for the root; type: libclamav's name of it. */
bool layers_enter(struct layers *l, uint32_t level, const char *type, uint32_t attributes, span bytes);
void layers_leave(struct layers *l, bool clean);
/* false: not every layer that was left had been entered, so something was passed over unseen. */
bool layers_end_call(struct layers *l);

void layers_alert(struct layers *l);                    /* nothing of this message is to be called clean any more */
size_t layers_hits(const struct layers *l);             /* passed over in this message */
/* What of this message is worth telling: at most LAYERS_CLEAN_MAX keys, not known to the cache; none after an alert. */
size_t layers_clean(const struct layers *l, const struct digest **keys_out);

#endif
