/*
 * Failed sign-ins in the audit log: what is counted together, what is never
 * written, and that a flood is bounded and nothing is lost.
 */
#include "account_log.h"

#include "account/failures.h"

#include <pthread.h>
#include <stdio.h>

#define MINUTE (NOW - NOW % 60)

/* A record of this log, which must be there once. */
static const struct authtok_audit_record *
failed(int64_t minute, const char *network, const char *name)
{
	const struct authtok_audit_record *found = NULL;
	size_t i;

	for (i = 0; i < record_count; i++) {
		if (records[i].event != AUTHTOK_EVENT_SIGNIN_FAILED ||
		    records[i].at != minute ||
		    strcmp(records[i].address, network) != 0 ||
		    strcmp(records[i].detail, name) != 0)
			continue;
		ck_assert_ptr_null(found);
		found = &records[i];
	}
	ck_assert_ptr_nonnull(found);
	return found;
}

static uint64_t
all_failed(void)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < record_count; i++)
		if (records[i].event == AUTHTOK_EVENT_SIGNIN_FAILED)
			sum += records[i].count;
	return sum;
}

static void
flush_and_read(void)
{
	ck_assert_int_eq(authtok_accounts_flush(accounts), AUTHTOK_OK);
	read_log();
}

/* ---- what is counted ---------------------------------------------------- */

START_TEST(by_name_network_and_minute)
{
	const struct authtok_audit_record *record;
	int64_t id = add_anna();

	sign_in_from("anna", "wrong", "192.0.2.7", NULL);
	now += 59;
	sign_in_from("ANNA", "wrong", "192.0.2.200", NULL);
	sign_in_from("anna", "wrong", "198.51.100.1", NULL);
	sign_in_from("anna", "wrong", "2001:db8:0:1:aaaa::1", NULL);
	sign_in_from("anna", "wrong", "::ffff:203.0.113.9", NULL);
	sign_in_from("anna", "wrong", NULL, NULL);
	now++;
	sign_in_from("anna", "wrong", "192.0.2.7", NULL);
	read_log();
	ck_assert_uint_eq(record_count, 1);
	flush_and_read();
	ck_assert_uint_eq(record_count, 7);
	record = failed(MINUTE, "192.0.2.0/24", "anna");
	ck_assert_uint_eq(record->count, 2);
	ck_assert_int_eq(record->user_id, id);
	ck_assert_uint_eq(failed(MINUTE, "198.51.100.0/24", "anna")->count, 1);
	ck_assert_uint_eq(
	    failed(MINUTE, "2001:db8:0:1::/64", "anna")->count, 1);
	ck_assert_uint_eq(failed(MINUTE, "203.0.113.0/24", "anna")->count, 1);
	ck_assert_uint_eq(failed(MINUTE, "", "anna")->count, 1);
	ck_assert_uint_eq(
	    failed(MINUTE + 60, "192.0.2.0/24", "anna")->count, 1);
	/* once */
	flush_and_read();
	ck_assert_uint_eq(record_count, 7);
}
END_TEST

START_TEST(each_kind_of_failure)
{
	const struct authtok_audit_record *record;
	int64_t id = add_anna();
	unsigned throttled = 0;
	int i;

	for (i = 0; i < 20; i++)
		throttled += sign_in(i % 2 ? "Anna" : "aNNa", "wrong") ==
		    AUTHTOK_ETHROTTLED;
	ck_assert_uint_eq(throttled, 14);
	/* there is no such user, but is slowed down too */
	for (i = 0; i < 10; i++)
		sign_in("hunter2", "anna");
	/* two names are looked up, whatever their case; two records written */
	fault.calls = 0;
	flush_and_read();
	ck_assert_uint_eq(fault.calls, 4);
	ck_assert_uint_eq(record_count, 3);
	record = failed(MINUTE, "192.0.2.0/24", "anna");
	ck_assert_uint_eq(record->count, 20);
	ck_assert_int_eq(record->user_id, id);
	record = failed(MINUTE, "192.0.2.0/24", "");
	ck_assert_uint_eq(record->count, 10);
	ck_assert_int_eq(record->user_id, 0);
	ck_assert(!logged("hunter2", 7));

	now += 3600;
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EDISABLED);
	ck_assert_int_eq(change(id, "wrong", "a new one, longer",
			     AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_EPASSWORD);
	flush_and_read();
	ck_assert_uint_eq(
	    failed(now - now % 60, "192.0.2.0/24", "anna")->count, 2);
}
END_TEST

