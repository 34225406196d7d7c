/* test_stream.c - streams over socket pairs and loopback: input, output, limits, deadlines, ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/net/stream.h"

/* One stream under test and the other end of its pair; what its handler saw. */
static struct loop *l;
static struct stream *s;
static int peer;
static struct {
    int inputs, ends, connected, drained;
    enum stream_end end;
    char why[200];
    size_t in_at_end;
    int close_on_input, close_on_end, close_on_drained;
    int pause_on_input;
    size_t consume;               /* so many bytes at each input */
    const char *answer;           /* to each input */
    int64_t next_deadline_ms;     /* from each input on */
    int unread;                   /* bytes that still waited at other_fd when inputs were given */
    int other_fd;
} saw;

static void count_unread(void)
{
    int n = 0;

    assert_int_equal(ioctl(saw.other_fd, FIONREAD, &n), 0);
    saw.unread += n;
}

static void on_input(struct stream *st, void *arg)
{
    size_t n = stream_in(st).n;

    assert_ptr_equal(arg, &saw);
    assert_int_equal(saw.ends, 0);
    saw.inputs++;
    if (saw.other_fd > 0)
        count_unread();
    if (saw.next_deadline_ms > 0)
        stream_deadline(st, saw.next_deadline_ms);
    if (saw.answer != NULL)
        stream_write(st, span_str(saw.answer));
    stream_consume(st, saw.consume < n ? saw.consume : n);
    if (saw.pause_on_input)
        stream_read_pause(st);
    if (saw.close_on_input) {
        stream_close(&s);
        assert_null(s);
    }
}

static void on_end(struct stream *st, enum stream_end end, const char *why, void *arg)
{
    (void)arg;
    saw.ends++;
    saw.end = end;
    saw.in_at_end = stream_in(st).n;
    snprintf(saw.why, sizeof(saw.why), "%s", why);
    if (saw.close_on_end)
        stream_close(&s);
}

static void on_connected(struct stream *st, void *arg)
{
    (void)st, (void)arg;
    saw.connected++;
}

static void on_drained(struct stream *st, void *arg)
{
    (void)arg;
    assert_int_equal(stream_out_pending(st), 0);
    saw.drained++;
    if (saw.close_on_drained)
        stream_close(&s);
}

static struct stream_handler handler = { .on_input = on_input, .on_end = on_end, .on_connected = on_connected, .on_drained = on_drained };

static int setup_kind(int domain, struct stream_limits limits)
{
    int p[2];

    memset(&saw, 0, sizeof(saw));
    l = loop_new_fake(1000, 1000);
    if (socketpair(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p) != 0)
        return -1;
    peer = p[1];
    s = stream_new(l, p[0], limits, &handler, &saw);
    return 0;
}

/* A second stream of the same owner: p[0] is its end, p[1] its peer's. */
static struct stream *another(int p[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p), 0);
    return stream_new(l, p[0], (struct stream_limits){ 4096, 4096 }, &handler, &saw);
}

static int setup(void **state)
{
    (void)state;
    return setup_kind(AF_UNIX, (struct stream_limits){ 4096, 64 * 1024 });
}

static int setup_read_all_first(void **state)
{
    handler.read_all_first = true;
    return setup(state);
}

static int teardown(void **state)
{
    (void)state;
    handler.read_all_first = false;
    stream_close(&s);
    if (peer >= 0)
        close(peer);
    loop_free(&l);
    return 0;
}

static void turns(void)
{
    for (int i = 0; i < 50 && loop_turn(l, 0); i++)
        ;
}

