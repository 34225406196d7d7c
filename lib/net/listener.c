/* listener.c - accepting sockets: TCP, unix with owner and mode, or handed over by systemd.
 *
 * When descriptors run out, the waiting clients wait with the kernel: mostly a descriptor is free again soon.  If the
 * shortage lasts, they are turned away through a descriptor kept in reserve, so that each hears at once and not after
 * its own long timeout.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/net/address.h"

enum { BACKLOG = 4096, ACCEPTS_A_TURN = 64, PAUSE_MS = 100, TURN_AWAY_AFTER_MS = 5000 };

struct listener {
    struct loop *loop;
    struct loop_io io;
    struct loop_timer pause;
    const struct listener_handler *handler;
    void *arg;
    char *address;
    char *path;                 /* of a unix socket that we made */
    dev_t path_dev;             /* and which file it was: somebody else's in its place is not ours to remove */
    ino_t path_ino;
    int fd;
    int reserve_fd;             /* given up to accept when there are no others; -1: lost for now */
    int64_t short_since_ms;     /* descriptors have been short since; 0: they are not */
    size_t clients, max_clients;
    bool paused, full;
    int64_t next_alarm_ms;
};

struct listener *listener_adopt(int fd, const char *address, size_t max_clients)
{
    struct listener *l = xcalloc(1, sizeof(*l));

    l->fd = fd;
    l->address = xstrdup(address);
    l->max_clients = max_clients;
    l->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return l;
}

/* The sockets that systemd handed over, by FileDescriptorName=; each is given out once.  The environment stays for further listeners. */
static int from_systemd(const char *name, struct errtext *err)
{
    static bool used[64];
    char **names = NULL;
    int n = sd_listen_fds_with_names(0, &names), fd = -1;

    for (int i = 0; i < n && i < 64; i++)
        if (fd < 0 && !used[i] && strcmp(names[i], name) == 0) {
            used[i] = true;
            fd = SD_LISTEN_FDS_START + i;
        }
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    if (fd < 0)
        errtext_set(err, "systemd handed over no socket named \"%s\" (FileDescriptorName= in the .socket unit)", name);
    return fd;
}

/* A socket file that nobody answers on was left behind by a process that was killed. */
static int clear_stale(const struct address *a, const char *path, struct errtext *err)
{
    struct stat st;
    int fd, r;

    if (lstat(path, &st) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode)) {
        errtext_set(err, "%s is there and is not a socket: remove it, or choose another path", path);
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    r = fd < 0 ? -1 : connect(fd, &a->sa.any, a->len);
    if (r != 0 && (errno == ECONNREFUSED || errno == ENOENT))
        r = 1;
    if (fd >= 0)
        close(fd);
    if (r != 1) {
        errtext_set(err, "another process listens at %s already", path);
        return -1;
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        errtext_errno(err, "the old socket %s cannot be removed", path);
        return -1;
    }
    return 0;
}

static int give_to(const struct listener_spec *spec, const char *path, struct errtext *err)
{
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;

    if (spec->owner != NULL && spec->owner[0] != '\0') {
        const struct passwd *pw = getpwnam(spec->owner);

        if (pw == NULL) {
            errtext_set(err, "there is no user \"%s\" (listen.owner)", spec->owner);
            return -1;
        }
        uid = pw->pw_uid;
    }
    if (spec->group != NULL && spec->group[0] != '\0') {
        const struct group *gr = getgrnam(spec->group);

        if (gr == NULL) {
            errtext_set(err, "there is no group \"%s\" (listen.group)", spec->group);
            return -1;
        }
        gid = gr->gr_gid;
    }
    if ((uid != (uid_t)-1 || gid != (gid_t)-1) && chown(path, uid, gid) != 0) {
        errtext_errno(err, "%s cannot be given to its owner or group", path);
        return -1;
    }
    if (chmod(path, spec->mode != 0 ? (mode_t)spec->mode : 0660) != 0) {
        errtext_errno(err, "the mode of %s cannot be set", path);
        return -1;
    }
    return 0;
}

static int bind_unix(int fd, const struct address *a, const struct listener_spec *spec, const char *path, struct errtext *err)
{
    mode_t old;
    int r;

    if (clear_stale(a, path, err) != 0)
        return -1;
    old = umask(0177);            /* nobody connects before owner and mode are as asked for */
    r = bind(fd, &a->sa.any, a->len);
    umask(old);
    if (r != 0) {
        errtext_errno(err, "cannot make the socket %s", path);
        return -1;
    }
    if (give_to(spec, path, err) != 0) {
        unlink(path);
        return -1;
    }
    return 0;
}

static int bind_inet(int fd, const struct address *a, const char *address, struct errtext *err)
{
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->sa.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, &a->sa.any, a->len) == 0)
        return 0;
    errtext_errno(err, "cannot bind %s", address);
    return -1;
}

struct listener *listener_bind(const struct listener_spec *spec, struct errtext *err)
{
    struct address a;
    struct listener *l;
    const char *path = spec->address + 5;
    struct stat st;
    int fd, r;

