/*
 * The beginning of the audit log: whoever moves it without a record of that is
 * found out, and an honest cut is no alarm, whenever it comes.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "audit_log.h"

#define LOST "the beginning was cut off"

/* ---- moved without a word ------------------------------------------------ */

START_TEST(a_beginning_that_is_cut_off_is_noticed)
{
	for (size_t i = 1; i < 5; i++) {
		struct authtok_audit_head last = log_head(4);

		log_lose(i);
		log_bad(NULL, (int64_t)i + 1, 5 - (int64_t)i, LOST);
		log_bad(&last, (int64_t)i + 1, 5 - (int64_t)i, LOST);
		log_fill(5);
	}
	log_lose(5);
	log_bad(NULL, 6, 0, "cut off");
}
END_TEST

START_TEST(a_log_that_goes_on_after_it_proves_nothing)
{
	log_lose(3);
	for (size_t i = 0; i < 70; i++) {
		struct authtok_audit_record r = log_sample(i);

		log_append(log_audit, &r);
	}
	log_bad(NULL, 4, 72, LOST);
}
END_TEST

START_TEST(a_base_that_moves_on_from_a_cut_is_noticed)
{
	struct authtok_audit_record r = log_sample(9);

	for (size_t more = 1; more < 8; more++) {
		log_fill(7);
		log_cut(2); /* record 8 says so */
		log_append(log_audit, &r);
		log_good(NULL);
		log_lose(more);
		if (more < 7)
			log_bad(
			    NULL, (int64_t)more + 3, 7 - (int64_t)more, LOST);
		else
			log_bad(NULL, 10, 0, "cut off");
	}
}
END_TEST

/* The rows may be there still, of a cut that was interrupted, or of a copy. */
START_TEST(a_base_that_moves_back_is_noticed)
{
	struct audit_log before, after;

	log_fill(9);
	log_cut(2);
	before = audit_log; /* 3 to 10 */
	log_cut(3);
	after = audit_log; /* 6 to 11 */
	before.records[before.n++] = after.records[after.n - 1];
	audit_log = before;
	log_bad(NULL, 3, 9, LOST);
	log_fill(9);
	memmove(&audit_log.records[9], &before.records[7],
	    2 * sizeof(before.records[0]));
	audit_log.n = 11;
	log_bad(NULL, 1, 11, LOST); /* "never cut" */
	audit_log = after;
	log_good(NULL);
	audit_log.base_seq = -5;
	log_bad(NULL, -4, 0, "removed");
}
END_TEST

/* Numbers before 1 are of nobody: a log that goes on from there was set up. */
START_TEST(a_base_below_zero_is_noticed)
{
	struct authtok_audit_record r = log_sample(9);

	log_fill(0);
	audit_log.base_seq = -5;
	log_append(log_audit, &r);
	log_append(log_audit, &r);
	ck_assert_int_eq(audit_log.records[0].seq, -4);
	log_bad(NULL, -4, 2, LOST);
}
END_TEST

/* ---- said, but not so ---------------------------------------------------- */

START_TEST(only_the_exact_words_count)
{
	static const char *const words[] = { "", "up to", "up to ", "up to 4",
		"up to 2", "up to 03", "up to 3 ", " up to 3", "up to 33",
		"up to +3", "Up to 3", "up to 3\t" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct authtok_audit_record r = log_said(words[i]);

		log_fill(5);
		log_append(log_audit, &r);
		log_lose(3);
		log_bad(NULL, 4, 3, LOST);
	}
}
END_TEST

START_TEST(the_newest_word_counts)
{
	struct authtok_audit_record right = log_said("up to 3"),
				    wrong = log_said("up to 2"), other;

	log_append(log_audit, &right);
	log_append(log_audit, &wrong);
	log_lose(3);
	log_bad(NULL, 4, 4, LOST);
	log_fill(5);
	log_append(log_audit, &wrong);
	log_append(log_audit, &right);
	log_lose(3);
	log_good(NULL);
	/* of a cut, and of nothing else */
	log_fill(5);
	other = right;
	other.event = AUTHTOK_EVENT_KEYS;
	log_append(log_audit, &other);
	log_lose(3);
	log_bad(NULL, 4, 3, LOST);
}
END_TEST

