/* scratch.c - where workers unpack attachments: one folder each, on one tmpfs of limited size.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cfilter/cage.h"

#define PREFIX "gatepost-scan."
enum { DEPTH_MAX = 200, INODES = 100000 };

/* ---- removing ---- */

static void remove_in(int dir_fd, unsigned depth)
{
    DIR *d = fdopendir(dir_fd);    /* takes dir_fd over */

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || unlinkat(dirfd(d), e->d_name, 0) == 0)
            continue;
        int sub = depth < DEPTH_MAX ? openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (sub >= 0) {
            remove_in(sub, depth + 1);
            unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
        }
    }
    if (d != NULL)
        closedir(d);
    else
        close(dir_fd);
}

void scratch_remove(const char *path, bool keep_top)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        remove_in(fd, 0);
    if (!keep_top)
        rmdir(path);
}

void scratch_look(const char *path, struct scratch_look *out)
{
    struct statfs fs;
    struct stat st;

    *out = (struct scratch_look){ .fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) };
    if (out->fd < 0)
        return;
    if (fstatfs(out->fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC && fstat(out->fd, &st) == 0) {
        out->size_bytes = st.st_size;
        return;
    }
    close(out->fd);
    out->fd = -1;
}

bool scratch_looks_empty(const struct scratch_look *l)
{
    struct stat st;

    return l->fd >= 0 && fstat(l->fd, &st) == 0 && st.st_size == l->size_bytes;
}

int scratch_make(const struct scratch *s, const char *name, char *out, size_t size, struct errtext *err)
{
    int n = snprintf(out, size, "%s/%s", s->root, name);

    if (n < 0 || (size_t)n >= size) {
        errtext_set(err, "the name of the scratch folder is too long");
        return -1;
    }
    scratch_remove(out, false);
    if (mkdir(out, 0700) < 0) {
        errtext_errno(err, "cannot make %s", out);
        return -1;
    }
    return 0;
}

/* ---- a folder to start from ---- */

static bool fits(const char *dir)
{
    return dir != NULL && dir[0] == '/' && strlen(dir) < 150;
}

static bool is_ours(const struct stat *st)
{
    return S_ISDIR(st->st_mode) && (geteuid() == 0 || st->st_uid == geteuid());
}

/* Left by holders that were killed: a folder named for a process that is no more. */
static void remove_left_behind(const char *base)
{
    DIR *d = opendir(base);
    char path[512];

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) != 0)
            continue;
        long pid = strtol(e->d_name + sizeof PREFIX - 1, NULL, 10);
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", base, e->d_name);
        if (pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH && lstat(path, &st) == 0 && is_ours(&st))
            scratch_remove(path, false);
    }
    if (d != NULL)
        closedir(d);
}

void scratch_remove_left_by(const struct settings *set, long pid)
{
    const char *bases[] = { "/dev/shm", set->process.run_directory, "/tmp" };
    char path[512];
    struct stat st;

    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        if (!fits(bases[i]))
            continue;
        snprintf(path, sizeof path, "%s/" PREFIX "%ld", bases[i], pid);
        /* Twice: a worker that is dying may have made a last file. */
        for (int k = 0; k < 2 && lstat(path, &st) == 0 && is_ours(&st); k++)
            scratch_remove(path, false);
    }
}

static int folder_in(const char *base, struct scratch *out)
{
    if (!fits(base))
        return -1;
    remove_left_behind(base);
    snprintf(out->root, sizeof out->root, "%s/" PREFIX "%ld", base, (long)getpid());
    scratch_remove(out->root, false);
    out->tmpfs = false;
    return mkdir(out->root, 0700);
}

int scratch_open_plain(const struct settings *set, struct scratch *out, struct errtext *err)
{
    if (folder_in("/dev/shm", out) == 0 || folder_in(set->process.run_directory, out) == 0 || folder_in("/tmp", out) == 0)
        return 0;
    errtext_errno(err, "cannot make a scratch folder in /dev/shm, %s or /tmp", set->process.run_directory);
    return -1;
}

/* ---- the tmpfs ---- */

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? write(fd, text, strlen(text)) : -1;

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* A user namespace in which we are who we were (user_namespaces(7)), for the right to mount in a mount namespace of our own. */
static int own_user_namespace(void)
{
    char uid[40], gid[40];

    snprintf(uid, sizeof uid, "%u %u 1", geteuid(), geteuid());
    snprintf(gid, sizeof gid, "%u %u 1", getegid(), getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return -1;
    return write_text("/proc/self/uid_map", uid) < 0 || write_text("/proc/self/setgroups", "deny") < 0 ||
           write_text("/proc/self/gid_map", gid) < 0 ? -1 : 0;
}

/* A folder that every system has, to mount over: in our own namespace only, and not where the database lies. */
static const char *mount_point(const char *database)
{
    static const char *const points[] = { "/dev/shm", "/mnt", "/srv", "/tmp" };
    char real[PATH_MAX];
    struct stat st;
    span db = span_str(realpath(database, real) != NULL ? real : database);

    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        span point = span_str(points[i]);
        bool beneath = span_starts(db, point) && (db.n == point.n || db.p[point.n] == '/');
        if (!beneath && lstat(points[i], &st) == 0 && S_ISDIR(st.st_mode))
            return points[i];
    }
    return NULL;
}

static int mount_tmpfs(const char *point, int64_t size_bytes, unsigned uid, unsigned gid)
{
    char options[160];

    snprintf(options, sizeof options, "size=%lld,nr_inodes=%d,mode=0700,uid=%u,gid=%u", (long long)size_bytes, INODES, uid, gid);
    /* What is mounted here must not show anywhere else. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -1;
    return mount("gatepost-scan", point, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
}

int scratch_open(const struct settings *set, unsigned owner_uid, unsigned owner_gid, struct scratch *out, struct errtext *notice,
                 struct errtext *err)
{
    const char *point = mount_point(set->filter.virus.database);
    bool own_user = geteuid() != 0 || unshare(CLONE_NEWNS) < 0;

    if (point != NULL && (!own_user || own_user_namespace() == 0) &&
        mount_tmpfs(point, set->filter.worker_tmpfs_bytes, owner_uid, owner_gid) == 0) {
        snprintf(out->root, sizeof out->root, "%s", point);
        out->tmpfs = true;
    } else {
        errtext_errno(notice, "the workers have no tmpfs of their own: each file they unpack is limited, not all together");
        if (scratch_open_plain(set, out, err) < 0)
            return -1;
        if (geteuid() == 0 && owner_uid != 0 && chown(out->root, owner_uid, owner_gid) < 0) {
            errtext_errno(err, "cannot hand over %s", out->root);
            return -1;
        }
    }
    return own_user ? cage_drop_capabilities(err) : 0;
}

void scratch_close(struct scratch *s)
{
    if (s->root[0] != '\0' && !s->tmpfs)      /* the mount goes with its namespace */
        scratch_remove(s->root, false);
    s->root[0] = '\0';
}
