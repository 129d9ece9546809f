/*
 * HMAC (RFC 2104) from states that have absorbed the padded key already.
 */
#ifndef AT_TOKEN_HMAC_H
#define AT_TOKEN_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include <authtok.h>

#define AT_MAC_MAX 64 /* bytes of the longest tag: HS512 */

/* Immutable once made, shared by threads. All zero is an empty one. */
struct at_hmac {
	EVP_MD *md;
	EVP_MD_CTX *inner;
	EVP_MD_CTX *outer;
	size_t len; /* of a tag */
};

/* Errors: EINVAL, ECRYPTO. On failure hmac is empty. */
enum authtok_err at_hmac_init(struct at_hmac *hmac, enum authtok_alg alg,
    const void *secret, size_t secret_len);
/* The same with the algorithm of another one that is made already. ECRYPTO. */
enum authtok_err at_hmac_init_like(struct at_hmac *hmac,
    const struct at_hmac *like, const void *secret, size_t secret_len);
void at_hmac_clear(struct at_hmac *hmac);

/* Room to compute in, for one thread. NULL: no memory. */
EVP_MD_CTX *at_scratch_new(void);
void at_scratch_free(EVP_MD_CTX *scratch);

/* The tag of data, hmac->len bytes, into ret_tag (AT_MAC_MAX bytes). */
bool at_hmac_tag(const struct at_hmac *hmac, EVP_MD_CTX *scratch,
    const void *data, size_t len, uint8_t *ret_tag);

/* The same with room of its own: two allocations of OpenSSL's. */
bool at_hmac_tag_once(
    const struct at_hmac *hmac, const void *data, size_t len, uint8_t *ret_tag);

/* Whether tag (tag_len bytes) is that of data, in constant time. */
enum authtok_err at_hmac_check(const struct at_hmac *hmac, EVP_MD_CTX *scratch,
    const void *data, size_t len, const void *tag, size_t tag_len);

#endif
