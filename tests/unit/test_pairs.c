/*
 * Key pairs in key sets: JWKs and PEM, each fault with its sentence; new ones;
 * and that what is published has nothing private in it.
 */
#include "pairs.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "token/pair.h"

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
	ck_assert_uint_eq(ERR_peek_error(), 0);
}

/* ---- JWKs ---------------------------------------------------------------- */

START_TEST(pairs_are_read)
{
	const char *why = NULL;

	for (int i = 0; i < PAIRS; i++)
		ck_assert_int_eq(
		    pairs_add(keys, pairs[i].private_part, &why), 0);
	for (int i = 0; i < PAIRS; i++) {
		const struct at_key *key = at_keys_get(keys, (size_t)i);

		ck_assert_str_eq(key->kid, pairs[i].kid);
		ck_assert_int_eq(key->alg, pairs[i].alg);
		ck_assert(key->signing);
		ck_assert_ptr_nonnull(key->pair);
	}
	ck_assert_ptr_null(why);
	/* the same public ones, in another set */
	teardown();
	setup();
	for (int i = 0; i < PAIRS; i++) {
		ck_assert_int_eq(
		    pairs_add(keys, pairs[i].public_part, &why), 0);
		ck_assert(!at_keys_get(keys, (size_t)i)->signing);
	}
}
END_TEST

/* Members that are no parts of this type are nothing to us (RFC 7517 4). */
START_TEST(parts_of_other_types_are_passed_over)
{
	static const char *const jwks[] = {
		JWK("OKP", "a", "EdDSA",
		    ED_PUBLIC M(
			"n", "=") ",\"k\":[1],\"y\":{\"a\":7},\"p\":\"\""),
		JWK("EC", "b", "ES256", EC_PUBLIC ",\"n\":null,\"e\":3"),
		JWK("RSA", "c", "RS256",
		    RSA_PUBLIC ",\"x\":\"!\",\"crv\":\"none of them\""),
		/* private parts of a key that has no d say nothing */
		JWK("RSA", "d", "RS256",
		    RSA_PUBLIC M("p", RSA_P) ",\"oth\":[]"),
		JWK("EC", "f", "ES256", EC_PRIVATE ",\"oth\":7"),
		/* what others put in beside (RFC 7517 4.7 to 4.9) */
		JWK("RSA", "e", "RS256",
		    RSA_PUBLIC ",\"x5c\":[\"MII\"],\"x5t\":\"a\""),
	};
	const char *why = "";

	for (size_t i = 0; i < sizeof(jwks) / sizeof(jwks[0]); i++)
		ck_assert_msg(
		    pairs_add(keys, jwks[i], &why) == 0, "%zu: %s", i, why);
}
END_TEST

#define ED(parts)  JWK("OKP", "a", "EdDSA", M("crv", "Ed25519") parts)
#define EC(parts)  JWK("EC", "a", "ES256", M("crv", "P-256") parts)
#define RSA(parts) JWK("RSA", "a", "RS256", parts)
#define ZEROS      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
/* 31 and 33 bytes */
#define SHORT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define LONG  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
/* 128 bytes, odd */
#define N1024                                                          \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHm" \
	"fHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_" \
	"YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHE"
#define RSA_WITH(d, p, q, dp, dq, qi)                                        \
	RSA(RSA_PUBLIC M("d", d) M("p", p) M("q", q) M("dp", dp) M("dq", dq) \
		M("qi", qi))

