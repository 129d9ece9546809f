/*
 * Sessions in SQLite: one row each, read and replaced in place at a refresh, in
 * one transaction. Revocations are in sqlite_revoke.c.
 */
#include "store/columns.h"
#include "store/sqlite_internal.h"

#include <string.h>

/* The columns that SESSION_COLUMNS names. */
static bool
read_session(sqlite3_stmt *stmt, struct authtok_session *s)
{
	uint8_t rotation[AT_ROTATION_LEN];

	s->user_id = sqlite3_column_int64(stmt, 1);
	s->created_at = sqlite3_column_int64(stmt, 2);
	s->expires_at = sqlite3_column_int64(stmt, 3);
	s->revoked_at = sqlite3_column_int64(stmt, 4);
	s->rotated_at = sqlite3_column_int64(stmt, 5);
	return at_column_blob(stmt, 0, s->sid, sizeof(s->sid)) &&
	    at_column_blob(stmt, 6, s->seed, sizeof(s->seed)) &&
	    at_column_blob(stmt, 7, rotation, sizeof(rotation)) &&
	    at_unpack_rotation(rotation, s) &&
	    at_column_text(stmt, 8, s->address, sizeof(s->address)) &&
	    at_column_text(stmt, 9, s->agent, sizeof(s->agent));
}

static enum authtok_err
step_session(sqlite3_stmt *stmt, struct authtok_session *ret_session,
    struct authtok_owner *ret_owner)
{
	struct authtok_session session;
	struct authtok_owner owner;
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_DONE)
		return AUTHTOK_EUNKNOWN;
	if (rc != SQLITE_ROW)
		return at_conn_err(rc);
	memset(&session, 0, sizeof(session));
	memset(&owner, 0, sizeof(owner));
	owner.epoch = sqlite3_column_int64(stmt, 10);
	owner.disabled = sqlite3_column_int64(stmt, 11) != 0;
	if (!read_session(stmt, &session) ||
	    !at_column_roles(stmt, 12, &owner.role_count, owner.roles))
		return AUTHTOK_ESTORE;
	*ret_session = session;
	*ret_owner = owner;
	return AUTHTOK_OK;
}

struct find_args {
	const uint8_t *sid;
	struct authtok_session *ret_session;
	struct authtok_owner *ret_owner;
};

static enum authtok_err
find(struct at_conn *conn, void *arg)
{
	const struct find_args *args = arg;
	sqlite3_stmt *stmt;
	enum authtok_err err =
	    at_conn_err(at_conn_stmt(conn, AT_STMT_SESSION_FIND, &stmt));

	if (err == AUTHTOK_OK) {
		at_bind_blob(stmt, 1, args->sid, AUTHTOK_SID_LEN);
		err = step_session(stmt, args->ret_session, args->ret_owner);
		at_stmt_done(stmt);
	}
	return err;
}

/*
 * Readers lose their page cache at every commit, the writer's is warm, and who
 * finds a session mostly goes on to write it: so this is done by whoever has
 * the writer, too; beside it after some waiting in vain.
 */
enum authtok_err
at_sqlite_session_find(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner)
{
	struct authtok_session session;
	struct authtok_owner owner;
	struct find_args args = { sid, &session, &owner };
	struct at_lease lease;
	enum authtok_err err = at_sqlite_statement(ctx, find, &args);

	/* another's failure is not ours */
	if (err == AUTHTOK_EBUSY || err == AUTHTOK_ESTORE) {
		err = at_lease_reader(ctx, &lease);
		if (err != AUTHTOK_OK)
			return err;
		err = find(lease.conn, &args);
		at_lease_end(&lease);
	}
	if (err == AUTHTOK_OK) {
		*ret_session = session;
		*ret_owner = owner;
	}
	return err;
}

enum authtok_err
at_sqlite_session_list(void *ctx, int64_t user_id, const uint8_t *after,
    struct authtok_session *ret_sessions, size_t cap, size_t *ret_count)
{
	struct at_lease lease;
	sqlite3_stmt *stmt;
	size_t count = 0;
	enum authtok_err err = at_lease_reader(ctx, &lease);
	int rc;

