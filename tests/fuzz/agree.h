/*
 * One token, verified twice: as authtok_verify does it, and without any of its
 * short cuts. Verdict and claims are to be the same; a program that finds them
 * apart says which token it was and aborts.
 */
#ifndef TESTS_FUZZ_AGREE_H
#define TESTS_FUZZ_AGREE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <authtok.h>

#include "token/claims.h"
#include "token/keys.h"
#include "token/signature.h"

#define AGREE_NOW      INT64_C(1800000000)
#define AGREE_LIFETIME 3600
#define AGREE_ROOM     (2 * AUTHTOK_TOKEN_MAX)
#define AGREE_PAIRS    3

struct agree {
	struct authtok *engine;
	struct authtok_claims *fast, *strict, *layout;
	char token[AGREE_ROOM];
	struct at_signature pairs[AGREE_PAIRS];     /* of k3 and on */
	unsigned long accepted, refused, short_cut; /* of what was tried */
};

static const char agree_secret[] =
    "a secret of sixty-four bytes, which is enough for HS512 as well.";

#define AGREE(what)                                                       \
	((what) ? (void)0                                                 \
		: (fprintf(stderr, "%s:%d: not so: %s\n%.*s\n", __FILE__, \
		       __LINE__, #what, (int)(len < 4000 ? len : 4000),   \
		       token),                                            \
		      abort()))

static inline int64_t
agree_now(void *arg)
{
	(void)arg;
	return AGREE_NOW;
}

/* New pairs "k3" (EdDSA), "k4" (ES256), "k5" (RS256): for keys, and to sign. */
static inline void
agree_add_pairs(struct agree *a, struct authtok_keys *keys)
{
	char text[AUTHTOK_GENERATED_MAX], *ops;
	const char *token = "pairs";
	size_t n, len = strlen(token);

	for (int i = 0; i < AGREE_PAIRS; i++) {
		const struct at_key *key;

		AGREE(
		    authtok_keys_generate((enum authtok_alg)(AUTHTOK_EDDSA + i),
			(const char *[]){ "k3", "k4", "k5" }[i], text,
			sizeof(text), &n) == 0);
		/* the pair alone, and not as the one that signs */
		strcpy(strstr(text, "},\n") + 1, "]}");
		ops = strstr(text, "\"sign\"");
		memcpy(ops, "\"none\"", 6);
		AGREE(authtok_keys_add_jwks(
			  keys, text, strlen(text), NULL, NULL) == 0);
		key = at_keys_get(keys, at_keys_count(keys) - 1);
		AGREE(at_signature_init(
			  &a->pairs[i], key->alg, key->pair, true) == 0);
	}
}

/* With a signing key "k1" (HS256) and another, "k2" (HS512); and the pairs. */
static inline void
agree_begin(struct agree *a, const char *issuer)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;
	const char *token = issuer;
	size_t len = strlen(issuer);

	memset(a, 0, sizeof(*a));
	config.issuer = issuer;
	config.audience = "api";
	config.lifetime = AGREE_LIFETIME;
	config.now = agree_now;
	AGREE(authtok_keys_new(&keys) == 0);
	AGREE(authtok_keys_add_hmac(
		  keys, "k1", AUTHTOK_HS256, agree_secret, 32, true) == 0);
	AGREE(authtok_keys_add_hmac(
		  keys, "k2", AUTHTOK_HS512, agree_secret, 64, false) == 0);
	agree_add_pairs(a, keys);
	AGREE(authtok_new(&config, keys, &a->engine) == 0);
	authtok_keys_free(keys);
	AGREE(authtok_claims_new(&a->fast) == 0);
	AGREE(authtok_claims_new(&a->strict) == 0);
	AGREE(authtok_claims_new(&a->layout) == 0);
}

static inline void
agree_end(struct agree *a)
{
	authtok_claims_free(a->fast);
	authtok_claims_free(a->strict);
	authtok_claims_free(a->layout);
	authtok_free(a->engine);
	for (int i = 0; i < AGREE_PAIRS; i++)
		at_signature_clear(&a->pairs[i]);
}

