/* See pgsql_util.h. */
#include "pgsql_util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct pg_server server;

/* Nothing but what is tested writes, and nothing waits for the disk. */
static const char *const settings[] = { "fsync=off", "full_page_writes=off",
	"shared_buffers=16MB", "max_connections=60", "wal_level=minimal",
	"max_wal_senders=0", "autovacuum=off", "wal_writer_delay=10s",
	"bgwriter_lru_maxpages=0", "deadlock_timeout=200ms",
	"restart_after_crash=on", NULL };

int
pgsql_main(Suite *suite, enum fork_status fork)
{
	SRunner *runner = srunner_create(suite);
	int failed = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (fork == CK_NOFORK)
		alarm(300); /* Check's own needs a child */
	if (pg_server_make(&server, settings)) {
		if (fork == CK_NOFORK)
			srunner_set_fork_status(runner, CK_NOFORK);
		srunner_run_all(runner, CK_NORMAL);
		failed = srunner_ntests_failed(runner);
		pg_server_remove(&server);
	}
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

const char *
conninfo_with(const char *more)
{
	static _Thread_local char text[320];

	snprintf(text, sizeof(text), "%s options='-c search_path=mine' %s",
	    server.conninfo, more);
	return text;
}

PGconn *
plain_open(void)
{
	PGconn *pg = PQconnectdb(conninfo_with(""));

	ck_assert_msg(PQstatus(pg) == CONNECTION_OK, "%s", PQerrorMessage(pg));
	plain_exec(pg, "SET client_min_messages = error");
	return pg;
}

void
plain_exec(PGconn *pg, const char *sql)
{
	PGresult *result = PQexec(pg, sql);

	ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK ||
		PQresultStatus(result) == PGRES_TUPLES_OK,
	    "%s: %s", sql, PQerrorMessage(pg));
	PQclear(result);
}

char *
plain_text(PGconn *pg, const char *sql)
{
	PGresult *result = PQexec(pg, sql);
	char *text;

	ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK, "%s: %s", sql,
	    PQerrorMessage(pg));
	ck_assert_msg(PQntuples(result) > 0, "%s: no row", sql);
	text = strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return text;
}

int64_t
plain_int(PGconn *pg, const char *sql)
{
	char *text = plain_text(pg, sql);
	int64_t value = strtoll(text, NULL, 10);

	free(text);
	return value;
}

static bool
plain_true(PGconn *pg, const char *sql)
{
	char *text = plain_text(pg, sql);
	bool is_true = text[0] == 't';

	free(text);
	return is_true;
}

void
plain_await(PGconn *pg, const char *sql)
{
	const struct timespec pause = { 0, 1000000 };

	while (!plain_true(pg, sql)) {
		nanosleep(&pause, NULL);
		/* or a transaction would see the same for ever */
		plain_exec(pg, "SELECT pg_stat_clear_snapshot()");
	}
}

void
await_stopped(int pid)
{
	const struct timespec pause = { 0, 1000000 };
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'T') {
		stat = fopen(path, "r");
		ck_assert_ptr_nonnull(stat);
		ck_assert_int_eq(fscanf(stat, "%*d (%*[^)]) %c", &state), 1);
		fclose(stat);
		if (state != 'T')
			nanosleep(&pause, NULL);
	}
}

void
fresh_schema(void)
{
	PGconn *pg = plain_open();

	plain_exec(pg, "DROP SCHEMA IF EXISTS mine CASCADE");
	plain_exec(pg, "CREATE SCHEMA mine");
	PQfinish(pg);
}

struct authtok_store *
pgsql_open(unsigned connections, unsigned timeout_ms)
{
	struct authtok_pgsql_config config = AUTHTOK_PGSQL_CONFIG_INIT;
	struct authtok_store *store = NULL;
	char why[256] = "";
	enum authtok_err err;

	config.conninfo = conninfo_with("");
	config.connections = connections;
	config.timeout_ms = timeout_ms;
	err = authtok_store_pgsql(&config, &store, why, sizeof(why));
	ck_assert_msg(err == AUTHTOK_OK, "%x: %s", (unsigned)err, why);
	return store;
}

struct at_pgsql *
pgsql_of(struct authtok_store *store)
{
	return store->ctx;
}

void
add_user(
    struct authtok_store *store, struct authtok_user *user, const char *name)
{
	make_user(user, name);
	ck_assert_int_eq(
	    OP(store, user_create, user, NULL, &user->id), AUTHTOK_OK);
	user->version = 1;
}

void
add_session(struct authtok_store *store, struct authtok_session *session,
    int64_t user_id, uint32_t number)
{
	make_session(session, user_id, number);
	ck_assert_int_eq(
	    OP(store, session_create, session, 1, 0, &at_noon), AUTHTOK_OK);
}
