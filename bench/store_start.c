/* store_start.c - a store of many limits: bytes a key, and how long a start takes that finds them all.
 *
 * store_start FOLDER KEYS fill: prints "BYTES_A_KEY US_A_KEY" (resident, index and all) and leaves as after kill -9.
 * store_start FOLDER KEYS start: prints "MS".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/store/store.h"

static void nothing(const struct store_limits_result *r, void *arg)
{
    (void)arg;
    if (r->outcome != STORE_HIT)
        exit(EXIT_FAILURE);
}

/* Of this process: what is in memory, the shared file's pages too. */
static long resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
        exit(EXIT_FAILURE);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static struct store *open_it(struct loop *l, const struct settings *set)
{
    struct errtext err = { "" };
    struct store *s = store_open(l, "bench", set, &err);

    if (s == NULL || err.text[0] != '\0') {
        fprintf(stderr, "store_start: %s\n", err.text);
        exit(EXIT_FAILURE);
    }
    return s;
}

static void fill(struct store *s, long keys)
{
    for (long i = 0; i < keys; i++) {
        struct store_call *call;
        char key[40];
        struct store_limit l = { .count = 100, .per_ms = HOURS(1), .burst = 100, .cost = 10 };

        l.key = span_of(key, (size_t)snprintf(key, sizeof(key), "per-client/%ld.%ld.%ld.%ld", 10 + i / 16777216, i / 65536 % 256, i / 256 % 256, i % 256));
        store_limits(s, &(struct store_limits_request){ .limits = &l, .n = 1 }, nothing, NULL, &call);
    }
}

/* The run file stays, as after kill -9. */
static void do_fill(struct loop *l, const struct settings *set, long keys)
{
    struct store *s = open_it(l, set);
    long before = resident_bytes();
    int64_t begun = loop_now_us(l), took;

    fill(s, keys);
    took = loop_now_us(l) - begun;
    printf("%.1f %.2f\n", (double)(resident_bytes() - before) / (double)keys, (double)took / (double)keys);
}

static void do_start(struct loop *l, const struct settings *set)
{
    int64_t begun = loop_now_us(l);

    open_it(l, set);
    printf("%lld\n", (long long)(loop_now_us(l) - begun) / 1000);
}

int main(int argc, char **argv)
{
    struct settings set = { .store.save_interval_ms = DAYS(1) };
    long keys = argc == 4 ? atol(argv[2]) : 0;
    struct errtext err;
    struct loop *l = loop_new(&err);

    if (keys <= 0 || l == NULL) {
        fprintf(stderr, "usage: store_start FOLDER KEYS fill|start\n");
        return 64;
    }
    set.process.run_directory = argv[1];
    set.process.state_directory = argv[1];
    set.store.max_entries = keys + keys / 10;
    if (strcmp(argv[3], "fill") == 0)
        do_fill(l, &set, keys);
    else
        do_start(l, &set);
    fflush(stdout);
    _exit(EXIT_SUCCESS);
}
