/* log.h - one key=value line a decision; syslog (facility mail) or stderr.
 *
 * Never blocks: syslog goes over a non-blocking datagram socket, what it does not take is counted and told later.
 * Bytes from the network are escaped (\xNN, \" and \\) before they are written.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_LOG_H
#define GATEPOST_APP_LOG_H

#include "lib/base/buf.h"
#include "lib/proto/ipnet.h"
#include "lib/settings/settings.h"

/* ident: "gatepost-policyd"; foreground forces stderr.  Before log_open everything goes to stderr. */
void log_open(const char *ident, const struct set_log *set, bool foreground);
void log_reconfigure(const struct set_log *set);
void log_close(void);
/* For a daemon with a loop: lines below a warning wait; `waiting` is called when the first does, and log_flush, at the end of that turn,
 * writes them together.  NULL: each line goes out at once, as before. */
void log_batch(void (*waiting)(void *arg), void *arg);
void log_flush(void);
/* Free-form line; for start, stop, warnings.  A warning names what the operator can do. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));     /* a person must act */
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool log_wants(enum log_level level);
void log_syslog_path(const char *path);      /* instead of /dev/log; kept, not copied */
uint64_t log_dropped(void);

/* A decision's line: "ID: key=value key=value".  At most 2000 bytes, then cut with "...". */
struct logline { char text[2048]; size_t n; bool cut; };
void logline_begin(struct logline *l, const char *id);
void logline_str(struct logline *l, const char *key, span value);        /* quoted if it holds a space; at most 320 bytes of each value */
void logline_addr(struct logline *l, const char *key, span mailbox);     /* key=<mailbox> */
void logline_client(struct logline *l, const char *key, span name, const struct ipaddr *a);   /* key=name[ip] */
void logline_int(struct logline *l, const char *key, int64_t value);
void logline_num(struct logline *l, const char *key, double value);      /* score=6.5 */
void logline_ms(struct logline *l, const char *key, int64_t ms);         /* delay=3ms */
void logline_emit(struct logline *l, enum log_level level);

/* A rate fence for alarms that could repeat: true at most once per interval per static fence. */
struct log_fence { int64_t next_ms; uint64_t suppressed; };
bool log_fence_pass(struct log_fence *f, int64_t now_ms, int64_t interval_ms);

#endif
