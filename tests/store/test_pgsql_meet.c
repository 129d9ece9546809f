/*
 * Operations on PostgreSQL that meet: revocations and records that commit at
 * once, groups that share a commit, transactions that others make impossible,
 * and the queue for connections.
 */
#include "pgsql_util.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct authtok_store *store;
static PGconn *pg;
static struct authtok_user user;

static void
setup(void)
{
	fresh_schema();
	store = pgsql_open(0, 600000); /* no test waits for that */
	pg = plain_open();
	add_user(store, &user, "ann");
}

static void
teardown(void)
{
	authtok_store_close(store);
	PQfinish(pg);
}

/* Somebody of the store waits for a lock. */
static void
await_waiting(unsigned count)
{
	char sql[160];

	snprintf(sql, sizeof(sql),
	    "SELECT count(*) = %u FROM pg_stat_activity"
	    " WHERE application_name = 'authtok'"
	    " AND wait_event_type = 'Lock'",
	    count);
	plain_await(pg, sql);
}

/* ---- revocations come in their order ------------------------------------- */

struct revoke {
	pthread_t thread;
	struct authtok_session session;
	enum authtok_err err;
};

static void *
revoke_one(void *arg)
{
	struct revoke *revoke = arg;

	revoke->err = OP(store, session_revoke, revoke->session.sid, &at_noon);
	return NULL;
}

static void
start_revoke(struct revoke *revoke)
{
	pthread_create(&revoke->thread, NULL, revoke_one, revoke);
}

static void
end_revoke(struct revoke *revoke)
{
	pthread_join(revoke->thread, NULL);
	ck_assert_int_eq(revoke->err, AUTHTOK_OK);
}

/* The transaction of session 1 stops when its event has got its number. */
static void
hold_first(void)
{
	plain_exec(pg,
	    "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$"
	    "BEGIN IF new.sid = '01000000-0000-0000-0000-000000000000'"
	    " THEN PERFORM pg_advisory_xact_lock(7); END IF;"
	    " RETURN NULL; END $$;"
	    "CREATE TRIGGER hold AFTER INSERT ON authtok_revocations"
	    " FOR EACH ROW EXECUTE FUNCTION hold();"
	    "SELECT pg_advisory_lock(7)");
}

/*
 * The first has its number and is not committed when the second begins. Who
 * polls now, and goes on behind what he has seen, sees both in the end.
 */
START_TEST(no_revocation_is_missed)
{
	struct authtok_revocation events[4];
	struct revoke first, second;
	int64_t cursor = 0;
	size_t n, seen;

	add_session(store, &first.session, user.id, 1);
	add_session(store, &second.session, user.id, 2);
	hold_first();
	start_revoke(&first);
	await_waiting(1);
	start_revoke(&second);
	/* it waits, or it is through */
	plain_await(pg,
	    "SELECT (SELECT count(*) = 2 FROM pg_stat_activity"
	    " WHERE application_name = 'authtok'"
	    " AND wait_event_type = 'Lock')"
	    " OR (SELECT count(*) > 0 FROM authtok_revocations)");
	ck_assert_int_eq(
	    OP(store, revoked_since, 0, events, 4, &n), AUTHTOK_OK);
	seen = n;
	if (n > 0)
		cursor = events[n - 1].seq;
	plain_exec(pg, "SELECT pg_advisory_unlock(7)");
	end_revoke(&first);
	end_revoke(&second);
	ck_assert_int_eq(
	    OP(store, revoked_since, cursor, events, 4, &n), AUTHTOK_OK);
	ck_assert_uint_eq(seen + n, 2);
}
END_TEST

/* ---- one chain ----------------------------------------------------------- */

#define WRITERS 8
#define EACH    8

static void *
append_many(void *arg)
{
	struct authtok_store *mine = arg;

	for (int i = 0; i < EACH; i++)
		ck_assert_int_eq(OP(mine, audit_append, &recorded), AUTHTOK_OK);
	return NULL;
}