static void peer_says(const char *text)
{
    assert_int_equal(send(peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    turns();
}

/* What the peer can read now; "<eof>" and "<reset>" at the end. */
static const char *peer_hears(void)
{
    static char text[300];
    size_t n = 0;
    ssize_t got;

    turns();
    while (n < 200 && (got = recv(peer, text + n, 200 - n, 0)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    if (n < 200 && got == 0)
        strcat(text, "<eof>");
    if (n < 200 && got < 0 && errno == ECONNRESET)
        strcat(text, "<reset>");
    return text;
}

static void peer_closes(void)
{
    close(peer);
    peer = -1;
    turns();
}

/* ---- input ---- */

static void test_input_in_pieces(void **state)
{
    (void)state;
    peer_says("abc");
    assert_int_equal(saw.inputs, 1);
    assert_true(span_eq(stream_in(s), SPAN("abc")));
    turns();
    assert_int_equal(saw.inputs, 1);                 /* not again for what was there before */
    peer_says("def");
    assert_true(span_eq(stream_in(s), SPAN("abcdef")));
    stream_consume(s, 4);
    assert_true(span_eq(stream_in(s), SPAN("ef")));
    stream_consume(s, 2);
    assert_int_equal(stream_in(s).n, 0);
}

/* All streams read into one block: what an owner leaves there is its own before the next one reads. */
static void test_rest_of_the_input_is_kept(void **state)
{
    int p[2];
    struct stream *other = another(p);

    (void)state;
    saw.consume = 2;
    assert_int_equal(send(p[1], "UVWXYZ", 6, MSG_NOSIGNAL), 6);
    peer_says("abcdef");
    assert_int_equal(saw.inputs, 2);
    assert_true(span_eq(stream_in(s), SPAN("cdef")));
    assert_true(span_eq(stream_in(other), SPAN("WXYZ")));
    peer_says("gh");
    assert_true(span_eq(stream_in(s), SPAN("efgh")));
    assert_true(span_eq(stream_in(other), SPAN("WXYZ")));
    stream_close(&other);
    close(p[1]);
}

/* Whichever of two is read first, the other has been read when its input is given. */
static void test_all_is_read_before_any_is_given(void **state)
{
    int p[2];
    struct stream *other = another(p);

    (void)state;
    saw.consume = 100;
    saw.answer = "yes";
    saw.other_fd = p[0];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(send(i == 0 ? peer : p[1], "abc", 3, MSG_NOSIGNAL), 3);
        assert_int_equal(send(i == 0 ? p[1] : peer, "abc", 3, MSG_NOSIGNAL), 3);
        saw.inputs = saw.unread = 0;
        assert_true(loop_turn(l, 0));
        assert_int_equal(saw.inputs, 2);             /* in the same turn */
        assert_int_equal(saw.unread, 0);
        assert_string_equal(peer_hears(), "yes");
    }
    saw.other_fd = 0;
    stream_close(&other);
    close(p[1]);
}

/* Bytes that are there when the deadline passes have come in time. */
static void test_input_before_the_deadline(void **state)
{
    (void)state;
    saw.next_deadline_ms = 1000;
    stream_deadline(s, 0);
    assert_int_equal(send(peer, "abc", 3, MSG_NOSIGNAL), 3);
    assert_true(loop_turn(l, 0));
    assert_int_equal(saw.inputs, 1);
    assert_int_equal(saw.ends, 0);
    loop_fake_advance(l, 1000);
    assert_int_equal(saw.ends, 1);
}

static void test_full_buffer_pauses_the_peer(void **state)
{
    static char flood[64 * 1024];
    ssize_t sent = 0, n;

    (void)state;
    while ((n = send(peer, flood, sizeof(flood), MSG_NOSIGNAL)) > 0) {
        sent += n;
        turns();
    }
    assert_true(sent > 4096);
    assert_int_equal(stream_in(s).n, 4096);          /* in_limit, to the byte */
    assert_int_equal(saw.inputs, 1);
    assert_false(loop_turn(l, 0));                   /* and nobody spins */
    stream_consume(s, 1000);
    turns();
    assert_int_equal(stream_in(s).n, 4096);
    saw.consume = 4096;
    sent -= 4096 + 1000;
    stream_consume(s, 4096);
    turns();
    assert_int_equal(stream_in(s).n, 0);
    assert_int_equal(saw.ends, 0);
}

static void test_pause_and_resume(void **state)
{
    (void)state;
    saw.pause_on_input = 1;
    peer_says("one");
    peer_says("two");
    assert_int_equal(saw.inputs, 1);
    assert_true(span_eq(stream_in(s), SPAN("one")));
    assert_false(loop_turn(l, 0));                   /* asleep, though bytes wait in the kernel */
    saw.pause_on_input = 0;
    stream_read_resume(s);
    turns();
    assert_true(saw.inputs >= 2);
    assert_true(span_eq(stream_in(s), SPAN("onetwo")));
}

/* A resume with bytes waiting and none to come: on_input comes again all the same. */
static void test_resume_gives_what_waits(void **state)
{
    (void)state;
    saw.pause_on_input = 1;
    peer_says("rest");
    stream_read_resume(s);
    assert_int_equal(saw.inputs, 1);                 /* never inside the call */
    turns();
    assert_int_equal(saw.inputs, 2);
}

/* ---- ends ---- */

static void test_eof(void **state)
{
    (void)state;
    peer_says("half");
    peer_closes();
    assert_int_equal(saw.ends, 1);
    assert_int_equal(saw.end, STREAM_EOF);
    assert_int_equal(saw.in_at_end, 4);
    assert_true(saw.inputs >= 1);
    turns();
    assert_int_equal(saw.ends, 1);
}

/* Bytes and end come together: bytes first. */
static void test_input_before_eof(void **state)
{
    (void)state;
    assert_int_equal(send(peer, "last", 4, 0), 4);
    peer_closes();
    assert_true(saw.inputs >= 1);                    /* on_input itself fails when an end came before it */
    assert_int_equal(saw.end, STREAM_EOF);
}

static void test_end_waits_for_the_pause(void **state)
{
    (void)state;
    saw.pause_on_input = 1;
    peer_says("ask");
    shutdown(peer, SHUT_WR);
    turns();
    assert_int_equal(saw.ends, 0);
    stream_write(s, SPAN("answer"));                 /* who has closed only its sending side still hears it */
    saw.pause_on_input = 0;
    saw.consume = 3;
    stream_read_resume(s);
    turns();
    assert_int_equal(saw.end, STREAM_EOF);
    assert_string_equal(peer_hears(), "answer");
}

static void test_answer_after_eof(void **state)
{
    (void)state;
    shutdown(peer, SHUT_WR);
    turns();
    assert_int_equal(saw.end, STREAM_EOF);
    stream_write(s, SPAN("bye"));
    stream_close_drained(&s, 1000);
    assert_string_equal(peer_hears(), "bye<eof>");
}

static void test_reset(void **state)
{
    (void)state;
    /* a unix socket that is closed with unread bytes in it resets */
    stream_write(s, SPAN("unread"));
    turns();
    peer_closes();
    assert_int_equal(saw.ends, 1);
    assert_int_equal(saw.end, STREAM_ERROR);
    assert_non_null(strstr(saw.why, "reset"));
}

static void test_write_to_the_gone(void **state)
{
    (void)state;
    stream_read_pause(s);
    peer_closes();
    assert_int_equal(saw.ends, 0);
    stream_write(s, SPAN("x"));
    stream_flush(s);
    assert_int_equal(saw.ends, 0);                   /* never inside the owner's call */
    turns();
    assert_int_equal(saw.ends, 1);
    assert_int_equal(saw.end, STREAM_ERROR);
}

static void hang_up_and_write(void *arg)
{
    (void)arg;
    assert_int_equal(send(peer, "421 go", 6, 0), 6);
    close(peer);
    peer = -1;
    stream_write(s, SPAN("MAIL"));
    stream_flush(s);
    assert_int_equal(saw.inputs + saw.ends, 0);
}

/* The peer says why and hangs up; we, writing before we look, get an error: its words come first. */
static void test_last_words_of_the_peer(void **state)
{
    struct loop_task t = { 0 };

    (void)state;
    loop_defer(l, &t, hang_up_and_write, NULL);
    turns();
    assert_true(saw.inputs >= 1);
    assert_int_equal(saw.ends, 1);
    assert_int_equal(saw.in_at_end, 6);
}

static void test_peer_gone(void **state)
{
    (void)state;
    saw.pause_on_input = 1;
    peer_says("x");
    assert_false(stream_peer_gone(s));
    assert_int_equal(send(peer, "unread", 6, 0), 6);
    assert_false(stream_peer_gone(s));
    peer_closes();
    assert_true(stream_peer_gone(s));                /* although bytes are before the end */
    assert_int_equal(saw.ends, 0);
}

/* ---- close inside callbacks ---- */

static void test_close_in_on_input(void **state)
{
    (void)state;
    saw.close_on_input = 1;
    saw.answer = "no";
    assert_int_equal(send(peer, "x", 1, 0), 1);
    assert_string_equal(peer_hears(), "no<eof>");    /* what the kernel takes at once still goes out */
    assert_int_equal(saw.ends, 0);
}

static void test_close_in_on_end(void **state)
{
    (void)state;
    saw.close_on_end = 1;
    peer_closes();
    assert_null(s);
    assert_int_equal(saw.ends, 1);
}

static void test_close_in_on_drained(void **state)
{
    (void)state;
    saw.close_on_drained = 1;
    stream_write(s, SPAN("x"));
    turns();
    assert_null(s);
    assert_int_equal(saw.drained, 1);
    assert_string_equal(peer_hears(), "x<eof>");
}

/* A close whose last write fails must not call the owner, who may be freeing himself. */
static void test_close_calls_nobody(void **state)
{
    (void)state;
    stream_write(s, SPAN("x"));
    close(peer);
    peer = -1;
    stream_close(&s);
    turns();
    assert_int_equal(saw.ends, 0);
    assert_int_equal(saw.drained, 0);
}

/* ---- output ---- */

static void test_one_write_a_turn(void **state)
{
    char text[10];

    (void)state;
    stream_write(s, SPAN("a"));
    stream_write(s, SPAN("b"));
    assert_int_equal(recv(peer, text, sizeof(text), 0), -1);
    assert_int_equal(stream_out_pending(s), 2);
    turns();
    assert_int_equal(recv(peer, text, sizeof(text), 0), 2);
    assert_int_equal(saw.drained, 1);
    stream_write(s, SPAN("c"));
    stream_flush(s);
    assert_int_equal(recv(peer, text, sizeof(text), 0), 1);
    assert_int_equal(saw.drained, 1);                /* told by the loop, not inside the call */
    turns();
    assert_int_equal(saw.drained, 2);
    turns();
    assert_int_equal(saw.drained, 2);
}

static void test_overflow(void **state)
{
    static char block[16 * 1024];
    size_t sent = 0;
    int n = 0;
    ssize_t got;

    (void)state;
    while (saw.ends == 0 && n < 1000) {
        stream_write(s, (span){ block, sizeof(block) });
        assert_true(stream_out_pending(s) <= 64 * 1024);
        sent += sizeof(block);
        if (++n % 3 == 0)
            turns();
    }
    assert_int_equal(saw.ends, 1);
    assert_int_equal(saw.end, STREAM_OVERFLOW);
    stream_write(s, SPAN("more"));                   /* no hole: nothing goes out any more */
    while ((got = recv(peer, block, sizeof(block), 0)) > 0)
        sent -= (size_t)got;
    turns();
    assert_true(sent > 0);
    assert_int_equal(recv(peer, block, sizeof(block), 0), -1);
}

/* After an overflow a small write of the same turn must not slip out behind the gap. */
static void test_no_hole_after_overflow(void **state)
{
    static char block[64 * 1024 + 1];

    (void)state;
    stream_write(s, SPAN("head "));
    stream_write(s, (span){ block, sizeof(block) });
    stream_write(s, SPAN("tail"));
    stream_read_resume(s);                           /* nor may another request make it forget */
    assert_string_equal(peer_hears(), "head ");
    assert_int_equal(saw.end, STREAM_OVERFLOW);
}

static void test_slow_reader(void **state)
{
    static char block[60 * 1024], in[4096];
    size_t total = 0;
    ssize_t got;
    int n = 1;

    (void)state;
    for (int i = 0; i < (int)sizeof(block); i++)
        block[i] = (char)(i * 31 % 127);
    for (; n < 100; n++) {
        stream_write(s, (span){ block, sizeof(block) });
        turns();
        if (stream_out_pending(s) > 0)
            break;
    }
    assert_in_range(n, 2, 99);
    saw.drained = 0;
    assert_false(loop_turn(l, 0));                   /* waits for the peer, does not spin */
    for (;;) {
        while ((got = recv(peer, in, sizeof(in), 0)) > 0)
            for (ssize_t i = 0; i < got; i++, total++)
                if (in[i] != block[total % sizeof(block)])
                    fail_msg("byte %zu differs", total);
        if (!loop_turn(l, 0))
            break;
    }
    assert_int_equal(total, (size_t)n * sizeof(block));
    assert_int_equal(saw.drained, 1);
    assert_false(loop_turn(l, 0));                   /* the interest in writing has gone again */
}

/* A head, two megabytes out of a file or out of memory, a tail. */
static void check_send_large(bool from_file)
{
    static char in[3 * 1024 * 1024], want[3 * 1024 * 1024];
    size_t size = 2 * 1024 * 1024, total = 0;
    int fd = memfd_create("t", MFD_CLOEXEC);
    ssize_t got;

    assert_int_equal(ftruncate(fd, (off_t)size + 10), 0);
    for (size_t i = 0; i < size; i++)
        want[5 + i] = (char)(i * 7 % 253);
    assert_int_equal(pwrite(fd, want + 5, size, 10), (ssize_t)size);
    memcpy(want, "head ", 5);
    memcpy(want + 5 + size, " tail", 5);
    stream_write(s, SPAN("head "));
    if (from_file)
        stream_send_file(s, fd, 10, size);
    else
        stream_send_lent(s, span_of(want + 5, size));
    stream_write(s, SPAN(" tail"));
    assert_int_equal(stream_out_pending(s), 10 + size);
    do {
        loop_turn(l, 0);
        while ((got = recv(peer, in + total, sizeof(in) - total, 0)) > 0)
            total += (size_t)got;
    } while (stream_out_pending(s) > 0);
    turns();
    assert_int_equal(total, size + 10);
    assert_memory_equal(in, want, total);
    assert_int_equal(saw.drained, 1);
    close(fd);
}

static void test_send_file(void **state)
{
    int fd = memfd_create("t", MFD_CLOEXEC);

    (void)state;
    check_send_large(true);
    assert_int_equal(ftruncate(fd, 500), 0);
    stream_send_file(s, fd, 10, 1000);               /* shorter than said: an error, never silence */
    turns();
    assert_int_equal(saw.end, STREAM_ERROR);
    close(fd);
}

static void test_send_lent(void **state)
{
    (void)state;
    check_send_large(false);
}

/* ---- close_drained ---- */

static void test_close_drained(void **state)
{
    static char block[60 * 1024], in[64 * 1024];
    size_t total = 0, queued;
    ssize_t got;
    int n = 0;

    (void)state;
    do {
        stream_write(s, (span){ block, sizeof(block) });
        turns();
        n++;
    } while (stream_out_pending(s) == 0);
    queued = (size_t)n * sizeof(block);
    stream_close_drained(&s, 1000);
    assert_null(s);
    for (int i = 0; i < 1000; i++) {
        turns();
        if ((got = recv(peer, in, sizeof(in), 0)) <= 0)
            break;
        total += (size_t)got;
    }
    assert_int_equal(got, 0);
    assert_int_equal(total, queued);
    assert_int_equal(saw.ends, 0);
}

static void test_close_drained_gives_up(void **state)
{
    static char block[60 * 1024], in[64 * 1024];
    ssize_t got;

    (void)state;
    do {
        stream_write(s, (span){ block, sizeof(block) });
        turns();
    } while (stream_out_pending(s) == 0);
    stream_close_drained(&s, 1000);
    loop_fake_advance(l, 1000);
    while ((got = recv(peer, in, sizeof(in), 0)) > 0)
        turns();
    assert_int_equal(got, 0);                        /* cut off */
    assert_int_equal(saw.ends, 0);
}

/* The loop ends while a stream nobody owns is still sending: nothing is left behind. */
static void test_loop_ends_before_drained(void **state)
{
    static char block[60 * 1024];

    (void)state;
    do {
        stream_write(s, (span){ block, sizeof(block) });
        turns();
    } while (stream_out_pending(s) == 0);
    stream_close_drained(&s, 1000);                  /* teardown frees the loop; LeakSanitizer looks */
}

/* ---- deadlines ---- */

static void test_deadline(void **state)
{
    (void)state;
    stream_deadline(s, 1000);
    loop_fake_advance(l, 900);
    stream_deadline(s, 1000);                        /* later */
    loop_fake_advance(l, 900);
    assert_int_equal(saw.ends, 0);
    stream_deadline(s, 50);                          /* sooner */
    loop_fake_advance(l, 49);
    assert_int_equal(saw.ends, 0);
    loop_fake_advance(l, 1);
    assert_int_equal(saw.ends, 1);
    assert_int_equal(saw.end, STREAM_TIMEOUT);
    loop_fake_advance(l, 10000);
    assert_int_equal(saw.ends, 1);
}

static void test_deadline_removed(void **state)
{
    (void)state;
    stream_deadline(s, 10);
    stream_deadline(s, -1);
    loop_fake_advance(l, 10000);
    assert_int_equal(saw.ends, 0);
    stream_deadline(s, 10);
    stream_deadline(s, -1);
    stream_deadline(s, 30);
    loop_fake_advance(l, 29);
    assert_int_equal(saw.ends, 0);
    loop_fake_advance(l, 1);
    assert_int_equal(saw.end, STREAM_TIMEOUT);
}

/* ---- connecting ---- */

static int listen_on(struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof(*at);

    *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(bind(fd, (struct sockaddr *)at, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &n), 0);
    assert_int_equal(listen(fd, 10), 0);
    return fd;
}

static void test_connect(void **state)
{
    struct sockaddr_in at;
    int fd = listen_on(&at), got;
    char text[64], name[64];
    unsigned uid;
    int pid;

    (void)state;
    stream_close(&s);
    snprintf(text, sizeof(text), "inet:127.0.0.1:%d", ntohs(at.sin_port));
    s = stream_connect(l, text, (struct stream_limits){ 4096, 4096 }, &handler, &saw, NULL);
    stream_write(s, SPAN("early"));                  /* goes out once connected */
    assert_int_equal(saw.connected, 0);
    turns();
    assert_int_equal(saw.connected, 1);
    snprintf(name, sizeof(name), "[127.0.0.1]:%d", ntohs(at.sin_port));
    assert_string_equal(stream_peer(s), name);
    assert_false(stream_peer_uid(s, &uid, &pid));
    got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(got >= 0);
    close(peer);
    peer = got;
    assert_string_equal(peer_hears(), "early");
    /* a real reset */
    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger)), 0);
    peer_closes();
    assert_int_equal(saw.end, STREAM_ERROR);
    close(fd);
}

