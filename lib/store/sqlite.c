/*
 * The SQLite backend: opening and closing a database, and the vtable. One
 * connection writes, a few others read beside it (WAL), and two, of a thread of
 * its own, copy the log into the database.
 */
#include "store/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The last process to close empties the log and removes it, but not when what
 * was copied before is not on the disk, or the log itself is not: who comes next
 * copies it from its beginning.
 */
static void
close_writer(struct at_sqlite *db)
{
	sqlite3 *writer = db->writer_conn.db;

	if (writer != NULL &&
	    (atomic_load(&db->sync.lost) || !at_sync_settle(db)))
		(void)sqlite3_db_config(
		    writer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	at_conn_close(&db->writer_conn);
}

static void
close_all(struct at_sqlite *db)
{
	size_t i;

	at_checkpointer_stop(db);
	for (i = 0; i < AT_SQLITE_READERS; i++)
		at_conn_close(&db->reader_conns[i]);
	close_writer(db);
	at_sync_destroy(&db->sync);
	at_pool_destroy(&db->writer);
	at_pool_destroy(&db->readers);
	pthread_cond_destroy(&db->checkpointer.idle);
	pthread_cond_destroy(&db->checkpointer.wake);
	pthread_mutex_destroy(&db->checkpointer.lock);
	pthread_mutex_destroy(&db->fault_lock);
	pthread_mutex_destroy(&db->sweep_lock);
	free(db);
}

static void
sqlite_close(void *ctx)
{
	close_all(ctx);
}

static const struct authtok_store_ops ops = {
	.version = AUTHTOK_STORE_VERSION,
	.close = sqlite_close,
	.user_create = at_sqlite_user_create,
	.user_find = at_sqlite_user_find,
	.user_find_name = at_sqlite_user_find_name,
	.user_find_email = at_sqlite_user_find_email,
	.user_update = at_sqlite_user_update,
	.user_delete = at_sqlite_user_delete,
	.user_list = at_sqlite_user_list,
	.session_create = at_sqlite_session_create,
	.session_find = at_sqlite_session_find,
	.session_update = at_sqlite_session_update,
	.session_change = at_sqlite_session_change,
	.session_list = at_sqlite_session_list,
	.session_revoke = at_sqlite_session_revoke,
	.session_revoke_user = at_sqlite_session_revoke_user,
	.session_delete = at_sqlite_session_delete,
	.revoked_since = at_sqlite_revoked_since,
	.purge = at_sqlite_purge,
	.audit_append = at_sqlite_audit_append,
	.audit_list = at_sqlite_audit_list,
	.audit_base = at_sqlite_audit_base,
	.audit_cut = at_sqlite_audit_cut,
	.explain = at_sqlite_explain,
};

static enum authtok_err
check_library(const struct at_why *why)
{
	if (sqlite3_threadsafe() == 0) {
		at_why_say(why, "this SQLite was built without threads");
		return AUTHTOK_ENOTSUP;
	}
	if (sqlite3_libversion_number() < 3037000) {
		at_why_say(why, "SQLite %s is too old, 3.37 is needed",
		    sqlite3_libversion());
		return AUTHTOK_ENOTSUP;
	}
	return AUTHTOK_OK;
}

/* SQLite gives these names a meaning of their own, in builds with URIs on
 * even when nobody asked for them. */
static enum authtok_err
check_path(const char *path, const struct at_why *why)
{
	if (path[0] == '\0' || path[0] == ':' ||
	    strncmp(path, "file:", 5) == 0) {
		at_why_say(why, "is not a plain file name");
		return AUTHTOK_EINVAL;
	}
	return AUTHTOK_OK;
}

static enum authtok_err
say_errno(const struct at_why *why, const char *what, int error)
{
	char text[128];

	at_why_say(why, "%s: %s", what, strerror_r(error, text, sizeof(text)));
	return AUTHTOK_ESTORE;
}

/* The log lies beside the database, so the directory must be writable too. */
static enum authtok_err
check_directory(const char *path, const struct at_why *why)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	enum authtok_err err = AUTHTOK_OK;

	if (slash == NULL)
		dir = strdup(".");
	else
		dir = strndup(path, slash > path ? (size_t)(slash - path) : 1);
	if (dir == NULL) {
		at_why_say(why, "no memory");
		return AUTHTOK_ENOMEM;
	}
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) != 0)
		err = say_errno(why, "cannot write in its directory", errno);
	free(dir);
	return err;
}

/*
 * Create the file with its mode before SQLite sees it: -wal and -shm get the
 * mode of the database. By mknod, because to open a database that another
 * thread has just opened, and to close it again, would drop that
 * thread's locks (fcntl(2)).
 */
static enum authtok_err
make_file(const char *path, const struct at_why *why)
{
	struct stat st;

	if (mknod(path, S_IFREG | 0600, 0) == 0)
		return check_directory(path, why);
	if (errno != EEXIST)
		return say_errno(why, "cannot create the database", errno);
	if (stat(path, &st) != 0)
		return say_errno(why, "cannot open the database", errno);
	if (!S_ISREG(st.st_mode)) {
		at_why_say(why, "is not a file");
		return AUTHTOK_ESTORE;
	}
	if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0)
		return say_errno(
		    why, "cannot read and write the database", errno);
	return check_directory(path, why);
}

