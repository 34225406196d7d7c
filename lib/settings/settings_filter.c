/* settings_filter.c - rows of filter and replies, and the checks of filter.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/settings/rows.h"

/* ---- unscannable ---- */

#define AT(f) offsetof(struct set_unscannable, f)

static const char *const unscannable_words[] = { "reject", "defer", "tag", "pass", NULL };

static const struct conf_key unscannable_rows[] = {
    { "action", CONF_ENUM, AT(action), 0, 0, "reject", APPLY_LIVE, "What becomes of it.", .words = unscannable_words },
    { "after_tries", CONF_INT, AT(after_tries), 1, 1000, "3", APPLY_LIVE, "It is put off (4xx) so many times before." },
    { "after", CONF_DURATION, AT(after_ms), 0, DAYS(30), "4h", APPLY_LIVE, "Or so long." },
    { "pause", CONF_DURATION, AT(pause_ms), 0, HOURS(24), "1m", APPLY_LIVE,
      "After a retry that a worker did not survive the next one is not made before; meanwhile it is put off unread." },
    { "*", CONF_ENUM, AT(action), 0, 0, NULL, APPLY_LIVE, "What becomes of it.", .words = unscannable_words },
    { NULL },
};
#undef AT

/* ---- mime ---- */

#define AT(f) offsetof(struct set_mime, f)

static int check_parsers(const void *value, struct errtext *err)
{
    static const char *const words[] = { "libclamav", "gmime", "own", NULL };
    const struct conf_strings *l = value;

    for (size_t i = 0; i < l->n; i++) {
        const char *near = conf_nearest(span_str(l->v[i]), words);

        if (strcmp(l->v[i], words[0]) == 0 || strcmp(l->v[i], words[1]) == 0 || strcmp(l->v[i], words[2]) == 0)
            continue;
        errtext_set(err, "\"%.80s\" is no parser (%s)", l->v[i], near != NULL ? near : "libclamav, gmime, own");
        return -1;
    }
    return 0;
}

static const struct conf_key mime_rows[] = {
    { "parsers", CONF_STRINGS, AT(parsers), 0, 0, "[libclamav, gmime, own]", APPLY_LIVE,
      "Readers of MIME; what any of them finds is scanned. own follows every reading that some mail reader takes.", .check = check_parsers },
    { "max_calls", CONF_INT, AT(max_calls), 1, 10000, "32", APPLY_LIVE,
      "Calls of the virus engine for what gmime and own find in one message; ordinary mail needs none or one." },
    { "max_decoded", CONF_SIZE, AT(max_decoded_bytes), MB(1), GB(2), "256M", APPLY_LIVE,
      "Bytes that own decodes and reads again in one message, and at most 64 times its size; ordinary mail stays below 6 times." },
    { "max_parts", CONF_INT, AT(max_parts), 10, 1e6, "20000", APPLY_LIVE, "Entities that a reader looks at in one message." },
    { "max_depth", CONF_INT, AT(max_depth), 2, 100, "30", APPLY_LIVE,
      "Multiparts in multiparts for gmime, encodings in encodings for own. Beyond any of these the message is of the class budget." },
    { "shapes", CONF_OBJECT, AT(shapes), 0, 0, NULL, APPLY_LIVE,
      "Malformed in a way that real mail is not, and that hides attachments from one reader or the other. Reject and defer hold for everybody; "
      "tag and score leave logins and trusted networks alone.",
      .sub = shapes_rows },
    { NULL },
};
#undef AT

/* ---- spam ---- */

#define AT(f) offsetof(struct set_spamd, f)

static const struct conf_key spamd_rows[] = {
    { "server", CONF_ADDRESS, AT(server), 0, 0, NULL, APPLY_LIVE, "Address of spamd; without it spamd is not asked." },
    { "user", CONF_STRING, AT(user), 0, 0, NULL, APPLY_LIVE, "Whose preferences it shall use." },
    { "timeout", CONF_DURATION, AT(timeout_ms), 100, SECONDS(60), "10s", APPLY_LIVE, "Wait for its score; without it the message passes on the others' points." },
    { "weight", CONF_NUMBER, AT(weight), 0, 100, "1", APPLY_LIVE, "Its score counts so many times." },
    { "*", CONF_ADDRESS, AT(server), 0, 0, NULL, APPLY_LIVE, "Address of spamd." },
    { NULL },
};
#undef AT

