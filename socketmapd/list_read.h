/* list_read.h - recipients out of files: lists, exports of directories, patterns.
 *
 * By its name a file is a list (one "user@domain", "@domain" or /pattern/ a line, # begins a comment), an export in CSV (*.csv: every field
 * that holds an address, or several as Exchange writes them, "SMTP:a@x;smtp:b@x") or in LDIF (*.ldif: the attributes of the AD and OpenLDAP profiles).
 * Errors:    the first one, with file and line; then nothing of the files is to be used.
 * Source:    RFC 4180 (CSV), RFC 2849 (LDIF).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_LIST_READ_H
#define GATEPOST_SOCKETMAPD_LIST_READ_H

#include "lib/base/buf.h"
#include "lib/base/errtext.h"
#include "socketmapd/rcpt_set.h"

enum { LIST_PATTERNS_BYTES = 4 << 20, LIST_FILES_MAX = RCPT_SET_ATTRS_MAX };

/* Adds the addresses of one file, and its patterns, each ended by a LF; each entry's object is its line, its attr the file's number.  fold: local-parts without case. */
int list_read(const char *path, unsigned number, bool fold, struct rcpt_set_writer *w, struct buf *patterns, struct errtext *err);

#endif
