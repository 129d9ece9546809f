/*
 * Checkpoints: copying the log into the database, away from those who write.
 *
 * Left to SQLite, whichever commit finds the log long enough copies all of it
 * with the writer held, and waits for the disk twice. Here a thread with a
 * connection of its own copies beside the writer. Under load it never quite
 * ends, because the log grows meanwhile, and a log that was not copied whole
 * cannot begin anew. So when there is little left the thread takes its turn in
 * the queue for the writer and copies the rest; then the next write goes to the
 * beginning of the log. When they write as fast as it copies, that time would
 * never come, so beyond LOG_SLOW each commit made while it is at work pauses.
 *
 * Several processes may do this to one database: SQLite lets one at a time. A
 * reader that stays keeps the log from beginning anew; it is asked again after
 * each STEP. What a thread that dies, or fails, leaves is in the log, which the
 * next one copies; when the disk fails, not as long as this process lives.
 *
 * Before 3.51.3 SQLite may take a new log for copied when it began just as a
 * checkpoint did (sqlite.org/wal.html, the WAL-reset bug), and loses what is in
 * it. So each of ours has a guard, a second connection that reads meanwhile: the
 * log cannot begin anew beside a reader of it, nor can a checkpoint end beside a
 * reader of the database alone. It is why none of ours is a RESTART, which needs
 * that nobody reads: the last part is copied with the lock of writers held.
 */
#include "store/sqlite_internal.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define STEP    AT_SQLITE_LOG_STEP
#define PASSES  8       /* beside the writer, while the log is not long */
#define AT_WORK INT_MAX /* in wake_at */
#define NEVER   (INT_MAX - 1)

/* Called by the writer's connection after each commit, the writer being held. */
static int
see_commit(void *arg, sqlite3 *conn, const char *name, int frames)
{
	const struct timespec pause = { 0, AT_SQLITE_LOG_PAUSE_NS };
	struct at_checkpointer *c = &((struct at_sqlite *)arg)->checkpointer;
	int wake_at;

	(void)conn;
	(void)name;
	/* the log has begun anew */
	if (frames < c->seen)
		atomic_store(&c->wake_at, STEP);
	c->seen = frames;
	wake_at = atomic_load(&c->wake_at);
	if (wake_at == AT_WORK && frames >= AT_SQLITE_LOG_SLOW)
		nanosleep(&pause, NULL);
	if (frames < wake_at)
		return SQLITE_OK;
	pthread_mutex_lock(&c->lock);
	/* until the thread says from where on it wants to be woken again */
	atomic_store(&c->wake_at, AT_WORK);
	c->wanted = frames;
	c->busy = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	return SQLITE_OK;
}

/* The guard reads from here on. */
static int
guard_log(struct at_sqlite *db)
{
	struct at_checkpointer *c = &db->checkpointer;
	int64_t any;
	int rc;

	at_unguard_log(db);
	rc = at_conn_exec(&c->guard, "BEGIN");
	if (rc == SQLITE_OK)
		rc = at_conn_int(&c->guard, "PRAGMA user_version", &any);
	if (rc != SQLITE_OK)
		at_fault_note(db, &c->guard);
	return rc;
}

void
at_unguard_log(struct at_sqlite *db)
{
	struct at_conn *guard = &db->checkpointer.guard;

	if (!sqlite3_get_autocommit(guard->db))
		(void)at_conn_exec(guard, "ROLLBACK");
}

int
at_checkpoint(struct at_sqlite *db, struct at_extent *ret_extent)
{
	struct at_conn *conn = &db->checkpointer.conn;
	int rc = guard_log(db);

	ret_extent->log = ret_extent->copied = -1;
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_wal_checkpoint_v2(conn->db, NULL,
	    SQLITE_CHECKPOINT_PASSIVE, &ret_extent->log, &ret_extent->copied);
	/* another process is at it, or a reader stays: no fault */
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
		at_fault_note(db, conn);
	return rc;
}

