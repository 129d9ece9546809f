/*
 * The SQLite backend under contention: a database that others keep locked, the
 * queue for its writer, many threads, and its log.
 */
#include "sqlite_util.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* ---- locked ------------------------------------------------------------- */

START_TEST(test_busy)
{
	struct authtok_store *store = must_open(scratch.path, 20);
	struct authtok_store *second = NULL;
	struct authtok_session session, found;
	struct authtok_owner owner;
	struct authtok_user user;
	sqlite3 *db = raw_open(scratch.path);
	char why[256] = "";
	size_t count = 99;
	int64_t id = 0;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	make_session(&session, id, 1);
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	raw_exec(db, "BEGIN IMMEDIATE; DELETE FROM revocations");
	make_user(&user, "bob");
	ck_assert_int_eq(
	    OP(store, user_create, &user, NULL, &id), AUTHTOK_EBUSY);
	session.gen = 1;
	ck_assert_int_eq(OP(store, session_update, &session, 0, 0, false, NULL),
	    AUTHTOK_EBUSY);
	ck_assert_int_eq(OP(store, session_update, &session, 0, 0, true, NULL),
	    AUTHTOK_EBUSY);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_EBUSY);
	ck_assert_int_eq(OP(store, session_revoke_user, session.user_id, NULL,
			     &at_noon, &count),
	    AUTHTOK_EBUSY);
	ck_assert_uint_eq(count, 99);
	/* who only reads is not held up */
	ck_assert_int_eq(
	    OP(store, session_find, session.sid, &found, &owner), AUTHTOK_OK);
	ck_assert_uint_eq(found.gen, 0);
	ck_assert_int_eq(
	    at_store_sqlite(scratch.path, 20, &second, why, sizeof(why)),
	    AUTHTOK_EBUSY);
	ck_assert_ptr_nonnull(strstr(why, "another process"));
	raw_exec(db, "ROLLBACK");
	ck_assert_int_eq(
	    OP(store, session_update, &session, 0, 0, false, NULL), AUTHTOK_OK);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* Somebody reads an empty file, so that its mode cannot be changed now. */
START_TEST(test_busy_at_first_open)
{
	struct authtok_store *store = NULL;
	sqlite3 *db = raw_open(scratch.path);
	char why[256] = "";

	raw_exec(db, "CREATE TABLE t (x); DROP TABLE t; VACUUM");
	raw_exec(db, "BEGIN; SELECT * FROM sqlite_schema");
	ck_assert_int_eq(
	    at_store_sqlite(scratch.path, 20, &store, why, sizeof(why)),
	    AUTHTOK_EBUSY);
	ck_assert_ptr_nonnull(strstr(why, "another process"));
	raw_exec(db, "ROLLBACK");
	authtok_store_close(must_open(scratch.path, 20));
	sqlite3_close(db);
}
END_TEST

/* A thread of our own that keeps the writer is no reason to wait for ever, nor
 * to be kept from reading. */
START_TEST(test_busy_queue)
{
	struct authtok_store *store = must_open(scratch.path, 20);
	struct at_sqlite *db = store->ctx;
	struct authtok_session session, found;
	struct authtok_owner owner;
	struct authtok_user user;
	int64_t id = 0;
	void *writer;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	make_session(&session, id, 1);
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	writer = at_pool_get(&db->writer, 0);
	ck_assert_ptr_eq(writer, &db->writer_conn);
	session.gen = 1;
	ck_assert_int_eq(OP(store, session_update, &session, 0, 0, false, NULL),
	    AUTHTOK_EBUSY);
	ck_assert_int_eq(OP(store, user_delete, id, &at_noon), AUTHTOK_EBUSY);
	ck_assert_int_eq(
	    OP(store, session_find, session.sid, &found, &owner), AUTHTOK_OK);
	ck_assert_int_eq(OP(store, user_find, id, &user), AUTHTOK_OK);
	at_pool_put(&db->writer, writer);
	ck_assert_int_eq(
	    OP(store, session_update, &session, 0, 0, false, NULL), AUTHTOK_OK);
	authtok_store_close(store);
}
END_TEST

