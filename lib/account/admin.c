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

/* What to change; the rest stays as it is. */
struct change {
	const char *hash;                 /* or NULL */
	const struct authtok_user *roles; /* or NULL: its roles */
	const bool *disabled;             /* or NULL */
};

/* ---- reading ------------------------------------------------------------ */

enum authtok_err
at_accounts_find(const struct authtok_accounts *accounts, int64_t id,
    struct authtok_user *ret_user)
{
	const struct authtok_store *store = accounts->store;
	enum authtok_err err;

	if (id < 1)
		return AUTHTOK_ENOUSER;
	err = store->ops->user_find(store->ctx, id, ret_user);
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
	err = at_accounts_find(accounts, id, &user);
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

/* What comes with a change. */
struct effect {
	enum authtok_event event;
	enum authtok_end end;
	bool raise; /* the epoch: tokens that are out stop to count */
};

/* Whether there is anything to write. */
static bool
apply(const struct change *change, struct authtok_user *user,
    struct effect *ret_effect)
{
	struct effect effect = { AUTHTOK_EVENT_PASSWORD, AUTHTOK_END_ALL,
		true };
	bool differs = true;

	if (change->hash != NULL) {
		at_copy(user->hash, sizeof(user->hash), change->hash);
	} else if (change->roles != NULL) {
		differs = !same_roles(user, change->roles);
		user->role_count = change->roles->role_count;
		memcpy(user->roles, change->roles->roles, sizeof(user->roles));
		effect.event = AUTHTOK_EVENT_ROLES;
		effect.end = AUTHTOK_END_NONE;
	} else {
		differs = user->disabled != *change->disabled;
		user->disabled = *change->disabled;
		effect.event = AUTHTOK_EVENT_DISABLE;
		if (!user->disabled)
			effect = (struct effect){ AUTHTOK_EVENT_ENABLE,
				AUTHTOK_END_NONE, false };
	}
	*ret_effect = effect;
	return differs;
}

enum authtok_err
at_accounts_raise(const struct authtok_act *act, struct authtok_user *user)
{
	int64_t epoch = authtok_epoch_next(user->epoch, act->now);

	if (epoch == 0)
		return AUTHTOK_ESTORE;
	user->epoch = epoch;
	return AUTHTOK_OK;
}

static enum authtok_err
write_user(const struct authtok_accounts *accounts, struct authtok_user *user,
    const struct effect *effect)
{
	const struct authtok_store *store = accounts->store;
	struct at_deed deed;
	enum authtok_err err = AUTHTOK_OK;

	at_deed_begin(accounts, effect->event, user->id, &deed);
	if (effect->raise)
		err = at_accounts_raise(&deed.act, user);
	if (err != AUTHTOK_OK)
		return err;
	if (effect->event == AUTHTOK_EVENT_ROLES)
		at_deed_roles(&deed, user);
	err = store->ops->user_update(
	    store->ctx, user, effect->end, NULL, &deed.act);
	if (err == AUTHTOK_OK && effect->raise)
		at_accounts_revoked(accounts);
	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_ENOUSER : err;
}

/* One round of read, change, compare-and-swap. */
static enum authtok_err
change_once(const struct authtok_accounts *accounts, int64_t id,
    const struct change *change)
{
	struct authtok_user user;
	struct effect effect;
	enum authtok_err err;

	err = at_accounts_find(accounts, id, &user);
	if (err != AUTHTOK_OK)
		return err;
	if (apply(change, &user, &effect))
		err = write_user(accounts, &user, &effect);
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
	err = at_accounts_find(accounts, id, &user);
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
	struct authtok_user user;
	struct at_deed deed;
	enum authtok_err err;

	if (accounts == NULL)
		return AUTHTOK_EINVAL;
	/* whose name it was: nobody can ask for it afterwards */
	err = at_accounts_find(accounts, id, &user);
	if (err != AUTHTOK_OK)
		return err;
	at_deed_begin(accounts, AUTHTOK_EVENT_DELETE, id, &deed);
	at_copy(deed.record.detail, sizeof(deed.record.detail), user.name);
	at_wipe(&user, sizeof(user));
	store = accounts->store;
	err = store->ops->user_delete(store->ctx, id, &deed.act);
	if (err == AUTHTOK_OK)
		at_accounts_revoked(accounts);
	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_ENOUSER : err;
}
