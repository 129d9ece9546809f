/*
 * Users in PostgreSQL. Texts are bytes, since a database may have any encoding
 * and texts are not always in it. Names and addresses have a key beside them,
 * folded in ASCII, that is unique; no address is NULL, so that there may be any
 * number.
 */
#include "store/columns.h"
#include "store/pgsql_internal.h"

#include <string.h>

bool
at_pg_get_roles(const PGresult *result, size_t row, int column,
    size_t *ret_count, char (*roles)[AUTHTOK_ROLE_MAX + 1])
{
	char text[AT_ROLES_TEXT];

	return at_pg_get_text(result, row, column, text, sizeof(text)) &&
	    at_split_roles(text, ret_count, roles);
}

/* Without ASCII case, whatever the locale. */
static void
fold(const char *text, size_t size, char *out)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++)
		out[i] = text[i] >= 'A' && text[i] <= 'Z'
		    ? (char)(text[i] - 'A' + 'a')
		    : text[i];
	if (len < size)
		out[len] = '\0';
}

/* ---- finding ------------------------------------------------------------- */

static bool
read_user(const PGresult *result, size_t row, void *ret_user)
{
	struct authtok_user *user = ret_user;

	return at_pg_read_int(result, row, 0, &user->id) &&
	    at_pg_read_int(result, row, 1, &user->version) &&
	    at_pg_read_int(result, row, 2, &user->epoch) &&
	    at_pg_read_int(result, row, 3, &user->created_at) &&
	    at_pg_read_bool(result, row, 4, &user->disabled) &&
	    at_pg_get_text(result, row, 5, user->name, sizeof(user->name)) &&
	    at_pg_get_text(result, row, 6, user->email, sizeof(user->email)) &&
	    at_pg_get_text(result, row, 7, user->hash, sizeof(user->hash)) &&
	    at_pg_get_roles(result, row, 8, &user->role_count, user->roles);
}

struct find_args {
	enum at_pg_stmt stmt;
	struct at_pg_params params;
	struct authtok_user user;
};

static enum authtok_err
find(struct at_pg_conn *conn, void *arg)
{
	struct find_args *args = arg;
	size_t i = at_pg_add(conn, args->stmt, &args->params);
	enum authtok_err err = at_pg_run(conn);
	const PGresult *result;

	if (err != AUTHTOK_OK)
		return err;
	result = at_pg_result(conn, i);
	if (at_pg_rows(result) == 0)
		return AUTHTOK_EUNKNOWN;
	memset(&args->user, 0, sizeof(args->user));
	return read_user(result, 0, &args->user) ? AUTHTOK_OK : AUTHTOK_ESTORE;
}

enum authtok_err
at_pg_user_find(void *ctx, int64_t id, struct authtok_user *ret_user)
{
	struct find_args args = { .stmt = AT_PG_USER_BY_ID };
	enum authtok_err err;

	at_pg_int(&args.params, id);
	err = at_pg_read(ctx, find, &args);
	if (err == AUTHTOK_OK)
		*ret_user = args.user;
	return err;
}

static enum authtok_err
find_text(void *ctx, enum at_pg_stmt stmt, const char *text, size_t size,
    struct authtok_user *ret_user)
{
	/* one byte more than any that is stored: finds nothing */
	char key[AUTHTOK_EMAIL_MAX + 1];
	struct find_args args = { .stmt = stmt };
	enum authtok_err err;

	fold(text, size, key);
	at_pg_text(&args.params, key, size);
	err = at_pg_read(ctx, find, &args);
	if (err == AUTHTOK_OK)
		*ret_user = args.user;
	return err;
}

enum authtok_err
at_pg_user_find_name(void *ctx, const char *name, struct authtok_user *ret_user)
{
	return find_text(
	    ctx, AT_PG_USER_BY_NAME, name, AUTHTOK_NAME_MAX + 1, ret_user);
}

enum authtok_err
at_pg_user_find_email(
    void *ctx, const char *email, struct authtok_user *ret_user)
{
	return find_text(
	    ctx, AT_PG_USER_BY_EMAIL, email, AUTHTOK_EMAIL_MAX + 1, ret_user);
}

enum authtok_err
at_pg_user_list(void *ctx, int64_t after, struct authtok_user *ret_users,
    size_t cap, size_t *ret_count)
{
	return at_pg_page(ctx, AT_PG_USER_LIST, after, read_user, ret_users,
	    sizeof(*ret_users), cap, ret_count);
}

