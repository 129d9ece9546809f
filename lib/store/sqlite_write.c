/*
 * Transactions of the writer. To wait for the disk costs more than to write, so
 * whoever has the writer carries out, before its commit, what waits in the
 * queue for a commit of the same kind: each operation in a savepoint, so that
 * one that fails leaves nothing and is nothing to the others, and in the order
 * of the queue, which is the order of their audit records. The owners hear of
 * it after the commit. A lone operation needs no savepoint and has none.
 */
#include "store/sqlite_internal.h"

/* What becomes of those whose transaction went down with another's failure. */
static enum authtok_err
shared_failure(enum authtok_err err)
{
	return err == AUTHTOK_ENOMEM || err == AUTHTOK_EBUSY ? err
							     : AUTHTOK_ESTORE;
}

/* Level 1 or 2 as for at_conn_synchronous. */
static enum authtok_err
begin(struct at_conn *conn, int level)
{
	int rc = at_conn_synchronous(conn, level);

	/* IMMEDIATE: a transaction that begins by reading and writes later
	 * gets BUSY_SNAPSHOT, which no busy timeout cures */
	if (rc == SQLITE_OK)
		rc = at_conn_run(conn, AT_STMT_BEGIN);
	return at_conn_err(rc);
}

static void
roll_back(struct at_conn *conn)
{
	/* a full disk or a failed write may have ended it already */
	if (!sqlite3_get_autocommit(conn->db))
		(void)at_conn_run(conn, AT_STMT_ROLLBACK);
}

/*
 * One job inside the transaction. Anything but OK is the end of the whole
 * transaction; what became of the job alone is in job->err.
 */
static enum authtok_err
join(struct at_sqlite *db, struct at_conn *conn, struct at_job *job)
{
	enum authtok_err err;
	int rc = at_conn_run(conn, AT_STMT_SAVEPOINT);

	job->err = at_conn_err(rc);
	if (rc != SQLITE_OK) {
		at_fault_note(db, conn);
		return job->err;
	}
	job->err = job->op(conn, job->arg);
	/* before the rollback, which is a success */
	at_fault_note(db, conn);
	if (sqlite3_get_autocommit(conn->db))
		return shared_failure(job->err);
	if (job->err != AUTHTOK_OK)
		rc = at_conn_run(conn, AT_STMT_ROLLBACK_TO);
	if (rc == SQLITE_OK)
		rc = at_conn_run(conn, AT_STMT_RELEASE);
	err = at_conn_err(rc);
	if (err != AUTHTOK_OK)
		at_fault_note(db, conn);
	return err;
}

/*
 * Carry out what waits, bounded so that those who want the writer for something
 * else get it soon. The jobs are in *ret_first, also after a failure.
 */
static enum authtok_err
join_waiting(
    struct at_sqlite *db, struct at_conn *conn, struct at_job **ret_first)
{
	struct at_job **last = ret_first, *job;
	enum authtok_err err = AUTHTOK_OK;
	size_t count;

	for (count = 1; err == AUTHTOK_OK && count < AT_SQLITE_GROUP_MAX;
	     count++) {
		job = at_pool_pick(&db->writer);
		if (job == NULL)
			break;
		job->next = NULL;
		*last = job;
		last = &job->next;
		err = join(db, conn, job);
	}
	return err;
}

/* The transaction is lost, and with it what had gone well. */
static void
fail_joined(struct at_job *first, enum authtok_err err)
{
	for (; first != NULL; first = first->next)
		if (first->err == AUTHTOK_OK)
			first->err = err;
}

/* The writer is ours. */
static enum authtok_err
transact(struct at_sqlite *db, struct at_conn *conn, const struct at_job *own)
{
	struct at_job *joined = NULL;
	enum authtok_err err = begin(conn, 2);

	if (err == AUTHTOK_OK)
		err = own->op(conn, own->arg);
	if (err == AUTHTOK_OK)
		err = join_waiting(db, conn, &joined);
	if (err == AUTHTOK_OK)
		err = at_conn_err(at_conn_run(conn, AT_STMT_COMMIT));
	at_fault_note(db, conn);
	roll_back(conn);
	if (err != AUTHTOK_OK)
		fail_joined(joined, shared_failure(err));
	at_pool_done(&db->writer, joined);
	return err;
}

enum authtok_err
at_sqlite_write(struct at_sqlite *db,
    enum authtok_err (*op)(struct at_conn *conn, void *arg), void *arg)
{
	struct at_job job = { .op = op, .arg = arg };
	struct at_conn *conn = at_pool_get_for(&db->writer, &job, db->busy_ms);
	enum authtok_err err;

	if (job.done)
		return job.err;
	if (conn == NULL) {
		at_fault_waited(db);
		return AUTHTOK_EBUSY;
	}
	err = transact(db, conn, &job);
	at_pool_put(&db->writer, conn);
	return err;
}

enum authtok_err
at_sqlite_tidy(struct at_sqlite *db,
    enum authtok_err (*op)(struct at_conn *conn, void *arg), void *arg)
{
	struct at_conn *conn;
	enum authtok_err err;

	at_checkpointer_wait(db);
	conn = at_pool_get(&db->writer, db->busy_ms);
	if (conn == NULL) {
		at_fault_waited(db);
		return AUTHTOK_EBUSY;
	}
	err = begin(conn, 1);
	if (err == AUTHTOK_OK)
		err = op(conn, arg);
	if (err == AUTHTOK_OK)
		err = at_conn_err(at_conn_run(conn, AT_STMT_COMMIT));
	at_fault_note(db, conn);
	roll_back(conn);
	at_pool_put(&db->writer, conn);
	return err;
}
