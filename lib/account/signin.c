/*
 * Sign-in. Nothing is written for one that fails, and one for an unknown name
 * does the same work as one with a wrong password. A store that cannot answer
 * is never a verdict on the credentials.
 */
#include "account/attempt.h"

#include "account/names.h"
#include "account/password.h"

#include <string.h>

/* One sign-in under way. */
struct signin {
	const struct authtok_accounts *accounts;
	const struct authtok_sessions *sessions;
	const char *name;
	const char *password;
	size_t len;
	const struct authtok_client *client;
	struct authtok_user user;
	/* hashes that the password is known to match; "" is none */
	char matched[AUTHTOK_HASH_MAX + 1];
	char fresh[AUTHTOK_HASH_MAX + 1];
	bool replaced; /* the replacement was tried */
	struct authtok_tokens *ret_tokens;
};

/* Whoever can have no record is not asked of the store, but costs the same. */
static enum authtok_err
find_user(struct signin *try)
{
	const struct authtok_store *store = try->accounts->store;

	if (!at_name_valid(try->name))
		return AUTHTOK_EUNKNOWN;
	return store->ops->user_find_name(store->ctx, try->name, &try->user);
}

static bool
matched_before(const struct signin *try)
{
	return try->matched[0] != '\0' && try->user.hash[0] != '\0' &&
	    (strcmp(try->user.hash, try->matched) == 0 ||
		strcmp(try->user.hash, try->fresh) == 0);
}

static enum authtok_err
authenticate(struct signin *try)
{
	enum authtok_err found, err;

	found = find_user(try);
	if (found != AUTHTOK_OK && found != AUTHTOK_EUNKNOWN)
		return found;
	if (found == AUTHTOK_OK && matched_before(try))
		return try->user.disabled ? AUTHTOK_EDISABLED : AUTHTOK_OK;
	err = at_accounts_compare(try->accounts,
	    found == AUTHTOK_OK ? try->user.hash : NULL, try->password,
	    try->len, try->fresh);
	if (err == AUTHTOK_EPASSWORD && found == AUTHTOK_EUNKNOWN)
		return AUTHTOK_EUNKNOWN;
	if (err != AUTHTOK_OK)
		return err;
	at_copy(try->matched, sizeof(try->matched), try->user.hash);
	return try->user.disabled ? AUTHTOK_EDISABLED : AUTHTOK_OK;
}

/*
 * Replace a hash that is foreign or dated; the password stays, and so does the
 * epoch. Tried once: a failure may have happened or not, so the user must be
 * read again, and the next sign-in will do it. ECHANGED: read again.
 */
static enum authtok_err
replace_hash(struct signin *try)
{
	const struct authtok_store *store = try->accounts->store;
	struct authtok_act when = at_accounts_when(try->accounts);
	struct authtok_user next = try->user;
	enum authtok_err err;

	try->replaced = true;
	at_copy(next.hash, sizeof(next.hash), try->fresh);
	err = store->ops->user_update(
	    store->ctx, &next, AUTHTOK_END_NONE, NULL, &when);
	at_wipe(&next, sizeof(next));
	if (err != AUTHTOK_OK)
		return AUTHTOK_ECHANGED;
	try->user.version++; /* as the contract of user_update says */
	return AUTHTOK_OK;
}

/* ECHANGED: the user is not what was read any more. */
static enum authtok_err
open_session(struct signin *try)
{
	enum authtok_err err;

	if (try->fresh[0] != '\0' && !try->replaced) {
		err = replace_hash(try);
		if (err != AUTHTOK_OK)
			return err;
	}
	err = authtok_session_open(
	    try->sessions, &try->user, try->client, try->ret_tokens);
	/* of what the store or the clock said: the arguments were checked */
	return err == AUTHTOK_EINVAL ? AUTHTOK_ESTORE : err;
}

static enum authtok_err
sign_in(void *arg)
{
	struct signin *try = arg;
	enum authtok_err err = AUTHTOK_ECHANGED;
	unsigned tries;

	for (tries = 0; tries < AT_TRIES && err == AUTHTOK_ECHANGED; tries++) {
		err = authenticate(try);
		if (err == AUTHTOK_OK)
			err = open_session(try);
	}
	return err == AUTHTOK_ECHANGED ? AUTHTOK_EBUSY : err;
}

enum authtok_err
authtok_signin(const struct authtok_accounts *accounts,
    const struct authtok_sessions *sessions, const char *name,
    const char *password, size_t password_len,
    const struct authtok_client *client, unsigned *ret_wait,
    struct authtok_user *ret_user, struct authtok_tokens *ret_tokens)
{
	struct signin try = { .accounts = accounts,
		.sessions = sessions,
		.name = name,
		.password = password,
		.len = password_len,
		.client = client,
		.ret_tokens = ret_tokens };
	const struct at_attempt attempt = { .accounts = accounts,
		.name = name,
		.client = client,
		.user = &try.user,
		.run = sign_in,
		.arg = &try };
	enum authtok_err err;

	if (accounts == NULL || sessions == NULL || name == NULL ||
	    (password == NULL && password_len > 0) || ret_tokens == NULL ||
	    ret_tokens->size < sizeof(*ret_tokens) ||
	    !at_accounts_client_ok(client))
		return AUTHTOK_EINVAL;
	if (password == NULL)
		try.password = "";
	err = at_attempt(&attempt, ret_wait);
	if (err == AUTHTOK_OK && ret_user != NULL) {
		*ret_user = try.user;
		at_wipe(ret_user->hash, sizeof(ret_user->hash));
	}
	at_wipe(&try, sizeof(try));
	return err;
}
