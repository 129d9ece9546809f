/*
 * The PostgreSQL backend beyond the suite: opening, the schema, what the server
 * is asked for, and transactions that meet.
 */
#include "pgsql_util.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum authtok_err
try_open(const char *conninfo, char why[256])
{
	struct authtok_pgsql_config config = AUTHTOK_PGSQL_CONFIG_INIT;
	struct authtok_store *store = NULL;
	enum authtok_err err;

	config.conninfo = conninfo;
	err = authtok_store_pgsql(&config, &store, why, 256);
	ck_assert_int_eq(err == AUTHTOK_OK, store != NULL);
	authtok_store_close(store);
	return err;
}

/* ---- opening ------------------------------------------------------------- */

START_TEST(refuses_arguments)
{
	struct authtok_pgsql_config config = AUTHTOK_PGSQL_CONFIG_INIT;
	struct authtok_store *store = NULL;
	char why[256] = "x";

	config.conninfo = conninfo_with("");
	ck_assert_int_eq(authtok_store_pgsql(NULL, &store, why, sizeof(why)),
	    AUTHTOK_EINVAL);
	ck_assert_str_eq(why, "");
	ck_assert_int_eq(
	    authtok_store_pgsql(&config, NULL, NULL, 0), AUTHTOK_EINVAL);
	config.size--;
	ck_assert_int_eq(
	    authtok_store_pgsql(&config, &store, NULL, 0), AUTHTOK_EINVAL);
	config.size++;
	config.connections = AUTHTOK_PGSQL_CONNECTIONS_MAX + 1;
	ck_assert_int_eq(
	    authtok_store_pgsql(&config, &store, NULL, 0), AUTHTOK_EINVAL);
	config.connections = 0;
	config.timeout_ms = AUTHTOK_PGSQL_TIMEOUT_MAX + 1;
	ck_assert_int_eq(
	    authtok_store_pgsql(&config, &store, NULL, 0), AUTHTOK_EINVAL);
	ck_assert_ptr_null(store);
}
END_TEST

START_TEST(hides_the_password)
{
	char why[256] = "";

	ck_assert_int_eq(
	    try_open("host=/tmp password=two words", why), AUTHTOK_EINVAL);
	ck_assert_str_ne(why, "");
	ck_assert_ptr_null(strstr(why, "words"));
	ck_assert_int_eq(
	    try_open("host=/nowhere password=hunter2", why), AUTHTOK_ESTORE);
	ck_assert_ptr_nonnull(strstr(why, "/nowhere"));
	ck_assert_ptr_null(strstr(why, "hunter2"));
}
END_TEST

START_TEST(opens_again)
{
	struct authtok_store *store;
	struct authtok_user user, got;

	fresh_schema();
	store = pgsql_open(0, 0);
	add_user(store, &user, "ann");
	authtok_store_close(store);
	store = pgsql_open(0, 0);
	ck_assert_int_eq(OP(store, user_find, user.id, &got), AUTHTOK_OK);
	authtok_store_close(store);
}
END_TEST

static void *
open_one(void *arg)
{
	(void)arg;
	authtok_store_close(pgsql_open(0, 0));
	return NULL;
}

/* All of them have seen that it is empty before the first one fills it. */
START_TEST(opened_empty_by_many)
{
	pthread_t threads[4];
	PGconn *pg;

	fresh_schema();
	pg = plain_open();
	plain_exec(pg, "SELECT pg_advisory_lock(1635020651, 1)");
	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, open_one, NULL);
	plain_await(pg,
	    "SELECT count(*) = 4 FROM pg_locks"
	    " WHERE locktype = 'advisory' AND NOT granted");
	plain_exec(pg, "SELECT pg_advisory_unlock(1635020651, 1)");
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(plain_int(pg, "SELECT version FROM authtok_schema"),
	    at_pg_schema_version());
	PQfinish(pg);
}
END_TEST

START_TEST(refuses_a_newer_schema)
{
	char why[256] = "";
	PGconn *pg;

	fresh_schema();
	authtok_store_close(pgsql_open(0, 0));
	pg = plain_open();
	plain_exec(pg, "UPDATE authtok_schema SET version = version + 1");
	ck_assert_int_eq(try_open(conninfo_with(""), why), AUTHTOK_ENEWER);
	ck_assert_ptr_nonnull(strstr(why, "version 2"));
	plain_exec(pg, "DELETE FROM authtok_schema");
	ck_assert_int_eq(try_open(conninfo_with(""), why), AUTHTOK_ENOTSUP);
	PQfinish(pg);
}
END_TEST

