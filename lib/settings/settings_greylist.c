/* settings_greylist.c - rows of policy.greylist.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

#define AT(f) offsetof(struct set_greylist, f)

static const char *const when_words[] = { "off", "score", "suspicious", "all", NULL };

const struct conf_key greylist_rows[] = {
    { "when", CONF_ENUM, AT(when), 0, 0, "score", APPLY_LIVE,
      "Whose mail has to come again: of those whose points reach score.greylist; also of suspicious clients, without a confirmed name or with one that a provider made from the address; of all.",
      .words = when_words },
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Observe: logged, not put off.", .words = mode_words },
    { "delay", CONF_DURATION, AT(delay_ms), SECONDS(1), HOURS(6), "5m", APPLY_LIVE, "Comes again no sooner than this." },
    { "window", CONF_DURATION, AT(window_ms), MINUTES(10), DAYS(14), "2d", APPLY_LIVE, "And no later; then it is new again." },
    { "keep", CONF_DURATION, AT(keep_ms), HOURS(1), DAYS(400), "35d", APPLY_LIVE, "How long it is known after it passed last." },
    { "auto_after", CONF_INT, AT(auto_after), 0, 1000, "5", APPLY_LIVE,
      "After so many different passes, at most one an hour counted, everything from the same host domain or network passes; 0 is off." },
    { "auto_keep", CONF_DURATION, AT(auto_keep_ms), HOURS(1), DAYS(400), "35d", APPLY_LIVE, "How long, after it was seen last." },
    { "known_keep", CONF_DURATION, AT(known_keep_ms), 0, DAYS(400), "60d", APPLY_LIVE,
      "An address that a login or a trusted network wrote to is not greylisted for so long; 0 is off." },
    { "prefix", CONF_INT, AT(prefix4), 8, 32, "24", APPLY_LIVE, "Clients without a name of their own: one IPv4 network of this prefix is one sender." },
    { "prefix6", CONF_INT, AT(prefix6), 16, 128, "64", APPLY_LIVE, "The same for IPv6." },
    { "skip_clients", CONF_NETS, AT(skip_clients), 0, 0, NULL, APPLY_LIVE, "Addresses and networks that are not greylisted." },
    { "skip_hosts", CONF_STRINGS, AT(skip_hosts), 0, 0, NULL, APPLY_LIVE, "Confirmed client names that are not: mx.example.net, .example.net (all below)." },
    { "skip_senders", CONF_STRINGS, AT(skip_senders), 0, 0, NULL, APPLY_LIVE, "Senders that are not: an address, example.net, .example.net." },
    { "skip_recipients", CONF_STRINGS, AT(skip_recipients), 0, 0, NULL, APPLY_LIVE,
      "Recipients whose mail is not put off: an address, example.com, .example.com." },
    { NULL },
};
#undef AT
