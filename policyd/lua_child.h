/* lua_child.h - the process that an administrator's Lua script runs in.
 *
 * Arguments: FILE, MEMORY (bytes).  A job is a JSON object {"function": "rcpt", "request": {...}}; the answer is one with "hits", or "error".  On
 * the way it may ask: '?' and a question of lua_script.h, which is answered by a message in the form given there.
 * It is caged: no network, no new process, no file but those it can open by name as the daemon's user.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_LUA_CHILD_H
#define GATEPOST_POLICYD_LUA_CHILD_H

#include "lib/base/span.h"

int lua_child_run(int argc, char **argv);            /* child role "lua" */
bool lua_child_asks(span message);                   /* whether it is a question */

#endif
