/*
 * From a configuration to a set of keys: a file of all, or one secret and a
 * file for the refresh secret.
 */
#include "authd/keys.h"

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
	    keys, config->refresh_path, KEYFILE_REFRESH, missing, ids, why);
}
