/*
 * Administration of users. Every change is a compare-and-swap on the version;
 * what takes rights away raises the epoch in the same step, so that tokens which
 * are already out stop to count.
 */
#include "account/service.h"

#include "account/hashform.h"
#include "account/names.h"
#include "account/password.h"

#include <string.h>

#define EPOCH_MAX (INT64_C(1) << 53)

/* What to change; the rest stays as it is. */
struct change {
	const char *hash;                 /* or NULL */
	const struct authtok_user *roles; /* or NULL: its roles */
	const bool *disabled;             /* or NULL */
};

/* ---- reading ------------------------------------------------------------ */

static enum authtok_err
find(const struct authtok_accounts *accounts, int64_t id,
    struct authtok_user *user)
{
	const struct authtok_store *store = accounts->store;
	enum authtok_err err;

	if (id < 1)
		return AUTHTOK_ENOUSER;
	err = store->ops->user_find(store->ctx, id, user);
	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_ENOUSER : err;
}

static void
hand_out(struct authtok_user *user, struct authtok_user *ret_user)
{
	at_wipe(user->hash, sizeof(user->hash));
	*ret_user = *user;
}

enum authtok_err
authtok_user_get(const struct authtok_accounts *accounts, int64_t id,
    struct authtok_user *ret_user)
{
	struct authtok_user user;
	enum authtok_err err;

	if (accounts == NULL || ret_user == NULL)
		return AUTHTOK_EINVAL;
	err = find(accounts, id, &user);
	if (err == AUTHTOK_OK)
		hand_out(&user, ret_user);
	return err;
}

enum authtok_err
authtok_user_get_name(const struct authtok_accounts *accounts, const char *name,
    struct authtok_user *ret_user)
{
	const struct authtok_store *store;
	struct authtok_user user;
	enum authtok_err err;

	if (accounts == NULL || name == NULL || ret_user == NULL)
		return AUTHTOK_EINVAL;
	if (!at_name_valid(name))
		return AUTHTOK_ENOUSER;
	store = accounts->store;
	err = store->ops->user_find_name(store->ctx, name, &user);
	if (err == AUTHTOK_OK)
		hand_out(&user, ret_user);
	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_ENOUSER : err;
}

enum authtok_err
authtok_user_list(const struct authtok_accounts *accounts, int64_t after,
    struct authtok_user *ret_users, size_t cap, size_t *ret_count)
{
	const struct authtok_store *store;
	enum authtok_err err;
	size_t count = cap;
	size_t i;

	if (accounts == NULL || (ret_users == NULL && cap > 0) ||
	    ret_count == NULL)
		return AUTHTOK_EINVAL;
	store = accounts->store;
	err = store->ops->user_list(store->ctx, after, ret_users, cap, &count);
	/* a failure may come after some users were read */
	for (i = 0; i < count; i++)
		at_wipe(ret_users[i].hash, sizeof(ret_users[i].hash));
	if (err == AUTHTOK_OK)
		*ret_count = count;
	return err;
}

/* ---- changing ----------------------------------------------------------- */

static bool
same_roles(const struct authtok_user *one, const struct authtok_user *other)
{
	size_t i, j;

	if (one->role_count != other->role_count)
		return false;
	for (i = 0; i < one->role_count; i++) {
		for (j = 0; j < other->role_count; j++)
			if (strcmp(one->roles[i], other->roles[j]) == 0)
				break;
		if (j == other->role_count)
			return false;
	}
	return true;
}

/* Whether there is anything to write. */
static bool
apply(const struct change *change, struct authtok_user *user, bool *ret_raise,
    enum authtok_end *ret_end)
{
	*ret_raise = true;
	*ret_end = AUTHTOK_END_ALL;
	if (change->hash != NULL) {
		at_copy(user->hash, sizeof(user->hash), change->hash);
		return true;
	}
	if (change->roles != NULL) {
		if (same_roles(user, change->roles))
			return false;
		user->role_count = change->roles->role_count;
		memcpy(user->roles, change->roles->roles, sizeof(user->roles));
		*ret_end = AUTHTOK_END_NONE;
		return true;
	}
	if (user->disabled == *change->disabled)
		return false;
	user->disabled = *change->disabled;
	if (!user->disabled) {
		*ret_raise = false;
		*ret_end = AUTHTOK_END_NONE;
	}
	return true;
}