/* ---- writing ------------------------------------------------------------- */

struct user_args {
	const struct authtok_user *user;
	enum authtok_end end;
	const uint8_t *keep;
	const struct authtok_act *act;
	int64_t id;
	char roles[AT_ROLES_TEXT];
	char name_key[AUTHTOK_NAME_MAX + 1];
	char email_key[AUTHTOK_EMAIL_MAX + 1];
};

static bool
prepare_args(const struct authtok_user *user, struct user_args *args)
{
	args->user = user;
	fold(user->name, sizeof(user->name), args->name_key);
	fold(user->email, sizeof(user->email), args->email_key);
	return at_join_roles(user, args->roles);
}

/* "" is none. */
static void
add_email(struct at_pg_params *params, const char *email, size_t size)
{
	if (email[0] != '\0')
		at_pg_text(params, email, size);
	else
		at_pg_null(params);
}

/* name to roles, which stand in this order in both statements. */
static void
add_texts(struct at_pg_params *params, const struct user_args *args)
{
	const struct authtok_user *user = args->user;

	at_pg_text(params, user->name, sizeof(user->name));
	at_pg_text(params, args->name_key, sizeof(args->name_key));
	add_email(params, user->email, sizeof(user->email));
	add_email(params, args->email_key, sizeof(args->email_key));
	at_pg_text(params, user->hash, sizeof(user->hash));
	at_pg_text(params, args->roles, sizeof(args->roles));
}

/* Queue the question whether another one than id has the name or address. */
static size_t
ask_taken(struct at_pg_conn *conn, const struct user_args *args, int64_t id)
{
	struct at_pg_params params = { .count = 0 };

	at_pg_text(&params, args->name_key, sizeof(args->name_key));
	add_email(&params, args->email_key, sizeof(args->email_key));
	at_pg_int(&params, id);
	return at_pg_add(conn, AT_PG_USER_TAKEN, &params);
}

static enum authtok_err
judge_taken(const PGresult *taken)
{
	if (at_pg_get_bool(taken, 0, 0))
		return AUTHTOK_ENAME;
	return at_pg_get_bool(taken, 0, 1) ? AUTHTOK_EEMAIL : AUTHTOK_OK;
}

static size_t
insert(struct at_pg_conn *conn, const struct user_args *args)
{
	const struct authtok_user *user = args->user;
	struct at_pg_params params = { .count = 0 };

	at_pg_int(&params, user->epoch);
	at_pg_int(&params, user->created_at);
	at_pg_bool(&params, user->disabled);
	add_texts(&params, args);
	return at_pg_add(conn, AT_PG_USER_INSERT, &params);
}

static enum authtok_err
create(struct at_pg_conn *conn, void *arg)
{
	struct user_args *args = arg;
	bool logged = args->act != NULL && args->act->record != NULL;
	size_t taken = ask_taken(conn, args, 0), inserted = insert(conn, args);
	struct at_pg_log log;
	enum authtok_err err;

	if (logged)
		at_pg_log_lock(conn, &log);
	err = at_pg_run(conn);
	if (err == AUTHTOK_OK)
		err = judge_taken(at_pg_result(conn, taken));
	if (err != AUTHTOK_OK)
		return err;
	/* taken in between, by one who is there now, or gone already */
	if (at_pg_rows(at_pg_result(conn, inserted)) == 0) {
		conn->again = true;
		return AUTHTOK_EBUSY;
	}
	args->id = at_pg_get_int(at_pg_result(conn, inserted), 0, 0);
	if (!logged)
		return AUTHTOK_OK;
	err = at_pg_log_read(conn, &log);
	return err == AUTHTOK_OK
	    ? at_pg_log_act(conn, &log, args->act, args->id)
	    : err;
}

enum authtok_err
at_pg_user_create(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct user_args args = { .act = act };
	enum authtok_err err;

	if (!prepare_args(user, &args))
		return AUTHTOK_EINVAL;
	err = at_pg_write(ctx, create, &args);
	if (err == AUTHTOK_OK)
		*ret_id = args.id;
	return err;
}

size_t
at_pg_user_lock(struct at_pg_conn *conn, int64_t id)
{
	struct at_pg_params params = { .count = 0 };

	at_pg_int(&params, id);
	return at_pg_add(conn, AT_PG_USER_LOCK, &params);
}

