/*
 * What a key set holds, for the engine (signing keys) and for the session
 * service (refresh secrets). The algorithm belongs to the key.
 */
#ifndef AT_TOKEN_KEYS_H
#define AT_TOKEN_KEYS_H

#include <authtok.h>

#define AT_SECRET_MAX 1024 /* bytes of a secret */

struct at_hmac_key {
	char kid[AUTHTOK_KID_MAX + 1];
	enum authtok_alg alg;
	bool signing;
	size_t len;
	uint8_t secret[AT_SECRET_MAX];
};

struct at_refresh_key {
	unsigned number; /* 0 to 255 */
	bool current;
	size_t len;
	uint8_t secret[AT_SECRET_MAX];
};

size_t at_keys_hmac_count(const struct authtok_keys *keys);
const struct at_hmac_key *at_keys_hmac(
    const struct authtok_keys *keys, size_t i);

size_t at_keys_refresh_count(const struct authtok_keys *keys);
const struct at_refresh_key *at_keys_refresh(
    const struct authtok_keys *keys, size_t i);

#endif
