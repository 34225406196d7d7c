/* listener.h - accepting sockets: TCP, unix with owner and mode, or handed over by systemd.
 *
 * Address forms: "unix:/path", "inet:127.0.0.1:10025", "inet:[::1]:10025", "127.0.0.1:10025" (short for inet:),
 *                "systemd:NAME" (FileDescriptorName= of a .socket unit, sd_listen_fds_with_names(3)).
 * A stale unix socket file is replaced; one that somebody answers on is an error.
 * At the client limit, or when descriptors run out, accepting pauses on a timer (no busy loop); on_full tells, at most once a minute.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_LISTENER_H
#define GATEPOST_NET_LISTENER_H

#include "lib/net/loop.h"

struct listener;

struct listener_spec {
    const char *address;
    const char *owner, *group;   /* of a unix socket; NULL: as created */
    unsigned mode;               /* of a unix socket; 0: 0660 */
    int backlog;                 /* 0: 4096 */
    size_t max_clients;          /* 0: no limit; counted with listener_client_gone */
};

struct listener_handler {
    void (*on_client)(struct listener *l, int fd, void *arg);   /* fd is non-blocking, close-on-exec, now the callee's */
    void (*on_full)(struct listener *l, const char *why, void *arg);  /* may be NULL */
};

/* Binds and listens but does not accept before listener_start (so a daemon can bind as root, then drop). */
struct listener *listener_bind(const struct listener_spec *spec, struct errtext *err);
/* Takes over a listening socket that is already there. */
struct listener *listener_adopt(int fd, const char *address, size_t max_clients);
int listener_start(struct listener *l, struct loop *loop, const struct listener_handler *h, void *arg);
void listener_pause(struct listener *l);                  /* drain: the socket stays open, nothing is accepted */
void listener_client_gone(struct listener *l);
size_t listener_clients(const struct listener *l);
const char *listener_address(const struct listener *l);
int listener_fd(const struct listener *l);
int listener_port(const struct listener *l);              /* TCP: the bound port (for port 0), else -1 */
void listener_close(struct listener **l, bool unlink_path);

#endif
