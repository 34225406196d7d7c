/* override_ldap_child.c - reads overrides out of a directory into a file.
 *
 * Only a search that ended with success on every page counts; whatever else happens leaves the file as it is.
 * Source:    RFC 2696 (paged results).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/ldap/directory.h"
#include "lib/net/child.h"
#include "policyd/override_ldap.h"
#include "policyd/override_ldap_job.h"

enum { PAGE = 500, ENTRIES_MAX = 2000000, RATE_MAX = 150, WHY_MAX = 600 };

struct reading {
    struct directory *dir;
    const struct override_ldap_job *job;
    FILE *to;
    size_t n;
    char *why;                           /* WHY_MAX bytes */
};

/* ---- entries ---- */

static bool is_word(const struct berval *v)
{
    for (size_t i = 0; i < v->bv_len; i++) {
        if ((unsigned char)v->bv_val[i] <= ' ' || v->bv_val[i] == 0x7f || v->bv_val[i] == '#')
            return false;
    }
    return v->bv_len > 0;
}

/* Several values are several rates; "" where one cannot stand in a line. */
static void rate_of(struct berval **values, char rate[RATE_MAX + 1])
{
    size_t n = 0;

    rate[0] = '\0';
    for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
        int put = snprintf(rate + n, RATE_MAX + 1 - n, "%s%.*s", i > 0 ? ", " : "", (int)values[i]->bv_len, values[i]->bv_val);

        if (put < 0 || (size_t)put > RATE_MAX - n || strpbrk(rate, "\r\n#") != NULL) {
            rate[0] = '\0';
            return;
        }
        n += (size_t)put;
    }
}

static void take_entry(struct reading *r, LDAPMessage *entry)
{
    struct berval **who = ldap_get_values_len(r->dir->ld, entry, r->job->who.p), **rates = ldap_get_values_len(r->dir->ld, entry, r->job->rate.p);
    char rate[RATE_MAX + 1];

    rate_of(rates, rate);
    for (size_t i = 0; rate[0] != '\0' && who != NULL && who[i] != NULL; i++) {
        if (!is_word(who[i]))
            continue;
        fprintf(r->to, "%.*s %s\n", (int)who[i]->bv_len, who[i]->bv_val, rate);
        r->n++;
    }
    ldap_value_free_len(who);
    ldap_value_free_len(rates);
}

/* ---- pages ---- */

static bool search_failed(struct reading *r, int rc, const char *step)
{
    directory_failure(r->dir->ld, rc, step, r->job->config.servers[r->dir->server].p, r->why, WHY_MAX);
    return false;
}

/* The cookie of the next page, empty after the last; false when the answer was none. */
static bool next_page(struct reading *r, LDAPMessage *res, struct berval *cookie)
{
    LDAPControl **controls = NULL, *page;
    ber_int_t estimate;
    int code = LDAP_OTHER, rc = ldap_parse_result(r->dir->ld, res, &code, NULL, NULL, NULL, &controls, 0);

    ber_memfree(cookie->bv_val);
    *cookie = (struct berval){ 0, NULL };
    if (rc == LDAP_SUCCESS)
        rc = code;
    page = rc == LDAP_SUCCESS ? ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL) : NULL;
    if (page != NULL)
        rc = ldap_parse_pageresponse_control(r->dir->ld, page, &estimate, cookie);
    ldap_controls_free(controls);
    return rc == LDAP_SUCCESS || search_failed(r, rc, "search");
}

static bool read_page(struct reading *r, struct berval *cookie)
{
    char *attrs[] = { (char *)(uintptr_t)r->job->who.p, (char *)(uintptr_t)r->job->rate.p, NULL };
    LDAPControl *page = NULL, *controls[2] = { NULL, NULL };
    LDAPMessage *res = NULL;
    bool ok = false;
    int rc = ldap_create_page_control(r->dir->ld, PAGE, cookie, 0, &page);

    controls[0] = page;
    if (rc == LDAP_SUCCESS)
        rc = directory_search(r->dir->ld, r->dir->base, LDAP_SCOPE_SUBTREE, r->job->filter.p, attrs, controls, r->job->config.timeout_ms, LDAP_NO_LIMIT, &res);
    ldap_control_free(page);
    if (rc != LDAP_SUCCESS) {
        search_failed(r, rc, "search");
    } else {
        for (LDAPMessage *e = ldap_first_entry(r->dir->ld, res); e != NULL; e = ldap_next_entry(r->dir->ld, e))
            take_entry(r, e);
        ok = next_page(r, res, cookie);
    }
    ldap_msgfree(res);
    return ok;
}