START_TEST(one_chain_of_two_stores)
{
	struct authtok_audit_record records[WRITERS * EACH + 1];
	struct authtok_store *other = pgsql_open(0, 0);
	pthread_t threads[WRITERS];
	size_t n;

	for (size_t i = 0; i < WRITERS; i++)
		pthread_create(
		    &threads[i], NULL, append_many, i % 2 == 0 ? store : other);
	for (size_t i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(
	    OP(store, audit_list, 0, records, WRITERS * EACH + 1, &n),
	    AUTHTOK_OK);
	ck_assert_uint_eq(n, WRITERS * EACH);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(records[i].seq, (int64_t)i + 1);
		ck_assert_uint_eq(records[i].mac[0], i + 1);
	}
	authtok_store_close(other);
}
END_TEST

START_TEST(log_without_its_base)
{
	uint8_t mac[AUTHTOK_MAC_LEN];
	struct authtok_session s;
	char why[256];
	int64_t seq;

	add_session(store, &s, user.id, 1);
	plain_exec(pg, "DELETE FROM authtok_audit_base");
	ck_assert_int_eq(OP(store, audit_base, &seq, mac), AUTHTOK_EUNKNOWN);
	ck_assert_int_eq(OP(store, audit_append, &recorded), AUTHTOK_ESTORE);
	ck_assert_int_eq(
	    OP(store, session_revoke, s.sid, &at_noon), AUTHTOK_ESTORE);
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_ptr_nonnull(strstr(why, "what is stored"));
	ck_assert_int_eq(
	    plain_int(pg, "SELECT count(*) FROM authtok_revocations"), 0);
}
END_TEST

/* What another program's trigger takes away is not taken for written. */
START_TEST(record_that_vanishes)
{
	struct authtok_session s;

	add_session(store, &s, user.id, 1);
	plain_exec(pg,
	    "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql"
	    " AS 'BEGIN RETURN NULL; END';"
	    "CREATE TRIGGER away BEFORE INSERT ON authtok_audit"
	    " FOR EACH ROW EXECUTE FUNCTION nothing()");
	ck_assert_int_eq(
	    OP(store, session_revoke, s.sid, &recorded), AUTHTOK_ESTORE);
	ck_assert_int_eq(
	    plain_int(pg, "SELECT max(revoked_at) FROM authtok_sessions"), 0);
	ck_assert_int_eq(
	    plain_int(pg, "SELECT count(*) FROM authtok_revocations"), 0);
}
END_TEST

START_TEST(record_that_is_spoilt)
{
	struct authtok_audit_record records[3], none;
	size_t n;

	ck_assert_int_eq(OP(store, audit_append, &recorded), AUTHTOK_OK);
	ck_assert_int_eq(OP(store, audit_append, &recorded), AUTHTOK_OK);
	plain_exec(pg, "UPDATE authtok_audit SET mac = 'x' WHERE seq = 1");
	ck_assert_int_eq(OP(store, audit_list, 0, records, 3, &n), AUTHTOK_OK);
	ck_assert_uint_eq(n, 2);
	memset(&none, 0, sizeof(none));
	none.seq = 1;
	ck_assert_mem_eq(&records[0], &none, sizeof(none));
	ck_assert_uint_eq(records[1].mac[0], 2);
}
END_TEST

/* ---- groups -------------------------------------------------------------- */

#define SWAPS 24

struct swap {
	pthread_t thread;
	struct authtok_session session;
	bool durable;
	enum authtok_err err;
};

static void *
swap_one(void *arg)
{
	struct swap *swap = arg;

	swap->session.gen++;
	swap->err = OP(store, session_update, &swap->session,
	    swap->session.gen - 1, 0, swap->durable, NULL);
	return NULL;
}

