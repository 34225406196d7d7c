/* fuzz_domain.c - a normal form is a valid name and its own normal form.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size }, name, again, parent;
    char out[DOMAIN_TEXT_MAX], twice[DOMAIN_TEXT_MAX];
    struct ipaddr a;
    enum domain_status s;

    (void)domain_is_literal(in, &a);
    if (domain_is_fqdn(in) && !domain_is_hostname(in))
        abort();
    if (domain_is_hostname(in) && domain_normalise_ascii(in, out, &name) != DOMAIN_OK)
        abort();
    s = domain_normalise(in, out, &name);
    if (s != DOMAIN_OK)
        return 0;
    if (name.n == 0 || name.n > DOMAIN_MAX || out[name.n] != '\0' || domain_normalise_ascii(name, twice, &again) != DOMAIN_OK ||
        !span_eq(name, again))
        abort();
    for (parent = name; domain_parent(&parent);)
        if (!domain_is_within(name, parent) || domain_is_within(parent, name))
            abort();
    return 0;
}
