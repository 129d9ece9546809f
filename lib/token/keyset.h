/*
 * The key set's own shape, for the builder and the JWK Set reader alone;
 * others read it through token/keys.h.
 */
#ifndef AT_TOKEN_KEYSET_H
#define AT_TOKEN_KEYSET_H

#include "token/keys.h"

struct authtok_keys {
	size_t hmac_count;
	size_t refresh_count;
	struct at_hmac_key hmac[AUTHTOK_KEYS_MAX];
	struct at_refresh_key refresh[AUTHTOK_KEYS_MAX];
};

/* Whether kid is 1 to AUTHTOK_KID_MAX bytes of [A-Za-z0-9._-]. */
bool at_kid_valid(const char *kid);

#endif
