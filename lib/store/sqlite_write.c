/*
 * What is done with the writer. To wake a thread that waits for it costs as
 * much as its work, and nobody writes meanwhile: so whoever has the writer does
 * the work of those who wait, in the order of the queue, in one transaction,
 * and wakes them when the writer is on its way to the next: unless they are
 * many, for the next one may get the processor too, and they wait while he works.
 * Each operation has a savepoint: one that fails leaves nothing and is nothing
 * to the others. The disk is waited for afterwards, beside the writer, by one of
 * them for all who need it: sqlite_sync.c.
 */
#include "store/sqlite_internal.h"

static void
roll_back(struct at_conn *conn)
{
	/* a full disk or a failed write may have ended it already */
	if (!sqlite3_get_autocommit(conn->db))
		(void)at_conn_run(conn, AT_STMT_ROLLBACK);
}

static enum authtok_err
transact_from(struct at_sqlite *db, struct at_conn *conn, enum at_stmt begin,
    at_op *op, void *arg)
{
	enum authtok_err err = at_conn_err(at_conn_run(conn, begin));

	if (err == AUTHTOK_OK)
		err = op(conn, arg);
	if (err == AUTHTOK_OK)
		err = at_conn_err(at_conn_run(conn, AT_STMT_COMMIT));
	/* before the rollback, which is a success */
	at_fault_note(db, conn);
	roll_back(conn);
	return err;
}

static enum authtok_err
transact(struct at_sqlite *db, struct at_conn *conn, at_op *op, void *arg)
{
	/* IMMEDIATE: a transaction that begins by reading and writes later
	 * gets BUSY_SNAPSHOT, which no busy timeout cures */
	return transact_from(db, conn, AT_STMT_BEGIN, op, arg);
}

/*
 * What becomes of one whose transaction went down: all that it found may be
 * another's work that is lost with it, a name that is taken as well as a session
 * that is over. Only its own failure is still true.
 */
static enum authtok_err
shared_failure(enum authtok_err own, enum authtok_err err)
{
	if (own == AUTHTOK_ENOMEM ||
	    authtok_err_class(own) == AUTHTOK_CLASS_SYSTEM)
		return own;
	return err == AUTHTOK_ENOMEM || err == AUTHTOK_EBUSY ? err
							     : AUTHTOK_ESTORE;
}

static void
carry_out_alone(struct at_sqlite *db, struct at_conn *conn, struct at_job *job)
{
	if (job->statement) {
		job->err = job->op(conn, job->arg);
		at_fault_note(db, conn);
		return;
	}
	/* nobody else of this process writes, so that to write after reading
	 * fails only for what another one does; then all begins again */
	if (job->reads)
		job->err = transact_from(
		    db, conn, AT_STMT_BEGIN_READ, job->op, job->arg);
	if (!job->reads || job->err == AUTHTOK_EBUSY)
		job->err = transact(db, conn, job->op, job->arg);
}

/*
 * One of several. Anything but OK is the end of the whole transaction; what
 * became of the job itself is in job->err. A statement that fails has changed
 * nothing.
 */
static enum authtok_err
carry_out_one(struct at_sqlite *db, struct at_conn *conn, struct at_job *job)
{
	int rc = SQLITE_OK;

	if (!job->statement)
		rc = at_conn_run(conn, AT_STMT_SAVEPOINT);
	job->err = at_conn_err(rc);
	if (rc == SQLITE_OK)
		job->err = job->op(conn, job->arg);
	/* before the rollback, which is a success */
	at_fault_note(db, conn);
	if (rc != SQLITE_OK || sqlite3_get_autocommit(conn->db))
		return job->err;
	if (!job->statement && job->err != AUTHTOK_OK)
		rc = at_conn_run(conn, AT_STMT_ROLLBACK_TO);
	if (!job->statement && rc == SQLITE_OK)
		rc = at_conn_run(conn, AT_STMT_RELEASE);
	return at_conn_err(rc);
}

static void
carry_out_together(
    struct at_sqlite *db, struct at_conn *conn, struct at_job *first)
{
	enum authtok_err err = at_conn_err(at_conn_run(conn, AT_STMT_BEGIN));
	struct at_job *job;

	for (job = first; err == AUTHTOK_OK && job != NULL; job = job->next)
		err = carry_out_one(db, conn, job);
	if (err == AUTHTOK_OK)
		err = at_conn_err(at_conn_run(conn, AT_STMT_COMMIT));
	at_fault_note(db, conn);
	roll_back(conn);
	if (err == AUTHTOK_OK)
		return;
	for (job = first; job != NULL; job = job->next)
		job->err = shared_failure(job->err, err);
}

