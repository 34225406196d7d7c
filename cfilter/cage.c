/* cage.c - Landlock, seccomp and limits of a worker.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/cage.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Landlock; kernel headers of this distribution are older than its kernels may be ---- */

#define FS_ABI_1 ((1ULL << 13) - 1)
#define FS_REFER (1ULL << 13)      /* ABI 2 */
#define FS_TRUNCATE (1ULL << 14)   /* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15)  /* ABI 5 */
#define NET_ALL 3ULL               /* ABI 4: bind and connect, TCP */
#define SCOPE_ALL 3ULL             /* ABI 6: abstract unix sockets, signals */

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

static int landlock_abi(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static struct ruleset_attr all_rights(int abi, size_t *size_out)
{
    struct ruleset_attr a = { .fs = FS_ABI_1 };

    if (abi >= 2)
        a.fs |= FS_REFER;
    if (abi >= 3)
        a.fs |= FS_TRUNCATE;
    if (abi >= 5)
        a.fs |= FS_IOCTL_DEV;
    if (abi >= 4)
        a.net = NET_ALL;
    if (abi >= 6)
        a.scoped = SCOPE_ALL;
    *size_out = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    return a;
}

static int allow_beneath(int ruleset, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = { .allowed_access = rights };
    int r;

    if ((rule.parent_fd = open(path, O_PATH | O_CLOEXEC)) < 0)
        return -1;
    r = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
    return r;
}

/* iconv loads its converters from a folder beside libc. */
static void allow_charsets(int ruleset)
{
    Dl_info libc;
    char path[512];
    const char *slash;

    if (dladdr(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &libc) == 0 || libc.dli_fname == NULL || (slash = strrchr(libc.dli_fname, '/')) == NULL)
        return;
    snprintf(path, sizeof path, "%.*s/gconv", (int)(slash - libc.dli_fname), libc.dli_fname);
    allow_beneath(ruleset, path, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
}

static int landlock_enter(const char *own_dir, struct errtext *err)
{
    int abi = landlock_abi(), ruleset, r = -1;
    size_t size;

    if (abi < 1) {
        errtext_errno(err, "Landlock");
        return -1;
    }
    struct ruleset_attr attr = all_rights(abi, &size);
    uint64_t own = attr.fs & ~(uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                         LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | FS_IOCTL_DEV);
    if ((ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0)) < 0) {
        errtext_errno(err, "Landlock");
        return -1;
    }
    allow_charsets(ruleset);
#ifdef GATEPOST_SANITIZED
    allow_beneath(ruleset, "/proc", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);   /* the sanitizer reads its own maps */
#endif
    if (allow_beneath(ruleset, own_dir, own) < 0)
        errtext_errno(err, "Landlock: %s", own_dir);
    else if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        errtext_errno(err, "Landlock");
    else
        r = 0;
    close(ruleset);
    return r;
}

/* ---- seccomp: what parsing a message needs, and nothing else ---- */

static const char *const allowed[] = {
    "read", "write", "readv", "writev", "pread64", "pwrite64", "lseek", "close", "fstat", "stat", "lstat", "newfstatat", "statx",
    "open", "openat", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd",
    "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2", "ftruncate", "fallocate", "fsync", "fadvise64", "fstatfs",
    "dup", "dup2", "dup3", "fcntl", "poll", "ppoll", "recvmsg", "sendmsg",
    "munmap", "mremap", "madvise", "brk", "futex", "sched_yield", "sched_getaffinity", "restart_syscall",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "clock_gettime", "clock_getres", "gettimeofday", "time", "times",
    "clock_nanosleep", "nanosleep", "getrandom", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid",
    "sysinfo", "uname", "getrusage", "getrlimit", "exit", "exit_group", "umask",
#ifdef GATEPOST_SANITIZED
    "sigreturn", "getpgrp", "sched_getparam", "sched_getscheduler", "set_robust_list", "rseq", "prctl",
#endif
};
/* Nothing of ours ever asks for these: who does is not ours any more, and ends at once. */
static const char *const deadly[] = {
    "execve", "execveat", "fork", "vfork", "clone", "clone3", "ptrace", "process_vm_readv", "process_vm_writev", "kill", "tkill", "pidfd_open",
    "pidfd_getfd", "pidfd_send_signal", "mount", "umount2", "unshare", "setns", "chroot", "pivot_root", "bpf", "init_module", "finit_module",
    "io_uring_setup", "userfaultfd", "keyctl", "add_key", "perf_event_open", "memfd_create",
};
/* A library may ask in passing (a name service, syslog): it is told no. */
static const char *const refused[] = {
    "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "link", "linkat", "symlink", "symlinkat", "chmod",
    "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "setuid", "setgid", "setresuid", "setresgid", "tgkill", "inotify_init1",
};

static int add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int nr = seccomp_syscall_resolve_name(names[i]);
        if (nr == __NR_SCMP_ERROR || nr < 0)
            continue;              /* not on this architecture */
        if (seccomp_rule_add(ctx, action, nr, 0) < 0)
            return -1;
    }
    return 0;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Code that was written must not run: no page is both writable and executable, and none becomes executable later.  (A converter of
 * iconv is mapped executable from its file.) */
