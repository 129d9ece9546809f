/*
 * The schema and its history. Step i takes a database from version i to i + 1;
 * steps are only ever added. PRAGMA user_version is the version, application_id
 * says that the database is ours.
 */
#include "store/sqlite_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/*
 * Sessions have a number of their own: rows lie in the order of sign-in and
 * the random sid is only in its index. That is smaller than WITHOUT ROWID,
 * whose index on users would repeat the sid, and as fast. What a
 * refresh changes is in no index and keeps its length: gen, branch, parent,
 * forwarded_gen, forwarded_at and the retries are one blob (sqlite_sessions.c).
 *
 * Audit records lie in the order of their seq, so that one more is one page of
 * the log; audit_base has one row. The chain is what protects the records;
 * the triggers, which are off in our own connections, only keep a slip of the
 * hand away from them.
 */
static const char *const steps[] = {
	"CREATE TABLE users ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" version INTEGER NOT NULL,"
	" epoch INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL,"
	" disabled INTEGER NOT NULL,"
	" name TEXT NOT NULL COLLATE NOCASE UNIQUE,"
	" email TEXT COLLATE NOCASE UNIQUE,"
	" hash TEXT NOT NULL,"
	" roles TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE sessions ("
	" id INTEGER PRIMARY KEY,"
	" user_id INTEGER NOT NULL REFERENCES users (id),"
	" created_at INTEGER NOT NULL,"
	" expires_at INTEGER NOT NULL,"
	" revoked_at INTEGER NOT NULL,"
	" rotated_at INTEGER NOT NULL,"
	" sid BLOB NOT NULL UNIQUE CHECK (length(sid) = 16),"
	" seed BLOB NOT NULL,"
	" rotation BLOB NOT NULL,"
	" address TEXT NOT NULL,"
	" agent TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX sessions_user ON sessions (user_id);"
	"CREATE TABLE revocations ("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT,"
	" user_id INTEGER NOT NULL,"
	" epoch INTEGER NOT NULL,"
	" sid BLOB,"
	" at INTEGER NOT NULL,"
	" until INTEGER NOT NULL"
	") STRICT;",

	"CREATE TABLE audit ("
	" seq INTEGER PRIMARY KEY,"
	" at INTEGER NOT NULL,"
	" user_id INTEGER NOT NULL,"
	" event INTEGER NOT NULL,"
	" count INTEGER NOT NULL,"
	" key INTEGER NOT NULL,"
	" sid BLOB CHECK (length(sid) = 16),"
	" address TEXT NOT NULL,"
	" detail TEXT NOT NULL,"
	" mac BLOB NOT NULL CHECK (length(mac) = 32)"
	") STRICT;"
	"CREATE TABLE audit_base ("
	" id INTEGER PRIMARY KEY CHECK (id = 1),"
	" seq INTEGER NOT NULL,"
	" mac BLOB NOT NULL CHECK (length(mac) = 32)"
	") STRICT;"
	"INSERT INTO audit_base VALUES (1, 0, zeroblob(32));"
	"CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN"
	" SELECT RAISE(ABORT, 'audit records do not change');"
	" END;"
	"CREATE TRIGGER audit_is_cut BEFORE DELETE ON audit"
	" WHEN old.seq > (SELECT seq FROM audit_base WHERE id = 1) BEGIN"
	" SELECT RAISE(ABORT, 'audit records go only by a cut');"
	" END;",
};

#define STEPS ((int64_t)(sizeof(steps) / sizeof(steps[0])))

int64_t
at_schema_version(void)
{
	return STEPS;
}

/* What the file says of itself. */
struct identity {
	int64_t application;
	int64_t version;
	int64_t tables;
};

static int
read_identity(struct at_conn *conn, struct identity *id)
{
	int rc;

	rc = at_conn_int(conn, "PRAGMA application_id", &id->application);
	if (rc == SQLITE_OK)
		rc = at_conn_int(conn, "PRAGMA user_version", &id->version);
	if (rc == SQLITE_OK)
		rc = at_conn_int(
		    conn, "SELECT count(*) FROM sqlite_schema", &id->tables);
	return rc;
}

