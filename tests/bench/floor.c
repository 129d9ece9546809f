/*
 * F1: the two SHA-256 states that have absorbed the padded key, made once, and
 * the low-level functions on copies of them. Those are deprecated since OpenSSL
 * 3.0, so the library does not use them; nothing supported is as cheap, which
 * makes them the floor.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "bench/floor.h"

#include <string.h>

#include "bench/bench.h"
#include "token/base64url.h"

const char bench_secret[] =
    "a secret of sixty-four bytes, which is enough for HS512 as well.";

static void
floor_tag(const struct bench_floor *f, uint8_t *tag)
{
	SHA256_CTX ctx = f->inner;

	SHA256_Update(&ctx, f->text, f->len);
	SHA256_Final(tag, &ctx);
	ctx = f->outer;
	SHA256_Update(&ctx, tag, 32);
	SHA256_Final(tag, &ctx);
}

/* That the floor does the work: its tag is the one that the token carries. */
static void
floor_right(const struct bench_floor *f, const char *token)
{
	uint8_t tag[32];
	char text[43];

	floor_tag(f, tag);
	at_b64url_encode(tag, sizeof(tag), text);
	bench_check(memcmp(text, token + f->len + 1, sizeof(text)) == 0);
}

void
bench_floor_begin(struct bench_floor *f, const char *token)
{
	uint8_t inner[64], outer[64];
	size_t i;

	for (i = 0; i < 64; i++) {
		inner[i] = (uint8_t)bench_secret[i] ^ 0x36;
		outer[i] = (uint8_t)bench_secret[i] ^ 0x5c;
	}
	SHA256_Init(&f->inner);
	SHA256_Update(&f->inner, inner, sizeof(inner));
	SHA256_Init(&f->outer);
	SHA256_Update(&f->outer, outer, sizeof(outer));
	f->len = (size_t)(strrchr(token, '.') - token);
	memcpy(f->text, token, f->len);
	floor_right(f, token);
}

void
bench_floor_run(void *arg, size_t count)
{
	uint8_t tag[32];

	while (count-- > 0) {
		floor_tag(arg, tag);
		__asm__ volatile("" : : "r"(tag) : "memory");
	}
}
