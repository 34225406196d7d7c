/* fuzz_handover.c - the body of an X-Gatepost field from anybody.
 *
 * Properties: nothing is believed without the key (the inputs do not know it), *out is untouched then; and whatever comes out of a
 * field that is signed afterwards can be written again and reads the same.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/app/handover.h"

enum { NOW = 1764000000, MAX_AGE = 3600 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record whose strings are the input's bytes. */
static void fill(struct handover *h, const uint8_t *data, size_t size)
{
    char *into[] = { h->client, h->hits, h->login, h->msg_class };
    const size_t room[] = { sizeof h->client, sizeof h->hits, sizeof h->login, sizeof h->msg_class };

    for (size_t i = 0, at = 0; i < 4; i++) {
        size_t n = 0;

        while (at < size && n + 1 < room[i] && data[at] != 0)
            into[i][n++] = (char)data[at++];
        into[i][n] = '\0';
        at++;
    }
}

static void round_trip(const uint8_t *data, size_t size, const struct handover_key *key)
{
    struct handover in = { .id = "0123456789ABC", .time_s = NOW, .score = 2.5, .trusted = true }, out;
    span reverse_path = { (const char *)data, size < 64 ? size : 64 }, body;
    struct buf field;

    fill(&in, data, size);
    buf_init(&field, 8192);
    handover_write(&in, reverse_path, key, &field);
    body = span_from(buf_span(&field), sizeof HANDOVER_FIELD);
    if (handover_read(body, reverse_path, key, NOW, MAX_AGE, &out) != HANDOVER_OK)
        abort();
    if (strcmp(in.client, out.client) != 0 || strcmp(in.hits, out.hits) != 0 || strcmp(in.login, out.login) != 0 ||
        strcmp(in.msg_class, out.msg_class) != 0 || !out.trusted)
        abort();
    buf_free(&field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct handover_key key = { .b = { 0x5a, 0x17, 0xc3 } };
    struct handover out = { .time_s = 42, .client = "untouched" };

    if (handover_read((span){ (const char *)data, size }, SPAN("a@example.net"), &key, NOW, MAX_AGE, &out) == HANDOVER_OK)
        abort();
    if (out.time_s != 42 || strcmp(out.client, "untouched") != 0)
        abort();
    round_trip(data, size, &key);
    return 0;
}
