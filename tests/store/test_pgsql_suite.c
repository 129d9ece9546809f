/*
 * The suite for backends over PostgreSQL, with a second handle on the database.
 */
#include "pgsql_util.h"

#include <authtok/conformance.h>

#include <stdio.h>

static struct authtok_store *
suite_again(void *arg)
{
	(void)arg;
	return pgsql_open(0, 0);
}

/* Empty is what the migration made, once, and is emptied after that. */
static struct authtok_store *
suite_open(void *arg)
{
	static PGconn *pg;

	if (pg == NULL) {
		fresh_schema();
		pg = plain_open();
		return suite_again(arg);
	}
	plain_exec(pg,
	    "DELETE FROM authtok_revocations; DELETE FROM authtok_sessions;"
	    "DELETE FROM authtok_users; DELETE FROM authtok_audit;"
	    "UPDATE authtok_audit_base SET seq = 0,"
	    " mac = decode(repeat('00', 32), 'hex')");
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

START_TEST(test_conformance)
{
	struct authtok_conformance suite = AUTHTOK_CONFORMANCE_INIT;

	suite.open = suite_open;
	suite.again = suite_again;
	suite.reopen = suite_reopen;
	suite.report = suite_report;
	suite.rounds = 20;
	ck_assert_msg(authtok_conformance_run(&suite, (size_t)_i) == 0, "%s",
	    authtok_conformance_name((size_t)_i));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pgsql_suite");
	TCase *tc = tcase_create("conformance");

	tcase_add_loop_test(
	    tc, test_conformance, 0, (int)authtok_conformance_count());
	suite_add_tcase(suite, tc);
	return pgsql_main(suite, CK_NOFORK);
}
