/* override_file.h - overrides of a limit that stand in a file, read again when it has changed.
 *
 * One a line: WHO (override.h), blanks, and a rate or "unlimited"; "#" begins a comment.
 * A file that is broken or gone leaves what was read before in force, and the log says which line.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_OVERRIDE_FILE_H
#define GATEPOST_POLICYD_OVERRIDE_FILE_H

#include "lib/net/loop.h"
#include "policyd/override.h"

#define OVERRIDES_LOOK_MS SECONDS(5)

struct override_file;

/* Reads all of it into o, but lines with an error; false when any was added. */
bool override_file_read(const char *path, struct overrides *o, struct conf_errors *errors);
/* set and limit (with overrides_file) must outlive it.  NULL with err. */
struct override_file *override_file_open(struct loop *l, const struct settings *set, const struct set_limit *limit, struct errtext *err);
/* A file that Gatepost itself keeps: it may be missing, and a line that is no override is passed over, which the log tells. */
struct override_file *override_file_open_kept(struct loop *l, const struct settings *set, const struct set_limit *limit, const char *path);
void override_file_look(struct override_file *f);    /* now, instead of within OVERRIDES_LOOK_MS */
void override_file_close(struct override_file **f);
const struct overrides *override_file_now(const struct override_file *f);     /* f may be NULL */

#endif
