/*
 * Users in SQLite. Names and addresses are compared by NOCASE, which folds
 * ASCII only; no address is NULL, so that there may be any number.
 */
#include "store/columns.h"
#include "store/sqlite_internal.h"

#include <string.h>

bool
at_column_roles(sqlite3_stmt *stmt, int i, size_t *ret_count,
    char (*roles)[AUTHTOK_ROLE_MAX + 1])
{
	char text[AT_ROLES_TEXT];

	return at_column_text(stmt, i, text, sizeof(text)) &&
	    at_split_roles(text, ret_count, roles);
}

static bool
read_user(sqlite3_stmt *stmt, struct authtok_user *user)
{
	user->id = sqlite3_column_int64(stmt, 0);
	user->version = sqlite3_column_int64(stmt, 1);
	user->epoch = sqlite3_column_int64(stmt, 2);
	user->created_at = sqlite3_column_int64(stmt, 3);
	user->disabled = sqlite3_column_int64(stmt, 4) != 0;
	return at_column_text(stmt, 5, user->name, sizeof(user->name)) &&
	    at_column_text(stmt, 6, user->email, sizeof(user->email)) &&
	    at_column_text(stmt, 7, user->hash, sizeof(user->hash)) &&
	    at_column_roles(stmt, 8, &user->role_count, user->roles);
}

/* One user by a statement that is bound. */
static enum authtok_err
step_user(sqlite3_stmt *stmt, struct authtok_user *ret_user)
{
	struct authtok_user user;
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_DONE)
		return AUTHTOK_EUNKNOWN;
	if (rc != SQLITE_ROW)
		return at_conn_err(rc);
	memset(&user, 0, sizeof(user));
	if (!read_user(stmt, &user))
		return AUTHTOK_ESTORE;
	*ret_user = user;
	return AUTHTOK_OK;
}

enum authtok_err
at_sqlite_user_find(void *ctx, int64_t id, struct authtok_user *ret_user)
{
	struct at_lease lease;
	sqlite3_stmt *stmt;
	enum authtok_err err = at_lease_point(ctx, &lease);

	if (err != AUTHTOK_OK)
		return err;
	err = at_conn_err(at_conn_stmt(lease.conn, AT_STMT_USER_BY_ID, &stmt));
	if (err == AUTHTOK_OK) {
		at_bind_int(stmt, 1, id);
		err = step_user(stmt, ret_user);
		at_stmt_done(stmt);
	}
	at_lease_end(&lease);
	return err;
}

static enum authtok_err
find_text(struct at_sqlite *db, enum at_stmt id, const char *text, size_t size,
    struct authtok_user *ret_user)
{
	struct at_lease lease;
	sqlite3_stmt *stmt;
	enum authtok_err err = at_lease_point(db, &lease);

	if (err != AUTHTOK_OK)
		return err;
	err = at_conn_err(at_conn_stmt(lease.conn, id, &stmt));
	if (err == AUTHTOK_OK) {
		/* one byte more than any that is stored: finds nothing */
		at_bind_text(stmt, 1, text, size);
		err = step_user(stmt, ret_user);
		at_stmt_done(stmt);
	}
	at_lease_end(&lease);
	return err;
}

enum authtok_err
at_sqlite_user_find_name(
    void *ctx, const char *name, struct authtok_user *ret_user)
{
	return find_text(
	    ctx, AT_STMT_USER_BY_NAME, name, AUTHTOK_NAME_MAX + 1, ret_user);
}

enum authtok_err
at_sqlite_user_find_email(
    void *ctx, const char *email, struct authtok_user *ret_user)
{
	return find_text(
	    ctx, AT_STMT_USER_BY_EMAIL, email, AUTHTOK_EMAIL_MAX + 1, ret_user);
}

