/* unicode_fold.c - comparing text of other scripts.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/unicode_fold.h"

#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

bool unicode_is_ascii(span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    }
    return true;
}

/* Each code point by itself: what grows under full folding (a sharp s) stays what it is. */
static uint32_t *lower_each(const uint32_t *text, size_t n, size_t *n_out)
{
    uint32_t *lowered = malloc((n + 1) * sizeof(*lowered)), *nfc;

    if (lowered == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        lowered[i] = uc_tolower(text[i]);
    nfc = u32_normalize(UNINORM_NFC, lowered, n, NULL, n_out);
    free(lowered);
    return nfc;
}

static bool take_utf8(const uint32_t *text, size_t n, char *out, size_t size, size_t *n_out)
{
    size_t bytes = 0;
    uint8_t *utf8 = u32_to_u8(text, n, NULL, &bytes);
    bool fits = utf8 != NULL && bytes <= size;

    if (fits) {
        memcpy(out, utf8, bytes);
        *n_out = bytes;
    }
    free(utf8);
    return fits;
}

bool unicode_fold(span s, bool lower, char *out, size_t size, size_t *n_out)
{
    const uint8_t *bytes = (const uint8_t *)s.p;
    uint32_t *text, *nfc, *folded = NULL;
    size_t n = 0, nfc_n = 0, folded_n = 0;
    bool ok = false;

    if (s.n == 0 || u8_check(bytes, s.n) != NULL)
        return false;
    text = u8_to_u32(bytes, s.n, NULL, &n);
    nfc = text != NULL ? u32_normalize(UNINORM_NFC, text, n, NULL, &nfc_n) : NULL;
    if (nfc != NULL && lower)
        folded = lower_each(nfc, nfc_n, &folded_n);
    if (nfc != NULL)
        ok = lower ? folded != NULL && take_utf8(folded, folded_n, out, size, n_out) : take_utf8(nfc, nfc_n, out, size, n_out);
    free(folded);
    free(nfc);
    free(text);
    return ok;
}
