/*
 * Connections of the SQLite backend: opening, prepared statements, result
 * codes, leases, faults. Every statement text is in sqlite_sql.c; values are
 * only ever bound.
 */
#include "store/sqlite_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * cache_size: 16 MB holds the inner pages of millions of sessions.
 * wal_autocheckpoint: off, see sqlite_checkpoint.c.
 * journal_size_limit: a log that a long reader made grow shrinks again. Above
 *   what lasting load makes of it (AT_SQLITE_LOG_SLOW): to cut 64 MB off takes
 *   20 to 40 ms, with the writer held.
 * secure_delete: hashes and seeds do not stay in free pages; a refresh is as
 *   fast with it as without.
 * temp_store: sorting never touches the disk.
 * synchronous: the log is on the disk before a checkpoint copies it, the
 *   database before the log begins anew. For commits see sqlite_sync.c.
 */
static const char connection_pragmas[] =
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA secure_delete = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -16384;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA journal_size_limit = 201326592;"
    "PRAGMA synchronous = NORMAL";

enum authtok_err
at_conn_err(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
		return AUTHTOK_OK;
	case SQLITE_BUSY: /* with BUSY_SNAPSHOT and BUSY_RECOVERY */
	case SQLITE_LOCKED:
		return AUTHTOK_EBUSY;
	case SQLITE_NOMEM:
		return AUTHTOK_ENOMEM;
	case SQLITE_IOERR:
		if (rc == SQLITE_IOERR_NOMEM)
			return AUTHTOK_ENOMEM;
		return AUTHTOK_ESTORE;
	default:
		return AUTHTOK_ESTORE;
	}
}

void
at_why_say(const struct at_why *why, const char *format, ...)
{
	va_list args;
	int used;

	if (why->buf == NULL || why->len == 0)
		return;
	used = snprintf(why->buf, why->len, "%s: ", why->path);
	if (used < 0 || (size_t)used >= why->len)
		return;
	va_start(args, format);
	vsnprintf(why->buf + used, why->len - (size_t)used, format, args);
	va_end(args);
}

enum authtok_err
at_why_rc(const struct at_why *why, const struct at_conn *conn, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		at_why_say(why, "another process keeps the database locked");
		break;
	case SQLITE_NOTADB:
		at_why_say(why, "is not a SQLite database");
		return AUTHTOK_ENOTSUP;
	case SQLITE_CORRUPT:
		at_why_say(why, "the database is damaged");
		break;
	case SQLITE_FULL:
		at_why_say(why, "the disk is full");
		break;
	case SQLITE_READONLY:
		at_why_say(why, "the database, or its directory, is read-only");
		break;
	case SQLITE_CANTOPEN:
		at_why_say(why, "cannot open the database or its log");
		break;
	default:
		at_why_say(why, "%s",
		    conn->db != NULL ? sqlite3_errmsg(conn->db)
				     : sqlite3_errstr(rc));
		break;
	}
	return at_conn_err(rc);
}

int
at_conn_exec(struct at_conn *conn, const char *sql)
{
	return sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
}

