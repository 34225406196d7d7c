/* hook.h - tells a command or a web server of a key that exceeded a limit: once per key and policy.hook.every, on all hosts together.
 *
 * What is told is one JSON object (gatepost-policyd(8)): on the command's standard input and, value by value, in its environment
 * (GATEPOST_LIMIT, GATEPOST_KEY, ...); or as the body of a POST.
 * Both run in a child process that is killed at policy.hook.timeout.  No decision waits for any of it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_HOOK_H
#define GATEPOST_POLICYD_HOOK_H

#include "policyd/check.h"

struct hook;

enum { HOOK_JOB_MAX = 16 * 1024, HOOK_REPLY_MAX = 400 };

struct hook *hook_new(struct services *s);
void hook_free(struct hook **h);
/* key: "NAME/VALUE" of the limit.  blocked: the login is blocked now because of it. */
void hook_tell(struct hook *h, const struct check_run *run, const struct limit_rule *rule, span key, int64_t retry_ms, bool blocked);

int hook_child_run(int argc, char **argv);           /* child role "hook" */

#endif
