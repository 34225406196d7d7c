/* ctl_redis.h - "redis keys|show|check": what Gatepost keeps in Redis, and whether all of it is there.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CTL_REDIS_H
#define GATEPOST_SOCKETMAPD_CTL_REDIS_H

#include "lib/app/ctl_server.h"

void ctl_redis(struct ctl_request *q, void *daemon);         /* runs "redis ..." */

#endif
