/* child_inside.c - the first steps of an exec'd child: its role, and what it must not outlive or obey.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXIT_USAGE = 64 };

static bool channel_is_there(void)
{
    int type = 0;
    socklen_t n = sizeof type;

    return getsockopt(CHILD_FD, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET;
}

/* A child ends when its channel closes or by SIGKILL from its parent.  SIGTERM to the whole control group, ^C on a terminal
 * and SIGHUP are meant for the parent, which still wants its children's answers while it drains.  A file that may not grow is
 * an error of write(2), like a full disk. */
static void settle(void)
{
    static const int not_for_us[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ };

    for (size_t i = 0; i < sizeof not_for_us / sizeof not_for_us[0]; i++)
        signal(not_for_us[i], SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void child_main_if_asked(const struct child_role *roles, int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], "--child") != 0)
        return;
    if (!channel_is_there()) {
        fprintf(stderr, "%s: --child is for the daemon's own use\n", argv[0]);
        exit(EXIT_USAGE);
    }
    for (const struct child_role *r = roles; r->name != NULL; r++) {
        if (strcmp(r->name, argv[2]) != 0)
            continue;
        prctl(PR_SET_NAME, r->name, 0, 0, 0);
        settle();
        exit(r->run(argc - 2, argv + 2));
    }
    fprintf(stderr, "%s: no child role \"%s\"\n", argv[0], argv[2]);
    exit(EXIT_USAGE);
}