static void test_connect_refused(void **state)
{
    struct sockaddr_in at;
    char text[64];

    (void)state;
    stream_close(&s);
    close(listen_on(&at));
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(at.sin_port));
    s = stream_connect(l, text, (struct stream_limits){ 4096, 4096 }, &handler, &saw, NULL);
    assert_int_equal(saw.ends, 0);
    turns();
    assert_int_equal(saw.ends, 1);
    assert_int_equal(saw.end, STREAM_CONNECT_FAILED);
    assert_non_null(strstr(saw.why, "refused"));
    stream_close(&s);
    s = stream_connect(l, "unix:/nonexistent/socket", (struct stream_limits){ 4096, 4096 }, &handler, &saw, NULL);
    assert_int_equal(saw.ends, 1);
    turns();
    assert_int_equal(saw.ends, 2);
    assert_int_equal(saw.end, STREAM_CONNECT_FAILED);
    assert_int_equal(saw.connected, 0);
}

/* Who does not ask for on_connected is woken by the first words; what it says before that goes out all the same. */
static void test_connect_to_who_speaks_first(void **state)
{
    static const struct stream_handler listener = { .on_input = on_input, .on_end = on_end };
    struct sockaddr_in at;
    int fd = listen_on(&at);
    char text[64];

    (void)state;
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(at.sin_port));
    for (int early = 0; early < 2; early++) {
        stream_close(&s);
        close(peer);
        memset(&saw, 0, sizeof(saw));
        s = stream_connect(l, text, (struct stream_limits){ 4096, 4096 }, &listener, &saw, NULL);
        turns();
        if (early)
            stream_write(s, SPAN("early"));
        turns();
        peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert_true(peer >= 0);
        assert_string_equal(peer_hears(), early ? "early" : "");
        peer_says("220 here");
        assert_int_equal(saw.inputs, 1);
        assert_true(span_eq(stream_in(s), SPAN("220 here")));
        stream_write(s, SPAN("EHLO"));
        assert_string_equal(peer_hears(), "EHLO");
    }
    peer_closes();
    assert_int_equal(saw.end, STREAM_EOF);
    close(fd);
    stream_close(&s);
    memset(&saw, 0, sizeof(saw));
    s = stream_connect(l, text, (struct stream_limits){ 4096, 4096 }, &listener, &saw, NULL);
    turns();
    assert_int_equal(saw.ends, 1);
    assert_int_equal(saw.end, STREAM_CONNECT_FAILED);
}

