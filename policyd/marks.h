/* marks.h - keys of limits that an administrator exempted or gave a rate, logins that are blocked, authorities that pass the greylist.
 *
 * They live in the store (tables "limit-exempt", "limit-rate", "limit-block" and "grey-pass"), so that all hosts have them; this process looks at its copy,
 * changed at once by what is done here.  Every MARKS_EVERY_MS it asks for one value ("marks", "changed") that every change writes anew, and
 * reads all only when that is another: a walk through a large store is nothing to do every ten seconds.  A store that is away leaves the
 * copy as it is.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_MARKS_H
#define GATEPOST_POLICYD_MARKS_H

#include "policyd/services.h"

#define MARKS_EVERY_MS SECONDS(10)
/* All are read so often whatever is said: somebody may have changed the store by hand. */
#define MARKS_WHOLE_MS HOURS(1)
/* A login that nobody releases stays blocked this long. */
#define BLOCK_KEEP_MS DAYS(400)

enum mark { MARK_EXEMPT, MARK_RATE, MARK_BLOCKED, MARK_GREY_PASS, MARK_COUNT };

struct marks *marks_new(struct services *s);
void marks_free(struct marks **m);
bool marks_any(const struct marks *m, enum mark mark);
/* Whether key is marked; NULL: no, else why, as it was said then. */
const char *marks_why(const struct marks *m, enum mark mark, span key);
/* Marks it for ttl_ms.  fn (may be NULL) hears whether the store has taken it. */
void marks_set(struct marks *m, enum mark mark, span key, const char *why, int64_t ttl_ms, store_value_fn *fn, void *arg);
void marks_clear(struct marks *m, enum mark mark, span key, store_value_fn *fn, void *arg);
const char *marks_table(enum mark mark);

#endif
