/*
 * The rotation rule line by line, and its edges: leeway, roll forward, retry
 * memory, the ends of the integers. The whole of it is in tests/model.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session/rotation.h"

#define NOW    INT64_C(1000000)
#define IDLE   86400
#define LEEWAY 10

static const struct at_rotation_policy balanced = { IDLE, LEEWAY, false };
static const struct at_rotation_policy strict = { IDLE, LEEWAY, true };

/* (5,2), whose parent is (4,1), rotated a minute ago, nothing remembered */
static struct authtok_session
fixture(void)
{
	struct authtok_session row;

	memset(&row, 0, sizeof(row));
	memset(row.sid, 1, sizeof(row.sid));
	memset(row.seed, 2, sizeof(row.seed));
	row.user_id = 3;
	row.created_at = 1;
	row.expires_at = NOW + 1000;
	row.gen = 5;
	row.branch = 2;
	row.parent = 1;
	row.rotated_at = NOW - 60;
	return row;
}

/* The MAC of the key numbered k. */
static const uint8_t *
key(uint8_t k)
{
	static uint8_t macs[256][AUTHTOK_RETRY_LEN];

	macs[k][AUTHTOK_RETRY_LEN - 1] = k;
	return macs[k];
}

static void
remember(struct authtok_session *row, uint32_t gen, uint8_t k)
{
	struct authtok_retry *r = &row->retries[row->retry_count++];

	r->gen = gen;
	memcpy(r->mac, key(k), sizeof(r->mac));
}

static enum at_verdict
present(const struct at_rotation_policy *policy, struct authtok_session *row,
    uint32_t gen, uint32_t branch, const uint8_t *mac)
{
	struct at_rotation_try try = { gen, branch, mac, NOW, false };
	struct authtok_session next;
	enum at_verdict v = at_rotation_decide(policy, row, &try, &next);

	*row = next;
	return v;
}

static void
assert_untouched(
    const struct authtok_session *row, const struct authtok_session *was)
{
	ck_assert_mem_eq(row, was, sizeof(*row));
}

START_TEST(r1_current_token_rotates)
{
	struct authtok_session row = fixture();

	ck_assert_int_eq(present(&balanced, &row, 5, 2, NULL), AT_ROTATE);
	ck_assert_uint_eq(row.gen, 6);
	ck_assert_uint_eq(row.branch, 2);
	ck_assert_uint_eq(row.parent, 2);
	ck_assert_int_eq(row.rotated_at, NOW);
	ck_assert_uint_eq(row.retry_count, 0);
	ck_assert_uint_eq(row.forwarded_gen, 0);
	ck_assert_int_eq(row.revoked_at, 0);
}
END_TEST

START_TEST(r1_remembers_the_key)
{
	struct authtok_session row = fixture();

	remember(&row, 3, 1);
	ck_assert_int_eq(present(&balanced, &row, 5, 2, key(9)), AT_ROTATE);
	ck_assert_uint_eq(row.retry_count, 2);
	ck_assert_uint_eq(row.retries[1].gen, 5);
	ck_assert_mem_eq(row.retries[1].mac, key(9), AUTHTOK_RETRY_LEN);
}
END_TEST

START_TEST(rotated_at_never_falls)
{
	struct authtok_session row = fixture();

	row.rotated_at = NOW + 30;
	ck_assert_int_eq(present(&balanced, &row, 5, 2, NULL), AT_ROTATE);
	ck_assert_int_eq(row.rotated_at, NOW + 30);
	row = fixture();
	row.rotated_at = NOW + 61;
	ck_assert_int_eq(present(&balanced, &row, 4, 1, NULL), AT_REPLACE);
	ck_assert_int_eq(row.rotated_at, NOW + 61);
	row = fixture();
	row.rotated_at = NOW + 30;
	ck_assert_int_eq(present(&balanced, &row, 9, 0, NULL), AT_FORWARD);
	ck_assert_int_eq(row.rotated_at, NOW + 30);
	ck_assert_int_eq(row.forwarded_at, NOW);
}
END_TEST

