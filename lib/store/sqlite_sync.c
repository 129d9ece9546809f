/*
 * Waiting for the disk, beside the writer. A commit only writes to the log
 * (synchronous NORMAL), so the writer never waits; whoever must not be
 * forgotten waits here until the log is on the disk. One fdatasync is good for
 * all commits made before it began: those who wait together share it. One of
 * them leads, the others sleep; when it is over the first of those who came too
 * late for it leads the next, and is woken before the others.
 *
 * After one that failed the system takes the pages for written, and a recovery
 * would end at the gap, before what is written behind it. So nobody hears OK
 * then before all of the log has been written again, copied into the database,
 * and the log begins anew. Without the first a power cut amid the copying would
 * lay the log as it was before the gap over the database as it is behind it.
 */
#include "store/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

/*
 * Lives on the stack of the thread that waits, and is gone when that was woken:
 * the post, without the lock, is the last that others do with it.
 */
struct at_sync_waiter {
	struct at_sync_waiter *next;
	sem_t wake;
	uint64_t ticket;
	bool leads; /* it is to wait for the disk now, for all; else: */
	bool ok;
};

bool
at_sync_init(struct at_sync *sync)
{
	sync->fd = -1;
	sync->last = &sync->first;
	return pthread_mutex_init(&sync->lock, NULL) == 0;
}

void
at_sync_destroy(struct at_sync *sync)
{
	if (sync->fd >= 0)
		close(sync->fd);
	pthread_mutex_destroy(&sync->lock);
}

bool
at_sync_database(struct at_conn *conn, int *ret_errno)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(conn->db, NULL, SQLITE_FCNTL_FILE_POINTER,
		(void *)&file) != SQLITE_OK ||
	    file == NULL || file->pMethods == NULL)
		return true;
	errno = 0;
	if (file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK)
		return true;
	*ret_errno = errno;
	return false;
}

void
at_sync_say_lost(struct at_sqlite *db, int error)
{
	at_fault_errno(db,
	    "the database cannot be written to the disk, the log stays until"
	    " the program begins anew",
	    error);
}

/*
 * A log that was left behind may have a gap of which only those knew who are
 * gone. It is copied now, and our first write begins it anew. When somebody else
 * is at it, or reads, then it was not left; the part that was copied, which
 * SQLite does not wait for, is waited for here. False: that failed.
 */
static bool
copy_inherited(struct at_sqlite *db)
{
	struct at_extent extent;
	int rc = at_checkpoint(db, &extent), error;

	db->sync.broken = rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY;
	if (extent.copied > 0 && extent.copied < extent.log &&
	    !at_sync_database(&db->writer_conn, &error))
		atomic_store(&db->sync.lost, true);
	else
		at_unguard_log(db);
	return !atomic_load(&db->sync.lost);
}

/*
 * The log is there from the first read on and stays the same file while
 * we have the database open. It has no locks, so that to close it drops none.
 */
enum authtok_err
at_sync_open(struct at_sqlite *db, const struct at_why *why)
{
	const char *name = sqlite3_db_filename(db->writer_conn.db, "main");

	db->sync.fd = open(sqlite3_filename_wal(name), O_RDONLY | O_CLOEXEC);
	if (db->sync.fd < 0) {
		at_why_say(why, "cannot open the log of the database");
		return AUTHTOK_ESTORE;
	}
	if (copy_inherited(db))
		return AUTHTOK_OK;
	at_why_say(why, "cannot be written to the disk");
	return AUTHTOK_ESTORE;
}

void
at_sync_break(struct at_sqlite *db)
{
	pthread_mutex_lock(&db->sync.lock);
	db->sync.broken = true;
	db->sync.breaks++;
	pthread_mutex_unlock(&db->sync.lock);
}

bool
at_sync_broken(struct at_sqlite *db)
{
	bool broken;

	pthread_mutex_lock(&db->sync.lock);
	broken = db->sync.broken;
	pthread_mutex_unlock(&db->sync.lock);
	return broken;
}

uint64_t
at_sync_ticket(struct at_sqlite *db)
{
	return atomic_fetch_add(&db->sync.tickets, 1) + 1;
}

static bool
sync_log(struct at_sqlite *db)
{
	if (fdatasync(db->sync.fd) == 0)
		return true;
	at_fault_errno(db, "the log cannot be written to the disk", errno);
	return false;
}

