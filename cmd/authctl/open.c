/*
 * authctl: from a configuration to an open database. The keys are those of
 * authd: the audit log that both write is one chain.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <authtok/sqlite.h>

#include "authctl/ctl.h"
#include "authd/keys.h"

static enum authtok_err
open_engine(struct ctl *ctl, const struct authtok_keys *keys)
{
	const struct config *config = ctl->config;
	struct authtok_config settings = AUTHTOK_CONFIG_INIT;
	enum authtok_err err;

	settings.issuer = config->issuer;
	settings.audience = config->audience;
	/* how long a revocation matters depends on these two */
	settings.lifetime = config->jwt_expiration;
	settings.expiry_leeway = config->expiry_leeway;
	err = authtok_new(&settings, keys, &ctl->engine);
	if (err == AUTHTOK_OK && !authtok_can_issue(ctl->engine))
		return AUTHTOK_EKEY;
	return err;
}

static enum authtok_err
open_sessions(struct ctl *ctl, const struct authtok_keys *keys)
{
	const struct config *config = ctl->config;
	struct authtok_sessions_config settings = AUTHTOK_SESSIONS_CONFIG_INIT;

	settings.idle_lifetime = config->jwt_refresh_expiration;
	settings.absolute_lifetime = config->session_expiration;
	settings.leeway = config->refresh_leeway;
	settings.rotation = config->rotation;
	settings.max_per_user = (unsigned)config->max_sessions_per_user;
	settings.audit = ctl->audit;
	return authtok_sessions_new(
	    &settings, ctl->engine, keys, ctl->store, &ctl->sessions);
}

static enum authtok_err
open_accounts(struct ctl *ctl)
{
	struct authtok_accounts_config settings = AUTHTOK_ACCOUNTS_CONFIG_INIT;

	settings.roles = (const char *const *)ctl->config->roles;
	settings.signup_roles = (const char *const *)ctl->config->signup_roles;
	settings.throttle = false;
	settings.hash_slots = 1;
	settings.audit = ctl->audit;
	return authtok_accounts_new(
	    &settings, ctl->engine, ctl->store, &ctl->accounts);
}

/* All that holds keys; EKEY says of which kind one is missing. */
static enum authtok_err
open_signers(
    struct ctl *ctl, const struct authtok_keys *keys, enum keys_lack *ret_lack)
{
	enum authtok_err err;

	*ret_lack = KEYS_AUDIT;
	err = authtok_audit_new(keys, &ctl->audit);
	if (err != AUTHTOK_OK)
		return err;
	*ret_lack = KEYS_SIGNING;
	err = open_engine(ctl, keys);
	if (err != AUTHTOK_OK)
		return err;
	*ret_lack = KEYS_REFRESH;
	return open_sessions(ctl, keys);
}

static int
open_services(struct ctl *ctl, const struct authtok_keys *keys)
{
	char why[CONFIG_WHY_MAX];
	enum keys_lack lack;
	enum authtok_err err = open_signers(ctl, keys, &lack);

	if (err == AUTHTOK_EKEY) {
		keys_explain(ctl->config, lack, why);
		ctl_say("%s", why);
		return CTL_FAILED;
	}
	if (err == AUTHTOK_OK)
		err = open_accounts(ctl);
	if (err == AUTHTOK_OK)
		return CTL_OK;
	ctl_say("%s", authtok_strerror(err));
	return CTL_FAILED;
}

/* Keys are made only together with the database, as authd would. */
static int
open_keys(struct ctl *ctl, bool is_new, struct authtok_keys **ret_keys)
{
	char why[CONFIG_WHY_MAX] = "";

	if (authtok_keys_new(ret_keys) != AUTHTOK_OK) {
		ctl_say("no memory");
		return CTL_FAILED;
	}
	if (keys_load(ctl->config, is_new ? KEYFILE_CREATE : KEYFILE_REFUSE,
		*ret_keys, NULL, why) == KEYFILE_OK)
		return CTL_OK;
	ctl_say("%s", why);
	return CTL_FAILED;
}

int
ctl_open(struct ctl *ctl, const char *file, const char *store, bool may_create)
{
	struct authtok_keys *keys = NULL;
	char why[CONFIG_WHY_MAX] = "";
	enum authtok_err err;
	bool is_new;
	int status;

	memset(ctl, 0, sizeof(*ctl));
	if (!config_load(file, NULL, store, &ctl->config, why)) {
		/* of a word on the command line it says whose, which is ours */
		ctl_say("%s", why + (strncmp(why, "authd: ", 7) == 0 ? 7 : 0));
		return CTL_USAGE;
	}
	is_new = access(ctl->config->store_path, F_OK) != 0;
	if (is_new && !may_create) {
		ctl_say("%s: %s", ctl->config->store_path, strerror(errno));
		return CTL_FAILED;
	}
	status = open_keys(ctl, is_new, &keys);
	if (status != CTL_OK)
		goto out;
	err = authtok_store_sqlite(
	    ctl->config->store_path, &ctl->store, why, sizeof(why));
	if (err != AUTHTOK_OK) {
		ctl_say("%s", why[0] != '\0' ? why : authtok_strerror(err));
		status = CTL_FAILED;
		goto out;
	}
	status = open_services(ctl, keys);
out:
	authtok_keys_free(keys);
	return status;
}

void
ctl_close(struct ctl *ctl)
{
	authtok_accounts_free(ctl->accounts);
	authtok_sessions_free(ctl->sessions);
	authtok_audit_free(ctl->audit);
	authtok_store_close(ctl->store);
	authtok_free(ctl->engine);
	config_free(ctl->config);
}
