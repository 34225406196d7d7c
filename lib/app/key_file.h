/* key_file.h - a secret of 32 random bytes that several daemons share, made by whoever starts first.
 *
 * The file holds 64 hex digits and a line end, mode 0640; one that everybody can read is refused.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_KEY_FILE_H
#define GATEPOST_APP_KEY_FILE_H

#include "lib/base/errtext.h"
#include "lib/base/span.h"

enum { KEY_FILE_BYTES = 32 };

/* With `create`, makes the file atomically when it is not there.  0, or -1 with err. */
int key_file_load(const char *path, bool create, uint8_t out[KEY_FILE_BYTES], struct errtext *err);

#endif
