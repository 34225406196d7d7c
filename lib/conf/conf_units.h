/* conf_units.h - durations, sizes and rates: text to number and back.
 *
 * Pure.  What the *_format functions write, the *_parse functions read back to the same value.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CONF_CONF_UNITS_H
#define GATEPOST_CONF_CONF_UNITS_H

#include "lib/conf/conf.h"

/* "100ms" "5s" "10m" "2h" "1d" "0". */
bool conf_duration_parse(span text, int64_t *ms_out);
void conf_duration_format(int64_t ms, struct buf *to);
/* "512" "100k" "25M" "1G" "2T". */
bool conf_size_parse(span text, int64_t *bytes_out);
void conf_size_format(int64_t bytes, struct buf *to);
/* "100/h" "3/10m": both parts above zero. */
bool conf_rate_parse(span text, struct conf_rate *out);
void conf_rate_format(const struct conf_rate *r, struct buf *to);
/* A decimal number, up to 9 digits before and 6 behind the point. */
bool conf_number_parse(span text, double *out);
void conf_number_format(double v, struct buf *to);
/* What the writer of a wrong duration or size may have meant: "5 minuts" -> "5m", "25 MB" -> "25M"; else `otherwise`. */
void conf_duration_guess(span text, const char *otherwise, struct buf *to);
void conf_size_guess(span text, const char *otherwise, struct buf *to);
void conf_rate_guess(span text, const char *otherwise, struct buf *to);

#endif
