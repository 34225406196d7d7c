/* lua_script.c - an administrator's Lua script: loaded, bounded in memory, asked about one request.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/lua/lua_script.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

enum { HITS_MAX = 32, QUESTION_MAX = 16 * 1024, ANSWER_MAX = 60 * 1024, DEPTH_MAX = 8 };

struct lua_script {
    lua_State *l;
    size_t used, most;                   /* bytes */
    lua_ask_fn *ask;
    void *arg;
};

/* ---- memory ---- */

static void *allocate(void *ud, void *at, size_t old, size_t wanted)
{
    struct lua_script *s = ud;
    void *got;

    if (at == NULL)
        old = 0;                         /* then it is a type, not a size */
    if (wanted == 0) {
        s->used -= old;
        free(at);
        return NULL;
    }
    if (wanted > old && s->used + (wanted - old) > s->most)
        return NULL;
    if ((got = realloc(at, wanted)) != NULL)
        s->used += wanted - old;
    return got;
}

/* ---- what a script may ask ---- */

static struct lua_script *script_of(lua_State *l)
{
    return lua_touserdata(l, lua_upvalueindex(1));
}

static void put_word(struct buf *q, const char *text, size_t n)
{
    buf_append(q, span_of(text, n));
    buf_append_char(q, '\0');
}

/* The arguments as words behind `what`; pushes what the answer makes of itself, and returns how many values that is. */
static int question(lua_State *l, const char *what, int n_args, int (*push)(lua_State *l, span answer))
{
    struct lua_script *s = script_of(l);
    struct buf q, a;
    bool asked, fits;
    int n = 2;

    buf_init(&q, QUESTION_MAX);
    buf_init(&a, ANSWER_MAX);
    put_word(&q, what, strlen(what));
    for (int i = 1; i <= n_args; i++) {
        size_t size;
        const char *text = lua_tolstring(l, i, &size);

        put_word(&q, text != NULL ? text : "", text != NULL ? size : 0);
    }
    fits = !q.overflow;
    asked = fits && s->ask(buf_span(&q), &a, s->arg) && a.len > 0;
    lua_settop(l, 0);
    if (asked && buf_span(&a).p[0] == '+') {
        n = push(l, span_from(buf_span(&a), 1));
    } else if (asked && buf_span(&a).p[0] == '-') {
        lua_pushboolean(l, 0);
        n = 1;
    } else {
        span why = asked ? span_from(buf_span(&a), 1) : fits ? SPAN("no answer") : SPAN("too long a question");

        lua_pushnil(l);
        lua_pushlstring(l, why.p != NULL ? why.p : "", why.n);
    }
    buf_free(&q);
    buf_free(&a);
    return n;
}

static int push_true(lua_State *l, span answer)
{
    (void)answer;
    lua_pushboolean(l, 1);
    return 1;
}

static int push_text(lua_State *l, span answer)
{
    lua_pushlstring(l, answer.p != NULL ? answer.p : "", answer.n);
    return 1;
}

static int push_list(lua_State *l, span answer)
{
    span word;

    lua_newtable(l);
    for (lua_Integer i = 1; answer.n > 0 && span_next(&answer, '\0', &word); i++) {
        lua_pushlstring(l, word.p != NULL ? word.p : "", word.n);
        lua_seti(l, -2, i);
    }
    return 1;
}

static int in_list(lua_State *l)
{
    luaL_checkstring(l, 1);
    luaL_checkstring(l, 2);
    return question(l, "list", 2, push_true);
}

static int dns(lua_State *l)
{
    luaL_checkstring(l, 1);
    luaL_optstring(l, 2, "A");
    lua_settop(l, 2);
    if (lua_isnil(l, 2)) {
        lua_pushstring(l, "A");
        lua_replace(l, 2);
    }
    return question(l, "dns", 2, push_list);
}

static int recall(lua_State *l)
{
    luaL_checkstring(l, 1);
    return question(l, "recall", 1, push_text);
}

static int remember(lua_State *l)
{
    luaL_checkstring(l, 1);
    luaL_checkstring(l, 2);
    luaL_checkinteger(l, 3);
    return question(l, "remember", 3, push_true);
}