    if (strncmp(spec->address, "systemd:", 8) == 0) {
        fd = from_systemd(spec->address + 8, err);
        return fd >= 0 ? listener_adopt(fd, spec->address, spec->max_clients) : NULL;
    }
    if (address_parse(spec->address, &a, err) != 0)
        return NULL;
    fd = socket(a.sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        errtext_errno(err, "cannot make a socket for %s", spec->address);
        return NULL;
    }
    r = a.sa.any.sa_family == AF_UNIX ? bind_unix(fd, &a, spec, path, err) : bind_inet(fd, &a, spec->address, err);
    if (r == 0 && listen(fd, spec->backlog > 0 ? spec->backlog : BACKLOG) != 0) {
        errtext_errno(err, "cannot listen at %s", spec->address);
        r = -1;
    }
    if (r != 0) {
        close(fd);
        return NULL;
    }
    l = listener_adopt(fd, spec->address, spec->max_clients);
    if (a.sa.any.sa_family == AF_UNIX && lstat(path, &st) == 0) {
        l->path = xstrdup(path);
        l->path_dev = st.st_dev;
        l->path_ino = st.st_ino;
    }
    return l;
}

static void on_pause_over(void *arg)
{
    struct listener *l = arg;

    if (!l->paused && !l->full)
        loop_io_want(&l->io, LOOP_READ);
}

static void tell_full(struct listener *l, const char *why)
{
    if (l->handler->on_full == NULL || loop_now_ms(l->loop) < l->next_alarm_ms)
        return;
    l->next_alarm_ms = loop_now_ms(l->loop) + MINUTES(1);
    l->handler->on_full(l, why, l->arg);
}

/* The kernel would tell us of the waiting client again at once, for ever: look away for a while. */
static void rest(struct listener *l, const char *why)
{
    loop_io_want(&l->io, 0);
    loop_timer_start(l->loop, &l->pause, PAUSE_MS, on_pause_over, l);
    tell_full(l, why);
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Accepts with the reserve and closes at once what came. */
static void turn_away(struct listener *l)
{
    for (int i = 0; i < ACCEPTS_A_TURN && l->reserve_fd >= 0; i++) {
        int fd;

        close(l->reserve_fd);
        fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        l->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return;
    }
}

static void on_shortage(struct listener *l)
{
    int64_t now = loop_now_ms(l->loop);

    if (l->reserve_fd < 0)
        l->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (l->short_since_ms == 0)
        l->short_since_ms = now > 0 ? now : 1;
    else if (now - l->short_since_ms >= TURN_AWAY_AFTER_MS)
        turn_away(l);
    rest(l, "no more descriptors or memory: raise LimitNOFILE=, or lower listen.max_clients");
}

/* Still full a minute after the last word about it: said again. */
static void while_full(void *arg)
{
    struct listener *l = arg;

    tell_full(l, "as many clients are connected as listen.max_clients allows");
    loop_timer_start(l->loop, &l->pause, l->next_alarm_ms - loop_now_ms(l->loop), while_full, l);
}

static bool at_limit(struct listener *l)
{
    if (l->max_clients == 0 || l->clients < l->max_clients)
        return false;
    l->full = true;
    loop_io_want(&l->io, 0);
    if (l->handler->on_full != NULL)
        while_full(l);
    return true;
}

static void on_acceptable(int events, void *arg)
{
    struct listener *l = arg;

    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && !l->paused && !at_limit(l); i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            l->short_since_ms = 0;
            l->clients++;
            l->handler->on_client(l, fd, l->arg);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (is_shortage(errno)) {
            on_shortage(l);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED && errno != EPERM && errno != EPROTO) {
            rest(l, strerror(errno));
            return;
        }
    }
}

int listener_start(struct listener *l, struct loop *loop, const struct listener_handler *h, void *arg)
{
    l->loop = loop;
    l->handler = h;
    l->arg = arg;
    return loop_io_start(loop, &l->io, l->fd, LOOP_READ, on_acceptable, l);
}

void listener_pause(struct listener *l)
{
    l->paused = true;
    loop_timer_stop(&l->pause);
    if (l->loop != NULL)
        loop_io_want(&l->io, 0);
}

void listener_client_gone(struct listener *l)
{
    if (l->clients > 0)
        l->clients--;
    if (!l->full || l->paused)
        return;
    l->full = false;
    loop_timer_stop(&l->pause);
    loop_io_want(&l->io, LOOP_READ);
}

size_t listener_clients(const struct listener *l)
{
    return l->clients;
}

const char *listener_address(const struct listener *l)
{
    return l->address;
}

int listener_fd(const struct listener *l)
{
    return l->fd;
}

int listener_port(const struct listener *l)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof(sa);

    if (getsockname(l->fd, (struct sockaddr *)&sa, &n) != 0)
        return -1;
    if (sa.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&sa)->sin_port);
    return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&sa)->sin6_port) : -1;
}

void listener_close(struct listener **lp, bool unlink_path)
{
    struct listener *l = *lp;
    struct stat st;

    *lp = NULL;
    if (l == NULL)
        return;
    loop_timer_stop(&l->pause);
    if (l->loop != NULL)
        loop_io_stop(&l->io);
    close(l->fd);
    if (l->reserve_fd >= 0)
        close(l->reserve_fd);
    if (unlink_path && l->path != NULL && lstat(l->path, &st) == 0 && st.st_dev == l->path_dev && st.st_ino == l->path_ino)
        unlink(l->path);
    free(l->path);
    free(l->address);
    free(l);
}
