/*
 * The schema and its history. Step i takes a database from version i to i + 1;
 * steps are only ever added. The row of authtok_schema is the version.
 */
#include "store/pgsql_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Texts are bytea: they need not be in the encoding of the database. A sid is a
 * uuid, the type that has 16 bytes and compares them. What a refresh changes is
 * in no index and keeps its length, and the page has room for some of it, so
 * that it writes one page and nothing is left for vacuum.
 *
 * audit_base has one row, which is the lock of the log too.
 */
#define STEP_MAX 16

static const char *const steps[][STEP_MAX] = {
	{
	    "CREATE TABLE authtok_schema ("
	    " id int PRIMARY KEY CHECK (id = 1),"
	    " version bigint NOT NULL)",
	    "INSERT INTO authtok_schema VALUES (1, 1)",
	    "CREATE TABLE authtok_users ("
	    " id bigint GENERATED ALWAYS AS IDENTITY"
	    " (MAXVALUE 9007199254740992) PRIMARY KEY,"
	    " version bigint NOT NULL,"
	    " epoch bigint NOT NULL,"
	    " created_at bigint NOT NULL,"
	    " disabled boolean NOT NULL,"
	    " name bytea NOT NULL,"
	    " name_key bytea NOT NULL UNIQUE,"
	    " email bytea,"
	    " email_key bytea UNIQUE,"
	    " hash bytea NOT NULL,"
	    " roles bytea NOT NULL)",
	    "CREATE TABLE authtok_sessions ("
	    " sid uuid PRIMARY KEY,"
	    " user_id bigint NOT NULL REFERENCES authtok_users (id),"
	    " created_at bigint NOT NULL,"
	    " expires_at bigint NOT NULL,"
	    " revoked_at bigint NOT NULL,"
	    " rotated_at bigint NOT NULL,"
	    " seed bytea NOT NULL,"
	    " rotation bytea NOT NULL,"
	    " address bytea NOT NULL,"
	    " agent bytea NOT NULL) WITH (fillfactor = 80)",
	    "CREATE INDEX authtok_sessions_user"
	    " ON authtok_sessions (user_id, sid)",
	    "CREATE TABLE authtok_revocations ("
	    " seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	    " user_id bigint NOT NULL,"
	    " epoch bigint NOT NULL,"
	    " at bigint NOT NULL,"
	    " until bigint NOT NULL,"
	    " sid uuid)",
	    "CREATE INDEX authtok_revocations_until"
	    " ON authtok_revocations (until)",
	    "CREATE TABLE authtok_audit ("
	    " seq bigint PRIMARY KEY,"
	    " at bigint NOT NULL,"
	    " user_id bigint NOT NULL,"
	    " event bigint NOT NULL,"
	    " count bigint NOT NULL,"
	    " key bigint NOT NULL,"
	    " sid uuid,"
	    " address bytea NOT NULL,"
	    " detail bytea NOT NULL,"
	    " mac bytea NOT NULL)",
	    "CREATE TABLE authtok_audit_base ("
	    " id int PRIMARY KEY CHECK (id = 1),"
	    " seq bigint NOT NULL,"
	    " mac bytea NOT NULL)",
	    "INSERT INTO authtok_audit_base"
	    " VALUES (1, 0, decode(repeat('00', 32), 'hex'))",
	},
};

#define STEPS ((int64_t)(sizeof(steps) / sizeof(steps[0])))

/* two processes that find an empty database: one after the other */
#define LOCK "SELECT pg_advisory_xact_lock(1635020651, 1)" /* "atok" */

/* from pg_class, whose lock makes the session hear of what others have made */
#define IS_THERE(table)                                              \
	"EXISTS (SELECT 1 FROM pg_class WHERE relname = '" table "'" \
	" AND pg_table_is_visible(oid))"

#define LOOK                                                \
	"SELECT " IS_THERE("authtok_schema") ", " IS_THERE( \
	    "authtok_users") ", current_schema() IS NOT NULL"

struct look {
	struct at_pg_conn *conn;
	char *why;
	size_t why_len;
	int64_t version; /* 0: there is nothing */
};

int64_t
at_pg_schema_version(void)
{
	return STEPS;
}

static enum authtok_err
say(const struct look *look, enum authtok_err err, const char *text)
{
	if (look->why != NULL && look->why_len > 0)
		(void)snprintf(look->why, look->why_len, "%s", text);
	return err;
}