static int count(lua_State *l)
{
    luaL_checkstring(l, 1);
    luaL_checkinteger(l, 2);
    luaL_checkinteger(l, 3);
    return question(l, "count", 3, push_true);
}

static int log_text(lua_State *l)
{
    luaL_checkstring(l, 1);
    return question(l, "log", 1, push_true);
}

/* ---- the state ---- */

static const luaL_Reg libraries[] = {
    { LUA_GNAME, luaopen_base },          { LUA_STRLIBNAME, luaopen_string }, { LUA_TABLIBNAME, luaopen_table },
    { LUA_MATHLIBNAME, luaopen_math },    { LUA_UTF8LIBNAME, luaopen_utf8 },  { LUA_OSLIBNAME, luaopen_os },
};
static const luaL_Reg functions[] = {
    { "in_list", in_list }, { "dns", dns }, { "recall", recall }, { "remember", remember }, { "count", count }, { "log", log_text },
};
static const char *const not_in_base[] = { "dofile", "loadfile", "load", "print", "collectgarbage" };

/* Of os only what tells the time. */
static void cut_os(lua_State *l)
{
    static const char *const kept[] = { "time", "date", "difftime" };

    lua_newtable(l);
    lua_getglobal(l, LUA_OSLIBNAME);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        lua_getfield(l, -1, kept[i]);
        lua_setfield(l, -3, kept[i]);
    }
    lua_pop(l, 1);
    lua_setglobal(l, LUA_OSLIBNAME);
}

/* Inside a protected call: memory may run out anywhere here. */
static int prepare(lua_State *l)
{
    struct lua_script *s = lua_touserdata(l, 1);
    const char *path = lua_touserdata(l, 2);

    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        luaL_requiref(l, libraries[i].name, libraries[i].func, 1);
        lua_pop(l, 1);
    }
    for (size_t i = 0; i < sizeof(not_in_base) / sizeof(not_in_base[0]); i++) {
        lua_pushnil(l);
        lua_setglobal(l, not_in_base[i]);
    }
    cut_os(l);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        lua_pushlightuserdata(l, s);
        lua_pushcclosure(l, functions[i].func, 1);
        lua_setglobal(l, functions[i].name);
    }
    if (luaL_loadfilex(l, path, "t") != LUA_OK)
        return lua_error(l);
    lua_call(l, 0, 0);
    return 0;
}

/* Lua begins messages with the file's name, from "@PATH". */
static void take_error(lua_State *l, struct errtext *err)
{
    const char *text = lua_tostring(l, -1);

    errtext_set(err, "%.400s", text != NULL ? text : "an error that is no text");
    lua_settop(l, 0);
}

bool lua_script_check(const char *path, struct errtext *err)
{
    lua_State *l = luaL_newstate();
    bool ok;

    if (l == NULL) {
        errtext_set(err, "%s: no memory", path);
        return false;
    }
    ok = luaL_loadfilex(l, path, "t") == LUA_OK;
    if (!ok)
        take_error(l, err);
    lua_close(l);
    return ok;
}

struct lua_script *lua_script_load(const char *path, size_t memory_bytes, lua_ask_fn *ask, void *arg, struct errtext *err)
{
    struct lua_script *s = xcalloc(1, sizeof(*s));

    *s = (struct lua_script){ .most = memory_bytes, .ask = ask, .arg = arg };
    if ((s->l = lua_newstate(allocate, s)) == NULL) {
        errtext_set(err, "%s: no memory", path);
        lua_script_free(&s);
        return NULL;
    }
    lua_pushcfunction(s->l, prepare);
    lua_pushlightuserdata(s->l, s);
    lua_pushlightuserdata(s->l, (void *)(uintptr_t)path);
    if (lua_pcall(s->l, 2, 0, 0) != LUA_OK) {
        take_error(s->l, err);
        lua_script_free(&s);
    }
    return s;
}

void lua_script_free(struct lua_script **sp)
{
    struct lua_script *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    if (s->l != NULL)
        lua_close(s->l);
    free(s);
}

