/* settings_rules.c - rows of policy.rules and policy.lists.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

/* ---- allow and deny ---- */

#define AT(f) offsetof(struct set_access_rule, f)

#define WHO \
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Mode of this rule.", .words = mode_words }, \
    { "clients", CONF_NETS, AT(clients), 0, 0, NULL, APPLY_LIVE, "Addresses and networks." }, \
    { "networks", CONF_STRINGS, AT(lists), 0, 0, NULL, APPLY_LIVE, "Names of lists under networks." }, \
    { "hosts", CONF_STRINGS, AT(hosts), 0, 0, NULL, APPLY_LIVE, \
      "Client names that Postfix has confirmed: mx.example.net; .example.net is every name below it." }, \
    { "senders", CONF_STRINGS, AT(senders), 0, 0, NULL, APPLY_LIVE, \
      "Senders: an address, example.net, .example.net. Anybody can write any sender." }, \
    { "recipients", CONF_STRINGS, AT(recipients), 0, 0, NULL, APPLY_LIVE, "Recipients: an address, example.com, .example.com." }, \
    { "logins", CONF_STRINGS, AT(logins), 0, 0, NULL, APPLY_LIVE, "Logins (sasl_username), in any case." }, \
    { "fingerprints", CONF_STRINGS, AT(fingerprints), 0, 0, NULL, APPLY_LIVE, \
      "Fingerprints of client certificates or of their public keys, as Postfix gives them (smtpd_tls_fingerprint_digest)." }, \
    { "countries", CONF_STRINGS, AT(countries), 0, 0, NULL, APPLY_LIVE, "Countries of clients, DE; needs policy.country_database.", .check = check_countries }

static const char *const tls_words[] = { "off", "TLSv1.1", "TLSv1.2", "TLSv1.3", NULL };

static int check_countries(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;

    for (size_t i = 0; i < l->n; i++) {
        if (strlen(l->v[i]) == 2 && strspn(l->v[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2)
            continue;
        errtext_set(err, "\"%.20s\" is no country (two capital letters: DE)", l->v[i]);
        return -1;
    }
    return 0;
}

static const struct conf_key allow_rows[] = {
    WHO,
    { "*", CONF_NETS, AT(clients), 0, 0, NULL, APPLY_LIVE, "Addresses and networks." },
    { NULL },
};

static const struct conf_key deny_rows[] = {
    WHO,
    { "helo", CONF_STRINGS, AT(helo), 0, 0, NULL, APPLY_LIVE, "HELO names: spam.example.net; .example.net is every name below it." },
    { "tls_below", CONF_ENUM, AT(tls_below), 0, 0, "off", APPLY_LIVE, "TLS of an older version than this; who does not use TLS at all is not meant.", .words = tls_words },
    { "text", CONF_STRING, AT(text), 0, 0, NULL, APPLY_LIVE, "Words of the reply, in place of replies.denied." },
    { "*", CONF_NETS, AT(clients), 0, 0, NULL, APPLY_LIVE, "Addresses and networks." },
    { NULL },
};
#undef AT

/* ---- spoof ---- */

#define AT(f) offsetof(struct set_spoof, f)

static const struct conf_key spoof_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "observe", APPLY_LIVE, "Mode of this rule; it observes unless told to enforce.", .words = mode_words },
    { "partners", CONF_STRINGS, AT(partners), 0, 0, NULL, APPLY_LIVE, "Names of lists under networks that may send as own domains." },
    { "*", CONF_ENUM, AT(mode), 0, 0, NULL, APPLY_LIVE, "The mode.", .words = mode_words },
    { NULL },
};
#undef AT

/* ---- helo ---- */

#define AT(f) offsetof(struct set_helo, f)

