/* rcpt_override.h - recipients that a person says are there, or are not, whatever the sources say.
 *
 * From the configuration (recipients.always, recipients.never) and from gatepostctl; the latter are kept in a file of the state folder, a
 * line each: "always|never UNTIL ADDRESS", UNTIL in seconds since 1970, 0: for good.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_RCPT_OVERRIDE_H
#define GATEPOST_SOCKETMAPD_RCPT_OVERRIDE_H

#include "lib/base/buf.h"
#include "lib/base/errtext.h"
#include "lib/net/loop.h"
#include "lib/settings/settings.h"

enum rcpt_override { OVERRIDE_NONE, OVERRIDE_ALWAYS, OVERRIDE_NEVER };

struct rcpt_overrides;

/* The file's lines that cannot be read are told in err and left out; it is written anew with the next change. */
struct rcpt_overrides *rcpt_overrides_open(struct loop *l, const struct settings *set, struct errtext *err);
void rcpt_overrides_close(struct rcpt_overrides **o);
/* An address in the form of address_resolve.  *by_out: "recipients.always", "gatepostctl recipient add". */
enum rcpt_override rcpt_override_of(const struct rcpt_overrides *o, span address, span domain, const char **by_out);
/* for_ms 0: for good; OVERRIDE_NONE takes one back.  0, or -1 with err (it holds until a restart all the same). */
int rcpt_override_set(struct rcpt_overrides *o, span address, enum rcpt_override what, int64_t for_ms, struct errtext *err);
void rcpt_overrides_list(const struct rcpt_overrides *o, struct buf *to);

#endif
