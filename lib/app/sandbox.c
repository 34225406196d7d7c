/* sandbox.c - system calls that a process of ours never needs, taken away with seccomp(2).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/sandbox.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

static const char *const never[] = {
    /* other processes' memory; ptrace itself stays for LeakSanitizer */
#ifndef GATEPOST_SANITIZED
    "ptrace",
#endif
    "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
    /* the tree of mounts, other namespaces */
    "umount", "umount2", "pivot_root", "chroot", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "open_tree",
    "mount_setattr", "setns", "swapon", "swapoff", "open_by_handle_at", "name_to_handle_at", "quotactl", "quotactl_fd",
    /* the kernel itself */
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open", "userfaultfd",
    "lookup_dcookie", "syslog", "acct", "reboot", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "uselib", "nfsservctl", "_sysctl",
    "vhangup", "personality", "io_uring_setup", "io_uring_enter", "io_uring_register",
    /* keyrings */
    "keyctl", "add_key", "request_key",
    /* the machine's name and clock */
    "sethostname", "setdomainname", "settimeofday", "clock_settime", "clock_settime64", "stime", "adjtimex", "clock_adjtime",
    "clock_adjtime64",
    NULL,
};

static const char *const own_mounts[] = { "mount", "unshare", NULL };

static const char *const not_in_a_child[] = {
    "execve", "execveat", "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "fork", "vfork",
#ifndef GATEPOST_SANITIZED
    "clone", "kill", "tkill", "pidfd_open", "pidfd_send_signal",
#endif
    NULL,
};

static int deny(scmp_filter_ctx ctx, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        int nr = seccomp_syscall_resolve_name(names[i]), r;

        if (nr < 0)
            continue;            /* not on this machine, or this libseccomp does not know it */
        if ((r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0)) < 0)
            return r;
    }
    return 0;
}

/* clone(2) may not make a user namespace; clone3(2) hides its flags in memory, which a filter cannot read. */
static int deny_namespaces(scmp_filter_ctx ctx)
{
    int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));

    if (r < 0)
        return r;
    return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int load(bool mounts, const char *const *more, struct errtext *err)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int r = -ENOMEM;

    if (ctx != NULL) {
        seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);      /* a binary tree: the hot path pays for few comparisons */
        r = deny(ctx, never);
        if (r == 0 && !mounts)
            r = deny(ctx, own_mounts);
        if (r == 0 && more != NULL)
            r = deny(ctx, more);
        if (r == 0)
            r = deny_namespaces(ctx);
        if (r == 0)
            r = seccomp_load(ctx);
        seccomp_release(ctx);
    }
    if (r == 0)
        return 0;
    errno = -r;
    errtext_errno(err, "cannot set up the system call filter (process.sandbox)");
    return -1;
}

int sandbox_front(bool mounts, struct errtext *err)
{
    return load(mounts, NULL, err);
}

int sandbox_child(struct errtext *err)
{
    return load(false, not_in_a_child, err);
}
