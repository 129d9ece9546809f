/*
 * authctl: from a configuration to an open database. It signs nothing, so its
 * engine has a key of its own, thrown away at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <authtok/sqlite.h>

#include "authctl/ctl.h"

static enum authtok_err
open_engine(const struct config *config, struct authtok **ret_engine)
{
	struct authtok_config settings = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys = NULL;
	char jwks[1024];
	enum authtok_err err;
	size_t len;

	settings.issuer = config->issuer;
	settings.audience = config->audience;
	/* how long a revocation matters depends on these two */
	settings.lifetime = config->jwt_expiration;
	settings.expiry_leeway = config->expiry_leeway;
	err = authtok_keys_generate("none", jwks, sizeof(jwks), &len);
	if (err == AUTHTOK_OK)
		err = authtok_keys_new(&keys);
	if (err == AUTHTOK_OK)
		err = authtok_keys_add_jwks(keys, jwks, len, NULL, NULL);
	if (err == AUTHTOK_OK)
		err = authtok_new(&settings, keys, ret_engine);
	authtok_keys_free(keys);
	explicit_bzero(jwks, sizeof(jwks));
	return err;
}

static enum authtok_err
open_accounts(struct ctl *ctl)
{
	struct authtok_accounts_config settings = AUTHTOK_ACCOUNTS_CONFIG_INIT;

	settings.roles = (const char *const *)ctl->config->roles;
	settings.signup_roles = (const char *const *)ctl->config->signup_roles;
	settings.throttle = false;
	settings.hash_slots = 1;
	return authtok_accounts_new(
	    &settings, ctl->engine, ctl->store, &ctl->accounts);
}

int
ctl_open(struct ctl *ctl, const char *file, const char *store, bool may_create)
{
	char why[CONFIG_WHY_MAX] = "";
	enum authtok_err err;

	memset(ctl, 0, sizeof(*ctl));
	if (!config_load(file, NULL, store, &ctl->config, why)) {
		ctl_say("%s", why);
		return CTL_USAGE;
	}
	if (!may_create && access(ctl->config->store_path, F_OK) != 0) {
		ctl_say("%s: %s", ctl->config->store_path, strerror(errno));
		return CTL_FAILED;
	}
	err = authtok_store_sqlite(
	    ctl->config->store_path, &ctl->store, why, sizeof(why));
	if (err != AUTHTOK_OK) {
		ctl_say("%s", why[0] != '\0' ? why : authtok_strerror(err));
		return CTL_FAILED;
	}
	err = open_engine(ctl->config, &ctl->engine);
	if (err == AUTHTOK_OK)
		err = open_accounts(ctl);
	if (err != AUTHTOK_OK) {
		ctl_say("%s", authtok_strerror(err));
		return CTL_FAILED;
	}
	return CTL_OK;
}

void
ctl_close(struct ctl *ctl)
{
	authtok_accounts_free(ctl->accounts);
	authtok_store_close(ctl->store);
	authtok_free(ctl->engine);
	config_free(ctl->config);
}