/* A row that somebody holds delays whom it is for, and nobody else. */
START_TEST(one_row_stops_no_group)
{
	struct swap swaps[SWAPS];
	struct authtok_session got;
	struct authtok_owner owner;

	for (uint32_t i = 0; i < SWAPS; i++)
		add_session(store, &swaps[i].session, user.id, i);
	plain_exec(pg,
	    "BEGIN; SELECT 1 FROM authtok_sessions"
	    " WHERE sid = '07000000-0000-0000-0000-000000000000' FOR UPDATE");
	for (size_t i = 0; i < SWAPS; i++) {
		swaps[i].durable = _i == 1;
		pthread_create(&swaps[i].thread, NULL, swap_one, &swaps[i]);
	}
	for (size_t i = 0; i < SWAPS; i++)
		if (i != 7)
			pthread_join(swaps[i].thread, NULL);
	plain_exec(pg, "COMMIT");
	pthread_join(swaps[7].thread, NULL);
	for (size_t i = 0; i < SWAPS; i++) {
		ck_assert_int_eq(swaps[i].err, AUTHTOK_OK);
		ck_assert_int_eq(
		    OP(store, session_find, swaps[i].session.sid, &got, &owner),
		    AUTHTOK_OK);
		ck_assert_uint_eq(got.gen, 1);
	}
}
END_TEST

/* Of many that want the same one, the others are told so. */
START_TEST(one_group_one_winner)
{
	struct swap swaps[SWAPS];
	unsigned won = 0;

	add_session(store, &swaps[0].session, user.id, 1);
	for (size_t i = 0; i < SWAPS; i++) {
		swaps[i].session = swaps[0].session;
		swaps[i].durable = false;
	}
	for (size_t i = 0; i < SWAPS; i++)
		pthread_create(&swaps[i].thread, NULL, swap_one, &swaps[i]);
	for (size_t i = 0; i < SWAPS; i++) {
		pthread_join(swaps[i].thread, NULL);
		won += swaps[i].err == AUTHTOK_OK;
		ck_assert(swaps[i].err == AUTHTOK_OK ||
		    swaps[i].err == AUTHTOK_ECHANGED);
	}
	ck_assert_uint_eq(won, 1);
}
END_TEST

struct find {
	pthread_t thread;
	struct authtok_store *store;
	enum authtok_err err;
};

static void *
find_nobody(void *arg)
{
	static const uint8_t sid[AUTHTOK_SID_LEN];
	struct find *find = arg;
	struct authtok_session got;
	struct authtok_owner owner;

	find->err = OP(find->store, session_find, sid, &got, &owner);
	return NULL;
}

/* So many are in the queue for the next group, behind those under way. */
static bool
stand_in(struct at_pg_lane *lane, size_t count)
{
	const struct at_pg_job *job;
	bool full;

	pthread_mutex_lock(&lane->lock);
	for (job = lane->first; job != NULL; job = job->next)
		count--;
	full = lane->running == AT_PG_LANES && count == 0;
	pthread_mutex_unlock(&lane->lock);
	return full;
}

/* Who leads has waited for long, and others that came later have not. */
START_TEST(each_has_its_own_time)
{
	struct authtok_store *narrow = pgsql_open(1, 700);
	struct at_pgsql *db = pgsql_of(narrow);
	struct at_pg_conn *conn = at_pg_pool_get(&db->pool, 0);
	struct find finds[AT_PG_LANES + 2];
	int64_t end = at_pg_now() + 700;
	size_t last = AT_PG_LANES + 1;

	for (size_t i = 0; i <= last; i++) {
		finds[i].store = narrow;
		if (i == last)
			db->timeout_ms = 60000;
		pthread_create(&finds[i].thread, NULL, find_nobody, &finds[i]);
		while (i >= AT_PG_LANES - 1 && at_pg_now() < end &&
		    !stand_in(&db->finds, i + 1 - AT_PG_LANES))
			sched_yield();
	}
	for (size_t i = 0; i < last; i++) {
		pthread_join(finds[i].thread, NULL);
		ck_assert_int_eq(finds[i].err, AUTHTOK_EBUSY);
	}
	at_pg_pool_put(&db->pool, conn);
	pthread_join(finds[last].thread, NULL);
	ck_assert_int_eq(finds[last].err, AUTHTOK_EUNKNOWN);
	authtok_store_close(narrow);
}
END_TEST

