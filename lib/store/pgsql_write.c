/*
 * Operations: reads, single round trips, transactions, and when one may be
 * tried again. A transaction whose connection broke before its COMMIT was sent
 * has left nothing; one whose COMMIT was sent may have.
 */
#include "store/pgsql_internal.h"

#include <stdio.h>
#include <string.h>

int64_t
at_pg_deadline(const struct at_pgsql *db)
{
	return at_pg_now() + db->timeout_ms;
}

void
at_pg_fault(struct at_pgsql *db, const char *text)
{
	pthread_mutex_lock(&db->fault_lock);
	(void)snprintf(db->fault, sizeof(db->fault), "%s", text);
	pthread_mutex_unlock(&db->fault_lock);
}

void
at_pg_explain(void *ctx, char *buf, size_t size)
{
	struct at_pgsql *db = ctx;

	pthread_mutex_lock(&db->fault_lock);
	(void)snprintf(buf, size, "%s", db->fault);
	pthread_mutex_unlock(&db->fault_lock);
}

enum authtok_err
at_pg_lease(struct at_pgsql *db, int64_t deadline, struct at_pg_conn **ret_conn)
{
	struct at_pg_conn *conn = at_pg_pool_get(&db->pool, deadline);
	enum authtok_err err = AUTHTOK_OK;

	/* what comes too late is not sent, and costs no connection */
	if (conn != NULL && at_pg_now() >= deadline) {
		at_pg_pool_put(&db->pool, conn);
		conn = NULL;
	}
	if (conn == NULL) {
		at_pg_fault(db, "waited too long for a connection");
		return AUTHTOK_EBUSY;
	}
	conn->deadline = deadline;
	conn->lost = conn->late = conn->again = false;
	conn->undo = conn->committing = false;
	if (conn->pg != NULL && !at_pg_conn_alive(conn))
		at_pg_conn_close(conn);
	if (conn->pg == NULL)
		err = at_pg_conn_open(conn);
	if (err == AUTHTOK_ENOTSUP) /* it was supported when we began */
		err = AUTHTOK_ESTORE;
	if (err == AUTHTOK_OK)
		*ret_conn = conn;
	else
		at_pg_release(conn, err);
	return err;
}

void
at_pg_release(struct at_pg_conn *conn, enum authtok_err err)
{
	struct at_pgsql *db = conn->db;

	if (conn->fault[0] != '\0' &&
	    (err == AUTHTOK_EBUSY || err == AUTHTOK_ESTORE))
		at_pg_fault(db, conn->fault);
	else if (err == AUTHTOK_EBUSY)
		at_pg_fault(db, "others were in the way each time");
	else if (err == AUTHTOK_ESTORE)
		at_pg_fault(db, "what is stored cannot be used");
	conn->fault[0] = '\0';
	if (conn->lost)
		at_pg_conn_close(conn);
	else
		at_pg_clear(conn);
	at_pg_pool_put(&db->pool, conn);
}

enum authtok_err
at_pg_attempt(
    struct at_pgsql *db, at_pg_op *op, void *arg, bool reads, int64_t deadline)
{
	struct at_pg_conn *conn;
	enum authtok_err err;
	bool again;
	int tries = 0;

	do {
		err = at_pg_lease(db, deadline, &conn);
		if (err != AUTHTOK_OK)
			return err;
		err = op(conn, arg);
		again = conn->again || (reads && conn->lost && !conn->late);
		at_pg_release(conn, err);
	} while (again && ++tries < AT_PG_TRIES);
	return err;
}

enum authtok_err
at_pg_read(struct at_pgsql *db, at_pg_op *op, void *arg)
{
	return at_pg_attempt(db, op, arg, true, at_pg_deadline(db));
}

enum authtok_err
at_pg_once(struct at_pgsql *db, at_pg_op *op, void *arg)
{
	return at_pg_attempt(db, op, arg, false, at_pg_deadline(db));
}

struct page {
	enum at_pg_stmt stmt;
	int64_t after;
	at_pg_row *read;
	uint8_t *items;
	size_t size, cap, count;
};

static enum authtok_err
read_page(struct at_pg_conn *conn, void *arg)
{
	struct at_pg_params params = { .count = 0 };
	struct page *page = arg;
	const PGresult *result;
	enum authtok_err err;
	size_t i;

	at_pg_int(&params, page->after);
	at_pg_int(&params, (int64_t)page->cap);
	i = at_pg_add(conn, page->stmt, &params);
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	result = at_pg_result(conn, i);
	page->count = at_pg_rows(result);
	if (page->count > page->cap)
		return AUTHTOK_ESTORE;
	for (i = 0; i < page->count; i++)
		if (!page->read(result, i, page->items + i * page->size))
			return AUTHTOK_ESTORE;
	return AUTHTOK_OK;
}

enum authtok_err
at_pg_page(struct at_pgsql *db, enum at_pg_stmt stmt, int64_t after,
    at_pg_row *read, void *ret_items, size_t size, size_t cap,
    size_t *ret_count)
{
	struct page page = { .stmt = stmt,
		.after = after,
		.read = read,
		.items = ret_items,
		.size = size,
		.cap = cap };
	enum authtok_err err = at_pg_read(db, read_page, &page);

	if (err == AUTHTOK_OK)
		*ret_count = page.count;
	return err;
}

/* "ROLLBACK" is what COMMIT answers in a transaction that has failed. */
static enum authtok_err
commit(struct at_pg_conn *conn)
{
	size_t i = at_pg_add(conn, AT_PG_COMMIT, NULL);
	enum authtok_err err;

	conn->committing = true;
	err = at_pg_run(conn);
	if (err == AUTHTOK_OK &&
	    strcmp(PQcmdStatus(at_pg_result(conn, i)), "COMMIT") != 0)
		err = AUTHTOK_ESTORE;
	return err;
}

static void
roll_back(struct at_pg_conn *conn)
{
	if (conn->lost || PQtransactionStatus(conn->pg) == PQTRANS_IDLE)
		return;
	(void)at_pg_add(conn, AT_PG_ROLLBACK, NULL);
	if (at_pg_run(conn) != AUTHTOK_OK)
		conn->lost = true;
}

static enum authtok_err
transact(struct at_pg_conn *conn, at_pg_op *op, void *arg)
{
	enum authtok_err err;

	(void)at_pg_add(conn, AT_PG_BEGIN, NULL);
	err = op(conn, arg);
	if (err == AUTHTOK_OK && !conn->undo)
		err = commit(conn);
	else if (!conn->ran)
		(void)at_pg_run(conn);
	if (err != AUTHTOK_OK || conn->undo)
		roll_back(conn);
	return err;
}

enum authtok_err
at_pg_write(struct at_pgsql *db, at_pg_op *op, void *arg)
{
	int64_t deadline = at_pg_deadline(db);
	struct at_pg_conn *conn;
	enum authtok_err err;
	bool again;
	int tries = 0;

	do {
		err = at_pg_lease(db, deadline, &conn);
		if (err != AUTHTOK_OK)
			return err;
		err = transact(conn, op, arg);
		again = conn->again ||
		    (conn->lost && !conn->late && !conn->committing &&
			(err == AUTHTOK_ESTORE || err == AUTHTOK_EBUSY));
		at_pg_release(conn, err);
	} while (again && ++tries < AT_PG_TRIES);
	return err;
}