/* age of the rotation, policy's leeway, whether R2 */
static const struct {
	int64_t age, leeway;
	enum at_verdict want;
} leeways[] = {
	{ -61, 10, AT_REPLACE },
	{ -60, 10, AT_REPEAT },
	{ 0, 10, AT_REPEAT },
	{ 10, 10, AT_REPEAT },
	{ 11, 10, AT_REPLACE },
	{ -61, 0, AT_REPLACE },
	{ -60, 0, AT_REPEAT },
	{ 0, 0, AT_REPEAT },
	{ 1, 0, AT_REPLACE },
	{ 300, 300, AT_REPEAT },
	{ 301, 300, AT_REPLACE },
};

START_TEST(r2_leeway_edges)
{
	struct at_rotation_policy policy = { IDLE, leeways[_i].leeway, false };
	struct authtok_session row = fixture(), was;

	row.rotated_at = NOW - leeways[_i].age;
	was = row;
	ck_assert_int_eq(present(&policy, &row, 4, 1, NULL), leeways[_i].want);
	if (leeways[_i].want == AT_REPEAT)
		assert_untouched(&row, &was);
}
END_TEST

START_TEST(r2_by_key_at_any_age)
{
	struct authtok_session row = fixture(), was;

	remember(&row, 4, 7);
	row.rotated_at = NOW - IDLE + 1;
	was = row;
	ck_assert_int_eq(present(&balanced, &row, 4, 1, key(7)), AT_REPEAT);
	assert_untouched(&row, &was);
}
END_TEST

/* Each byte of the MAC counts. */
START_TEST(r2_key_is_compared_whole)
{
	for (size_t i = 0; i < AUTHTOK_RETRY_LEN; i++) {
		struct authtok_session row = fixture();
		uint8_t mac[AUTHTOK_RETRY_LEN];

		remember(&row, 4, 7);
		memcpy(mac, key(7), sizeof(mac));
		mac[i] ^= 0x80;
		ck_assert_int_eq(
		    present(&balanced, &row, 4, 1, mac), AT_REPLACE);
	}
}
END_TEST

START_TEST(r2_key_leaves_no_leeway_to_others)
{
	struct authtok_session row = fixture();

	remember(&row, 4, 7);
	row.rotated_at = NOW;
	ck_assert_int_eq(present(&balanced, &row, 4, 1, key(8)), AT_REPLACE);
	row = fixture();
	remember(&row, 4, 7);
	row.rotated_at = NOW;
	ck_assert_int_eq(present(&balanced, &row, 4, 1, NULL), AT_REPLACE);
}
END_TEST

/* Else one who sends no key, and came first, would share its child with it. */
START_TEST(r2_key_has_no_leeway)
{
	struct authtok_session row = fixture();

	row.rotated_at = NOW;
	ck_assert_int_eq(present(&balanced, &row, 4, 1, key(7)), AT_REPLACE);
	row = fixture();
	remember(&row, 3, 7); /* of another generation */
	row.rotated_at = NOW;
	ck_assert_int_eq(present(&balanced, &row, 4, 1, key(7)), AT_REPLACE);
	row = fixture();
	remember(&row, 3, 7);
	row.rotated_at = NOW;
	ck_assert_int_eq(present(&balanced, &row, 4, 1, NULL), AT_REPEAT);
}
END_TEST

START_TEST(r3_replaces_the_unused_child)
{
	struct authtok_session row = fixture();

	ck_assert_int_eq(present(&balanced, &row, 4, 1, key(3)), AT_REPLACE);
	ck_assert_uint_eq(row.gen, 5);
	ck_assert_uint_eq(row.branch, 3);
	ck_assert_uint_eq(row.parent, 1);
	ck_assert_int_eq(row.rotated_at, NOW);
	ck_assert_uint_eq(row.retry_count, 1);
	ck_assert_uint_eq(row.retries[0].gen, 4);
	/* the old child is a tripwire */
	ck_assert_int_eq(present(&balanced, &row, 5, 2, key(3)), AT_REUSE);
}
END_TEST

