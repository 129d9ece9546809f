/*
 * The audit log in SQLite. A record is the last thing that its act's
 * transaction writes, so there is one commit and one wait for the disk for
 * both. May know: store.h.
 */
#include "store/sqlite_internal.h"

#include <string.h>

/* The end of the log, or its beginning. */
struct place {
	int64_t seq;
	uint8_t mac[AUTHTOK_MAC_LEN];
};

/* EUNKNOWN when there is no row. */
static enum authtok_err
read_place(struct at_conn *conn, enum at_stmt id, struct place *place)
{
	enum authtok_err err = AUTHTOK_OK;
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, id, &stmt);

	place->seq = 0;
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		err = AUTHTOK_EUNKNOWN;
	else if (rc != SQLITE_ROW)
		err = at_conn_err(rc);
	else if (!at_column_blob(stmt, 1, place->mac, sizeof(place->mac)))
		err = AUTHTOK_ESTORE;
	else
		place->seq = sqlite3_column_int64(stmt, 0);
	at_stmt_done(stmt);
	return err;
}

/* It has its row from the migration on. */
static enum authtok_err
read_base(struct at_conn *conn, struct place *base)
{
	enum authtok_err err = read_place(conn, AT_STMT_AUDIT_BASE, base);

	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_ESTORE : err;
}

static enum authtok_err
read_last(struct at_conn *conn, struct place *last)
{
	enum authtok_err err = read_place(conn, AT_STMT_AUDIT_LAST, last);

	return err == AUTHTOK_EUNKNOWN ? read_base(conn, last) : err;
}

static enum authtok_err
insert(struct at_conn *conn, const struct authtok_audit_record *record)
{
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_AUDIT_INSERT, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, record->seq);
	at_bind_int(stmt, 2, record->at);
	at_bind_int(stmt, 3, record->user_id);
	at_bind_int(stmt, 4, record->event);
	at_bind_int(stmt, 5, record->count);
	at_bind_int(stmt, 6, record->key);
	/* what is not bound is NULL */
	if (record->has_sid)
		at_bind_blob(stmt, 7, record->sid, sizeof(record->sid));
	at_bind_text(stmt, 8, record->address, sizeof(record->address));
	at_bind_text(stmt, 9, record->detail, sizeof(record->detail));
	at_bind_blob(stmt, 10, record->mac, sizeof(record->mac));
	rc = at_stmt_run(stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	/* a constraint that is not ours may let it vanish in silence */
	return sqlite3_changes(conn->db) == 1 ? AUTHTOK_OK : AUTHTOK_ESTORE;
}

/* Chain the record to the newest one, and write it. */
static enum authtok_err
append(struct at_conn *conn, const struct authtok_act *act,
    struct authtok_audit_record *record)
{
	struct place last;
	enum authtok_err err = read_last(conn, &last);

	if (err != AUTHTOK_OK)
		return err;
	if (last.seq == INT64_MAX) /* not one of ours */
		return AUTHTOK_ESTORE;
	record->seq = last.seq + 1;
	/* the chain sees what will be read */
	if (!record->has_sid)
		memset(record->sid, 0, sizeof(record->sid));
	err = act->chain(act->chain_arg, last.mac, record);
	return err == AUTHTOK_OK ? insert(conn, record) : err;
}

enum authtok_err
at_audit_act_of(
    struct at_conn *conn, const struct authtok_act *act, int64_t user_id)
{
	struct authtok_audit_record record;

	if (act == NULL || act->record == NULL)
		return AUTHTOK_OK;
	record = *act->record;
	record.user_id = user_id;
	return append(conn, act, &record);
}

enum authtok_err
at_audit_act(struct at_conn *conn, const struct authtok_act *act)
{
	struct authtok_audit_record record;

	if (act == NULL || act->record == NULL)
		return AUTHTOK_OK;
	record = *act->record;
	return append(conn, act, &record);
}

enum authtok_err
at_audit_limit(
    struct at_conn *conn, const struct authtok_act *act, const uint8_t *sid)
{
	struct authtok_audit_record record = *act->limit_record;

	record.has_sid = true;
	memcpy(record.sid, sid, sizeof(record.sid));
	return append(conn, act, &record);
}

static enum authtok_err
append_alone(struct at_conn *conn, void *arg)
{
	return at_audit_act(conn, *(const struct authtok_act **)arg);
}

enum authtok_err
at_sqlite_audit_append(void *ctx, const struct authtok_act *act)
{
	if (act == NULL || act->record == NULL)
		return AUTHTOK_EINVAL;
	return at_sqlite_write(ctx, append_alone, &act);
}

static bool
column_u32(sqlite3_stmt *stmt, int i, uint32_t *out)
{
	int64_t value = sqlite3_column_int64(stmt, i);

	*out = (uint32_t)value;
	return value >= 0 && value <= UINT32_MAX;
}