#define AT(f) offsetof(struct set_spam, f)

static const struct conf_key spam_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Mode of spam scoring.", .words = mode_words },
    { "tag", CONF_NUMBER, AT(tag), -1000, 1000, "5", APPLY_LIVE, "Points from which a message is marked." },
    { "reject", CONF_NUMBER, AT(reject), -1000, 1000, "10", APPLY_LIVE, "Points from which it is refused." },
    { "max_size", CONF_SIZE, AT(max_bytes), KB(1), GB(1), "100k", APPLY_LIVE, "Larger messages are not scored." },
    { "subject_tag", CONF_STRING, AT(subject_tag), 0, 0, "[SPAM]", APPLY_LIVE, "Goes before the Subject of a marked message; \"\" for none." },
    { "gtube", CONF_BOOL, AT(gtube), 0, 0, "yes", APPLY_LIVE, "Refuse the GTUBE test string, to see that scoring works." },
    { "spamd", CONF_OBJECT, AT(spamd), 0, 0, NULL, APPLY_LIVE, "SpamAssassin's spamd.", .sub = spamd_rows },
    { NULL },
};
#undef AT

/* ---- filter ---- */

#define AT(f) offsetof(struct set_filter, f)

static int check_workers(const void *value, struct errtext *err)
{
    const char *text = *(const char *const *)value;
    uint64_t n;

    if (strcmp(text, "auto") == 0 || (span_to_u64(span_str(text), &n) && n <= 256))
        return 0;
    errtext_set(err, "\"%.40s\" is not auto or a number up to 256", text);
    return -1;
}

static int check_xforward_from(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;
    struct ipnet net;

    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i], "unix") != 0 && !ipnet_parse(span_str(l->v[i]), &net)) {
            errtext_set(err, "\"%.80s\" is not a network or unix (try 127.0.0.0/8)", l->v[i]);
            return -1;
        }
    }
    return 0;
}

static const char *const mixed_words[] = { "decide-once", "split", NULL };