/* Another process changes the schema, compatibly, while we are at work. */
START_TEST(test_schema_moves)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	struct authtok_user user, found;
	sqlite3 *db = raw_open(scratch.path);
	int64_t id = 0;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	ck_assert_int_eq(OP(store, user_find, id, &found), AUTHTOK_OK);
	raw_exec(db, "ALTER TABLE users ADD COLUMN note TEXT; VACUUM");
	ck_assert_int_eq(OP(store, user_find, id, &found), AUTHTOK_OK);
	make_user(&user, "bob");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	ck_assert_int_eq(OP(store, user_find, id, &found), AUTHTOK_OK);
	ck_assert_str_eq(found.name, "bob");
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* The queue itself: in order, and nobody waits longer than he said. */
START_TEST(test_queue_times_out)
{
	struct at_pool pool;
	int item;

	ck_assert(at_pool_init(&pool));
	ck_assert_ptr_null(at_pool_try(&pool));
	ck_assert_ptr_null(at_pool_get(&pool, 0));
	ck_assert_ptr_null(at_pool_get(&pool, 5));
	at_pool_put(&pool, &item);
	ck_assert_ptr_eq(at_pool_get(&pool, 0), &item);
	ck_assert_ptr_null(at_pool_try(&pool));
	at_pool_put(&pool, &item);
	ck_assert_ptr_eq(at_pool_try(&pool), &item);
	at_pool_destroy(&pool);
}
END_TEST

#define QUEUE 8

struct queue {
	struct at_pool pool;
	pthread_t threads[QUEUE];
	int order[QUEUE];
	int served; /* guarded by the item of the pool */
	int item;
};

struct queuer {
	struct queue *queue;
	int number;
};

static void *
queue_up(void *arg)
{
	struct queuer *me = arg;
	struct queue *queue = me->queue;
	void *item = at_pool_get(&queue->pool, 60000);

	queue->order[queue->served++] = me->number;
	at_pool_put(&queue->pool, item);
	return NULL;
}

START_TEST(test_queue_is_fair)
{
	struct queue queue = { .served = 0 };
	struct queuer queuers[QUEUE];
	struct at_waiter **before;
	int i;

	ck_assert(at_pool_init(&queue.pool));
	for (i = 0; i < QUEUE; i++) {
		queuers[i] = (struct queuer){ &queue, i };
		before = queue.pool.last;
		pthread_create(&queue.threads[i], NULL, queue_up, &queuers[i]);
		while (!stands_there(&queue.pool, before))
			sched_yield();
	}
	at_pool_put(&queue.pool, &queue.item);
	for (i = 0; i < QUEUE; i++)
		pthread_join(queue.threads[i], NULL);
	for (i = 0; i < QUEUE; i++)
		ck_assert_int_eq(queue.order[i], i);
	at_pool_destroy(&queue.pool);
}
END_TEST

/* ---- the log ------------------------------------------------------------ */

/* The log begins anew again and again, long before the writer would help. */
START_TEST(test_log_is_bounded)
{
	struct authtok_store *store = must_open(scratch.path, 10000);
	struct authtok_session session;
	struct authtok_user user;
	char wal[128];
	int64_t id = 0;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	make_session(&session, id, 1);
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	rotate_in_step(store, &session, 10 * AT_SQLITE_LOG_STEP);
	ck_assert_int_lt(scratch_size(&scratch, "-wal"),
	    (off_t)2 * AT_SQLITE_LOG_STEP * (4096 + 24));
	/* beside commits that do not wait it takes longer, but not for ever */
	rotate_to(store, &session, 14 * AT_SQLITE_LOG_STEP);
	rotate_until_anew(store, &session);
	authtok_store_close(store);
	/* the thread is gone, and with it the last connection */
	snprintf(wal, sizeof(wal), "%s-wal", scratch.path);
	ck_assert_int_ne(access(wal, F_OK), 0);
}
END_TEST

