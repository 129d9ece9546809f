/*
 * F1, the floor of tokens: HMAC-SHA256 over a token's own signing input. And
 * those of tokens that a key pair signs: the bare EVP call over the same bytes.
 */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <authtok.h>

struct bench_floor {
	SHA256_CTX inner, outer;
	uint8_t text[AUTHTOK_TOKEN_MAX];
	size_t len;
};

/* 64 bytes, the key of all tokens here. */
extern const char bench_secret[];

/* Of the signing input of this HS256 token, which is checked. */
void bench_floor_begin(struct bench_floor *floor, const char *token);
/* So many HMACs; arg is the floor. */
void bench_floor_run(void *arg, size_t count);

/* For one thread, with everything that can be made beforehand. */
struct bench_pair {
	EVP_PKEY *pair;
	EVP_MD *md;               /* NULL: EdDSA */
	EVP_MD_CTX *check, *sign; /* EdDSA; else check is for hashes */
	EVP_PKEY_CTX *pair_check, *pair_sign;
	uint8_t text[AUTHTOK_TOKEN_MAX];
	size_t len;
	uint8_t sig[1024]; /* as OpenSSL takes it: DER for ES256 */
	size_t sig_len;
};

/* A new pair, which pem (4096 bytes) gets in PKCS #8. */
void bench_pair_new(struct bench_pair *floor, enum authtok_alg alg, char *pem);
/* Of the signing input of this token by the pair, which is checked. */
void bench_pair_begin(struct bench_pair *floor, const char *token);
void bench_pair_end(struct bench_pair *floor);
/* So many checks, so many signatures; arg is the floor. */
void bench_pair_check_run(void *arg, size_t count);
void bench_pair_sign_run(void *arg, size_t count);

#endif
