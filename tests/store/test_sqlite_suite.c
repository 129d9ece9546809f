/*
 * The suite for backends over SQLite, with a second handle on the database.
 */
#include "sqlite_util.h"
#include "via_change.h"

#include <authtok/conformance.h>

#include <stdio.h>
#include <unistd.h>

static struct scratch scratch;
static bool changing; /* session_update by way of session_change */

static void
setup(void)
{
	scratch_make(&scratch);
}

static void
teardown(void)
{
	scratch_remove(&scratch);
}

static struct authtok_store *
suite_again(void *arg)
{
	struct authtok_store *store;

	(void)arg;
	store = must_open(scratch.path, AT_SQLITE_BUSY_MS);
	if (changing)
		via_change(store);
	return store;
}

static struct authtok_store *
suite_open(void *arg)
{
	unlink(scratch.path);
	return suite_again(arg);
}

static struct authtok_store *
suite_reopen(void *arg, struct authtok_store *store)
{
	authtok_store_close(store);
	return suite_again(arg);
}

static void
suite_report(void *arg, const char *name, const char *what)
{
	(void)arg;
	fprintf(stderr, "%s: %s\n", name, what);
}

static void
run_case(int i)
{
	struct authtok_conformance suite = AUTHTOK_CONFORMANCE_INIT;

	suite.open = suite_open;
	suite.again = suite_again;
	suite.reopen = suite_reopen;
	suite.report = suite_report;
	suite.rounds = 50; /* durable ones wait for the disk */
	ck_assert_msg(authtok_conformance_run(&suite, (size_t)i) == 0, "%s",
	    authtok_conformance_name((size_t)i));
}

START_TEST(test_conformance)
{
	run_case(_i);
}
END_TEST

START_TEST(test_conformance_of_changes)
{
	changing = true;
	run_case(_i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_suite");
	TCase *tc = tcase_create("conformance");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(
	    tc, test_conformance, 0, (int)authtok_conformance_count());
	tcase_add_loop_test(tc, test_conformance_of_changes, 0,
	    (int)authtok_conformance_count());
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
