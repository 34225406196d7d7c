/* wiring.c - whether Postfix asks at DATA and at END-OF-MESSAGE.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/wiring.h"

#include "lib/app/log.h"
#include "lib/net/loop.h"

struct wiring_context *wiring_of(struct wiring *w, const struct request *r)
{
    span name = span_head(request_attr(r, POLICY_CONTEXT), sizeof(w->contexts[0].name) - 1);

    for (size_t i = 0; i < w->n; i++) {
        if (span_eq(name, span_str(w->contexts[i].name)))
            return &w->contexts[i];
    }
    if (w->n == WIRING_CONTEXTS_MAX)
        return &w->contexts[WIRING_CONTEXTS_MAX - 1];
    w->contexts[w->n] = (struct wiring_context){ .name = "" };
    if (name.n > 0)
        memcpy(w->contexts[w->n].name, name.p, name.n);
    return &w->contexts[w->n++];
}

static void warn_data(const struct wiring_context *c, int64_t now_ms)
{
    static struct log_fence fence;

    if (log_fence_pass(&fence, now_ms, HOURS(1)))
        log_warning("Postfix asks at RCPT but never at DATA (policy_context \"%s\"): limits are charged at RCPT, refused mail is counted too; "
                    "put check_policy_service into smtpd_data_restrictions as well (gatepostctl doctor shows where)", c->name);
}

static void warn_end(const struct wiring_context *c, int64_t now_ms)
{
    static struct log_fence fence;

    if (log_fence_pass(&fence, now_ms, HOURS(1)))
        log_warning("Postfix never asks at END-OF-MESSAGE (policy_context \"%s\"): limits of bytes count the size that the client announced; "
                    "put check_policy_service into smtpd_end_of_data_restrictions as well", c->name);
}

static void count_up(unsigned *n)
{
    if (*n < WIRING_LOST_MAX)
        ++*n;
}

void wiring_message(struct wiring_context *c, int64_t now_ms, bool counts_bytes)
{
    count_up(&c->no_data);
    count_up(&c->no_end);
    if (!wiring_asks_at_data(c))
        warn_data(c, now_ms);
    if (counts_bytes && !wiring_asks_at_end(c))
        warn_end(c, now_ms);
}

void wiring_saw(struct wiring_context *c, enum policy_state state)
{
    if (state == POLICY_STATE_DATA) {
        c->data_seen = true;
        c->no_data = 0;
    } else if (state == POLICY_STATE_END_OF_MESSAGE) {
        c->end_seen = true;
        c->no_end = 0;
    }
}