static inline bool
agree_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static inline bool
agree_session(const uint8_t *a, const uint8_t *b)
{
	return a == NULL || b == NULL ? a == b
				      : memcmp(a, b, AUTHTOK_SID_LEN) == 0;
}

static inline enum authtok_err
agree_token(struct agree *a, const char *token, size_t len)
{
	/* Of its exact size, so that a sanitizer sees a byte too many. */
	char *copy = malloc(len + (len == 0));
	enum authtok_err err;
	size_t i;

	AGREE(copy != NULL);
	memcpy(copy, token, len);
	err = authtok_verify(a->engine, copy, len, a->fast);
	AGREE(err == at_verify(a->engine, copy, len, a->strict, true));
	free(copy);
#define SAME(get, how) \
	AGREE(how(     \
	    authtok_claims_##get(a->fast), authtok_claims_##get(a->strict)))
#define EQUAL(x, y) ((x) == (y))
	SAME(subject, agree_text);
	SAME(issuer, agree_text);
	SAME(key_id, agree_text);
	SAME(session, agree_session);
	SAME(user_id, EQUAL);
	SAME(epoch, EQUAL);
	SAME(issued_at, EQUAL);
	SAME(expires_at, EQUAL);
	SAME(role_count, EQUAL);
#undef SAME
#undef EQUAL
	for (i = 0; i <= authtok_claims_role_count(a->fast); i++)
		AGREE(agree_text(authtok_claims_role(a->fast, i),
		    authtok_claims_role(a->strict, i)));
	a->accepted += err == AUTHTOK_OK;
	a->refused += err != AUTHTOK_OK;
	return err;
}

/* Sign it first, with k1: so the claims are reached. */
static inline enum authtok_err
agree_claims(struct agree *a, const char *header, size_t header_len,
    const char *claims, size_t claims_len)
{
	unsigned char tag[EVP_MAX_MD_SIZE];
	const char *token = claims;
	size_t len = claims_len;
	unsigned tag_len;
	char *p = a->token;

	if (AT_B64URL_LEN(header_len + claims_len) + 64 > AGREE_ROOM)
		return AUTHTOK_EFORMAT;
	if (claims_len < sizeof(a->layout->text)) {
		memcpy(a->layout->text, claims, claims_len);
		memset(&a->layout->said, 0, sizeof(a->layout->said));
		a->short_cut +=
		    at_layout_read(a->engine, a->layout, claims_len);
	}
	p += at_b64url_encode_plain(header, header_len, p);
	*p++ = '.';
	p += at_b64url_encode_plain(claims, claims_len, p);
	AGREE(HMAC(EVP_sha256(), agree_secret, 32, (unsigned char *)a->token,
		  (size_t)(p - a->token), tag, &tag_len) != NULL);
	*p++ = '.';
	p += at_b64url_encode_plain(tag, tag_len, p);
	return agree_token(a, a->token, (size_t)(p - a->token));
}

/* The same, by a pair. */
static inline enum authtok_err
agree_pair(struct agree *a, int pair, const char *header, size_t header_len,
    const char *claims, size_t claims_len)
{
	uint8_t sig[AT_SIGNATURE_MAX];
	const char *token = claims;
	size_t len = claims_len;
	char *p = a->token;

	if (AT_B64URL_LEN(header_len + claims_len) + 400 > AGREE_ROOM)
		return AUTHTOK_EFORMAT;
	p += at_b64url_encode_plain(header, header_len, p);
	*p++ = '.';
	p += at_b64url_encode_plain(claims, claims_len, p);
	AGREE(at_signature_make(
	    &a->pairs[pair], a->token, (size_t)(p - a->token), sig));
	*p++ = '.';
	p += at_b64url_encode_plain(sig, a->pairs[pair].len, p);
	*p = '\0';
	return agree_token(a, a->token, (size_t)(p - a->token));
}

static const char *const agree_headers[AGREE_PAIRS] = {
	"{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"k3\"}",
	"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k4\"}",
	"{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"k5\"}",
};

#define AGREE_HEADER "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}"

#endif
