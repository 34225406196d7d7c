/* test_share.c - a set that travels in pieces is the same set at the other end, or none.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "socketmapd/rcpt_piece.h"
#include "socketmapd/share_child.h"

static char folder[] = "/tmp/gatepost-share-XXXXXX", leader_path[64], follower_path[64], proposal_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(leader_path, sizeof(leader_path), "%s/leader.set", folder);
    snprintf(follower_path, sizeof(follower_path), "%s/follower.set", folder);
    snprintf(proposal_path, sizeof(proposal_path), "%s/follower.proposal", folder);
    return 0;
}

static int empty_folder(void **state)
{
    (void)state;
    unlink(leader_path);
    unlink(follower_path);
    unlink(proposal_path);
    return 0;
}

static int remove_folder(void **state)
{
    empty_folder(state);
    return rmdir(folder);
}

static void add(struct rcpt_set_writer *w, const char *address, unsigned flags, unsigned attr, span object)
{
    struct rcpt_set_entry e = { .address = span_str(address), .flags = flags, .attr = attr };

    e.object = rcpt_set_add_object(w, object);
    assert_true(rcpt_set_add(w, &e));
}

/* Users 0 to n, and some that are strange. */
static void write_set(const char *path, int n, const char *asked)
{
    struct rcpt_set_about about = { .generation = 7, .complete_ms = 5, .entries = (uint64_t)n, .entries_named = (uint64_t)n, .base = "dc=a\tb\\",
                                    .context = "dc=a", .server = "ldap://a", .attr = { "proxyAddresses", "mail" } };
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct errtext err = { "" };
    char address[64], dn[64];

    snprintf(about.asked, sizeof(about.asked), "%s", asked);
    for (int i = 0; i < n; i++) {
        snprintf(address, sizeof(address), "user%d@example.com", i);
        add(w, address, 0, (unsigned)i % 2, span_of(dn, (size_t)snprintf(dn, sizeof(dn), "uid=user%d,dc=a", i)));
    }
    add(w, "in\tside@example.com", RCPT_SET_INTERNAL, 0, SPAN("cn=a\\2Cb\n\x01,dc=a\0login\\x"));
    add(w, "gone@example.com", RCPT_SET_MISSING, 0, SPAN("cn=gone"));
    assert_int_equal(rcpt_set_write(w, &about, path, &err), 0);
    rcpt_set_writer_free(&w);
}

static struct share_job job(enum share_task task, const char *set_path)
{
    return (struct share_job){ .task = task, .set_path = span_str(set_path), .proposal_path = span_str(proposal_path), .asked = SPAN("same"), .complete_ms = 99 };
}

static bool run(enum share_task task, const char *set_path, const int *in, size_t n_in, int out[2], uint64_t *number, struct errtext *err)
{
    struct share_job j = job(task, set_path), read;
    struct buf wire;
    bool ok;

    buf_init(&wire, 65536);
    share_job_encode(&j, &wire);
    assert_true(share_job_decode(buf_span(&wire), &read));
    ok = share_job_run(&read, in, n_in, out, number, err);
    buf_free(&wire);
    return ok;
}

/* The pieces that the plan names, as a follower fetches them. */
static int fetch(int index_fd, int pieces_fd, int numbers_fd)
{
    int fd = memfd_create("fetched", 0);
    struct errtext err = { "" };
    struct rcpt_index x;
    span index, pieces, numbers;

    assert_true(share_map(index_fd, &index, &err) && share_map(pieces_fd, &pieces, &err) && share_map(numbers_fd, &numbers, &err));
    assert_true(rcpt_index_decode(index, &x, &err));
    for (size_t i = 0, at = 0; i < x.n; at += x.pieces[i++].bytes) {
        struct share_fetched head = { (uint32_t)i, (uint32_t)x.pieces[i].bytes };

        for (size_t k = 0; k < numbers.n / 4; k++) {
            if (memcmp(numbers.p + 4 * k, &head.number, 4) == 0) {
                assert_int_equal(write(fd, &head, sizeof(head)), sizeof(head));
                assert_int_equal(write(fd, pieces.p + at, head.bytes), head.bytes);
            }
        }
    }
    rcpt_index_free(&x);
    share_unmap(&index);
    share_unmap(&pieces);
    share_unmap(&numbers);
    return fd;
}

/* From the leader's set to the follower's proposal; how many pieces had to travel. */
static uint64_t travel(void)
{
    struct errtext err = { "" };
    int split[2], plan[2], none[2], fetched;
    uint64_t n, addresses;

    assert_true(run(SHARE_SPLIT, leader_path, NULL, 0, split, &addresses, &err));
    assert_true(run(SHARE_PLAN, follower_path, split, 1, plan, &n, &err));
    fetched = fetch(split[0], split[1], plan[0]);
    if (!run(SHARE_BUILD, follower_path, (const int[]){ split[0], fetched }, 2, none, &addresses, &err))
        fail_msg("%s", err.text);
    close(split[0]);
    close(split[1]);
    close(plan[0]);
    close(fetched);
    return n;
}

