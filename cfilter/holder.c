/* holder.c - the child role "scan-holder": loads the virus engine once and forks the workers that share it.
 *
 * It has one thread and does nothing else, because a lock that another thread held, or a scan half done, would be copied into every worker.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cfilter/cage.h"
#include "cfilter/clamav.h"
#include "cfilter/clamav_database.h"
#include "cfilter/clean_cache.h"
#include "cfilter/scan.h"
#include "cfilter/scan_wire.h"
#include "cfilter/scratch.h"
#include "cfilter/wire.h"
#include "cfilter/worker.h"
#include "lib/base/alloc.h"

int scan_holder_look_ms = 2000;    /* at the database folder */

enum { RETRY_UNCHANGED_MS = 60 * 1000, WORKERS_MAX = 1024 };

struct forked {
    pid_t pid;                 /* 0: free place */
    char scratch[256];
};

struct holder {
    struct settings *set;
    uint32_t generation;
    struct clamav *engine;
    struct clean_view *known;  /* the verdict cache; NULL: none */
    bool ready;
    struct scratch scratch;
    struct forked workers[WORKERS_MAX];
    uint32_t forks;
    int child_fd;              /* signalfd of SIGCHLD */
    uint64_t stamp_tried;      /* of the folder as it was loaded or tried */
    uint64_t stamp_seen;       /* at the last look: a change counts when it has come to rest */
    uint64_t stamp_told;       /* as it was when the front was told of a change */
    bool change_told, look_wanted;
    int64_t tried_ms, looked_ms;   /* monotonic: when it was last loaded or tried, and looked at */
};

/* ---- words to the front ---- */

static void tell(const struct buf *words, const int *fds, size_t nfds)
{
    if (child_send_blocking(CHILD_FD, buf_span(words), fds, nfds) < 0)
        _exit(0);              /* the front is gone: so are we, and the workers with us */
}

static void tell_text(enum holder_word word, const char *text)
{
    struct buf b;

    buf_init(&b, CHILD_MESSAGE_MAX);
    wire_put_u8(&b, (uint8_t)word);
    wire_put_str(&b, span_str(text));
    tell(&b, NULL, 0);
    buf_free(&b);
}

static void tell_log(enum log_level level, const char *text)
{
    struct buf b;

    buf_init(&b, CHILD_MESSAGE_MAX);
    wire_put_u8(&b, HOLDER_LOG);
    wire_put_u8(&b, (uint8_t)level);
    wire_put_str(&b, span_str(text));
    tell(&b, NULL, 0);
    buf_free(&b);
}

static void tell_ready(const struct holder *h)
{
    struct buf b;

    buf_init(&b, 64);
    wire_put_u8(&b, HOLDER_READY);
    wire_put_u64(&b, h->engine != NULL ? clamav_signatures(h->engine) : 0);
    tell(&b, NULL, 0);
    buf_free(&b);
}

/* ---- start ---- */

/* Freed memory stays with the process: the arrays that each scan allocates would else be thousands of page faults (measured: half
 * the time of a scan with 20,000 logical signatures). */
static void tune_malloc(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024 * 1024);
    mallopt(M_TOP_PAD, 64 * 1024 * 1024);
}

struct identity { uid_t uid; gid_t gid; bool drop; };

/* Started by a front that is still root: go on as the user that the front is going to be. */
static int identity_of(const struct settings *set, struct identity *out, struct errtext *err)
{
    const char *user = set->process.user, *group = set->process.group;

    *out = (struct identity){ geteuid(), getegid(), false };
    if (geteuid() != 0 || user == NULL || user[0] == '\0')
        return 0;
    const struct passwd *pw = getpwnam(user);
    if (pw == NULL) {
        errtext_set(err, "process.user: no user %s", user);
        return -1;
    }
    *out = (struct identity){ pw->pw_uid, pw->pw_gid, pw->pw_uid != 0 };
    if (group != NULL && group[0] != '\0') {
        const struct group *gr = getgrnam(group);
        if (gr == NULL) {
            errtext_set(err, "process.group: no group %s", group);
            return -1;
        }
        out->gid = gr->gr_gid;
    }
    return 0;
}

