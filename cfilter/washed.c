/* washed.c - the message as it will go on, for who is given it over the network.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/washed.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/proto/smtp_dot.h"

/* By write(2), not through a mapping: a full tmpfs is an error there and a SIGBUS here. */
static bool write_washed(int fd, span message)
{
    char *copy = xmalloc(message.n);
    size_t at = 0;

    smtp_dot_wash(message, copy);
    while (at < message.n) {
        ssize_t n = write(fd, copy + at, message.n - at);

        if (n <= 0)
            break;
        at += (size_t)n;
    }
    free(copy);
    return at == message.n;
}

int washed_open(span message, struct errtext *err)
{
    int fd = memfd_create("gatepost-washed", MFD_CLOEXEC);

    if (fd >= 0 && write_washed(fd, message))
        return fd;
    errtext_errno(err, "no memory for a clean copy of the message");
    if (fd >= 0)
        close(fd);
    return -1;
}