const struct conf_key filter_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Mode of all of cfilter but the virus scan.", .words = mode_words },
    { "reinject", CONF_ADDRESS, AT(reinject), 0, 0, NULL, APPLY_LIVE, "Where accepted mail goes: Postfix' smtpd behind the filter. cfilter needs it." },
    { "max_message", CONF_SIZE, AT(max_message_bytes), KB(64), GB(1), "50M", APPLY_LIVE, "Larger messages are refused (552 5.3.4)." },
    { "spool_memory", CONF_SIZE, AT(spool_memory_bytes), KB(4), GB(1), "1M", APPLY_LIVE,
      "Messages of up to this size are kept in memory in any case." },
    { "spool_memory_shared", CONF_SIZE, AT(spool_memory_shared_bytes), 0, GB(64), "64M", APPLY_LIVE,
      "For larger messages, of up to 8 MB, all of them together; what has no room here waits in a file." },
    { "spool_directory", CONF_PATH, AT(spool_directory), 0, 0, "", APPLY_RESTART, "For these files; \"\" is spool in the state directory." },
    { "scan_timeout", CONF_DURATION, AT(scan_timeout_ms), SECONDS(1), SECONDS(80), "45s", APPLY_LIVE,
      "A whole scan; then the message is put off (451). Postfix gives the filter 100 s unless smtpd_proxy_timeout says otherwise." },
    { "reinject_timeout", CONF_DURATION, AT(reinject_timeout_ms), SECONDS(1), SECONDS(600), "60s", APPLY_LIVE,
      "Wait for one reply of the re-injection server." },
    { "reinject_keep", CONF_DURATION, AT(reinject_keep_ms), 0, SECONDS(60), "2s", APPLY_LIVE,
      "A connection that has taken a message waits so long for the next one; 0s: each message has its own." },
    { "idle_timeout", CONF_DURATION, AT(idle_timeout_ms), SECONDS(1), HOURS(1), "310s", APPLY_LIVE, "Wait for the next command of Postfix." },
    { "workers", CONF_STRING, AT(workers), 0, 0, "auto", APPLY_RESTART,
      "Scan processes: auto is one a core; 0 scans without a cage in the daemon itself, for debuggers only.", .check = check_workers },
    { "worker_memory", CONF_SIZE, AT(worker_memory_bytes), MB(32), GB(64), "512M", APPLY_LIVE, "Memory of a worker beyond the signatures." },
    { "worker_recycle", CONF_INT, AT(worker_recycle), 1, 100e6, "1000", APPLY_LIVE, "Messages that a worker scans before a fresh one takes its place." },
    { "worker_tmpfs", CONF_SIZE, AT(worker_tmpfs_bytes), MB(1), GB(64), "256M", APPLY_RESTART, "Unpacking space of all workers together, in memory. A message without room gets 451; "
      "one that takes half of it by itself counts as one that cannot be scanned." },
    { "xforward_from", CONF_STRINGS, AT(xforward_from), 0, 0, "[127.0.0.0/8, \"::1\", unix]", APPLY_LIVE,
      "Who may tell of another client by XFORWARD: networks, and unix for clients of unix sockets.", .check = check_xforward_from },
    { "virus", CONF_OBJECT, AT(virus), 0, 0, NULL, APPLY_LIVE, "The virus scan.", .sub = virus_rows },
    { "mime", CONF_OBJECT, AT(mime), 0, 0, NULL, APPLY_LIVE, "How MIME is read.", .sub = mime_rows },
    { "unchecked", CONF_OBJECT, AT(unchecked), 0, 0, NULL, APPLY_LIVE,
      "What becomes of a message that could not be checked, or not all of it. Reject and defer hold for everybody; tag and score leave logins "
      "and trusted networks alone.",
      .sub = unchecked_rows },
    { "unscannable", CONF_OBJECT, AT(unscannable), 0, 0, NULL, APPLY_LIVE,
      "A message that makes every scan crash or run out of time.", .sub = unscannable_rows },
    { "spam", CONF_OBJECT, AT(spam), 0, 0, NULL, APPLY_LIVE, "Spam scoring.", .sub = spam_rows },
    { "mixed", CONF_ENUM, AT(mixed), 0, 0, "decide-once", APPLY_LIVE,
      "A message to recipients of several classes. Decide-once gives one answer to all: a virus, and what could hide one, by the strictest class; "
      "spam is refused where every class refuses it, else marked. Split takes the recipients of the first one's class and puts off the others "
      "(452 4.5.3), five at most, which the sender sends again apart; it does not work with smtpd_proxy_options=speed_adjust.",
      .words = mixed_words },
    { "classes", CONF_LIST, AT(classes), 0, 0, NULL, APPLY_LIVE,
      "Recipients with another policy than the rest: each says what is other for it.", .sub = rcpt_class_rows,
      .sub_size = sizeof(struct set_rcpt_class), .overlay = true },
    { NULL },
};
#undef AT

/* ---- replies ---- */

#define AT(f) offsetof(struct set_replies, f)

/* "554 5.7.1 ": a reply code of a refusal (or, first '4', of a delay), an enhanced status code (RFC 3463) of the same class, or neither. */
static bool codes_fit(const char *text, char first)
{
    size_t digits = strspn(text, "0123456789");

    if (digits != 3 || text[3] != ' ')
        return true;
    if (text[0] != first || text[1] > '5')
        return false;
    text += 4;
    digits = strspn(text, "0123456789.");
    return digits == 0 || (text[0] == first && text[1] == '.' && text[digits] == ' ');
}

/* RFC 5321 4.5.3.1.5: a reply line has 512 octets; the id and what a % stands for need room. */
static int check_words(const char *text, char first, struct errtext *err)
{
    size_t n = strlen(text);

    if (n == 0 || n > 200) {
        errtext_set(err, "must have 1 to 200 characters");
        return -1;
    }
    if (!codes_fit(text, first)) {
        errtext_set(err, "\"%.20s...\" begins with no code of a %s and the words)", text,
                    first == '5' ? "refusal (try 554 5.7.1" : "delay (try 451 4.7.1");
        return -1;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~') {
            errtext_set(err, "must be printable ASCII: SMTP replies hold nothing else (RFC 5321 4.2)");
            return -1;
        }
        if (*p == '%' && (p[1] == '\0' || strchr("vrsilt%", *++p) == NULL)) {
            errtext_set(err, "%% goes before v (virus), r or t (reason), l (list), s (points), i (id) or another %%");
            return -1;
        }
    }
    return 0;
}

static int check_reply(const void *value, struct errtext *err)
{
    return check_words(*(const char *const *)value, '5', err);
}

static int check_delay(const void *value, struct errtext *err)
{
    return check_words(*(const char *const *)value, '4', err);
}