START_TEST(what_is_no_failure)
{
	add_anna();
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	fault.err = AUTHTOK_ESTORE;
	fault.next = 1;
	ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_ESTORE);
	spy.no_memory = 1;
	ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_ENOMEM);
	flush_and_read();
	ck_assert_uint_eq(record_count, 2);
	ck_assert_uint_eq(all_failed(), 0);
}
END_TEST

START_TEST(typed_names_of_any_form)
{
	static char longest[200];
	static const char *const typed[] = { "", "no user",
		"p\xc3\xa4ssw\xc3"
		"\xb6rt",
		longest, "nobody" };
	size_t i;

	memset(longest, 'n', sizeof(longest) - 1);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(sign_in(typed[i], "wrong"), AUTHTOK_EUNKNOWN);
	flush_and_read();
	ck_assert_uint_eq(record_count, 1);
	ck_assert_uint_eq(failed(MINUTE, "192.0.2.0/24", "")->count, 5);
}
END_TEST

START_TEST(arguments)
{
	ck_assert_int_eq(authtok_accounts_flush(NULL), AUTHTOK_EINVAL);
	/* nothing counted, nothing written */
	flush_and_read();
	ck_assert_uint_eq(record_count, 0);
}
END_TEST

/* ---- a store that fails ------------------------------------------------- */

START_TEST(nothing_is_lost_when_the_store_fails)
{
	int i;

	add_anna();
	for (i = 0; i < 8; i++) {
		sign_in_from("anna", "wrong", "192.0.2.7", NULL);
		sign_in_from("nobody", "wrong", "198.51.100.7", NULL);
		sign_in_from("anna", "wrong", "203.0.113.7", NULL);
	}
	/* each call of a flush in turn, until none is left to fail */
	for (i = 1;; i++) {
		fault.err = i % 2 ? AUTHTOK_ESTORE : AUTHTOK_EBUSY;
		fault.next = (unsigned)i;
		if (authtok_accounts_flush(accounts) == AUTHTOK_OK)
			break;
		ck_assert_uint_eq(fault.next, 0);
	}
	ck_assert_int_gt(i, 3);
	fault.next = 0;
	read_log();
	ck_assert_uint_eq(all_failed(), 24);
	ck_assert_uint_eq(failed(MINUTE, "192.0.2.0/24", "anna")->count, 8);
	ck_assert_uint_eq(failed(MINUTE, "203.0.113.0/24", "anna")->count, 8);
	ck_assert_uint_eq(failed(MINUTE, "198.51.100.0/24", "")->count, 8);
}
END_TEST

/* ---- floods ------------------------------------------------------------- */

START_TEST(a_hundred_thousand_guesses_at_random_names)
{
	static const char *const networks[] = { "192.0.2.1", "198.51.100.1",
		"203.0.113.1", "2001:db8::1" };
	char name[32];
	int i;

	add_anna();
	for (i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "name-%d", i * 7919);
		sign_in_from(name, "x", networks[i % 4], NULL);
		if (i == 50000)
			sign_in_from("anna", "x", "100.64.0.1", NULL);
	}
	flush_and_read();
	/* a record for each network, for anna, and for her sign-up */
	ck_assert_uint_eq(record_count, 4 + 1 + 1);
	ck_assert_uint_eq(all_failed(), 100001);
	ck_assert_uint_eq(failed(MINUTE, "192.0.2.0/24", "")->count, 25000);
	ck_assert_uint_eq(failed(MINUTE, "2001:db8::/64", "")->count, 25000);
	ck_assert_uint_eq(failed(MINUTE, "100.64.0.0/24", "anna")->count, 1);
	ck_assert(!logged("name-", 5));
}
END_TEST

START_TEST(guesses_from_everywhere)
{
	char address[64];
	int i;

	for (i = 0; i < 5000; i++) {
		snprintf(address, sizeof(address), "2001:db8:0:%x::1", i);
		sign_in_from("nobody", "x", address, NULL);
	}
	flush_and_read();
	ck_assert_uint_eq(record_count, AT_FAILURES_MAX);
	ck_assert_uint_eq(all_failed(), 5000);
	ck_assert_uint_eq(
	    failed(MINUTE, "", "others")->count, 5000 - (AT_FAILURES_MAX - 1));
	ck_assert_int_eq(failed(MINUTE, "", "others")->user_id, 0);
	/* and there is room again */
	sign_in_from("nobody", "x", "192.0.2.1", NULL);
	flush_and_read();
	ck_assert_uint_eq(record_count, AT_FAILURES_MAX + 1);
	ck_assert_uint_eq(all_failed(), 5001);
}
END_TEST

/* ---- the table by itself ------------------------------------------------ */

