/*
 * Revocations in SQLite: a mark in the session's row, and an event of its own
 * that other processes poll for, always in one transaction.
 */
#include "store/sqlite_internal.h"

#include <string.h>

bool
at_act_valid(const struct authtok_act *act)
{
	return act != NULL && act->now > 0;
}

enum authtok_err
at_revoke_epoch(struct at_conn *conn, int64_t user_id, int64_t epoch,
    const struct authtok_act *act)
{
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_EVENT_USER, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, user_id);
	at_bind_int(stmt, 2, epoch);
	at_bind_int(stmt, 3, act->now);
	at_bind_int(stmt, 4, act->until);
	return at_conn_err(at_stmt_run(stmt));
}

/* The record of each session that is about to end. */
static enum authtok_err
audit_oldest(struct at_conn *conn, int64_t user_id, int64_t count,
    const struct authtok_act *act)
{
	uint8_t sid[AUTHTOK_SID_LEN];
	enum authtok_err err = AUTHTOK_OK;
	sqlite3_stmt *stmt;
	int rc;

	if (act->limit_record == NULL)
		return AUTHTOK_OK;
	rc = at_conn_stmt(conn, AT_STMT_SESSION_OLDEST, &stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, user_id);
	at_bind_int(stmt, 2, act->now);
	at_bind_int(stmt, 3, count);
	while (err == AUTHTOK_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		err = at_column_blob(stmt, 0, sid, sizeof(sid))
		    ? at_audit_limit(conn, act, sid)
		    : AUTHTOK_ESTORE;
	at_stmt_done(stmt);
	if (err == AUTHTOK_OK && rc != SQLITE_DONE)
		err = at_conn_err(rc);
	return err;
}

/* The events first: afterwards the condition does not hold any more. */
static enum authtok_err
end_oldest(struct at_conn *conn, int64_t user_id, int64_t count,
    const struct authtok_act *act)
{
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_EVENT_OLDEST, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, user_id);
	at_bind_int(stmt, 2, act->now);
	at_bind_int(stmt, 3, count);
	at_bind_int(stmt, 4, act->until);
	rc = at_stmt_run(stmt);
	if (rc == SQLITE_OK)
		rc = at_conn_stmt(conn, AT_STMT_SESSION_REVOKE_OLDEST, &stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, user_id);
	at_bind_int(stmt, 2, act->now);
	at_bind_int(stmt, 3, count);
	return at_conn_err(at_stmt_run(stmt));
}

enum authtok_err
at_revoke_oldest(struct at_conn *conn, int64_t user_id, int64_t count,
    const struct authtok_act *act)
{
	enum authtok_err err = audit_oldest(conn, user_id, count, act);

	return err == AUTHTOK_OK ? end_oldest(conn, user_id, count, act) : err;
}

/* No sid is the empty blob: it keeps none. */
static void
bind_keep(sqlite3_stmt *stmt, int i, const uint8_t *keep)
{
	at_bind_blob(stmt, i, keep != NULL ? (const void *)keep : "",
	    keep != NULL ? AUTHTOK_SID_LEN : 0);
}

enum authtok_err
at_revoke_user(struct at_conn *conn, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act, size_t *ret_count)
{
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_EVENT_SESSIONS, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, user_id);
	at_bind_int(stmt, 2, act->now);
	at_bind_int(stmt, 3, act->until);
	bind_keep(stmt, 4, keep);
	rc = at_stmt_run(stmt);
	if (rc == SQLITE_OK)
		rc = at_conn_stmt(conn, AT_STMT_SESSION_REVOKE_USER, &stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, user_id);
	at_bind_int(stmt, 2, act->now);
	bind_keep(stmt, 4, keep);
	rc = at_stmt_run(stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	*ret_count = (size_t)sqlite3_changes(conn->db);
	return AUTHTOK_OK;
}

struct revoke_args {
	const uint8_t *sid;
	int64_t user_id;
	const uint8_t *keep;
	const struct authtok_act *act;
	size_t count;
};

enum authtok_err
at_session_exists(struct at_conn *conn, const uint8_t *sid)
{
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_SESSION_EXISTS, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_blob(stmt, 1, sid, AUTHTOK_SID_LEN);
	rc = sqlite3_step(stmt);
	at_stmt_done(stmt);
	if (rc == SQLITE_DONE)
		return AUTHTOK_EUNKNOWN;
	return rc == SQLITE_ROW ? AUTHTOK_OK : at_conn_err(rc);
}

