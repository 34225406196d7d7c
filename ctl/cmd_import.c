/* cmd_import.c - gatepostctl recipient import: a file of remembered answers, to the daemon in portions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/gatepostctl.h"

enum { LINES_MAX = 200, BYTES_MAX = 16 * 1024 };

struct portion {
    char *lines[LINES_MAX];
    size_t n, bytes;
    unsigned long long first;          /* number of its first line */
};

static int send_portion(struct env *env, struct portion *p)
{
    const char *argv[3 + LINES_MAX] = { "recipient", "import" };
    char first[24];
    int status;

    snprintf(first, sizeof(first), "%llu", p->first);
    argv[2] = first;
    for (size_t i = 0; i < p->n; i++)
        argv[3 + i] = p->lines[i];
    status = p->n > 0 ? pass_through(env, "socketmapd", REACH_RUNNING, argv, 3 + p->n) : CTL_OK;
    for (size_t i = 0; i < p->n; i++)
        free(p->lines[i]);
    *p = (struct portion){ .first = p->first + p->n };
    return status;
}

int import_recipients(struct env *env, const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    struct portion p = { .first = 1 };
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int worst = CTL_OK, status;

    if (f == NULL) {
        fprintf(stderr, "gatepostctl: %s: %s\n", path, strerror(errno));
        return CTL_FAILED;
    }
    while (worst < CTL_FAILED && (n = getline(&line, &cap, f)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            line[--n] = '\0';
        if (n > BYTES_MAX / 2)
            line[BYTES_MAX / 2] = '\0';            /* too long for any address: the daemon says so */
        p.lines[p.n++] = strdup(line);
        p.bytes += strlen(line) + 1;
        if (p.n == LINES_MAX || p.bytes > BYTES_MAX / 2) {
            status = send_portion(env, &p);
            worst = status > worst ? status : worst;
        }
    }
    status = send_portion(env, &p);
    worst = status > worst ? status : worst;
    if (ferror(f)) {
        fprintf(stderr, "gatepostctl: %s: %s\n", path, strerror(errno));
        worst = CTL_FAILED;
    }
    free(line);
    if (f != stdin)
        fclose(f);
    return worst;
}
