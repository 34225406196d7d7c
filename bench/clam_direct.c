/* clam_direct.c - libclamav called directly in so many processes: what a scan costs by itself.
 *
 * clam_direct DATABASE TMPDIR PROCESSES plain|tuned: loads the engine once and says "ready"; then for each line "FILE MESSAGES FIRST" of its
 * standard input forks, scans copies of FILE (message.h) that lie in memory already, with a folder for temporary files a process in TMPDIR, and
 * prints "messages seconds cpu_seconds bad": CPU of the scanning processes alone; bad ones were not clean.
 * "tuned" sets malloc as the workers have it: without that, a database with many logical signatures costs thousands of page faults a scan.
 * Limits are those of gatepost's defaults.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <clamav.h>
#include <err.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/parts/local.h"
#include "bench/parts/message.h"

enum { PROCESSES_MAX = 64 };

static const char *tmpdir;

static struct cl_engine *load(const char *database)
{
    static const struct { enum cl_engine_field field; long long value; } limits[] = {
        { CL_ENGINE_DISABLE_CACHE, 1 }, { CL_ENGINE_MAX_FILESIZE, 100 << 20 }, { CL_ENGINE_MAX_SCANSIZE, 200 << 20 },
        { CL_ENGINE_MAX_FILES, 2000 }, { CL_ENGINE_MAX_RECURSION, 12 },
    };
    struct cl_engine *e;
    unsigned n = 0;
    int r;

    if (cl_init(CL_INIT_DEFAULT) != CL_SUCCESS || (e = cl_engine_new()) == NULL)
        errx(1, "libclamav does not start");
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        cl_engine_set_num(e, limits[i].field, limits[i].value);
    if ((r = cl_load(database, e, &n, CL_DB_STDOPT)) != CL_SUCCESS || (r = cl_engine_compile(e)) != CL_SUCCESS)
        errx(1, "%s: %s", database, cl_strerror(r));
    return e;
}

static void tune_malloc(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024 * 1024);
    mallopt(M_TOP_PAD, 64 * 1024 * 1024);
}

/* Bad ones of the n messages from number `first` on. */
static unsigned scan(struct cl_engine *e, const char *file, unsigned long n, uint64_t first)
{
    struct cl_scan_options options = { .general = CL_SCAN_GENERAL_HEURISTICS, .parse = ~0U, .heuristic = CL_SCAN_HEURISTIC_EXCEEDS_MAX };
    struct message m;
    unsigned bad = 0;

    message_load(&m, file, "\r\n");
    for (unsigned long i = 0; i < n; i++) {
        const char *name = NULL;
        unsigned long scanned = 0;
        cl_fmap_t *map;

        message_number(&m, first + i);
        if ((map = cl_fmap_open_memory(m.bytes, m.n)) == NULL)
            errx(1, "cl_fmap_open_memory");
        bad += cl_scanmap_callback(map, NULL, &name, &scanned, e, &options, NULL) != CL_CLEAN;
        cl_fmap_close(map);
    }
    return bad;
}

static _Noreturn void work(struct cl_engine *e, const char *file, unsigned long n, uint64_t first, int start, int done)
{
    char own[4096], go;
    unsigned bad;

    snprintf(own, sizeof(own), "%s/%ld", tmpdir, (long)getpid());
    if (mkdir(own, 0700) != 0)
        err(1, "%s", own);
    cl_engine_set_str(e, CL_ENGINE_TMPDIR, own);
    bad = scan(e, file, 1, first + 500000000);       /* what the first scan sets up */
    if (write(done, &bad, sizeof(bad)) != sizeof(bad) || read(start, &go, 1) != 1)
        _exit(1);
    struct rusage before, after;
    double cpu;

    getrusage(RUSAGE_SELF, &before);
    bad = scan(e, file, n, first);
    getrusage(RUSAGE_SELF, &after);
    cpu = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
          (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
    if (write(done, &bad, sizeof(bad)) != sizeof(bad) || write(done, &cpu, sizeof(cpu)) != sizeof(cpu))
        _exit(1);
    rmdir(own);
    _exit(0);
}

static void must_read(int fd, void *to, size_t n)
{
    if (read(fd, to, n) != (ssize_t)n)
        errx(1, "a process has ended");
}

static void round_of(struct cl_engine *e, const char *file, int processes, unsigned long n, uint64_t first)
{
    unsigned long each = n / (unsigned long)processes + (n % (unsigned long)processes != 0);
    int start[2], done[PROCESSES_MAX][2];
    char go[PROCESSES_MAX] = "";
    unsigned bad, all_bad = 0;
    double one, cpu = 0;

    if (pipe(start) != 0)
        err(1, "pipe");
    for (int i = 0; i < processes; i++) {
        if (pipe(done[i]) != 0)
            err(1, "pipe");
        if (fork() == 0)
            work(e, file, each, first + (uint64_t)i * each, start[0], done[i][1]);
    }
    for (int i = 0; i < processes; i++)
        must_read(done[i][0], &bad, sizeof(bad));
    int64_t begun = local_now_us();

    if (write(start[1], go, (size_t)processes) != processes)
        err(1, "pipe");
    for (int i = 0; i < processes; i++) {
        must_read(done[i][0], &bad, sizeof(bad));
        must_read(done[i][0], &one, sizeof(one));
        all_bad += bad;
        cpu += one;
        close(done[i][0]);
        close(done[i][1]);
    }
    printf("%lu %.4f %.4f %u\n", each * (unsigned long)processes, (double)(local_now_us() - begun) / 1e6, cpu, all_bad);
    fflush(stdout);
    close(start[0]);
    close(start[1]);
    while (wait(NULL) > 0)
        ;
}

int main(int argc, char **argv)
{
    unsigned long long n, first;
    char file[4096];
    int processes;

    if (argc != 5 || (processes = atoi(argv[3])) < 1 || processes > PROCESSES_MAX)
        errx(64, "usage: clam_direct DATABASE TMPDIR PROCESSES plain|tuned");
    tmpdir = argv[2];
    if (strcmp(argv[4], "tuned") == 0)
        tune_malloc();
    struct cl_engine *e = load(argv[1]);

    printf("ready\n");
    fflush(stdout);
    while (scanf("%4095s %llu %llu", file, &n, &first) == 3)
        round_of(e, file, processes, n, first);
    return 0;
}