static const struct fault {
	const char *jwk;
	enum authtok_err err;
	const char *why;
} faults[] = {
	{ JWK("OKP", "a", "EdDSA", M("x", ED_X)), AUTHTOK_EFORMAT,
	    "a key without crv" },
	{ JWK("OKP", "a", "EdDSA", M("crv", "Ed448") M("x", ED_X)),
	    AUTHTOK_ENOTSUP, "an unknown crv" },
	{ JWK("OKP", "a", "EdDSA", M("crv", "X25519") M("x", ED_X)),
	    AUTHTOK_ENOTSUP, "an unknown crv" },
	{ JWK("OKP", "a", "EdDSA", M("crv", "P-256") M("x", ED_X)),
	    AUTHTOK_ENOTSUP, "an unknown crv" },
	{ JWK("OKP", "a", "EdDSA", M("x", ED_X) ",\"crv\":1"), AUTHTOK_EFORMAT,
	    "crv is not a string" },
	{ JWK("EC", "a", "ES256", M("crv", "P-256K") M("x", EC_X) M("y", EC_Y)),
	    AUTHTOK_ENOTSUP, "an unknown crv" },
	{ JWK("EC", "a", "ES256",
	      M("crv", "secp256k1") M("x", EC_X) M("y", EC_Y)),
	    AUTHTOK_ENOTSUP, "an unknown crv" },
	{ JWK("OKP", "a", "ES256", ED_PUBLIC), AUTHTOK_EFORMAT,
	    "alg is not one of this kty" },
	{ JWK("EC", "a", "RS256", EC_PUBLIC), AUTHTOK_EFORMAT,
	    "alg is not one of this kty" },
	{ JWK("RSA", "a", "HS256", RSA_PUBLIC), AUTHTOK_EFORMAT,
	    "alg is not one of this kty" },
	{ JWK("RSA", "a", "PS256", RSA_PUBLIC), AUTHTOK_ENOTSUP,
	    "an unknown alg" },
	{ JWK("EC", "a", "ES384", EC_PUBLIC), AUTHTOK_ENOTSUP,
	    "an unknown alg" },
	{ "{\"kty\":\"RSA\",\"kid\":\"a\"" RSA_PUBLIC "}", AUTHTOK_EFORMAT,
	    "a signing key without alg" },
	{ "{\"kty\":\"RSA\",\"kid\":\"1\",\"use\":\"authtok-"
	  "refresh\"" RSA_PUBLIC "}",
	    AUTHTOK_EFORMAT,
	    "a refresh or audit secret of a kty other than oct" },
	{ ED(""), AUTHTOK_EFORMAT, "a key without x" },
	{ ED(M("d", ED_D)), AUTHTOK_EFORMAT, "a key without x" },
	{ EC(M("x", EC_X)), AUTHTOK_EFORMAT, "a key without y" },
	{ EC(M("y", EC_Y)), AUTHTOK_EFORMAT, "a key without x" },
	{ RSA(M("n", RSA_N)), AUTHTOK_EFORMAT, "a key without e" },
	{ RSA(M("e", "AQAB")), AUTHTOK_EFORMAT, "a key without n" },
	{ ED(",\"x\":[]"), AUTHTOK_EFORMAT, "x is not a string" },
	{ ED(M("x", "a+b/")), AUTHTOK_EFORMAT, "x is not base64url" },
	{ ED(M("x", "AB")), AUTHTOK_EFORMAT, "x is not base64url" },
	{ EC(M("x", EC_X) ",\"y\":7"), AUTHTOK_EFORMAT, "y is not a string" },
	{ ED(M("x", "")), AUTHTOK_EFORMAT, "an empty part of a key" },
	{ ED(M("x", ED_X) M("d", "")), AUTHTOK_EFORMAT,
	    "an empty part of a key" },
	{ RSA(M("n", "") M("e", "AQAB")), AUTHTOK_EFORMAT,
	    "an empty part of a key" },
	/* lengths */
	{ ED(M("x", SHORT)), AUTHTOK_EFORMAT, "x is not of 32 bytes" },
	{ ED(M("x", LONG)), AUTHTOK_EFORMAT, "x is not of 32 bytes" },
	{ ED(M("x", ED_X) M("d", SHORT)), AUTHTOK_EFORMAT,
	    "d is not of 32 bytes" },
	{ ED(M("x", ED_X) M("d", LONG)), AUTHTOK_EFORMAT,
	    "d is not of 32 bytes" },
	{ EC(M("x", SHORT) M("y", EC_Y)), AUTHTOK_EFORMAT,
	    "x is not of 32 bytes" },
	{ EC(M("x", EC_X) M("y", LONG)), AUTHTOK_EFORMAT,
	    "y is not of 32 bytes" },
	{ EC(M("x", EC_X) M("y", EC_Y) M("d", SHORT)), AUTHTOK_EFORMAT,
	    "d is not of 32 bytes" },
	/* what belongs together */
	{ ED(M("x", EC_X) M("d", ED_D)), AUTHTOK_EFORMAT,
	    "x and d do not belong together" },
	{ EC(M("x", EC_Y) M("y", EC_X)), AUTHTOK_EFORMAT,
	    "x and y are not a point of the curve" },
	{ EC(M("x", ZEROS) M("y", ZEROS)), AUTHTOK_EFORMAT,
	    "x and y are not a point of the curve" },
	{ EC(M("x", EC_X) M("y", EC_Y) M("d", ED_D)), AUTHTOK_EFORMAT,
	    "x, y and d do not belong together" },
	{ EC(M("x", EC_X) M("y", EC_Y) M("d", ZEROS)), AUTHTOK_EFORMAT,
	    "d is zero" },
	/* the order of the curve */
	{ EC(M("x", EC_X) M("y", EC_Y)
		  M("d", "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE")),
	    AUTHTOK_EFORMAT, "x, y and d do not belong together" },
	{ RSA_WITH(RSA_D, RSA_Q, RSA_P, RSA_DP, RSA_DQ, RSA_QI),
	    AUTHTOK_EFORMAT,
	    "the parts of the RSA key do not belong together" },
	{ RSA_WITH(RSA_D, RSA_P, RSA_P, RSA_DP, RSA_DQ, RSA_QI),
	    AUTHTOK_EFORMAT,
	    "the parts of the RSA key do not belong together" },
	{ RSA_WITH(RSA_D, RSA_P, RSA_Q, RSA_DQ, RSA_DQ, RSA_QI),
	    AUTHTOK_EFORMAT,
	    "the parts of the RSA key do not belong together" },
	{ RSA_WITH(RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DP, RSA_QI),
	    AUTHTOK_EFORMAT,
	    "the parts of the RSA key do not belong together" },
	{ RSA_WITH(RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_DP),
	    AUTHTOK_EFORMAT,
	    "the parts of the RSA key do not belong together" },
	{ RSA_WITH(RSA_P, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QI),
	    AUTHTOK_EFORMAT,
	    "the parts of the RSA key do not belong together" },
	{ RSA_WITH(RSA_D, RSA_N, "AQ", RSA_DP, RSA_DQ, RSA_QI), AUTHTOK_EFORMAT,
	    "the parts of the RSA key do not belong together" },
	{ RSA_WITH(RSA_D, "AA", RSA_Q, RSA_DP, RSA_DQ, RSA_QI), AUTHTOK_EFORMAT,
	    "the parts of the RSA key do not belong together" },
	{ RSA(RSA_PUBLIC M("d", RSA_D)), AUTHTOK_EFORMAT,
	    "a private RSA key without p, q, dp, dq or qi" },
	{ RSA(RSA_PUBLIC M("d", RSA_D) M("p", RSA_P) M("q", RSA_Q)
		  M("dp", RSA_DP) M("dq", RSA_DQ)),
	    AUTHTOK_EFORMAT, "a private RSA key without p, q, dp, dq or qi" },
	{ RSA(RSA_PRIVATE ",\"oth\":[]"), AUTHTOK_ENOTSUP,
	    "oth: a private RSA key of more than two primes" },
	{ RSA(",\"oth\":[{\"r\":\"Aw\",\"d\":\"AQ\",\"t\":\"AQ\"}"
	      "]" RSA_PRIVATE),
	    AUTHTOK_ENOTSUP, "oth: a private RSA key of more than two primes" },
	/* strength */
	{ RSA(M("n", N1024) M("e", "AQAB")), AUTHTOK_EWEAK,
	    "the modulus n has fewer than 2048 bits" },
	{ RSA(M("n", "AA") M("e", "AQAB")), AUTHTOK_EWEAK,
	    "the modulus n has fewer than 2048 bits" },
	{ RSA(M("n", RSA_N) M("e", "AQ")), AUTHTOK_EWEAK,
	    "the exponent e is not an odd number from 3" },
	{ RSA(M("n", RSA_N) M("e", "AA")), AUTHTOK_EWEAK,
	    "the exponent e is not an odd number from 3" },
	{ RSA(M("n", RSA_N) M("e", "AQAA")), AUTHTOK_EWEAK,
	    "the exponent e is not an odd number from 3" },
	{ RSA(M("n", RSA_N) M("e", "AQAAAAAAAAAB")), AUTHTOK_ENOTSUP,
	    "the exponent e has more than 64 bits" },
	{ RSA(M("n", RSA_N "==") M("e", "AQAB")), AUTHTOK_EFORMAT,
	    "n is not base64url" },
	{ ED(M("x", ZEROS)), AUTHTOK_EWEAK, "x is a point of small order" },
	{ ED(M("x", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA")),
	    AUTHTOK_EWEAK, "x is a point of small order" },
	{ ED(M("x", "7P_______________________________________38")),
	    AUTHTOK_EWEAK, "x is a point of small order" },
	{ ED(M("x", "7v________________________________________8")),
	    AUTHTOK_EWEAK, "x is a point of small order" },
	{ ED(M("x", "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU")),
	    AUTHTOK_EWEAK, "x is a point of small order" },
	{ ED(M("x", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o")),
	    AUTHTOK_EWEAK, "x is a point of small order" },
	/* who signs */
	{ ED(M("x", ED_X) SIGNS), AUTHTOK_EFORMAT,
	    "\"sign\" in key_ops of a key without d" },
	{ EC(M("x", EC_X) M("y", EC_Y) SIGNS), AUTHTOK_EFORMAT,
	    "\"sign\" in key_ops of a key without d" },
	{ RSA(RSA_PUBLIC RSA_PRIMES SIGNS), AUTHTOK_EFORMAT,
	    "\"sign\" in key_ops of a key without d" },
	{ ED(M("x", ED_X)) "," EC(M("x", EC_X) M("y", EC_Y)), AUTHTOK_EINVAL,
	    "a kid occurs twice" },
};

START_TEST(faults_are_named)
{
	const struct fault *fault = &faults[_i];
	const char *why = NULL;

	/* a pair that is there already stays, and is the set's alone */
	ck_assert_int_eq(pairs_add(keys, pairs[0].private_part, NULL), 0);
	ck_assert_int_eq(pairs_add(keys, fault->jwk, &why), fault->err);
	ck_assert_str_eq(why, fault->why);
	ck_assert_uint_eq(at_keys_count(keys), 1);
	ck_assert_int_eq(pairs_add(keys, pairs[2].public_part, NULL), 0);
	ck_assert_uint_eq(at_keys_count(keys), 2);
}
END_TEST

/* n and e that are of another key than the rest. */
START_TEST(rsa_parts_of_two_keys)
{
	static const char *const starts[] = { "\"n\":\"", "\"e\":\"AQA" };
	char jwk[4096], *p;
	const char *why;

	for (size_t i = 0; i < 2; i++) {
		strcpy(jwk, pairs[2].private_part);
		p = strstr(jwk, starts[i]) + strlen(starts[i]);
		*p = i == 0 ? 'p' : 'D';
		ck_assert_int_eq(pairs_add(keys, jwk, &why), AUTHTOK_EFORMAT);
		ck_assert_str_eq(
		    why, "the parts of the RSA key do not belong together");
	}
}
END_TEST

/* Of bits set by hand: no key that long is generated here. */
START_TEST(the_longest_modulus)
{
	static const struct {
		size_t bytes;
		uint8_t first;
		enum authtok_err err;
	} cases[] = { { 256, 0x80, 0 }, { 256, 0x7f, AUTHTOK_EWEAK },
		{ 1024, 0xff, 0 }, { 1025, 0x01, AUTHTOK_EINVAL } };
	char text[2000], n[AT_B64URL_LEN(1025) + 1];
	uint8_t bytes[1025];
	const char *why;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(bytes, 0xff, sizeof(bytes));
		bytes[0] = cases[i].first;
		n[at_b64url_encode(bytes, cases[i].bytes, n)] = '\0';
		snprintf(text, sizeof(text),
		    "{\"kty\":\"RSA\",\"kid\":\"k%zu\",\"alg\":\"RS256\","
		    "\"n\":\"%s\",\"e\":\"AQAB\"}",
		    i, n);
		ck_assert_int_eq(pairs_add(keys, text, &why), cases[i].err);
	}
	bytes[0] = 0xff;
	bytes[255] = 0xfe;
	n[at_b64url_encode(bytes, 256, n)] = '\0';
	snprintf(text, sizeof(text),
	    "{\"kty\":\"RSA\",\"kid\":\"even\",\"alg\":\"RS256\","
	    "\"n\":\"%s\",\"e\":\"AQAB\"}",
	    n);
	ck_assert_int_eq(pairs_add(keys, text, &why), AUTHTOK_EWEAK);
	ck_assert_str_eq(why, "the modulus n is even");
}
END_TEST

static enum authtok_err
add_modulus(const BIGNUM *n, const char **ret_why)
{
	struct authtok_keys *one;
	char text[1000], coded[AT_B64URL_LEN(256) + 1];
	uint8_t bytes[256];
	enum authtok_err err;

	ck_assert_int_eq(BN_bn2binpad(n, bytes, 256), 256);
	coded[at_b64url_encode(bytes, 256, coded)] = '\0';
	snprintf(text, sizeof(text),
	    "{\"kty\":\"RSA\",\"kid\":\"k\",\"alg\":\"RS256\","
	    "\"n\":\"%s\",\"e\":\"AQAB\"}",
	    coded);
	ck_assert_int_eq(authtok_keys_new(&one), 0);
	err = pairs_add(one, text, ret_why);
	authtok_keys_free(one);
	return err;
}

/*
 * An odd number of 2048 bits that is 65537 to the power of exponent modulo the
 * product of the odd primes up to 167 (CVE-2017-15361).
 */
static BIGNUM *
flawed_modulus(unsigned long exponent, BIGNUM *product)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = BN_new(), *e = BN_new(), *power = BN_new();

	BN_one(product);
	for (unsigned p = 3; p <= 167; p += 2) {
		unsigned q = 3;

		while (p % q != 0)
			q += 2;
		if (p == q)
			BN_mul_word(product, p);
	}
	BN_set_word(e, exponent);
	BN_set_word(power, 65537);
	ck_assert_int_eq(BN_mod_exp(power, power, e, product, ctx), 1);
	BN_set_bit(n, 2047);
	BN_mod(e, n, product, ctx);
	BN_sub(n, n, e);
	BN_add(n, n, product);
	BN_add(n, n, power);
	if (!BN_is_odd(n))
		BN_add(n, n, product);
	BN_free(power);
	BN_free(e);
	BN_CTX_free(ctx);
	return n;
}

START_TEST(a_flawed_generator)
{
	static const unsigned long exponents[] = { 0, 1, 2, 65537, 987654321 };
	const char *why = NULL;
	BIGNUM *product = BN_new(), *n;
	BN_ULONG rest;

	for (size_t i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
		n = flawed_modulus(exponents[i], product);
		ck_assert_int_eq(add_modulus(n, &why), AUTHTOK_EWEAK);
		ck_assert_str_eq(
		    why, "the modulus n is of a flawed generator (ROCA)");
		/* a power modulo 11 as well, only that the exponent, which is
		 * odd or even there, is the other one */
		rest = BN_mod_word(n, 11);
		ck_assert(rest == 1 || rest == 10);
		BN_div_word(product, 11);
		BN_mul_word(product, 2);
		do
			BN_add(n, n, product);
		while (BN_mod_word(n, 11) != 11 - rest);
		ck_assert_int_eq(add_modulus(n, &why), 0);
		BN_free(n);
		/* none, like most numbers */
		n = flawed_modulus(exponents[i], product);
		BN_add_word(n, 2);
		ck_assert_int_eq(add_modulus(n, &why), 0);
		BN_free(n);
	}
	BN_free(product);
}
END_TEST

START_TEST(pairs_count_as_keys)
{
	char kid[16];
	const char *why;

	for (int i = 0; i < AUTHTOK_KEYS_MAX; i++) {
		snprintf(kid, sizeof(kid), "k%d", i);
		ck_assert_int_eq(authtok_keys_add_hmac(keys, kid, AUTHTOK_HS256,
				     secret1, 32, false),
		    0);
	}
	ck_assert_int_eq(
	    pairs_add(keys, pairs[0].public_part, &why), AUTHTOK_EINVAL);
	ck_assert_str_eq(why, "too many keys");
}
END_TEST

/* ---- PEM ----------------------------------------------------------------- */

enum form {
	PUBLIC,
	PRIVATE,
	ENCRYPTED,
	TRADITIONAL,
};

static char pem[16384];

/* Appends to pem. */
static void
write_pem(EVP_PKEY *pair, enum form form)
{
	BIO *bio = BIO_new(BIO_s_mem());
	size_t at = strlen(pem);
	int done = 0;
	char *text;
	long len;

	if (form == PUBLIC)
		done = PEM_write_bio_PUBKEY(bio, pair);
	else if (form == PRIVATE)
		done = PEM_write_bio_PKCS8PrivateKey(
		    bio, pair, NULL, NULL, 0, NULL, NULL);
	else if (form == ENCRYPTED)
		done = PEM_write_bio_PKCS8PrivateKey(
		    bio, pair, EVP_aes_256_cbc(), "secret", 6, NULL, NULL);
	else
		done = PEM_write_bio_PrivateKey_traditional(bio, pair,
		    EVP_aes_256_cbc(), (const unsigned char *)"secret", 6, NULL,
		    NULL);
	ck_assert_int_eq(done, 1);
	len = BIO_get_mem_data(bio, &text);
	ck_assert_uint_lt(at + (size_t)len, sizeof(pem));
	memcpy(pem + at, text, (size_t)len);
	pem[at + (size_t)len] = '\0';
	BIO_free(bio);
}

static enum authtok_err
add_pem(const char *kid, enum authtok_alg alg, bool signing, const char **why)
{
	return authtok_keys_add_pem(
	    keys, kid, alg, pem, strlen(pem), signing, why);
}

/* One that only this alg takes. */
static void
other_algs_refuse(enum authtok_alg alg)
{
	static const enum authtok_alg algs[] = { AUTHTOK_EDDSA, AUTHTOK_ES256,
		AUTHTOK_RS256 };
	const char *why = NULL;

	for (int i = 0; i < 3; i++)
		if (algs[i] != alg) {
			ck_assert_int_eq(add_pem("x", algs[i], false, &why),
			    AUTHTOK_ENOTSUP);
			ck_assert_ptr_nonnull(strstr(why, " with a key that"));
		}
}

START_TEST(pem_is_read)
{
	enum authtok_alg alg = pairs[_i].alg;
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok *own, *other;
	struct authtok_claims *claims;
	char token[AUTHTOK_TOKEN_MAX + 1];
	const char *why = NULL;
	EVP_PKEY *pair;
	size_t len;

	config.issuer = config.audience = "a";
	ck_assert_int_eq(pairs_add(keys, pairs[_i].private_part, NULL), 0);
	pair = at_keys_get(keys, 0)->pair;
	EVP_PKEY_up_ref(pair);
	teardown();
	setup();
	strcpy(pem, "words before it\n");
	write_pem(pair, PRIVATE);
	ck_assert_int_eq(add_pem("k", alg, true, &why), 0);
	ck_assert_ptr_null(why);
	other_algs_refuse(alg);
	ck_assert_int_eq(add_pem("k", alg, false, &why), AUTHTOK_EINVAL);
	ck_assert_str_eq(
	    why, "kid is there already, or there are too many keys");
	ck_assert_int_eq(authtok_new(&config, keys, &own), 0);

	teardown();
	setup();
	pem[0] = '\0';
	write_pem(pair, PUBLIC);
	ck_assert_int_eq(add_pem("k", alg, true, &why), AUTHTOK_EINVAL);
	ck_assert_str_eq(why, "a public key cannot sign");
	ck_assert_int_eq(add_pem("k", alg, false, NULL), 0);
	other_algs_refuse(alg);
	ck_assert_int_eq(authtok_new(&config, keys, &other), 0);

	grant.user_id = 7;
	ck_assert_int_eq(
	    authtok_issue(own, &grant, token, sizeof(token), &len, NULL), 0);
	ck_assert_int_eq(authtok_claims_new(&claims), 0);
	ck_assert_int_eq(authtok_verify(other, token, len, claims), 0);
	authtok_claims_free(claims);
	authtok_free(own);
	authtok_free(other);
	EVP_PKEY_free(pair);
}
END_TEST

static void
refused(EVP_PKEY *pair, enum form form, enum authtok_alg alg,
    enum authtok_err err, const char *sentence)
{
	const char *why = NULL;

	pem[0] = '\0';
	write_pem(pair, form);
	ck_assert_int_eq(add_pem("k", alg, false, &why), err);
	ck_assert_str_eq(why, sentence);
	ck_assert_uint_eq(at_keys_count(keys), 0);
	EVP_PKEY_free(pair);
}

/* Nothing is asked: standard input of a test is no terminal, nor read. */
START_TEST(pem_that_is_encrypted)
{
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), ENCRYPTED,
	    AUTHTOK_EDDSA, AUTHTOK_ENOTSUP, "the key is encrypted");
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), TRADITIONAL,
	    AUTHTOK_ES256, AUTHTOK_ENOTSUP, "the key is encrypted");
}
END_TEST