/* One round of read, change, compare-and-swap. */
static enum authtok_err
change_once(const struct authtok_accounts *accounts, int64_t id,
    const struct change *change)
{
	const struct authtok_store *store = accounts->store;
	struct authtok_act when;
	struct authtok_user user;
	enum authtok_end end;
	enum authtok_err err;
	bool raise;

	err = find(accounts, id, &user);
	if (err != AUTHTOK_OK)
		return err;
	if (!apply(change, &user, &raise, &end))
		goto out;
	/* an epoch that cannot be raised would leave the old tokens good */
	if (raise && (user.epoch < 0 || user.epoch >= EPOCH_MAX)) {
		err = AUTHTOK_ESTORE;
		goto out;
	}
	user.epoch += raise ? 1 : 0;
	when = at_accounts_when(accounts);
	err = store->ops->user_update(store->ctx, &user, end, NULL, &when);
	if (err == AUTHTOK_EUNKNOWN)
		err = AUTHTOK_ENOUSER;
out:
	at_wipe(&user, sizeof(user));
	return err;
}

static enum authtok_err
change_user(const struct authtok_accounts *accounts, int64_t id,
    const struct change *change)
{
	enum authtok_err err = AUTHTOK_ECHANGED;
	unsigned tries;

	for (tries = 0; tries < AT_TRIES && err == AUTHTOK_ECHANGED; tries++)
		err = change_once(accounts, id, change);
	return err;
}

enum authtok_err
authtok_user_set_password(const struct authtok_accounts *accounts, int64_t id,
    const char *password, size_t password_len)
{
	char hash[AUTHTOK_HASH_MAX + 1];
	struct change change = { .hash = hash };
	struct authtok_user user;
	enum authtok_err err;

	if (accounts == NULL || (password == NULL && password_len > 0))
		return AUTHTOK_EINVAL;
	/* also needed to know which name the password must not be */
	err = find(accounts, id, &user);
	if (err != AUTHTOK_OK)
		return err;
	err = at_accounts_judge(password, password_len, user.name, user.email);
	at_wipe(user.hash, sizeof(user.hash));
	if (err != AUTHTOK_OK)
		return err;
	err = at_accounts_hash(accounts, password, password_len, hash);
	if (err == AUTHTOK_OK)
		err = change_user(accounts, id, &change);
	at_wipe(hash, sizeof(hash));
	return err;
}

enum authtok_err
authtok_user_set_hash(
    const struct authtok_accounts *accounts, int64_t id, const char *hash)
{
	struct change change = { .hash = hash };
	struct at_hash_form form;

	if (accounts == NULL || hash == NULL)
		return AUTHTOK_EINVAL;
	if (!at_hash_parse(hash, &form))
		return AUTHTOK_ENOTSUP;
	return change_user(accounts, id, &change);
}

enum authtok_err
authtok_user_set_roles(const struct authtok_accounts *accounts, int64_t id,
    size_t role_count, const char *const *roles, size_t *ret_role)
{
	struct authtok_user wanted = { 0 };
	struct change change = { .roles = &wanted };
	enum authtok_err err;

	if (accounts == NULL)
		return AUTHTOK_EINVAL;
	err = at_accounts_roles(
	    accounts, NULL, role_count, roles, &wanted, ret_role);
	if (err != AUTHTOK_OK)
		return err;
	return change_user(accounts, id, &change);
}

enum authtok_err
authtok_user_set_disabled(
    const struct authtok_accounts *accounts, int64_t id, bool disabled)
{
	struct change change = { .disabled = &disabled };

	if (accounts == NULL)
		return AUTHTOK_EINVAL;
	return change_user(accounts, id, &change);
}

enum authtok_err
authtok_user_remove(const struct authtok_accounts *accounts, int64_t id)
{
	const struct authtok_store *store;
	struct authtok_act when;
	enum authtok_err err;

	if (accounts == NULL)
		return AUTHTOK_EINVAL;
	if (id < 1)
		return AUTHTOK_ENOUSER;
	store = accounts->store;
	when = at_accounts_when(accounts);
	err = store->ops->user_delete(store->ctx, id, &when);
	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_ENOUSER : err;
}