/* The same bytes, so that they are on their way to the disk once more. */
static bool
write_again(struct at_sqlite *db)
{
	const char *name = sqlite3_db_filename(db->writer_conn.db, "main");
	int fd = open(sqlite3_filename_wal(name), O_RDWR | O_CLOEXEC);
	char page[4096];
	off_t at = 0;
	ssize_t n = -1;
	bool ok;

	while (fd >= 0 && (n = pread(fd, page, sizeof(page), at)) > 0 &&
	    pwrite(fd, page, (size_t)n, at) == n)
		at += n;
	ok = n == 0 && fdatasync(fd) == 0;
	/* hashes and seeds */
	explicit_bzero(page, sizeof(page));
	if (!ok)
		at_fault_errno(
		    db, "the log cannot be written to the disk", errno);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* A transaction keeps other processes from writing to the log meanwhile. */
static bool
close_gap(struct at_sqlite *db, struct at_conn *writer)
{
	bool ok = at_conn_run(writer, AT_STMT_BEGIN) == SQLITE_OK;

	at_fault_note(db, writer);
	if (!ok)
		return false;
	ok = write_again(db);
	(void)at_conn_run(writer, AT_STMT_ROLLBACK);
	return ok;
}

/*
 * SQLite does not wait for the disk when it has emptied the log: what is there
 * up to the gap would come back with a power cut, and hide what stands in the
 * database.
 */
static bool
begin_log_anew(struct at_sqlite *db)
{
	struct at_conn *writer;
	int rc = SQLITE_IOERR, error;

	if (atomic_load(&db->sync.lost))
		return false;
	at_checkpointer_wait(db);
	writer = at_pool_get(&db->writer, db->busy_ms);
	if (writer == NULL) {
		at_fault_waited(db);
		return false;
	}
	/* who reads for long must not stop all others. The only one of ours
	 * that no reader guards (see sqlite_checkpoint.c): it needs that none
	 * is there, and has the lock of writers instead, but when another
	 * process takes it just now */
	sqlite3_busy_timeout(writer->db, AT_SQLITE_GAP_PATIENCE_MS);
	if (close_gap(db, writer)) {
		rc = sqlite3_wal_checkpoint_v2(
		    writer->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
		at_fault_note(db, writer);
		/* a reader stays, and a part was copied */
		if (rc != SQLITE_OK && !at_sync_database(writer, &error)) {
			at_checkpointer_keep(db);
			at_sync_say_lost(db, error);
		}
	}
	sqlite3_busy_timeout(writer->db, db->busy_ms);
	at_pool_put(&db->writer, writer);
	return rc == SQLITE_OK && sync_log(db);
}

bool
at_sync_settle(struct at_sqlite *db)
{
	return !at_sync_broken(db) || begin_log_anew(db);
}

/* For all tickets there are. The lock is held, but not while we wait. */
static void
sync_all(struct at_sqlite *db)
{
	struct at_sync *sync = &db->sync;
	uint64_t upto = atomic_load(&sync->tickets);
	unsigned breaks = sync->breaks;
	bool ok, broken = sync->broken;

	pthread_mutex_unlock(&sync->lock);
	ok = broken ? begin_log_anew(db) : sync_log(db);
	pthread_mutex_lock(&sync->lock);
	if (!ok) {
		sync->broken = true;
		sync->failed = upto;
	} else if (sync->breaks == breaks) {
		sync->broken = false;
		sync->synced = upto;
	} /* else a gap was seen meanwhile: whoever waits goes once more */
}

static bool
settled(const struct at_sync *sync, uint64_t ticket)
{
	return sync->synced >= ticket || sync->failed >= ticket;
}

/*
 * Take out of the queue those who need not wait any longer, and before them
 * the first of those who must: it goes on. Returns whom to wake.
 */
static struct at_sync_waiter *
pass_on(struct at_sync *sync)
{
	struct at_sync_waiter *leader = NULL, *wake = NULL, **last = &wake;
	struct at_sync_waiter *waiter = sync->first;

	sync->first = NULL;
	sync->last = &sync->first;
	for (; waiter != NULL; waiter = waiter->next)
		if (settled(sync, waiter->ticket)) {
			waiter->ok = sync->synced >= waiter->ticket;
			*last = waiter;
			last = &waiter->next;
		} else if (leader == NULL) {
			leader = waiter;
		} else {
			*sync->last = waiter;
			sync->last = &waiter->next;
		}
	*last = NULL;
	*sync->last = NULL;
	sync->busy = leader != NULL;
	if (leader == NULL)
		return wake;
	leader->leads = true;
	leader->next = wake;
	return leader;
}

static void
wake_all(struct at_sync_waiter *waiter)
{
	struct at_sync_waiter *next;

	for (; waiter != NULL; waiter = next) {
		next = waiter->next;
		sem_post(&waiter->wake);
	}
}

/* False: it was settled meanwhile. With the lock held, and after true again. */
static bool
await_lead(struct at_sync *sync, struct at_sync_waiter *self)
{
	sem_init(&self->wake, 0, 0);
	*sync->last = self;
	sync->last = &self->next;
	pthread_mutex_unlock(&sync->lock);
	while (sem_wait(&self->wake) != 0)
		continue;
	sem_destroy(&self->wake);
	if (self->leads)
		pthread_mutex_lock(&sync->lock);
	return self->leads;
}

enum authtok_err
at_sync_wait(struct at_sqlite *db, uint64_t ticket)
{
	struct at_sync *sync = &db->sync;
	struct at_sync_waiter self = { .ticket = ticket }, *wake = NULL;

	pthread_mutex_lock(&sync->lock);
	if (!settled(sync, ticket) && sync->busy && !await_lead(sync, &self))
		return self.ok ? AUTHTOK_OK : AUTHTOK_ESTORE;
	if (self.leads || !settled(sync, ticket)) {
		sync->busy = true;
		while (!settled(sync, ticket))
			sync_all(db);
		wake = pass_on(sync);
	}
	self.ok = sync->synced >= ticket;
	pthread_mutex_unlock(&sync->lock);
	wake_all(wake);
	return self.ok ? AUTHTOK_OK : AUTHTOK_ESTORE;
}
