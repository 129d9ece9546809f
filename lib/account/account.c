/*
 * The account service as an object, and what its operations share: roles that
 * exist, judging a new password, hashing in turn.
 */
#include "account/service.h"

#include "account/blocklist.h"
#include "account/password.h"
#include "token/utf8.h"

#include <stdlib.h>
#include <string.h>

static const char *const default_roles[] = { "user", "moderator", "admin",
	NULL };
static const char *const default_signup_roles[] = { "user", NULL };

static enum authtok_err
copy_roles(const char *const *names, struct at_roles *roles)
{
	size_t count = 0;
	size_t i;

	while (names[count] != NULL)
		if (!authtok_role_valid(names[count++]))
			return AUTHTOK_EINVAL;
	roles->names = calloc(count + 1, sizeof(*roles->names));
	if (roles->names == NULL)
		return AUTHTOK_ENOMEM;
	for (i = 0; i < count; i++)
		at_copy(roles->names[i], sizeof(roles->names[i]), names[i]);
	roles->count = count;
	return AUTHTOK_OK;
}

bool
at_roles_have(const struct at_roles *roles, const char *name)
{
	size_t i;

	for (i = 0; i < roles->count; i++)
		if (strcmp(roles->names[i], name) == 0)
			return true;
	return false;
}

static enum authtok_err
set_up_roles(struct authtok_accounts *accounts,
    const struct authtok_accounts_config *config)
{
	enum authtok_err err;
	size_t i;

	err = copy_roles(config->roles != NULL ? config->roles : default_roles,
	    &accounts->roles);
	if (err != AUTHTOK_OK)
		return err;
	err = copy_roles(config->signup_roles != NULL ? config->signup_roles
						      : default_signup_roles,
	    &accounts->signup_roles);
	if (err != AUTHTOK_OK)
		return err;
	for (i = 0; i < accounts->signup_roles.count; i++)
		if (!at_roles_have(
			&accounts->roles, accounts->signup_roles.names[i]))
			return AUTHTOK_EINVAL;
	return AUTHTOK_OK;
}

static enum authtok_err
set_up_throttle(struct authtok_accounts *accounts,
    const struct authtok_accounts_config *config)
{
	const unsigned free_of[AT_THROTTLE_KINDS] = {
		[AT_THROTTLE_PAIR] = config->free_pair,
		[AT_THROTTLE_ACCOUNT] = config->free_account,
		[AT_THROTTLE_PREFIX] = config->free_prefix,
	};

	if (!config->throttle || config->delay_max == 0)
		return AUTHTOK_OK;
	return at_throttle_new(free_of, config->delay_max, &accounts->throttle);
}

enum authtok_err
authtok_accounts_new(const struct authtok_accounts_config *config,
    const struct authtok *engine, struct authtok_store *store,
    struct authtok_accounts **ret_accounts)
{
	struct authtok_accounts *accounts;
	enum authtok_err err;

	if (config == NULL ||
	    !at_input_ok(config, config->size, sizeof(*config)) ||
	    engine == NULL || store == NULL ||
	    store->ops->version != AUTHTOK_STORE_VERSION ||
	    ret_accounts == NULL)
		return AUTHTOK_EINVAL;
	accounts = calloc(1, sizeof(*accounts));
	if (accounts == NULL)
		return AUTHTOK_ENOMEM;
	accounts->engine = engine;
	accounts->store = store;
	accounts->audit = config->audit;
	err = at_password_init();
	if (err == AUTHTOK_OK)
		err = set_up_roles(accounts, config);
	if (err == AUTHTOK_OK)
		err = at_slots_new(
		    config->hash_slots, config->hash_queue, &accounts->slots);
	if (err == AUTHTOK_OK)
		err = set_up_throttle(accounts, config);
	if (err == AUTHTOK_OK && config->audit != NULL)
		err = at_failures_new(&accounts->failures);
	if (err == AUTHTOK_OK)
		*ret_accounts = accounts;
	else
		authtok_accounts_free(accounts);
	return err;
}

void
authtok_accounts_free(struct authtok_accounts *accounts)
{
	if (accounts == NULL)
		return;
	at_throttle_free(accounts->throttle);
	at_slots_free(accounts->slots);
	at_failures_free(accounts->failures);
	free(accounts->roles.names);
	free(accounts->signup_roles.names);
	free(accounts);
}

enum authtok_err
at_accounts_judge(
    const char *password, size_t len, const char *name, const char *email)
{
	if (len < AUTHTOK_PASSWORD_MIN)
		return AUTHTOK_EPWSHORT;
	if (len > AUTHTOK_PASSWORD_MAX)
		return AUTHTOK_EPWLONG;
	if (!at_utf8_valid(password, len) ||
	    memchr(password, '\0', len) != NULL)
		return AUTHTOK_EPWFORM;
	if (at_password_common(password, len, name, email))
		return AUTHTOK_EPWCOMMON;
	return AUTHTOK_OK;
}

