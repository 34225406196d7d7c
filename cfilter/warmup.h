/* warmup.h - the harmless message that an engine must read before it is used.
 *
 * It holds one of each common kind (text, HTML, zip, PDF, PNG, a nested message), so that libclamav, GMime and iconv set up all
 * their tables before workers are forked; and, on wish, some bytes in a base64 attachment that the engine must find.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_WARMUP_H
#define GATEPOST_CFILTER_WARMUP_H

#include "lib/base/buf.h"

void warmup_message(span marker, struct buf *to);    /* marker may be empty */

#endif
