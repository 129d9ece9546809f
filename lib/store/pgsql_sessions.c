/*
 * Sessions in PostgreSQL. A refresh is a find and a conditional update, each of
 * them one statement that shares its round trip with those of others. To hold
 * the row locked from the one to the other would be two statements more, gains
 * nothing, and leaves nothing to share: each would hold its row while it decides.
 */
#include "store/columns.h"
#include "store/pgsql_internal.h"

#include <string.h>

/* ---- finding ------------------------------------------------------------- */

/* The columns that SESSION_COLUMNS names. */
static bool
read_session(const PGresult *result, size_t row, struct authtok_session *s)
{
	uint8_t rotation[AT_ROTATION_LEN];

	return at_pg_get_bytes(result, row, 0, s->sid, sizeof(s->sid)) &&
	    at_pg_read_int(result, row, 1, &s->user_id) &&
	    at_pg_read_int(result, row, 2, &s->created_at) &&
	    at_pg_read_int(result, row, 3, &s->expires_at) &&
	    at_pg_read_int(result, row, 4, &s->revoked_at) &&
	    at_pg_read_int(result, row, 5, &s->rotated_at) &&
	    at_pg_get_bytes(result, row, 6, s->seed, sizeof(s->seed)) &&
	    at_pg_get_bytes(result, row, 7, rotation, sizeof(rotation)) &&
	    at_unpack_rotation(rotation, s) &&
	    at_pg_get_text(result, row, 8, s->address, sizeof(s->address)) &&
	    at_pg_get_text(result, row, 9, s->agent, sizeof(s->agent));
}

static enum authtok_err
read_found(const PGresult *result, struct authtok_session *ret_session,
    struct authtok_owner *ret_owner)
{
	struct authtok_session session;
	struct authtok_owner owner;

	if (at_pg_rows(result) == 0)
		return AUTHTOK_EUNKNOWN;
	memset(&session, 0, sizeof(session));
	memset(&owner, 0, sizeof(owner));
	if (!read_session(result, 0, &session) ||
	    !at_pg_read_int(result, 0, 10, &owner.epoch) ||
	    !at_pg_read_bool(result, 0, 11, &owner.disabled) ||
	    !at_pg_get_roles(result, 0, 12, &owner.role_count, owner.roles))
		return AUTHTOK_ESTORE;
	*ret_session = session;
	*ret_owner = owner;
	return AUTHTOK_OK;
}

enum authtok_err
at_pg_session_find(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner)
{
	struct at_pgsql *db = ctx;
	struct at_pg_params params = { .count = 0 };
	struct at_pg_job job = {
		.stmt = AT_PG_SESSION_FIND, .params = &params, .sid = sid
	};
	enum authtok_err err;

	at_pg_bytes(&params, sid, AUTHTOK_SID_LEN);
	err = at_pg_job_run(db, &db->finds, &job);
	if (err == AUTHTOK_OK)
		err = read_found(job.result, ret_session, ret_owner);
	PQclear(job.result);
	return err;
}

struct list_args {
	int64_t user_id;
	uint8_t from[AUTHTOK_SID_LEN];
	struct authtok_session *sessions;
	size_t cap, count;
};

static enum authtok_err
list(struct at_pg_conn *conn, void *arg)
{
	struct at_pg_params params = { .count = 0 };
	struct list_args *args = arg;
	const PGresult *result;
	enum authtok_err err;
	size_t i;

	at_pg_int(&params, args->user_id);
	at_pg_bytes(&params, args->from, sizeof(args->from));
	at_pg_int(&params, (int64_t)args->cap);
	i = at_pg_add(conn, AT_PG_SESSION_LIST, &params);
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	result = at_pg_result(conn, i);
	args->count = at_pg_rows(result);
	if (args->count > args->cap)
		return AUTHTOK_ESTORE;
	for (i = 0; i < args->count; i++)
		if (!read_session(result, i, &args->sessions[i]))
			return AUTHTOK_ESTORE;
	return AUTHTOK_OK;
}