START_TEST(a_log_that_was_never_cut_has_no_word_of_it)
{
	static const char *const words[] = { "up to 3", "up to 0", "" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct authtok_audit_record r = log_said(words[i]);

		log_fill(5);
		log_append(log_audit, &r);
		log_bad(NULL, 1, 6, LOST);
	}
}
END_TEST

START_TEST(a_word_that_is_forged_is_noticed)
{
	struct authtok_audit *forger = log_one_key(2, log_secrets[0]);
	struct authtok_audit_record r = log_said("up to 3");

	log_append(forger, &r);
	log_lose(3);
	log_bad(NULL, 6, 2, "altered or inserted");
	/* a true one that is made to say more */
	log_fill(6);
	log_cut(3);
	strcpy(audit_log.records[3].detail, "up to 4");
	log_lose(1);
	log_bad(NULL, 7, 2, "altered or inserted");
	/* or comes again */
	log_fill(6);
	log_cut(3);
	r = audit_log.records[3];
	log_append(log_audit, &r);
	audit_log.records[4] = r;
	audit_log.records[4].seq++;
	log_bad(NULL, 8, 4, "altered or inserted");
	authtok_audit_free(forger);
}
END_TEST

/* ---- honest -------------------------------------------------------------- */

START_TEST(cuts_follow_each_other)
{
	for (size_t i = 1; i < 6; i++) {
		log_fill(5);
		log_cut(i); /* all but its record, at last */
		log_good(NULL);
		log_cut(1);
		log_good(NULL);
		log_cut(audit_log.n);
		ck_assert_uint_eq(audit_log.n, 1);
		log_good(NULL);
	}
}
END_TEST

/*
 * A store that is set back by some commits is one that was good: what a known
 * head is for.
 */
START_TEST(a_rollback_is_what_it_was)
{
	struct audit_log past[6];
	struct authtok_audit_record r = log_sample(20);
	struct authtok_audit_head known;

	for (size_t i = 0; i < 6; i++) {
		past[i] = audit_log;
		if (i % 2 == 0)
			log_cut(2);
		else
			log_append(log_audit, &r);
	}
	known = log_head(audit_log.n - 1);
	log_good(&known);
	for (size_t i = 0; i < 6; i++) {
		audit_log = past[i];
		log_good(NULL);
		log_bad(&known, audit_log.records[audit_log.n - 1].seq + 1,
		    (int64_t)audit_log.n, "cut off");
	}
}
END_TEST

START_TEST(a_known_head_before_the_base_is_too_old)
{
	struct authtok_audit_head old = log_head(1), at = log_head(2);

	log_cut(3);
	log_good(&at);
	log_bad(&old, 2, 0, "before the log begins");
}
END_TEST

/* ---- meanwhile ----------------------------------------------------------- */

START_TEST(a_cut_while_we_walk_is_no_alarm)
{
	/* in front of us, behind us, and just where we are */
	static const size_t cuts[] = { 5, 31, 32, 33, 64, 99, 100 };

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		for (int at = 1; at < 5; at++) {
			log_fill(100);
			audit_log.cut_at_list = at;
			audit_log.cut = cuts[i];
			log_good(NULL);
		}
}
END_TEST

START_TEST(a_second_cut_while_we_walk_is_none_either)
{
	log_fill(100);
	log_cut(10);
	audit_log.cut_at_list = 2;
	audit_log.cut = 30;
	log_good(NULL);
	ck_assert_int_gt(audit_log.lists, 4); /* once more */
}
END_TEST

START_TEST(a_loss_while_we_walk_is_an_alarm)
{
	for (int at = 1; at < 5; at++) {
		log_fill(100);
		audit_log.unsaid = true;
		audit_log.cut_at_list = at;
		audit_log.cut = 40;
		/* what was read before was all there; the next one tells */
		log_verify(at > 2 ? AUTHTOK_OK : AUTHTOK_ETAMPERED, NULL);
		log_bad(NULL, 41, 60, LOST);
	}
}
END_TEST

START_TEST(a_store_that_fails_then_is_no_verdict)
{
	log_lose(3);
	audit_log.fail_base = 1;
	log_verify(AUTHTOK_ESTORE, NULL);
}
END_TEST

/* ---- the call ------------------------------------------------------------ */

