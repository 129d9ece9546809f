/*
 * From a configuration to a set of keys: a file of all, or one secret and a
 * file for the others.
 */
#include "authd/keys.h"

#include <stdio.h>

enum keyfile_result
keys_load(const struct config *config, enum keyfile_missing missing,
    struct authtok_keys *keys, struct text *ids, char *why)
{
	enum authtok_err err;

	if (config->secret == NULL)
		return keyfile_load(
		    keys, config->keys_path, KEYFILE_SET, missing, ids, why);
	err = authtok_keys_add_hmac(keys, "secret", AUTHTOK_HS256,
	    config->secret, config->secret_len, true);
	if (err != AUTHTOK_OK) {
		config_fault(config, config->lines.secret, "secret",
		    authtok_strerror(err), why);
		return KEYFILE_BAD;
	}
	if (ids != NULL)
		text_add(ids, "secret");
	return keyfile_load(
	    keys, config->refresh_path, KEYFILE_SECRETS, missing, ids, why);
}

void
keys_explain(const struct config *config, enum keys_lack lack, char *why)
{
	static const char *const wants[] = {
		[KEYS_SIGNING] = "exactly one key that signs",
		[KEYS_REFRESH] = "exactly one current refresh secret, a key "
				 "with \"use\":\"authtok-refresh\"",
		[KEYS_AUDIT] = "exactly one current audit secret, a key with "
			       "\"use\":\"authtok-audit\"",
	};

	snprintf(why, CONFIG_WHY_MAX, "%.256s: must have %s: see authd.conf(5)",
	    config->secret != NULL ? config->refresh_path : config->keys_path,
	    wants[lack]);
}