static bool
read_columns(sqlite3_stmt *stmt, struct authtok_audit_record *record)
{
	record->at = sqlite3_column_int64(stmt, 1);
	record->user_id = sqlite3_column_int64(stmt, 2);
	record->has_sid = sqlite3_column_type(stmt, 6) != SQLITE_NULL;
	if (record->has_sid &&
	    !at_column_blob(stmt, 6, record->sid, sizeof(record->sid)))
		return false;
	return column_u32(stmt, 3, &record->event) &&
	    column_u32(stmt, 4, &record->count) &&
	    column_u32(stmt, 5, &record->key) &&
	    at_column_text(stmt, 7, record->address, sizeof(record->address)) &&
	    at_column_text(stmt, 8, record->detail, sizeof(record->detail)) &&
	    at_column_blob(stmt, 9, record->mac, sizeof(record->mac));
}

/*
 * What somebody made unreadable is a record of zeros, not a broken store: no
 * chain passes it, so that who follows the chain can say which one it is.
 */
static void
read_record(sqlite3_stmt *stmt, struct authtok_audit_record *record)
{
	memset(record, 0, sizeof(*record));
	if (!read_columns(stmt, record))
		memset(record, 0, sizeof(*record));
	record->seq = sqlite3_column_int64(stmt, 0);
}

enum authtok_err
at_sqlite_audit_list(void *ctx, int64_t after,
    struct authtok_audit_record *ret_records, size_t cap, size_t *ret_count)
{
	struct at_lease lease;
	sqlite3_stmt *stmt;
	size_t count = 0;
	enum authtok_err err = at_lease_reader(ctx, &lease);
	int rc;

	if (err != AUTHTOK_OK)
		return err;
	rc = at_conn_stmt(lease.conn, AT_STMT_AUDIT_LIST, &stmt);
	if (rc == SQLITE_OK) {
		at_bind_int(stmt, 1, after);
		at_bind_int(stmt, 2, (int64_t)cap);
		while (count < cap && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
			read_record(stmt, &ret_records[count++]);
		at_stmt_done(stmt);
	}
	at_lease_end(&lease);
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		return at_conn_err(rc);
	*ret_count = count;
	return AUTHTOK_OK;
}

enum authtok_err
at_sqlite_audit_base(
    void *ctx, int64_t *ret_seq, uint8_t ret_mac[AUTHTOK_MAC_LEN])
{
	struct at_lease lease;
	struct place base;
	enum authtok_err err = at_lease_point(ctx, &lease);

	if (err != AUTHTOK_OK)
		return err;
	err = read_place(lease.conn, AT_STMT_AUDIT_BASE, &base);
	at_lease_end(&lease);
	if (err != AUTHTOK_OK)
		return err;
	*ret_seq = base.seq;
	memcpy(ret_mac, base.mac, AUTHTOK_MAC_LEN);
	return AUTHTOK_OK;
}

struct cut {
	int64_t seq;
	const struct authtok_act *act;
};

static enum authtok_err
move_base(struct at_conn *conn, void *arg)
{
	const struct cut *cut = arg;
	struct place base, last;
	sqlite3_stmt *stmt;
	enum authtok_err err = read_base(conn, &base);
	int rc;

	if (err != AUTHTOK_OK || cut->seq <= base.seq)
		return err;
	err = read_last(conn, &last);
	if (err != AUTHTOK_OK)
		return err;
	if (cut->seq > last.seq)
		return AUTHTOK_EUNKNOWN;
	rc = at_conn_stmt(conn, AT_STMT_AUDIT_CUT, &stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, cut->seq);
	rc = at_stmt_run(stmt);
	/* when all records go it hangs on the base */
	return rc == SQLITE_OK ? at_audit_act(conn, cut->act) : at_conn_err(rc);
}

static enum authtok_err
remove_some(struct at_conn *conn, void *arg)
{
	size_t *removed = arg;
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_AUDIT_PURGE, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, AT_SQLITE_CUT_BATCH);
	rc = at_stmt_run(stmt);
	if (rc == SQLITE_OK)
		*removed = (size_t)sqlite3_changes(conn->db);
	return at_conn_err(rc);
}

/*
 * The base is the cut: no read goes behind it. The rows go afterwards, a few
 * at a time, so that nobody waits for a year's worth of records, nor for the
 * disk; what is left of a cut that was interrupted goes with the next one.
 */
enum authtok_err
at_sqlite_audit_cut(void *ctx, int64_t seq, const struct authtok_act *act)
{
	struct cut cut = { .seq = seq, .act = act };
	size_t removed = 0;
	enum authtok_err err;

	if (act == NULL || act->record == NULL)
		return AUTHTOK_EINVAL;
	err = at_sqlite_write(ctx, move_base, &cut);
	do {
		if (err == AUTHTOK_OK)
			err = at_sqlite_tidy(ctx, remove_some, &removed);
	} while (err == AUTHTOK_OK && removed == AT_SQLITE_CUT_BATCH);
	return err;
}
