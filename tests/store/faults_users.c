/*
 * Wrong operations on users and revocations.
 */
#include "faults.h"

#include <stdio.h>
#include <string.h>

const struct authtok_store_ops *right;

#define REV_MAX 512

/* ---- names and addresses ------------------------------------------------- */

static enum authtok_err
find_name_with_case(void *ctx, const char *name, struct authtok_user *ret)
{
	struct authtok_user user;
	enum authtok_err err = right->user_find_name(ctx, name, &user);

	if (err)
		return err;
	if (strcmp(user.name, name) != 0)
		return AUTHTOK_EUNKNOWN;
	*ret = user;
	return AUTHTOK_OK;
}

static enum authtok_err
find_email_with_case(void *ctx, const char *email, struct authtok_user *ret)
{
	struct authtok_user user;
	enum authtok_err err = right->user_find_email(ctx, email, &user);

	if (err)
		return err;
	if (strcmp(user.email, email) != 0)
		return AUTHTOK_EUNKNOWN;
	*ret = user;
	return AUTHTOK_OK;
}

static enum authtok_err
find_name_by_pattern(void *ctx, const char *name, struct authtok_user *ret)
{
	char other[AUTHTOK_NAME_MAX + 1];
	char *wild;

	snprintf(other, sizeof(other), "%s", name);
	wild = strchr(other, '_');
	if (wild && wild[1]) {
		*wild = 'x';
		if (right->user_find_name(ctx, other, ret) == AUTHTOK_OK)
			return AUTHTOK_OK;
	}
	return right->user_find_name(ctx, name, ret);
}

/* The name in another case is taken for another name. */
static enum authtok_err
create_with_case(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct authtok_user found, other = *user;

	if (right->user_find_name(ctx, user->name, &found) == AUTHTOK_OK &&
	    strcmp(found.name, user->name) != 0)
		snprintf(other.name, sizeof(other.name), "~%.60s", user->name);
	return right->user_create(ctx, &other, act, ret_id);
}

static enum authtok_err
create_email_with_case(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct authtok_user found, other = *user;

	if (right->user_find_email(ctx, user->email, &found) == AUTHTOK_OK &&
	    strcmp(found.email, user->email) != 0)
		snprintf(
		    other.email, sizeof(other.email), "~%.200s", user->email);
	return right->user_create(ctx, &other, act, ret_id);
}

static enum authtok_err
create_folds_too_much(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct authtok_user other = *user, found;
	char *brace = strchr(other.name, '{');

	if (brace)
		*brace = '[';
	if (brace &&
	    right->user_find_name(ctx, other.name, &found) == AUTHTOK_OK)
		return AUTHTOK_ENAME;
	return right->user_create(ctx, user, act, ret_id);
}

static enum authtok_err
create_one_without_email(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct authtok_user users[8];
	size_t i, n = 0;

	right->user_list(ctx, 0, users, 8, &n);
	for (i = 0; i < n; i++)
		if (!user->email[0] && !users[i].email[0])
			return AUTHTOK_EEMAIL;
	return right->user_create(ctx, user, act, ret_id);
}

static enum authtok_err
create_tells_email_first(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct authtok_user found;
	enum authtok_err err = right->user_create(ctx, user, act, ret_id);

	if (err == AUTHTOK_ENAME &&
	    right->user_find_email(ctx, user->email, &found) == AUTHTOK_OK)
		return AUTHTOK_EEMAIL;
	return err;
}

/* ---- what is stored ------------------------------------------------------ */

static enum authtok_err
create_cuts_name(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct authtok_user other = *user;

	other.name[AUTHTOK_NAME_MAX - 1] = '\0';
	return right->user_create(ctx, &other, act, ret_id);
}

static enum authtok_err
create_short_times(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct authtok_user other = *user;

	other.created_at = (int32_t)(uint32_t)other.created_at;
	return right->user_create(ctx, &other, act, ret_id);
}

static enum authtok_err
create_writes_id_early(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	*ret_id = 0;
	return right->user_create(ctx, user, act, ret_id);
}

static enum authtok_err
create_reuses_id(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	enum authtok_err err = right->user_create(ctx, user, act, ret_id);

	if (!err)
		*ret_id = 1;
	return err;
}

