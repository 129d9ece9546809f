/*
 * Key sets: what is refused, JWK Sets and their faults, generated key files;
 * and HMAC against the RFCs' examples and OpenSSL's own.
 */
#include "forge.h"

#include <stdlib.h>

#include "token/hmac.h"
#include "token/keys.h"

static struct authtok_keys *keys;

static void
setup(void)
{
	ck_assert_int_eq(authtok_keys_new(&keys), 0);
}

static void
teardown(void)
{
	authtok_keys_free(keys);
}

static enum authtok_err
add(const char *kid, enum authtok_alg alg, size_t len)
{
	uint8_t secret[1025];
	size_t i;

	for (i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	return authtok_keys_add_hmac(keys, kid, alg, secret, len, false);
}

START_TEST(kids)
{
	char kid[66];

	memset(kid, 'k', sizeof(kid));
	kid[65] = '\0';
	ck_assert_int_eq(add(kid, AUTHTOK_HS256, 32), AUTHTOK_EINVAL);
	kid[64] = '\0';
	ck_assert_int_eq(add(kid, AUTHTOK_HS256, 32), 0);
	ck_assert_int_eq(add(kid, AUTHTOK_HS256, 32), AUTHTOK_EINVAL);
	ck_assert_int_eq(add("Az09._-", AUTHTOK_HS256, 32), 0);
	ck_assert_int_eq(add("az09._-", AUTHTOK_HS256, 32), 0);
	ck_assert_int_eq(add("", AUTHTOK_HS256, 32), AUTHTOK_EINVAL);
	ck_assert_int_eq(add("a b", AUTHTOK_HS256, 32), AUTHTOK_EINVAL);
	ck_assert_int_eq(add("../k", AUTHTOK_HS256, 32), AUTHTOK_EINVAL);
	ck_assert_int_eq(add("k\"", AUTHTOK_HS256, 32), AUTHTOK_EINVAL);
	ck_assert_int_eq(add("k\xc3\xa9", AUTHTOK_HS256, 32), AUTHTOK_EINVAL);
	ck_assert_int_eq(add(NULL, AUTHTOK_HS256, 32), AUTHTOK_EINVAL);
	ck_assert_uint_eq(at_keys_count(keys), 3);
}
END_TEST

START_TEST(secrets_are_long_enough)
{
	static const struct {
		enum authtok_alg alg;
		size_t least;
	} algs[] = { { AUTHTOK_HS256, 32 }, { AUTHTOK_HS384, 48 },
		{ AUTHTOK_HS512, 64 } };
	size_t i, len;

	for (i = 0; i < 3; i++) {
		for (len = 0; len < algs[i].least; len++)
			ck_assert_int_eq(
			    add("k", algs[i].alg, len), AUTHTOK_EWEAK);
		ck_assert_int_eq(
		    add((const char *[]){ "a", "b", "c" }[i], algs[i].alg, len),
		    0);
	}
	ck_assert_int_eq(add("d", AUTHTOK_HS256, 1024), 0);
	ck_assert_int_eq(add("e", AUTHTOK_HS256, 1025), AUTHTOK_EINVAL);
	ck_assert_int_eq(add("f", (enum authtok_alg)0, 64), AUTHTOK_EINVAL);
	ck_assert_int_eq(add("f", (enum authtok_alg)7, 64), AUTHTOK_EINVAL);
	ck_assert_int_eq(add("f", AUTHTOK_EDDSA, 64), AUTHTOK_EINVAL);
	ck_assert_int_eq(add("f", AUTHTOK_RS256, 64), AUTHTOK_EINVAL);
}
END_TEST

START_TEST(secrets_are_not_all_alike)
{
	uint8_t secret[64];
	int c;

	for (c = 0; c < 256; c++) {
		memset(secret, c, sizeof(secret));
		ck_assert_int_eq(authtok_keys_add_hmac(keys, "k", AUTHTOK_HS256,
				     secret, 64, true),
		    AUTHTOK_EWEAK);
		ck_assert_int_eq(
		    authtok_keys_add_refresh(keys, 1, secret, 64, true),
		    AUTHTOK_EWEAK);
		ck_assert_int_eq(
		    authtok_keys_add_audit(keys, 1, secret, 64, true),
		    AUTHTOK_EWEAK);
	}
	secret[63] ^= 1;
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "k", AUTHTOK_HS256, secret, 64, true),
	    0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "l", AUTHTOK_HS256, NULL, 64, true),
	    AUTHTOK_EINVAL);
}
END_TEST