START_TEST(r3_forgets_other_keys_of_that_generation)
{
	struct authtok_session row = fixture();

	remember(&row, 2, 1);
	remember(&row, 4, 2);
	ck_assert_int_eq(present(&balanced, &row, 4, 1, NULL), AT_REPLACE);
	ck_assert_uint_eq(row.retry_count, 1);
	ck_assert_uint_eq(row.retries[0].gen, 2);
}
END_TEST

START_TEST(r3_only_for_the_parent_branch)
{
	struct authtok_session row = fixture();

	ck_assert_int_eq(present(&balanced, &row, 4, 0, NULL), AT_REUSE);
	row = fixture();
	ck_assert_int_eq(present(&balanced, &row, 4, 2, NULL), AT_REUSE);
}
END_TEST

START_TEST(no_token_has_generation_minus_one)
{
	struct authtok_session row = fixture(), was;

	row.gen = 0;
	row.branch = 0;
	row.parent = 0;
	was = row;
	/* gen - 1 must not wrap: this is a roll forward at its end */
	ck_assert_int_eq(
	    present(&balanced, &row, UINT32_MAX, 0, NULL), AT_EXPIRED);
	assert_untouched(&row, &was);
	ck_assert_int_eq(
	    present(&balanced, &row, UINT32_MAX - 1, 0, NULL), AT_FORWARD);
}
END_TEST

START_TEST(r4_by_key)
{
	struct authtok_session row = fixture(), was;

	remember(&row, 2, 7);
	was = row;
	ck_assert_int_eq(present(&balanced, &row, 2, 0, key(7)), AT_STALE);
	assert_untouched(&row, &was);
	ck_assert_int_eq(present(&balanced, &row, 2, 0, key(8)), AT_REUSE);
	row = was;
	ck_assert_int_eq(present(&balanced, &row, 2, 0, NULL), AT_REUSE);
	row = was;
	ck_assert_int_eq(present(&balanced, &row, 3, 0, key(7)), AT_REUSE);
}
END_TEST

/* A replaced child of the current generation is never merely stale. */
START_TEST(r4_not_for_the_current_generation)
{
	struct authtok_session row = fixture();

	remember(&row, 5, 7);
	row.forwarded_gen = 5;
	row.forwarded_at = NOW;
	ck_assert_int_eq(present(&balanced, &row, 5, 1, key(7)), AT_REUSE);
}
END_TEST

START_TEST(r4_after_a_roll_forward_for_60_s)
{
	static const struct {
		uint32_t gen;
		int64_t age;
		enum at_verdict want;
	} cases[] = {
		{ 3, 0, AT_STALE }, { 3, 60, AT_STALE }, { 3, 61, AT_REUSE },
		{ 3, -5, AT_STALE }, { 2, 60, AT_STALE },
		{ 4, 0, AT_REUSE }, /* forwarded_gen itself, other branch */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct authtok_session row = fixture();

		row.forwarded_gen = 4;
		row.forwarded_at = NOW - cases[i].age;
		ck_assert_int_eq(
		    present(&balanced, &row, cases[i].gen, 0, NULL),
		    cases[i].want);
	}
}
END_TEST

START_TEST(r5_newer_generation_rolls_forward)
{
	struct authtok_session row = fixture();

	remember(&row, 3, 1);
	ck_assert_int_eq(present(&balanced, &row, 8, 6, key(2)), AT_FORWARD);
	ck_assert_uint_eq(row.gen, 9);
	ck_assert_uint_eq(row.branch, 6);
	ck_assert_uint_eq(row.parent, 6);
	ck_assert_uint_eq(row.forwarded_gen, 8);
	ck_assert_int_eq(row.forwarded_at, NOW);
	ck_assert_int_eq(row.rotated_at, NOW);
	ck_assert_uint_eq(row.retry_count, 2);
	ck_assert_uint_eq(row.retries[1].gen, 8);
}
END_TEST

