/* cmd_doctor.c - `gatepostctl doctor`: reads Postfix' own configuration and says what is missing or dangerous.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/doctor.h"
#include "ctl/gatepostctl.h"

enum { POSTCONF_MOST = 4 * 1024 * 1024 };

struct tally {
    size_t bad, warnings;
};

static void tell(enum finding_level level, const char *text, void *arg)
{
    static const char *const words[] = { "ok     ", "note   ", "WARNING", "BAD    " };
    struct tally *t = arg;

    t->bad += level == FINDING_BAD;
    t->warnings += level == FINDING_WARNING;
    printf("%s  ", words[level]);
    show_safe(stdout, text);
    putchar('\n');
}

static _Noreturn void become_postconf(const char *program, const char *folder, const char *option, int out)
{
    const char *with[] = { program, "-c", folder, option, NULL }, *without[] = { program, option, NULL };

    dup2(out, STDOUT_FILENO);
    execvp(program, (char *const *)(uintptr_t)(folder != NULL ? with : without));
    dprintf(STDERR_FILENO, "gatepostctl: cannot run %s: %s\n", program, strerror(errno));
    _exit(127);
}

static int run_postconf(const char *program, const char *folder, const char *option, struct buf *out)
{
    int fds[2], status = -1;
    ssize_t n = 0;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    pid = fork();
    if (pid == 0)
        become_postconf(program, folder, option, fds[1]);
    close(fds[1]);
    while (pid > 0) {
        char *to = buf_reserve(out, 4096);

        n = to != NULL ? read(fds[0], to, 4096) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buf_commit(out, (size_t)n);
    }
    close(fds[0]);
    if (pid > 0)
        waitpid(pid, &status, 0);
    return pid > 0 && n == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int examine_postfix(const struct settings *set, const char *program, const char *folder, struct tally *t)
{
    static const char *const options[] = { "-n", "-M", "-P" };
    struct buf text[3];
    int r = 0;

    for (size_t i = 0; i < 3; i++)
        buf_init(&text[i], POSTCONF_MOST);
    for (size_t i = 0; i < 3 && r == 0; i++)
        r = run_postconf(program, folder, options[i], &text[i]);
    if (r == 0) {
        struct postfix *p = postfix_model(buf_span(&text[0]), buf_span(&text[1]), buf_span(&text[2]));

        doctor_examine(p, set, tell, t);
        postfix_model_free(&p);
    } else {
        fprintf(stderr, "gatepostctl: %s did not tell Postfix' configuration (--postfix DIR for another folder, --postconf PROGRAM)\n", program);
    }
    for (size_t i = 0; i < 3; i++)
        buf_free(&text[i]);
    return r;
}

static void examine_daemons(struct env *env, struct tally *t)
{
    for (size_t i = 0; daemon_names[i] != NULL; i++) {
        const char *argv[] = { "status" };
        char line[200];
        struct reach r;
        struct errtext err;
        bool up = reach_daemon(env, daemon_names[i], REACH_RUNNING, &r, &err) == REACHED;

        if (up) {
            up = reach_call(&r, argv, 1, NULL, 0, NULL, NULL, &err) == 0;
            reach_close(&r);
        }
        snprintf(line, sizeof(line), up ? "gatepost-%s runs" : "gatepost-%s does not answer: systemctl status gatepost-%s", daemon_names[i],
                 daemon_names[i]);
        tell(up ? FINDING_OK : FINDING_BAD, line, t);
    }
}

static int run_doctor(struct env *env, int argc, char **argv)
{
    const char *folder = NULL, *program = "postconf", *unknown;
    const struct settings *set;
    struct tally t = { 0, 0 };
    bool missing = false;

    args_value(&argc, argv, "--postfix", &folder, &missing);
    args_value(&argc, argv, "--postconf", &program, &missing);
    unknown = args_unknown(&argc, argv);
    if (missing || unknown != NULL || argc > 1)
        return usage_error(&cmd_doctor, "%s", unknown != NULL ? unknown : "what is that?");
    set = env_settings(env);
    if (set == NULL)
        return CTL_FAILED;
    if (examine_postfix(set, program, folder, &t) != 0)
        return CTL_FAILED;
    examine_daemons(env, &t);
    printf("\n%zu bad, %zu warnings\n", t.bad, t.warnings);
    return t.bad > 0 ? CTL_NO : CTL_OK;
}

const struct subcommand cmd_doctor = {
    .name = "doctor",
    .args = "[--postfix DIR] [--postconf PROGRAM]",
    .summary = "what is missing or dangerous in the wiring with Postfix",
    .help = "Reads Postfix' own configuration (postconf -n, -M, -P) and asks the three daemons whether they run.\n"
            "Exit status: 0 nothing is bad, 1 something is, 2 Postfix' configuration could not be read.",
    .run = run_doctor,
};