START_TEST(refuses_what_is_not_ours)
{
	char why[256] = "";
	PGconn *pg;

	fresh_schema();
	pg = plain_open();
	plain_exec(pg, "CREATE TABLE authtok_users (id int)");
	ck_assert_int_eq(try_open(conninfo_with(""), why), AUTHTOK_ENOTSUP);
	ck_assert_ptr_nonnull(strstr(why, "authtok_users"));
	fresh_schema();
	authtok_store_close(pgsql_open(0, 0));
	plain_exec(pg, "ALTER TABLE authtok_sessions DROP COLUMN agent");
	ck_assert_int_eq(try_open(conninfo_with(""), why), AUTHTOK_ESTORE);
	ck_assert_ptr_nonnull(strstr(why, "agent"));
	plain_exec(pg, "DROP SCHEMA mine CASCADE");
	ck_assert_int_eq(try_open(conninfo_with(""), why), AUTHTOK_ESTORE);
	ck_assert_ptr_nonnull(strstr(why, "search_path"));
	PQfinish(pg);
}
END_TEST

/* What somebody made of a column is not taken for "never" or "no". */
START_TEST(column_of_another_type)
{
	struct authtok_owner owner;
	struct authtok_store *store;
	struct authtok_session s;
	struct authtok_user user;
	PGconn *pg;

	fresh_schema();
	store = pgsql_open(0, 0);
	add_user(store, &user, "ann");
	add_session(store, &s, user.id, 1);
	ck_assert_int_eq(
	    OP(store, session_revoke, s.sid, &at_noon), AUTHTOK_OK);
	authtok_store_close(store);
	pg = plain_open();
	plain_exec(pg,
	    _i == 0 ? "ALTER TABLE authtok_sessions"
		      " ALTER revoked_at TYPE int"
		    : "ALTER TABLE authtok_users ALTER disabled DROP NOT NULL;"
		      "UPDATE authtok_users SET disabled = NULL");
	store = pgsql_open(0, 0);
	ck_assert_int_eq(
	    OP(store, session_find, s.sid, &s, &owner), AUTHTOK_ESTORE);
	if (_i == 1)
		ck_assert_int_eq(
		    OP(store, user_find, user.id, &user), AUTHTOK_ESTORE);
	authtok_store_close(store);
	PQfinish(pg);
}
END_TEST

START_TEST(refuses_what_is_read_only)
{
	char why[256] = "", conninfo[320];

	fresh_schema();
	authtok_store_close(pgsql_open(0, 0));
	snprintf(conninfo, sizeof(conninfo),
	    "%s options='-c search_path=mine"
	    " -c default_transaction_read_only=on'",
	    server.conninfo);
	ck_assert_int_eq(try_open(conninfo, why), AUTHTOK_ESTORE);
	ck_assert_ptr_nonnull(strstr(why, "read-only"));
}
END_TEST

static void
work_as_clerk(void)
{
	struct authtok_pgsql_config config = AUTHTOK_PGSQL_CONFIG_INIT;
	struct authtok_store *store;
	struct authtok_session s;
	struct authtok_user user;
	size_t n;
	bool more;

	config.conninfo = conninfo_with("user=clerk");
	ck_assert_int_eq(
	    authtok_store_pgsql(&config, &store, NULL, 0), AUTHTOK_OK);
	add_user(store, &user, "ann");
	add_session(store, &s, user.id, 1);
	ck_assert_int_eq(
	    OP(store, session_revoke, s.sid, &recorded), AUTHTOK_OK);
	ck_assert_int_eq(OP(store, audit_cut, 1, &recorded), AUTHTOK_OK);
	ck_assert_int_eq(
	    OP(store, user_delete, user.id, &recorded), AUTHTOK_OK);
	ck_assert_int_eq(
	    OP(store, purge, NOW * 2, NOW * 2, 99, &n, &more), AUTHTOK_OK);
	ck_assert_uint_eq(n, 2);
	authtok_store_close(store);
}

