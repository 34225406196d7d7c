/* look.c - quick looks at bytes: is a decoder worth its time here?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/reading.h"

enum { SAMPLE = 4096, BASE64_MIN = 24, EQUALS_RARE = 16 /* more is quoted-printable */, MIME_NEAR = 8 * 1024, TEXT_SAMPLE = 4096 };

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Prose has its letters in the alphabet too, but blanks between its words. */
static bool sample_base64(span s)
{
    size_t letters = 0, others = 0, inner_blanks = 0, pure = 0, equals = 0;

    for (size_t at = 0; at < s.n;) {
        struct line l = line_at(s, at, LINES_ANY);
        span line = span_trim(span_of(s.p + at, l.end - at));
        size_t good = 0, blanks = 0;

        for (size_t i = 0; i < line.n; i++) {
            good += is_base64(line.p[i]);
            equals += line.p[i] == '=' && i + 1 < line.n && line.p[i + 1] != '=';
            blanks += is_space(line.p[i]);
        }
        letters += good;
        inner_blanks += blanks;
        others += line.n - good - blanks;
        pure += good == line.n ? good : 0;
        at = l.next;
    }
    if (letters < BASE64_MIN || equals * EQUALS_RARE > letters)
        return false;
    return pure * 2 >= letters + others || (others * 6 <= letters && inner_blanks * 16 <= letters);
}

bool look_base64(span body)
{
    if (body.n <= 2 * SAMPLE)
        return sample_base64(body);
    return sample_base64(span_head(body, SAMPLE)) || sample_base64(span_from(body, body.n - SAMPLE));
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* height=30, ?id=20, &a=3D: digits behind the name of something, not an escape. */
static bool is_assignment(span body, size_t at)
{
    enum { BACK = 200 };
    size_t from = at > BACK ? at - BACK : 0, i = at;

    while (i > from && is_letter(body.p[i - 1]))
        i--;
    if (i < at && (i == 0 || is_space(body.p[i - 1]) || body.p[i - 1] == '<') && (at + 3 >= body.n || !is_letter(body.p[at + 3])))
        return true;
    for (i = at; i > from && !is_space(body.p[i - 1]); i--)
        if (body.p[i - 1] == '?' || body.p[i - 1] == '&' || body.p[i - 1] == ';')
            return true;
    return false;
}

bool look_qp(span body)
{
    for (size_t at = 0; at + 2 < body.n; at++) {
        const char *p = memchr(body.p + at, '=', body.n - at - 2);
        if (p == NULL)
            return false;
        at = (size_t)(p - body.p);
        int high = hex(p[1]), low = hex(p[2]);
        if (high < 0 || low < 0)
            continue;
        int c = high * 16 + low;
        if (((c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\0') && !is_assignment(body, at))
            return true;
    }
    return false;
}

/* "Content-" or "MIME-Version" at the beginning of a line. */
static bool has_mime_field(span s)
{
    static const span words[] = { { "ontent-", 7 }, { "ONTENT-", 7 }, { "ontent\0-", 8 }, { "ime-", 4 }, { "IME-", 4 } };

    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
        for (size_t at = 0; at < s.n; at++) {
            const char *p = memmem(s.p + at, s.n - at, words[w].p, words[w].n);
            if (p == NULL)
                break;
            at = (size_t)(p - s.p);
            if (at > 0 && (at == 1 || is_space(p[-2]) || p[-2] == '\0') && field_is_mime(span_from(s, at - 1)))
                return true;
        }
    return false;
}

/* A header or a delimiter stands at the beginning: text that merely quotes MIME further down is no entity. */
bool look_mime(span bytes)
{
    while (bytes.n > 0 && line_blank(span_head(bytes, 1)))
        bytes = span_from(bytes, 1);
    if (bytes.n == 0 || !(span_starts(bytes, SPAN("--")) || field_at(bytes) || span_starts(bytes, SPAN("From ")) || span_starts(bytes, SPAN(">From "))))
        return false;
    return has_mime_field(span_head(bytes, MIME_NEAR));
}

bool look_text(span bytes)
{
    size_t good = 0, n = bytes.n < TEXT_SAMPLE ? bytes.n : TEXT_SAMPLE;

    for (size_t i = 0; i < n; i++)
        good += (bytes.p[i] >= ' ' && bytes.p[i] <= '~') || is_space(bytes.p[i]);
    return good * 10 >= n * 9;
}

bool look_binary(span bytes)
{
    size_t controls = 0, n = bytes.n < TEXT_SAMPLE ? bytes.n : TEXT_SAMPLE;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        controls += (c < ' ' && !is_space(bytes.p[i]) && c != '\f' && c != '\033') || c == 127;
    }
    return controls * 50 > n;
}

bool look_file(span bytes)
{
    static const span magic[] = {
        { "MZ", 2 }, { "PK\3\4", 4 }, { "PK\5\6", 4 }, { "\x7f" "ELF", 4 }, { "%PDF", 4 }, { "Rar!", 4 }, { "7z\xbc\xaf", 4 }, { "\x1f\x8b", 2 },
        { "BZh", 3 }, { "\xfd" "7zXZ", 5 }, { "\xd0\xcf\x11\xe0", 4 }, { "MSCF", 4 },
        { "GIF8", 4 }, { "\x89PNG", 4 }, { "\xff\xd8\xff", 3 }, { "ITSF", 4 }, { "L\0\0\0\1\x14", 6 },
        { "CWS", 3 }, { "FWS", 3 }, { "ZWS", 3 }, { "RIFF", 4 }, { "\xca\xfe\xba\xbe", 4 }, { "BM", 2 }, { "\x78\x9f\x3e\x22", 4 },
        { "\x60\xea", 2 }, { "!BDN", 4 }, { "ID3", 3 }, { "WordPro", 7 }, { "\x4d\x4d\x00\x2a", 4 }, { "II*\0", 4 }, { "%!PS", 4 },
    };

    for (size_t i = 0; i < sizeof magic / sizeof magic[0]; i++)
        if (span_starts_nocase(bytes, magic[i]))
            return true;
    return false;
}