typedef enum authtok_err adder(struct authtok_keys *to, unsigned number,
    const void *secret, size_t secret_len, bool current);

static adder *const adders[AT_SECRET_KINDS] = {
	[AT_REFRESH] = authtok_keys_add_refresh,
	[AT_AUDIT] = authtok_keys_add_audit,
};

/* The rules are those of each kind, and one kind is nothing to the other. */
START_TEST(numbered_secrets)
{
	enum at_secret_kind kind = (enum at_secret_kind)_i;
	const struct at_secrets *secrets = at_keys_secrets(keys, kind);
	adder *add_one = adders[kind];

	ck_assert_int_eq(add_one(keys, 0, secret1, 32, false), 0);
	ck_assert_int_eq(add_one(keys, 255, secret2, 64, true), 0);
	ck_assert_int_eq(add_one(keys, 255, secret1, 32, true), AUTHTOK_EINVAL);
	ck_assert_int_eq(add_one(keys, 256, secret1, 32, true), AUTHTOK_EINVAL);
	ck_assert_int_eq(add_one(keys, 3, secret1, 31, true), AUTHTOK_EWEAK);
	ck_assert_int_eq(add_one(keys, 3, secret1, 1025, true), AUTHTOK_EINVAL);
	ck_assert_int_eq(add_one(keys, 3, NULL, 32, true), AUTHTOK_EINVAL);
	ck_assert_int_eq(add_one(NULL, 3, secret1, 32, true), AUTHTOK_EINVAL);
	ck_assert_uint_eq(secrets->count, 2);
	ck_assert_uint_eq(secrets->all[1].number, 255);
	ck_assert(!secrets->all[0].current);
	ck_assert(secrets->all[1].current);
	ck_assert_uint_eq(secrets->all[1].len, 64);
	ck_assert_mem_eq(secrets->all[1].secret, secret2, 64);
	ck_assert_uint_eq(
	    at_keys_secrets(keys, (enum at_secret_kind)(1 - _i))->count, 0);
	ck_assert_ptr_null(at_keys_get(keys, 0));
}
END_TEST

START_TEST(a_set_is_bounded)
{
	char kid[8];
	unsigned i;

	for (i = 0; i < AUTHTOK_KEYS_MAX; i++) {
		snprintf(kid, sizeof(kid), "k%u", i);
		ck_assert_int_eq(add(kid, AUTHTOK_HS256, 32), 0);
		ck_assert_int_eq(
		    authtok_keys_add_refresh(keys, i, secret1, 32, false), 0);
		ck_assert_int_eq(
		    authtok_keys_add_audit(keys, i, secret1, 32, false), 0);
	}
	ck_assert_int_eq(add("one-more", AUTHTOK_HS256, 32), AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_keys_add_refresh(keys, i, secret1, 32, false),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_keys_add_audit(keys, i, secret1, 32, false),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_keys_new(NULL), AUTHTOK_EINVAL);
	authtok_keys_free(NULL);
}
END_TEST

#define K1 "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr8"
#define K2 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY"
#define SIG(kid, k, more)                                               \
	"{\"kty\":\"oct\",\"use\":\"sig\",\"kid\":\"" kid "\",\"alg\":" \
	"\"HS256\",\"k\":\"" k "\"" more "}"
