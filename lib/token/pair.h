/*
 * Key pairs: EVP_PKEYs made of their parts, and what is asked of one before a
 * key set takes it. A pair without its private part only verifies.
 */
#ifndef AT_TOKEN_PAIR_H
#define AT_TOKEN_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include <authtok.h>

#define AT_RSA_BITS_MIN 2048 /* RFC 7518 section 3.3 */
#define AT_RSA_BITS_MAX 8192
#define AT_PART_MAX     (AT_RSA_BITS_MAX / 8) /* bytes of the longest part */

/* The parts of keys, as JWKs name them. */
enum at_part {
	AT_PART_K, /* of a secret; the rest is of pairs */
	AT_PART_X,
	AT_PART_Y,
	AT_PART_D,
	AT_PART_N,
	AT_PART_E,
	AT_PART_P,
	AT_PART_Q,
	AT_PART_DP,
	AT_PART_DQ,
	AT_PART_QI,
};
#define AT_PARTS 11

/* Big-endian numbers, or bytes; len 0: not there. */
struct at_parts {
	struct {
		size_t len;
		uint8_t bytes[AT_PART_MAX];
	} of[AT_PARTS];
};

/*
 * A pair of these parts; with AT_PART_D, a private one. It was checked as by
 * at_pair_check. Errors: EFORMAT, EWEAK, ENOTSUP, ECRYPTO, with a static
 * sentence in *ret_why.
 */
enum authtok_err at_pair_make(enum authtok_alg alg,
    const struct at_parts *parts, EVP_PKEY **ret_pair, const char **ret_why);

/*
 * Whether the pair is one of the algorithm, strong enough, and its two parts,
 * when it has both, belong together. Errors: as above.
 */
enum authtok_err at_pair_check(enum authtok_alg alg, EVP_PKEY *pair,
    bool private_too, const char **ret_why);

/* A new one; NULL: OpenSSL failed. */
EVP_PKEY *at_pair_generate(enum authtok_alg alg);

/*
 * One part of a pair that was found good, into ret_bytes (AT_PART_MAX bytes);
 * its length, or 0.
 */
size_t at_pair_part(enum authtok_alg alg, const EVP_PKEY *pair,
    enum at_part part, uint8_t *ret_bytes);

#endif