static int add_memory_rules(scmp_filter_ctx ctx)
{
    const scmp_datum_t wx = PROT_WRITE | PROT_EXEC;
    int r = 0;

    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, wx, 0));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, wx, PROT_WRITE));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, wx, PROT_EXEC),
                          SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* Own limits may be read, nobody's set. */
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
    return r < 0 ? -1 : 0;
}

static scmp_filter_ctx filter;

int cage_prepare(struct errtext *err)
{
    if (filter != NULL)
        return 0;
    /* ENOSYS for the rest: libraries know what to do without a call that an older kernel lacks. */
    if ((filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS))) == NULL || add_names(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed)) < 0 ||
        add_names(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly)) < 0 ||
        add_names(filter, SCMP_ACT_ERRNO(EPERM), refused, COUNT(refused)) < 0 || add_memory_rules(filter) < 0) {
        errtext_set(err, "seccomp: the rules cannot be made");
        if (filter != NULL)
            seccomp_release(filter);
        filter = NULL;
        return -1;
    }
    return 0;
}

static int seccomp_enter(struct errtext *err)
{
    if (cage_prepare(err) < 0)
        return -1;
    int r = seccomp_load(filter);
    if (r < 0) {
        errno = -r;
        errtext_errno(err, "seccomp");
        return -1;
    }
    return 0;
}

/* ---- limits ---- */

static int limit(int resource, int64_t value)
{
    struct rlimit r = { .rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value };

    return setrlimit((__rlimit_resource_t)resource, &r);
}

/* The engine's own size is shared with the holder and does not count. */
static int64_t size_now(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long long pages = 0;

    if (f != NULL) {
        if (fscanf(f, "%lld", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

static int set_limits(int64_t memory_bytes, int64_t file_bytes, struct errtext *err)
{
    int r = limit(RLIMIT_CORE, 0) | limit(RLIMIT_FSIZE, file_bytes);

#ifndef GATEPOST_SANITIZED         /* a sanitizer's shadow takes terabytes of address space */
    int64_t now = size_now();
    r |= now > 0 ? limit(RLIMIT_AS, now + memory_bytes) : -1;
#else
    (void)memory_bytes;
    (void)size_now;
#endif
    if (r != 0)
        errtext_errno(err, "limits");
    return r != 0 ? -1 : 0;
}

int cage_drop_capabilities(struct errtext *err)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0, 0, 0 } }, have[2] = { { 0, 0, 0 } };

    /* A service manager may forbid capset(2), having left us nothing to drop. */
    if (syscall(SYS_capget, &head, have) == 0 && memcmp(have, none, sizeof have) == 0)
        return 0;
    if (syscall(SYS_capset, &head, none) < 0) {
        errtext_errno(err, "cannot drop capabilities");
        return -1;
    }
    return 0;
}

bool cage_possible(struct errtext *err)
{
    if (landlock_abi() < 1) {
        errtext_errno(err, "this kernel has no Landlock");
        return false;
    }
    if (prctl(PR_GET_SECCOMP) < 0) {
        errtext_errno(err, "this kernel has no seccomp");
        return false;
    }
    return true;
}

int cage_enter(enum sandbox_policy policy, const char *own_dir, int64_t memory_bytes, int64_t file_bytes, struct errtext *err)
{
    if (set_limits(memory_bytes, file_bytes, err) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        errtext_errno(err, "no_new_privs");
        return -1;
    }
    if (cage_drop_capabilities(err) < 0)
        return -1;
    if (policy == SANDBOX_OFF)
        return 0;
    if (landlock_enter(own_dir, err) < 0 && policy == SANDBOX_REQUIRE)
        return -1;
    if (seccomp_enter(err) < 0 && policy == SANDBOX_REQUIRE)
        return -1;
    return 0;
}