/* The sid after this one; false when there is none. */
static bool
next_sid(const uint8_t *sid, uint8_t out[AUTHTOK_SID_LEN])
{
	size_t i = AUTHTOK_SID_LEN;

	memcpy(out, sid, AUTHTOK_SID_LEN);
	while (i-- > 0)
		if (++out[i] != 0)
			return true;
	return false;
}

enum authtok_err
at_pg_session_list(void *ctx, int64_t user_id, const uint8_t *after,
    struct authtok_session *ret_sessions, size_t cap, size_t *ret_count)
{
	struct list_args args = {
		.user_id = user_id, .sessions = ret_sessions, .cap = cap
	};
	enum authtok_err err = AUTHTOK_OK;

	if (after == NULL || next_sid(after, args.from))
		err = at_pg_read(ctx, list, &args);
	if (err == AUTHTOK_OK)
		*ret_count = args.count;
	return err;
}

/* ---- creating ------------------------------------------------------------ */

struct create_args {
	const struct authtok_session *session;
	int64_t user_version;
	unsigned max_live;
	const struct authtok_act *act;
	const uint8_t *rotation;
};

/* Whether there is a limit that this session counts for. */
static bool
is_limited(const struct create_args *args)
{
	return args->max_live > 0 && args->session->revoked_at == 0 &&
	    args->session->expires_at > args->act->now;
}

/*
 * Lock the user, so that nobody else changes how many sessions there are; OK
 * when he is as the caller read him.
 */
static enum authtok_err
check_user(
    struct at_pg_conn *conn, const struct create_args *args, int64_t *ret_live)
{
	const struct authtok_session *s = args->session;
	struct at_pg_params params = { .count = 0 };
	size_t i = at_pg_user_lock(conn, s->user_id), live;
	const PGresult *user;
	int64_t version;
	enum authtok_err err;
	bool disabled;

	at_pg_int(&params, s->user_id);
	at_pg_int(&params, args->act->now);
	live =
	    is_limited(args) ? at_pg_add(conn, AT_PG_SESSION_LIVE, &params) : 0;
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	user = at_pg_result(conn, i);
	if (at_pg_rows(user) == 0)
		return AUTHTOK_EUNKNOWN;
	if (!at_pg_read_int(user, 0, 0, &version) ||
	    !at_pg_read_bool(user, 0, 2, &disabled))
		return AUTHTOK_ESTORE;
	if (version != args->user_version || disabled)
		return AUTHTOK_ECHANGED;
	*ret_live = is_limited(args)
	    ? at_pg_get_int(at_pg_result(conn, live), 0, 0)
	    : 0;
	return AUTHTOK_OK;
}

static size_t
insert(struct at_pg_conn *conn, const struct create_args *args)
{
	const struct authtok_session *s = args->session;
	struct at_pg_params params = { .count = 0 };

	at_pg_bytes(&params, s->sid, sizeof(s->sid));
	at_pg_int(&params, s->user_id);
	at_pg_int(&params, s->created_at);
	at_pg_int(&params, s->expires_at);
	at_pg_int(&params, s->revoked_at);
	at_pg_int(&params, s->rotated_at);
	at_pg_bytes(&params, s->seed, sizeof(s->seed));
	at_pg_bytes(&params, args->rotation, AT_ROTATION_LEN);
	at_pg_text(&params, s->address, sizeof(s->address));
	at_pg_text(&params, s->agent, sizeof(s->agent));
	return at_pg_add(conn, AT_PG_SESSION_INSERT, &params);
}

/* Queue a statement about the sessions that leave room for the new one. */
static size_t
add_oldest(
    struct at_pg_conn *conn, const struct create_args *args, enum at_pg_stmt id)
{
	struct at_pg_params params = { .count = 0 };

