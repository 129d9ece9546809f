/*
 * The PostgreSQL backend whose server ends connections, goes away, comes back,
 * or says nothing any more. In one process, which owns the server.
 */
#include "pgsql_util.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct authtok_store *store;
static PGconn *pg;
static struct authtok_user user;
static struct authtok_session session;

static void
setup(void)
{
	fresh_schema();
	store = pgsql_open(0, 60000);
	pg = plain_open();
	add_user(store, &user, "ann");
	add_session(store, &session, user.id, 1);
}

static void
teardown(void)
{
	authtok_store_close(store);
	PQfinish(pg);
}

#define OURS "pg_stat_activity WHERE application_name = 'authtok'"

/* End the store's connections, and see them gone. */
static void
end_connections(void)
{
	plain_exec(pg, "SELECT pg_terminate_backend(pid) FROM " OURS);
	plain_await(pg, "SELECT count(*) = 0 FROM " OURS);
}

/* ---- connections that end ------------------------------------------------ */

START_TEST(ended_between_operations)
{
	struct authtok_owner owner;
	struct authtok_session got;
	size_t n;

	end_connections();
	ck_assert_int_eq(
	    OP(store, session_find, session.sid, &got, &owner), AUTHTOK_OK);
	end_connections();
	session.gen++;
	ck_assert_int_eq(
	    OP(store, session_update, &session, 0, 0, false, NULL), AUTHTOK_OK);
	end_connections();
	ck_assert_int_eq(
	    OP(store, session_revoke_user, user.id, NULL, &recorded, &n),
	    AUTHTOK_OK);
	ck_assert_uint_eq(n, 1);
}
END_TEST

struct task {
	pthread_t thread;
	bool revoke;
	unsigned calls; /* of the chain */
	enum authtok_err err;
};

static enum authtok_err
count_chain(void *arg, const uint8_t previous[AUTHTOK_MAC_LEN],
    struct authtok_audit_record *record)
{
	unsigned *calls = arg;

	++*calls;
	return chain_by_seq(NULL, previous, record);
}

static void *
act(void *arg)
{
	struct task *task = arg;
	struct authtok_session next = session;
	struct authtok_act with = recorded;

	with.chain = count_chain;
	with.chain_arg = &task->calls;
	next.gen++;
	task->err = task->revoke
	    ? OP(store, session_revoke, session.sid, &with)
	    : OP(store, session_update, &next, 0, 0, false, NULL);
	return NULL;
}

static void
start(struct task *task, bool revoke)
{
	task->revoke = revoke;
	task->calls = 0;
	pthread_create(&task->thread, NULL, act, task);
}

#define WAITING OURS " AND wait_event_type = 'Lock'"

/* Its COMMIT was not sent yet: so it is made anew, and happens once. */
START_TEST(ended_in_a_transaction)
{
	struct task task;
	char sql[160];
	int64_t pid;

	plain_exec(pg, "BEGIN; SELECT 1 FROM authtok_sessions FOR UPDATE");
	start(&task, true);
	plain_await(pg, "SELECT count(*) = 1 FROM " WAITING);
	pid = plain_int(pg, "SELECT pid FROM " WAITING);
	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%lld)",
	    (long long)pid);
	plain_exec(pg, sql);
	snprintf(sql, sizeof(sql),
	    "SELECT count(*) = 1 FROM " WAITING " AND pid <> %lld",
	    (long long)pid);
	plain_await(pg, sql);
	plain_exec(pg, "COMMIT");
	pthread_join(task.thread, NULL);
	ck_assert_int_eq(task.err, AUTHTOK_OK);
	ck_assert_uint_eq(task.calls, 1);
	ck_assert_int_eq(
	    plain_int(pg, "SELECT count(*) FROM authtok_revocations"), 1);
}
END_TEST

/* Nobody knows what became of a statement that commits itself. */
START_TEST(ended_in_a_statement)
{
	struct authtok_owner owner;
	struct authtok_session got;
	struct task task;

	plain_exec(pg, "BEGIN; SELECT 1 FROM authtok_sessions FOR UPDATE");
	start(&task, false);
	plain_await(pg, "SELECT count(*) = 1 FROM " WAITING);
	plain_exec(pg, "SELECT pg_terminate_backend(pid) FROM " OURS);
	pthread_join(task.thread, NULL);
	plain_exec(pg, "COMMIT");
	ck_assert(task.err == AUTHTOK_EBUSY || task.err == AUTHTOK_ESTORE);
	ck_assert_int_eq(
	    OP(store, session_find, session.sid, &got, &owner), AUTHTOK_OK);
	ck_assert_uint_eq(got.gen, 0);
}
END_TEST

