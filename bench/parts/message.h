/* message.h - one message for many: every copy has a number of its own where the file has a mark.
 *
 * The mark is twelve characters that also stand for nine bytes in base64, so an attachment differs from copy to copy, too.
 * The file holds the message as it goes over the wire (CR LF, no line that begins with a dot), without the end of data.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BENCH_MESSAGE_H
#define GATEPOST_BENCH_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct message {
    char *bytes;
    size_t n;
    size_t *marks;               /* where the number stands */
    size_t n_marks;
};

/* Ends the program when the file cannot be read or has no mark; `end` ("" or the end of data) goes behind it. */
void message_load(struct message *m, const char *path, const char *end);
void message_free(struct message *m);
void message_number(struct message *m, uint64_t number);

#endif