/* What a thread of the slots is to do; on the stack of the caller. */
struct hashing {
	const char *hash; /* to compare with; NULL: nobody's */
	const char *password;
	size_t len;
	char *ret; /* the new hash */
	enum authtok_err err;
};

static void
hash_work(void *arg)
{
	struct hashing *what = arg;

	what->err = at_password_hash(what->password, what->len, what->ret);
}

enum authtok_err
at_accounts_hash(const struct authtok_accounts *accounts, const char *password,
    size_t len, char hash[AUTHTOK_HASH_MAX + 1])
{
	struct hashing what = { .password = password, .len = len, .ret = hash };
	enum authtok_err err;

	err = at_slots_run(accounts->slots, hash_work, &what);
	return err == AUTHTOK_OK ? what.err : err;
}

/*
 * A hash from elsewhere may be cheaper than ours, so after a refusal nobody's
 * is compared too: right or wrong, known or unknown, no answer comes sooner
 * than after one of our own.
 */
static enum authtok_err
compare(const char *hash, const char *password, size_t len, char *ret_fresh)
{
	enum authtok_err err;
	bool dated;

	if (hash != NULL && len <= AUTHTOK_PASSWORD_MAX) {
		err = at_password_verify(hash, password, len, &dated);
		if (err == AUTHTOK_OK && dated &&
		    at_password_hash(password, len, ret_fresh) != AUTHTOK_OK)
			ret_fresh[0] = '\0'; /* the next time, then */
		if (err != AUTHTOK_EPASSWORD && err != AUTHTOK_ENOTSUP)
			return err;
		if (err == AUTHTOK_EPASSWORD && at_password_current(hash))
			return err;
	}
	if (len > AUTHTOK_PASSWORD_MAX)
		len = AUTHTOK_PASSWORD_MAX;
	err = at_password_verify(at_password_nobody, password, len, &dated);
	return err == AUTHTOK_OK ? AUTHTOK_EPASSWORD : err;
}

static void
compare_work(void *arg)
{
	struct hashing *what = arg;

	what->err = compare(what->hash, what->password, what->len, what->ret);
}

enum authtok_err
at_accounts_compare(const struct authtok_accounts *accounts, const char *hash,
    const char *password, size_t len, char ret_fresh[AUTHTOK_HASH_MAX + 1])
{
	struct hashing what = {
		.hash = hash, .password = password, .len = len, .ret = ret_fresh
	};
	enum authtok_err err;

	ret_fresh[0] = '\0';
	err = at_slots_run(accounts->slots, compare_work, &what);
	return err == AUTHTOK_OK ? what.err : err;
}

static enum authtok_err
check_roles(const struct authtok_accounts *accounts,
    const struct at_roles *allowed, size_t count, const char *const *roles,
    size_t *ret_role)
{
	enum authtok_err err = AUTHTOK_OK;
	size_t i;

	for (i = 0; i < count; i++)
		if (roles[i] == NULL)
			return AUTHTOK_EINVAL;
	for (i = 0; i < count && err == AUTHTOK_OK; i++)
		if (!at_roles_have(&accounts->roles, roles[i]))
			err = AUTHTOK_ENOROLE;
	if (err == AUTHTOK_OK && allowed != NULL)
		for (i = 0; i < count && err == AUTHTOK_OK; i++)
			if (!at_roles_have(allowed, roles[i]))
				err = AUTHTOK_ESIGNUPROLE;
	if (err != AUTHTOK_OK && ret_role != NULL)
		*ret_role = i - 1;
	return err;
}

static bool
has_role(const struct authtok_user *user, const char *role)
{
	size_t i;

	for (i = 0; i < user->role_count; i++)
		if (strcmp(user->roles[i], role) == 0)
			return true;
	return false;
}

enum authtok_err
at_accounts_roles(const struct authtok_accounts *accounts,
    const struct at_roles *allowed, size_t count, const char *const *roles,
    struct authtok_user *user, size_t *ret_role)
{
	enum authtok_err err;
	size_t i;

	if (count > 0 && roles == NULL)
		return AUTHTOK_EINVAL;
	err = check_roles(accounts, allowed, count, roles, ret_role);
	if (err != AUTHTOK_OK)
		return err;
	user->role_count = 0;
	for (i = 0; i < count; i++) {
		if (has_role(user, roles[i]))
			continue;
		if (user->role_count == AUTHTOK_ROLES_MAX)
			return AUTHTOK_EINVAL;
		at_copy(user->roles[user->role_count++], sizeof(user->roles[0]),
		    roles[i]);
	}
	return AUTHTOK_OK;
}