/* Nor of one whose COMMIT was sent: it is not made a second time. */
START_TEST(ended_in_a_commit)
{
	struct task task;

	plain_exec(pg,
	    "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql"
	    " AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END';"
	    "CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON"
	    " authtok_revocations DEFERRABLE INITIALLY DEFERRED"
	    " FOR EACH ROW EXECUTE FUNCTION hold();"
	    "SELECT pg_advisory_lock(7)");
	start(&task, true);
	plain_await(pg, "SELECT count(*) = 1 FROM " WAITING);
	plain_exec(pg, "SELECT pg_terminate_backend(pid) FROM " OURS);
	pthread_join(task.thread, NULL);
	plain_exec(pg, "SELECT pg_advisory_unlock(7)");
	ck_assert(task.err == AUTHTOK_EBUSY || task.err == AUTHTOK_ESTORE);
	ck_assert_uint_eq(task.calls, 1);
	ck_assert_int_eq(
	    plain_int(pg, "SELECT count(*) FROM authtok_revocations"), 0);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &recorded), AUTHTOK_OK);
}
END_TEST

/* ---- a server that is away ----------------------------------------------- */

START_TEST(stopped_and_started)
{
	struct authtok_owner owner;
	struct authtok_session got;
	enum authtok_err err;
	char why[192];

	PQfinish(pg);
	pg_server_stop(&server);
	for (int i = 0; i < 3; i++) {
		err = OP(store, session_find, session.sid, &got, &owner);
		ck_assert(err == AUTHTOK_ESTORE || err == AUTHTOK_EBUSY);
		err = OP(store, session_revoke, session.sid, &recorded);
		ck_assert(err == AUTHTOK_ESTORE || err == AUTHTOK_EBUSY);
	}
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_str_ne(why, "");
	ck_assert(pg_server_start(&server));
	pg = plain_open();
	ck_assert_int_eq(
	    OP(store, session_find, session.sid, &got, &owner), AUTHTOK_OK);
	ck_assert_int_eq(got.revoked_at, 0);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &recorded), AUTHTOK_OK);
}
END_TEST

/* A server that only reads is left for the one that writes. */
START_TEST(read_only_for_a_while)
{
	struct authtok_session next = session, got;
	struct authtok_owner owner;
	char why[192];

	plain_exec(pg,
	    "ALTER DATABASE postgres SET default_transaction_read_only = on");
	end_connections();
	/* a standby would say what was */
	ck_assert_int_eq(
	    OP(store, session_find, session.sid, &got, &owner), AUTHTOK_ESTORE);
	next.gen++;
	ck_assert_int_eq(OP(store, session_update, &next, 0, 0, false, NULL),
	    AUTHTOK_ESTORE);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &recorded), AUTHTOK_ESTORE);
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_ptr_nonnull(strstr(why, "read-only"));
	plain_exec(
	    pg, "ALTER DATABASE postgres RESET default_transaction_read_only");
	ck_assert_int_eq(
	    OP(store, session_update, &next, 0, 0, false, NULL), AUTHTOK_OK);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &recorded), AUTHTOK_OK);
}
END_TEST

/* Two connections, of which the server lets one in: it is used, also when the
 * other one was tried last. */
START_TEST(lets_one_in)
{
	struct authtok_pgsql_config config = AUTHTOK_PGSQL_CONFIG_INIT;
	struct at_pg_conn *open, *refused;
	struct authtok_store *narrow;
	struct authtok_user got;
	struct at_pg_pool *pool;

	plain_exec(pg,
	    "CREATE ROLE clerk LOGIN CONNECTION LIMIT 1;"
	    "GRANT USAGE ON SCHEMA mine TO clerk;"
	    "GRANT SELECT, INSERT, UPDATE, DELETE"
	    " ON ALL TABLES IN SCHEMA mine TO clerk");
	config.conninfo = conninfo_with("user=clerk");
	config.connections = 2;
	ck_assert_int_eq(
	    authtok_store_pgsql(&config, &narrow, NULL, 0), AUTHTOK_OK);
	pool = &pgsql_of(narrow)->pool;
	open = at_pg_pool_get(pool, at_pg_now());
	ck_assert_int_eq(OP(narrow, user_find, user.id, &got), AUTHTOK_EBUSY);
	refused = at_pg_pool_get(pool, at_pg_now());
	at_pg_pool_put(pool, open);
	at_pg_pool_put(pool, refused);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    OP(narrow, user_find, user.id, &got), AUTHTOK_OK);
	authtok_store_close(narrow);
	plain_exec(pg, "DROP OWNED BY clerk; DROP ROLE clerk");
}
END_TEST