START_TEST(r5_newer_branch_rolls_forward)
{
	struct authtok_session row = fixture();

	ck_assert_int_eq(present(&balanced, &row, 5, 3, NULL), AT_FORWARD);
	ck_assert_uint_eq(row.gen, 6);
	ck_assert_uint_eq(row.branch, 3);
	ck_assert_uint_eq(row.parent, 3);
	ck_assert_uint_eq(row.forwarded_gen, 5);
}
END_TEST

START_TEST(r6_anything_else_revokes)
{
	struct authtok_session row = fixture();

	ck_assert_int_eq(present(&balanced, &row, 3, 1, NULL), AT_REUSE);
	ck_assert_int_eq(row.revoked_at, NOW);
	ck_assert_uint_eq(row.gen, 5);
	ck_assert_int_eq(present(&balanced, &row, 5, 2, NULL), AT_REVOKED);
}
END_TEST

START_TEST(strict_skips_r2_and_r3)
{
	struct authtok_session row = fixture();

	row.rotated_at = NOW;
	ck_assert_int_eq(present(&strict, &row, 4, 1, NULL), AT_REUSE);
	row = fixture();
	remember(&row, 4, 7);
	ck_assert_int_eq(present(&strict, &row, 4, 1, key(7)), AT_STALE);
	ck_assert_int_eq(present(&strict, &row, 4, 1, key(8)), AT_REUSE);
	row = fixture();
	ck_assert_int_eq(present(&strict, &row, 5, 2, NULL), AT_ROTATE);
	ck_assert_int_eq(present(&strict, &row, 9, 0, NULL), AT_FORWARD);
}
END_TEST

START_TEST(memory_keeps_the_newest_eight)
{
	struct authtok_session row = fixture();

	row.branch = 0;
	for (uint32_t g = 5; g < 14; g++)
		ck_assert_int_eq(
		    present(&balanced, &row, g, 0, key((uint8_t)g)), AT_ROTATE);
	ck_assert_uint_eq(row.retry_count, 8);
	for (uint32_t i = 0; i < 8; i++) {
		ck_assert_uint_eq(row.retries[i].gen, 6 + i);
		ck_assert_mem_eq(row.retries[i].mac, key((uint8_t)(6 + i)),
		    AUTHTOK_RETRY_LEN);
	}
	ck_assert_int_eq(present(&balanced, &row, 6, 0, key(6)), AT_STALE);
	ck_assert_int_eq(present(&balanced, &row, 5, 0, key(5)), AT_REUSE);
}
END_TEST

START_TEST(memory_of_a_broken_row_stays_in_bounds)
{
	struct authtok_session row = fixture();

	for (uint8_t i = 0; i < 8; i++)
		remember(&row, 1, i);
	row.retry_count = UINT32_MAX;
	ck_assert_int_eq(present(&balanced, &row, 5, 2, key(9)), AT_ROTATE);
	ck_assert_uint_eq(row.retry_count, 8);
	ck_assert_uint_eq(row.retries[7].gen, 5);
}
END_TEST

/* Each check hides the ones after it. */
START_TEST(order_before_the_rule)
{
	struct at_rotation_try try = { 3, 0, NULL, NOW, true };
	struct authtok_session row = fixture(), next;

	row.revoked_at = 5;
	row.expires_at = NOW;
	ck_assert_int_eq(
	    at_rotation_decide(&balanced, &row, &try, &next), AT_REVOKED);
	row.revoked_at = 0;
	ck_assert_int_eq(
	    at_rotation_decide(&balanced, &row, &try, &next), AT_DISABLED);
	try.disabled = false;
	ck_assert_int_eq(
	    at_rotation_decide(&balanced, &row, &try, &next), AT_EXPIRED);
	ck_assert_mem_eq(&row, &next, sizeof(row));
	row.expires_at = NOW + 1;
	ck_assert_int_eq(
	    at_rotation_decide(&balanced, &row, &try, &next), AT_REUSE);
}
END_TEST

