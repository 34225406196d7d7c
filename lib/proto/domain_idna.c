/* domain_idna.c - domain names in UTF-8: U-labels to A-labels, with libidn2.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <idn2.h>

#include "lib/proto/domain.h"
#include "lib/proto/oneline.h"

/* A name of 253 bytes in ASCII may be longer in UTF-8; a longer input than this is none. */
enum { UTF8_MAX = 1000 };

static bool is_ascii(span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* Non-transitional, as Postfix and the registries have it: a sharp s stays one. */
static enum domain_status to_a_labels(span name, char out[DOMAIN_TEXT_MAX], span *out_span)
{
    enum { FLAGS = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL };
    char utf8[UTF8_MAX + 1];
    enum domain_status status = DOMAIN_E_IDNA;
    char *ascii = NULL;

    memcpy(utf8, name.p, name.n);
    utf8[name.n] = '\0';
    if (idn2_to_ascii_8z(utf8, &ascii, FLAGS) == IDN2_OK)
        status = domain_normalise_ascii(span_str(ascii), out, out_span);
    idn2_free(ascii);
    return status;
}

enum domain_status domain_normalise(span name, char out[DOMAIN_TEXT_MAX], span *out_span)
{
    if (is_ascii(name))
        return domain_normalise_ascii(name, out, out_span);
    if (name.n > UTF8_MAX)
        return DOMAIN_E_LONG;
    if (!oneline_is_utf8(name) || memchr(name.p, '\0', name.n) != NULL)
        return DOMAIN_E_IDNA;
    return to_a_labels(name, out, out_span);
}
