/*
 * One connection to PostgreSQL: opening it, waiting for it against a deadline,
 * giving it up. libpq never blocks here, but to look up the name of a host.
 */
#include "store/pgsql_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/*
 * statement_timeout: below our own deadline, so that the connection survives.
 * idle_in_transaction_session_timeout: a transaction that a dead network left
 *   lets go of its locks.
 * default_transaction_isolation: whatever it is for others; each operation is
 *   right under this one, and nothing fails for being concurrent.
 * synchronous_commit: off where somebody made that the default would break the
 *   promise of the store; other values are theirs to choose.
 * enable_seqscan, plan_cache_mode: all statements begin at a key, also when the
 *   server has seen only empty tables so far. jit: never worth it for that.
 */
#define SETUP                                                              \
	"SELECT set_config('statement_timeout', '%u', false),"             \
	" set_config('idle_in_transaction_session_timeout', '%u', false)," \
	" set_config('lock_timeout', '0', false),"                         \
	" set_config('default_transaction_isolation',"                     \
	" 'read committed', false),"                                       \
	" set_config('synchronous_commit', CASE"                           \
	" current_setting('synchronous_commit') WHEN 'off' THEN 'on'"      \
	" ELSE current_setting('synchronous_commit') END, false),"         \
	" set_config('enable_seqscan', 'off', false),"                     \
	" set_config('plan_cache_mode', 'force_generic_plan', false),"     \
	" set_config('jit', 'off', false),"                                \
	" set_config('client_min_messages', 'error', false),"              \
	" current_setting('transaction_read_only') = 'on'"
#define READ_ONLY 9 /* the column of SETUP */

static void
ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

enum authtok_err
at_pg_conn_lose(struct at_pg_conn *conn, bool late)
{
	const char *text = conn->pg != NULL ? PQerrorMessage(conn->pg) : "";

	if (late)
		(void)snprintf(conn->fault, sizeof(conn->fault),
		    "no answer within %u ms", conn->db->timeout_ms);
	else if (!conn->lost)
		(void)snprintf(conn->fault, sizeof(conn->fault), "%.*s",
		    (int)strcspn(text, "\n"),
		    text[0] != '\0' ? text : "the connection was lost");
	conn->lost = true;
	conn->late = conn->late || late;
	return late ? AUTHTOK_EBUSY : AUTHTOK_ESTORE;
}

/* False when the deadline has passed. */
static bool
wait_socket(const struct at_pg_conn *conn, short events)
{
	struct pollfd fd = { .fd = PQsocket(conn->pg), .events = events };
	int64_t left;
	int n;

	do {
		left = conn->deadline - at_pg_now();
		if (left < 0)
			left = 0;
		n = poll(&fd, 1, left < 1000000 ? (int)left : 1000000);
	} while (n < 0 && errno == EINTR);
	return n != 0;
}

bool
at_pg_conn_await(struct at_pg_conn *conn)
{
	int unsent;

	while (PQisBusy(conn->pg)) {
		unsent = PQflush(conn->pg);
		if (unsent < 0) {
			(void)at_pg_conn_lose(conn, false);
			return false;
		}
		if (!wait_socket(conn,
			(short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN))) {
			(void)at_pg_conn_lose(conn, true);
			return false;
		}
		if (!PQconsumeInput(conn->pg)) {
			(void)at_pg_conn_lose(conn, false);
			return false;
		}
	}
	return true;
}

bool
at_pg_conn_alive(const struct at_pg_conn *conn)
{
	struct pollfd fd = { .events = POLLIN };

	/* nothing is said without being asked, but good-bye */
	fd.fd = PQsocket(conn->pg);
	return PQstatus(conn->pg) == CONNECTION_OK && poll(&fd, 1, 0) == 0;
}

/* SQLSTATE is not kept when there is no connection. */
static enum authtok_err
refused(struct at_pg_conn *conn)
{
	static const char *const busy[] = { "too many clients already",
		"remaining connection slots are reserved",
		"the database system is", "too many connections for" };
	const char *text = PQerrorMessage(conn->pg);
	enum authtok_err err = at_pg_conn_lose(conn, false);

	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++)
		if (strstr(text, busy[i]) != NULL)
			err = AUTHTOK_EBUSY;
	return err;
}

static enum authtok_err
connect_to(struct at_pg_conn *conn)
{
	static const char *const names[] = { "dbname",
		"fallback_application_name", NULL };
	const char *const values[] = { conn->db->conninfo, "authtok", NULL };
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	conn->pg = PQconnectStartParams(names, values, 1);
	if (conn->pg == NULL)
		return AUTHTOK_ENOMEM;
	PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
	if (PQstatus(conn->pg) == CONNECTION_BAD)
		return refused(conn);
	while (state != PGRES_POLLING_OK) {
		if (!wait_socket(conn,
			state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN))
			return at_pg_conn_lose(conn, true);
		state = PQconnectPoll(conn->pg);
		if (state == PGRES_POLLING_FAILED)
			return refused(conn);
	}
	if (PQsetnonblocking(conn->pg, 1) != 0 ||
	    PQenterPipelineMode(conn->pg) != 1)
		return at_pg_conn_lose(conn, false);
	return AUTHTOK_OK;
}

/* What a standby says is late: a session may be live there that is not. */
static enum authtok_err
set_up(struct at_pg_conn *conn)
{
	unsigned timeout = conn->db->timeout_ms;
	char sql[sizeof(SETUP) + 32];
	enum authtok_err err;
	size_t i;

	(void)snprintf(sql, sizeof(sql), SETUP, timeout - timeout / 4, timeout);
	i = at_pg_add_sql(conn, sql);
	err = at_pg_run(conn);
	if (err == AUTHTOK_OK &&
	    at_pg_get_bool(at_pg_result(conn, i), 0, READ_ONLY)) {
		(void)snprintf(conn->fault, sizeof(conn->fault),
		    "the server is read-only");
		err = AUTHTOK_ESTORE;
	}
	at_pg_clear(conn);
	return err;
}

enum authtok_err
at_pg_conn_open(struct at_pg_conn *conn)
{
	enum authtok_err err;

	conn->prepared = 0;
	conn->lost = conn->late = false;
	err = connect_to(conn);
	if (err == AUTHTOK_OK && PQserverVersion(conn->pg) < 140000) {
		(void)snprintf(conn->fault, sizeof(conn->fault),
		    "PostgreSQL %d is too old, 14 is needed",
		    PQserverVersion(conn->pg) / 10000);
		conn->lost = true;
		err = AUTHTOK_ENOTSUP;
	}
	if (err == AUTHTOK_OK)
		err = set_up(conn);
	if (err != AUTHTOK_OK)
		at_pg_conn_close(conn);
	return err;
}

/* Says good-bye if that does not block. */
void
at_pg_conn_close(struct at_pg_conn *conn)
{
	at_pg_clear(conn);
	PQfinish(conn->pg);
	conn->pg = NULL;
}
