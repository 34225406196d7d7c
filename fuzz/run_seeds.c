/* run_seeds.c - runs a fuzz target over its seeds: they are ordinary tests.
 *
 * The folder is fuzz/seeds/NAME, where NAME is the program's own without "fuzz_"; another one can be given.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <dirent.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    long size;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0)
        err(1, "%s", path);
    /* Exactly so many bytes, so that a sanitizer sees a read behind them. */
    data = malloc((size_t)size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size)
        err(1, "%s", path);
    fclose(f);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
    char folder[512], path[1024];
    const struct dirent *e;
    int n = 0;
    DIR *d;

    if (strncmp(name, "fuzz_", 5) == 0)
        name += 5;
    snprintf(folder, sizeof(folder), "%s", argc > 1 ? argv[1] : "");
    if (argc <= 1)
        snprintf(folder, sizeof(folder), "fuzz/seeds/%s", name);
    d = opendir(folder);
    if (d == NULL)
        err(1, "%s", folder);
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        run_file(path);
        n++;
    }
    closedir(d);
    if (n == 0)
        errx(1, "%s holds no seeds", folder);
    printf("%s: %d seeds passed\n", name, n);
    return 0;
}