static struct at_failure
of(enum at_failure_kind kind, int n)
{
	struct at_failure what = { .kind = kind, .minute = MINUTE };

	what.network[0] = 4;
	if (kind == AT_FAILURE_USER)
		what.user_id = n + 1;
	if (kind != AT_FAILURE_NOBODY)
		snprintf(what.name, sizeof(what.name), "name%d", n);
	return what;
}

/* Made-up names leave room for users, and both for networks. */
START_TEST(who_gets_a_place)
{
	struct at_failures *table;
	struct at_failure what;
	uint64_t count;
	int i;

	ck_assert_int_eq(at_failures_new(&table), AUTHTOK_OK);
	for (i = 0; i < 2 * AT_FAILURES_MAX; i++) {
		what = of(AT_FAILURE_TYPED, i);
		at_failures_count(table, &what);
	}
	ck_assert_uint_eq(at_failures_size(table), AT_FAILURES_MAX / 2 + 1);
	for (i = 0; i < 2 * AT_FAILURES_MAX; i++) {
		what = of(AT_FAILURE_USER, i);
		at_failures_count(table, &what);
	}
	ck_assert_uint_eq(at_failures_size(table), AT_FAILURES_MAX / 4 * 3);
	for (i = 0; i < 2 * AT_FAILURES_MAX; i++) {
		what = of(AT_FAILURE_NOBODY, i);
		what.minute += 60 * (i + 1);
		at_failures_count(table, &what);
	}
	ck_assert_uint_eq(at_failures_size(table), AT_FAILURES_MAX);
	/* what was there before is still told apart */
	what = of(AT_FAILURE_TYPED, 0);
	at_failures_count(table, &what);
	ck_assert(at_failures_first(table, true, &what, &count));
	ck_assert_str_eq(what.name, "name0");
	ck_assert_uint_eq(count, 2);
	at_failures_free(table);
	at_failures_free(NULL);
}
END_TEST

START_TEST(what_comes_while_one_is_written_stays)
{
	struct at_failure user = of(AT_FAILURE_USER, 1);
	struct at_failure typed = of(AT_FAILURE_TYPED, 1);
	struct at_failure what;
	struct at_failures *table;
	uint64_t count;

	ck_assert_int_eq(at_failures_new(&table), AUTHTOK_OK);
	at_failures_count(table, &user);
	at_failures_count(table, &user);
	at_failures_count(table, &typed);
	ck_assert(at_failures_first(table, false, &what, &count));
	ck_assert_uint_eq(count, 2);
	at_failures_count(table, &user);
	at_failures_written(table, &what, count);
	at_failures_rename(table, &typed, &user);
	ck_assert(!at_failures_first(table, true, &what, &count));
	ck_assert(at_failures_first(table, false, &what, &count));
	ck_assert_uint_eq(count, 2);
	at_failures_written(table, &what, count);
	ck_assert_uint_eq(at_failures_size(table), 0);
	at_failures_free(table);
}
END_TEST

/* ---- threads ------------------------------------------------------------ */

static void *
guess(void *arg)
{
	const char *address = arg;
	int i;

	for (i = 0; i < 300; i++) {
		sign_in_from(i % 3 ? "anna" : "nobody", "x", address, NULL);
		if (i % 50 == 0)
			authtok_accounts_flush(accounts);
	}
	return NULL;
}

START_TEST(many_threads_count_and_write)
{
	static char addresses[4][16] = { "192.0.2.1", "192.0.2.2",
		"198.51.100.1", "203.0.113.1" };
	pthread_t threads[4];
	size_t i;

	add_anna();
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, guess, addresses[i]), 0);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	flush_and_read();
	ck_assert_uint_eq(all_failed(), 4 * 300);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("failures");
	TCase *tcase = tcase_create("failures");
	SRunner *runner;
	int bad;

	tcase_add_checked_fixture(tcase, set_up_log, tear_down_log);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, by_name_network_and_minute);
	tcase_add_test(tcase, each_kind_of_failure);
	tcase_add_test(tcase, what_is_no_failure);
	tcase_add_test(tcase, typed_names_of_any_form);
	tcase_add_test(tcase, arguments);
	tcase_add_test(tcase, nothing_is_lost_when_the_store_fails);
	tcase_add_test(tcase, a_hundred_thousand_guesses_at_random_names);
	tcase_add_test(tcase, guesses_from_everywhere);
	tcase_add_test(tcase, who_gets_a_place);
	tcase_add_test(tcase, what_comes_while_one_is_written_stays);
	tcase_add_test(tcase, many_threads_count_and_write);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	bad = srunner_ntests_failed(runner);
	srunner_free(runner);
	return bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