enum authtok_err
at_sqlite_user_list(void *ctx, int64_t after, struct authtok_user *ret_users,
    size_t cap, size_t *ret_count)
{
	struct at_lease lease;
	sqlite3_stmt *stmt;
	size_t count = 0;
	enum authtok_err err = at_lease_reader(ctx, &lease);
	int rc;

	if (err != AUTHTOK_OK)
		return err;
	rc = at_conn_stmt(lease.conn, AT_STMT_USER_LIST, &stmt);
	if (rc == SQLITE_OK) {
		at_bind_int(stmt, 1, after);
		at_bind_int(stmt, 2, (int64_t)cap);
		while (count < cap && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
			if (!read_user(stmt, &ret_users[count++])) {
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

/* Whether a statement that finds a user finds another one than id. */
static int
taken(struct at_conn *conn, enum at_stmt which, const char *text, size_t size,
    int64_t id, bool *ret_taken)
{
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, which, &stmt);

	if (rc != SQLITE_OK)
		return rc;
	at_bind_text(stmt, 1, text, size);
	rc = sqlite3_step(stmt);
	*ret_taken = rc == SQLITE_ROW && sqlite3_column_int64(stmt, 0) != id;
	at_stmt_done(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/*
 * What a failed insert or update of a user means. A unique constraint does not
 * say reliably which one it was when both are, so we look, in the same
 * transaction.
 */
static enum authtok_err
user_failure(
    struct at_conn *conn, int rc, const struct authtok_user *user, int64_t id)
{
	bool is_taken = false;

	if (rc != SQLITE_CONSTRAINT_UNIQUE)
		return at_conn_err(rc);
	rc = taken(conn, AT_STMT_USER_BY_NAME, user->name, sizeof(user->name),
	    id, &is_taken);
	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	return is_taken ? AUTHTOK_ENAME : AUTHTOK_EEMAIL;
}

struct user_args {
	const struct authtok_user *user;
	const char *roles;
	enum authtok_end end;
	const uint8_t *keep;
	const struct authtok_act *act;
	int64_t id;
};

static enum authtok_err
create_user(struct at_conn *conn, void *arg)
{
	struct user_args *args = arg;
	const struct authtok_user *user = args->user;
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_USER_INSERT, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, user->epoch);
	at_bind_int(stmt, 2, user->created_at);
	at_bind_int(stmt, 3, user->disabled);
	at_bind_text(stmt, 4, user->name, sizeof(user->name));
	at_bind_text(stmt, 5, user->email, sizeof(user->email));
	at_bind_text(stmt, 6, user->hash, sizeof(user->hash));
	at_bind_text(stmt, 7, args->roles, AT_ROLES_TEXT);
	rc = at_stmt_run(stmt);
	if (rc != SQLITE_OK)
		return user_failure(conn, rc, user, 0);
	args->id = sqlite3_last_insert_rowid(conn->db);
	return at_audit_act_of(conn, args->act, args->id);
}

enum authtok_err
at_sqlite_user_create(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	char roles[AT_ROLES_TEXT];
	struct user_args args = { .user = user, .roles = roles, .act = act };
	enum authtok_err err;

	if (!at_join_roles(user, roles))
		return AUTHTOK_EINVAL;
	err = at_sqlite_write(ctx, create_user, &args);
	if (err == AUTHTOK_OK)
		*ret_id = args.id;
	return err;
}

enum authtok_err
at_user_state(
    struct at_conn *conn, int64_t id, int64_t *ret_version, int64_t *ret_epoch)
{
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_USER_STATE, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*ret_version = sqlite3_column_int64(stmt, 0);
		*ret_epoch = sqlite3_column_int64(stmt, 1);
	}
	at_stmt_done(stmt);
	if (rc == SQLITE_DONE)
		return AUTHTOK_EUNKNOWN;
	return rc == SQLITE_ROW ? AUTHTOK_OK : at_conn_err(rc);
}

static enum authtok_err
replace_user(struct at_conn *conn, const struct user_args *args)
{
	const struct authtok_user *user = args->user;
	sqlite3_stmt *stmt;
	int rc = at_conn_stmt(conn, AT_STMT_USER_UPDATE, &stmt);

	if (rc != SQLITE_OK)
		return at_conn_err(rc);
	at_bind_int(stmt, 1, user->id);
	at_bind_int(stmt, 2, user->epoch);
	at_bind_int(stmt, 3, user->disabled);
	at_bind_text(stmt, 4, user->name, sizeof(user->name));
	at_bind_text(stmt, 5, user->email, sizeof(user->email));
	at_bind_text(stmt, 6, user->hash, sizeof(user->hash));
	at_bind_text(stmt, 7, args->roles, AT_ROLES_TEXT);
	rc = at_stmt_run(stmt);
	if (rc != SQLITE_OK)
		return user_failure(conn, rc, user, user->id);
	return AUTHTOK_OK;
}

static enum authtok_err
update_user(struct at_conn *conn, void *arg)
{
	const struct user_args *args = arg;
	const struct authtok_user *user = args->user;
	int64_t version = 0, epoch = 0;
	size_t count;
	enum authtok_err err = at_user_state(conn, user->id, &version, &epoch);

	if (err != AUTHTOK_OK)
		return err;
	if (version != user->version)
		return AUTHTOK_ECHANGED;
	if (user->epoch < epoch)
		return AUTHTOK_EINVAL;
	err = replace_user(conn, args);
	if (err == AUTHTOK_OK && user->epoch > epoch)
		err = at_revoke_epoch(conn, user->id, user->epoch, args->act);
	if (err == AUTHTOK_OK && args->end != AUTHTOK_END_NONE)
		err = at_revoke_user(conn, user->id,
		    args->end == AUTHTOK_END_OTHERS ? args->keep : NULL,
		    args->act, &count);
	return err == AUTHTOK_OK ? at_audit_act(conn, args->act) : err;
}

enum authtok_err
at_sqlite_user_update(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *act)
{
	char roles[AT_ROLES_TEXT];
	struct user_args args = { user, roles, end, keep, act, 0 };

	if (!at_join_roles(user, roles) || end > AUTHTOK_END_ALL ||
	    !at_act_valid(act) || (end == AUTHTOK_END_OTHERS && keep == NULL))
		return AUTHTOK_EINVAL;
	return at_sqlite_write(ctx, update_user, &args);
}

static enum authtok_err
delete_user(struct at_conn *conn, void *arg)
{
	static const enum at_stmt order[] = { AT_STMT_SESSION_DELETE_USER,
		AT_STMT_USER_DELETE };
	const struct user_args *args = arg;
	enum authtok_err err;
	sqlite3_stmt *stmt;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		rc = at_conn_stmt(conn, order[i], &stmt);
		if (rc != SQLITE_OK)
			return at_conn_err(rc);
		at_bind_int(stmt, 1, args->id);
		rc = at_stmt_run(stmt);
		if (rc != SQLITE_OK)
			return at_conn_err(rc);
	}
	if (sqlite3_changes(conn->db) == 0)
		return AUTHTOK_EUNKNOWN;
	err = at_revoke_epoch(conn, args->id, INT64_MAX, args->act);
	return err == AUTHTOK_OK ? at_audit_act(conn, args->act) : err;
}

enum authtok_err
at_sqlite_user_delete(void *ctx, int64_t id, const struct authtok_act *act)
{
	struct user_args args = { .id = id, .act = act };

	if (!at_act_valid(act))
		return AUTHTOK_EINVAL;
	return at_sqlite_write(ctx, delete_user, &args);
}