static void test_arrives_whole(void **state)
{
    struct rcpt_set *a, *b;
    struct rcpt_set_entry x, y;
    struct errtext err = { "" };
    uint64_t n = 0;

    (void)state;
    write_set(leader_path, 3000, "same");
    assert_int_equal(travel(), 16);
    assert_int_equal(rcpt_set_open(leader_path, true, &a, &err), RCPT_SET_OK);
    assert_int_equal(rcpt_set_open(proposal_path, true, &b, &err), RCPT_SET_OK);
    for (uint64_t cursor = 0; rcpt_set_next(a, &cursor, &x);) {
        if ((x.flags & RCPT_SET_MISSING) != 0) {
            assert_false(rcpt_set_find(b, x.address, &y));
            continue;
        }
        n++;
        assert_true(rcpt_set_find(b, x.address, &y));
        assert_int_equal(x.flags, y.flags);
        assert_string_equal(rcpt_set_about(a)->attr[x.attr], rcpt_set_about(b)->attr[y.attr]);
        assert_true(span_eq(rcpt_set_object(a, x.object), rcpt_set_object(b, y.object)));
    }
    assert_int_equal(rcpt_set_count(b), n);
    assert_int_equal(rcpt_set_about(b)->complete_ms, 99);
    assert_int_equal(rcpt_set_about(b)->entries, 3000);
    assert_string_equal(rcpt_set_about(b)->base, "dc=a\tb\\");
    assert_string_equal(rcpt_set_about(b)->asked, "same");
    rcpt_set_close(&a);
    rcpt_set_close(&b);
}

static void test_only_what_differs_travels(void **state)
{
    (void)state;
    write_set(leader_path, 3000, "same");
    write_set(follower_path, 3000, "same");
    assert_int_equal(travel(), 0);
    write_set(leader_path, 3001, "same");
    assert_int_equal(travel(), 1);
    write_set(follower_path, 3000, "something else");
    assert_int_equal(travel(), 16);
}

static void test_an_empty_set_travels(void **state)
{
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct rcpt_set_about about = { .asked = "same" };
    struct errtext err = { "" };

    (void)state;
    assert_int_equal(rcpt_set_write(w, &about, leader_path, &err), 0);
    rcpt_set_writer_free(&w);
    assert_int_equal(travel(), 0);
}

static void flip(int fd, off_t at)
{
    char c;

    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
}

static void test_damage_is_no_set(void **state)
{
    struct errtext err = { "" };
    int split[2], plan[2], none[2], fetched;
    uint64_t n;

    (void)state;
    write_set(leader_path, 500, "same");
    assert_true(run(SHARE_SPLIT, leader_path, NULL, 0, split, &n, &err));
    assert_true(run(SHARE_PLAN, follower_path, split, 1, plan, &n, &err));
    fetched = fetch(split[0], split[1], plan[0]);
    for (off_t at = 0; at < 4096; at += 37) {
        flip(fetched, at);
        assert_false(run(SHARE_BUILD, follower_path, (const int[]){ split[0], fetched }, 2, none, &n, &err));
        assert_true(err.text[0] != '\0');
        assert_int_equal(access(proposal_path, F_OK), -1);
        flip(fetched, at);
    }
    assert_int_equal(ftruncate(fetched, 5000), 0);
    assert_false(run(SHARE_BUILD, follower_path, (const int[]){ split[0], fetched }, 2, none, &n, &err));
    assert_int_equal(ftruncate(fetched, 0), 0);
    assert_false(run(SHARE_BUILD, follower_path, (const int[]){ split[0], fetched }, 2, none, &n, &err));
    assert_non_null(strstr(err.text, "piece 0"));
    close(split[0]);
    close(split[1]);
    close(plan[0]);
    close(fetched);
}

/* A piece with the right digest, but with what no host writes. */
static void test_a_piece_that_somebody_wrote(void **state)
{
    static const char *const lines[] = { "", "a@b\n", "a@b\t-\tmail\n", "a@b\tx\tmail\tdn\n", "a@b\t-\tother\tdn\n", "nodomain\t-\tmail\tdn\n", "a\\x4@b\t-\tmail\tdn\n",
                                         "\t-\tmail\tdn\n", "a@b\t-\tmail\tdn\na@b\t-\tmail\tdn\n", "a@b\t-\tmail\td\x01n\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct rcpt_piece p = { .addresses = i == 8 ? 2 : 1 };
        struct rcpt_index x = { .about = { .attr = { "mail" } }, .pieces = &p, .n = 1 };
        struct rcpt_set_writer *w = rcpt_set_writer_new();
        struct errtext err = { "" };

        rcpt_digest(span_str(lines[i]), p.digest);
        assert_false(rcpt_piece_take(&x, 0, span_str(lines[i]), w, &err));
        assert_non_null(strstr(err.text, "piece 0"));
        rcpt_set_writer_free(&w);
    }
}

static void test_pieces_for(void **state)
{
    (void)state;
    assert_int_equal(rcpt_pieces_for(0), 1);
    assert_int_equal(rcpt_pieces_for(256), 1);
    assert_int_equal(rcpt_pieces_for(257), 2);
    assert_int_equal(rcpt_pieces_for(1000000), 4096);
    assert_int_equal(rcpt_pieces_for(UINT64_C(1) << 40), RCPT_PIECES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_arrives_whole, empty_folder),
        cmocka_unit_test_setup(test_only_what_differs_travels, empty_folder),
        cmocka_unit_test_setup(test_an_empty_set_travels, empty_folder),
        cmocka_unit_test_setup(test_damage_is_no_set, empty_folder),
        cmocka_unit_test(test_a_piece_that_somebody_wrote),
        cmocka_unit_test(test_pieces_for),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