static int become(const struct holder *h, const struct identity *id, struct errtext *err)
{
    if (id->drop && (initgroups(h->set->process.user, id->gid) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
                     setresuid(id->uid, id->uid, id->uid) < 0)) {
        errtext_errno(err, "cannot become %s", h->set->process.user);
        return -1;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);   /* a change of identity has cleared it */
    prctl(PR_SET_DUMPABLE, 1);          /* so that the front, the same user, may see how much memory we take; no core is written */
    return 0;
}

static bool sandbox_permits(const struct holder *h, struct errtext *err)
{
    struct errtext why = { "" };
    int policy = h->set->process.sandbox;

    if (policy == SANDBOX_OFF) {
        tell_log(LOG_LEVEL_WARNING, "process.sandbox is off: messages are parsed with nothing but limits around the parser");
        return true;
    }
    if (cage_possible(&why) && cage_prepare(&why) == 0)
        return true;
    if (policy == SANDBOX_REQUIRE) {
        errtext_set(err, "%s: workers cannot be locked in (process.sandbox: warn would scan all the same)", why.text);
        return false;
    }
    errtext_prefix(&why, "workers are locked in only in part (process.sandbox: require would refuse)");
    tell_log(LOG_LEVEL_WARNING, why.text);
    return true;
}

/* ---- the engine ---- */

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* The engine's pages in large ones: forking copies a hundredth of the page tables (measured: 1 ms instead of 20 for 510 MB). */
static void collapse_pages(void)
{
#ifndef GATEPOST_SANITIZED               /* its shadow is terabytes of such maps: millions of calls */
    enum { HUGE = 2 * 1024 * 1024, WORTH = 16 * HUGE };
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to, inode;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s %*x %*s %lu", &from, &to, rights, &inode) != 4 || inode != 0 || strcmp(rights, "rw-p") != 0 ||
            to - from < WORTH || strstr(line, "[stack]") != NULL)
            continue;
        for (unsigned long at = (from + HUGE - 1) / HUGE * HUGE; at + HUGE <= to; at += HUGE)
            madvise((void *)at, HUGE, MADV_COLLAPSE);
    }
    if (maps != NULL)
        fclose(maps);
#endif
}

static bool single_threaded(struct errtext *err)
{
    DIR *d = opendir("/proc/self/task");
    size_t n = 0;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    if (d != NULL)
        closedir(d);
    if (n > 1)
        errtext_set(err, "a library has started a thread: workers cannot be forked safely");
    return n <= 1;
}