	at_pg_int(&params, args->session->user_id);
	at_pg_int(&params, args->act->now);
	at_pg_int(&params, (int64_t)args->max_live - 1);
	at_pg_bytes(&params, args->session->sid, AUTHTOK_SID_LEN);
	if (id == AT_PG_SESSION_END_OLDEST)
		at_pg_int(&params, args->act->until);
	return at_pg_add(conn, id, &params);
}

/* The record of each session that ended, then the act's own. */
static enum authtok_err
say_ended(struct at_pg_conn *conn, struct at_pg_log *log,
    const struct authtok_act *act, const PGresult *ended)
{
	uint8_t sid[AUTHTOK_SID_LEN];
	enum authtok_err err = AUTHTOK_OK;
	size_t i, count = ended != NULL ? at_pg_rows(ended) : 0;

	for (i = 0; err == AUTHTOK_OK && i < count; i++)
		err = at_pg_get_bytes(ended, i, 0, sid, sizeof(sid))
		    ? at_pg_log_limit(conn, log, act, sid)
		    : AUTHTOK_ESTORE;
	return err == AUTHTOK_OK ? at_pg_log_act(conn, log, act, 0) : err;
}

static enum authtok_err
create(struct at_pg_conn *conn, void *arg)
{
	const struct create_args *args = arg;
	bool full, logged;
	size_t inserted, oldest = 0;
	struct at_pg_log log;
	PGresult *ended = NULL;
	int64_t live;
	enum authtok_err err = check_user(conn, args, &live);

	if (err != AUTHTOK_OK)
		return err;
	full = is_limited(args) && live >= (int64_t)args->max_live;
	logged = full || args->act->record != NULL;
	inserted = insert(conn, args);
	if (full) {
		at_pg_lock_live(conn, args->session->user_id, NULL, args->act);
		oldest = add_oldest(conn, args, AT_PG_SESSION_OLDEST);
	}
	if (logged)
		at_pg_log_lock(conn, &log);
	if (full)
		(void)add_oldest(conn, args, AT_PG_SESSION_END_OLDEST);
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	if (at_pg_changed(at_pg_result(conn, inserted)) != 1)
		return AUTHTOK_EINVAL;
	if (!logged)
		return AUTHTOK_OK;
	err = at_pg_log_read(conn, &log);
	if (full)
		ended = at_pg_take(conn, oldest);
	if (err == AUTHTOK_OK)
		err = say_ended(conn, &log, args->act, ended);
	PQclear(ended);
	return err;
}

enum authtok_err
at_pg_session_create(void *ctx, const struct authtok_session *session,
    int64_t user_version, unsigned max_live, const struct authtok_act *act)
{
	uint8_t rotation[AT_ROTATION_LEN];
	struct create_args args = { session, user_version, max_live, act,
		rotation };

	if (session->retry_count > AUTHTOK_RETRIES_MAX || !at_pg_act_valid(act))
		return AUTHTOK_EINVAL;
	at_pack_rotation(session, rotation);
	return at_pg_write(ctx, create, &args);
}

/* ---- compare and swap ---------------------------------------------------- */

struct swap_args {
	struct at_pg_params params;
	const struct authtok_act *act;
	uint8_t rotation[AT_ROTATION_LEN], cas[AT_CAS_LEN];
};

static void
swap_params(struct swap_args *args, const struct authtok_session *next,
    uint32_t gen, uint32_t branch)
{
	struct at_pg_params *params = &args->params;

	params->count = 0;
	at_pack_rotation(next, args->rotation);
	at_pack_cas(gen, branch, args->cas);
	at_pg_int(params, next->rotated_at);
	at_pg_bytes(params, args->rotation, AT_ROTATION_LEN);
	at_pg_text(params, next->address, sizeof(next->address));
	at_pg_text(params, next->agent, sizeof(next->agent));
	at_pg_bytes(params, next->sid, sizeof(next->sid));
	at_pg_bytes(params, args->cas, AT_CAS_LEN);
}