/* ---- a request ---- */

static void push_json(lua_State *l, json_t *v, int depth)
{
    const char *key;
    json_t *item;
    size_t i;

    luaL_checkstack(l, 4, "nested too deep");
    if (json_is_string(v)) {
        lua_pushlstring(l, json_string_value(v), json_string_length(v));
    } else if (json_is_integer(v)) {
        lua_pushinteger(l, (lua_Integer)json_integer_value(v));
    } else if (json_is_number(v)) {
        lua_pushnumber(l, json_number_value(v));
    } else if (json_is_boolean(v)) {
        lua_pushboolean(l, json_is_true(v));
    } else if (json_is_array(v) && depth < DEPTH_MAX) {
        lua_newtable(l);
        json_array_foreach(v, i, item) {
            push_json(l, item, depth + 1);
            lua_seti(l, -2, (lua_Integer)i + 1);
        }
    } else if (json_is_object(v) && depth < DEPTH_MAX) {
        lua_newtable(l);
        json_object_foreach(v, key, item) {
            push_json(l, item, depth + 1);
            lua_setfield(l, -2, key);
        }
    } else {
        lua_pushnil(l);
    }
}

/* ---- hits ---- */

static void copy_text(lua_State *l, const char *key, json_t *to)
{
    size_t n;
    const char *text;

    if (lua_getfield(l, -1, key) == LUA_TSTRING) {
        text = lua_tolstring(l, -1, &n);
        json_object_set_new(to, key, json_stringn_nocheck(text, n));
    }
    lua_pop(l, 1);
}

/* The table on the stack. */
static json_t *hit_of(lua_State *l)
{
    static const char *const texts[] = { "name", "action", "text", "header" };
    json_t *hit = json_object();

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        copy_text(l, texts[i], hit);
    if (lua_getfield(l, -1, "points") == LUA_TNUMBER)
        json_object_set_new(hit, "points", json_real(lua_tonumber(l, -1)));
    lua_pop(l, 1);
    return hit;
}

static bool is_list(lua_State *l)
{
    bool list = lua_geti(l, -1, 1) == LUA_TTABLE;

    lua_pop(l, 1);
    return list;
}

/* Inside a protected call: the result of the script is on the stack, the array is a light userdata below. */
static int take_hits(lua_State *l, json_t *hits)
{
    json_t *points;

    if (lua_isnoneornil(l, -1))
        return 0;
    if (lua_type(l, -1) == LUA_TNUMBER) {
        points = json_object();
        json_object_set_new(points, "points", json_real(lua_tonumber(l, -1)));
        json_array_append_new(hits, points);
        return 0;
    }
    if (!lua_istable(l, -1))
        return luaL_error(l, "what it returns is a %s, neither nothing nor a number nor a table", luaL_typename(l, -1));
    if (!is_list(l)) {
        json_array_append_new(hits, hit_of(l));
        return 0;
    }
    for (lua_Integer i = 1; i <= HITS_MAX && lua_geti(l, -1, i) == LUA_TTABLE; i++) {
        json_array_append_new(hits, hit_of(l));
        lua_pop(l, 1);
    }
    return 0;
}

static int ask_protected(lua_State *l)
{
    const char *function = lua_touserdata(l, 1);
    json_t *request = lua_touserdata(l, 2), *hits = lua_touserdata(l, 3);

    if (lua_getglobal(l, function) != LUA_TFUNCTION)
        return 0;
    push_json(l, request, 0);
    lua_call(l, 1, 1);
    return take_hits(l, hits);
}

json_t *lua_script_ask(struct lua_script *s, const char *function, json_t *request, struct errtext *err)
{
    json_t *hits = json_array();

    lua_settop(s->l, 0);
    lua_pushcfunction(s->l, ask_protected);
    lua_pushlightuserdata(s->l, (void *)(uintptr_t)function);
    lua_pushlightuserdata(s->l, request);
    lua_pushlightuserdata(s->l, hits);
    if (lua_pcall(s->l, 3, 0, 0) == LUA_OK)
        return hits;
    take_error(s->l, err);
    json_decref(hits);
    return NULL;
}
