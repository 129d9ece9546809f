/*
 * The conformance suite notices what is wrong: each fault of a backend fails
 * the case that is there for it, and a backend without one fails none.
 */
#include "faults.h"

#include <authtok/conformance.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct authtok_store_ops wrong;
static unsigned reports;
static char last_report[512];

static struct authtok_store *
open_wrong(void *arg)
{
	struct authtok_store *store;

	(void)arg;
	race_faults_reset();
	if (authtok_store_memory(&store) != AUTHTOK_OK)
		return NULL;
	store->ops = &wrong;
	return store;
}

static struct authtok_store *
open_none(void *arg)
{
	(void)arg;
	return NULL;
}

/* All is forgotten. */
static struct authtok_store *
reopen_empty(void *arg, struct authtok_store *store)
{
	authtok_store_close(store);
	return open_wrong(arg);
}

static void
report(void *arg, const char *name, const char *what)
{
	(void)arg;
	ck_assert_ptr_nonnull(name);
	ck_assert_msg(
	    strstr(what, ".c:") != NULL, "no file and line in: %s", what);
	strncpy(last_report, what, sizeof(last_report) - 1);
	reports++;
}

static size_t
case_of(const char *name)
{
	size_t i;

	for (i = 0; i < authtok_conformance_count(); i++)
		if (strcmp(authtok_conformance_name(i), name) == 0)
			return i;
	ck_abort_msg("no case of the name %s", name);
}

static struct authtok_conformance
suite_of(void)
{
	struct authtok_conformance suite = AUTHTOK_CONFORMANCE_INIT;

	suite.open = open_wrong;
	suite.report = report;
	suite.threads = 4;
	suite.rounds = 5;
	return suite;
}

#define PUT(member)                                       \
	do {                                              \
		if (fault->ops.member)                    \
			wrong.member = fault->ops.member; \
	} while (0)

static void
put_wrong(const struct fault *fault)
{
	PUT(version);
	PUT(user_create);
	PUT(user_find);
	PUT(user_find_name);
	PUT(user_find_email);
	PUT(user_update);
	PUT(user_delete);
	PUT(user_list);
	PUT(session_create);
	PUT(session_find);
	PUT(session_update);
	PUT(session_change);
	PUT(session_list);
	PUT(session_revoke);
	PUT(session_revoke_user);
	PUT(session_delete);
	PUT(revoked_since);
	PUT(purge);
	PUT(audit_append);
	PUT(audit_list);
	PUT(audit_base);
	PUT(audit_cut);
}

static void
setup(void)
{
	struct authtok_store *store;

	ck_assert_int_eq(authtok_store_memory(&store), AUTHTOK_OK);
	right = store->ops;
	wrong = *right;
	authtok_store_close(store);
	reports = 0;
}

static void
must_notice(const struct fault *fault)
{
	struct authtok_conformance suite = suite_of();
	unsigned failures;

	put_wrong(fault);
	failures = authtok_conformance_run(&suite, case_of(fault->noticed_by));
	ck_assert_msg(failures > 0, "\"%s\" did not notice: %s",
	    fault->noticed_by, fault->what);
	ck_assert_uint_eq(failures, reports);
}

START_TEST(notices_on_users)
{
	must_notice(&user_faults[_i]);
}
END_TEST

START_TEST(notices_on_sessions)
{
	must_notice(&session_faults[_i]);
}
END_TEST

START_TEST(notices_on_changes)
{
	must_notice(&change_faults[_i]);
}
END_TEST

START_TEST(notices_small_things)
{
	must_notice(&small_faults[_i]);
}
END_TEST

START_TEST(notices_in_the_log)
{
	must_notice(&audit_faults[_i]);
}
END_TEST

START_TEST(notices_in_races)
{
	must_notice(&race_faults[_i]);
}
END_TEST

START_TEST(nothing_wrong_is_no_failure)
{
	struct authtok_conformance suite = suite_of();
	size_t i;

	for (i = 0; i < authtok_conformance_count(); i++)
		ck_assert_msg(authtok_conformance_run(&suite, i) == 0, "%s: %s",
		    authtok_conformance_name(i), last_report);
	ck_assert_uint_eq(reports, 0);
}
END_TEST

START_TEST(second_handle_apart)
{
	static const char *const names[] = { "two handles: users",
		"two handles: ids and names", "two handles: sessions",
		"two handles: revocations", "two handles: audit log" };
	struct authtok_conformance suite = suite_of();

	suite.again = open_wrong;
	ck_assert_uint_gt(
	    authtok_conformance_run(&suite, case_of(names[_i])), 0);
	ck_assert_uint_gt(reports, 0);
}
END_TEST

START_TEST(nothing_is_durable)
{
	static const char *const names[] = { "reopen: users",
		"reopen: sessions", "reopen: seq goes on",
		"reopen: audit log" };
	struct authtok_conformance suite = suite_of();

	suite.reopen = reopen_empty;
	ck_assert_uint_gt(
	    authtok_conformance_run(&suite, case_of(names[_i])), 0);
	ck_assert_uint_gt(reports, 0);
}
END_TEST

START_TEST(store_that_does_not_open)
{
	struct authtok_conformance suite = suite_of();

	suite.open = open_none;
	ck_assert_uint_eq(authtok_conformance_run(&suite, 0), 1);
	ck_assert_uint_eq(reports, 1);
}
END_TEST

START_TEST(suite_that_is_not_filled)
{
	struct authtok_conformance suite = suite_of();

	ck_assert_uint_gt(authtok_conformance_run(NULL, 0), 0);
	suite.open = NULL;
	ck_assert_uint_gt(authtok_conformance_run(&suite, 0), 0);
	suite = suite_of();
	suite.report = NULL;
	ck_assert_uint_gt(authtok_conformance_run(&suite, 0), 0);
	suite = suite_of();
	suite.size = 0;
	ck_assert_uint_gt(authtok_conformance_run(&suite, 0), 0);
	suite = suite_of();
	ck_assert_uint_gt(
	    authtok_conformance_run(&suite, authtok_conformance_count()), 0);
	ck_assert_ptr_null(
	    authtok_conformance_name(authtok_conformance_count()));
}
END_TEST

START_TEST(names_differ)
{
	size_t i;

	for (i = 0; i < authtok_conformance_count(); i++)
		ck_assert_uint_eq(case_of(authtok_conformance_name(i)), i);
}
END_TEST

static int
length(const struct fault *faults)
{
	int n = 0;

	while (faults[n].what)
		n++;
	return n;
}

int
main(void)
{
	Suite *suite = suite_create("conformance notices");
	TCase *cases = tcase_create("faults");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, nothing_wrong_is_no_failure);
	tcase_add_loop_test(cases, notices_on_users, 0, length(user_faults));
	tcase_add_loop_test(
	    cases, notices_on_sessions, 0, length(session_faults));
	tcase_add_loop_test(
	    cases, notices_on_changes, 0, length(change_faults));
	tcase_add_loop_test(
	    cases, notices_small_things, 0, length(small_faults));
	tcase_add_loop_test(cases, notices_in_the_log, 0, length(audit_faults));
	tcase_add_loop_test(cases, notices_in_races, 0, length(race_faults));
	tcase_add_loop_test(cases, second_handle_apart, 0, 5);
	tcase_add_loop_test(cases, nothing_is_durable, 0, 4);
	tcase_add_test(cases, store_that_does_not_open);
	tcase_add_test(cases, suite_that_is_not_filled);
	tcase_add_test(cases, names_differ);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
