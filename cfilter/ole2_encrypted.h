/* ole2_encrypted.h - is an OLE2 file (Word, Excel, PowerPoint, or a newer Office document with a password) encrypted?
 *
 * Pure.  libclamav tells of encrypted PDF and archives; of these only from 1.5 on.
 * Source:    MS-OFFCRYPTO 2.3 (EncryptedPackage), MS-DOC 2.5.2 (fEncrypted), MS-XLS 2.4.117 (FilePass), MS-PPT 2.3.7 (EncryptedSummary).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_OLE2_ENCRYPTED_H
#define GATEPOST_CFILTER_OLE2_ENCRYPTED_H

#include "lib/base/span.h"

/* Looks for the marks without following the file's own chains, which may be broken on purpose.  Linear in the file's length. */
bool ole2_is_encrypted(span file);

#endif