#define OPS       ",\"key_ops\":[\"sign\",\"verify\"]"
#define SET(text) "{\"keys\":[" text "]}"

static enum authtok_err
jwks(const char *text, const char **ret_why, size_t *ret_at)
{
	return authtok_keys_add_jwks(keys, text, strlen(text), ret_why, ret_at);
}

START_TEST(a_jwk_set_is_read)
{
	static const char text[] =
	    "{ \"note\": {\"a\":[1,2]}, \"keys\": [\n"
	    " {\"alg\":\"HS256\",\"k\":\"" K1
	    "\",\"k\\u0069d\":\"one\",\"kty\":\"oct\",\"use\":\"sig\","
	    "\"key_ops\":[\"verify\",\"sign\"],\"x\":[{\"y\":null}]},\n" SIG(
		"two", K2, ",\"key_ops\":[\"verify\"]") ",\n" SIG("three", K1,
		"") ",\n"
		    " {\"kty\":\"oct\",\"use\":\"authtok-refresh\",\"kid\":"
		    "\"0\","
		    "\"k\":\"" K2 "\"" OPS "},\n"
		    " {\"kty\":\"oct\",\"use\":\"authtok-refresh\",\"kid\":"
		    "\"255\","
		    "\"k\":\"" K1 "\"},\n"
		    " {\"kty\":\"oct\",\"use\":\"authtok-audit\",\"kid\":"
		    "\"255\","
		    "\"k\":\"" K1 "\"" OPS "}]}\n";
	const struct at_secrets *audit = at_keys_secrets(keys, AT_AUDIT);
	const char *why = NULL;

	ck_assert_int_eq(jwks(text, &why, NULL), 0);
	ck_assert_ptr_null(why);
	ck_assert_uint_eq(at_keys_count(keys), 3);
	ck_assert_str_eq(at_keys_get(keys, 0)->kid, "one");
	ck_assert_int_eq(at_keys_get(keys, 0)->alg, AUTHTOK_HS256);
	ck_assert(at_keys_get(keys, 0)->signing);
	ck_assert_uint_eq(at_keys_get(keys, 1)->len, 32);
	ck_assert_mem_eq(at_keys_get(keys, 1)->secret,
	    "0123456789abcdef0123456789ABCDEF", 32);
	ck_assert(!at_keys_get(keys, 1)->signing);
	ck_assert(!at_keys_get(keys, 2)->signing);
	ck_assert_uint_eq(at_keys_secrets(keys, AT_REFRESH)->count, 2);
	ck_assert_uint_eq(at_keys_secrets(keys, AT_REFRESH)->all[0].number, 0);
	ck_assert(at_keys_secrets(keys, AT_REFRESH)->all[0].current);
	ck_assert_uint_eq(
	    at_keys_secrets(keys, AT_REFRESH)->all[1].number, 255);
	ck_assert(!at_keys_secrets(keys, AT_REFRESH)->all[1].current);
	ck_assert_uint_eq(audit->count, 1);
	ck_assert_uint_eq(audit->all[0].number, 255);
	ck_assert(audit->all[0].current);
	ck_assert_mem_eq(
	    audit->all[0].secret, at_keys_get(keys, 0)->secret, 32);
}
END_TEST

#define SECRET(use, kid)                        \
	"{\"kty\":\"oct\",\"use\":\"" use "\"," \
	"\"kid\":\"" kid "\",\"k\":\"" K1 "\"}"
#define REFRESH(kid)       SECRET("authtok-refresh", kid)
#define AUDIT(kid)         SECRET("authtok-audit", kid)
#define FIELD(name, value) "{\"kty\":\"oct\",\"" name "\":" value "}"

