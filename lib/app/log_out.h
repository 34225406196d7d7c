/* log_out.h - where finished lines go: syslog or stderr, at once or together at the end of a turn.
 *
 * For log.c.  A line is printable text without an end; it is taken whole or not at all, and what is not taken is counted.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_LOG_OUT_H
#define GATEPOST_APP_LOG_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `severity` is RFC 5424 6.2.1's. */
void log_out_put(int severity, const char *text, size_t n);
/* Writes what waits. */
void log_out_flush(void);
uint64_t log_out_dropped(void);

void log_out_ident(const char *ident);
/* syslog or stderr, from now on. */
void log_out_to(bool syslog);
void log_out_syslog_path(const char *path);
/* From now on lines of a severity above `urgent` wait until log_out_flush; `fn` is told when the first does.  NULL: none waits. */
void log_out_batch(int urgent, void (*fn)(void *arg), void *arg);

#endif