static const struct conf_key helo_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "off", APPLY_LIVE, "Mode of this rule; off unless told otherwise.", .words = mode_words },
    { "invalid", CONF_NUMBER, AT(invalid), 0, 1000, "2", APPLY_LIVE,
      "Points of a name that is none (Postfix' reject_invalid_helo_hostname)." },
    { "non_fqdn", CONF_NUMBER, AT(non_fqdn), 0, 1000, "1", APPLY_LIVE, "Points of a name without a dot (reject_non_fqdn_helo_hostname)." },
    { "bare_address", CONF_NUMBER, AT(bare_address), 0, 1000, "2", APPLY_LIVE, "Points of an address without the brackets of RFC 5321." },
    { "foreign_literal", CONF_NUMBER, AT(foreign_literal), 0, 1000, "2", APPLY_LIVE, "Points of an address in brackets that is not the client's." },
    { "own_name", CONF_NUMBER, AT(own_name), 0, 1000, "5", APPLY_LIVE, "Points of a stranger who gives this host's name or an own domain." },
    { "unresolvable", CONF_NUMBER, AT(unresolvable), 0, 1000, "0", APPLY_LIVE,
      "Points of a name that has neither an address nor an MX (reject_unknown_helo_hostname); 0: DNS is not asked." },
    { "*", CONF_ENUM, AT(mode), 0, 0, NULL, APPLY_LIVE, "The mode.", .words = mode_words },
    { NULL },
};
#undef AT

/* ---- client name ---- */

#define AT(f) offsetof(struct set_client_name, f)

static const struct conf_key client_name_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "off", APPLY_LIVE, "Mode of this rule; off unless told otherwise.", .words = mode_words },
    { "missing", CONF_NUMBER, AT(missing), 0, 1000, "1", APPLY_LIVE, "Points of a client whose address has no name (reject_unknown_reverse_client_hostname)." },
    { "unconfirmed", CONF_NUMBER, AT(unconfirmed), 0, 1000, "0.5", APPLY_LIVE,
      "Points of a client whose name does not lead back to its address (reject_unknown_client_hostname)." },
    { "*", CONF_ENUM, AT(mode), 0, 0, NULL, APPLY_LIVE, "The mode.", .words = mode_words },
    { NULL },
};
#undef AT

/* ---- recipients of a message ---- */

#define AT(f) offsetof(struct set_null_sender, f)

static const struct conf_key null_sender_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "off", APPLY_LIVE, "Mode of this rule; off unless told otherwise.", .words = mode_words },
    { "max_recipients", CONF_INT, AT(max_recipients), 1, 1000, "1", APPLY_LIVE, "A bounce goes to the one who sent; more than so many are refused." },
    { "*", CONF_ENUM, AT(mode), 0, 0, NULL, APPLY_LIVE, "The mode.", .words = mode_words },
    { NULL },
};
#undef AT

#define AT(f) offsetof(struct set_max_recipients, f)

static const struct conf_key max_recipients_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Mode of this rule.", .words = mode_words },
    { "max", CONF_INT, AT(max), 0, 100000, "0", APPLY_LIVE,
      "Recipients of one message from outside; those beyond get 452 4.5.3, which has a sender divide it. RFC 5321 asks for at least 100. 0 is off." },
    { "max_login", CONF_INT, AT(max_login), 0, 100000, "0", APPLY_LIVE, "The same for logins, trusted networks and submission." },
    { NULL },
};
#undef AT

/* ---- rules of one's own ---- */

#define AT(f) offsetof(struct set_custom_rule, f)

static const char *const then_words[] = { "score", "allow", "defer", "reject", "prepend", NULL };
static const char *const at_words[] = { "rcpt", "data", "end", NULL };