static int
checkpoint(struct at_sqlite *db, struct at_extent *extent)
{
	int rc = at_checkpoint(db, extent);

	/* the log first, then the database: it does not say which it was */
	if (rc == SQLITE_IOERR_FSYNC)
		at_sync_break(db);
	return rc;
}

/*
 * A checkpoint that others write beside of, however little, leaves what it
 * copied to the system. Let it go to the disk now, or the last one would wait
 * for all of it with the writer held: 20 ms instead of one or two. The last one
 * would not hear any more what is said here: a wait that failed is reported
 * once, and the pages pass for written. Nobody, of whatever process, would copy
 * them again until all have closed the database: so the log must not begin anew,
 * and the guard, which has read since before they were copied, goes on with it.
 */
static bool
sync_early(struct at_sqlite *db)
{
	int error;

	if (at_sync_database(&db->checkpointer.conn, &error))
		return true;
	atomic_store(&db->sync.lost, true);
	at_sync_say_lost(db, error);
	return false;
}

/* Until those of this process who read now are done, if that is soon. */
static void
outwait_readers(struct at_sqlite *db)
{
	void *taken[AT_SQLITE_READERS];
	size_t count = 0;

	while (count < AT_SQLITE_READERS) {
		taken[count] =
		    at_pool_get(&db->readers, AT_SQLITE_LOG_PATIENCE_MS);
		if (taken[count] == NULL)
			break;
		count++;
	}
	while (count > 0)
		at_pool_put(&db->readers, taken[--count]);
}

/*
 * Nobody writes meanwhile, of another process neither if it lets us. Readers who
 * came before keep a part from being copied, those who come meanwhile the log
 * from beginning anew, as it does with the next commit. When one stays, what was
 * copied is not on the disk.
 */
static void
finish(struct at_sqlite *db, struct at_extent *extent)
{
	struct at_conn *writer = at_pool_get(&db->writer, db->busy_ms);
	int rc;

	if (writer == NULL)
		return;
	outwait_readers(db);
	sqlite3_busy_timeout(writer->db, AT_SQLITE_LOG_PATIENCE_MS);
	(void)at_conn_run(writer, AT_STMT_BEGIN);
	sqlite3_busy_timeout(writer->db, db->busy_ms);
	rc = checkpoint(db, extent);
	if (!sqlite3_get_autocommit(writer->db))
		(void)at_conn_run(writer, AT_STMT_ROLLBACK);
	if (rc == SQLITE_OK && extent->copied == extent->log) {
		at_unguard_log(db);
		outwait_readers(db);
	} else {
		(void)sync_early(db);
	}
	at_pool_put(&db->writer, writer);
}

static bool
stopping(struct at_checkpointer *c)
{
	bool stop;

	pthread_mutex_lock(&c->lock);
	stop = c->stop;
	pthread_mutex_unlock(&c->lock);
	return stop;
}

/*
 * As long as this process lives. The guard has read since before our last pass;
 * who else reads keeps the log only when not all of it is copied.
 */
static void
keep_log(struct at_sqlite *db)
{
	if (sqlite3_get_autocommit(db->checkpointer.guard.db))
		(void)guard_log(db);
}

/* Gives how many frames the log has at the end; < 0: it cannot be said. */
static int
copy_log(struct at_sqlite *db)
{
	struct at_extent extent = { -1, -1 };
	int before = 0, fresh, pass;

	/* they write as fast as it copies: wait for better times, or, when
	 * there is no more time, for the pauses to tell */
	for (pass = 0; pass < PASSES || extent.log >= AT_SQLITE_LOG_SLOW;
	     pass++) {
		/* with a gap, whoever waits for the disk does it */
		if (stopping(&db->checkpointer) || at_sync_broken(db))
			return extent.log;
		if (checkpoint(db, &extent) != SQLITE_OK)
			return -1;
		if (!sync_early(db))
			return extent.log;
		/* what came during the pass before this one, and now again */
		fresh = extent.copied - before;
		before = extent.copied;
		/* a reader stays; one that only passes by, as every writer is
		 * for a moment, has moved on by the next pass */
		if (fresh == 0 && extent.copied < extent.log)
			return extent.log;
		if (fresh <= AT_SQLITE_LOG_REST &&
		    extent.log - extent.copied <= AT_SQLITE_LOG_REST) {
			finish(db, &extent);
			break;
		}
	}
	return extent.log;
}