START_TEST(needs_few_rights)
{
	char why[256] = "";
	PGconn *pg;

	fresh_schema();
	pg = plain_open();
	plain_exec(pg,
	    "DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN;"
	    "GRANT USAGE ON SCHEMA mine TO clerk");
	ck_assert_int_eq(
	    try_open(conninfo_with("user=clerk"), why), AUTHTOK_ESTORE);
	ck_assert_ptr_nonnull(strstr(why, "permission denied"));
	authtok_store_close(pgsql_open(0, 0));
	plain_exec(pg,
	    "GRANT SELECT, INSERT, UPDATE, DELETE"
	    " ON ALL TABLES IN SCHEMA mine TO clerk");
	ck_assert_msg(try_open(conninfo_with("user=clerk"), why) == AUTHTOK_OK,
	    "%s", why);
	work_as_clerk();
	plain_exec(pg, "ALTER ROLE clerk CONNECTION LIMIT 0");
	ck_assert_int_eq(
	    try_open(conninfo_with("user=clerk"), why), AUTHTOK_EBUSY);
	plain_exec(pg, "DROP OWNED BY clerk; DROP ROLE clerk");
	PQfinish(pg);
}
END_TEST

/* ---- what the server does ------------------------------------------------ */

/* EXECUTE with as many NULLs as the statement has parameters. */
static char *
plan_of(PGconn *pg, enum at_pg_stmt id)
{
	char *sql = NULL, *nulls, *plan;

	plain_exec(pg, "DEALLOCATE ALL");
	ck_assert_int_gt(
	    asprintf(&sql, "PREPARE p AS %s", at_pg_stmt_sql(id)), 0);
	plain_exec(pg, sql);
	free(sql);
	nulls = plain_text(pg,
	    "SELECT coalesce('(' || nullif(repeat('NULL, ', cardinality("
	    "parameter_types) - 1), '') || 'NULL)', CASE cardinality("
	    "parameter_types) WHEN 0 THEN '' ELSE '(NULL)' END)"
	    " FROM pg_prepared_statements WHERE name = 'p'");
	ck_assert_int_gt(
	    asprintf(&sql, "EXPLAIN (FORMAT JSON) EXECUTE p%s", nulls), 0);
	plan = plain_text(pg, sql);
	free(nulls);
	free(sql);
	return plan;
}

START_TEST(no_statement_reads_a_table)
{
	PGconn *pg;
	char *plan;

	fresh_schema();
	authtok_store_close(pgsql_open(0, 0));
	pg = plain_open();
	plain_exec(pg, "SET plan_cache_mode = force_generic_plan");
	plain_exec(pg, "SET enable_seqscan = off");
	for (int i = AT_PG_GROUP; i < AT_PG_STMT_COUNT; i++) {
		plan = plan_of(pg, (enum at_pg_stmt)i);
		ck_assert_msg(strstr(plan, "Seq Scan") == NULL, "%s\n%s",
		    at_pg_stmt_sql((enum at_pg_stmt)i), plan);
		free(plan);
	}
	PQfinish(pg);
}
END_TEST

START_TEST(refreshes_grow_nothing)
{
	static const char size[] =
	    "SELECT pg_relation_size('authtok_sessions')"
	    " + pg_relation_size('authtok_sessions_pkey')"
	    " + pg_relation_size('authtok_sessions_user')";
	struct authtok_store *store;
	struct authtok_session s;
	struct authtok_user user;
	int64_t before;
	PGconn *pg;

	fresh_schema();
	store = pgsql_open(0, 0);
	pg = plain_open();
	add_user(store, &user, "ann");
	for (uint32_t i = 0; i < 100; i++)
		add_session(store, &s, user.id, i);
	before = plain_int(pg, size);
	for (int i = 0; i < 1000; i++) {
		s.gen++;
		ck_assert_int_eq(
		    OP(store, session_update, &s, s.gen - 1, 0, false, NULL),
		    AUTHTOK_OK);
	}
	ck_assert_int_eq(plain_int(pg, size), before);
	authtok_store_close(store);
	PQfinish(pg);
}
END_TEST

/* ---- which operations wait for the disk ---------------------------------- */

/* Whether all that was written so far is on the disk; nobody else writes. */
static bool
flushed(PGconn *pg)
{
	return plain_int(pg,
		   "SELECT (pg_current_wal_flush_lsn() >="
		   " pg_current_wal_insert_lsn())::int") == 1;
}

/* What would flush it for others stands still. */
static void
signal_writers(PGconn *pg, int signal)
{
	PGresult *pids = PQexec(pg,
	    "SELECT pid FROM pg_stat_activity WHERE backend_type IN"
	    " ('walwriter', 'background writer', 'checkpointer')");

	ck_assert_int_eq(PQntuples(pids), 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(kill(atoi(PQgetvalue(pids, i, 0)), signal), 0);
		if (signal == SIGSTOP)
			await_stopped(atoi(PQgetvalue(pids, i, 0)));
	}
	PQclear(pids);
}