static enum authtok_err
find_any_version(void *ctx, int64_t id, struct authtok_user *ret)
{
	enum authtok_err err = right->user_find(ctx, id, ret);

	if (!err)
		ret->version = 1;
	return err;
}

/* ---- changes ------------------------------------------------------------- */

static enum authtok_err
update_any_version(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	struct authtok_user found, other = *user;

	if (right->user_find(ctx, user->id, &found) == AUTHTOK_OK)
		other.version = found.version;
	return right->user_update(ctx, &other, end, keep, when);
}

static enum authtok_err
update_epoch_falls(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	enum authtok_err err = right->user_update(ctx, user, end, keep, when);

	return err == AUTHTOK_EINVAL ? AUTHTOK_OK : err;
}

static enum authtok_err
update_ends_none(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	(void)end;
	return right->user_update(ctx, user, AUTHTOK_END_NONE, keep, when);
}

static enum authtok_err
update_keeps_none(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	return right->user_update(ctx, user,
	    end == AUTHTOK_END_OTHERS ? AUTHTOK_END_ALL : end, keep, when);
}

/* No session's, so that all are ended but the user is left as it is. */
static const uint8_t nobodys[AUTHTOK_SID_LEN] = { 0xff };

/* The sessions are ended first, and stay so when the rest is refused. */
static enum authtok_err
update_in_two_steps(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	size_t n;

	if (end == AUTHTOK_END_ALL)
		right->session_revoke_user(ctx, user->id, nobodys, when, &n);
	return right->user_update(ctx, user, end, keep, when);
}

static enum authtok_err
delete_of_nobody(void *ctx, int64_t id, const struct authtok_act *when)
{
	right->user_delete(ctx, id, when);
	return AUTHTOK_OK;
}

static enum authtok_err
list_any(void *ctx, int64_t after, struct authtok_user *ret, size_t cap,
    size_t *ret_count)
{
	(void)after;
	return right->user_list(ctx, 0, ret, cap, ret_count);
}

static enum authtok_err
list_beyond_cap(void *ctx, int64_t after, struct authtok_user *ret, size_t cap,
    size_t *ret_count)
{
	memset(ret + cap, 0, sizeof(*ret));
	return right->user_list(ctx, after, ret, cap, ret_count);
}

/* ---- revocations --------------------------------------------------------- */

static enum authtok_err
since_filtered(void *ctx, int64_t after, struct authtok_revocation *ret,
    size_t cap, size_t *ret_count, bool of_users)
{
	struct authtok_revocation all[REV_MAX];
	size_t i, n, kept = 0;

	right->revoked_since(ctx, after, all, REV_MAX, &n);
	for (i = 0; i < n && kept < cap; i++)
		if ((all[i].user_id != 0) == of_users)
			ret[kept++] = all[i];
	*ret_count = kept;
	return AUTHTOK_OK;
}

static enum authtok_err
since_of_users(void *ctx, int64_t after, struct authtok_revocation *ret,
    size_t cap, size_t *ret_count)
{
	return since_filtered(ctx, after, ret, cap, ret_count, true);
}

static enum authtok_err
since_of_sessions(void *ctx, int64_t after, struct authtok_revocation *ret,
    size_t cap, size_t *ret_count)
{
	return since_filtered(ctx, after, ret, cap, ret_count, false);
}

static enum authtok_err
since_lower_epoch(void *ctx, int64_t after, struct authtok_revocation *ret,
    size_t cap, size_t *ret_count)
{
	enum authtok_err err =
	    right->revoked_since(ctx, after, ret, cap, ret_count);
	size_t i;

	for (i = 0; i < *ret_count; i++)
		if (ret[i].epoch == INT64_MAX)
			ret[i].epoch = INT64_C(1) << 53;
	return err;
}

static enum authtok_err
since_without_until(void *ctx, int64_t after, struct authtok_revocation *ret,
    size_t cap, size_t *ret_count)
{
	enum authtok_err err =
	    right->revoked_since(ctx, after, ret, cap, ret_count);
	size_t i;

	for (i = 0; i < *ret_count; i++)
		ret[i].until = ret[i].at;
	return err;
}

static enum authtok_err
since_again(void *ctx, int64_t after, struct authtok_revocation *ret,
    size_t cap, size_t *ret_count)
{
	return right->revoked_since(
	    ctx, after > 0 ? after - 1 : after, ret, cap, ret_count);
}

