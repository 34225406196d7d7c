/* fuzz_rcpt_piece.c - an index and a piece of a shared set, whatever the bytes: what is read is what would be written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "socketmapd/rcpt_piece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_index(span in)
{
    struct errtext err;
    struct rcpt_index x;
    struct buf again;
    struct rcpt_index twice;

    if (!rcpt_index_decode(in, &x, &err))
        return;
    buf_init(&again, RCPT_INDEX_BYTES_MAX);
    rcpt_index_encode(&x, &again);
    if (!rcpt_index_decode(buf_span(&again), &twice, &err) || twice.n != x.n || twice.addresses != x.addresses || strcmp(twice.about.base, x.about.base) != 0)
        abort();
    rcpt_index_free(&twice);
    rcpt_index_free(&x);
    buf_free(&again);
}

static void check_piece(span in)
{
    struct rcpt_piece p = { .bytes = in.n, .addresses = span_count(in, '\n') };
    struct rcpt_index x = { .about = { .attr = { "mail", "proxyAddresses" } }, .pieces = &p, .n = 1 };
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct errtext err;

    rcpt_digest(in, p.digest);
    if (rcpt_piece_take(&x, 0, in, w, &err) && rcpt_set_writer_count(w) != p.addresses)
        abort();
    rcpt_set_writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = span_of((const char *)data, size);

    check_index(in);
    check_piece(in);
    return 0;
}
