/* settings_rows.c - the sections of gatepost.yaml.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

#define AT(f) offsetof(struct settings, f)

const char *const mode_words[] = { "inherit", "enforce", "observe", "off", NULL };

static int check_global_mode(const void *value, struct errtext *err)
{
    int mode = *(const int *)value;

    if (mode == MODE_ENFORCE || mode == MODE_OBSERVE)
        return 0;
    errtext_set(err, "\"%s\" is not enforce or observe (a daemon that shall do nothing is not started)", mode_words[mode]);
    return -1;
}

static const struct conf_key network_entry_rows[] = {
    { "name", CONF_STRING, offsetof(struct set_network, name), 0, 0, "!", APPLY_LIVE, "Name of the list.", .check = check_public_name },
    { "*", CONF_NETS, offsetof(struct set_network, nets), 0, 0, NULL, APPLY_LIVE, "Addresses and networks." },
    { NULL },
};

static const char *const map_kind_words[] = { "recipients", "internal", "access", "domains", "transport", "aliases", "senders", NULL };

static const struct conf_key route_rows[] = {
    { "name", CONF_DOMAIN, offsetof(struct set_route, name), 0, 0, "!", APPLY_LIVE, "The domain." },
    { "*", CONF_STRING, offsetof(struct set_route, to), 0, 0, NULL, APPLY_LIVE, "Where its mail goes: smtp:[inner.example.com]:25." },
    { NULL },
};


const struct conf_key map_rows[] = {
    { "name", CONF_STRING, offsetof(struct set_map, name), 0, 0, "!", APPLY_LIVE, "Name that Postfix asks for.", .check = check_public_name },
    { "kind", CONF_ENUM, offsetof(struct set_map, kind), 0, 0, "recipients", APPLY_LIVE, 
      "What the map answers. Recipients: OK if the address exists (relay_recipient_maps, virtual_mailbox_maps). Internal: 550 5.7.1 for addresses that "
      "take mail from inside only (check_recipient_access behind permit_mynetworks and permit_sasl_authenticated). Access: an access(5) action for any "
      "address. Domains: OK if the domain is ours. Transport: routes (transport_maps). Aliases: user@alias.example is user@example.com "
      "(virtual_alias_maps). Senders: the login that owns an address, out of a directory that is kept whole (smtpd_sender_login_maps).",
      .words = map_kind_words },
    { "routes", CONF_NAMED, offsetof(struct set_map, routes), 0, 0, NULL, APPLY_LIVE, "Of kind transport: {example.com: \"smtp:[inner.example.com]:25\"}.",
      .sub = route_rows, .sub_size = sizeof(struct set_route) },
    { "mode", CONF_ENUM, offsetof(struct set_map, mode), 0, 0, "inherit", APPLY_LIVE,
      "Observe: every key is answered OK, and what would have been refused is logged.", .words = mode_words },
    { "*", CONF_ENUM, offsetof(struct set_map, mode), 0, 0, NULL, APPLY_LIVE, "The mode.", .words = mode_words },
    { NULL },
};

const struct conf_key settings_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "enforce", APPLY_LIVE,
      "Enforce refuses; observe only logs what would have been refused, in all three daemons (viruses are refused all the same unless "
      "filter.virus.mode is observe). Maps, lists, rules and scanners have a mode of their own.",
      .words = mode_words, .check = check_global_mode },
    { "domains", CONF_DOMAINS, AT(domains), 0, 0, NULL, APPLY_LIVE,
      "The domains that this machine takes mail for: their recipients are checked, and mail from outside that claims to come from them is spoofed." },
    { "networks", CONF_NAMED, AT(networks), 0, 0, NULL, APPLY_LIVE,
      "Named lists of networks. The list trusted is exempt from DNSBLs, rules and spam rejects, never from virus scanning; other names are for rules.",
      .sub = network_entry_rows, .sub_size = sizeof(struct set_network) },
    { "process", CONF_OBJECT, AT(process), 0, 0, NULL, APPLY_RESTART, "Who the daemons run as and where they keep things.", .sub = process_rows },
    { "listen", CONF_OBJECT, AT(listen), 0, 0, NULL, APPLY_RESTART, "Where the daemons listen.", .sub = listen_rows },
    { "store", CONF_OBJECT, AT(store), 0, 0, NULL, APPLY_RESTART, "Memory of limits and remembered answers.", .sub = store_rows },
    { "recipients", CONF_OBJECT, AT(recipients), 0, 0, NULL, APPLY_LIVE,
      "Which recipients exist. One source can be written straight here; several go under sources.", .sub = recipients_rows },
    { "maps", CONF_NAMED, AT(maps), 0, 0, "{recipients: {kind: recipients}}", APPLY_LIVE, "The maps that socketmapd serves.",
      .sub = map_rows, .sub_size = sizeof(struct set_map) },
    { "policy", CONF_OBJECT, AT(policy), 0, 0, NULL, APPLY_LIVE, "What policyd decides at RCPT and DATA.", .sub = policy_rows },
    { "filter", CONF_OBJECT, AT(filter), 0, 0, NULL, APPLY_LIVE, "What cfilter does with a message.", .sub = filter_rows },
    { "replies", CONF_OBJECT, AT(replies), 0, 0, NULL, APPLY_LIVE,
      "Words of refusals; they may begin with codes (554 5.7.1). %v is the virus, %l the list, %r or %t the reason, %s the points, %i the id, %% a percent sign.", .sub = replies_rows },
    { "handover", CONF_OBJECT, AT(handover), 0, 0, NULL, APPLY_RESTART, "The signed field from policyd to cfilter.", .sub = handover_rows },
    { "events", CONF_OBJECT, AT(events), 0, 0, NULL, APPLY_LIVE, "The record of decisions, for gatepostctl explain.", .sub = events_rows },
    { "log", CONF_OBJECT, AT(log), 0, 0, NULL, APPLY_LIVE, "The log.", .sub = log_rows },
    { NULL },
};
