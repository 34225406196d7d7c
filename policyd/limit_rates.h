/* limit_rates.h - the rates of a limit, its own or an override's, as the store is asked about them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_LIMIT_RATES_H
#define GATEPOST_POLICYD_LIMIT_RATES_H

#include "lib/base/arena.h"
#include "lib/settings/settings.h"
#include "lib/store/store.h"

/* One of the rates. */
struct limit_window {
    span prefix;                         /* of its keys: "NAME/", "NAME:h/" where the limit has several */
    struct store_limit rate;             /* without key and cost */
};

struct limit_rates {
    bool unlimited;                      /* of an override alone: nothing is counted */
    size_t n;
    struct limit_window v[LIMIT_WINDOWS_MAX];
};

/* The limit's own. */
void limit_rates_own(const struct set_limit *limit, struct arena *arena, struct limit_rates *out);
/* An override's: "500/h, 2000/d", or "unlimited"; not more rates than the limit itself has.  false with err. */
bool limit_rates_override(const struct set_limit *limit, const struct conf_strings *text, struct arena *arena, struct limit_rates *out,
                          struct errtext *err);

#endif