	if (err != AUTHTOK_OK)
		return err;
	rc = at_conn_stmt(lease.conn, AT_STMT_SESSION_LIST, &stmt);
	if (rc == SQLITE_OK) {
		at_bind_int(stmt, 1, user_id);
		/* every sid is greater than the empty blob */
		at_bind_blob(stmt, 2, after != NULL ? (const void *)after : "",
		    after != NULL ? AUTHTOK_SID_LEN : 0);
		at_bind_int(stmt, 3, (int64_t)cap);
		while (count < cap && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
			if (!read_session(stmt, &ret_sessions[count++])) {
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

struct session_args {
	const struct authtok_session *session;
	const uint8_t *sid;
	int64_t user_version;
	unsigned max_live;
	const struct authtok_act *act;
	uint8_t *rotation;
	const uint8_t *cas;
};

/* OK when the user is as the caller read it. */
static enum authtok_err
check_user(struct at_conn *conn, int64_t id, int64_t version)
{
	enum authtok_err err = AUTHTOK_OK;
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_USER_STATE, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		err = AUTHTOK_EUNKNOWN;
	else if (rc != SQLITE_ROW)
		err = at_conn_err(rc);
	else if (sqlite3_column_int64(stmt, 0) != version ||
	    sqlite3_column_int64(stmt, 2) != 0)
		err = AUTHTOK_ECHANGED;
	at_stmt_done(stmt);
	return err;
}

/* End the oldest sessions so that one more does not exceed max_live. */
static enum authtok_err
make_room(struct at_conn *conn, const struct session_args *args)
{
	int64_t live, user_id = args->session->user_id;
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_SESSION_LIVE, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, user_id);
	at_bind_int(stmt, 2, args->act->now);
	rc = sqlite3_step(stmt);
	live = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	at_stmt_done(stmt);
	if (rc != SQLITE_ROW)
		return at_conn_err(rc);
	if (live < (int64_t)args->max_live)
		return AUTHTOK_OK;
	return at_revoke_oldest(
	    conn, user_id, live - args->max_live + 1, args->act);
}

static enum authtok_err
create_session(struct at_conn *conn, void *arg)
{
	const struct session_args *args = arg;
	const struct authtok_session *s = args->session;
	enum authtok_err err = check_user(conn, s->user_id, args->user_version);
	sqlite3_stmt *stmt;
	int rc;

	if (err == AUTHTOK_OK && args->max_live > 0 && s->revoked_at == 0 &&
	    s->expires_at > args->act->now)
		err = make_room(conn, args);
	if (err != AUTHTOK_OK)
		return err;
	rc = at_conn_stmt(conn, AT_STMT_SESSION_INSERT, &stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_blob(stmt, 1, s->sid, sizeof(s->sid));
	at_bind_int(stmt, 2, s->user_id);
	at_bind_int(stmt, 3, s->created_at);
	at_bind_int(stmt, 4, s->expires_at);
	at_bind_int(stmt, 5, s->revoked_at);
	at_bind_int(stmt, 6, s->rotated_at);
	at_bind_blob(stmt, 7, s->seed, sizeof(s->seed));
	at_bind_blob(stmt, 8, args->rotation, AT_ROTATION_LEN);
	at_bind_text(stmt, 9, s->address, sizeof(s->address));
	at_bind_text(stmt, 10, s->agent, sizeof(s->agent));
	rc = at_stmt_run(stmt);
	if (rc == SQLITE_CONSTRAINT_UNIQUE)
		return AUTHTOK_EINVAL;
	return rc == SQLITE_OK ? at_audit_act(conn, args->act)
			       : at_conn_err(rc);
}

enum authtok_err
at_sqlite_session_create(void *ctx, const struct authtok_session *session,
    int64_t user_version, unsigned max_live, const struct authtok_act *act)
{
	uint8_t rotation[AT_ROTATION_LEN];
	struct session_args args = { .session = session,
		.user_version = user_version,
		.max_live = max_live,
		.act = act,
		.rotation = rotation };

	if (session->retry_count > AUTHTOK_RETRIES_MAX || !at_act_valid(act))
		return AUTHTOK_EINVAL;
	at_pack_rotation(session, rotation);
	return at_sqlite_write(ctx, create_session, &args);
}

/*
 * One statement, so it needs no transaction around it: SQLite takes the write
 * lock before it reads, and waits for it with the busy timeout.
 */
static enum authtok_err
swap(struct at_conn *conn, void *arg)
{
	const struct session_args *args = arg;
	const struct authtok_session *next = args->session;
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_SESSION_UPDATE, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, next->rotated_at);
	at_bind_blob(stmt, 2, args->rotation, AT_ROTATION_LEN);
	at_bind_text(stmt, 3, next->address, sizeof(next->address));
	at_bind_text(stmt, 4, next->agent, sizeof(next->agent));
	at_bind_blob(stmt, 5, next->sid, sizeof(next->sid));
	at_bind_blob(stmt, 6, args->cas, AT_CAS_LEN);
	rc = at_stmt_run(stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	return sqlite3_changes(conn->db) == 1 ? AUTHTOK_OK : AUTHTOK_ECHANGED;
}

static enum authtok_err
swap_with_record(struct at_conn *conn, void *arg)
{
	const struct session_args *args = arg;
	enum authtok_err err = swap(conn, arg);

	return err == AUTHTOK_OK ? at_audit_act(conn, args->act) : err;
}

/* What to say of a caller who wants a generation to fall. */
static enum authtok_err
refuse_fall(struct at_sqlite *db, const struct authtok_session *next,
    uint32_t gen, uint32_t branch)
{
	struct authtok_session now;
	struct authtok_owner owner;
	enum authtok_err err =
	    at_sqlite_session_find(db, next->sid, &now, &owner);

	if (err == AUTHTOK_OK && now.revoked_at == 0 && now.gen == gen &&
	    now.branch == branch)
		return AUTHTOK_EINVAL;
	return err == AUTHTOK_OK || err == AUTHTOK_EUNKNOWN ? AUTHTOK_ECHANGED
							    : err;
}

enum authtok_err
at_sqlite_session_update(void *ctx, const struct authtok_session *next,
    uint32_t gen, uint32_t branch, bool durable, const struct authtok_act *act)
{
	uint8_t rotation[AT_ROTATION_LEN], cas[AT_CAS_LEN];
	struct session_args args = {
		.session = next, .act = act, .rotation = rotation, .cas = cas
	};

	if (next->retry_count > AUTHTOK_RETRIES_MAX)
		return AUTHTOK_EINVAL;
	if (next->gen < gen)
		return refuse_fall(ctx, next, gen, branch);
	at_pack_rotation(next, rotation);
	at_pack_cas(gen, branch, cas);
	/* a record waits for the disk, also when the swap would not */
	if (durable || (act != NULL && act->record != NULL))
		return at_sqlite_write(ctx, swap_with_record, &args);
	return at_sqlite_statement(ctx, swap, &args);
}

/* ---- find, decide, swap -------------------------------------------------- */

struct change_args {
	struct find_args find;
	authtok_decide *decide;
	void *arg;
	bool changes, durable;
};

static enum authtok_err
find_and_decide(
    struct at_conn *conn, struct change_args *args, struct authtok_change *ret)
{
	enum authtok_err err = find(conn, &args->find);

	memset(ret, 0, sizeof(*ret));
	if (err == AUTHTOK_OK)
		err = args->decide(args->arg, ret);
	args->changes = err == AUTHTOK_OK && ret->next != NULL;
	args->durable = args->changes &&
	    (ret->durable || (ret->act != NULL && ret->act->record != NULL));
	return err;
}

static enum authtok_err
change(struct at_conn *conn, void *arg)
{
	struct change_args *args = arg;
	const struct authtok_session *row = args->find.ret_session;
	uint8_t rotation[AT_ROTATION_LEN], cas[AT_CAS_LEN];
	struct session_args swapped = { .rotation = rotation, .cas = cas };
	struct authtok_change wanted;
	enum authtok_err err = find_and_decide(conn, args, &wanted);

	if (err != AUTHTOK_OK || wanted.next == NULL)
		return err;
	if (wanted.next->retry_count > AUTHTOK_RETRIES_MAX)
		return AUTHTOK_EINVAL;
	if (row->revoked_at != 0)
		return AUTHTOK_ECHANGED;
	if (wanted.next->gen < row->gen)
		return AUTHTOK_EINVAL;
	at_pack_rotation(wanted.next, rotation);
	at_pack_cas(row->gen, row->branch, cas);
	swapped.session = wanted.next;
	swapped.act = wanted.act;
	return swap_with_record(conn, &swapped);
}

/* Who changes nothing does not depend on the writer, nor on those who share it. */
static enum authtok_err
decide_beside(
    struct at_sqlite *db, struct change_args *args, enum authtok_err err)
{
	struct authtok_change wanted;
	struct at_lease lease;
	enum authtok_err read;

	read = at_lease_reader(db, &lease);
	if (read != AUTHTOK_OK)
		return err;
	read = find_and_decide(lease.conn, args, &wanted);
	at_lease_end(&lease);
	return args->changes ? err : read;
}

enum authtok_err
at_sqlite_session_change(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner,
    authtok_decide *decide, void *arg)
{
	struct change_args args = {
		.find = { sid, ret_session, ret_owner },
		.decide = decide,
		.arg = arg,
	};
	enum authtok_err err =
	    at_sqlite_read_and_write(ctx, change, &args, &args.durable);

	/* a change may have been committed, and failed to reach the disk */
	if (!args.changes && (err == AUTHTOK_EBUSY || err == AUTHTOK_ESTORE))
		err = decide_beside(ctx, &args, err);
	return err;
}

static enum authtok_err
delete_session(struct at_conn *conn, void *arg)
{
	const struct session_args *args = arg;
	enum authtok_err err;
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_SESSION_DELETE, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_blob(stmt, 1, args->sid, AUTHTOK_SID_LEN);
	at_bind_blob(stmt, 2, args->cas, AT_CAS_LEN);
	rc = at_stmt_run(stmt);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	if (sqlite3_changes(conn->db) == 1)
		return AUTHTOK_OK;
	err = at_session_exists(conn, args->sid);
	if (err == AUTHTOK_EUNKNOWN)
		return AUTHTOK_OK; /* gone already */
	return err == AUTHTOK_OK ? AUTHTOK_ECHANGED : err;
}

enum authtok_err
at_sqlite_session_delete(
    void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch)
{
	uint8_t cas[AT_CAS_LEN];
	struct session_args args = { .sid = sid, .cas = cas };

	at_pack_cas(gen, branch, cas);
	return at_sqlite_write(ctx, delete_session, &args);
}
