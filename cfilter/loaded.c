/* loaded.c - a message in a worker's memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/loaded.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/alloc.h"

struct loaded_buffer {
    char room[LOADED_ROOM];
    char bytes[LOADED_SMALL_BYTES + LOADED_ZEROS];
};

static const char wrong_size[] = "the message is not as long as was said";

struct loaded_buffer *loaded_buffer_new(void)
{
    return xcalloc(1, sizeof(struct loaded_buffer));
}

void loaded_buffer_free(struct loaded_buffer **b)
{
    free(*b);
    *b = NULL;
}

static const char *read_small(struct loaded *l, struct loaded_buffer *b, int fd, size_t size)
{
    ssize_t n;

    /* One byte more is asked for, to see that there is none: a file gives less than that only at its end. */
    do
        n = pread(fd, b->bytes, size + 1, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return "the message cannot be read";
    if ((size_t)n != size)
        return wrong_size;
    memset(b->bytes + size, 0, LOADED_ZEROS);
    l->bytes = span_of(b->bytes, size);
    return NULL;
}

static const char *map_large(struct loaded *l, int fd, uint64_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct stat st;

    if (fstat(fd, &st) < 0 || st.st_size < 0 || (uint64_t)st.st_size != size || size > SIZE_MAX - 2 * page)
        return wrong_size;
    size_t length = page + (size + page - 1) / page * page;
    char *base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return "no memory to map the message";
    l->map = base;
    l->map_bytes = length;
    if (size > 0 && mmap(base + page, size, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED)
        return "the message cannot be mapped";
    l->bytes = span_of(base + page, size);
    return NULL;
}

const char *loaded_open(struct loaded *l, struct loaded_buffer *buffer, int fd, uint64_t size)
{
    const char *why;

    *l = (struct loaded){ .bytes = SPAN("") };
    why = buffer != NULL && size <= LOADED_SMALL_BYTES ? read_small(l, buffer, fd, (size_t)size) : map_large(l, fd, size);
    if (why != NULL)
        loaded_close(l);
    return why;
}

void loaded_close(struct loaded *l)
{
    if (l->map != NULL)
        munmap(l->map, l->map_bytes);
    l->map = NULL;
    l->bytes = SPAN("");
}