static void test_connect_nonsense(void **state)
{
    struct errtext err = { "" };

    (void)state;
    assert_null(stream_connect(l, "mail.example.com", (struct stream_limits){ 1, 1 }, &handler, &saw, &err));
    assert_true(err.text[0] != '\0');
}

static void test_close_while_connecting(void **state)
{
    struct sockaddr_in at;
    int fd = listen_on(&at);
    char text[64];

    (void)state;
    for (int drained = 0; drained < 2; drained++) {
        struct stream *c;

        snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(at.sin_port));
        c = stream_connect(l, text, (struct stream_limits){ 4096, 4096 }, &handler, &saw, NULL);
        if (drained)
            stream_close_drained(&c, 1000);
        else
            stream_close(&c);
        turns();
    }
    assert_int_equal(saw.connected + saw.ends, 0);
    close(fd);
}

/* Our refusal must reach a peer that is still sending: closing on its unread bytes would reset it away. */
static void test_last_words_over_tcp(void **state)
{
    static char flood[200 * 1024];
    struct sockaddr_in at;
    int fd = listen_on(&at), got;
    char text[64], heard[100];

    (void)state;
    stream_close(&s);
    close(peer);
    peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&at, sizeof(at)), 0);
    got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    s = stream_new(l, got, (struct stream_limits){ 4096, 4096 }, &handler, &saw);
    assert_true(send(peer, flood, sizeof(flood), MSG_DONTWAIT) > 8192);
    turns();
    stream_write(s, SPAN("500 too long"));
    stream_close_drained(&s, 5000);
    turns();
    assert_int_equal(recv(peer, heard, sizeof(heard), MSG_WAITALL), 12);
    assert_memory_equal(heard, "500 too long", 12);
    assert_int_equal(recv(peer, text, 1, 0), 0);
    assert_int_equal(send(peer, "more", 4, MSG_NOSIGNAL), 4);
    turns();
    assert_int_equal(send(peer, "more", 4, MSG_NOSIGNAL), 4);   /* no reset: it is heard out */
    close(peer);
    peer = -1;
    turns();
    assert_false(loop_turn(l, 0));
    close(fd);
}

