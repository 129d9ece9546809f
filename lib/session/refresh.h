/*
 * Refresh tokens:
 *
 *	art1_ BASE64URL( kid:1 | sid:16 | gen:4 | branch:4 | S:16 | M:16 )
 *	S = HMAC-SHA256(K, "art1 S" | kid | sid | gen | branch | seed)[0..15]
 *	M = HMAC-SHA256(K, "art1 M" | kid | sid | gen | branch | S)[0..15]
 *	K = HKDF-SHA256(refresh secret, info "authtok refresh v1" | kid)
 *
 * Integers are big-endian; the seed is in the session's row. M needs no row, so
 * garbage never reaches the store; S needs the row, so a leaked key alone, like
 * a leaked database alone, forges nothing.
 */
#ifndef AT_SESSION_REFRESH_H
#define AT_SESSION_REFRESH_H

#include <authtok/session.h>

#define AT_REFRESH_TAG 16 /* bytes of S, and of M */

/* The derived keys: immutable, shared by all threads. */
struct at_refresh;

/* What a token says once its M is good. */
struct at_refresh_token {
	uint8_t kid;
	uint8_t sid[AUTHTOK_SID_LEN];
	uint32_t gen, branch;
	uint8_t s[AT_REFRESH_TAG];
};

/* Errors: ENOMEM, ECRYPTO, EKEY (no current refresh secret, or two). */
enum authtok_err at_refresh_new(
    const struct authtok_keys *keys, struct at_refresh **ret_refresh);
void at_refresh_free(struct at_refresh *refresh);

/* Read a token and check M. Errors: EFORMAT, EKEY, ESIG, ECRYPTO. */
enum authtok_err at_refresh_parse(const struct at_refresh *refresh,
    const char *text, size_t len, struct at_refresh_token *ret_token);

/* Check S against the session's seed. Errors: ESIG, EKEY, ECRYPTO. */
enum authtok_err at_refresh_check(const struct at_refresh *refresh,
    const struct at_refresh_token *token, const uint8_t *seed);

/*
 * The token of the row's gen and branch under the current key, NUL-terminated,
 * in AUTHTOK_REFRESH_LEN + 1 bytes. Errors: ECRYPTO.
 */
enum authtok_err at_refresh_make(const struct at_refresh *refresh,
    const struct authtok_session *row, char *ret_text);

/*
 * How a row remembers a retry key: HMAC-SHA256(seed, "art1 I" | key)[0..7].
 * len is at most AUTHTOK_RETRYKEY_MAX. Errors: ECRYPTO.
 */
enum authtok_err at_refresh_retry(const struct at_refresh *refresh,
    const uint8_t *seed, const char *key, size_t len, uint8_t *ret_mac);

/* Fill with random bytes. Errors: ECRYPTO. */
enum authtok_err at_refresh_random(void *buf, size_t len);

#endif