#define REPLY(name, text, help) { #name, CONF_STRING, AT(name), 0, 0, text, APPLY_LIVE, help, .check = check_reply }
#define DELAY(name, text, help) { #name, CONF_STRING, AT(name), 0, 0, text, APPLY_LIVE, help, .check = check_delay }

const struct conf_key replies_rows[] = {
    REPLY(virus, "554 5.7.1 Message contains %v virus, rejected", "A virus."),
    REPLY(spam, "554 5.7.1 Message seems to be spam, rejected", "Too many points in cfilter."),
    REPLY(unscannable, "554 5.6.0 Message could not be scanned for viruses (%r), rejected", "A message whose scan never ended well (filter.unscannable)."),
    REPLY(shape, "554 5.6.0 Message is malformed in a way that hides attachments (%r), rejected", "One of filter.mime.shapes."),
    REPLY(heuristic, "554 5.7.1 Message contains something suspicious (%r), rejected", "One of filter.virus.heuristics."),
    REPLY(encrypted_archive, "554 5.7.1 Message contains an encrypted archive, which cannot be checked for viruses, rejected",
          "This one and the next six: a class of filter.unchecked whose action is reject."),
    REPLY(encrypted_document, "554 5.7.1 Message contains an encrypted document, which cannot be checked for viruses, rejected",
          "A document with a password."),
    REPLY(encrypted_mail, "554 5.7.1 Message is encrypted, which cannot be checked for viruses, rejected", "S/MIME or OpenPGP."),
    REPLY(unreadable_archive, "554 5.7.1 Message contains an archive that cannot be read, so not be checked for viruses, rejected",
          "A damaged archive, or a kind that nobody here knows."),
    REPLY(limit, "554 5.7.1 Message contains more than can be checked for viruses, rejected", "Over a limit of the virus scan."),
    REPLY(budget, "554 5.6.0 Message is packed too deeply to be checked for viruses, rejected", "More than the readers of MIME may unpack."),
    REPLY(ambiguous, "554 5.6.0 Message can be read in more than one way, rejected", "The readers of MIME do not agree."),
    DELAY(timeout, "451 4.7.1 Message could not be scanned for viruses now (%r), try again later", "A scan that took too long."),
    DELAY(crashed, "451 4.7.1 Message could not be scanned for viruses now (%r), try again later", "A scan that did not end well."),
    DELAY(engine, "451 4.7.1 Message could not be scanned for viruses now (%r), try again later", "No engine, or nothing free to scan it."),
    DELAY(put_off, "451 4.7.1 Message could not be checked (%r), try again later", "Any other class whose action is defer."),
    REPLY(listed, "Client is listed by %l: %t", "Too many points in policyd, from a list."),
    REPLY(spoofed, "Sender address belongs here, but the client does not", "The rule spoof."),
    REPLY(denied, "Client is not welcome here", "The rule deny."),
    DELAY(greylisted, "Greylisted, try again in %r seconds", "A sender that has to come again (policy.greylist)."),
    { NULL },
};
#undef AT

void settings_check_filter(struct settings *s, struct conf_errors *errors)
{
    const struct set_filter *f = &s->filter;
    const struct conf_strings *own = &s->listen.filter;

    if (!conf_sound(s->marks, "filter") || !conf_sound(s->marks, "listen.filter"))
        return;
    for (size_t i = 0; i < own->n && f->reinject != NULL; i++) {
        if (strcmp(own->v[i], f->reinject) == 0)
            settings_error(s, errors, "filter.reinject", "\"%s\" is an address of cfilter itself: mail would go in a circle", f->reinject);
    }
    if (f->reinject != NULL && span_starts(span_str(f->reinject), SPAN("systemd:")))
        settings_error(s, errors, "filter.reinject", "systemd: is for listening only");
    if (f->spam.tag > f->spam.reject)
        settings_error(s, errors, "filter.spam.tag", "is above filter.spam.reject: nothing would ever be marked");
    if (f->virus.include_pua.n > 0 && f->virus.exclude_pua.n > 0)
        settings_error(s, errors, "filter.virus.exclude_pua", "goes not with filter.virus.include_pua: give one of them");
    if (f->virus.max_file_bytes < f->max_message_bytes)
        settings_error(s, errors, "filter.virus.max_file", "is below filter.max_message: large messages could not be scanned whole");
}
