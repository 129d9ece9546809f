/*
 * A user's own change of password. Whoever was signed in with the old one may
 * be somebody else, so the old password is asked for again, at the price of a
 * sign-in, and the change counts only for the user as it was compared.
 */
#include "account/attempt.h"

#include "account/password.h"

/* One change under way. */
struct change {
	const struct authtok_accounts *accounts;
	const char *current;
	size_t current_len;
	const char *password;
	size_t len;
	enum authtok_end end;
	const uint8_t *keep;
	const struct authtok_client *client;
	struct authtok_user user;
	char matched[AUTHTOK_HASH_MAX + 1]; /* by current; "" is none */
	char hash[AUTHTOK_HASH_MAX + 1];    /* of password; "" is none yet */
};

static enum authtok_err
authenticate(struct change *change)
{
	char fresh[AUTHTOK_HASH_MAX + 1];
	const struct authtok_user *user = &change->user;
	enum authtok_err err;

	if (change->matched[0] == '\0' ||
	    strcmp(change->matched, user->hash) != 0) {
		err = at_accounts_compare(change->accounts, user->hash,
		    change->current, change->current_len, fresh);
		at_wipe(fresh, sizeof(fresh));
		if (err != AUTHTOK_OK)
			return err;
		at_copy(change->matched, sizeof(change->matched), user->hash);
	}
	return user->disabled ? AUTHTOK_EDISABLED : AUTHTOK_OK;
}

static enum authtok_err
write_new(struct change *change)
{
	const struct authtok_accounts *accounts = change->accounts;
	const struct authtok_store *store = accounts->store;
	struct authtok_user next = change->user;
	struct at_deed deed;
	enum authtok_err err;

	at_copy(next.hash, sizeof(next.hash), change->hash);
	at_deed_begin(accounts, AUTHTOK_EVENT_PASSWORD, next.id, &deed);
	err = at_accounts_raise(&deed.act, &next);
	if (err != AUTHTOK_OK)
		goto out;
	at_deed_client(&deed, change->client);
	if (change->keep != NULL) {
		deed.record.has_sid = true;
		memcpy(deed.record.sid, change->keep, AUTHTOK_SID_LEN);
	}
	err = store->ops->user_update(
	    store->ctx, &next, change->end, change->keep, &deed.act);
	if (err == AUTHTOK_EUNKNOWN)
		err = AUTHTOK_ENOUSER;
out:
	at_wipe(&next, sizeof(next));
	return err;
}

/* For the user as just read. ECHANGED: is not so any more. */
static enum authtok_err
change_once(struct change *change)
{
	enum authtok_err err;

	err = authenticate(change);
	if (err == AUTHTOK_OK && change->hash[0] == '\0')
		err = at_accounts_hash(change->accounts, change->password,
		    change->len, change->hash);
	if (err == AUTHTOK_OK)
		err = write_new(change);
	return err;
}

static enum authtok_err
run(void *arg)
{
	struct change *change = arg;
	enum authtok_err err;
	unsigned tries = 1;

	err = change_once(change);
	while (err == AUTHTOK_ECHANGED && tries++ < AT_TRIES) {
		err = at_accounts_find(
		    change->accounts, change->user.id, &change->user);
		if (err == AUTHTOK_OK)
			err = change_once(change);
	}
	return err;
}

/* The new password is judged before the old one is compared: a refusal says
 * nothing about the old one, and costs nothing. */
static enum authtok_err
change_password(struct change *change, int64_t id, unsigned *ret_wait)
{
	const struct at_attempt try = { .accounts = change->accounts,
		.name = change->user.name,
		.client = change->client,
		.user = &change->user,
		.run = run,
		.arg = change };
	enum authtok_err err;

	err = at_accounts_find(change->accounts, id, &change->user);
	if (err != AUTHTOK_OK)
		return err;
	err = at_accounts_judge(change->password, change->len,
	    change->user.name, change->user.email);
	if (err != AUTHTOK_OK)
		return err;
	err = at_attempt(&try, ret_wait);
	if (err == AUTHTOK_OK)
		at_accounts_revoked(change->accounts);
	return err;
}

enum authtok_err
authtok_user_change_password(const struct authtok_accounts *accounts,
    int64_t id, const char *current, size_t current_len, const char *password,
    size_t password_len, enum authtok_end end, const uint8_t *keep,
    const struct authtok_client *client, unsigned *ret_wait)
{
	struct change change = { .accounts = accounts,
		.current = current != NULL ? current : "",
		.current_len = current_len,
		.password = password,
		.len = password_len,
		.end = end,
		.keep = keep,
		.client = client };
	enum authtok_err err;

	if (accounts == NULL || (current == NULL && current_len > 0) ||
	    (password == NULL && password_len > 0) ||
	    (end != AUTHTOK_END_NONE && end != AUTHTOK_END_OTHERS &&
		end != AUTHTOK_END_ALL) ||
	    (end == AUTHTOK_END_OTHERS && keep == NULL) ||
	    !at_accounts_client_ok(client))
		return AUTHTOK_EINVAL;
	err = change_password(&change, id, ret_wait);
	at_wipe(&change, sizeof(change));
	return err;
}
