/* share_child.h - what is read, hashed and written of a shared set, in a process of its own: a million addresses take seconds.
 *
 * Files travel as memfds.  An answer is "ok", a number, and the files; or what is wrong.
 * SPLIT:     the set in force -> its index, its pieces one after the other.
 * PLAN:      an index, the set in force -> the numbers (uint32_t) of the pieces that the set does not have.
 * BUILD:     an index, the fetched pieces (struct share_fetched before each), the set in force for the rest -> a proposal at its path; the number of
 *            its addresses.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SHARE_CHILD_H
#define GATEPOST_SOCKETMAPD_SHARE_CHILD_H

#include "lib/base/buf.h"
#include "lib/base/errtext.h"

enum share_task { SHARE_SPLIT, SHARE_PLAN, SHARE_BUILD };

struct share_job {
    enum share_task task;
    span set_path, proposal_path, asked;     /* the paths NUL-terminated where they come from */
    int64_t complete_ms;                     /* BUILD: when the directory was read whole */
};
void share_job_encode(const struct share_job *j, struct buf *to);
bool share_job_decode(span bytes, struct share_job *out);       /* spans point into bytes */

struct share_fetched { uint32_t number, bytes; };

/* Whether the answer is a good one. */
bool share_answer_decode(span reply, uint64_t *number_out, struct errtext *why);

/* A file as it is, mapped; empty ones too.  false with err. */
bool share_map(int fd, span *out, struct errtext *err);
void share_unmap(span *s);

/* Does a job: fds_in as they came; fds_out for the answer, closed by the caller.  Whether it went well. */
bool share_job_run(const struct share_job *j, const int *fds_in, size_t n_in, int fds_out[2], uint64_t *number_out, struct errtext *err);
int share_child_run(int argc, char **argv);      /* child role "rcpt-share" */

#endif