/* A reader that stays makes the log grow, and when it goes the log shrinks. */
START_TEST(test_log_and_a_reader)
{
	struct authtok_store *store = must_open(scratch.path, 10000);
	struct at_checkpointer *c =
	    &((struct at_sqlite *)store->ctx)->checkpointer;
	struct authtok_session session;
	struct authtok_user user;
	sqlite3 *reader = raw_open(scratch.path);
	int64_t id = 0;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	make_session(&session, id, 1);
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	raw_exec(reader, "BEGIN; SELECT * FROM users");
	rotate_to(store, &session, 2 * AT_SQLITE_LOG_STEP);
	await_checkpointer(store);
	ck_assert_int_ge(c->seen, 2 * AT_SQLITE_LOG_STEP);
	raw_exec(reader, "ROLLBACK");
	/* it asks again a step later */
	rotate_until_anew(store, &session);
	sqlite3_close(reader);
	authtok_store_close(store);
}
END_TEST

static bool no_threads;

int __real_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr,
    void *(*body)(void *), void *arg);
int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr,
    void *(*body)(void *), void *arg);

int
__wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr,
    void *(*body)(void *), void *arg)
{
	if (no_threads)
		return EAGAIN;
	return __real_pthread_create(ret_thread, attr, body, arg);
}

/* Without its thread the log would grow without end: the store says no. */
START_TEST(test_no_thread)
{
	struct authtok_store *store = NULL;
	char why[256] = "";

	no_threads = true;
	ck_assert_int_eq(
	    at_store_sqlite(scratch.path, 20, &store, why, sizeof(why)),
	    AUTHTOK_ENOMEM);
	no_threads = false;
	ck_assert_ptr_null(store);
	ck_assert_ptr_nonnull(strstr(why, "no thread"));
	authtok_store_close(must_open(scratch.path, 20));
}
END_TEST

/* ---- many threads --------------------------------------- */

#define THREADS 64
#define TURNS   25

struct racer {
	pthread_t thread;
	struct authtok_store *store;
	unsigned won, lost, other;
};

static void *
race(void *arg)
{
	struct racer *racer = arg;
	struct authtok_session session, sid;
	struct authtok_owner owner;
	enum authtok_err err;
	int i;

	make_session(&sid, 0, 1);
	for (i = 0; i < TURNS; i++) {
		err = OP(racer->store, session_find, sid.sid, &session, &owner);
		if (err == AUTHTOK_OK) {
			session.gen++;
			err = OP(racer->store, session_update, &session,
			    session.gen - 1, session.branch, false, NULL);
		}
		racer->won += err == AUTHTOK_OK;
		racer->lost += err == AUTHTOK_ECHANGED;
		racer->other += err != AUTHTOK_OK && err != AUTHTOK_ECHANGED;
	}
	return NULL;
}

/* The threads have stacks as small as those of a web server. */
START_TEST(test_threads_swap_one_session)
{
	pthread_attr_t small;
	struct authtok_store *store = must_open(scratch.path, 60000);
	struct authtok_session session;
	struct authtok_owner owner;
	struct authtok_user user;
	struct racer racers[THREADS];
	unsigned won = 0;
	int64_t id = 0;
	int i;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	make_session(&session, id, 1);
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	pthread_attr_init(&small);
	ck_assert_int_eq(pthread_attr_setstacksize(&small, 102400), 0);
	for (i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){ .store = store };
		ck_assert_int_eq(
		    pthread_create(&racers[i].thread, &small, race, &racers[i]),
		    0);
	}
	pthread_attr_destroy(&small);
	for (i = 0; i < THREADS; i++) {
		pthread_join(racers[i].thread, NULL);
		ck_assert_uint_eq(racers[i].other, 0);
		ck_assert_uint_eq(racers[i].won + racers[i].lost, TURNS);
		won += racers[i].won;
	}
	ck_assert_int_eq(
	    OP(store, session_find, session.sid, &session, &owner), AUTHTOK_OK);
	ck_assert_uint_ge(won, TURNS);
	ck_assert_uint_eq(session.gen, won);
	authtok_store_close(store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_busy");
	TCase *tc = tcase_create("busy");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_busy);
	tcase_add_test(tc, test_busy_at_first_open);
	tcase_add_test(tc, test_busy_queue);
	tcase_add_test(tc, test_schema_moves);
	tcase_add_test(tc, test_queue_times_out);
	tcase_add_test(tc, test_queue_is_fair);
	tcase_add_test(tc, test_log_is_bounded);
	tcase_add_test(tc, test_log_and_a_reader);
	tcase_add_test(tc, test_no_thread);
	tcase_add_test(tc, test_threads_swap_one_session);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
