/* stats.h - named counters and gauges of a daemon, shown by `gatepostctl status` and in Prometheus text form.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_STATS_H
#define GATEPOST_APP_STATS_H

#include "lib/base/buf.h"

struct stats;

struct stats *stats_new(const char *daemon);
void stats_free(struct stats **s);
/* The counter "name" with an optional label pair (both NULL: none); the pointer stays valid: ++*c is the hot path. */
uint64_t *stats_counter(struct stats *s, const char *name, const char *help, const char *label, const char *value);
void stats_gauge(struct stats *s, const char *name, const char *help, double (*read)(void *arg), void *arg);
void stats_print(const struct stats *s, struct buf *to);              /* Prometheus text: "gatepost_<daemon>_name{label="value"} 12" lines */

#endif
