/*
 * The audit log in PostgreSQL, and its lock: the row of audit_base. It is taken
 * when all else of a transaction is done that could wait for others, and ends
 * with the commit. So records are chained one after the other, and revocations,
 * which are written under it too, become visible in the order of their seq.
 * May know: store.h.
 */
#include "store/pgsql_internal.h"

#include <stdio.h>
#include <string.h>

void
at_pg_log_lock(struct at_pg_conn *conn, struct at_pg_log *log)
{
	/* two statements: the second sees what was committed under the lock */
	log->base_result = at_pg_add(conn, AT_PG_LOG_LOCK, NULL);
	log->last_result = at_pg_add(conn, AT_PG_AUDIT_LAST, NULL);
}

enum authtok_err
at_pg_log_read(const struct at_pg_conn *conn, struct at_pg_log *log)
{
	const PGresult *base = at_pg_result(conn, log->base_result);
	const PGresult *last = at_pg_result(conn, log->last_result);

	/* it has its row from the migration on */
	if (at_pg_rows(base) != 1 || at_pg_rows(last) != 1)
		return AUTHTOK_ESTORE;
	return at_pg_read_int(base, 0, 0, &log->base) &&
		at_pg_read_int(last, 0, 0, &log->seq) &&
		at_pg_get_bytes(last, 0, 1, log->mac, sizeof(log->mac))
	    ? AUTHTOK_OK
	    : AUTHTOK_ESTORE;
}

static void
insert(struct at_pg_conn *conn, const struct authtok_audit_record *record)
{
	struct at_pg_params params = { .count = 0 };

	at_pg_int(&params, record->seq);
	at_pg_int(&params, record->at);
	at_pg_int(&params, record->user_id);
	at_pg_int(&params, record->event);
	at_pg_int(&params, record->count);
	at_pg_int(&params, record->key);
	if (record->has_sid)
		at_pg_bytes(&params, record->sid, sizeof(record->sid));
	else
		at_pg_null(&params);
	at_pg_text(&params, record->address, sizeof(record->address));
	at_pg_text(&params, record->detail, sizeof(record->detail));
	at_pg_bytes(&params, record->mac, sizeof(record->mac));
	(void)at_pg_add(conn, AT_PG_AUDIT_INSERT, &params);
}

/* Chain the record to the newest one, and queue it. */
static enum authtok_err
append(struct at_pg_conn *conn, struct at_pg_log *log,
    const struct authtok_act *act, struct authtok_audit_record *record)
{
	enum authtok_err err;

	if (log->seq == INT64_MAX) /* not one of ours */
		return AUTHTOK_ESTORE;
	record->seq = log->seq + 1;
	/* the chain sees what will be read */
	if (!record->has_sid)
		memset(record->sid, 0, sizeof(record->sid));
	err = act->chain(act->chain_arg, log->mac, record);
	if (err != AUTHTOK_OK)
		return err;
	insert(conn, record);
	log->seq = record->seq;
	memcpy(log->mac, record->mac, sizeof(log->mac));
	/* a long row of them goes in pieces */
	return conn->queued + 4 > AT_PG_BATCH_MAX ? at_pg_run(conn)
						  : AUTHTOK_OK;
}

enum authtok_err
at_pg_log_act(struct at_pg_conn *conn, struct at_pg_log *log,
    const struct authtok_act *act, int64_t user_id)
{
	struct authtok_audit_record record;

	if (act == NULL || act->record == NULL)
		return AUTHTOK_OK;
	record = *act->record;
	if (user_id != 0)
		record.user_id = user_id;
	return append(conn, log, act, &record);
}

enum authtok_err
at_pg_log_limit(struct at_pg_conn *conn, struct at_pg_log *log,
    const struct authtok_act *act, const uint8_t *sid)
{
	struct authtok_audit_record record;

	if (act->limit_record == NULL)
		return AUTHTOK_OK;
	record = *act->limit_record;
	record.has_sid = true;
	memcpy(record.sid, sid, sizeof(record.sid));
	return append(conn, log, act, &record);
}

static enum authtok_err
append_alone(struct at_pg_conn *conn, void *arg)
{
	const struct authtok_act *act = arg;
	struct at_pg_log log;
	enum authtok_err err;

	at_pg_log_lock(conn, &log);
	err = at_pg_run(conn);
	if (err == AUTHTOK_OK)
		err = at_pg_log_read(conn, &log);
	return err == AUTHTOK_OK ? at_pg_log_act(conn, &log, act, 0) : err;
}

enum authtok_err
at_pg_audit_append(void *ctx, const struct authtok_act *act)
{
	struct authtok_act copy;

	if (act == NULL || act->record == NULL)
		return AUTHTOK_EINVAL;
	copy = *act;
	return at_pg_write(ctx, append_alone, &copy);
}

/* ---- reading ------------------------------------------------------------- */

static bool
get_u32(const PGresult *result, size_t row, int column, uint32_t *out)
{
	int64_t value = -1;

	(void)at_pg_read_int(result, row, column, &value);
	*out = (uint32_t)value;
	return value >= 0 && value <= UINT32_MAX;
}

