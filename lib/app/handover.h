/* handover.h - the signed header field by which policyd tells cfilter what it knows of a message.
 *
 *   X-Gatepost: v=1; id=...; t=<unix time>; client=...; score=...; hits=...; login=...; trusted=0|1; class=...; mac=<base64>
 *
 * mac: HMAC-SHA-256 over everything of the field body before "mac=" (as written, unfolded) and, after a NUL, the reverse-path.
 * Values are percent-encoded (RFC 3986) outside printable ASCII without ';', '%' and blanks, so the field is one safe line.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_HANDOVER_H
#define GATEPOST_APP_HANDOVER_H

#include "lib/app/id.h"
#include "lib/base/buf.h"
#include "lib/base/errtext.h"
#include "lib/settings/settings.h"

#define HANDOVER_FIELD "X-Gatepost"
enum { HANDOVER_KEY_BYTES = 32 };

struct handover_key { uint8_t b[HANDOVER_KEY_BYTES]; };

struct handover {
    char id[ID_TEXT];
    int64_t time_s;              /* Unix */
    char client[64];             /* address text */
    double score;
    char hits[512];              /* "zen:5,helo:2.5" */
    char login[256];
    bool trusted;                /* own network, login or submission */
    char msg_class[32];          /* of filter.classes: that of the smtpd service (its policy_context), or "default" */
};

/* Reads the key file; with `create` makes it (0640, random, atomically) when it is not there: the first daemon wins, all read the same. */
int handover_key_load(const char *path, bool create, struct handover_key *out, struct errtext *err);
/* The same for handover.key_file, by default state_directory/handover.key. */
int handover_key_of(const struct settings *set, bool create, struct handover_key *out, struct errtext *err);
/* "X-Gatepost: v=1; ..." without line end. */
void handover_write(const struct handover *h, span reverse_path, const struct handover_key *key, struct buf *to);
enum handover_status { HANDOVER_OK, HANDOVER_BAD_SYNTAX, HANDOVER_BAD_MAC, HANDOVER_TOO_OLD };
/* field_body: what follows "X-Gatepost:", folded or not.  *out is filled on HANDOVER_OK only. */
enum handover_status handover_read(span field_body, span reverse_path, const struct handover_key *key, int64_t now_s,
                                   int64_t max_age_s, struct handover *out);

#endif