static void *
checkpointer(void *arg)
{
	struct at_sqlite *db = arg;
	struct at_checkpointer *c = &db->checkpointer;
	int wanted, log, at_work;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->stop && c->wanted == 0)
			pthread_cond_wait(&c->wake, &c->lock);
		if (c->stop)
			break;
		wanted = c->wanted;
		c->wanted = 0;
		pthread_mutex_unlock(&c->lock);
		log = atomic_load(&db->sync.lost) ? -1 : copy_log(db);
		if (atomic_load(&db->sync.lost))
			keep_log(db);
		else
			at_unguard_log(db);
		pthread_mutex_lock(&c->lock);
		if (log < wanted)
			log = wanted;
		/* unless the log has begun anew meanwhile: see_commit */
		at_work = AT_WORK;
		atomic_compare_exchange_strong(
		    &c->wake_at, &at_work, log + STEP);
		if (atomic_load(&db->sync.lost))
			atomic_store(&c->wake_at, NEVER);
		c->busy = false;
		pthread_cond_broadcast(&c->idle);
	}
	c->busy = false;
	pthread_cond_broadcast(&c->idle);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* The program's signals are not for this thread. */
static int
start_thread(struct at_sqlite *db)
{
	struct at_checkpointer *c = &db->checkpointer;
	pthread_attr_t attr;
	sigset_t all, old;
	int rc = pthread_attr_init(&attr);

	if (rc != 0)
		return rc;
	(void)pthread_attr_setstacksize(&attr, AT_SQLITE_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&c->thread, &attr, checkpointer, db);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

enum authtok_err
at_checkpointer_open(struct at_sqlite *db, const struct at_why *why)
{
	struct at_checkpointer *c = &db->checkpointer;
	struct at_conn *conn = &c->conn;
	int rc = at_conn_open(conn, why->path, AT_SQLITE_LOG_PATIENCE_MS);

	if (rc == SQLITE_OK) {
		conn = &c->guard;
		rc = at_conn_open_bare(conn, why->path, db->busy_ms);
	}
	return rc == SQLITE_OK ? AUTHTOK_OK : at_why_rc(why, conn, rc);
}

enum authtok_err
at_checkpointer_start(struct at_sqlite *db, const struct at_why *why)
{
	struct at_checkpointer *c = &db->checkpointer;

	atomic_store(&c->wake_at, STEP);
	if (start_thread(db) != 0) {
		at_why_say(why, "no thread");
		return AUTHTOK_ENOMEM;
	}
	c->started = true;
	sqlite3_wal_hook(db->writer_conn.db, see_commit, db);
	return AUTHTOK_OK;
}

void
at_checkpointer_keep(struct at_sqlite *db)
{
	struct at_checkpointer *c = &db->checkpointer;

	atomic_store(&db->sync.lost, true);
	pthread_mutex_lock(&c->lock);
	c->wanted = 1;
	c->busy = c->started;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

void
at_checkpointer_wait(struct at_sqlite *db)
{
	struct at_checkpointer *c = &db->checkpointer;
	struct timespec end = at_deadline_in(AT_SQLITE_TIDY_WAIT_MS);
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	while (c->busy && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&c->idle, &c->lock, &end);
	pthread_mutex_unlock(&c->lock);
}

void
at_checkpointer_stop(struct at_sqlite *db)
{
	struct at_checkpointer *c = &db->checkpointer;

	if (c->started) {
		pthread_mutex_lock(&c->lock);
		c->stop = true;
		pthread_cond_signal(&c->wake);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
		c->started = false;
	}
	at_conn_close(&c->guard);
	at_conn_close(&c->conn);
}
