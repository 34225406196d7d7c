/* map_words.h - what a map of each kind says to the MTA.
 *
 * Pure.  Only `OK data`, `NOTFOUND ` and `TEMP reason` ever leave.
 * Source:    socketmap_table(5), access(5), transport(5).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_MAP_WORDS_H
#define GATEPOST_SOCKETMAPD_MAP_WORDS_H

#include "lib/settings/settings.h"
#include "socketmapd/lookup.h"

enum map_word { MAP_OK, MAP_NOTFOUND, MAP_TEMP };
struct map_reply {
    enum map_word word;
    bool refuses;                /* mail is refused or put off by it: worth a record */
    char data[512];              /* of OK; the reason of TEMP */
};

/* Whether a map of this kind is about single recipients, so that a lookup answers it. */
bool map_asks_lookup(int kind);
/* From the lookup's answer; key as it was asked, id goes into words that are ours.  observe: nothing is refused. */
void map_word_recipient(const struct set_map *map, bool observe, span key, const char *id, const struct lookup_result *r, struct map_reply *out);
/* Of kind aliases: the address that the key stands for, if there is such a recipient. */
void map_word_alias(const struct address *a, const char *id, const struct lookup_result *r, struct map_reply *out);
/* Of kind senders. */
void map_word_sender(struct lookup *k, span key, struct map_reply *out);
/* For the other kinds. */
void map_word_domain(const struct settings *set, const struct set_map *map, span key, struct map_reply *out);

#endif
