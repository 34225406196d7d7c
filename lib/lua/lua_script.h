/* lua_script.h - an administrator's Lua script: loaded, bounded in memory, asked about one request.
 *
 * The script defines functions named as the states of a request (rcpt, data, end_of_message).  Each gets the request as a table and returns
 * nothing, a number (points), a hit, or a list of hits; a hit is a table of name, points, action ("allow", "defer", "reject",
 * "prepend"), text and header.
 * It has Lua's base library without its file functions, string, table, math, utf8, os.time and os.date; and, answered by `ask`:
 *     in_list(name, value)  dns(name, type)  recall(key)  remember(key, value, seconds)  count(key, n, seconds)  log(text)
 * Time:      is not bounded here: a pattern can run for minutes under any hook.  Whoever runs it is killed at a deadline.
 * Source:    Lua 5.4 Reference Manual.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_LUA_LUA_SCRIPT_H
#define GATEPOST_LUA_LUA_SCRIPT_H

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/base/errtext.h"

struct lua_script;

/* A question: words, each ended by NUL ("dns\0example.net\0A\0"), and its answer: "+" and words, "-" (no), or "!" and why it is not known. */
typedef bool lua_ask_fn(span question, struct buf *answer, void *arg);

/* Whether the file can be compiled; nothing of it is run.  err: "FILE:LINE: what". */
bool lua_script_check(const char *path, struct errtext *err);

/* Compiles and runs the file.  NULL with err. */
struct lua_script *lua_script_load(const char *path, size_t memory_bytes, lua_ask_fn *ask, void *arg, struct errtext *err);
void lua_script_free(struct lua_script **s);
/* request: {"attribute": "text" | number | boolean, ..., "hits": {...}}.  The hits, an array to be given back with json_decref; or NULL with
 * err.  A script without that function has none. */
json_t *lua_script_ask(struct lua_script *s, const char *function, json_t *request, struct errtext *err);

#endif
