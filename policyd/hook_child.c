/* hook_child.c - the process that runs the administrator's command, or speaks to his web server.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/net/child.h"
#include "policyd/hook.h"

enum { ENVIRONMENT_MAX = 32, ARGUMENTS_MAX = 64 };

/* ---- a command ---- */

/* "GATEPOST_LOGIN=alice" of each value, beside a PATH; the daemon's own environment stays here. */
static char **environment_of(json_t *body)
{
    char **env = xcalloc(ENVIRONMENT_MAX + 1, sizeof(*env));
    const char *key;
    json_t *value;
    size_t n = 0;

    env[n++] = xstrdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    json_object_foreach(body, key, value) {
        char name[40];
        size_t k = 0;

        for (; key[k] != '\0' && k < sizeof(name) - 1; k++)
            name[k] = key[k] >= 'a' && key[k] <= 'z' ? (char)(key[k] - 'a' + 'A') : key[k];
        name[k] = '\0';
        if (n == ENVIRONMENT_MAX)
            break;
        if (json_is_string(value))
            env[n++] = xasprintf("GATEPOST_%s=%s", name, json_string_value(value));
        else if (json_is_integer(value))
            env[n++] = xasprintf("GATEPOST_%s=%lld", name, (long long)json_integer_value(value));
        else
            env[n++] = xasprintf("GATEPOST_%s=%s", name, json_is_true(value) ? "yes" : "no");
    }
    return env;
}

static void free_words(char **words)
{
    for (size_t i = 0; words[i] != NULL; i++)
        free(words[i]);
    free(words);
}

/* Between fork and exec.  The command goes when we do. */
static void become(char *const *argv, char *const *env, int in)
{
    static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ };

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        signal(ours[i], SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, STDIN_FILENO) < 0 || close(CHILD_FD) < 0)
        _exit(126);
    execve(argv[0], argv, env);
    _exit(errno == ENOENT ? 127 : 126);
}

static bool feed(int to, const char *text)
{
    size_t n = strlen(text);
    ssize_t put = 0;

    while (n > 0 && ((put = write(to, text, n)) >= 0 || errno == EINTR)) {
        if (put > 0) {
            text += put;
            n -= (size_t)put;
        }
    }
    return n == 0;                       /* a command that does not read is well, too */
}

static void judge(int status, const char *command, char *why, size_t size)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        snprintf(why, size, "ok");
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        snprintf(why, size, "%s: no such command", command);
    else if (WIFEXITED(status))
        snprintf(why, size, "%s ended with status %d%s", command, WEXITSTATUS(status), WEXITSTATUS(status) == 126 ? " (it cannot be run)" : "");
    else
        snprintf(why, size, "%s was ended by signal %d", command, WTERMSIG(status));
}

static void run_command(json_t *command, json_t *body, const char *text, char *why, size_t size)
{
    char *argv[ARGUMENTS_MAX + 1] = { NULL }, **env = environment_of(body);
    int pipes[2], status = 0;
    pid_t pid;

    for (size_t i = 0; i < json_array_size(command) && i < ARGUMENTS_MAX; i++)
        argv[i] = (char *)(uintptr_t)json_string_value(json_array_get(command, i));
    if (pipe2(pipes, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        snprintf(why, size, "no process for it: %s", strerror(errno));
        free_words(env);
        return;
    }
    if (pid == 0)
        become(argv, env, pipes[0]);
    close(pipes[0]);
    feed(pipes[1], text);
    close(pipes[1]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    judge(status, argv[0], why, size);
    free_words(env);
}

/* ---- a web server ---- */

static size_t drop(char *bytes, size_t size, size_t n, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * n;
}

static void post(const char *url, int64_t timeout_ms, const char *text, char *why, size_t size)
{
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *c = curl_easy_init();
    CURLcode rc;
    long code = 0;

    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "gatepost-policyd/" GATEPOST_VERSION);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
    rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
    if (rc != CURLE_OK)
        snprintf(why, size, "%s", detail[0] != '\0' ? detail : curl_easy_strerror(rc));
    else if (code / 100 != 2)
        snprintf(why, size, "the web server answered %ld", code);
    else
        snprintf(why, size, "ok");
    curl_slist_free_all(fields);
    curl_easy_cleanup(c);
}

/* ---- the process ---- */

/* Both, when both are given: the second is tried whatever the first did. */
static void tell(span order, char *why, size_t size)
{
    json_t *j = json_loadb(order.p, order.n, 0, NULL), *body = json_object_get(j, "body"), *command = json_object_get(j, "command");
    const char *url = json_string_value(json_object_get(j, "url"));
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

    snprintf(why, size, "the order could not be read");
    if (text != NULL && json_array_size(command) > 0)
        run_command(command, body, text, why, size);
    if (text != NULL && url != NULL && url[0] != '\0') {
        char second[HOOK_REPLY_MAX];

        post(url, json_integer_value(json_object_get(j, "timeout_ms")), text, second, sizeof(second));
        if (json_array_size(command) == 0 || strcmp(why, "ok") == 0)
            snprintf(why, size, "%s", second);
    }
    free(text);
    json_decref(j);
}

int hook_child_run(int argc, char **argv)
{
    static char message[CHILD_MESSAGE_MAX];
    char why[HOOK_REPLY_MAX];
    long n;

    (void)argc;
    (void)argv;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    while ((n = child_recv_blocking(CHILD_FD, message, sizeof message, NULL, NULL)) > 0) {
        tell(span_of(message, (size_t)n), why, sizeof(why));
        if (child_send_blocking(CHILD_FD, span_str(why), NULL, 0) != 0)
            break;
    }
    curl_global_cleanup();
    return EXIT_SUCCESS;
}
