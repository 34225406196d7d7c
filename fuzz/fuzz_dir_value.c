/* fuzz_dir_value.c - what a directory's values name is an address in its normal form, whatever the bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "socketmapd/callout_target.h"
#include "socketmapd/dir_value.h"
#include "socketmapd/sync_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(const char *attribute, span in)
{
    char buffer[ADDRESS_MAX], twice[ADDRESS_MAX];
    span address, again;

    if (!dir_value_address(attribute, in, true, buffer, &address))
        return;
    if (address.n < 3 || span_rfind(address, '@') == 0 || span_rfind(address, '@') + 1 >= address.n || address.n >= ADDRESS_MAX)
        abort();
    /* Its local-part is unquoted now: what then needs quotes is another text. */
    if (span_find(address, '"') == address.n && span_find(address, '\\') == address.n && span_count(address, '@') == 1 &&
        (!address_fold_entry(address, true, twice, &again) || !span_eq(again, address)))
        abort();
}

static void check_note(span in)
{
    struct sync_note n, again;
    struct buf wire;

    if (!sync_note_decode(in, &n))
        return;
    buf_init(&wire, 65536);
    sync_note_encode(&n, &wire);
    if (!sync_note_decode(buf_span(&wire), &again) || again.said != n.said || strcmp(again.text, n.text) != 0 || again.serial != n.serial)
        abort();
    buf_free(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size }, name;
    struct callout_target t;
    uint64_t next;

    check_value("proxyAddresses", in);
    check_value("mail", in);
    if (dir_value_range(in, &name, &next) && name.n >= in.n)
        abort();
    if (callout_target_parse(in, &t) && (t.host[0] == '\0' || t.port < 1 || t.port > 65535))
        abort();
    check_note(in);
    return 0;
}
