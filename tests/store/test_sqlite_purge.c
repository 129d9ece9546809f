/*
 * The SQLite backend's cleanup: how many rows a transaction removes and a call
 * looks at, and that others get the writer between two transactions. Rows and
 * transactions are counted, nothing is timed.
 */
#include "sqlite_util.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static struct scratch scratch;

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

#define OLD 1000

/* One live session, number 0, among old ones. */
static int64_t
fill(struct authtok_store *store, sqlite3 *db)
{
	struct authtok_session session;
	struct authtok_user user;
	int64_t id = 0;
	char sql[512];

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	make_session(&session, id, 0);
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) INSERT INTO sessions SELECT i + 1, user_id,"
	    " created_at, 5, 0, rotated_at, randomblob(16), seed,"
	    " rotation, address, agent FROM n, sessions WHERE id = 1",
	    OLD);
	raw_exec(db, sql);
	return id;
}

/* ---- what one transaction does ------------------------------------------- */

struct watch {
	struct authtok_store *store;
	size_t rows;     /* removed in this transaction */
	size_t rows_max; /* in any of them */
	size_t removing; /* transactions that removed rows */
	size_t others;   /* and those that did not, */
	size_t between;  /* with as many removing ones before the first */
	pthread_t rival;
	bool rival_started;
	enum authtok_err rival_err;
};

static void
count_row(void *arg, int what, const char *schema, const char *table,
    sqlite3_int64 row)
{
	struct watch *watch = arg;

	(void)schema;
	(void)table;
	(void)row;
	watch->rows += what == SQLITE_DELETE;
}

/* A refresh, as any thread might want while the writer is taken. */
static void *
refresh(void *arg)
{
	struct watch *watch = arg;
	struct authtok_session session;

	make_session(&session, 1, 0);
	session.gen = 1;
	watch->rival_err =
	    OP(watch->store, session_update, &session, 0, 0, false, NULL);
	return NULL;
}

/* The writer is ours, so the rival can only wait for it. */
static void
start_rival(struct watch *watch)
{
	struct at_pool *pool = &((struct at_sqlite *)watch->store->ctx)->writer;
	bool waits = false;

	watch->rival_started = true;
	ck_assert_int_eq(
	    pthread_create(&watch->rival, NULL, refresh, watch), 0);
	while (!waits) {
		sched_yield();
		pthread_mutex_lock(&pool->lock);
		waits = pool->first != NULL;
		pthread_mutex_unlock(&pool->lock);
	}
}

static int
count_commit(void *arg)
{
	struct watch *watch = arg;

	if (watch->rows > 0)
		watch->removing++;
	else if (watch->others++ == 0)
		watch->between = watch->removing;
	if (watch->rows > watch->rows_max)
		watch->rows_max = watch->rows;
	watch->rows = 0;
	if (!watch->rival_started)
		start_rival(watch);
	return 0;
}

START_TEST(test_others_come_between)
{
	struct authtok_store *store = must_open(scratch.path, 10000);
	struct watch watch = { .store = store };
	sqlite3 *db = raw_open(scratch.path);
	size_t count = 0;

	ck_assert_int_eq(fill(store, db), 1);
	sqlite3_update_hook(writer_of(store), count_row, &watch);
	sqlite3_commit_hook(writer_of(store), count_commit, &watch);
	ck_assert_int_eq(
	    OP(store, purge, NOW, 10, OLD, &count, &(bool){ false }),
	    AUTHTOK_OK);
	ck_assert_int_eq(pthread_join(watch.rival, NULL), 0);
	ck_assert_uint_eq(count, OLD);
	ck_assert_uint_eq(watch.rows_max, AT_SQLITE_PURGE_BATCH);
	ck_assert_uint_ge(watch.removing, OLD / AT_SQLITE_PURGE_BATCH);
	/* who came during the first was served before the second */
	ck_assert_int_eq(watch.rival_err, AUTHTOK_OK);
	ck_assert_uint_eq(watch.others, 1);
	ck_assert_uint_eq(watch.between, 1);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM sessions"), 1);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* ---- what one call looks at ---------------------------------------------- */

#define MANY (2 * AT_SQLITE_LOOK_MAX + 1000)

/* Only the last of many is over: some calls come back before they see it. */
static void
last_is_found(struct authtok_store *store)
{
	size_t count = 99;
	bool more = false;
	int calls;

	for (calls = 0; calls < 2; calls++) {
		ck_assert_int_eq(
		    OP(store, purge, NOW, 10, 100, &count, &more), AUTHTOK_OK);
		ck_assert_uint_eq(count, 0);
		ck_assert(more);
	}
	ck_assert_int_eq(
	    OP(store, purge, NOW, 10, 100, &count, &more), AUTHTOK_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert(!more);
}

START_TEST(test_looks_at_so_many_events)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);
	char sql[256];

	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) INSERT INTO revocations SELECT i, 1, 2, NULL, 3,"
	    " iif(i = %d, 4, 1900000000) FROM n",
	    MANY, MANY);
	raw_exec(db, sql);
	last_is_found(store);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

START_TEST(test_looks_at_so_many_sessions)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);
	char sql[512];

	/* the sids in order, which is faster to fill */
	snprintf(sql, sizeof(sql),
	    "INSERT INTO users VALUES (1, 1, 1, 1, 0, 'ann', NULL, '', '');"
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) INSERT INTO sessions SELECT i, 1, 1,"
	    " iif(i = %d, 4, 1900000000), 0, 1800000000,"
	    " CAST(printf('%%016d', i) AS BLOB), x'', x'', '', '' FROM n",
	    MANY, MANY);
	raw_exec(db, sql);
	last_is_found(store);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_purge");
	TCase *tc = tcase_create("purge");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 240);
	tcase_add_test(tc, test_others_come_between);
	tcase_add_test(tc, test_looks_at_so_many_events);
	tcase_add_test(tc, test_looks_at_so_many_sessions);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
