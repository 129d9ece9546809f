/*
 * Records of the audit log that are removed, inserted, moved or cut off, and
 * what else a verification meets on its way.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "audit_log.h"

/* ---- removed, inserted, moved -------------------------------------------- */

static void
remove_at(size_t i)
{
	audit_log.n--;
	memmove(&audit_log.records[i], &audit_log.records[i + 1],
	    (audit_log.n - i) * sizeof(audit_log.records[0]));
}

START_TEST(a_record_that_is_removed_is_noticed)
{
	for (size_t i = 0; i < 4; i++) {
		log_fill(5);
		remove_at(i);
		log_bad(NULL, (int64_t)i + 1, (int64_t)i, "removed");
		/* and with the others counted anew */
		for (size_t j = i; j < audit_log.n; j++)
			audit_log.records[j].seq--;
		log_bad(
		    NULL, (int64_t)i + 1, (int64_t)i, "altered or inserted");
	}
}
END_TEST

START_TEST(records_that_are_swapped_are_noticed)
{
	for (size_t i = 0; i < 4; i++) {
		struct authtok_audit_record first;

		log_fill(5);
		first = audit_log.records[i];
		audit_log.records[i] = audit_log.records[i + 1];
		audit_log.records[i + 1] = first;
		log_bad(NULL, (int64_t)i + 1, (int64_t)i, "removed");
		/* and with their numbers put right */
		audit_log.records[i].seq--;
		audit_log.records[i + 1].seq++;
		log_bad(
		    NULL, (int64_t)i + 1, (int64_t)i, "altered or inserted");
	}
}
END_TEST

START_TEST(a_record_that_is_inserted_is_noticed)
{
	for (size_t i = 0; i < 6; i++) {
		log_fill(5);
		memmove(&audit_log.records[i + 1], &audit_log.records[i],
		    (audit_log.n - i) * sizeof(audit_log.records[0]));
		audit_log.records[i] = log_sample(20);
		audit_log.records[i].key = 2;
		audit_log.records[i].seq = (int64_t)i + 1;
		audit_log.n++;
		for (size_t j = i + 1; j < audit_log.n; j++)
			audit_log.records[j].seq++;
		log_bad(
		    NULL, (int64_t)i + 1, (int64_t)i, "altered or inserted");
	}
}
END_TEST

START_TEST(a_record_that_is_there_twice_is_noticed)
{
	for (size_t i = 0; i < 5; i++) {
		log_fill(5);
		memmove(&audit_log.records[i + 1], &audit_log.records[i],
		    (audit_log.n - i) * sizeof(audit_log.records[0]));
		audit_log.n++;
		log_bad(NULL, (int64_t)i + 1, (int64_t)i + 1, "out of order");
	}
}
END_TEST

/* ---- cut ----------------------------------------------------------------- */

START_TEST(a_tail_that_is_cut_off_needs_the_known_head)
{
	struct authtok_audit_head known = log_head(4);

	for (size_t left = 0; left < 5; left++) {
		log_fill(5);
		audit_log.n = left;
		log_good(NULL);
		log_bad(&known, (int64_t)left + 1, (int64_t)left, "cut off");
	}
}
END_TEST

START_TEST(a_tail_that_is_written_anew_is_not_the_known_one)
{
	struct authtok_audit_head known = log_head(3);
	struct authtok_audit_record r = log_sample(50);

	audit_log.n = 2; /* then the service went on */
	for (int i = 0; i < 4; i++)
		log_append(log_audit, &r);
	log_good(NULL);
	log_bad(&known, 4, 4, "cut off and written anew");
}
END_TEST

START_TEST(a_log_that_was_cut_properly_is_good)
{
	for (size_t i = 0; i < 5; i++) {
		struct authtok_audit_head at_base, last, before;

		log_fill(5);
		before = log_head(0);
		at_base = log_head(i > 0 ? i - 1 : 0);
		last = log_head(4);
		log_cut(i);
		log_good(NULL);
		log_good(&last);
		log_good(&at_base);
		if (i > 1)
			log_bad(&before, 1, 0, "before the log begins");
	}
}
END_TEST

START_TEST(a_base_that_was_made_up_is_noticed)
{
	struct authtok_audit_head known = log_head(1);

	log_cut(2);
	audit_log.base_mac[5] ^= 1;
	log_bad(NULL, 3, 0, "altered or inserted");
	log_bad(&known, 2, 0, "cut off and written anew");
	log_fill(5);
	log_cut(2);
	audit_log.base_seq++;
	log_bad(NULL, 4, 0, "altered or inserted");
	log_fill(5);
	log_cut(2);
	audit_log.base_seq--;
	log_bad(NULL, 2, 0, "removed");
}
END_TEST

START_TEST(a_cut_never_leaves_nothing)
{
	log_cut(4);
	log_good(NULL);
	audit_log.n = 0;
	log_bad(NULL, 5, 0, "cut off");
	audit_log.base_seq = INT64_MAX;
	log_bad(NULL, INT64_MAX, 0, "cut off");
	audit_log.base_seq = -5;
	log_bad(NULL, -4, 0, "cut off");
}
END_TEST

