/* list_child.h - files of recipients, read again beside the ones in use.
 *
 * The job is a list of paths; the answer "ok" with two memfds, the set and its patterns, or what is wrong, with file and line.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_LIST_CHILD_H
#define GATEPOST_SOCKETMAPD_LIST_CHILD_H

#include "lib/base/buf.h"
#include "lib/base/errtext.h"
#include "lib/conf/conf.h"

/* What is read: entries of the configuration (number 0), then the files. */
bool list_job_encode(bool fold, const struct conf_strings *entries, const struct conf_strings *files, struct buf *to);
/* Does such a job: the set's memfd, and the patterns; -1 with err. */
int list_job_run(span job, struct buf *patterns, struct errtext *err);
int list_child_run(int argc, char **argv);       /* child role "rcpt-list" */

#endif