static void
signal_ours(int signal)
{
	PGresult *pids = PQexec(pg, "SELECT pid FROM " OURS);

	ck_assert_int_gt(PQntuples(pids), 0);
	for (int i = 0; i < PQntuples(pids); i++)
		ck_assert_int_eq(kill(atoi(PQgetvalue(pids, i, 0)), signal), 0);
	for (int i = 0; signal == SIGSTOP && i < PQntuples(pids); i++)
		await_stopped(atoi(PQgetvalue(pids, i, 0)));
	PQclear(pids);
}

/* The deadline ends the wait, for whoever leads, follows, or has no connection. */
START_TEST(says_nothing_any_more)
{
	struct authtok_store *hasty = pgsql_open(1, 150);
	struct authtok_store *patient = store;
	struct authtok_owner owner;
	struct authtok_session got;
	struct task tasks[4];
	char why[192];

	store = hasty;
	signal_ours(SIGSTOP);
	for (size_t i = 0; i < 4; i++)
		start(&tasks[i], i % 2 == 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(tasks[i].thread, NULL);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(tasks[i].err, AUTHTOK_EBUSY);
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_str_ne(why, "");
	signal_ours(SIGCONT);
	store = patient;
	ck_assert_int_eq(
	    OP(hasty, session_find, session.sid, &got, &owner), AUTHTOK_OK);
	authtok_store_close(hasty);
}
END_TEST

/* Nobody answers who wants to connect. */
START_TEST(does_not_let_in)
{
	struct authtok_pgsql_config config = AUTHTOK_PGSQL_CONFIG_INIT;
	struct authtok_store *none = NULL;
	char why[192];

	config.conninfo = conninfo_with("");
	config.timeout_ms = 100;
	kill(server.pid, SIGSTOP);
	await_stopped((int)server.pid);
	ck_assert_int_eq(authtok_store_pgsql(&config, &none, why, sizeof(why)),
	    AUTHTOK_EBUSY);
	kill(server.pid, SIGCONT);
	ck_assert_ptr_nonnull(strstr(why, "100 ms"));
	ck_assert_ptr_null(none);
}
END_TEST

/* A lock that is not let go of: the server gives up first. */
START_TEST(locked_for_too_long)
{
	struct authtok_store *hasty = pgsql_open(1, 200);
	struct authtok_session next = session;

	plain_exec(pg, "BEGIN; SELECT 1 FROM authtok_sessions FOR UPDATE");
	ck_assert_int_eq(
	    OP(hasty, session_revoke, session.sid, &recorded), AUTHTOK_EBUSY);
	next.gen++;
	ck_assert_int_eq(
	    OP(hasty, session_update, &next, 0, 0, true, NULL), AUTHTOK_EBUSY);
	plain_exec(pg, "COMMIT");
	plain_await(
	    pg, "SELECT count(*) = 0 FROM " OURS " AND state <> 'idle'");
	ck_assert_int_eq(
	    plain_int(pg, "SELECT max(revoked_at) FROM authtok_sessions"), 0);
	ck_assert_int_eq(
	    OP(hasty, session_revoke, session.sid, &recorded), AUTHTOK_OK);
	authtok_store_close(hasty);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pgsql_lost");
	TCase *tc = tcase_create("lost");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ended_between_operations);
	tcase_add_test(tc, ended_in_a_transaction);
	tcase_add_test(tc, ended_in_a_statement);
	tcase_add_test(tc, ended_in_a_commit);
	tcase_add_test(tc, stopped_and_started);
	tcase_add_test(tc, read_only_for_a_while);
	tcase_add_test(tc, lets_one_in);
	tcase_add_test(tc, says_nothing_any_more);
	tcase_add_test(tc, does_not_let_in);
	tcase_add_test(tc, locked_for_too_long);
	suite_add_tcase(suite, tc);
	return pgsql_main(suite, CK_NOFORK);
}