/* The operator exports and cuts while somebody verifies. */
START_TEST(a_cut_meanwhile_is_no_alarm)
{
	log_fill(100);
	audit_log.cut_at_list = 1;
	audit_log.cut = 50;
	log_good(NULL);
	log_fill(100);
	audit_log.cut_at_list = 2;
	audit_log.cut = 99;
	log_good(NULL);
	ck_assert_int_eq(audit_log.lists, 3);
	/* but what is missing behind it still is */
	log_fill(100);
	audit_log.cut_at_list = 2;
	audit_log.cut = 40;
	remove_at(60);
	log_bad(NULL, 61, 20, "removed");
}
END_TEST

/* ---- the rest ------------------------------------------------------------ */

START_TEST(a_store_that_fails_is_no_verdict)
{
	log_fill(70);
	for (audit_log.fail_list = 0; audit_log.fail_list < 3;
	     audit_log.fail_list++) {
		audit_log.lists = 0;
		log_verify(AUTHTOK_EBUSY, NULL);
	}
	audit_log.lists = 0;
	log_good(NULL);
	audit_log.fail_list = -1;
	audit_log.fail_base = 0;
	log_verify(AUTHTOK_ESTORE, NULL);
	/* nor when a gap is looked into */
	audit_log.bases = 0;
	audit_log.fail_base = 1;
	log_good(NULL);
	audit_log.bases = 0;
	remove_at(10);
	log_verify(AUTHTOK_ESTORE, NULL);
}
END_TEST

START_TEST(wrong_arguments)
{
	struct authtok_audit_head negative = { -1, { 0 } };
	struct authtok_audit_report r = log_untouched, small = log_untouched;
	struct authtok_store_ops other = *audit_log.store.ops;
	struct authtok_store old = { &other, &audit_log };

	small.size--;
	other.version--;
	ck_assert_int_eq(authtok_audit_verify(NULL, &audit_log.store, NULL, &r),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_verify(log_audit, NULL, NULL, &r), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_verify(log_audit, &old, NULL, &r), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_verify(log_audit, &audit_log.store, NULL, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_verify(log_audit, &audit_log.store, NULL, &small),
	    AUTHTOK_EINVAL);
	log_verify(AUTHTOK_EINVAL, &negative);
	ck_assert_int_eq(audit_log.lists + audit_log.bases, 0);
}
END_TEST

START_TEST(the_memory_store_keeps_a_good_log)
{
	static const uint8_t none[AUTHTOK_SID_LEN];
	struct authtok_audit_record second;
	struct authtok_audit_report report = AUTHTOK_AUDIT_REPORT_INIT;
	struct authtok_store *store;

	ck_assert_int_eq(authtok_store_memory(&store), AUTHTOK_OK);
	for (size_t i = 0; i < 40; i++) {
		struct authtok_audit_record r = log_sample(i);
		struct authtok_act act = { .now = 1 + (int64_t)i };

		memset(r.sid, 3, sizeof(r.sid)); /* also without has_sid */
		authtok_audit_attach(log_audit, &r, &act);
		ck_assert_int_eq(
		    store->ops->audit_append(store->ctx, &act), AUTHTOK_OK);
	}
	ck_assert_int_eq(
	    authtok_audit_verify(log_audit, store, NULL, &report), AUTHTOK_OK);
	ck_assert_int_eq(report.checked, 40);
	ck_assert_int_eq(report.head.seq, 40);
	/* what stands where no session is named is cleared */
	ck_assert_int_eq(
	    store->ops->audit_list(store->ctx, 1, &second, 1, &(size_t){ 0 }),
	    AUTHTOK_OK);
	ck_assert(!second.has_sid);
	ck_assert_mem_eq(second.sid, none, sizeof(none));
	ck_assert_int_eq(
	    authtok_audit_cut(log_audit, store, 33, 100), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_audit_verify(log_audit, store, &report.head, &report),
	    AUTHTOK_OK);
	ck_assert_int_eq(report.checked, 8);
	authtok_store_close(store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("audit walk");
	TCase *tc = tcase_create("chain");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, log_setup, log_teardown);
	tcase_add_test(tc, a_record_that_is_removed_is_noticed);
	tcase_add_test(tc, records_that_are_swapped_are_noticed);
	tcase_add_test(tc, a_record_that_is_inserted_is_noticed);
	tcase_add_test(tc, a_record_that_is_there_twice_is_noticed);
	tcase_add_test(tc, a_tail_that_is_cut_off_needs_the_known_head);
	tcase_add_test(tc, a_tail_that_is_written_anew_is_not_the_known_one);
	tcase_add_test(tc, a_log_that_was_cut_properly_is_good);
	tcase_add_test(tc, a_base_that_was_made_up_is_noticed);
	tcase_add_test(tc, a_cut_never_leaves_nothing);
	tcase_add_test(tc, a_cut_meanwhile_is_no_alarm);
	tcase_add_test(tc, a_store_that_fails_is_no_verdict);
	tcase_add_test(tc, wrong_arguments);
	tcase_add_test(tc, the_memory_store_keeps_a_good_log);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
