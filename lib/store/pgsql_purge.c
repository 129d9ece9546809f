/*
 * Removing what is over. Sessions need no index for that: the table is looked
 * through page by page, from where the last call stopped, each piece in a
 * statement of its own that waits for nobody, since it passes over rows that
 * others hold. Nothing here waits for the disk: a row that comes back after a
 * power cut is as dead as it was, and goes next time.
 */
#include "store/pgsql_internal.h"

struct sweep {
	int64_t now, idle_before;
	int64_t page;   /* the next one to look at */
	int64_t pages;  /* of the table */
	int64_t looked; /* pages, in this call */
	bool over;      /* the end was reached once in this call */
	int64_t want;   /* rows at most */
	int64_t removed;
};

/* A row's place, as type tid is sent: block, offset. */
static void
add_place(struct at_pg_params *params, int64_t page)
{
	uint8_t *at = params->ints[params->count];

	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)((uint64_t)page >> (24 - 8 * i));
	at[4] = at[5] = 0;
	at_pg_bytes(params, at, 6);
}

static enum authtok_err
sweep_piece(struct at_pg_conn *conn, void *arg)
{
	struct at_pg_params params = { .count = 0 };
	struct sweep *sweep = arg;
	const PGresult *result;
	enum authtok_err err;
	size_t i;

	at_pg_int(&params, sweep->now);
	at_pg_int(&params, sweep->idle_before);
	add_place(&params, sweep->page);
	add_place(&params, sweep->page + AT_PG_PIECE);
	at_pg_int(&params, sweep->want);
	i = at_pg_add(conn, AT_PG_SESSION_SWEEP, &params);
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	result = at_pg_result(conn, i);
	sweep->removed = at_pg_get_int(result, 0, 0);
	sweep->pages = at_pg_get_int(result, 0, 1);
	return AUTHTOK_OK;
}

static enum authtok_err
purge_events(struct at_pg_conn *conn, void *arg)
{
	struct at_pg_params params = { .count = 0 };
	struct sweep *sweep = arg;
	enum authtok_err err;
	size_t i;

	at_pg_int(&params, sweep->now);
	at_pg_int(&params, sweep->want);
	i = at_pg_add(conn, AT_PG_EVENT_PURGE, &params);
	err = at_pg_run(conn);
	if (err == AUTHTOK_OK)
		sweep->removed = at_pg_get_int(at_pg_result(conn, i), 0, 0);
	return err;
}

static int64_t
batch(size_t limit, size_t removed)
{
	return limit - removed < AT_PG_PURGE_BATCH ? (int64_t)(limit - removed)
						   : AT_PG_PURGE_BATCH;
}

/* Go once around, or until limit rows are gone or enough was looked at. */
static enum authtok_err
sweep_sessions(
    struct at_pgsql *db, struct sweep *sweep, size_t limit, size_t *removed)
{
	int64_t began = sweep->page;
	bool wrapped = began == 0;
	enum authtok_err err;

	while (*removed < limit && sweep->looked < AT_PG_LOOK_MAX) {
		sweep->want = batch(limit, *removed);
		err = at_pg_once(db, sweep_piece, sweep);
		if (err != AUTHTOK_OK)
			return err;
		*removed += (size_t)sweep->removed;
		if (sweep->removed == sweep->want)
			continue; /* there may be more of them */
		sweep->page += AT_PG_PIECE;
		sweep->looked += AT_PG_PIECE;
		if (sweep->page >= sweep->pages) {
			sweep->page = 0;
			sweep->over = true;
			if (wrapped)
				break;
			wrapped = true;
		} else if (wrapped && began > 0 && sweep->page >= began) {
			break;
		}
	}
	return AUTHTOK_OK;
}

/* True in *ret_over when none is left. */
static enum authtok_err
sweep_events(struct at_pgsql *db, struct sweep *sweep, size_t limit,
    size_t *removed, bool *ret_over)
{
	enum authtok_err err;

	*ret_over = false;
	while (*removed < limit && !*ret_over) {
		sweep->want = batch(limit, *removed);
		err = at_pg_once(db, purge_events, sweep);
		if (err != AUTHTOK_OK)
			return err;
		*removed += (size_t)sweep->removed;
		*ret_over = sweep->removed < sweep->want;
	}
	return AUTHTOK_OK;
}

enum authtok_err
at_pg_purge(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	struct at_pgsql *db = ctx;
	struct sweep sweep = { .now = now, .idle_before = idle_before };
	bool over = false, more = true;
	size_t removed = 0;
	enum authtok_err err;

	pthread_mutex_lock(&db->sweep_lock);
	sweep.page = db->sweep_page;
	err = sweep_sessions(db, &sweep, limit, &removed);
	db->sweep_page = sweep.page;
	db->sweep_over = db->sweep_over || sweep.over;
	if (err == AUTHTOK_OK)
		err = sweep_events(db, &sweep, limit, &removed, &over);
	if (err == AUTHTOK_OK && over && db->sweep_over) {
		db->sweep_over = false;
		more = false;
	}
	pthread_mutex_unlock(&db->sweep_lock);
	if (err == AUTHTOK_OK) {
		*ret_count = removed;
		*ret_more = more;
	}
	return err;
}