/* ---- what others make impossible ----------------------------------------- */

/* The first n attempts on sessions fail as if others stood in the way. */
static void
fail_at_first(int n)
{
	char sql[640];

	snprintf(sql, sizeof(sql),
	    "CREATE SEQUENCE tries;"
	    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$"
	    "BEGIN IF nextval('tries') <= %d THEN RAISE EXCEPTION 'once more'"
	    " USING ERRCODE = '40001'; END IF; RETURN new; END $$;"
	    "CREATE TRIGGER fail BEFORE UPDATE ON authtok_sessions"
	    " FOR EACH ROW EXECUTE FUNCTION fail()",
	    n);
	plain_exec(pg, sql);
}

START_TEST(tries_again)
{
	struct authtok_session s;

	add_session(store, &s, user.id, 1);
	fail_at_first(AT_PG_TRIES - 1);
	if (_i == 0) {
		ck_assert_int_eq(
		    OP(store, session_revoke, s.sid, &recorded), AUTHTOK_OK);
		ck_assert_int_eq(
		    plain_int(pg, "SELECT count(*) FROM authtok_audit"), 1);
	} else {
		s.gen++;
		ck_assert_int_eq(
		    OP(store, session_update, &s, 0, 0, _i == 2, NULL),
		    AUTHTOK_OK);
	}
}
END_TEST

START_TEST(does_not_try_for_ever)
{
	struct authtok_session s;
	char why[256];

	add_session(store, &s, user.id, 1);
	fail_at_first(1000);
	ck_assert_int_eq(
	    OP(store, session_revoke, s.sid, &recorded), AUTHTOK_EBUSY);
	s.gen++;
	ck_assert_int_eq(
	    OP(store, session_update, &s, 0, 0, false, NULL), AUTHTOK_EBUSY);
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_str_eq(why, "once more (SQLSTATE 40001)");
	ck_assert_int_eq(
	    plain_int(pg, "SELECT count(*) FROM authtok_audit"), 0);
}
END_TEST

struct name {
	pthread_t thread;
	struct authtok_user user;
	bool update;
	enum authtok_err err;
};

static void *
take_name(void *arg)
{
	struct name *name = arg;

	name->err = name->update
	    ? OP(store, user_update, &name->user, AUTHTOK_END_NONE, NULL,
		  &at_noon)
	    : OP(store, user_create, &name->user, NULL, &name->user.id);
	return NULL;
}

/* Another one takes the name at the same time, and keeps it or not. */
START_TEST(names_that_meet)
{
	bool kept = _i % 2 == 0;
	struct name name = { .update = _i >= 2 };

	if (name.update)
		name.user = user;
	else
		make_user(&name.user, "");
	strcpy(name.user.name, "Bob");
	plain_exec(pg,
	    "BEGIN; INSERT INTO authtok_users (version, epoch, created_at,"
	    " disabled, name, name_key, hash, roles)"
	    " VALUES (1, 1, 1, false, 'bob', 'bob', '', '')");
	pthread_create(&name.thread, NULL, take_name, &name);
	await_waiting(1);
	plain_exec(pg, kept ? "COMMIT" : "ROLLBACK");
	pthread_join(name.thread, NULL);
	ck_assert_int_eq(name.err, kept ? AUTHTOK_ENAME : AUTHTOK_OK);
}
END_TEST

/* ---- threads of servers --------------------------------------------------- */

static void *
sign_in(void *arg)
{
	struct authtok_session *s = arg;
	struct authtok_owner owner;

	add_session(store, s, user.id, 1);
	ck_assert_int_eq(
	    OP(store, session_find, s->sid, s, &owner), AUTHTOK_OK);
	s->gen++;
	ck_assert_int_eq(
	    OP(store, session_update, s, 0, 0, false, &recorded), AUTHTOK_OK);
	return NULL;
}

