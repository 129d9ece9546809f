/*
 * Removing what is over, without an index and without holding the writer for
 * long: a reader looks through the rows in the order of their number, a piece
 * at a time and from where it stopped last, and the writer is asked only to
 * remove the few that were found, each under the same condition again, because
 * a refresh may have come between. After each few the writer is given back, and
 * goes to whoever has waited longest.
 *
 * Nothing here waits for the disk: nobody's answer depends on it, and it would
 * write out whatever refreshes have left in the log. A row that comes back after a power
 * cut is as dead as it was, since what ended it is older, and goes next time.
 */
#include "store/sqlite_internal.h"

#define PIECE 1024 /* rows a reader looks at before it lets go */
#define BATCH AT_SQLITE_PURGE_BATCH

struct table {
	enum at_stmt sweep, purge;
	bool idle; /* its condition knows idle_before */
};

static const struct table sessions = { AT_STMT_SESSION_SWEEP,
	AT_STMT_SESSION_PURGE, true };
static const struct table events = { AT_STMT_EVENT_SWEEP, AT_STMT_EVENT_PURGE,
	false };

struct sweep {
	const struct table *table;
	int64_t now, idle_before;
	int64_t cursor; /* the last number that was looked at */
	size_t looked;  /* in this call */
	bool end;       /* nothing comes after the cursor */
	bool over;      /* that was so once in this call */
	size_t want;    /* at most BATCH */
	size_t found;
	size_t removed; /* of those found */
	int64_t ids[BATCH];
};

static void
bind_condition(sqlite3_stmt *stmt, const struct sweep *sweep)
{
	at_bind_int(stmt, 2, sweep->now);
	if (sweep->table->idle)
		at_bind_int(stmt, 3, sweep->idle_before);
}

static int
look(struct at_conn *conn, struct sweep *sweep)
{
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, sweep->table->sweep, &stmt);

	if (rc != SQLITE_OK)
		return rc;
	at_bind_int(stmt, 1, sweep->cursor);
	bind_condition(stmt, sweep);
	at_bind_int(stmt, 4, PIECE);
	sweep->found = 0;
	sweep->end = true;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		sweep->cursor = sqlite3_column_int64(stmt, 0);
		if (sqlite3_column_int64(stmt, 1) != 0)
			sweep->ids[sweep->found++] = sweep->cursor;
		if (++sweep->looked % PIECE == 0 ||
		    sweep->found == sweep->want) {
			sweep->end = false;
			rc = SQLITE_DONE;
			break;
		}
	}
	at_stmt_done(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static enum authtok_err
remove_found(struct at_conn *conn, void *arg)
{
	struct sweep *sweep = arg;
	sqlite3_stmt *stmt;
	size_t i;
	int rc = at_conn_stmt(conn, sweep->table->purge, &stmt);

	sweep->removed = 0;
	for (i = 0; rc == SQLITE_OK && i < sweep->found; i++) {
		at_bind_int(stmt, 1, sweep->ids[i]);
		bind_condition(stmt, sweep);
		rc = at_stmt_run(stmt);
		if (rc == SQLITE_OK)
			sweep->removed += (size_t)sqlite3_changes(conn->db);
	}
	return at_conn_err(rc);
}

static enum authtok_err
sweep_piece(struct at_sqlite *db, struct sweep *sweep)
{
	struct at_lease lease;
	enum authtok_err err = at_lease_reader(db, &lease);

	if (err != AUTHTOK_OK)
		return err;
	err = at_conn_err(look(lease.conn, sweep));
	at_lease_end(&lease);
	sweep->removed = 0;
	if (err == AUTHTOK_OK && sweep->found > 0)
		err = at_sqlite_tidy(db, remove_found, sweep);
	return err;
}

/* Go once around, or until limit rows are gone or enough was looked at. */
static enum authtok_err
sweep_table(
    struct at_sqlite *db, struct sweep *sweep, size_t limit, size_t *removed)
{
	int64_t began = sweep->cursor;
	bool wrapped = began == 0;
	enum authtok_err err;

	while (*removed < limit && sweep->looked < AT_SQLITE_LOOK_MAX) {
		sweep->want = limit - *removed;
		if (sweep->want > BATCH)
			sweep->want = BATCH;
		err = sweep_piece(db, sweep);
		if (err != AUTHTOK_OK)
			return err;
		*removed += sweep->removed;
		if (sweep->end) {
			sweep->cursor = 0;
			sweep->over = true;
			if (wrapped)
				break;
			wrapped = true;
		} else if (wrapped && began > 0 && sweep->cursor >= began) {
			break;
		}
	}
	return AUTHTOK_OK;
}

enum authtok_err
at_sqlite_purge(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	struct at_sqlite *db = ctx;
	struct sweep sweep = {
		.table = &sessions, .now = now, .idle_before = idle_before
	};
	size_t removed = 0;
	enum authtok_err err;
	bool more;

	pthread_mutex_lock(&db->sweep_lock);
	sweep.cursor = db->session_cursor;
	err = sweep_table(db, &sweep, limit, &removed);
	db->session_cursor = sweep.cursor;
	db->sessions_over = db->sessions_over || sweep.over;
	if (err == AUTHTOK_OK) {
		sweep.table = &events;
		sweep.cursor = db->event_cursor;
		sweep.looked = 0;
		sweep.over = false;
		err = sweep_table(db, &sweep, limit, &removed);
		db->event_cursor = sweep.cursor;
		db->events_over = db->events_over || sweep.over;
	}
	more = !db->sessions_over || !db->events_over;
	if (!more)
		db->sessions_over = db->events_over = false;
	pthread_mutex_unlock(&db->sweep_lock);
	if (err == AUTHTOK_OK) {
		*ret_count = removed;
		*ret_more = more;
	}
	return err;
}
