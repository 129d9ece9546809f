/*
 * Revocations in PostgreSQL: a mark in the session's row, and an event of its
 * own that other processes poll for, always in one transaction. An event gets
 * its number behind the log's lock, so that who has seen one has seen all
 * before it.
 */
#include "store/pgsql_internal.h"

#include <string.h>

bool
at_pg_act_valid(const struct authtok_act *act)
{
	return act != NULL && act->now > 0;
}

void
at_pg_revoke_epoch(struct at_pg_conn *conn, int64_t user_id, int64_t epoch,
    const struct authtok_act *act)
{
	struct at_pg_params params = { .count = 0 };

	at_pg_int(&params, user_id);
	at_pg_int(&params, epoch);
	at_pg_int(&params, act->now);
	at_pg_int(&params, act->until);
	(void)at_pg_add(conn, AT_PG_EVENT_USER, &params);
}

static void
live_params(struct at_pg_params *params, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act)
{
	at_pg_int(params, user_id);
	at_pg_int(params, act->now);
	if (keep != NULL)
		at_pg_bytes(params, keep, AUTHTOK_SID_LEN);
	else
		at_pg_null(params);
}

void
at_pg_lock_live(struct at_pg_conn *conn, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act)
{
	struct at_pg_params params = { .count = 0 };

	live_params(&params, user_id, keep, act);
	(void)at_pg_add(conn, AT_PG_SESSION_LOCK_LIVE, &params);
}

size_t
at_pg_end_live(struct at_pg_conn *conn, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act)
{
	struct at_pg_params params = { .count = 0 };

	live_params(&params, user_id, keep, act);
	at_pg_int(&params, act->until);
	return at_pg_add(conn, AT_PG_SESSION_END_USER, &params);
}

struct revoke_args {
	const uint8_t *sid;
	int64_t user_id;
	const uint8_t *keep;
	const struct authtok_act *act;
	size_t count;
};

static enum authtok_err
revoke_one(struct at_pg_conn *conn, void *arg)
{
	const struct revoke_args *args = arg;
	struct at_pg_params params = { .count = 0 };
	struct at_pg_params one = { .count = 0 };
	size_t exists, revoked;
	struct at_pg_log log;
	enum authtok_err err;

	at_pg_bytes(&one, args->sid, AUTHTOK_SID_LEN);
	at_pg_bytes(&params, args->sid, AUTHTOK_SID_LEN);
	at_pg_int(&params, args->act->now);
	revoked = at_pg_add(conn, AT_PG_SESSION_REVOKE, &params);
	exists = at_pg_add(conn, AT_PG_SESSION_EXISTS, &one);
	at_pg_log_lock(conn, &log);
	at_pg_int(&params, args->act->until);
	(void)at_pg_add(conn, AT_PG_EVENT_SESSION, &params);
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	if (at_pg_changed(at_pg_result(conn, revoked)) == 0) {
		conn->undo = true;
		return at_pg_rows(at_pg_result(conn, exists)) > 0
		    ? AUTHTOK_OK
		    : AUTHTOK_EUNKNOWN;
	}
	err = at_pg_log_read(conn, &log);
	return err == AUTHTOK_OK ? at_pg_log_act(conn, &log, args->act, 0)
				 : err;
}

enum authtok_err
at_pg_session_revoke(
    void *ctx, const uint8_t *sid, const struct authtok_act *act)
{
	struct revoke_args args = { .sid = sid, .act = act };

	if (!at_pg_act_valid(act))
		return AUTHTOK_EINVAL;
	return at_pg_write(ctx, revoke_one, &args);
}

/* Queue that the user's tokens end, also those of sessions not known here. */
static void
raise_epoch(
    struct at_pg_conn *conn, const struct revoke_args *args, int64_t epoch)
{
	struct at_pg_params params = { .count = 0 };

	at_pg_int(&params, args->user_id);
	at_pg_int(&params, epoch);
	(void)at_pg_add(conn, AT_PG_USER_RAISE, &params);
}

static enum authtok_err
end_sessions(struct at_pg_conn *conn, struct revoke_args *args, int64_t epoch)
{
	struct at_pg_log log;
	enum authtok_err err;
	size_t ended;

	if (args->keep == NULL)
		raise_epoch(conn, args, epoch);
	at_pg_lock_live(conn, args->user_id, args->keep, args->act);
	at_pg_log_lock(conn, &log);
	ended = at_pg_end_live(conn, args->user_id, args->keep, args->act);
	if (args->keep == NULL)
		at_pg_revoke_epoch(conn, args->user_id, epoch, args->act);
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	args->count = at_pg_changed(at_pg_result(conn, ended));
	if (args->keep != NULL && args->count == 0) {
		conn->undo = true;
		return AUTHTOK_OK;
	}
	err = at_pg_log_read(conn, &log);
	return err == AUTHTOK_OK ? at_pg_log_act(conn, &log, args->act, 0)
				 : err;
}

static enum authtok_err
revoke_user(struct at_pg_conn *conn, void *arg)
{
	struct revoke_args *args = arg;
	size_t i = at_pg_user_lock(conn, args->user_id);
	enum authtok_err err = at_pg_run(conn);
	const PGresult *user;
	int64_t epoch = 0, stored;

	args->count = 0;
	if (err != AUTHTOK_OK)
		return err;
	user = at_pg_result(conn, i);
	/* who is not there has no sessions either */
	if (at_pg_rows(user) == 0) {
		conn->undo = true;
		return AUTHTOK_OK;
	}
	if (at_pg_read_int(user, 0, 1, &stored))
		epoch = authtok_epoch_next(stored, args->act->now);
	if (args->keep == NULL && epoch == 0)
		return AUTHTOK_ESTORE;
	return end_sessions(conn, args, epoch);
}

enum authtok_err
at_pg_session_revoke_user(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act, size_t *ret_count)
{
	struct revoke_args args = {
		.user_id = user_id, .keep = keep, .act = act
	};
	enum authtok_err err;

	if (!at_pg_act_valid(act))
		return AUTHTOK_EINVAL;
	err = at_pg_write(ctx, revoke_user, &args);
	if (err == AUTHTOK_OK)
		*ret_count = args.count;
	return err;
}

/* ---- reading ------------------------------------------------------------- */

static bool
read_event(const PGresult *result, size_t row, void *ret_event)
{
	struct authtok_revocation *event = ret_event;

	memset(event->sid, 0, sizeof(event->sid));
	if (!at_pg_read_int(result, row, 0, &event->seq) ||
	    !at_pg_read_int(result, row, 1, &event->user_id) ||
	    !at_pg_read_int(result, row, 2, &event->epoch) ||
	    !at_pg_read_int(result, row, 3, &event->at) ||
	    !at_pg_read_int(result, row, 4, &event->until))
		return false;
	return event->user_id != 0 ||
	    at_pg_get_bytes(result, row, 5, event->sid, sizeof(event->sid));
}

enum authtok_err
at_pg_revoked_since(void *ctx, int64_t after,
    struct authtok_revocation *ret_events, size_t cap, size_t *ret_count)
{
	return at_pg_page(ctx, AT_PG_EVENT_SINCE, after, read_event, ret_events,
	    sizeof(*ret_events), cap, ret_count);
}
