/* failed_writes.c - the calls by which files are written, looked at on their way to the C library.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#undef _FORTIFY_SOURCE             /* its inline open64 would be there twice */
#include "cfilter/failed_writes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cfilter/interpose.h"

enum { DEPTH_MAX = 50, BLOCK_BYTES = 512 };

static const char *watched;        /* NULL: nobody wants to know */
static struct failed_writes seen;

/* ---- whose fault it is ---- */

static int64_t bytes_beneath(int dir_fd, unsigned depth)
{
    DIR *d = fdopendir(dir_fd);    /* takes dir_fd over */
    int64_t bytes = 0;
    struct stat st;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        bytes += (int64_t)st.st_blocks * BLOCK_BYTES;
        int sub = S_ISDIR(st.st_mode) && depth < DEPTH_MAX ? openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (sub >= 0)
            bytes += bytes_beneath(sub, depth + 1);
    }
    if (d != NULL)
        closedir(d);
    else
        close(dir_fd);
    return bytes;
}

/* Asked while the files of this message are still there. */
static bool most_is_of_others(void)
{
    int fd = open(watched, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct statfs fs;

    if (fd < 0)
        return false;
    if (fstatfs(fd, &fs) < 0) {
        close(fd);
        return false;
    }
    return bytes_beneath(fd, 0) < (int64_t)fs.f_blocks * (int64_t)fs.f_bsize / 2;
}

static void note(int why)
{
    int saved = errno;

    if (watched == NULL || seen.why != 0)
        return;
    switch (why) {
    case ENOSPC:
    case EDQUOT:
        seen = (struct failed_writes){ why, most_is_of_others() };
        break;
    case ENFILE:
        seen = (struct failed_writes){ why, true };
        break;
    case EFBIG:
    case EIO:
    case EMFILE:
    case ENOMEM:
        seen = (struct failed_writes){ why, false };
        break;
    default:                       /* not for want of anything: the caller looks at those */
        break;
    }
    errno = saved;
}

void failed_writes_begin(const char *folder)
{
    watched = folder;
    seen = (struct failed_writes){ 0, false };
}

struct failed_writes failed_writes_end(void)
{
    watched = NULL;
    return seen;
}

/* ---- the calls ---- */

static long noted(long result)
{
    if (result < 0)
        note(errno);
    return result;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    ssize_t (*next)(int, const void *, size_t);

    NEXT("write", next);
    return noted(next(fd, bytes, n));
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    ssize_t (*next)(int, const struct iovec *, int);

    NEXT("writev", next);
    return noted(next(fd, v, n));
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    ssize_t (*next)(int, const void *, size_t, off64_t);

    NEXT("pwrite64", next);
    return noted(next(fd, bytes, n, at));
}

int mkdir(const char *path, mode_t mode)
{
    int (*next)(const char *, mode_t);

    NEXT("mkdir", next);
    return (int)noted(next(path, mode));
}

/* Also what is opened to be read: a file that was written, and cannot be opened again, is not looked at either. */
int open64(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...);
    mode_t mode = 0;

    NEXT("open64", next);
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list more;

        va_start(more, flags);
        mode = va_arg(more, mode_t);
        va_end(more);
    }
    return (int)noted(next(path, flags, mode));
}

int fclose(FILE *f)
{
    int (*next)(FILE *);
    bool failed_before = ferror(f) != 0 && __fwritable(f) != 0;

    NEXT("fclose", next);
    int result = next(f);

    if (result != 0)
        note(errno);
    else if (failed_before)
        note(ENOSPC);              /* which error it was is not known any more; this is what it is */
    return result;
}
