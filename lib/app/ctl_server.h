/* ctl_server.h - the control socket of a daemon: what gatepostctl talks to.
 *
 * SOCK_STREAM unix socket RUN_DIRECTORY/<daemon>.ctl, mode 0660.  Request: one netstring whose payload is the arguments, each ended by NUL,
 * with any descriptors (SCM_RIGHTS) sent along its first byte.  Reply: netstrings, first byte of the payload 'o' (text for stdout),
 * 'e' (text for stderr) or 'x' (exit status in decimal; the last one).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_CTL_SERVER_H
#define GATEPOST_APP_CTL_SERVER_H

#include "lib/base/span.h"
#include "lib/net/loop.h"

enum { CTL_FDS_MAX = 16 };

struct ctl_server;
struct ctl_request;       /* lives until ctl_finish; if the client leaves, output is dropped and ctl_gone turns true */

struct ctl_command {
    const char *name;                 /* first word, "explain" */
    const char *args;                 /* for the usage line */
    const char *help;
    void (*run)(struct ctl_request *r, void *arg);     /* may finish later */
};

struct ctl_server *ctl_server_new(struct loop *l, const struct ctl_command *const *tables, size_t n_tables, void *arg);
int ctl_server_listen(struct ctl_server *s, const char *path, const char *group, struct errtext *err);
/* Serves one connected socket and calls done when it closes: for "--ctl-fd N", the same commands without a running daemon. */
void ctl_server_serve(struct ctl_server *s, int fd, void (*done)(void *arg), void *arg);
void ctl_server_free(struct ctl_server **s);

size_t ctl_argc(const struct ctl_request *r);          /* without the command's own name */
span ctl_arg(const struct ctl_request *r, size_t i);   /* empty beyond the end */
/* "--name=value" or "--name" anywhere among the arguments; false if absent. */
bool ctl_option(const struct ctl_request *r, const char *name, span *value_out);
size_t ctl_fds(const struct ctl_request *r, const int **fds_out);   /* the request's; closed with it */
bool ctl_gone(const struct ctl_request *r);
void ctl_print(struct ctl_request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ctl_write(struct ctl_request *r, span text);
void ctl_complain(struct ctl_request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ctl_finish(struct ctl_request **r, int exit_status);

#endif