/* Numbers begin anew when everything was purged. */
static enum authtok_err
since_counts_anew(void *ctx, int64_t after, struct authtok_revocation *ret,
    size_t cap, size_t *ret_count)
{
	struct authtok_revocation all[REV_MAX];
	size_t i, n;

	right->revoked_since(ctx, 0, all, REV_MAX, &n);
	*ret_count = 0;
	for (i = 0; i < n && *ret_count < cap; i++) {
		all[i].seq = (int64_t)i + 1;
		if (all[i].seq > after)
			ret[(*ret_count)++] = all[i];
	}
	return AUTHTOK_OK;
}

const struct fault user_faults[] = {
	{ "the vtable's version is another", "vtable",
	    { .version = AUTHTOK_STORE_VERSION + 1 } },
	{ "names are found with case", "user_find_name and _email without case",
	    { .user_find_name = find_name_with_case } },
	{ "addresses are found with case",
	    "user_find_name and _email without case",
	    { .user_find_email = find_email_with_case } },
	{ "a name is a pattern", "only ASCII letters have a case",
	    { .user_find_name = find_name_by_pattern } },
	{ "names are unique with case", "user_create: name taken",
	    { .user_create = create_with_case } },
	{ "names are unique with case", "race: user_create with one name",
	    { .user_create = create_with_case } },
	{ "addresses are unique with case", "user_create: email taken",
	    { .user_create = create_email_with_case } },
	{ "addresses are unique with case", "race: user_create with one email",
	    { .user_create = create_email_with_case } },
	{ "braces are brackets in lower case", "only ASCII letters have a case",
	    { .user_create = create_folds_too_much } },
	{ "only one user may have no address", "no email is never taken",
	    { .user_create = create_one_without_email } },
	{ "the address is told before the name", "user_create: both taken",
	    { .user_create = create_tells_email_first } },
	{ "names are cut", "user with the longest texts",
	    { .user_create = create_cuts_name } },
	{ "times have 32 bits", "user with the largest numbers",
	    { .user_create = create_short_times } },
	{ "a failure writes the result", "user_create: name taken",
	    { .user_create = create_writes_id_early } },
	{ "ids come again", "ids are never reused",
	    { .user_create = create_reuses_id } },
	{ "ids are shared", "race: user_create gives each its id",
	    { .user_create = create_reuses_id } },
	{ "the version never grows", "user_update replaces",
	    { .user_find = find_any_version } },
	{ "the version is not compared", "user_update compares the version",
	    { .user_update = update_any_version } },
	{ "the version is not compared", "race: user_update has one winner",
	    { .user_update = update_any_version } },
	{ "an epoch may fall", "user_update: the epoch never falls",
	    { .user_update = update_epoch_falls } },
	{ "no session is ended", "user_update ends all sessions",
	    { .user_update = update_ends_none } },
	{ "no session is kept", "user_update ends the other sessions",
	    { .user_update = update_keeps_none } },
	{ "half of an update stays", "user_update refused does nothing",
	    { .user_update = update_in_two_steps } },
	{ "nobody can be deleted", "user_delete removes the user",
	    { .user_delete = delete_of_nobody } },
	{ "everybody deletes", "race: user_delete has one winner",
	    { .user_delete = delete_of_nobody } },
	{ "the list begins at the first", "user_list in pages",
	    { .user_list = list_any } },
	{ "the list is longer than cap", "user_list in pages",
	    { .user_list = list_beyond_cap } },
	{ "sessions are revoked in silence", "session_revoke",
	    { .revoked_since = since_of_users } },
	{ "max_live ends in silence", "max_live ends the oldest",
	    { .revoked_since = since_of_users } },
	{ "epochs grow in silence",
	    "user_update: a higher epoch is a revocation",
	    { .revoked_since = since_of_sessions } },
	{ "a deleted user has some epoch", "user_delete is a revocation",
	    { .revoked_since = since_lower_epoch } },
	{ "a revocation ends at once", "session_revoke",
	    { .revoked_since = since_without_until } },
	{ "the cursor is included", "revoked_since in pages",
	    { .revoked_since = since_again } },
	{ "seq begins anew", "purge leaves seq growing",
	    { .revoked_since = since_counts_anew } },
	{ NULL, NULL, { 0 } },
};
