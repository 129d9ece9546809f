/*
 * F1, the floor of tokens: HMAC-SHA256 over a token's own signing input.
 */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

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

#endif
