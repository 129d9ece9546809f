/*
 * The memory backend against the conformance suite, one test a case.
 */
#include <authtok/conformance.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct authtok_store *
open_memory(void *arg)
{
	struct authtok_store *store = NULL;

	(void)arg;
	return authtok_store_memory(&store) == AUTHTOK_OK ? store : NULL;
}

static void
report(void *arg, const char *name, const char *what)
{
	(void)arg;
	fprintf(stderr, "%s: %s\n", name, what);
}

START_TEST(conforms)
{
	struct authtok_conformance suite = AUTHTOK_CONFORMANCE_INIT;
	size_t i = (size_t)_i;

	suite.open = open_memory;
	suite.report = report;
	ck_assert_msg(authtok_conformance_run(&suite, i) == 0,
	    "the case failed: %s", authtok_conformance_name(i));
}
END_TEST

START_TEST(constructor_refuses_null)
{
	ck_assert_int_eq(authtok_store_memory(NULL), AUTHTOK_EINVAL);
	authtok_store_close(NULL);
}
END_TEST

START_TEST(append_refuses_nothing)
{
	const struct authtok_act act = { .now = 1, .until = 2 };
	struct authtok_audit_record record;
	struct authtok_store *store;
	size_t n = 99;

	ck_assert_int_eq(authtok_store_memory(&store), AUTHTOK_OK);
	ck_assert_int_eq(
	    store->ops->audit_append(store->ctx, NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    store->ops->audit_append(store->ctx, &act), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    store->ops->audit_list(store->ctx, 0, &record, 1, &n), AUTHTOK_OK);
	ck_assert_uint_eq(n, 0);
	authtok_store_close(store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("memory store");
	TCase *cases = tcase_create("conformance");
	TCase *own = tcase_create("own");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(
	    cases, conforms, 0, (int)authtok_conformance_count());
	tcase_set_timeout(cases, 120);
	suite_add_tcase(suite, cases);
	tcase_add_test(own, constructor_refuses_null);
	tcase_add_test(own, append_refuses_nothing);
	suite_add_tcase(suite, own);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
