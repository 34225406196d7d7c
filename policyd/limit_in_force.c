/* limit_in_force.c - the rates that hold for one key of a limit, now.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/limit_in_force.h"

#include "policyd/limit_key.h"
#include "policyd/marks.h"

/* The text in the store is of an older configuration, perhaps, or somebody else's: what is no rate now is passed over. */
static const struct limit_rates *marked(const struct limit_rule *rule, const struct marks *marks, span value, struct arena *arena)
{
    struct limit_rates *rates;
    struct errtext err;
    const char *text;

    if (!marks_any(marks, MARK_RATE))
        return NULL;
    text = marks_why(marks, MARK_RATE, span_str(arena_printf(arena, "%s/%.*s", rule->set->name, SPAN_ARG(value))));
    if (text == NULL)
        return NULL;
    rates = arena_alloc(arena, sizeof(*rates));
    text = arena_str(arena, span_str(text));
    return limit_rates_override(rule->set, &(struct conf_strings){ &text, 1 }, arena, rates, &err) ? rates : NULL;
}

const struct limit_rates *limit_in_force(const struct limit_rule *rule, const struct services *s, const struct request *r, span recipient,
                                         span value, struct arena *arena, const char **why_out)
{
    const struct limit_rates *rates = marked(rule, s->marks, value, arena);
    struct override_subject subjects[LIMIT_PARTS_MAX];
    size_t n;

    *why_out = rates != NULL ? "gatepostctl limits override" : NULL;
    if (rates != NULL || (rule->file == NULL && rule->ldap == NULL && rule->overrides == NULL))
        return rates != NULL ? rates : &rule->rates;
    n = limit_subjects(rule, r, recipient, arena, subjects);
    rates = overrides_find(override_file_now(rule->file), subjects, n, why_out);
    if (rates == NULL)
        rates = overrides_find(override_ldap_now(rule->ldap), subjects, n, why_out);
    if (rates == NULL)
        rates = overrides_find(rule->overrides, subjects, n, why_out);
    return rates != NULL ? rates : &rule->rates;
}