/* Lock the user, and see whether he may be replaced. */
static enum authtok_err
check_update(
    struct at_pg_conn *conn, const struct user_args *args, int64_t *ret_epoch)
{
	const struct authtok_user *user = args->user;
	size_t locked = at_pg_user_lock(conn, user->id);
	size_t taken = ask_taken(conn, args, user->id);
	enum authtok_err err = at_pg_run(conn);
	const PGresult *state;
	int64_t version;

	if (err != AUTHTOK_OK)
		return err;
	state = at_pg_result(conn, locked);
	if (at_pg_rows(state) == 0)
		return AUTHTOK_EUNKNOWN;
	if (!at_pg_read_int(state, 0, 0, &version) ||
	    !at_pg_read_int(state, 0, 1, ret_epoch))
		return AUTHTOK_ESTORE;
	if (version != user->version)
		return AUTHTOK_ECHANGED;
	if (user->epoch < *ret_epoch)
		return AUTHTOK_EINVAL;
	return judge_taken(at_pg_result(conn, taken));
}

static void
replace(struct at_pg_conn *conn, const struct user_args *args)
{
	const struct authtok_user *user = args->user;
	struct at_pg_params params = { .count = 0 };

	at_pg_int(&params, user->id);
	at_pg_int(&params, user->epoch);
	at_pg_bool(&params, user->disabled);
	add_texts(&params, args);
	(void)at_pg_add(conn, AT_PG_USER_UPDATE, &params);
}

static enum authtok_err
update(struct at_pg_conn *conn, void *arg)
{
	const struct user_args *args = arg;
	const struct authtok_user *user = args->user;
	const uint8_t *keep =
	    args->end == AUTHTOK_END_OTHERS ? args->keep : NULL;
	struct at_pg_log log;
	int64_t epoch;
	enum authtok_err err = check_update(conn, args, &epoch);

	if (err != AUTHTOK_OK)
		return err;
	replace(conn, args);
	if (args->end != AUTHTOK_END_NONE)
		at_pg_lock_live(conn, user->id, keep, args->act);
	at_pg_log_lock(conn, &log);
	if (user->epoch > epoch)
		at_pg_revoke_epoch(conn, user->id, user->epoch, args->act);
	if (args->end != AUTHTOK_END_NONE)
		(void)at_pg_end_live(conn, user->id, keep, args->act);
	err = at_pg_run(conn);
	if (err == AUTHTOK_OK)
		err = at_pg_log_read(conn, &log);
	return err == AUTHTOK_OK ? at_pg_log_act(conn, &log, args->act, 0)
				 : err;
}

enum authtok_err
at_pg_user_update(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *act)
{
	struct user_args args = { .end = end, .keep = keep, .act = act };

	if (!prepare_args(user, &args) || end > AUTHTOK_END_ALL ||
	    !at_pg_act_valid(act) ||
	    (end == AUTHTOK_END_OTHERS && keep == NULL))
		return AUTHTOK_EINVAL;
	return at_pg_write(ctx, update, &args);
}

static enum authtok_err
remove_user(struct at_pg_conn *conn, void *arg)
{
	const struct user_args *args = arg;
	struct at_pg_params id = { .count = 0 };
	size_t locked = at_pg_user_lock(conn, args->id);
	struct at_pg_log log;
	enum authtok_err err;

	at_pg_int(&id, args->id);
	(void)at_pg_add(conn, AT_PG_SESSION_LOCK_ALL, &id);
	(void)at_pg_add(conn, AT_PG_SESSION_DELETE_USER, &id);
	(void)at_pg_add(conn, AT_PG_USER_DELETE, &id);
	at_pg_log_lock(conn, &log);
	at_pg_revoke_epoch(conn, args->id, INT64_MAX, args->act);
	err = at_pg_run(conn);
	if (err != AUTHTOK_OK)
		return err;
	if (at_pg_rows(at_pg_result(conn, locked)) == 0)
		return AUTHTOK_EUNKNOWN;
	err = at_pg_log_read(conn, &log);
	return err == AUTHTOK_OK ? at_pg_log_act(conn, &log, args->act, 0)
				 : err;
}

enum authtok_err
at_pg_user_delete(void *ctx, int64_t id, const struct authtok_act *act)
{
	struct user_args args = { .id = id, .act = act };

	if (!at_pg_act_valid(act))
		return AUTHTOK_EINVAL;
	return at_pg_write(ctx, remove_user, &args);
}