/* It connects, too. */
START_TEST(small_stack)
{
	struct authtok_session s;
	pthread_attr_t attr;
	pthread_t thread;

	authtok_store_close(store);
	store = pgsql_open(1, 0);
	plain_exec(pg,
	    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
	    " WHERE application_name = 'authtok'");
	plain_await(pg,
	    "SELECT count(*) = 0 FROM pg_stat_activity"
	    " WHERE application_name = 'authtok'");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 102400);
	pthread_create(&thread, &attr, sign_in, &s);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
}
END_TEST

/* ---- the queue ----------------------------------------------------------- */

struct waiter {
	pthread_t thread;
	struct at_pg_pool *pool;
	struct at_pg_conn *got;
	sem_t has;
};

static void *
wait_for_one(void *arg)
{
	struct waiter *waiter = arg;

	waiter->got = at_pg_pool_get(waiter->pool, at_pg_now() + 60000);
	sem_post(&waiter->has);
	return NULL;
}

static bool
queue_grew(struct at_pg_pool *pool, struct at_pg_waiter **before)
{
	bool grew;

	pthread_mutex_lock(&pool->lock);
	grew = pool->last != before;
	pthread_mutex_unlock(&pool->lock);
	return grew;
}

START_TEST(first_come_first_served)
{
	static struct at_pg_conn conn;
	struct waiter waiters[3];
	struct at_pg_pool pool;
	struct at_pg_waiter **before;

	ck_assert(at_pg_pool_init(&pool));
	ck_assert_ptr_null(at_pg_pool_get(&pool, at_pg_now()));
	for (size_t i = 0; i < 3; i++) {
		waiters[i].pool = &pool;
		sem_init(&waiters[i].has, 0, 0);
		before = pool.last;
		pthread_create(
		    &waiters[i].thread, NULL, wait_for_one, &waiters[i]);
		while (!queue_grew(&pool, before))
			sched_yield();
	}
	for (size_t i = 0; i < 3; i++) {
		at_pg_pool_put(&pool, &conn);
		while (sem_wait(&waiters[i].has) != 0)
			continue;
		pthread_join(waiters[i].thread, NULL);
		ck_assert_ptr_eq(waiters[i].got, &conn);
		sem_destroy(&waiters[i].has);
	}
	ck_assert_ptr_null(pool.first);
	at_pg_pool_destroy(&pool);
}
END_TEST

/* Nothing is sent for who came too late, and the connection stays. */
START_TEST(too_late_to_begin)
{
	struct at_pgsql *db = pgsql_of(store);
	struct at_pg_conn *conn = NULL;
	const PGconn *before = db->conns[0].pg;

	ck_assert_ptr_nonnull(before);
	ck_assert_int_eq(
	    at_pg_lease(db, at_pg_now() - 1, &conn), AUTHTOK_EBUSY);
	ck_assert_ptr_null(conn);
	ck_assert_ptr_eq(db->conns[0].pg, before);
	ck_assert_int_eq(
	    at_pg_lease(db, at_pg_now() + 60000, &conn), AUTHTOK_OK);
	ck_assert_ptr_eq(conn->pg, before);
	at_pg_release(conn, AUTHTOK_OK);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pgsql_meet");
	TCase *tc = tcase_create("meet"), *queue = tcase_create("queue");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, no_revocation_is_missed);
	tcase_add_test(tc, one_chain_of_two_stores);
	tcase_add_test(tc, log_without_its_base);
	tcase_add_test(tc, record_that_vanishes);
	tcase_add_test(tc, record_that_is_spoilt);
	tcase_add_loop_test(tc, one_row_stops_no_group, 0, 2);
	tcase_add_test(tc, one_group_one_winner);
	tcase_add_test(tc, each_has_its_own_time);
	tcase_add_loop_test(tc, tries_again, 0, 3);
	tcase_add_test(tc, does_not_try_for_ever);
	tcase_add_loop_test(tc, names_that_meet, 0, 4);
	tcase_add_test(tc, too_late_to_begin);
	tcase_add_test(tc, small_stack);
	suite_add_tcase(suite, tc);
	tcase_add_test(queue, first_come_first_served);
	suite_add_tcase(suite, queue);
	return pgsql_main(suite, CK_FORK);
}