/* Something that is not on the disk is before each operation. */
static void
leave_unflushed(PGconn *pg)
{
	plain_exec(
	    pg, "SET synchronous_commit = off; INSERT INTO litter VALUES (1)");
	ck_assert(!flushed(pg));
}

#define EXPECT_DURABLE(pg, durable, call)                       \
	do {                                                    \
		leave_unflushed(pg);                            \
		ck_assert_int_eq(call, AUTHTOK_OK);             \
		ck_assert_msg(flushed(pg) == (durable), #call); \
	} while (0)

static enum authtok_err
rotate(struct authtok_store *store, struct authtok_session *s, bool durable,
    const struct authtok_act *act)
{
	uint32_t gen = s->gen++;

	return OP(store, session_update, s, gen, 0, durable, act);
}

static void
check_durability(PGconn *pg, struct authtok_store *store)
{
	struct authtok_session s, other;
	struct authtok_user user;
	size_t n;
	bool more;

	make_user(&user, "ann");
	EXPECT_DURABLE(pg, true, OP(store, user_create, &user, NULL, &user.id));
	user.version = 1;
	make_session(&s, user.id, 1);
	make_session(&other, user.id, 2);
	EXPECT_DURABLE(pg, true, OP(store, session_create, &s, 1, 0, &at_noon));
	EXPECT_DURABLE(
	    pg, true, OP(store, session_create, &other, 1, 1, &recorded));
	for (s = other; s.gen < 12;) {
		EXPECT_DURABLE(pg, false, rotate(store, &s, false, NULL));
		EXPECT_DURABLE(pg, true, rotate(store, &s, true, NULL));
		EXPECT_DURABLE(pg, false, rotate(store, &s, false, &at_noon));
		EXPECT_DURABLE(pg, true, rotate(store, &s, false, &recorded));
	}
	EXPECT_DURABLE(pg, true, OP(store, session_revoke, s.sid, &at_noon));
	EXPECT_DURABLE(pg, true,
	    OP(store, session_revoke_user, user.id, NULL, &at_noon, &n));
	user.version++;
	EXPECT_DURABLE(pg, true,
	    OP(store, user_update,
		&(struct authtok_user){ .id = user.id,
		    .version = 2,
		    .epoch = NOW + 7,
		    .name = "ann" },
		AUTHTOK_END_NONE, NULL, &at_noon));
	EXPECT_DURABLE(pg, true, OP(store, audit_append, &recorded));
	EXPECT_DURABLE(
	    pg, false, OP(store, purge, NOW * 2, NOW * 2, 99, &n, &more));
	ck_assert_uint_gt(n, 0);
	EXPECT_DURABLE(pg, true, OP(store, user_delete, user.id, &recorded));
}

/* Also where somebody made that the default would not wait. */
START_TEST(durable_when_it_says)
{
	struct authtok_pgsql_config config = AUTHTOK_PGSQL_CONFIG_INIT;
	struct authtok_store *store;
	char conninfo[320];
	PGconn *pg;

	fresh_schema();
	snprintf(conninfo, sizeof(conninfo),
	    "%s options='-c search_path=mine -c synchronous_commit=%s'",
	    server.conninfo, _i == 0 ? "on" : "off");
	config.conninfo = conninfo;
	ck_assert_int_eq(
	    authtok_store_pgsql(&config, &store, NULL, 0), AUTHTOK_OK);
	pg = plain_open();
	plain_exec(pg, "CREATE TABLE litter (x int)");
	signal_writers(pg, SIGSTOP);
	check_durability(pg, store);
	signal_writers(pg, SIGCONT);
	authtok_store_close(store);
	PQfinish(pg);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pgsql");
	TCase *tc = tcase_create("open"), *use = tcase_create("use");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, refuses_arguments);
	tcase_add_test(tc, hides_the_password);
	tcase_add_test(tc, opens_again);
	tcase_add_test(tc, opened_empty_by_many);
	tcase_add_test(tc, refuses_a_newer_schema);
	tcase_add_test(tc, refuses_what_is_not_ours);
	tcase_add_loop_test(tc, column_of_another_type, 0, 2);
	tcase_add_test(tc, refuses_what_is_read_only);
	tcase_add_test(tc, needs_few_rights);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(use, 60);
	tcase_add_test(use, no_statement_reads_a_table);
	tcase_add_test(use, refreshes_grow_nothing);
	tcase_add_loop_test(use, durable_when_it_says, 0, 2);
	suite_add_tcase(suite, use);
	return pgsql_main(suite, CK_FORK);
}
