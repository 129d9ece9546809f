/*
 * The key set's own shape, for the builder and the JWK Set reader alone;
 * others read it through token/keys.h.
 */
#ifndef AT_TOKEN_KEYSET_H
#define AT_TOKEN_KEYSET_H

#include "token/keys.h"

struct authtok_keys {
	size_t hmac_count;
	struct at_hmac_key hmac[AUTHTOK_KEYS_MAX];
	struct at_secrets secrets[AT_SECRET_KINDS];
};

/* Whether kid is 1 to AUTHTOK_KID_MAX bytes of [A-Za-z0-9._-]. */
bool at_kid_valid(const char *kid);

/* What authtok_keys_add_refresh and authtok_keys_add_audit do. */
enum authtok_err at_keys_add_secret(struct authtok_keys *keys,
    enum at_secret_kind kind, unsigned number, const void *secret,
    size_t secret_len, bool current);

#endif