START_TEST(expiry_edges)
{
	struct authtok_session row = fixture();

	row.expires_at = NOW;
	ck_assert_int_eq(present(&balanced, &row, 5, 2, NULL), AT_EXPIRED);
	ck_assert_int_eq(present(&balanced, &row, 9, 2, NULL), AT_EXPIRED);
	row = fixture();
	row.expires_at = NOW + 1;
	ck_assert_int_eq(present(&balanced, &row, 5, 2, NULL), AT_ROTATE);
	row = fixture();
	row.rotated_at = NOW - IDLE;
	ck_assert_int_eq(present(&balanced, &row, 5, 2, NULL), AT_EXPIRED);
	ck_assert_int_eq(present(&balanced, &row, 3, 0, NULL), AT_EXPIRED);
	ck_assert_int_eq(present(&balanced, &row, 5, 1, NULL), AT_EXPIRED);
	row.rotated_at++;
	ck_assert_int_eq(present(&balanced, &row, 5, 2, NULL), AT_ROTATE);
}
END_TEST

START_TEST(idle_does_not_count_for_r5)
{
	struct authtok_session row = fixture();

	row.rotated_at = 1;
	ck_assert_int_eq(present(&balanced, &row, 5, 3, NULL), AT_FORWARD);
	row = fixture();
	row.rotated_at = 1;
	ck_assert_int_eq(present(&balanced, &row, 6, 0, NULL), AT_FORWARD);
}
END_TEST

START_TEST(maxima_are_expired)
{
	struct authtok_session row = fixture();

	row.gen = UINT32_MAX;
	ck_assert_int_eq(
	    present(&balanced, &row, UINT32_MAX, 2, NULL), AT_EXPIRED);
	ck_assert_int_eq(present(&balanced, &row, 3, 2, NULL), AT_EXPIRED);
	row = fixture();
	row.branch = UINT32_MAX;
	ck_assert_int_eq(
	    present(&balanced, &row, 5, UINT32_MAX, NULL), AT_EXPIRED);
	ck_assert_int_eq(present(&balanced, &row, 4, 1, NULL), AT_EXPIRED);
	row = fixture();
	ck_assert_int_eq(
	    present(&balanced, &row, 9, UINT32_MAX, NULL), AT_EXPIRED);
	/* one below still goes */
	row.gen = UINT32_MAX - 1;
	row.branch = UINT32_MAX - 1;
	row.parent = 1;
	ck_assert_int_eq(
	    present(&balanced, &row, UINT32_MAX - 2, 1, NULL), AT_REPLACE);
	ck_assert_uint_eq(row.branch, UINT32_MAX);
	row.branch = UINT32_MAX - 1;
	ck_assert_int_eq(
	    present(&balanced, &row, UINT32_MAX - 1, UINT32_MAX - 1, NULL),
	    AT_ROTATE);
	ck_assert_uint_eq(row.gen, UINT32_MAX);
}
END_TEST

