/* country.c - the country of a client's address.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/country.h"

#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

struct countries { MMDB_s db; };

struct countries *countries_open(const char *path, struct errtext *err)
{
    struct countries *c = xcalloc(1, sizeof(*c));
    int status = MMDB_open(path, MMDB_MODE_MMAP, &c->db);

    if (status == MMDB_SUCCESS)
        return c;
    errtext_set(err, "%s cannot be used as a country database: %s", path, MMDB_strerror(status));
    free(c);
    return NULL;
}

void countries_close(struct countries **cp)
{
    struct countries *c = *cp;

    *cp = NULL;
    if (c == NULL)
        return;
    MMDB_close(&c->db);
    free(c);
}

static bool code_at(MMDB_entry_s *entry, const char *what, char code[3])
{
    MMDB_entry_data_s data;
    const char *path[] = { what, "iso_code", NULL };

    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
        return false;
    memcpy(code, data.utf8_string, 2);
    code[2] = '\0';
    return true;
}

void country_of(const struct countries *c, const struct ipaddr *client, char code[3])
{
    union { struct sockaddr sa; struct sockaddr_in in; struct sockaddr_in6 in6; } a = { .sa.sa_family = client->family == 6 ? AF_INET6 : AF_INET };
    MMDB_lookup_result_s found;
    int error;

    code[0] = '\0';
    if (c == NULL || client->family == 0)
        return;
    if (client->family == 6)
        memcpy(&a.in6.sin6_addr, client->b, 16);
    else
        memcpy(&a.in.sin_addr, client->b, 4);
    found = MMDB_lookup_sockaddr(&c->db, &a.sa, &error);
    if (error == MMDB_SUCCESS && found.found_entry && !code_at(&found.entry, "country", code))
        code_at(&found.entry, "registered_country", code);
}
