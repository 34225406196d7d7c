/* session.h - one connection of the front smtpd: the server side of the SMTP dialogue.
 *
 * session.c is the dialogue (commands), session_data.c the message (data, scan, verdict, delivery).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SESSION_H
#define GATEPOST_CFILTER_SESSION_H

#include "cfilter/front.h"

void session_new(struct front *f, struct listener *from, int fd);
/* Idle ones get 421 and close; those in a message finish it. */
void session_drain_all(struct front *f);
void session_close_all(struct front *f);

#endif