static const struct conf_key custom_rows[] = {
    { "name", CONF_STRING, AT(name), 0, 0, "!", APPLY_LIVE, "Name in logs and replies.", .check = check_public_name },
    { "when", CONF_STRING, AT(when), 0, 0, "!", APPLY_LIVE,
      "The rule: sasl_username == \"\" and sender.domain in own_domains and not client in partners. See gatepost-rules(7).", .lines = true },
    { "then", CONF_ENUM, AT(then), 0, 0, "score", APPLY_LIVE,
      "Beside its points: nothing more; let in whatever else is found; a 4xx; a 5xx; a header field (in header).", .words = then_words },
    { "points", CONF_NUMBER, AT(points), -1000, 1000, "0", APPLY_LIVE, "Points, when it holds." },
    { "text", CONF_STRING, AT(text), 0, 0, NULL, APPLY_LIVE, "Words of the reply; without them replies.denied." },
    { "header", CONF_STRING, AT(header), 0, 0, NULL, APPLY_LIVE, "With then: prepend, the field.", .check = check_header_field },
    { "at", CONF_ENUM, AT(at), 0, 0, "rcpt", APPLY_LIVE, "When it is judged: at each recipient, at DATA, or at the end of the message.",
      .words = at_words },
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Observe: logged, and counts nothing.", .words = mode_words },
    { NULL },
};
#undef AT

#define AT(f) offsetof(struct set_name_list, f)

const struct conf_key name_list_rows[] = {
    { "name", CONF_STRING, AT(name), 0, 0, "!", APPLY_LIVE, "Its name in rules.", .check = check_public_name },
    { "names", CONF_STRINGS, AT(names), 0, 0, NULL, APPLY_LIVE, "Addresses, domains, and with a dot before it all below a domain." },
    { "file", CONF_PATH, AT(file), 0, 0, NULL, APPLY_LIVE, "A file with more of them, one a line; # begins a comment. Read at each reload." },
    { "*", CONF_STRINGS, AT(names), 0, 0, NULL, APPLY_LIVE, "Addresses, domains, and with a dot before it all below a domain." },
    { NULL },
};
#undef AT

/* ---- rules ---- */

#define AT(f) offsetof(struct set_rules, f)

const struct conf_key rule_rows[] = {
    { "allow", CONF_OBJECT, AT(allow), 0, 0, NULL, APPLY_LIVE, "Whom no check of policyd refuses: any of these is enough.", .sub = allow_rows },
    { "deny", CONF_OBJECT, AT(deny), 0, 0, NULL, APPLY_LIVE, "Who is refused: any of these is enough.", .sub = deny_rows },
    { "spoof", CONF_OBJECT, AT(spoof), 0, 0, NULL, APPLY_LIVE,
      "Mail from outside with a sender in an own domain. Never hits trusted networks, logins, submission, partners, or whom the domain's SPF record allows.",
      .sub = spoof_rows },
    { "spf", CONF_OBJECT, AT(spf), 0, 0, NULL, APPLY_LIVE, "Sender Policy Framework (RFC 7208): whether the sender's domain allows the client.", .sub = spf_rows },
    { "helo", CONF_OBJECT, AT(helo), 0, 0, NULL, APPLY_LIVE, "What is wrong with the name in HELO. Never hits trusted networks, logins and submission.",
      .sub = helo_rows },
    { "client_name", CONF_OBJECT, AT(client_name), 0, 0, NULL, APPLY_LIVE,
      "What is wrong with the client's name in DNS, as Postfix has found it. Never hits trusted networks, logins and submission.", .sub = client_name_rows },
    { "null_sender", CONF_OBJECT, AT(null_sender), 0, 0, NULL, APPLY_LIVE, "The null reverse-path to many recipients.", .sub = null_sender_rows },
    { "custom", CONF_LIST, AT(custom), 0, 0, NULL, APPLY_LIVE, "Rules of one's own, in the order they are judged.", .sub = custom_rows,
      .sub_size = sizeof(struct set_custom_rule) },
    { "recipients", CONF_OBJECT, AT(recipients), 0, 0, NULL, APPLY_LIVE, "Recipients per message.", .sub = max_recipients_rows },
    { NULL },
};
#undef AT