static enum authtok_err
swap_with_record(struct at_pg_conn *conn, void *arg)
{
	struct swap_args *args = arg;
	size_t i = at_pg_add(conn, AT_PG_SESSION_UPDATE, &args->params);
	struct at_pg_log log;
	enum authtok_err err;

	at_pg_log_lock(conn, &log);
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	if (at_pg_changed(at_pg_result(conn, i)) != 1)
		return AUTHTOK_ECHANGED;
	err = at_pg_log_read(conn, &log);
	return err == AUTHTOK_OK ? at_pg_log_act(conn, &log, args->act, 0)
				 : err;
}

/* One statement, and one winner: who waits for the row compares it anew. */
static enum authtok_err
swap(struct at_pgsql *db, const struct authtok_session *next, bool durable,
    const struct swap_args *args)
{
	struct at_pg_job job = { .stmt = AT_PG_SESSION_UPDATE,
		.params = &args->params,
		.sid = next->sid };
	enum authtok_err err =
	    at_pg_job_run(db, durable ? &db->durable_swaps : &db->swaps, &job);

	if (err == AUTHTOK_OK && at_pg_changed(job.result) != 1)
		err = AUTHTOK_ECHANGED;
	PQclear(job.result);
	return err;
}

/* What to say of a caller who wants a generation to fall. */
static enum authtok_err
refuse_fall(struct at_pgsql *db, const struct authtok_session *next,
    uint32_t gen, uint32_t branch)
{
	struct authtok_session now;
	struct authtok_owner owner;
	enum authtok_err err = at_pg_session_find(db, next->sid, &now, &owner);

	if (err == AUTHTOK_OK && now.revoked_at == 0 && now.gen == gen &&
	    now.branch == branch)
		return AUTHTOK_EINVAL;
	return err == AUTHTOK_OK || err == AUTHTOK_EUNKNOWN ? AUTHTOK_ECHANGED
							    : err;
}

enum authtok_err
at_pg_session_update(void *ctx, const struct authtok_session *next,
    uint32_t gen, uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct swap_args args;

	if (next->retry_count > AUTHTOK_RETRIES_MAX)
		return AUTHTOK_EINVAL;
	if (next->gen < gen)
		return refuse_fall(ctx, next, gen, branch);
	swap_params(&args, next, gen, branch);
	args.act = act;
	/* a record waits for the disk, also when the swap would not */
	if (act != NULL && act->record != NULL)
		return at_pg_write(ctx, swap_with_record, &args);
	return swap(ctx, next, durable, &args);
}

/* ---- removing ------------------------------------------------------------ */

struct delete_args {
	const uint8_t *sid;
	uint8_t cas[AT_CAS_LEN];
};

static enum authtok_err
remove_session(struct at_pg_conn *conn, void *arg)
{
	const struct delete_args *args = arg;
	struct at_pg_params one = { .count = 0 }, params = { .count = 0 };
	size_t removed, exists;
	enum authtok_err err;

	at_pg_bytes(&one, args->sid, AUTHTOK_SID_LEN);
	at_pg_bytes(&params, args->sid, AUTHTOK_SID_LEN);
	at_pg_bytes(&params, args->cas, AT_CAS_LEN);
	removed = at_pg_add(conn, AT_PG_SESSION_DELETE, &params);
	exists = at_pg_add(conn, AT_PG_SESSION_EXISTS, &one);
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	if (at_pg_changed(at_pg_result(conn, removed)) == 0 &&
	    at_pg_rows(at_pg_result(conn, exists)) > 0)
		return AUTHTOK_ECHANGED;
	return AUTHTOK_OK;
}

enum authtok_err
at_pg_session_delete(
    void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch)
{
	struct delete_args args = { .sid = sid };

	at_pack_cas(gen, branch, args.cas);
	return at_pg_once(ctx, remove_session, &args);
}