static void
carry_out(struct at_sqlite *db, struct at_conn *conn, struct at_job *first)
{
	struct at_job *job;
	uint64_t ticket;

	if (first->next == NULL)
		carry_out_alone(db, conn, first);
	else
		carry_out_together(db, conn, first);
	ticket = at_sync_ticket(db);
	for (job = first; job != NULL; job = job->next)
		job->ticket = ticket;
}

/*
 * Bounded, so that whoever wants the writer for something else gets it soon, and
 * so does our own caller its answer. Returns how many there are with his.
 */
static size_t
pick_waiting(struct at_sqlite *db, struct at_job *own)
{
	struct at_job *last = own, *job;
	size_t count;

	for (count = 1; count < AT_SQLITE_GROUP_MAX; count++) {
		job = at_pool_pick(&db->writer);
		if (job == NULL)
			break;
		last->next = job;
		last = job;
	}
	last->next = NULL;
	return count;
}

/*
 * Also what changed nothing: what it found may be on its way to the disk. Who
 * hears that there is no such row takes it for ended, and says so.
 */
static bool
needs_disk(const struct at_job *job)
{
	return job->durable != NULL && *job->durable &&
	    (job->err == AUTHTOK_OK || job->err == AUTHTOK_EUNKNOWN);
}

/*
 * Of those who need the disk the first one waits for it, for the others too: to
 * be woken costs as much as the work, so each is woken once. The first is told
 * now whom he waits for, unless he is the caller himself. Returns who is told.
 */
static struct at_job *
part(struct at_job *own)
{
	struct at_job *told = NULL, **last_told = &told;
	struct at_job *first = NULL, **last_with = NULL, *job, *next;

	for (job = own; job != NULL; job = next) {
		next = job->next;
		job->next = NULL;
		if (first != NULL && needs_disk(job)) {
			*last_with = job;
			last_with = &job->next;
			continue;
		}
		if (needs_disk(job)) {
			first = job;
			last_with = &job->with;
		}
		if (job != own) {
			*last_told = job;
			last_told = &job->next;
		}
	}
	return told;
}

static void
run(struct at_sqlite *db, struct at_job *job)
{
	struct at_job *told;
	struct at_conn *conn = at_pool_get_for(&db->writer, job, db->busy_ms);
	size_t count;

	if (job->done)
		return;
	if (conn == NULL) {
		at_fault_waited(db);
		job->err = AUTHTOK_EBUSY;
		return;
	}
	count = pick_waiting(db, job);
	carry_out(db, conn, job);
	told = part(job);
	if (count > AT_SQLITE_GROUP_LARGE)
		at_pool_done(told);
	at_pool_put(&db->writer, conn);
	if (count <= AT_SQLITE_GROUP_LARGE)
		at_pool_done(told);
}

static enum authtok_err
run_and_sync(struct at_sqlite *db, struct at_job *own)
{
	enum authtok_err err;
	struct at_job *job;

	run(db, own);
	if (own->synced || !needs_disk(own))
		return own->err;
	err = at_sync_wait(db, own->ticket);
	for (job = own->with; job != NULL; job = job->next) {
		job->synced = true;
		if (err != AUTHTOK_OK)
			job->err = err;
	}
	at_pool_done(own->with);
	return err == AUTHTOK_OK ? own->err : err;
}

enum authtok_err
at_sqlite_write(struct at_sqlite *db, at_op *op, void *arg)
{
	static const bool durable = true;
	struct at_job job = { .op = op, .arg = arg, .durable = &durable };

	return run_and_sync(db, &job);
}

enum authtok_err
at_sqlite_read_and_write(
    struct at_sqlite *db, at_op *op, void *arg, const bool *durable)
{
	struct at_job job = {
		.op = op, .arg = arg, .reads = true, .durable = durable
	};

	return run_and_sync(db, &job);
}

enum authtok_err
at_sqlite_statement(struct at_sqlite *db, at_op *op, void *arg)
{
	struct at_job job = { .op = op, .arg = arg, .statement = true };

	run(db, &job);
	return job.err;
}

enum authtok_err
at_sqlite_tidy(struct at_sqlite *db, at_op *op, void *arg)
{
	struct at_conn *conn;
	enum authtok_err err;

	at_checkpointer_wait(db);
	/* no job: nobody's answer waits for it */
	conn = at_pool_get(&db->writer, db->busy_ms);
	if (conn == NULL) {
		at_fault_waited(db);
		return AUTHTOK_EBUSY;
	}
	err = transact(db, conn, op, arg);
	at_pool_put(&db->writer, conn);
	return err;
}