/* Times of a broken clock or row decide something, and overflow nothing. */
START_TEST(times_at_the_ends)
{
	static const int64_t ends[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1,
		INT64_MAX - 1, INT64_MAX };
	const size_t n = sizeof(ends) / sizeof(ends[0]);
	struct at_rotation_policy policy = { INT64_MAX, 300, false };

	for (size_t i = 0; i < n * n * n * n; i++) {
		struct authtok_session row = fixture(), next;
		struct at_rotation_try try = { 4, 1, NULL, 0, false };

		try.now = ends[i % n];
		row.rotated_at = ends[i / n % n];
		row.expires_at = ends[i / n / n % n];
		row.forwarded_at = ends[i / n / n / n];
		row.forwarded_gen = 4;
		for (try.gen = 3; try.gen < 7; try.gen++) {
			at_rotation_decide(&policy, &row, &try, &next);
			ck_assert(next.rotated_at >= row.rotated_at);
			ck_assert(next.gen >= row.gen);
		}
		at_rotation_expiry(&policy, &row);
	}
	ck_assert(at_time_add(INT64_MAX, 1) == INT64_MAX);
	ck_assert(at_time_add(INT64_MIN, -1) == INT64_MIN);
	ck_assert(at_time_add(2, 3) == 5);
	ck_assert(at_time_sub(INT64_MIN, 1) == INT64_MIN);
	ck_assert(at_time_sub(0, INT64_MIN) == INT64_MAX);
	ck_assert(at_time_sub(INT64_MAX, -1) == INT64_MAX);
	ck_assert(at_time_sub(2, 3) == -1);
}
END_TEST

START_TEST(revoked_at_is_never_zero)
{
	struct at_rotation_try try = { 3, 0, NULL, 0, false };
	struct authtok_session row = fixture(), next;

	ck_assert_int_eq(
	    at_rotation_decide(&balanced, &row, &try, &next), AT_REUSE);
	ck_assert_int_ne(next.revoked_at, 0);
}
END_TEST

START_TEST(expiry_is_the_earlier_one)
{
	struct authtok_session row = fixture();

	row.rotated_at = 100;
	row.expires_at = 100 + IDLE + 1;
	ck_assert_int_eq(at_rotation_expiry(&balanced, &row), 100 + IDLE);
	row.expires_at = 100 + IDLE - 1;
	ck_assert_int_eq(at_rotation_expiry(&balanced, &row), 100 + IDLE - 1);
}
END_TEST

static void
add_rules(TCase *tc)
{
	tcase_add_test(tc, r1_current_token_rotates);
	tcase_add_test(tc, r1_remembers_the_key);
	tcase_add_test(tc, rotated_at_never_falls);
	tcase_add_loop_test(
	    tc, r2_leeway_edges, 0, sizeof(leeways) / sizeof(leeways[0]));
	tcase_add_test(tc, r2_by_key_at_any_age);
	tcase_add_test(tc, r2_key_is_compared_whole);
	tcase_add_test(tc, r2_key_leaves_no_leeway_to_others);
	tcase_add_test(tc, r2_key_has_no_leeway);
	tcase_add_test(tc, r3_replaces_the_unused_child);
	tcase_add_test(tc, r3_forgets_other_keys_of_that_generation);
	tcase_add_test(tc, r3_only_for_the_parent_branch);
	tcase_add_test(tc, no_token_has_generation_minus_one);
	tcase_add_test(tc, r4_by_key);
	tcase_add_test(tc, r4_not_for_the_current_generation);
	tcase_add_test(tc, r4_after_a_roll_forward_for_60_s);
	tcase_add_test(tc, r5_newer_generation_rolls_forward);
	tcase_add_test(tc, r5_newer_branch_rolls_forward);
	tcase_add_test(tc, r6_anything_else_revokes);
	tcase_add_test(tc, strict_skips_r2_and_r3);
}

int
main(void)
{
	Suite *suite = suite_create("rotation");
	TCase *tc = tcase_create("rules");
	SRunner *runner;
	int failed;

	add_rules(tc);
	suite_add_tcase(suite, tc);
	tc = tcase_create("edges");
	tcase_add_test(tc, memory_keeps_the_newest_eight);
	tcase_add_test(tc, memory_of_a_broken_row_stays_in_bounds);
	tcase_add_test(tc, order_before_the_rule);
	tcase_add_test(tc, expiry_edges);
	tcase_add_test(tc, idle_does_not_count_for_r5);
	tcase_add_test(tc, maxima_are_expired);
	tcase_add_test(tc, times_at_the_ends);
	tcase_add_test(tc, revoked_at_is_never_zero);
	tcase_add_test(tc, expiry_is_the_earlier_one);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