static bool
read_columns(
    const PGresult *result, size_t row, struct authtok_audit_record *record)
{
	record->has_sid = !at_pg_is_null(result, row, 6);
	if (record->has_sid &&
	    !at_pg_get_bytes(result, row, 6, record->sid, sizeof(record->sid)))
		return false;
	return at_pg_read_int(result, row, 1, &record->at) &&
	    at_pg_read_int(result, row, 2, &record->user_id) &&
	    get_u32(result, row, 3, &record->event) &&
	    get_u32(result, row, 4, &record->count) &&
	    get_u32(result, row, 5, &record->key) &&
	    at_pg_get_text(
		result, row, 7, record->address, sizeof(record->address)) &&
	    at_pg_get_text(
		result, row, 8, record->detail, sizeof(record->detail)) &&
	    at_pg_get_bytes(result, row, 9, record->mac, sizeof(record->mac));
}

/*
 * What somebody made unreadable is a record of zeros, not a broken store: no
 * chain passes it, so that who follows the chain can say which one it is.
 */
static bool
read_record(const PGresult *result, size_t row, void *ret_record)
{
	struct authtok_audit_record *record = ret_record;

	memset(record, 0, sizeof(*record));
	if (!read_columns(result, row, record))
		memset(record, 0, sizeof(*record));
	record->seq = at_pg_get_int(result, row, 0);
	return true;
}

enum authtok_err
at_pg_audit_list(void *ctx, int64_t after,
    struct authtok_audit_record *ret_records, size_t cap, size_t *ret_count)
{
	return at_pg_page(ctx, AT_PG_AUDIT_LIST, after, read_record,
	    ret_records, sizeof(*ret_records), cap, ret_count);
}

static enum authtok_err
read_base(struct at_pg_conn *conn, void *arg)
{
	struct at_pg_log *log = arg;
	size_t i = at_pg_add(conn, AT_PG_AUDIT_BASE, NULL);
	enum authtok_err err = at_pg_run(conn);
	const PGresult *result;

	if (err != AUTHTOK_OK)
		return err;
	result = at_pg_result(conn, i);
	if (at_pg_rows(result) == 0)
		return AUTHTOK_EUNKNOWN;
	return at_pg_read_int(result, 0, 0, &log->base) &&
		at_pg_get_bytes(result, 0, 1, log->mac, sizeof(log->mac))
	    ? AUTHTOK_OK
	    : AUTHTOK_ESTORE;
}

enum authtok_err
at_pg_audit_base(void *ctx, int64_t *ret_seq, uint8_t ret_mac[AUTHTOK_MAC_LEN])
{
	struct at_pg_log log;
	enum authtok_err err = at_pg_read(ctx, read_base, &log);

	if (err != AUTHTOK_OK)
		return err;
	*ret_seq = log.base;
	memcpy(ret_mac, log.mac, AUTHTOK_MAC_LEN);
	return AUTHTOK_OK;
}

/* ---- cutting ------------------------------------------------------------- */

struct cut {
	int64_t seq;
	const struct authtok_act *act;
};

static enum authtok_err
move_base(struct at_pg_conn *conn, void *arg)
{
	struct at_pg_params params = { .count = 0 };
	const struct cut *cut = arg;
	struct at_pg_log log;
	enum authtok_err err;

	at_pg_log_lock(conn, &log);
	err = at_pg_run(conn);
	if (err == AUTHTOK_OK)
		err = at_pg_log_read(conn, &log);
	if (err != AUTHTOK_OK)
		return err;
	if (cut->seq <= log.base) {
		conn->undo = true;
		return AUTHTOK_OK;
	}
	if (cut->seq > log.seq)
		return AUTHTOK_EUNKNOWN;
	at_pg_int(&params, cut->seq);
	(void)at_pg_add(conn, AT_PG_AUDIT_CUT, &params);
	/* when all records go it hangs on the base */
	return at_pg_log_act(conn, &log, cut->act, 0);
}

static enum authtok_err
remove_some(struct at_pg_conn *conn, void *arg)
{
	struct at_pg_params params = { .count = 0 };
	int64_t *removed = arg;
	enum authtok_err err;
	size_t i;

	at_pg_int(&params, AT_PG_CUT_BATCH);
	i = at_pg_add(conn, AT_PG_AUDIT_PURGE, &params);
	err = at_pg_run(conn);
	if (err == AUTHTOK_OK)
		*removed = at_pg_get_int(at_pg_result(conn, i), 0, 0);
	return err;
}

/*
 * The base is the cut: no read goes behind it. The rows go afterwards, a part
 * at a time, so that nobody waits for a year's worth of records, nor for the
 * disk; what is left of a cut that was interrupted goes with the next one.
 */
enum authtok_err
at_pg_audit_cut(void *ctx, int64_t seq, const struct authtok_act *act)
{
	struct cut cut = { .seq = seq, .act = act };
	int64_t removed = 0;
	enum authtok_err err;

	if (act == NULL || act->record == NULL)
		return AUTHTOK_EINVAL;
	err = at_pg_write(ctx, move_base, &cut);
	do {
		if (err == AUTHTOK_OK)
			err = at_pg_once(ctx, remove_some, &removed);
	} while (err == AUTHTOK_OK && removed == AT_PG_CUT_BATCH);
	return err;
}