/* One whose waits are measured by the steady clock. */
static bool
init_steady(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	bool ok;

	if (pthread_condattr_init(&attr) != 0)
		return false;
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	    pthread_cond_init(cond, &attr) == 0;
	pthread_condattr_destroy(&attr);
	return ok;
}

/* Locks and queues, empty. */
static struct at_sqlite *
new_db(int busy_ms)
{
	struct at_sqlite *db = calloc(1, sizeof(*db));

	if (db == NULL)
		return NULL;
	db->busy_ms = busy_ms;
	if (!at_sync_init(&db->sync))
		goto out_db;
	if (!at_pool_init(&db->writer))
		goto out_sync;
	if (!at_pool_init(&db->readers))
		goto out_writer;
	if (pthread_mutex_init(&db->sweep_lock, NULL) != 0)
		goto out_readers;
	if (pthread_mutex_init(&db->fault_lock, NULL) != 0)
		goto out_sweep;
	if (pthread_mutex_init(&db->checkpointer.lock, NULL) != 0)
		goto out_fault;
	if (pthread_cond_init(&db->checkpointer.wake, NULL) != 0)
		goto out_checkpointer;
	if (!init_steady(&db->checkpointer.idle))
		goto out_wake;
	return db;
out_wake:
	pthread_cond_destroy(&db->checkpointer.wake);
out_checkpointer:
	pthread_mutex_destroy(&db->checkpointer.lock);
out_fault:
	pthread_mutex_destroy(&db->fault_lock);
out_sweep:
	pthread_mutex_destroy(&db->sweep_lock);
out_readers:
	at_pool_destroy(&db->readers);
out_writer:
	at_pool_destroy(&db->writer);
out_sync:
	at_sync_destroy(&db->sync);
out_db:
	free(db);
	return NULL;
}

static enum authtok_err
open_reader(
    struct at_conn *conn, const struct at_sqlite *db, const struct at_why *why)
{
	int rc = at_conn_open(conn, why->path, db->busy_ms);

	if (rc == SQLITE_OK)
		rc = at_conn_exec(conn, "PRAGMA query_only = ON");
	return rc == SQLITE_OK ? AUTHTOK_OK : at_why_rc(why, conn, rc);
}

static enum authtok_err
open_all(struct at_sqlite *db, const struct at_why *why)
{
	struct at_conn *writer = &db->writer_conn;
	sqlite3_stmt *stmt;
	enum authtok_err err;
	size_t i;
	int rc = at_conn_open(writer, why->path, db->busy_ms);

	if (rc != SQLITE_OK)
		return at_why_rc(why, writer, rc);
	err = at_schema_open(writer, db->busy_ms, why);
	if (err != AUTHTOK_OK)
		return err;
	/* every statement at once: a schema that only looks like ours is
	 * noticed now, and a rollback never needs memory */
	for (i = 0; i < AT_STMT_COUNT; i++) {
		rc = at_conn_stmt(writer, (enum at_stmt)i, &stmt);
		if (rc != SQLITE_OK)
			return at_why_rc(why, writer, rc);
	}
	err = at_checkpointer_open(db, why);
	if (err == AUTHTOK_OK)
		err = at_sync_open(db, why);
	if (err != AUTHTOK_OK)
		return err;
	at_pool_put(&db->writer, writer);
	for (i = 0; i < AT_SQLITE_READERS; i++) {
		err = open_reader(&db->reader_conns[i], db, why);
		if (err != AUTHTOK_OK)
			return err;
		at_pool_put(&db->readers, &db->reader_conns[i]);
	}
	return at_checkpointer_start(db, why);
}

static enum authtok_err
check_all(const char *path, const struct at_why *why)
{
	enum authtok_err err = check_library(why);

	if (err == AUTHTOK_OK)
		err = check_path(path, why);
	if (err == AUTHTOK_OK)
		err = make_file(path, why);
	return err;
}

enum authtok_err
at_store_sqlite(const char *path, int busy_ms, struct authtok_store **ret_store,
    char *why_buf, size_t why_len)
{
	const struct at_why why = { path, why_buf, why_len };
	struct authtok_store *store;
	struct at_sqlite *db;
	enum authtok_err err;

	/* whatever happens, what is printed is a text */
	if (why_buf != NULL && why_len > 0)
		why_buf[0] = '\0';
	if (path == NULL || ret_store == NULL)
		return AUTHTOK_EINVAL;
	err = check_all(path, &why);
	if (err != AUTHTOK_OK)
		return err;
	store = calloc(1, sizeof(*store));
	db = new_db(busy_ms);
	if (store == NULL || db == NULL) {
		at_why_say(&why, "no memory");
		err = AUTHTOK_ENOMEM;
		goto out;
	}
	err = open_all(db, &why);
	if (err != AUTHTOK_OK)
		goto out;
	store->ops = &ops;
	store->ctx = db;
	*ret_store = store;
	return AUTHTOK_OK;
out:
	if (db != NULL)
		close_all(db);
	free(store);
	return err;
}

enum authtok_err
authtok_store_sqlite(const char *path, struct authtok_store **ret_store,
    char *why, size_t why_len)
{
	return at_store_sqlite(
	    path, AT_SQLITE_BUSY_MS, ret_store, why, why_len);
}
