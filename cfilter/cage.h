/* cage.h - what a worker gives up before it reads its first hostile byte.
 *
 * Landlock: only the files that charset conversion needs can be read, only the own folder written.  seccomp: no socket, no exec, no new process,
 * no ptrace, no memory both writable and executable.  Limits: address space, file size, no core file, no new privileges, no
 * capabilities.
 * Units:     bytes.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_CAGE_H
#define GATEPOST_CFILTER_CAGE_H

#include "lib/base/errtext.h"
#include "lib/settings/settings.h"

/* Can this kernel do it?  false with err: what is missing.  Made for the log and for refusing before anything is loaded. */
bool cage_possible(struct errtext *err);
/* Once in the process that forks the workers: what they would else each do again. */
int cage_prepare(struct errtext *err);
/* Also those that an own user namespace gave. */
int cage_drop_capabilities(struct errtext *err);
/* Locks the calling process in.  0, or -1 with err: then it must not go on (policy SANDBOX_REQUIRE); under SANDBOX_WARN what the kernel
 * cannot do is left out, under SANDBOX_OFF only the limits are set. */
int cage_enter(enum sandbox_policy policy, const char *own_dir, int64_t memory_bytes, int64_t file_bytes, struct errtext *err);

#endif