static EVP_PKEY *
explicit_p256(void)
{
	EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

	ck_assert_int_eq(
	    EVP_PKEY_set_utf8_string_param(pair, "encoding", "explicit"), 1);
	return pair;
}

START_TEST(pem_of_other_keys)
{
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), PUBLIC, AUTHTOK_EDDSA,
	    AUTHTOK_ENOTSUP, "EdDSA with a key that is not one of Ed25519");
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), PRIVATE, AUTHTOK_EDDSA,
	    AUTHTOK_ENOTSUP, "EdDSA with a key that is not one of Ed25519");
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), PRIVATE,
	    AUTHTOK_ES256, AUTHTOK_ENOTSUP,
	    "ES256 with a key that is not one of P-256");
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"), PUBLIC,
	    AUTHTOK_ES256, AUTHTOK_ENOTSUP,
	    "ES256 with a key that is not one of P-256");
	refused(explicit_p256(), PUBLIC, AUTHTOK_ES256, AUTHTOK_ENOTSUP,
	    "ES256 with a key that is not one of P-256");
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), PRIVATE,
	    AUTHTOK_RS256, AUTHTOK_EWEAK,
	    "the modulus n has fewer than 2048 bits");
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), PUBLIC,
	    AUTHTOK_RS256, AUTHTOK_EWEAK,
	    "the modulus n has fewer than 2048 bits");
}
END_TEST