static bool read_all(struct reading *r)
{
    struct berval cookie = { 0, NULL };
    bool ok;

    do
        ok = read_page(r, &cookie);
    while (ok && cookie.bv_len > 0 && r->n <= ENTRIES_MAX);
    if (ok && r->n > ENTRIES_MAX) {
        snprintf(r->why, WHY_MAX, "more than %d overrides", ENTRIES_MAX);
        ok = false;
    }
    ber_memfree(cookie.bv_val);
    return ok;
}

/* ---- the file ---- */

static bool same_bytes(FILE *a, FILE *b)
{
    char one[8192], other[sizeof one];
    size_t n;

    do {
        n = fread(one, 1, sizeof one, a);
        if (fread(other, 1, sizeof other, b) != n || memcmp(one, other, n) != 0)
            return false;
    } while (n == sizeof one);
    return ferror(a) == 0 && ferror(b) == 0;
}

/* A file that stays as it is is not read again, and what is wrong in it not told again, every few minutes. */
static bool is_there_already(const char *new_path, const char *path)
{
    FILE *neu = fopen(new_path, "re"), *old = fopen(path, "re");
    bool same = neu != NULL && old != NULL && same_bytes(neu, old);

    if (neu != NULL)
        fclose(neu);
    if (old != NULL)
        fclose(old);
    return same;
}

static bool put_in_place(struct reading *r, const char *new_path)
{
    bool ok = fflush(r->to) == 0 && fsync(fileno(r->to)) == 0;

    ok = fclose(r->to) == 0 && ok && (is_there_already(new_path, r->job->path.p) || rename(new_path, r->job->path.p) == 0);
    r->to = NULL;
    if (!ok)
        snprintf(r->why, WHY_MAX, "%s: %s", new_path, strerror(errno));
    return ok;
}

static void read_into_file(struct reading *r)
{
    char *new_path = xasprintf("%s.new", r->job->path.p);

    r->to = fopen(new_path, "we");
    if (r->to == NULL)
        snprintf(r->why, WHY_MAX, "%s: %s", new_path, strerror(errno));
    else if (!read_all(r))
        directory_close(r->dir);
    else if (r->n == 0 && !r->job->believe_none)
        snprintf(r->why, WHY_MAX, "none");
    else if (put_in_place(r, new_path))
        snprintf(r->why, WHY_MAX, "ok %zu", r->n);
    if (r->to != NULL)
        fclose(r->to);
    unlink(new_path);
    free(new_path);
}

int override_ldap_run(int argc, char **argv)
{
    static char message[CHILD_MESSAGE_MAX];
    struct directory dir = { 0 };
    char why[WHY_MAX];
    long n;

    (void)argc;
    (void)argv;
    setenv("LDAPNOINIT", "1", 1);        /* no ldap.conf, no ldaprc: the configuration is all there is */
    buf_init(&dir.config_bytes, LDAP_JOB_MAX);
    while ((n = child_recv_blocking(CHILD_FD, message, sizeof message, NULL, NULL)) > 0) {
        struct override_ldap_job job;
        struct reading r = { .dir = &dir, .job = &job, .why = why };

        snprintf(why, sizeof why, "the order could not be read");
        if (override_ldap_job_decode(span_of(message, (size_t)n), &job) &&
            directory_connect(&dir, &job.config, job.config_bytes, 0, why, sizeof why) == 0)
            read_into_file(&r);
        dir.used_s = directory_now_s();
        if (child_send_blocking(CHILD_FD, span_str(why), NULL, 0) != 0)
            break;
    }
    directory_close(&dir);
    buf_free(&dir.config_bytes);
    explicit_bzero(message, sizeof message);
    return EXIT_SUCCESS;
}