int
at_conn_int(struct at_conn *conn, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(stmt, 0);
	else if (rc == SQLITE_DONE)
		rc = SQLITE_CORRUPT;
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int
at_conn_open_bare(struct at_conn *conn, const char *path, int busy_ms)
{
	/* no CREATE: the file was made before, with its mode. NOMUTEX: a
	 * connection is used by whoever took it from its pool. */
	int flags =
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(path, &conn->db, flags, NULL);

	if (rc == SQLITE_OK)
		sqlite3_busy_timeout(conn->db, busy_ms);
	return rc;
}

int
at_conn_open(struct at_conn *conn, const char *path, int busy_ms)
{
	int rc = at_conn_open_bare(conn, path, busy_ms);

	if (rc != SQLITE_OK)
		return rc;
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	/* a trigger that somebody put there could take a record away before
	 * the next one hangs on it; ours are for other people's hands */
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	return at_conn_exec(conn, connection_pragmas);
}

void
at_conn_close(struct at_conn *conn)
{
	size_t i;

	for (i = 0; i < AT_STMT_COUNT; i++)
		sqlite3_finalize(conn->stmts[i]);
	sqlite3_close(conn->db);
	memset(conn, 0, sizeof(*conn));
}

int
at_conn_stmt(struct at_conn *conn, enum at_stmt id, sqlite3_stmt **ret_stmt)
{
	int rc = SQLITE_OK;

	if (conn->stmts[id] == NULL)
		rc = sqlite3_prepare_v3(conn->db, at_stmt_sql(id), -1,
		    SQLITE_PREPARE_PERSISTENT, &conn->stmts[id], NULL);
	if (rc == SQLITE_OK)
		*ret_stmt = conn->stmts[id];
	return rc;
}

void
at_stmt_done(sqlite3_stmt *stmt)
{
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

int
at_stmt_run(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	at_stmt_done(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/*
 * Binding cannot fail here: the index is there, the statement is reset, and
 * memory that is bound as static is not copied. It must outlive the step.
 */
void
at_bind_int(sqlite3_stmt *stmt, int i, int64_t value)
{
	(void)sqlite3_bind_int64(stmt, i, value);
}

void
at_bind_blob(sqlite3_stmt *stmt, int i, const void *data, size_t len)
{
	(void)sqlite3_bind_blob(stmt, i, data, (int)len, SQLITE_STATIC);
}

void
at_bind_text(sqlite3_stmt *stmt, int i, const char *text, size_t size)
{
	(void)sqlite3_bind_text(
	    stmt, i, text, (int)strnlen(text, size), SQLITE_STATIC);
}

bool
at_column_text(sqlite3_stmt *stmt, int i, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(stmt, i);
	size_t len = (size_t)sqlite3_column_bytes(stmt, i);

	if (sqlite3_column_type(stmt, i) == SQLITE_NULL)
		len = 0;
	else if (text == NULL || len >= size || memchr(text, 0, len) != NULL)
		return false;
	if (len > 0)
		memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

bool
at_column_blob(sqlite3_stmt *stmt, int i, void *out, size_t len)
{
	const void *data = sqlite3_column_blob(stmt, i);

	if (data == NULL || sqlite3_column_bytes(stmt, i) != (int)len)
		return false;
	memcpy(out, data, len);
	return true;
}

int
at_conn_run(struct at_conn *conn, enum at_stmt id)
{
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, id, &stmt);

	return rc == SQLITE_OK ? at_stmt_run(stmt) : rc;
}

/*
 * SQLite keeps the result of the last call on the connection; constraints are
 * answers, not faults.
 */
void
at_fault_note(struct at_sqlite *db, const struct at_conn *conn)
{
	int rc = sqlite3_extended_errcode(conn->db);
	int os = sqlite3_system_errno(conn->db);
	char room[64];
	const char *reason = "";

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
	case SQLITE_CONSTRAINT:
		return;
	default:
		break;
	}
	if (os != 0 && (rc & 0xff) != SQLITE_BUSY)
		reason = strerror_r(os, room, sizeof(room));
	pthread_mutex_lock(&db->fault_lock);
	(void)snprintf(db->fault, sizeof(db->fault), "%s (SQLite %d)%s%s",
	    sqlite3_errstr(rc), rc, reason[0] != '\0' ? ": " : "", reason);
	pthread_mutex_unlock(&db->fault_lock);
}

void
at_fault_waited(struct at_sqlite *db)
{
	pthread_mutex_lock(&db->fault_lock);
	(void)snprintf(db->fault, sizeof(db->fault),
	    "waited %d ms for a connection", db->busy_ms);
	pthread_mutex_unlock(&db->fault_lock);
}

void
at_fault_errno(struct at_sqlite *db, const char *what, int error)
{
	char room[64];

	pthread_mutex_lock(&db->fault_lock);
	(void)snprintf(db->fault, sizeof(db->fault), "%s: %s", what,
	    strerror_r(error, room, sizeof(room)));
	pthread_mutex_unlock(&db->fault_lock);
}

void
at_sqlite_explain(void *ctx, char *buf, size_t size)
{
	struct at_sqlite *db = ctx;

	pthread_mutex_lock(&db->fault_lock);
	(void)snprintf(buf, size, "%s", db->fault);
	pthread_mutex_unlock(&db->fault_lock);
}

/*
 * Readers lose their page cache at every commit of the writer; the writer's
 * stays warm. So a point read goes through the writer when nobody wants it,
 * and beside it when it is busy.
 */
enum authtok_err
at_lease_point(struct at_sqlite *db, struct at_lease *lease)
{
	lease->db = db;
	lease->pool = &db->writer;
	lease->conn = at_pool_try(&db->writer);
	return lease->conn != NULL ? AUTHTOK_OK : at_lease_reader(db, lease);
}

enum authtok_err
at_lease_reader(struct at_sqlite *db, struct at_lease *lease)
{
	lease->db = db;
	lease->pool = &db->readers;
	lease->conn = at_pool_get(&db->readers, db->busy_ms);
	if (lease->conn != NULL)
		return AUTHTOK_OK;
	at_fault_waited(db);
	return AUTHTOK_EBUSY;
}

void
at_lease_end(struct at_lease *lease)
{
	at_fault_note(lease->db, lease->conn);
	at_pool_put(lease->pool, lease->conn);
}