/* The last failure of the connection. */
static enum authtok_err
say_fault(const struct look *look, enum authtok_err err)
{
	return say(look, err, look->conn->fault);
}

static enum authtok_err
judge(const struct look *look)
{
	char text[96];

	if (look->version < 1)
		return say(look, AUTHTOK_ENOTSUP,
		    "the table authtok_schema is of another program");
	if (look->version > STEPS) {
		(void)snprintf(text, sizeof(text),
		    "has schema version %" PRId64
		    ", this program knows up to version %" PRId64,
		    look->version, STEPS);
		return say(look, AUTHTOK_ENEWER, text);
	}
	return AUTHTOK_OK;
}

static enum authtok_err
read_version(struct look *look)
{
	struct at_pg_conn *conn = look->conn;
	size_t i = at_pg_add_sql(
	    conn, "SELECT version FROM authtok_schema WHERE id = 1");
	enum authtok_err err = at_pg_run(conn);
	const PGresult *result;

	if (err != AUTHTOK_OK)
		return say_fault(look, err);
	result = at_pg_result(conn, i);
	look->version =
	    at_pg_rows(result) == 1 ? at_pg_get_int(result, 0, 0) : -1;
	return judge(look);
}

/* What is there; version 0 when it is empty. */
static enum authtok_err
recognise(struct look *look)
{
	struct at_pg_conn *conn = look->conn;
	size_t i = at_pg_add_sql(conn, LOOK);
	enum authtok_err err = at_pg_run(conn);
	const PGresult *result;

	if (err != AUTHTOK_OK)
		return say_fault(look, err);
	result = at_pg_result(conn, i);
	if (at_pg_get_bool(result, 0, 0))
		return read_version(look);
	look->version = 0;
	if (at_pg_get_bool(result, 0, 1))
		return say(look, AUTHTOK_ENOTSUP,
		    "the table authtok_users is of another program");
	if (!at_pg_get_bool(result, 0, 2))
		return say(look, AUTHTOK_ESTORE,
		    "search_path names no schema that is there");
	return AUTHTOK_OK;
}

static enum authtok_err
take_steps(struct look *look)
{
	struct at_pg_conn *conn = look->conn;
	char sql[80];

	for (; look->version < STEPS; look->version++)
		for (size_t i = 0; i < STEP_MAX; i++)
			/* NOLINTNEXTLINE(clang-analyzer-core.*): all are set */
			if (steps[look->version][i] != NULL)
				(void)at_pg_add_sql(
				    conn, steps[look->version][i]);
	(void)snprintf(sql, sizeof(sql),
	    "UPDATE authtok_schema SET version = %" PRId64 " WHERE id = 1",
	    STEPS);
	(void)at_pg_add_sql(conn, sql);
	return at_pg_run(conn);
}

/* Inside the transaction: another process may have been here meanwhile. */
static enum authtok_err
migrate(struct look *look)
{
	enum authtok_err err;

	(void)at_pg_add_sql(look->conn, "BEGIN");
	(void)at_pg_add_sql(look->conn, LOCK);
	err = at_pg_run(look->conn);
	if (err != AUTHTOK_OK)
		return say_fault(look, err);
	err = recognise(look);
	if (err != AUTHTOK_OK)
		return err;
	if (look->version < STEPS)
		err = take_steps(look);
	if (err == AUTHTOK_OK) {
		(void)at_pg_add_sql(look->conn, "COMMIT");
		err = at_pg_run(look->conn);
	}
	return err == AUTHTOK_OK ? AUTHTOK_OK : say_fault(look, err);
}

/* Every statement at once: a schema that only looks like ours is noticed now. */
static enum authtok_err
prepare_all(const struct look *look)
{
	enum authtok_err err;

	for (size_t i = 0; i < AT_PG_STMT_COUNT; i++)
		at_pg_prepare(look->conn, (enum at_pg_stmt)i);
	err = at_pg_run(look->conn);
	return err == AUTHTOK_OK ? AUTHTOK_OK : say_fault(look, err);
}

enum authtok_err
at_pg_schema_open(struct at_pg_conn *conn, char *why, size_t why_len)
{
	struct look look = { conn, why, why_len, 0 };
	enum authtok_err err = recognise(&look);

	if (err == AUTHTOK_OK && look.version < STEPS)
		err = migrate(&look);
	if (err == AUTHTOK_OK)
		err = prepare_all(&look);
	/* what was begun ends with the connection */
	if (err != AUTHTOK_OK)
		conn->lost = true;
	return err;
}
