/* errtext.h - the words for people that go with a failure.
 *
 * Modules in lib/ fill it, only a daemon logs it.  Every function takes NULL for "not wanted".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_ERRTEXT_H
#define GATEPOST_BASE_ERRTEXT_H

struct errtext {
    char text[512];   /* NUL-terminated, one line, cut with "..." when too long; "" = nothing said */
};

void errtext_set(struct errtext *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As errtext_set, with ": " and the words of errno at the time of the call behind it. */
void errtext_errno(struct errtext *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts "prefix: " before what is there. */
void errtext_prefix(struct errtext *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