static bool load_engine(struct holder *h, struct errtext *err)
{
    struct errtext warning = { "" };

    h->stamp_tried = h->stamp_seen = clamav_database_stamp(&h->set->filter.virus);
    if (h->set->filter.virus.mode == MODE_OFF)
        return true;
    if ((h->engine = clamav_load(h->set, h->scratch.root, &warning, err)) == NULL)
        return false;
    if (warning.text[0] != '\0')
        tell_log(LOG_LEVEL_WARNING, warning.text);
    collapse_pages();
    return single_threaded(err);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void try_engine(struct holder *h)
{
    struct errtext err = { "" };

    h->look_wanted = false;
    h->ready = load_engine(h, &err);
    h->tried_ms = h->looked_ms = now_ms();
    if (h->ready)
        tell_ready(h);
    else
        tell_text(HOLDER_NO_ENGINE, err.text);
}

/* freshclam writes beside and renames, an administrator copies: only what has not changed since the last look is tried. */
static void look_at_database(struct holder *h)
{
    uint64_t stamp = clamav_database_stamp(&h->set->filter.virus);
    bool at_rest = stamp == h->stamp_seen, changed = stamp != h->stamp_tried || h->look_wanted;

    h->stamp_seen = stamp;
    if (h->set->filter.virus.mode == MODE_OFF)
        return;
    if (!h->ready && ((at_rest && changed) || h->looked_ms - h->tried_ms >= RETRY_UNCHANGED_MS)) {
        clamav_free(&h->engine);
        try_engine(h);
    } else if (h->ready && at_rest && changed && !h->change_told) {
        h->change_told = true;
        h->look_wanted = false;
        h->stamp_told = stamp;
        tell_text(HOLDER_DATABASE_CHANGED, "");
    }
}

/* ---- workers ---- */

static struct forked *free_place(struct holder *h)
{
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (h->workers[i].pid == 0)
            return &h->workers[i];
    return NULL;
}

/* Between fork and the first message: nothing of the holder's or of other workers' stays open, or their end would not be seen. */
static _Noreturn void become_worker(const struct holder *h, const struct forked *place, int sock, pid_t holder)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "scan-worker", 0, 0, 0);
    if (getppid() != holder || dup2(sock, CHILD_FD) < 0)
        _exit(1);
    close_range(CHILD_FD + 1, ~0U, 0);
    struct worker w = {
        .sock = CHILD_FD, .set = h->set, .engine = h->engine, .generation = h->generation, .scratch = place->scratch, .serial = h->forks,
        .known = h->known,
    };
    worker_run(&w);
}

static int hand_over_worker(uint8_t lane, uint32_t serial, pid_t pid, int sock)
{
    struct buf b;
    int fds[2] = { sock, pidfd_open(pid, 0) };

    if (fds[1] < 0)
        return -1;
    buf_init(&b, 64);
    wire_put_u8(&b, HOLDER_WORKER);
    wire_put_u8(&b, lane);
    wire_put_u32(&b, serial);
    tell(&b, fds, 2);
    buf_free(&b);
    close(fds[1]);
    return 0;
}

static int fork_worker(struct holder *h, uint8_t lane, struct errtext *err)
{
    struct forked *place = free_place(h);
    char name[32];
    int pair[2];
    pid_t pid, self = getpid();

    if (place == NULL) {
        errtext_set(err, "too many workers");
        return -1;
    }
    snprintf(name, sizeof name, "w%u", ++h->forks);
    if (scratch_make(&h->scratch, name, place->scratch, sizeof place->scratch, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        errtext_errno(err, "socketpair");
        return -1;
    }
    if ((pid = fork()) == 0)
        become_worker(h, place, pair[1], self);
    close(pair[1]);
    int r = -1;
    if (pid < 0)
        errtext_errno(err, "fork");
    else if ((r = hand_over_worker(lane, h->forks, pid, pair[0])) < 0)
        errtext_errno(err, "pidfd_open");
    if (pid > 0)
        place->pid = pid;
    close(pair[0]);
    return r;
}

static void on_worker_ended(struct holder *h, pid_t pid, int status)
{
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (h->workers[i].pid == pid) {
            scratch_remove(h->workers[i].scratch, false);
            h->workers[i].pid = 0;
        }
    if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_CAGE)
        tell_log(LOG_LEVEL_ERROR, "a worker could not be locked in and has ended (process.sandbox)");
    else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
        char text[80];
        snprintf(text, sizeof text, "worker %ld ended by signal %d", (long)pid, WTERMSIG(status));
        tell_log(LOG_LEVEL_WARNING, text);
    }
}

static void reap(struct holder *h)
{
    struct signalfd_siginfo info;
    int status;

    while (read(h->child_fd, &info, sizeof info) > 0)
        ;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        on_worker_ended(h, pid, status);
}

/* ---- the loop ---- */

static void tell_no_worker(uint8_t lane, const char *why)
{
    struct buf b;

    buf_init(&b, CHILD_MESSAGE_MAX);
    wire_put_u8(&b, HOLDER_NO_WORKER);
    wire_put_u8(&b, lane);
    wire_put_str(&b, span_str(why));
    tell(&b, NULL, 0);
    buf_free(&b);
}