static const struct fault {
	const char *text;
	enum authtok_err err;
	const char *why;
} faults[] = {
	{ "", AUTHTOK_EFORMAT, "the text ends too early" },
	{ "[]", AUTHTOK_EFORMAT, "not an object" },
	{ "{}", AUTHTOK_EFORMAT, "no keys in it" },
	{ SIG("a", K1, ""), AUTHTOK_EFORMAT, "no keys in it" },
	{ "{\"keys\":{}}", AUTHTOK_EFORMAT, "keys is not an array" },
	{ "{\"keys\":[1]}", AUTHTOK_EFORMAT, "a key is not an object" },
	{ SET(SIG("a", K1, "")) "x", AUTHTOK_EFORMAT, "text after the value" },
	{ "{\"keys\":[],\"keys\":[]}", AUTHTOK_EFORMAT,
	    "a member name occurs twice" },
	{ SET(SIG("a", K1, ",\"k\":\"" K2 "\"")), AUTHTOK_EFORMAT,
	    "a member name occurs twice" },
	{ SET("{}"), AUTHTOK_EFORMAT, "a key without kty" },
	{ SET(FIELD("x", "1")), AUTHTOK_EFORMAT, "a key without kid" },
	{ SET(FIELD("kid", "\"a\"")), AUTHTOK_EFORMAT, "a key without k" },
	{ SET(FIELD("kid", "1")), AUTHTOK_EFORMAT, "kid is not a string" },
	{ SET(FIELD("kid", "null")), AUTHTOK_EFORMAT, "kid is not a string" },
	{ SET(FIELD("kid", "\"a/b\"")), AUTHTOK_EFORMAT,
	    "kid is not [A-Za-z0-9._-]+" },
	{ SET(FIELD("kid", "\"\"")), AUTHTOK_EFORMAT,
	    "kid is not [A-Za-z0-9._-]+" },
	{ SET(FIELD("use", "[]")), AUTHTOK_EFORMAT, "use is not a string" },
	{ SET(FIELD("alg", "true")), AUTHTOK_EFORMAT, "alg is not a string" },
	{ SET(FIELD("k", "7")), AUTHTOK_EFORMAT, "k is not a string" },
	{ SET(FIELD("k", "\"a=\"")), AUTHTOK_EFORMAT, "k is not base64url" },
	{ SET(FIELD("k", "\"QUI\\u0044\"")), AUTHTOK_EFORMAT,
	    "k is not base64url" },
	{ SET(FIELD("k", "\"+/\"")), AUTHTOK_EFORMAT, "k is not base64url" },
	{ SET(FIELD("key_ops", "\"sign\"")), AUTHTOK_EFORMAT,
	    "key_ops is not an array" },
	{ SET(FIELD("key_ops", "[1]")), AUTHTOK_EFORMAT,
	    "key_ops is not an array of strings" },
	{ SET(FIELD("key_ops", "[\"encrypt\",\"verif\"]")), AUTHTOK_ENOTSUP,
	    "neither \"sign\" nor \"verify\" in key_ops" },
	{ SET(FIELD("use\":\"authtok-refresh\",\"key_ops", "[]")),
	    AUTHTOK_ENOTSUP, "neither \"sign\" nor \"verify\" in key_ops" },
	{ SET("{\"kty\":1}"), AUTHTOK_EFORMAT, "kty is not a string" },
	{ SET("{\"kty\":\"RSA\",\"n\":\"AQAB\"}"), AUTHTOK_EFORMAT,
	    "a key without kid" },
	{ SET("{\"kty\":\"OCT\"}"), AUTHTOK_ENOTSUP, "an unknown kty" },
	{ SET(FIELD("use", "\"enc\"")), AUTHTOK_ENOTSUP, "an unknown use" },
	{ SET("{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":\"RS256\",\"k\":\"" K1
	      "\"}"),
	    AUTHTOK_EFORMAT, "alg is not one of this kty" },
	{ SET("{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":\"none\",\"k\":\"" K1
	      "\"}"),
	    AUTHTOK_ENOTSUP, "an unknown alg" },
	{ SET("{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" K1 "\"}"),
	    AUTHTOK_EFORMAT, "a signing key without alg" },
	{ SET(SIG("a", "", "")), AUTHTOK_EWEAK,
	    "k is too short or its bytes are all alike" },
	{ SET(SIG("a", "QUJD", "")), AUTHTOK_EWEAK,
	    "k is too short or its bytes are all alike" },
	{ SET(SIG("a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "")),
	    AUTHTOK_EWEAK, "k is too short or its bytes are all alike" },
	{ SET(SIG("a", K1, "") "," SIG("a", K2, "")), AUTHTOK_EINVAL,
	    "a kid occurs twice" },
	{ SET(REFRESH("1") "," REFRESH("1")), AUTHTOK_EINVAL,
	    "a kid occurs twice" },
	{ SET(REFRESH("256")), AUTHTOK_EFORMAT,
	    "kid of a refresh secret is not 0 to 255" },
	{ SET(REFRESH("01")), AUTHTOK_EFORMAT,
	    "kid of a refresh secret is not 0 to 255" },
	{ SET(REFRESH("a")), AUTHTOK_EFORMAT,
	    "kid of a refresh secret is not 0 to 255" },
	{ SET(REFRESH("1000")), AUTHTOK_EFORMAT,
	    "kid of a refresh secret is not 0 to 255" },
	{ SET(AUDIT("1") "," REFRESH("1") "," AUDIT("1")), AUTHTOK_EINVAL,
	    "a kid occurs twice" },
	{ SET(AUDIT("256")), AUTHTOK_EFORMAT,
	    "kid of an audit secret is not 0 to 255" },
	{ SET(AUDIT("01")), AUTHTOK_EFORMAT,
	    "kid of an audit secret is not 0 to 255" },
	{ SET("{\"kty\":\"oct\",\"use\":\"authtok-audit\",\"kid\":\"1\","
	      "\"k\":\"QUJD\"}"),
	    AUTHTOK_EWEAK, "k is too short or its bytes are all alike" },
	{ SET(SECRET("authtok-Audit", "1")), AUTHTOK_ENOTSUP,
	    "an unknown use" },
	{ SET(SIG("a", K1, ",\"x\":[}")), AUTHTOK_EFORMAT, "not a value" },
	{ " \xef\xbb\xbf" SET(""), AUTHTOK_EFORMAT, "not a value" },
};

START_TEST(jwk_set_faults_are_named)
{
	const struct fault *fault = &faults[_i];
	const char *why = NULL;
	size_t at = SIZE_MAX;

	ck_assert_int_eq(jwks(fault->text, &why, &at), fault->err);
	ck_assert_str_eq(why, fault->why);
	ck_assert_uint_le(at, strlen(fault->text));
	ck_assert_int_eq(jwks(fault->text, NULL, NULL), fault->err);
	ck_assert_uint_eq(at_keys_count(keys), 0);
	ck_assert_uint_eq(at_keys_secrets(keys, AT_REFRESH)->count, 0);
	ck_assert_uint_eq(at_keys_secrets(keys, AT_AUDIT)->count, 0);
}
END_TEST

START_TEST(jwk_set_faults_have_a_place)
{
	const char *why;
	size_t at;

	ck_assert_int_ne(jwks("{\"keys\":[{\"kid\": 7}]}", &why, &at), 0);
	ck_assert_uint_eq(at, 17);
	ck_assert_int_ne(
	    jwks(SET(SIG("a", K1, "") ",\n{\"kty\":\"EC\"}"), &why, &at), 0);
	ck_assert_uint_eq(at, strlen("{\"keys\":[" SIG("a", K1, "") ",\n"));
}
END_TEST

START_TEST(all_of_a_jwk_set_or_none)
{
	ck_assert_int_eq(jwks(SET(SIG("a", K1, OPS)), NULL, NULL), 0);
	ck_assert_int_eq(
	    jwks(SET(SIG("b", K2, "") "," REFRESH("1") "," SIG("a", K1, "")),
		NULL, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_uint_eq(at_keys_count(keys), 1);
	ck_assert_uint_eq(at_keys_secrets(keys, AT_REFRESH)->count, 0);
	ck_assert_int_eq(jwks(SET(SIG("b", K2, "")), NULL, NULL), 0);
	ck_assert_uint_eq(at_keys_count(keys), 2);
	ck_assert_int_eq(
	    authtok_keys_add_jwks(keys, NULL, 0, NULL, NULL), AUTHTOK_EINVAL);
}
END_TEST

/* Whoever prints the reason has one, whatever the failure was. */
START_TEST(a_jwk_set_is_refused_with_a_reason)
{
	const char *why = NULL;
	size_t at = 7;

	ck_assert_int_eq(
	    authtok_keys_add_jwks(NULL, "{}", 2, &why, &at), AUTHTOK_EINVAL);
	ck_assert_ptr_nonnull(why);
	ck_assert_uint_eq(at, 0);
}
END_TEST

START_TEST(generated_sets_are_read_back)
{
	const struct at_secrets *audit = at_keys_secrets(keys, AT_AUDIT);
	char buf[1024], again[1024], kid[AUTHTOK_KID_MAX + 1];
	size_t len = 0, n;

	memset(kid, 'k', sizeof(kid));
	kid[AUTHTOK_KID_MAX] = '\0';
	ck_assert_int_eq(
	    authtok_keys_generate(AUTHTOK_HS256, kid, buf, sizeof(buf), &len),
	    0);
	ck_assert_uint_eq(strlen(buf), len);
	ck_assert_int_eq(jwks(buf, NULL, NULL), 0);
	ck_assert_uint_eq(at_keys_count(keys), 1);
	ck_assert_str_eq(at_keys_get(keys, 0)->kid, kid);
	ck_assert(at_keys_get(keys, 0)->signing);
	ck_assert_uint_eq(at_keys_get(keys, 0)->len, 32);
	ck_assert_uint_eq(at_keys_secrets(keys, AT_REFRESH)->count, 1);
	ck_assert(at_keys_secrets(keys, AT_REFRESH)->all[0].current);
	ck_assert_uint_eq(at_keys_secrets(keys, AT_REFRESH)->all[0].len, 32);
	ck_assert_mem_ne(at_keys_secrets(keys, AT_REFRESH)->all[0].secret,
	    at_keys_get(keys, 0)->secret, 32);

	ck_assert_uint_eq(audit->count, 1);
	ck_assert(audit->all[0].current);
	ck_assert_uint_eq(audit->all[0].number, 1);
	ck_assert_uint_eq(audit->all[0].len, 32);
	ck_assert_mem_ne(audit->all[0].secret,
	    at_keys_secrets(keys, AT_REFRESH)->all[0].secret, 32);
	ck_assert_mem_ne(
	    audit->all[0].secret, at_keys_get(keys, 0)->secret, 32);

	ck_assert_int_eq(
	    authtok_keys_generate(AUTHTOK_HS256, kid, again, len + 1, &n), 0);
	ck_assert_str_ne(buf, again);
	memset(again, 'x', sizeof(again));
	n = 7;
	ck_assert_int_eq(
	    authtok_keys_generate(AUTHTOK_HS256, kid, again, len, &n),
	    AUTHTOK_ENOSPC);
	ck_assert_uint_eq(n, 7);
	ck_assert_int_eq(again[0], 'x');
	ck_assert_int_eq(authtok_keys_generate(
			     AUTHTOK_HS256, "a b", again, sizeof(again), &n),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_keys_generate(
			     AUTHTOK_HS256, NULL, again, sizeof(again), &n),
	    AUTHTOK_EINVAL);
}
END_TEST

/* RFC 7515 A.1 (also RFC 7519 3.1) and RFC 7520 4.4, at the HMAC layer. */
START_TEST(examples_of_the_rfcs)
{
	static const char *const examples[][3] = {
		{ "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
		  "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
		    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2"
		    "UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlL"
		    "mNvbS9pc19yb290Ijp0cnVlfQ",
		    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" },
		{ "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
		    "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1"
		    "iZmQ2LWVlZjMxNGJjNzAzNyJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c"
		    "2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0"
		    "ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHl"
		    "vdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG"
		    "1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
		    "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0" }
	};
	EVP_MD_CTX *scratch = at_scratch_new();
	uint8_t key[64], tag[AT_MAC_MAX];
	struct at_hmac hmac;
	size_t i, n;

	for (i = 0; i < 2; i++) {
		const char *text = examples[i][1];

		ck_assert(at_b64url_decode(
		    examples[i][0], strlen(examples[i][0]), key, &n));
		ck_assert_int_eq(at_hmac_init(&hmac, AUTHTOK_HS256, key, n), 0);
		ck_assert(at_b64url_decode(
		    examples[i][2], strlen(examples[i][2]), tag, &n));
		ck_assert_int_eq(
		    at_hmac_check(&hmac, scratch, text, strlen(text), tag, n),
		    0);
		tag[31] ^= 1;
		ck_assert_int_eq(
		    at_hmac_check(&hmac, scratch, text, strlen(text), tag, n),
		    AUTHTOK_ESIG);
		at_hmac_clear(&hmac);
	}
	at_scratch_free(scratch);
}
END_TEST

/* Every key length about the block sizes, against OpenSSL's own. */
START_TEST(hmac_is_openssls)
{
	static const enum authtok_alg algs[] = { AUTHTOK_HS256, AUTHTOK_HS384,
		AUTHTOK_HS512 };
	const EVP_MD *mds[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
	EVP_MD_CTX *scratch = at_scratch_new();
	uint8_t key[300], data[300], tag[AT_MAC_MAX];
	unsigned char right[EVP_MAX_MD_SIZE];
	struct at_hmac hmac;
	unsigned right_len;
	size_t i, len;

	srand(3);
	for (i = 0; i < sizeof(key); i++) {
		key[i] = (uint8_t)rand();
		data[i] = (uint8_t)rand();
	}
	for (i = 0; i < 3; i++)
		for (len = 32; len <= 300; len++) {
			ck_assert_int_eq(
			    at_hmac_init(&hmac, algs[i], key, len), 0);
			HMAC(mds[i], key, (int)len, data, len, right,
			    &right_len);
			ck_assert(at_hmac_tag_once(&hmac, data, len, tag));
			ck_assert_uint_eq(hmac.len, right_len);
			ck_assert_mem_eq(tag, right, right_len);
			ck_assert_int_eq(at_hmac_check(&hmac, scratch, data,
					     len, right, right_len),
			    0);
			at_hmac_clear(&hmac);
		}
	ck_assert_int_eq(
	    at_hmac_init(&hmac, (enum authtok_alg)9, key, 32), AUTHTOK_EINVAL);
	at_scratch_free(scratch);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("keys");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, kids);
	tcase_add_test(t, secrets_are_long_enough);
	tcase_add_test(t, secrets_are_not_all_alike);
	tcase_add_loop_test(t, numbered_secrets, 0, AT_SECRET_KINDS);
	tcase_add_test(t, a_set_is_bounded);
	tcase_add_test(t, a_jwk_set_is_read);
	tcase_add_loop_test(
	    t, jwk_set_faults_are_named, 0, sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(t, jwk_set_faults_have_a_place);
	tcase_add_test(t, all_of_a_jwk_set_or_none);
	tcase_add_test(t, a_jwk_set_is_refused_with_a_reason);
	tcase_add_test(t, generated_sets_are_read_back);
	tcase_add_test(t, examples_of_the_rfcs);
	tcase_add_test(t, hmac_is_openssls);
	return forge_run(t);
}
