/*
 * session_change when the writer cannot be had: another process holds the
 * database, or those who share the transaction fail.
 */
#include "sqlite_util.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 20

static struct scratch scratch;
static struct authtok_store *store;
static struct authtok_session session;

/* What decide does: one generation more, or nothing. */
struct decision {
	struct authtok_session row, next;
	struct authtok_owner owner;
	bool change;
	unsigned calls;
};

static struct decision d;

static void
setup(void)
{
	struct authtok_user user;
	int64_t id = 0;

	scratch_make(&scratch);
	store = must_open(scratch.path, PATIENCE_MS);
	make_user(&user, "anna");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	make_session(&session, id, 1);
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	memset(&d, 0, sizeof(d));
}

static void
teardown(void)
{
	authtok_store_close(store);
	scratch_remove(&scratch);
}

static enum authtok_err
decide(void *arg, struct authtok_change *change)
{
	struct decision *x = arg;

	x->calls++;
	if (!x->change)
		return AUTHTOK_OK;
	x->next = x->row;
	x->next.gen++;
	change->next = &x->next;
	return AUTHTOK_OK;
}

static enum authtok_err
change(void)
{
	d.calls = 0;
	return OP(
	    store, session_change, session.sid, &d.row, &d.owner, decide, &d);
}

static uint32_t
gen_of(void)
{
	struct authtok_session got;
	struct authtok_owner owner;

	ck_assert_int_eq(
	    OP(store, session_find, session.sid, &got, &owner), AUTHTOK_OK);
	return got.gen;
}

/* A retry is answered, at once; a rotation is told to come again. */
START_TEST(another_process_holds_the_database)
{
	sqlite3 *other = raw_open(scratch.path);
	struct authtok_store *patient = must_open(scratch.path, 3600000);
	uint32_t before = session.gen;

	raw_exec(other, "BEGIN IMMEDIATE");
	ck_assert_int_eq(OP(patient, session_change, session.sid, &d.row,
			     &d.owner, decide, &d),
	    AUTHTOK_OK);
	ck_assert_uint_eq(d.calls, 1);
	ck_assert_uint_eq(d.row.gen, before);
	authtok_store_close(patient);
	d.change = true;
	ck_assert_int_eq(change(), AUTHTOK_EBUSY);
	ck_assert_uint_eq(gen_of(), before);
	raw_exec(other, "ROLLBACK");
	ck_assert_int_eq(change(), AUTHTOK_OK);
	ck_assert_uint_eq(d.calls, 1);
	ck_assert_uint_eq(gen_of(), before + 1);
	sqlite3_close(other);
}
END_TEST

/* It comes between what is read and what is written. */
static sqlite3 *between;

static enum authtok_err
decide_meanwhile(void *arg, struct authtok_change *change)
{
	if (d.calls == 0)
		raw_exec(between, "UPDATE users SET version = version + 1");
	return decide(arg, change);
}

START_TEST(another_process_writes_meanwhile)
{
	between = raw_open(scratch.path);
	d.change = true;
	ck_assert_int_eq(OP(store, session_change, session.sid, &d.row,
			     &d.owner, decide_meanwhile, &d),
	    AUTHTOK_OK);
	ck_assert_uint_eq(d.calls, 2);
	ck_assert_uint_eq(gen_of(), session.gen + 1);
	sqlite3_close(between);
}
END_TEST

/* Nothing can be written: who writes nothing does not mind. */
START_TEST(nothing_can_be_written)
{
	raw_exec(writer_of(store), "PRAGMA query_only = ON");
	ck_assert_int_eq(change(), AUTHTOK_OK);
	d.change = true;
	ck_assert_int_eq(change(), AUTHTOK_ESTORE);
	raw_exec(writer_of(store), "PRAGMA query_only = OFF");
	ck_assert_int_eq(change(), AUTHTOK_OK);
	ck_assert_uint_eq(gen_of(), session.gen + 1);
}
END_TEST

/* A rotation is not waited for, what carries a record is. */
START_TEST(only_what_must_waits_for_the_disk)
{
	struct at_sqlite *db = store->ctx;
	uint64_t synced = db->sync.synced;

	d.change = true;
	ck_assert_int_eq(change(), AUTHTOK_OK);
	ck_assert_uint_eq(db->sync.synced, synced);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	ck_assert_uint_gt(db->sync.synced, synced);
}
END_TEST

static enum authtok_err
decide_durable(void *arg, struct authtok_change *change)
{
	enum authtok_err err = decide(arg, change);

	change->durable = true;
	return err;
}

static enum authtok_err
decide_recorded(void *arg, struct authtok_change *change)
{
	enum authtok_err err = decide(arg, change);

	change->act = &recorded;
	return err;
}

START_TEST(what_must_wait_waits)
{
	authtok_decide *const decides[] = { decide_durable, decide_recorded };
	struct at_sqlite *db = store->ctx;
	uint64_t synced = db->sync.synced;

	d.change = true;
	ck_assert_int_eq(OP(store, session_change, session.sid, &d.row,
			     &d.owner, decides[_i], &d),
	    AUTHTOK_OK);
	ck_assert_uint_gt(db->sync.synced, synced);
	ck_assert_uint_eq(gen_of(), session.gen + 1);
}
END_TEST

/* It is done, and nobody may take it for another's. */
START_TEST(what_does_not_reach_the_disk_is_not_decided_again)
{
	struct at_sqlite *db = store->ctx;
	int log = db->sync.fd;

	d.change = true;
	db->sync.fd = -1;
	ck_assert_int_eq(OP(store, session_change, session.sid, &d.row,
			     &d.owner, decide_recorded, &d),
	    AUTHTOK_ESTORE);
	db->sync.fd = log;
	ck_assert_uint_eq(d.calls, 1);
	ck_assert_uint_eq(gen_of(), session.gen + 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_change");
	TCase *tc = tcase_create("change");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, another_process_holds_the_database);
	tcase_add_test(tc, another_process_writes_meanwhile);
	tcase_add_test(tc, nothing_can_be_written);
	tcase_add_test(tc, only_what_must_waits_for_the_disk);
	tcase_add_loop_test(tc, what_must_wait_waits, 0, 2);
	tcase_add_test(tc, what_does_not_reach_the_disk_is_not_decided_again);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
