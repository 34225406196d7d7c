/* settings_classes.c - rows of filter.unchecked, filter.mime.shapes and filter.virus.heuristics: what becomes of each class.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

/* enum class_action; the shorter lists are heads of the longer ones. */
static const char *const engine_words[] = { "defer", "tag", "pass", NULL };
static const char *const scan_words[] = { "defer", "tag", "pass", "score", NULL };
static const char *const all_words[] = { "defer", "tag", "pass", "score", "reject", NULL };

#define AT(f) offsetof(struct set_class, f)

/* The rows of one class, with a default of its own: "tag" or {action: score, points: 3}. */
#define CLASS(name, allowed, action_default, points_default)                                                                             \
    static const struct conf_key name##_class[] = {                                                                                       \
        { "action", CONF_ENUM, AT(action), 0, 0, action_default, APPLY_LIVE, "What becomes of the message.", .words = allowed },          \
        { "points", CONF_NUMBER, AT(points), 0, 1000, points_default, APPLY_LIVE, "For spam, where the action is score; once a message." },               \
        { "*", CONF_ENUM, AT(action), 0, 0, NULL, APPLY_LIVE, "What becomes of the message.", .words = allowed },                         \
        { NULL },                                                                                                                         \
    }

CLASS(tagged, all_words, "tag", "2");
CLASS(scored, all_words, "score", "2");
CLASS(phishing, all_words, "score", "4");
CLASS(passed, all_words, "pass", "2");
CLASS(refused, all_words, "reject", "2");
CLASS(put_off, scan_words, "defer", "2");
#undef AT

#define ROW(struct_name, name, field, rows, help)                                                                                         \
    { name, CONF_OBJECT, offsetof(struct struct_name, field), 0, 0, NULL, APPLY_LIVE, help, .sub = rows }

#define AT(f) offsetof(struct set_unchecked, f)
#define UNCHECKED(name, rows, help) ROW(set_unchecked, #name, name, rows, help)

const struct conf_key unchecked_rows[] = {
    UNCHECKED(encrypted_archive, tagged_class, "An archive with a password: zip, RAR, 7-Zip, EGG."),
    UNCHECKED(encrypted_document, tagged_class, "A document with a password: PDF, Word, Excel, PowerPoint."),
    UNCHECKED(encrypted_mail, passed_class, "A mail or a part that is encrypted to its reader: S/MIME, OpenPGP in ASCII armour. Where all mail is to be looked at, set tag or reject."),
    UNCHECKED(unreadable_archive, tagged_class, "An archive that is damaged, cut, or packed in a way that neither libclamav nor libarchive knows."),
    UNCHECKED(limit, tagged_class, "More, larger or deeper than the virus scan looks (filter.virus.max_...)."),
    UNCHECKED(budget, tagged_class, "More in it than the readers of MIME may unpack."),
    UNCHECKED(ambiguous, scored_class, "The readers of MIME do not agree on what is in it."),
    UNCHECKED(timeout, put_off_class, "The scan ran out of time. Defer counts the tries: see filter.unscannable."),
    UNCHECKED(crashed, put_off_class,
              "The process that scanned it died, gave no sound answer or could not read it to its end. Defer counts the tries."),
    { "engine", CONF_ENUM, AT(engine.action), 0, 0, "defer", APPLY_LIVE,
      "There is no virus engine: no database, or one that cannot be used. It says nothing about the message, so it never refuses; "
      "tag and pass let viruses in meanwhile. Mail that found no free process to scan it is always put off.",
      .words = engine_words },
    { NULL },
};
#undef AT

#define SHAPE(name, field, help) ROW(set_shapes, name, field, refused_class, help)

const struct conf_key shapes_rows[] = {
    SHAPE("partial", partial, "A piece of a message (message/partial): the others come in other messages."),
    SHAPE("transfer-encoding-twice", transfer_encoding_twice, "Two Content-Transfer-Encoding fields that differ."),
    SHAPE("boundary-twice", boundary_twice, "Two boundary parameters that differ."),
    SHAPE("nul-in-field", nul_in_field, "A NUL in a header field of MIME."),
    SHAPE("cr-in-field", cr_in_field, "A lone CR in a header field of MIME."),
    SHAPE("lone-cr", lone_cr, "A header or a delimiter that begins after a lone CR."),
    { NULL },
};

#define HEURISTIC(name, rows, help) ROW(set_heuristics, #name, name, rows, help)

const struct conf_key heuristics_rows[] = {
    HEURISTIC(macro, scored_class, "Documents with macros."),
    HEURISTIC(phishing, phishing_class, "Links that show another address than they lead to."),
    HEURISTIC(pua, scored_class, "Possibly unwanted applications (names that begin with PUA.)."),
    HEURISTIC(other, scored_class, "Any other suspicion that libclamav calls Heuristics, such as broken files."),
    { NULL },
};

static const struct set_class *among(const struct conf_key *rows, const void *base, const char *name)
{
    for (; rows->name != NULL; rows++)
        if (strcmp(rows->name, name) == 0)
            return (const void *)((const char *)base + rows->at);
    return NULL;
}

const struct set_class *settings_shape(const struct settings *s, const char *name)
{
    return among(shapes_rows, &s->filter.mime.shapes, name);
}

const struct set_class *settings_class(const struct settings *s, const char *name)
{
    const struct set_class *c = among(unchecked_rows, &s->filter.unchecked, name);

    /* `engine` has an action alone, which stands first as in the others. */
    return c != NULL ? c : among(heuristics_rows, &s->filter.virus.heuristics, name);
}
