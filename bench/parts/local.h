/* local.h - sockets of 127.0.0.1, the clock and percentiles, for programs that end with a message when something fails.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BENCH_LOCAL_H
#define GATEPOST_BENCH_LOCAL_H

#include <stddef.h>
#include <stdint.h>

int local_listen(const char *port);
int local_connect(const char *port);          /* connected, blocking, TCP_NODELAY */
int64_t local_now_us(void);

/* Times of single messages; local_print_times prints "n seconds p50_us p99_us bad". */
struct local_times {
    uint32_t *us;
    size_t n, max;
};
void local_times_init(struct local_times *t, size_t max);
void local_times_add(struct local_times *t, int64_t us);
void local_times_print(struct local_times *t, int64_t took_us, uint64_t bad);

#endif