static bool on_front(struct holder *h)
{
    char msg[64];
    struct errtext err = { "" };
    long n = child_recv_blocking(CHILD_FD, msg, sizeof msg, NULL, NULL);

    if (n <= 0)
        return false;
    struct wire_in in = { .rest = span_of(msg, (size_t)n) };
    uint8_t word = wire_get_u8(&in);
    if (word == HOLDER_LOOK)
        h->look_wanted = true;
    if (word == HOLDER_WATCH) {
        h->stamp_tried = h->stamp_told;
        h->change_told = false;
    }
    if (word != HOLDER_WANT_WORKER)
        return true;
    uint8_t lane = wire_get_u8(&in);
    if (!h->ready)
        errtext_set(&err, "no engine");
    if (!h->ready || fork_worker(h, lane, &err) < 0)
        tell_no_worker(lane, err.text);
    return true;
}

static void serve(struct holder *h)
{
    struct pollfd fds[2] = { { .fd = CHILD_FD, .events = POLLIN }, { .fd = h->child_fd, .events = POLLIN } };

    for (;;) {
        int n = poll(fds, 2, scan_holder_look_ms);
        if (n < 0 && errno != EINTR)
            return;
        if (n > 0 && fds[1].revents != 0)
            reap(h);
        if (n > 0 && fds[0].revents != 0 && !on_front(h))
            return;
        if (now_ms() - h->looked_ms >= scan_holder_look_ms) {
            h->looked_ms = now_ms();
            look_at_database(h);
        }
    }
}

/* Without a verdict cache scans only take longer. */
static struct clean_view *open_cache(int fd)
{
    struct errtext err = { "" };
    struct clean_view *v = clean_view_open(fd, &err);

    if (v == NULL)
        tell_log(LOG_LEVEL_WARNING, err.text);
    close(fd);
    return v;
}

static struct settings *receive_config(uint32_t *generation_out, struct clean_view **known_out)
{
    char *record = xmalloc(CHILD_MESSAGE_MAX);
    int fd = -1;
    size_t nfds = 1;
    long n = child_recv_blocking(CHILD_FD, record, CHILD_MESSAGE_MAX, &fd, &nfds);
    struct settings *set = n > 0 ? scan_wire_get_config(span_of(record, (size_t)n), generation_out) : NULL;

    if (n > 0 && nfds == 1)
        *known_out = open_cache(fd);
    free(record);
    return set;
}

static int start(struct holder *h, struct errtext *err)
{
    struct errtext notice = { "" };
    struct identity id;
    sigset_t children;

    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    if ((h->child_fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        errtext_errno(err, "signalfd");
        return -1;
    }
    if (identity_of(h->set, &id, err) < 0 || scratch_open(h->set, id.uid, id.gid, &h->scratch, &notice, err) < 0 || become(h, &id, err) < 0)
        return -1;
    if (notice.text[0] != '\0')
        tell_log(LOG_LEVEL_WARNING, notice.text);
    return sandbox_permits(h, err) && worker_prepare(h->set, err) == 0 ? 0 : -1;
}

int scan_holder_run(int argc, char **argv)
{
    struct holder *h = xcalloc(1, sizeof *h);
    struct errtext err = { "" };

    (void)argc;
    (void)argv;
    tune_malloc();
    if ((h->set = receive_config(&h->generation, &h->known)) == NULL)
        return 1;
    if (start(h, &err) < 0) {
        tell_text(HOLDER_NO_ENGINE, err.text);
        /* Nothing to retry here: the front starts another holder when its settings change.  Stay, so that it does not start one after the other. */
        while (on_front(h))
            ;
    } else {
        try_engine(h);
        serve(h);
    }
    scratch_close(&h->scratch);
    _exit(0);                  /* freeing a gigabyte of engine first would only take time */
}
