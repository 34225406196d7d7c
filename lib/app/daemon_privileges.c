/* daemon_privileges.c - what a daemon gives up before it reads the first foreign byte.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/app/daemon_private.h"
#include "lib/app/sandbox.h"
#include "lib/base/alloc.h"

/* DESCRIPTORS_MOST: a hard limit of a billion (containers) must not size anybody's table. */
enum { DESCRIPTORS_MOST = 1024 * 1024 };

/* ---- who ---- */

static int find_group(const char *name, gid_t *gid, struct errtext *err)
{
    const struct group *gr;

    errno = 0;
    gr = getgrnam(name);
    if (gr == NULL) {
        errtext_set(err,
                    "there is no group \"%s\": make it with systemd-sysusers(8) or `groupadd --system %s`, or set process.group to one "
                    "that exists",
                    name, name);
        return -1;
    }
    *gid = gr->gr_gid;
    return 0;
}

int privileges_find(const struct set_process *set, struct privileges *out, struct errtext *err)
{
    const struct passwd *pw;

    *out = (struct privileges){ .change = false, .uid = geteuid(), .gid = getegid() };
    if (geteuid() != 0 || set->user == NULL || set->user[0] == '\0')
        return 0;
    errno = 0;
    pw = getpwnam(set->user);
    if (pw == NULL) {
        errtext_set(err,
                    "there is no user \"%s\" to run as: make it with systemd-sysusers(8) or `useradd --system %s`, set process.user to "
                    "another one, or to \"\" to stay root (not advised)",
                    set->user, set->user);
        return -1;
    }
    snprintf(out->user, sizeof out->user, "%s", set->user);
    out->uid = pw->pw_uid;
    out->gid = pw->pw_gid;
    if (set->group != NULL && set->group[0] != '\0' && find_group(set->group, &out->gid, err) < 0)
        return -1;
    out->change = true;
    return 0;
}

/* ---- folders ---- */

/* mkdir -p: parents as the umask has them, the last one 0750 and owned by who. */
static int make_directory(const char *path, const struct privileges *who, struct errtext *err)
{
    char *text = xstrdup(path);
    bool made = false;

    for (char *p = text + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(text, 0755) < 0 && errno != EEXIST) {
            errtext_errno(err, "cannot make the folder %s", text);
            free(text);
            return -1;
        }
        *p = '/';
    }
    free(text);
    if (mkdir(path, 0750) == 0)
        made = true;
    else if (errno != EEXIST) {
        errtext_errno(err, "cannot make the folder %s", path);
        return -1;
    }
    if (made && who->change && chown(path, who->uid, who->gid) < 0) {
        errtext_errno(err, "cannot give the folder %s to %s", path, who->user);
        return -1;
    }
    return 0;
}

int privileges_directories(const struct set_process *set, const struct privileges *who, struct errtext *err)
{
    mode_t old = umask(022);
    int r = make_directory(set->run_directory, who, err) < 0 || make_directory(set->state_directory, who, err) < 0 ? -1 : 0;

    umask(old);
    return r;
}

static int check_directory(const char *path, const char *key, struct errtext *err)
{
    const struct passwd *pw;

    if (access(path, W_OK | X_OK) == 0)
        return 0;
    pw = getpwuid(geteuid());
    errtext_errno(err, "the folder %s (%s) cannot be written by %s", path, key, pw != NULL ? pw->pw_name : "this user");
    return -1;
}

int privileges_check_directories(const struct set_process *set, struct errtext *err)
{
    return check_directory(set->run_directory, "process.run_directory", err) < 0 ||
                   check_directory(set->state_directory, "process.state_directory", err) < 0
               ? -1
               : 0;
}

/* ---- the drop ---- */

/* Also those of the bounding and the ambient set: what systemd lent for a port under 1024 goes with the bind. */
static int drop_capabilities(bool bounding, struct errtext *err)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);       /* EINVAL: a kernel without any */
    for (unsigned long cap = 0; bounding && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM) {
            errtext_errno(err, "cannot drop capability %lu", cap);
            return -1;
        }
    if (!bounding && syscall(SYS_capset, &head, none) < 0) {
        errtext_errno(err, "cannot drop capabilities");
        return -1;
    }
    return 0;
}

static int change_user(const struct privileges *who, struct errtext *err)
{
    if (drop_capabilities(true, err) < 0)
        return -1;
    if (initgroups(who->user, who->gid) < 0 || setresgid(who->gid, who->gid, who->gid) < 0 ||
        setresuid(who->uid, who->uid, who->uid) < 0) {
        errtext_errno(err, "cannot become the user %s", who->user);
        return -1;
    }
    if (who->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
        errtext_set(err, "became the user %s, but could return to root", who->user);
        return -1;
    }
    return 0;
}

int privileges_drop(const struct privileges *who, struct errtext *err)
{
    if (who->change && change_user(who, err) < 0)
        return -1;
    if (geteuid() != 0 && drop_capabilities(false, err) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        errtext_errno(err, "cannot set no_new_privs");
        return -1;
    }
#ifndef GATEPOST_SANITIZED       /* LeakSanitizer looks into the process from outside */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        errtext_errno(err, "cannot forbid core dumps");
        return -1;
    }
#endif
    return 0;
}

int privileges_sandbox(int policy, bool children_mount, struct errtext *err)
{
    struct errtext why;

    if (policy == SANDBOX_OFF || sandbox_front(children_mount, &why) == 0)
        return 0;
    if (policy == SANDBOX_WARN) {
        log_warning("%s; going on without it (process.sandbox: warn)", why.text);
        return 0;
    }
    errtext_set(err, "%s; process.sandbox: warn starts without it", why.text);
    return -1;
}

void privileges_raise_descriptors(void)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
        return;
    rlim_t want = lim.rlim_max < DESCRIPTORS_MOST ? lim.rlim_max : DESCRIPTORS_MOST;
    if (lim.rlim_cur >= want)
        return;
    lim.rlim_cur = want;
    if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
        log_warning("cannot raise the limit of open files to %ju", (uintmax_t)want);
}
