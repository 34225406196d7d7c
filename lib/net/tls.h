/* tls.h - TLS settings made once and used by many streams (OpenSSL 3).
 *
 * Clients verify chain and name unless told not to; TLS 1.2 is the least.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_TLS_H
#define GATEPOST_NET_TLS_H

#include <stdbool.h>

#include "lib/base/errtext.h"

struct tls_context;

struct tls_client_settings {
    const char *ca_file;        /* PEM bundle; NULL: the system's */
    const char *cert_file;      /* own certificate, or NULL */
    const char *key_file;
    bool insecure_no_verify;    /* only for tests and for who asks for it in so many words */
};

struct tls_context *tls_client_new(const struct tls_client_settings *set, struct errtext *err);
struct tls_context *tls_server_new(const char *cert_file, const char *key_file, struct errtext *err);
void tls_context_free(struct tls_context **ctx);        /* streams that use it keep their own reference */

#endif
