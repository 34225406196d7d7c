/* fuzz_address.c - whatever an MTA asks for, the address that it means is one line, at a domain of ours, and means itself.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/mailbox.h"
#include "socketmapd/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const domains[] = { "example.com", "xn--bcher-kva.example" };
static const struct set_domain_alias aliases[] = { { "alias.example", "example.com" }, { "loop.example", "loop.example" } };

static void check(const struct settings *set, const struct address *a)
{
    struct address again;
    struct buf quoted;

    if (a->n == 0 || a->n > ADDRESS_CANDIDATES_MAX || !span_eq(a->candidate[0], a->whole) || !settings_own_domain(set, a->domain))
        abort();
    for (size_t c = 0; c < a->n; c++) {
        for (size_t i = 0; i < a->candidate[c].n; i++) {
            if ((unsigned char)a->candidate[c].p[i] < 0x20 || a->candidate[c].p[i] == 0x7f)
                abort();
        }
    }
    buf_init(&quoted, 4096);
    if (mailbox_append_quoted(&quoted, span_head(a->whole, a->whole.n - a->domain.n - 1)) && buf_span(&quoted).n <= MAILBOX_LOCAL_MAX) {
        buf_append_char(&quoted, '@');
        buf_append(&quoted, a->domain);
        if (buf_span(&quoted).n <= MAILBOX_MAX && (address_resolve(set, buf_span(&quoted), &again) != ADDRESS_OK || !span_eq(again.whole, a->whole)))
            abort();
    }
    buf_free(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings set = { 0 };
    span key = { (const char *)data, size };
    struct address with, without;

    set.domains = (struct conf_strings){ domains, 2 };
    set.recipients.delimiters = "+-";
    set.recipients.fold_local_part = size % 2 == 0;
    if (address_resolve(&set, key, &without) == ADDRESS_OK)
        check(&set, &without);
    set.recipients.aliases = (struct conf_list){ (void *)(uintptr_t)aliases, 2 };
    if (address_resolve(&set, key, &with) == ADDRESS_OK)
        check(&set, &with);
    return 0;
}
