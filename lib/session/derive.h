/*
 * Keys derived from the secrets of a key set, for one use each:
 *
 *	K = HKDF-SHA256(secret n, info <the use> | n)
 *
 * n is one byte. The secrets themselves are not kept.
 */
#ifndef AT_SESSION_DERIVE_H
#define AT_SESSION_DERIVE_H

#include <authtok.h>

#include "token/hmac.h"
#include "token/keys.h"

#define AT_INFO_MAX 32 /* bytes of the name of a use */

struct at_derived {
	uint8_t number; /* of the secret */
	struct at_hmac hmac;
};

/* Immutable once made, shared by threads. All zero is an empty set. */
struct at_derived_set {
	size_t count;
	const struct at_derived *current;
	struct at_derived keys[AUTHTOK_KEYS_MAX];
};

/*
 * Derive from every secret of the kind; set must not move afterwards.
 * Errors: EINVAL (info), ENOMEM, ECRYPTO, EKEY (no current secret, or two). On
 * failure set is empty.
 */
enum authtok_err at_derived_init(struct at_derived_set *set,
    const struct authtok_keys *keys, enum at_secret_kind kind,
    const char *info);
void at_derived_clear(struct at_derived_set *set);

/* NULL: no such secret. */
const struct at_derived *at_derived_find(
    const struct at_derived_set *set, uint32_t number);

#endif