static struct authtok_store *
store_of(size_t n)
{
	struct authtok_store *store;

	ck_assert_int_eq(authtok_store_memory(&store), AUTHTOK_OK);
	for (size_t i = 0; i < n; i++) {
		struct authtok_audit_record r = log_sample(i);
		struct authtok_act act = { .now = 1 };

		authtok_audit_attach(log_audit, &r, &act);
		ck_assert_int_eq(
		    store->ops->audit_append(store->ctx, &act), AUTHTOK_OK);
	}
	return store;
}

START_TEST(a_cut_writes_its_record)
{
	struct authtok_store *store = store_of(4);
	struct authtok_audit_record r[3];
	struct authtok_audit_report report = AUTHTOK_AUDIT_REPORT_INIT;
	size_t n = 0;

	ck_assert_int_eq(
	    authtok_audit_cut(log_audit, store, 3, 1234), AUTHTOK_OK);
	ck_assert_int_eq(
	    store->ops->audit_list(store->ctx, 0, r, 3, &n), AUTHTOK_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(r[1].seq, 5);
	ck_assert_int_eq(r[1].at, 1234);
	ck_assert_uint_eq(r[1].event, AUTHTOK_EVENT_CUT);
	ck_assert_uint_eq(r[1].count, 1);
	ck_assert_uint_eq(r[1].key, 2);
	ck_assert_int_eq(r[1].user_id, 0);
	ck_assert(!r[1].has_sid);
	ck_assert_str_eq(r[1].address, "");
	ck_assert_str_eq(r[1].detail, "up to 3");
	/* all of it, and what is gone */
	for (int64_t seq = 5; seq < 9; seq++) {
		ck_assert_int_eq(
		    authtok_audit_cut(log_audit, store, seq, 1), AUTHTOK_OK);
		ck_assert_int_eq(
		    authtok_audit_cut(log_audit, store, seq, 1), AUTHTOK_OK);
		ck_assert_int_eq(
		    authtok_audit_verify(log_audit, store, NULL, &report),
		    AUTHTOK_OK);
		ck_assert_int_eq(report.checked, 1);
		ck_assert_int_eq(report.head.seq, seq + 1);
	}
	ck_assert_int_eq(
	    authtok_audit_cut(log_audit, store, 10, 1), AUTHTOK_EUNKNOWN);
	ck_assert_int_eq(authtok_audit_cut(log_audit, store, 0, 1), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_audit_cut(log_audit, store, -1, 1), AUTHTOK_OK);
	authtok_store_close(store);
}
END_TEST

START_TEST(wrong_arguments)
{
	struct authtok_store *store = store_of(4), other;
	struct authtok_store_ops ops = *store->ops;
	int64_t seq = 9;
	uint8_t mac[AUTHTOK_MAC_LEN];

	ops.version--;
	other.ops = &ops;
	other.ctx = store->ctx;
	ck_assert_int_eq(authtok_audit_cut(NULL, store, 3, 1), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_cut(log_audit, NULL, 3, 1), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_cut(log_audit, store, 3, 0), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_cut(log_audit, &other, 3, 1), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    store->ops->audit_base(store->ctx, &seq, mac), AUTHTOK_OK);
	ck_assert_int_eq(seq, 0);
	authtok_store_close(store);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_beginning_that_is_cut_off_is_noticed,
		a_log_that_goes_on_after_it_proves_nothing,
		a_base_that_moves_on_from_a_cut_is_noticed,
		a_base_that_moves_back_is_noticed, a_base_below_zero_is_noticed,
		only_the_exact_words_count, the_newest_word_counts,
		a_log_that_was_never_cut_has_no_word_of_it,
		a_word_that_is_forged_is_noticed, cuts_follow_each_other,
		a_rollback_is_what_it_was,
		a_known_head_before_the_base_is_too_old,
		a_cut_while_we_walk_is_no_alarm,
		a_second_cut_while_we_walk_is_none_either,
		a_loss_while_we_walk_is_an_alarm,
		a_store_that_fails_then_is_no_verdict, a_cut_writes_its_record,
		wrong_arguments };
	Suite *suite = suite_create("audit cut");
	TCase *tc = tcase_create("cut");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, log_setup, log_teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