static enum authtok_err
revoke_one(struct at_conn *conn, void *arg)
{
	const struct revoke_args *args = arg;
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_SESSION_REVOKE, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_blob(stmt, 1, args->sid, AUTHTOK_SID_LEN);
	at_bind_int(stmt, 2, args->act->now);
	rc = at_stmt_run(stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	if (sqlite3_changes(conn->db) == 0)
		return at_session_exists(conn, args->sid);
	rc = at_conn_stmt(conn, AT_STMT_EVENT_SESSION, &stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_blob(stmt, 1, args->sid, AUTHTOK_SID_LEN);
	at_bind_int(stmt, 2, args->act->now);
	at_bind_int(stmt, 3, args->act->until);
	rc = at_stmt_run(stmt);
	return rc == SQLITE_OK ? at_audit_act(conn, args->act)
			       : at_conn_err(rc);
}

enum authtok_err
at_sqlite_session_revoke(
    void *ctx, const uint8_t *sid, const struct authtok_act *act)
{
	struct revoke_args args = { .sid = sid, .act = act };

	if (!at_act_valid(act))
		return AUTHTOK_EINVAL;
	return at_sqlite_write(ctx, revoke_one, &args);
}

/* The user's tokens, also those of sessions that are not known here. */
static enum authtok_err
raise_epoch(struct at_conn *conn, const struct revoke_args *args)
{
	int64_t version = 0, epoch = 0;
	sqlite3_stmt *stmt;
	enum authtok_err err;
	int rc;

	err = at_user_state(conn, args->user_id, &version, &epoch);
	if (err != AUTHTOK_OK)
		return err;
	epoch = authtok_epoch_next(epoch, args->act->now);
	if (epoch == 0)
		return AUTHTOK_ESTORE;
	rc = at_conn_stmt(conn, AT_STMT_USER_RAISE, &stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, args->user_id);
	at_bind_int(stmt, 2, epoch);
	rc = at_stmt_run(stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	return at_revoke_epoch(conn, args->user_id, epoch, args->act);
}

static enum authtok_err
revoke_user(struct at_conn *conn, void *arg)
{
	struct revoke_args *args = arg;
	enum authtok_err err = AUTHTOK_OK;

	if (args->keep == NULL)
		err = raise_epoch(conn, args);
	/* who is not there has no sessions either */
	if (err == AUTHTOK_EUNKNOWN)
		return AUTHTOK_OK;
	if (err == AUTHTOK_OK)
		err = at_revoke_user(
		    conn, args->user_id, args->keep, args->act, &args->count);
	if (err != AUTHTOK_OK || (args->keep != NULL && args->count == 0))
		return err;
	return at_audit_act(conn, args->act);
}

enum authtok_err
at_sqlite_session_revoke_user(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act, size_t *ret_count)
{
	struct revoke_args args = {
		.user_id = user_id, .keep = keep, .act = act
	};
	enum authtok_err err;

	if (!at_act_valid(act))
		return AUTHTOK_EINVAL;
	err = at_sqlite_write(ctx, revoke_user, &args);
	if (err == AUTHTOK_OK)
		*ret_count = args.count;
	return err;
}

static bool
read_event(sqlite3_stmt *stmt, struct authtok_revocation *event)
{
	event->seq = sqlite3_column_int64(stmt, 0);
	event->user_id = sqlite3_column_int64(stmt, 1);
	event->epoch = sqlite3_column_int64(stmt, 2);
	event->at = sqlite3_column_int64(stmt, 4);
	event->until = sqlite3_column_int64(stmt, 5);
	memset(event->sid, 0, sizeof(event->sid));
	return event->user_id != 0 ||
	    at_column_blob(stmt, 3, event->sid, sizeof(event->sid));
}

enum authtok_err
at_sqlite_revoked_since(void *ctx, int64_t after,
    struct authtok_revocation *ret_events, size_t cap, size_t *ret_count)
{
	struct at_lease lease;
	sqlite3_stmt *stmt;
	size_t count = 0;
	enum authtok_err err = at_lease_reader(ctx, &lease);
	int rc;

	if (err != AUTHTOK_OK)
		return err;
	rc = at_conn_stmt(lease.conn, AT_STMT_EVENT_SINCE, &stmt);
	if (rc == SQLITE_OK) {
		at_bind_int(stmt, 1, after);
		at_bind_int(stmt, 2, (int64_t)cap);
		while (count < cap && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
			if (!read_event(stmt, &ret_events[count++])) {
				rc = SQLITE_CORRUPT;
				break;
			}
		at_stmt_done(stmt);
	}
	at_lease_end(&lease);
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		return at_conn_err(rc);
	*ret_count = count;
	return AUTHTOK_OK;
}
