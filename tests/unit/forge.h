/*
 * Tokens made by hand for the tests of verify: any header, any claims, signed
 * with OpenSSL's own HMAC. And an engine whose clock the test holds.
 */
#ifndef TEST_FORGE_H
#define TEST_FORGE_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <authtok.h>

#include "token/base64url.h"

#define NOW    INT64_C(1800000000)
#define ISSUER "https://issuer.example"
#define AUD    "service"

/* The header that the engine itself would write for "k1". */
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}"

/* Claims that pass, and the same with a comma to add to. */
#define NEEDED                                        \
	"\"iss\":\"" ISSUER "\",\"aud\":\"" AUD "\"," \
	"\"sub\":\"7\",\"exp\":1800000100"
#define GOOD "{" NEEDED "}"

static const uint8_t secret1[33] = "0123456789abcdef0123456789ABCDEF";
static const uint8_t secret2[66] =
    "another secret, this one sixty-four bytes long, as HS512 requires";

struct forge {
	struct authtok *engine;
	struct authtok_claims *claims;
	int64_t now;
	char token[2 * AUTHTOK_TOKEN_MAX];
	size_t len;
};

static inline int64_t
forge_now(void *arg)
{
	return ((const struct forge *)arg)->now;
}

/* Engine with "k1" (HS256, signing) and "k2" (HS512), unless single. */
static inline void
forge_engine(
    struct forge *f, struct authtok_config config, bool single, const char *typ)
{
	struct authtok_keys *keys;

	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "k1", AUTHTOK_HS256, secret1, 32, true),
	    0);
	if (!single)
		ck_assert_int_eq(authtok_keys_add_hmac(keys, "k2",
				     AUTHTOK_HS512, secret2, 64, false),
		    0);
	config.issuer = ISSUER;
	config.audience = AUD;
	config.typ = typ;
	config.now = forge_now;
	config.now_arg = f;
	ck_assert_int_eq(authtok_new(&config, keys, &f->engine), 0);
	authtok_keys_free(keys);
	ck_assert_int_eq(authtok_claims_new(&f->claims), 0);
	f->now = NOW;
}

static inline void
forge_end(struct forge *f)
{
	authtok_claims_free(f->claims);
	authtok_free(f->engine);
}

/* Sign header and payload, both of any bytes, with any digest and key. */
static inline void
forge_sign(struct forge *f, const char *header, size_t header_len,
    const char *payload, size_t payload_len, const EVP_MD *md, const void *key,
    size_t key_len)
{
	unsigned char tag[EVP_MAX_MD_SIZE];
	unsigned tag_len;
	char *p = f->token;

	ck_assert_uint_lt(
	    AT_B64URL_LEN(header_len + payload_len) + 100, sizeof(f->token));
	p += at_b64url_encode(header, header_len, p);
	*p++ = '.';
	p += at_b64url_encode(payload, payload_len, p);
	HMAC(md, key, (int)key_len, (unsigned char *)f->token,
	    (size_t)(p - f->token), tag, &tag_len);
	*p++ = '.';
	p += at_b64url_encode(tag, tag_len, p);
	*p = '\0';
	f->len = (size_t)(p - f->token);
}

/* Verify a token of this header and these claims, rightly signed with k1. */
static inline enum authtok_err
forge_verify(struct forge *f, const char *header, const char *payload)
{
	forge_sign(f, header, strlen(header), payload, strlen(payload),
	    EVP_sha256(), secret1, 32);
	return authtok_verify(f->engine, f->token, f->len, f->claims);
}

/* That nothing is to be seen in the claims. */
static inline void
forge_empty(const struct forge *f)
{
	const struct authtok_claims *c = f->claims;

	ck_assert_ptr_null(authtok_claims_subject(c));
	ck_assert_ptr_null(authtok_claims_issuer(c));
	ck_assert_ptr_null(authtok_claims_key_id(c));
	ck_assert_ptr_null(authtok_claims_session(c));
	ck_assert_int_eq(authtok_claims_user_id(c), 0);
	ck_assert_int_eq(authtok_claims_epoch(c), 0);
	ck_assert_int_eq(authtok_claims_issued_at(c), 0);
	ck_assert_int_eq(authtok_claims_expires_at(c), 0);
	ck_assert_uint_eq(authtok_claims_role_count(c), 0);
	ck_assert_ptr_null(authtok_claims_role(c, 0));
}

/* Run the suite of one test case, as every program here does. */
static inline int
forge_run(TCase *tests)
{
	Suite *suite = suite_create("token");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

#endif