/* Whether it is ours, or empty, and not newer than this code. */
static enum authtok_err
judge(const struct identity *id, const struct at_why *why)
{
	if (id->application == 0 && id->version == 0 && id->tables == 0)
		return AUTHTOK_OK;
	if (id->application != AT_SQLITE_APPLICATION_ID || id->version < 1) {
		at_why_say(why, "is a database of another program");
		return AUTHTOK_ENOTSUP;
	}
	if (id->version > STEPS) {
		at_why_say(why,
		    "has schema version %" PRId64
		    ", this program knows up to version %" PRId64,
		    id->version, STEPS);
		return AUTHTOK_ENEWER;
	}
	return AUTHTOK_OK;
}

/* Both reads of one state, so that a half-made database is never seen. */
static enum authtok_err
recognise(struct at_conn *conn, const struct at_why *why)
{
	struct identity id = { 0, 0, 0 };
	int rc = at_conn_exec(conn, "BEGIN");

	if (rc == SQLITE_OK)
		rc = read_identity(conn, &id);
	if (!sqlite3_get_autocommit(conn->db))
		(void)at_conn_exec(conn, "ROLLBACK");
	if (rc != SQLITE_OK)
		return at_why_rc(why, conn, rc);
	return judge(&id, why);
}

static int
journal_is_wal(struct at_conn *conn, bool *ret_wal)
{
	sqlite3_stmt *stmt;
	char mode[16];
	int rc = sqlite3_prepare_v2(
	    conn->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*ret_wal = at_column_text(stmt, 0, mode, sizeof(mode)) &&
		    sqlite3_stricmp(mode, "wal") == 0;
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* The change of mode answers BUSY without asking the busy handler. */
static enum authtok_err
switch_to_wal(struct at_conn *conn, int busy_ms, const struct at_why *why)
{
	const struct timespec pause = { 0, 5000000 };
	bool wal = false;
	int rc, tries = busy_ms / 5;

	while ((rc = journal_is_wal(conn, &wal)) != SQLITE_OK) {
		if ((rc & 0xff) != SQLITE_BUSY || tries-- <= 0)
			return at_why_rc(why, conn, rc);
		nanosleep(&pause, NULL);
	}
	if (!wal) {
		at_why_say(why,
		    "the file system cannot hold a shared log"
		    " (SQLite's WAL mode)");
		return AUTHTOK_ENOTSUP;
	}
	return AUTHTOK_OK;
}

static int
write_identity(struct at_conn *conn)
{
	char sql[96];

	snprintf(sql, sizeof(sql),
	    "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64,
	    AT_SQLITE_APPLICATION_ID, STEPS);
	return at_conn_exec(conn, sql);
}

/* Inside the transaction: another process may have been here meanwhile. */
static enum authtok_err
migrate(struct at_conn *conn, const struct at_why *why)
{
	struct identity id = { 0, 0, 0 };
	enum authtok_err err;
	int rc = read_identity(conn, &id);

	if (rc != SQLITE_OK)
		return at_why_rc(why, conn, rc);
	err = judge(&id, why);
	if (err != AUTHTOK_OK || id.version == STEPS)
		return err;
	for (; rc == SQLITE_OK && id.version < STEPS; id.version++)
		rc = at_conn_exec(conn, steps[id.version]);
	if (rc == SQLITE_OK)
		rc = write_identity(conn);
	return rc == SQLITE_OK ? AUTHTOK_OK : at_why_rc(why, conn, rc);
}

enum authtok_err
at_schema_open(struct at_conn *conn, int busy_ms, const struct at_why *why)
{
	enum authtok_err err = recognise(conn, why);
	int rc;

	if (err == AUTHTOK_OK)
		err = switch_to_wal(conn, busy_ms, why);
	if (err != AUTHTOK_OK)
		return err;
	/* this also finds a database that can be read but not written */
	rc = at_conn_exec(conn, "BEGIN IMMEDIATE");
	if (rc != SQLITE_OK)
		return at_why_rc(why, conn, rc);
	err = migrate(conn, why);
	if (err == AUTHTOK_OK) {
		rc = at_conn_exec(conn, "COMMIT");
		if (rc != SQLITE_OK)
			err = at_why_rc(why, conn, rc);
	}
	if (!sqlite3_get_autocommit(conn->db))
		(void)at_conn_exec(conn, "ROLLBACK");
	return err;
}
