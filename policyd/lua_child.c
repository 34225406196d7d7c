/* lua_child.c - the process that an administrator's Lua script runs in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/lua_child.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/app/sandbox.h"
#include "lib/lua/lua_script.h"
#include "lib/net/child.h"

bool lua_child_asks(span message)
{
    return message.n > 0 && message.p[0] == '?';
}

static bool ask_parent(span question, struct buf *answer, void *arg)
{
    static char message[CHILD_MESSAGE_MAX];
    struct buf out;
    bool sent;
    long n;

    (void)arg;
    buf_init(&out, CHILD_MESSAGE_MAX);
    buf_append_char(&out, '?');
    buf_append(&out, question);
    sent = !out.overflow && child_send_blocking(CHILD_FD, buf_span(&out), NULL, 0) == 0;
    buf_free(&out);
    if (!sent || (n = child_recv_blocking(CHILD_FD, message, sizeof message, NULL, NULL)) <= 0)
        return false;
    return buf_append(answer, span_of(message, (size_t)n));
}

static json_t *error_of(const struct errtext *err)
{
    json_t *answer = json_object();

    json_object_set_new(answer, "error", json_string_nocheck(err->text));
    return answer;
}

static json_t *answer_to(struct lua_script *script, const struct errtext *broken, span job)
{
    json_t *j = json_loadb(job.p, job.n, 0, NULL), *answer, *hits;
    const char *function = json_string_value(json_object_get(j, "function"));
    struct errtext err = { "the request could not be read" };

    if (script == NULL) {
        answer = error_of(broken);
    } else if (function == NULL || (hits = lua_script_ask(script, function, json_object_get(j, "request"), &err)) == NULL) {
        answer = error_of(&err);
    } else {
        answer = json_object();
        json_object_set_new(answer, "hits", hits);
    }
    json_decref(j);
    return answer;
}

/* false: nobody is there any more. */
static bool send_answer(json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    span message = text != NULL && strlen(text) < CHILD_MESSAGE_MAX ? span_str(text) : SPAN("{\"error\":\"its answer is too long, or no UTF-8\"}");
    bool sent = child_send_blocking(CHILD_FD, message, NULL, 0) == 0;

    free(text);
    json_decref(answer);
    return sent;
}

int lua_child_run(int argc, char **argv)
{
    static char message[CHILD_MESSAGE_MAX];
    struct errtext err = { "" };
    struct lua_script *script;
    long n;

    if (argc != 3)
        return EXIT_FAILURE;
    if (sandbox_child(&err) < 0)
        fprintf(stderr, "policyd lua: warning: %s\n", err.text);
    script = lua_script_load(argv[1], (size_t)strtoull(argv[2], NULL, 10), ask_parent, NULL, &err);
    while ((n = child_recv_blocking(CHILD_FD, message, sizeof message, NULL, NULL)) > 0) {
        if (!send_answer(answer_to(script, &err, span_of(message, (size_t)n))))
            break;
    }
    lua_script_free(&script);
    return EXIT_SUCCESS;
}
