/*
 * The key set's own shape, for the builder and the JWK Set reader alone;
 * others read it through token/keys.h.
 */
#ifndef AT_TOKEN_KEYSET_H
#define AT_TOKEN_KEYSET_H

#include "token/keys.h"

struct authtok_keys {
	size_t count;
	struct at_key all[AUTHTOK_KEYS_MAX];
	struct at_secrets secrets[AT_SECRET_KINDS];
};

/* Whether kid is 1 to AUTHTOK_KID_MAX bytes of [A-Za-z0-9._-]. */
bool at_kid_valid(const char *kid);

/*
 * Add a pair that at_pair_check took for alg; it is shared, not taken over.
 * Errors: EINVAL, ECRYPTO.
 */
enum authtok_err at_keys_add_pair(struct authtok_keys *keys, const char *kid,
    enum authtok_alg alg, EVP_PKEY *pair, bool signing);

/* A copy, which shares the pairs. Errors: ENOMEM, ECRYPTO. */
enum authtok_err at_keys_copy(
    const struct authtok_keys *keys, struct authtok_keys **ret_keys);
/* What keys held goes, what from holds comes in; from is freed. */
void at_keys_replace(struct authtok_keys *keys, struct authtok_keys *from);

/* What authtok_keys_add_refresh and authtok_keys_add_audit do. */
enum authtok_err at_keys_add_secret(struct authtok_keys *keys,
    enum at_secret_kind kind, unsigned number, const void *secret,
    size_t secret_len, bool current);

#endif
