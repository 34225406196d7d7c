/* sandbox.h - system calls that a process of ours never needs, taken away with seccomp(2).
 *
 * What is denied answers EPERM (clone3: ENOSYS, so that libc takes clone).  A filter is inherited by every child started after it.
 * Needs no_new_privs.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_SANDBOX_H
#define GATEPOST_APP_SANDBOX_H

#include <stdbool.h>

#include "lib/base/errtext.h"

/* For the front of a daemon, which still starts its own children: no ptrace, mount, namespaces, modules, keyrings, bpf, perf, ...
 * mounts: but its children make mount namespaces of their own (they inherit this filter). */
int sandbox_front(bool mounts, struct errtext *err);
/* For a child that works on descriptors and files alone: that, and no exec, no new process, no socket. */
int sandbox_child(struct errtext *err);

#endif
