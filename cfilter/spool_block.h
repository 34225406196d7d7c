/* spool_block.h - memory for messages that outgrow a buffer of their own: blocks of one size for all of them, given out and taken back.
 *
 * What one message gives back the next one takes, pages and all: memory that comes fresh from the kernel costs more than the copy into it.
 * What nobody has taken for SPOOL_BLOCK_IDLE_MS the kernel may have back when it needs some (madvise(2), MADV_FREE).  Not before: to tell whether
 * it was written since, the kernel watches every page of it again.
 * Units:     bytes.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SPOOL_BLOCK_H
#define GATEPOST_CFILTER_SPOOL_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/net/loop.h"

enum { SPOOL_BLOCK_BYTES = 8 * 1024 * 1024, SPOOL_BLOCK_IDLE_MS = 60000 };

struct spool_blocks;

struct spool_blocks *spool_blocks_new(struct loop *l, uint64_t limit_bytes);
void spool_blocks_free(struct spool_blocks **b);                       /* all blocks were given back */
void spool_blocks_limit(struct spool_blocks *b, uint64_t limit_bytes); /* those given out stay so */
/* Not zeroed.  NULL: as many as the limit allows are out, or the kernel has no memory. */
char *spool_block_take(struct spool_blocks *b);
void spool_block_give(struct spool_blocks *b, char *block);

#endif