static void test_peer_uid(void **state)
{
    unsigned uid = 99;
    int pid = 0;

    (void)state;
    assert_true(stream_peer_uid(s, &uid, &pid));
    assert_int_equal(uid, getuid());
    assert_int_equal(pid, getpid());
    assert_string_equal(stream_peer(s), "unix");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define R(f) { #f " (all is read first)", f, setup_read_all_first, teardown, NULL }
#define BOTH(f) T(f), R(f)
    const struct CMUnitTest tests[] = {
        BOTH(test_input_in_pieces), BOTH(test_rest_of_the_input_is_kept), BOTH(test_full_buffer_pauses_the_peer), BOTH(test_pause_and_resume),
        BOTH(test_resume_gives_what_waits), BOTH(test_eof), BOTH(test_input_before_eof), BOTH(test_end_waits_for_the_pause),
        BOTH(test_answer_after_eof), BOTH(test_reset), BOTH(test_write_to_the_gone), BOTH(test_last_words_of_the_peer), BOTH(test_peer_gone),
        BOTH(test_close_in_on_input), BOTH(test_close_in_on_end), BOTH(test_close_in_on_drained), BOTH(test_close_calls_nobody),
        BOTH(test_one_write_a_turn), BOTH(test_overflow), BOTH(test_no_hole_after_overflow), BOTH(test_slow_reader),
        T(test_send_file), T(test_send_lent), BOTH(test_close_drained), BOTH(test_close_drained_gives_up), BOTH(test_loop_ends_before_drained),
        BOTH(test_deadline), T(test_deadline_removed), BOTH(test_input_before_the_deadline), R(test_all_is_read_before_any_is_given),
        T(test_connect), T(test_connect_refused), BOTH(test_connect_to_who_speaks_first), T(test_connect_nonsense), T(test_close_while_connecting),
        BOTH(test_last_words_over_tcp), T(test_peer_uid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
