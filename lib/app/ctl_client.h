/* ctl_client.h - the other end of a control socket (see ctl_server.h), for gatepostctl: these calls block.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_CTL_CLIENT_H
#define GATEPOST_APP_CTL_CLIENT_H

#include "lib/base/errtext.h"
#include "lib/base/span.h"

/* Connects to a control socket: the descriptor, or -1 with errno and err. */
int ctl_client_connect(const char *path, struct errtext *err);

/* Output as it comes: is_error tells what was written for stderr. */
typedef void ctl_output_fn(bool is_error, span text, void *arg);

/* Sends one request with n_fds descriptors and takes its reply.  The command's exit status (0..255), or -1 with err. */
int ctl_client_call(int sock, const char *const *argv, size_t argc, const int *fds, size_t n_fds, ctl_output_fn *fn, void *arg,
                    struct errtext *err);

#endif
