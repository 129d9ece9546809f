/*
 * Signatures by key pairs: EdDSA with Ed25519 (RFC 8037 section 3.1), ES256 and
 * RS256 (RFC 7518 sections 3.4 and 3.3).
 */
#ifndef AT_TOKEN_SIGNATURE_H
#define AT_TOKEN_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include <authtok.h>

#define AT_SIGNATURE_MAX 1024 /* bytes: RS256 with the longest modulus */

/* Immutable once made, shared by threads. All zero is an empty one. */
struct at_signature {
	EVP_MD *md; /* of what is signed; NULL: EdDSA, which takes the text */
	EVP_MD_CTX *text_check; /* EdDSA */
	EVP_MD_CTX *text_sign;
	EVP_PKEY_CTX *check; /* ES256, RS256 */
	EVP_PKEY_CTX *sign;
	bool split; /* ES256: two numbers, which OpenSSL has in DER */
	size_t len; /* of a signature */
};

/*
 * The pair is one that at_pair_check took for alg. signing: it has its private
 * part, which is prepared as well. Errors: EINVAL, ECRYPTO. On failure
 * signature is empty.
 */
enum authtok_err at_signature_init(struct at_signature *signature,
    enum authtok_alg alg, EVP_PKEY *pair, bool signing);
void at_signature_clear(struct at_signature *signature);

/*
 * Whether sig (sig_len bytes) is a signature of data. Errors: ESIG, ECRYPTO.
 * OpenSSL's queue of errors is left as it was, scratch without a key.
 */
enum authtok_err at_signature_check(const struct at_signature *signature,
    EVP_MD_CTX *scratch, const void *data, size_t len, const void *sig,
    size_t sig_len);

/* Sign data into ret_sig: signature->len bytes. False: OpenSSL failed. */
bool at_signature_make(const struct at_signature *signature, const void *data,
    size_t len, uint8_t *ret_sig);

#endif
