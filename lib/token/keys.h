/*
 * What a key set holds, for the engine (signing keys), the session service
 * (refresh secrets) and the audit log (audit secrets). The algorithm belongs
 * to the key.
 */
#ifndef AT_TOKEN_KEYS_H
#define AT_TOKEN_KEYS_H

#include <openssl/types.h>

#include <authtok.h>

#define AT_SECRET_MAX 1024 /* bytes of a secret */

/* A key of access tokens. */
struct at_key {
	char kid[AUTHTOK_KID_MAX + 1];
	enum authtok_alg alg;
	bool signing;
	EVP_PKEY *pair; /* EdDSA, ES256, RS256; NULL: HMAC, by secret */
	size_t len;
	uint8_t secret[AT_SECRET_MAX];
};

/* Secrets that keys are derived from: of each kind one is current. */
enum at_secret_kind {
	AT_REFRESH,
	AT_AUDIT,
};
#define AT_SECRET_KINDS 2

struct at_secret {
	unsigned number; /* 0 to 255 */
	bool current;
	size_t len;
	uint8_t secret[AT_SECRET_MAX];
};

struct at_secrets {
	size_t count;
	struct at_secret all[AUTHTOK_KEYS_MAX];
};

size_t at_keys_count(const struct authtok_keys *keys);
const struct at_key *at_keys_get(const struct authtok_keys *keys, size_t i);

const struct at_secrets *at_keys_secrets(
    const struct authtok_keys *keys, enum at_secret_kind kind);

#endif