START_TEST(pem_that_is_none)
{
	const char *why = NULL;
	char *line;

	pem[0] = '\0';
	ck_assert_int_eq(
	    add_pem("k", AUTHTOK_EDDSA, false, &why), AUTHTOK_EFORMAT);
	ck_assert_str_eq(why, "not PEM");
	ck_assert_int_eq(pairs_add(keys, pairs[0].private_part, NULL), 0);
	write_pem(at_keys_get(keys, 0)->pair, PRIVATE);
	write_pem(at_keys_get(keys, 0)->pair, PUBLIC);
	ck_assert_int_eq(
	    add_pem("k", AUTHTOK_EDDSA, false, &why), AUTHTOK_EFORMAT);
	ck_assert_str_eq(why, "more than one PEM block");
	/* the second is cut short, which makes the first no more certain */
	pem[strlen(pem) - 9] = '\0';
	ck_assert_int_eq(
	    add_pem("k", AUTHTOK_EDDSA, false, &why), AUTHTOK_EFORMAT);
	ck_assert_str_eq(why, "more than one PEM block");
	/* a label that is wrong, bytes that are none of a key */
	pem[0] = '\0';
	write_pem(at_keys_get(keys, 0)->pair, PUBLIC);
	line = strchr(pem, '\n') + 1;
	line[0] = 'A';
	ck_assert_int_eq(
	    add_pem("k", AUTHTOK_EDDSA, false, &why), AUTHTOK_EFORMAT);
	ck_assert_str_eq(why, "not a key that the crypto library can read");
	strcpy(pem,
	    "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
	ck_assert_int_eq(
	    add_pem("k", AUTHTOK_EDDSA, false, &why), AUTHTOK_ENOTSUP);
	ck_assert_str_eq(why, "neither PUBLIC KEY nor PRIVATE KEY (PKCS #8)");
	strcpy(pem,
	    "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
	ck_assert_int_eq(
	    add_pem("k", AUTHTOK_EDDSA, false, &why), AUTHTOK_EFORMAT);
	ck_assert_uint_eq(at_keys_count(keys), 1);
}
END_TEST

/* The private part in the DER of a key is not what belongs to the public one. */
START_TEST(pem_of_two_keys)
{
	static const struct {
		int pair;
		const char *d;
		const char *why;
	} cases[] = {
		{ 1, EC_D, "x, y and d do not belong together" },
		{ 2, RSA_D, "the parts of the RSA key do not belong together" },
	};

	for (size_t i = 0; i < 2; i++) {
		PKCS8_PRIV_KEY_INFO *info;
		BIO *bio = BIO_new(BIO_s_mem());
		unsigned char *der = NULL, *at;
		const char *why = NULL;
		uint8_t d[256];
		size_t n;
		char *text;
		long len;

		ck_assert_int_eq(
		    pairs_add(keys, pairs[cases[i].pair].private_part, NULL),
		    0);
		info = EVP_PKEY2PKCS8(at_keys_get(keys, i)->pair);
		len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
		PKCS8_PRIV_KEY_INFO_free(info);
		ck_assert(
		    at_b64url_decode(cases[i].d, strlen(cases[i].d), d, &n));
		at = memmem(der, (size_t)len, d, n);
		ck_assert_ptr_nonnull(at);
		at[n - 1] ^= 2;
		ck_assert_int_gt(
		    PEM_write_bio(bio, "PRIVATE KEY", "", der, len), 0);
		len = BIO_get_mem_data(bio, &text);
		ck_assert_int_eq(
		    authtok_keys_add_pem(keys, "k", pairs[cases[i].pair].alg,
			text, (size_t)len, true, &why),
		    AUTHTOK_EFORMAT);
		ck_assert_str_eq(why, cases[i].why);
		OPENSSL_free(der);
		BIO_free(bio);
	}
}
END_TEST

START_TEST(arguments_of_pem)
{
	const char *why = NULL;

	ck_assert_int_eq(
	    authtok_keys_add_pem(NULL, "k", AUTHTOK_EDDSA, "", 0, false, &why),
	    AUTHTOK_EINVAL);
	ck_assert_ptr_nonnull(why);
	ck_assert_int_eq(authtok_keys_add_pem(
			     keys, "k", AUTHTOK_EDDSA, NULL, 0, false, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_keys_add_pem(keys, NULL, AUTHTOK_EDDSA, "", 0, false, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_keys_add_pem(
			     keys, "a b", AUTHTOK_EDDSA, "", 0, false, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_keys_add_pem(keys, "k", AUTHTOK_HS256, "", 0, false, &why),
	    AUTHTOK_EINVAL);
	ck_assert_str_eq(why, "not an algorithm of key pairs");
	ck_assert_int_eq(authtok_keys_add_pem(keys, "k", (enum authtok_alg)9,
			     "", 0, false, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_keys_add_pem(keys, "k", AUTHTOK_EDDSA, "",
			     SIZE_MAX, false, &why),
	    AUTHTOK_EINVAL);
	ck_assert_str_eq(why, "too long for a key");
}
END_TEST

/* ---- what is published --------------------------------------------------- */

START_TEST(public_set)
{
	static const char right[] =
	    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\","
	    "\"kid\":\"ed\",\"alg\":\"EdDSA\"" M("x",
		ED_X) ",\"key_ops\":[\"verify\"]},"
		      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\","
		      "\"kid\":\"ec\",\"alg\":\"ES256\"" M("x", EC_X) M("y",
			  EC_Y) ",\"key_ops\":[\"verify\"]},"
				"{\"kty\":\"RSA\",\"use\":\"sig\","
				"\"kid\":\"rsa\",\"alg\":\"RS256\"" RSA_PUBLIC
				",\"key_ops\":[\"verify\"]}]}";
	char text[AUTHTOK_PUBLIC_MAX];
	size_t len = 7;

	strcpy(text, "as it was");
	ck_assert_int_eq(
	    authtok_keys_public(keys, text, sizeof(text), &len), AUTHTOK_EKEY);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "h", AUTHTOK_HS256, secret1, 32, true),
	    0);
	ck_assert_int_eq(
	    authtok_keys_add_refresh(keys, 1, secret2, 64, true), 0);
	ck_assert_int_eq(
	    authtok_keys_public(keys, text, sizeof(text), &len), AUTHTOK_EKEY);
	for (int i = 0; i < PAIRS; i++)
		ck_assert_int_eq(
		    pairs_add(keys, pairs[i].private_part, NULL), 0);
	ck_assert_int_eq(
	    authtok_keys_public(keys, text, sizeof(right) - 1, &len),
	    AUTHTOK_ENOSPC);
	ck_assert_str_eq(text, "as it was");
	ck_assert_uint_eq(len, 7);
	ck_assert_int_eq(
	    authtok_keys_public(keys, text, sizeof(right), &len), 0);
	ck_assert_uint_eq(len, sizeof(right) - 1);
	ck_assert_str_eq(text, right);
	ck_assert_int_eq(authtok_keys_public(NULL, text, sizeof(text), &len),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_keys_public(keys, NULL, sizeof(text), &len),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_keys_public(keys, text, sizeof(text), NULL),
	    AUTHTOK_EINVAL);

	/* others build a verifier of it */
	teardown();
	setup();
	ck_assert_int_eq(authtok_keys_add_jwks(keys, text, len, NULL, NULL), 0);
	ck_assert_uint_eq(at_keys_count(keys), PAIRS);
}
END_TEST

/* The value of a member of a text that we wrote, or NULL. */
static const char *
member(const char *text, const char *name, char *value, size_t size)
{
	char pattern[16];
	const char *p;

	snprintf(pattern, sizeof(pattern), "\"%s\":\"", name);
	p = strstr(text, pattern);
	if (p == NULL)
		return NULL;
	p += strlen(pattern);
	ck_assert_uint_lt(strcspn(p, "\""), size);
	memcpy(value, p, strcspn(p, "\""));
	value[strcspn(p, "\"")] = '\0';
	return value;
}

/* No part of what was generated, but for the public ones, is published. */
START_TEST(nothing_private_is_published)
{
	static const char *const secret[] = { "k", "d", "p", "q", "dp", "dq",
		"qi" };
	char text[AUTHTOK_GENERATED_MAX], shown[AUTHTOK_PUBLIC_MAX];
	char value[1024];
	size_t len, i, seen = 0;

	for (int n = 0; n < 8; n++) {
		ck_assert_int_eq(authtok_keys_generate(pairs[_i].alg, "one",
				     text, sizeof(text), &len),
		    0);
		ck_assert_int_eq(
		    authtok_keys_add_jwks(keys, text, len, NULL, NULL), 0);
		ck_assert_int_eq(
		    authtok_keys_public(keys, shown, sizeof(shown), &len), 0);
		for (i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
			ck_assert_ptr_null(
			    member(shown, secret[i], value, sizeof(value)));
			if (member(text, secret[i], value, sizeof(value)) ==
			    NULL)
				continue;
			seen++;
			ck_assert_uint_gt(strlen(value), 20);
			ck_assert_ptr_null(strstr(shown, value));
			/* nor a piece of it */
			value[20] = '\0';
			ck_assert_ptr_null(strstr(shown, value));
		}
		ck_assert_ptr_null(strstr(shown, "\"oct\""));
		ck_assert_ptr_null(strstr(shown, "authtok-"));
		ck_assert_ptr_null(strstr(shown, "\"sign\""));
		teardown();
		setup();
	}
	ck_assert_uint_ge(seen, 16);
}
END_TEST

/* The longest of them: AUTHTOK_KEYS_MAX, of 8192 bits, with long ids. */
START_TEST(the_longest_public_set)
{
	char text[2000], n[AT_B64URL_LEN(1024) + 1], shown[AUTHTOK_PUBLIC_MAX];
	uint8_t bytes[1024];
	size_t len;

	memset(bytes, 0xff, sizeof(bytes));
	n[at_b64url_encode(bytes, sizeof(bytes), n)] = '\0';
	for (int i = 0; i < AUTHTOK_KEYS_MAX; i++) {
		snprintf(text, sizeof(text),
		    "{\"kty\":\"RSA\",\"kid\":\"%064d\",\"alg\":\"RS256\","
		    "\"n\":\"%s\",\"e\":\"__________8\"}",
		    i, n);
		ck_assert_int_eq(pairs_add(keys, text, NULL), 0);
	}
	ck_assert_int_eq(
	    authtok_keys_public(keys, shown, sizeof(shown), &len), 0);
	ck_assert_int_eq(
	    authtok_keys_public(keys, shown, len, &len), AUTHTOK_ENOSPC);
}
END_TEST

/* ---- new ones ------------------------------------------------------------ */

START_TEST(generated_keys_of_every_algorithm)
{
	enum authtok_alg alg = (enum authtok_alg)_i;
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	char text[AUTHTOK_GENERATED_MAX], again[AUTHTOK_GENERATED_MAX];
	char kid[AUTHTOK_KID_MAX + 1];
	struct authtok *engine;
	size_t len, n = 7;

	memset(kid, 'k', AUTHTOK_KID_MAX);
	kid[AUTHTOK_KID_MAX] = '\0';
	ck_assert_int_eq(
	    authtok_keys_generate(alg, kid, text, sizeof(text), &len), 0);
	ck_assert_uint_eq(strlen(text), len);
	ck_assert_int_eq(authtok_keys_add_jwks(keys, text, len, NULL, NULL), 0);
	ck_assert_uint_eq(at_keys_count(keys), 1);
	ck_assert_int_eq(at_keys_get(keys, 0)->alg, alg);
	ck_assert(at_keys_get(keys, 0)->signing);
	ck_assert_uint_eq(at_keys_secrets(keys, AT_REFRESH)->count, 1);
	ck_assert_uint_eq(at_keys_secrets(keys, AT_AUDIT)->count, 1);
	config.issuer = config.audience = "a";
	ck_assert_int_eq(authtok_new(&config, keys, &engine), 0);
	ck_assert(authtok_can_issue(engine));
	authtok_free(engine);

	ck_assert_int_eq(
	    authtok_keys_generate(alg, kid, again, sizeof(again), &n), 0);
	ck_assert_str_ne(text, again);
	strcpy(again, "as it was");
	n = 7;
	ck_assert_int_eq(
	    authtok_keys_generate(alg, kid, again, 200, &n), AUTHTOK_ENOSPC);
	ck_assert_str_eq(again, "as it was");
	ck_assert_uint_eq(n, 7);
}
END_TEST

START_TEST(arguments_of_generate)
{
	char text[AUTHTOK_GENERATED_MAX];
	size_t len;

	ck_assert_int_eq(authtok_keys_generate((enum authtok_alg)0, "k", text,
			     sizeof(text), &len),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_keys_generate((enum authtok_alg)7, "k", text,
			     sizeof(text), &len),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_keys_generate(AUTHTOK_EDDSA, "k", NULL, 0, &len),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_keys_generate(AUTHTOK_EDDSA, "k", text, sizeof(text), NULL),
	    AUTHTOK_EINVAL);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("pairs");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, pairs_are_read);
	tcase_add_test(t, parts_of_other_types_are_passed_over);
	tcase_add_loop_test(
	    t, faults_are_named, 0, sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(t, rsa_parts_of_two_keys);
	tcase_add_test(t, the_longest_modulus);
	tcase_add_test(t, a_flawed_generator);
	tcase_add_test(t, pairs_count_as_keys);
	tcase_add_loop_test(t, pem_is_read, 0, PAIRS);
	tcase_add_test(t, pem_that_is_encrypted);
	tcase_add_test(t, pem_of_other_keys);
	tcase_add_test(t, pem_that_is_none);
	tcase_add_test(t, pem_of_two_keys);
	tcase_add_test(t, arguments_of_pem);
	tcase_add_test(t, public_set);
	tcase_add_loop_test(t, nothing_private_is_published, 0, PAIRS);
	tcase_add_test(t, the_longest_public_set);
	tcase_add_loop_test(t, generated_keys_of_every_algorithm, AUTHTOK_HS256,
	    AUTHTOK_RS256 + 1);
	tcase_add_test(t, arguments_of_generate);
	return forge_run(t);
}
