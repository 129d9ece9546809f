/*
 * Key pairs. What is wrong with one is found here, once, when it comes into a
 * key set: a verify trusts its key.
 */
#include "token/pair.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "token/roca.h"

#define LEN 32 /* bytes of a part of Ed25519 and P-256 */

static enum authtok_err
bad(enum authtok_err err, const char **ret_why, const char *why)
{
	*ret_why = why;
	return err;
}

static enum authtok_err
crypto_failed(const char **ret_why)
{
	return bad(AUTHTOK_ECRYPTO, ret_why, "the crypto library failed");
}

/* ---- Ed25519 (RFC 8032) -------------------------------------------------- */

/*
 * The points of small order, with which a signature says nothing, by their y;
 * the sign of x is left out. Beside 0, 1 and -1 two of order 8, and p and p + 1,
 * which are 0 and 1 once more.
 */
static bool
small_order(const uint8_t *x)
{
	static const uint8_t points[][LEN] = {
		{ 0 },
		{ 1 },
		{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3,
		    0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05,
		    0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
		    0xfc, 0x05 },
		{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c,
		    0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa,
		    0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
		    0x03, 0x7a },
	};
	uint8_t y[LEN];
	size_t i;

	memcpy(y, x, LEN);
	y[LEN - 1] &= 0x7f;
	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		if (memcmp(y, points[i], LEN) == 0)
			return true;
	/* p - 1, p, p + 1: 2^255 less 20, 19 and 18 */
	if (y[0] < 0xec || y[0] > 0xee || y[LEN - 1] != 0x7f)
		return false;
	for (i = 1; i < LEN - 1; i++)
		if (y[i] != 0xff)
			return false;
	return true;
}

static enum authtok_err
check_ed25519(const EVP_PKEY *pair, const char **ret_why)
{
	uint8_t x[LEN];
	size_t len = sizeof(x);

	if (!EVP_PKEY_is_a(pair, "ED25519"))
		return bad(AUTHTOK_ENOTSUP, ret_why,
		    "EdDSA with a key that is not one of Ed25519");
	if (EVP_PKEY_get_raw_public_key(pair, x, &len) != 1)
		return crypto_failed(ret_why);
	if (small_order(x))
		return bad(
		    AUTHTOK_EWEAK, ret_why, "x is a point of small order");
	return AUTHTOK_OK;
}

/* The public part follows from the private one, so it is compared. */
static enum authtok_err
make_ed25519(
    const struct at_parts *parts, EVP_PKEY **ret_pair, const char **ret_why)
{
	const uint8_t *x = parts->of[AT_PART_X].bytes;
	const uint8_t *d = parts->of[AT_PART_D].bytes;
	bool private = parts->of[AT_PART_D].len > 0;
	uint8_t derived[LEN];
	size_t len = sizeof(derived);
	EVP_PKEY *pair;

	if (parts->of[AT_PART_X].len != LEN)
		return bad(AUTHTOK_EFORMAT, ret_why, "x is not of 32 bytes");
	if (private && parts->of[AT_PART_D].len != LEN)
		return bad(AUTHTOK_EFORMAT, ret_why, "d is not of 32 bytes");
	pair = private
	    ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, d, LEN)
	    : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, LEN);
	*ret_pair = pair;
	if (pair == NULL ||
	    EVP_PKEY_get_raw_public_key(pair, derived, &len) != 1)
		return crypto_failed(ret_why);
	if (CRYPTO_memcmp(derived, x, LEN) != 0)
		return bad(
		    AUTHTOK_EFORMAT, ret_why, "x and d do not belong together");
	return AUTHTOK_OK;
}

/* ---- numbers ------------------------------------------------------------- */

/* Secure BIGNUMs, so that OpenSSL wipes what it makes of them. */
struct numbers {
	BIGNUM *of[AT_PARTS];
};

static bool
numbers_read(struct numbers *n, const struct at_parts *parts)
{
	for (size_t i = AT_PART_X; i < AT_PARTS; i++) {
		n->of[i] = BN_secure_new();
		if (n->of[i] == NULL ||
		    BN_bin2bn(parts->of[i].bytes, (int)parts->of[i].len,
			n->of[i]) == NULL)
			return false;
	}
	return true;
}

static void
numbers_clear(struct numbers *n)
{
	for (size_t i = 0; i < AT_PARTS; i++)
		BN_clear_free(n->of[i]);
}

/* NULL: OpenSSL does not take these for a key, or failed. */
static EVP_PKEY *
from_data(const char *type, OSSL_PARAM_BLD *build, bool private)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pair = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pair,
		private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
		pair = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pair;
}

/* ---- P-256 --------------------------------------------------------------- */

static bool
is_p256(const EVP_PKEY *pair)
{
	char group[32];
	size_t len;
	int explicit_group = 0;

	/* a curve that is spelled out could be another with our name */
	return EVP_PKEY_is_a(pair, "EC") &&
	    EVP_PKEY_get_group_name(pair, group, sizeof(group), &len) == 1 &&
	    strcmp(group, "prime256v1") == 0 &&
	    (EVP_PKEY_get_int_param(pair,
		 OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
		 &explicit_group) != 1 ||
		explicit_group == 0);
}

static enum authtok_err
check_p256(EVP_PKEY *pair, bool private_too, const char **ret_why)
{
	EVP_PKEY_CTX *ctx;
	enum authtok_err err = AUTHTOK_OK;

	if (!is_p256(pair))
		return bad(AUTHTOK_ENOTSUP, ret_why,
		    "ES256 with a key that is not one of P-256");
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
	if (ctx == NULL)
		return crypto_failed(ret_why);
	if (EVP_PKEY_public_check(ctx) != 1)
		err = bad(AUTHTOK_EFORMAT, ret_why,
		    "x and y are not a point of the curve");
	else if (private_too && EVP_PKEY_check(ctx) != 1)
		err = bad(AUTHTOK_EFORMAT, ret_why,
		    "x, y and d do not belong together");
	EVP_PKEY_CTX_free(ctx);
	return err;
}

static EVP_PKEY *
p256_of(const struct at_parts *parts, const BIGNUM *d)
{
	uint8_t point[1 + 2 * LEN] = { 0x04 }; /* SEC 1, 2.3.3 */
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *pair = NULL;

	memcpy(point + 1, parts->of[AT_PART_X].bytes, LEN);
	memcpy(point + 1 + LEN, parts->of[AT_PART_Y].bytes, LEN);
	if (build != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(
		build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(
		build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1 &&
	    (BN_is_zero(d) ||
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d) ==
		    1))
		pair = from_data("EC", build, !BN_is_zero(d));
	OSSL_PARAM_BLD_free(build);
	return pair;
}

static enum authtok_err
make_p256(
    const struct at_parts *parts, EVP_PKEY **ret_pair, const char **ret_why)
{
	size_t d_len = parts->of[AT_PART_D].len;
	struct numbers n = { 0 };
	enum authtok_err err = AUTHTOK_OK;

	/* RFC 7518 sections 6.2.1.2 and 6.2.2.1: never fewer */
	if (parts->of[AT_PART_X].len != LEN)
		return bad(AUTHTOK_EFORMAT, ret_why, "x is not of 32 bytes");
	if (parts->of[AT_PART_Y].len != LEN)
		return bad(AUTHTOK_EFORMAT, ret_why, "y is not of 32 bytes");
	if (d_len > 0 && d_len != LEN)
		return bad(AUTHTOK_EFORMAT, ret_why, "d is not of 32 bytes");
	if (!numbers_read(&n, parts)) {
		err = crypto_failed(ret_why);
	} else if (d_len > 0 && BN_is_zero(n.of[AT_PART_D])) {
		err = bad(AUTHTOK_EFORMAT, ret_why, "d is zero");
	} else {
		*ret_pair = p256_of(parts, n.of[AT_PART_D]);
		if (*ret_pair == NULL)
			err = bad(AUTHTOK_EFORMAT, ret_why,
			    "x and y are not a point of the curve");
	}
	numbers_clear(&n);
	return err;
}

/* ---- RSA ----------------------------------------------------------------- */

static const struct {
	enum at_part part;
	const char *name;
} rsa_parts[] = {
	{ AT_PART_N, OSSL_PKEY_PARAM_RSA_N },
	{ AT_PART_E, OSSL_PKEY_PARAM_RSA_E },
	{ AT_PART_D, OSSL_PKEY_PARAM_RSA_D },
	{ AT_PART_P, OSSL_PKEY_PARAM_RSA_FACTOR1 },
	{ AT_PART_Q, OSSL_PKEY_PARAM_RSA_FACTOR2 },
	{ AT_PART_DP, OSSL_PKEY_PARAM_RSA_EXPONENT1 },
	{ AT_PART_DQ, OSSL_PKEY_PARAM_RSA_EXPONENT2 },
	{ AT_PART_QI, OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
};

#define RSA_PARTS (sizeof(rsa_parts) / sizeof(rsa_parts[0]))

/* What is so of every RSA key: OpenSSL's own check seeks primes for a second. */
static enum authtok_err
check_modulus(const BIGNUM *n, const BIGNUM *e, const char **ret_why)
{
	if (BN_num_bits(n) < AT_RSA_BITS_MIN)
		return bad(AUTHTOK_EWEAK, ret_why,
		    "the modulus n has fewer than 2048 bits");
	if (BN_num_bits(n) > AT_RSA_BITS_MAX)
		return bad(AUTHTOK_ENOTSUP, ret_why,
		    "the modulus n has more than 8192 bits");
	if (!BN_is_odd(n))
		return bad(AUTHTOK_EWEAK, ret_why, "the modulus n is even");
	if (!BN_is_odd(e) || BN_is_one(e))
		return bad(AUTHTOK_EWEAK, ret_why,
		    "the exponent e is not an odd number from 3");
	if (at_is_roca(n))
		return bad(AUTHTOK_EWEAK, ret_why,
		    "the modulus n is of a flawed generator (ROCA)");
	if (BN_num_bits(e) > 64)
		return bad(AUTHTOK_ENOTSUP, ret_why,
		    "the exponent e has more than 64 bits");
	return AUTHTOK_OK;
}

/* Whether a * b is 1 modulo m. */
static bool
inverse(const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, BN_CTX *ctx)
{
	BIGNUM *product = BN_secure_new();
	bool yes = product != NULL && !BN_is_zero(m) &&
	    BN_mod_mul(product, a, b, m, ctx) == 1 && BN_is_one(product);

	BN_clear_free(product);
	return yes;
}

/* Whether exponent is d modulo prime - 1, and undoes e there. */
static bool
exponent_fits(const struct numbers *n, const BIGNUM *exponent,
    const BIGNUM *prime, BN_CTX *ctx)
{
	BIGNUM *less = BN_secure_new(), *rest = BN_secure_new();
	bool yes = less != NULL && rest != NULL && !BN_is_zero(prime) &&
	    BN_sub(less, prime, BN_value_one()) == 1 && !BN_is_zero(less) &&
	    BN_nnmod(rest, n->of[AT_PART_D], less, ctx) == 1 &&
	    BN_cmp(rest, exponent) == 0 &&
	    inverse(exponent, n->of[AT_PART_E], less, ctx);

	BN_clear_free(less);
	BN_clear_free(rest);
	return yes;
}

/* RFC 8017 section 3.2, but for whether the primes are any. */
static bool
rsa_fits(const struct numbers *n)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *product = BN_secure_new();
	bool yes = ctx != NULL && product != NULL &&
	    BN_mul(product, n->of[AT_PART_P], n->of[AT_PART_Q], ctx) == 1 &&
	    BN_cmp(product, n->of[AT_PART_N]) == 0 &&
	    !BN_is_one(n->of[AT_PART_P]) && !BN_is_one(n->of[AT_PART_Q]) &&
	    exponent_fits(n, n->of[AT_PART_DP], n->of[AT_PART_P], ctx) &&
	    exponent_fits(n, n->of[AT_PART_DQ], n->of[AT_PART_Q], ctx) &&
	    inverse(n->of[AT_PART_QI], n->of[AT_PART_Q], n->of[AT_PART_P], ctx);

	BN_clear_free(product);
	BN_CTX_free(ctx);
	return yes;
}

static enum authtok_err
check_rsa(const EVP_PKEY *pair, bool private_too, const char **ret_why)
{
	struct numbers n = { 0 };
	size_t i, count = private_too ? RSA_PARTS : 2;
	enum authtok_err err = AUTHTOK_OK;

	if (!EVP_PKEY_is_a(pair, "RSA"))
		return bad(AUTHTOK_ENOTSUP, ret_why,
		    "RS256 with a key that is not one of RSA");
	for (i = 0; i < count && err == AUTHTOK_OK; i++)
		if (EVP_PKEY_get_bn_param(
			pair, rsa_parts[i].name, &n.of[rsa_parts[i].part]) != 1)
			err = i < 2 ? crypto_failed(ret_why)
				    : bad(AUTHTOK_EFORMAT, ret_why,
					  "a private RSA key without its "
					  "primes");
	if (err == AUTHTOK_OK)
		err = check_modulus(n.of[AT_PART_N], n.of[AT_PART_E], ret_why);
	if (err == AUTHTOK_OK && private_too && !rsa_fits(&n))
		err = bad(AUTHTOK_EFORMAT, ret_why,
		    "the parts of the RSA key do not belong together");
	numbers_clear(&n);
	return err;
}

static EVP_PKEY *
rsa_of(const struct numbers *n, bool private)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	size_t i, count = private ? RSA_PARTS : 2;
	EVP_PKEY *pair = NULL;

	for (i = 0; build != NULL && i < count; i++)
		if (OSSL_PARAM_BLD_push_BN(build, rsa_parts[i].name,
			n->of[rsa_parts[i].part]) != 1)
			break;
	if (build != NULL && i == count)
		pair = from_data("RSA", build, private);
	OSSL_PARAM_BLD_free(build);
	return pair;
}

static enum authtok_err
make_rsa(
    const struct at_parts *parts, EVP_PKEY **ret_pair, const char **ret_why)
{
	bool private = parts->of[AT_PART_D].len > 0;
	struct numbers n = { 0 };
	enum authtok_err err;
	size_t i;

	for (i = 3; private && i < RSA_PARTS; i++)
		if (parts->of[rsa_parts[i].part].len == 0)
			return bad(AUTHTOK_EFORMAT, ret_why,
			    "a private RSA key without p, q, dp, dq or qi");
	if (!numbers_read(&n, parts)) {
		err = crypto_failed(ret_why);
	} else {
		/* before OpenSSL is given something that is no key */
		err = check_modulus(n.of[AT_PART_N], n.of[AT_PART_E], ret_why);
		if (err == AUTHTOK_OK && private && !rsa_fits(&n))
			err = bad(AUTHTOK_EFORMAT, ret_why,
			    "the parts of the RSA key do not belong together");
	}
	if (err == AUTHTOK_OK) {
		*ret_pair = rsa_of(&n, private);
		if (*ret_pair == NULL)
			err = crypto_failed(ret_why);
	}
	numbers_clear(&n);
	return err;
}

/* ---- all of them --------------------------------------------------------- */

static enum authtok_err
check(enum authtok_alg alg, EVP_PKEY *pair, bool private_too,
    const char **ret_why)
{
	switch (alg) {
	case AUTHTOK_EDDSA:
		return check_ed25519(pair, ret_why);
	case AUTHTOK_ES256:
		return check_p256(pair, private_too, ret_why);
	case AUTHTOK_RS256:
		return check_rsa(pair, private_too, ret_why);
	case AUTHTOK_HS256:
	case AUTHTOK_HS384:
	case AUTHTOK_HS512:
		break;
	}
	return bad(AUTHTOK_EINVAL, ret_why, "not an algorithm of key pairs");
}

static enum authtok_err
make(enum authtok_alg alg, const struct at_parts *parts, EVP_PKEY **ret_pair,
    const char **ret_why)
{
	switch (alg) {
	case AUTHTOK_EDDSA:
		return make_ed25519(parts, ret_pair, ret_why);
	case AUTHTOK_ES256:
		return make_p256(parts, ret_pair, ret_why);
	case AUTHTOK_RS256:
		return make_rsa(parts, ret_pair, ret_why);
	case AUTHTOK_HS256:
	case AUTHTOK_HS384:
	case AUTHTOK_HS512:
		break;
	}
	return bad(AUTHTOK_EINVAL, ret_why, "not an algorithm of key pairs");
}

/* Nothing of what OpenSSL thought of a key stays in its queue of errors. */

enum authtok_err
at_pair_check(enum authtok_alg alg, EVP_PKEY *pair, bool private_too,
    const char **ret_why)
{
	enum authtok_err err;

	ERR_set_mark();
	err = check(alg, pair, private_too, ret_why);
	ERR_pop_to_mark();
	return err;
}

enum authtok_err
at_pair_make(enum authtok_alg alg, const struct at_parts *parts,
    EVP_PKEY **ret_pair, const char **ret_why)
{
	EVP_PKEY *pair = NULL;
	enum authtok_err err;

	ERR_set_mark();
	err = make(alg, parts, &pair, ret_why);
	if (err == AUTHTOK_OK)
		err = check(alg, pair, parts->of[AT_PART_D].len > 0, ret_why);
	ERR_pop_to_mark();
	if (err == AUTHTOK_OK)
		*ret_pair = pair;
	else
		EVP_PKEY_free(pair);
	return err;
}

EVP_PKEY *
at_pair_generate(enum authtok_alg alg)
{
	EVP_PKEY *pair = NULL;

	ERR_set_mark();
	if (alg == AUTHTOK_EDDSA)
		pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (alg == AUTHTOK_ES256)
		pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	else if (alg == AUTHTOK_RS256)
		pair = EVP_PKEY_Q_keygen(
		    NULL, NULL, "RSA", (size_t)AT_RSA_BITS_MIN);
	ERR_pop_to_mark();
	return pair;
}

/* The name that OpenSSL has for a part that is a number, or NULL. */
static const char *
number_name(enum authtok_alg alg, enum at_part part)
{
	if (alg == AUTHTOK_ES256)
		return part == AT_PART_X ? OSSL_PKEY_PARAM_EC_PUB_X
		    : part == AT_PART_Y  ? OSSL_PKEY_PARAM_EC_PUB_Y
		    : part == AT_PART_D  ? OSSL_PKEY_PARAM_PRIV_KEY
					 : NULL;
	for (size_t i = 0; alg == AUTHTOK_RS256 && i < RSA_PARTS; i++)
		if (rsa_parts[i].part == part)
			return rsa_parts[i].name;
	return NULL;
}

static size_t
number(enum authtok_alg alg, const EVP_PKEY *pair, const char *name,
    uint8_t *ret_bytes)
{
	BIGNUM *value = NULL;
	int len = 0;

	if (EVP_PKEY_get_bn_param(pair, name, &value) == 1) {
		len = alg == AUTHTOK_ES256 ? LEN : BN_num_bytes(value);
		if (len > AT_PART_MAX ||
		    BN_bn2binpad(value, ret_bytes, len) != len)
			len = 0;
	}
	BN_clear_free(value);
	return (size_t)len;
}

size_t
at_pair_part(enum authtok_alg alg, const EVP_PKEY *pair, enum at_part part,
    uint8_t *ret_bytes)
{
	const char *name = number_name(alg, part);
	size_t len = 0;

	ERR_set_mark();
	if (name != NULL) {
		len = number(alg, pair, name, ret_bytes);
	} else if (alg == AUTHTOK_EDDSA) {
		len = LEN;
		if (part == AT_PART_X ? EVP_PKEY_get_raw_public_key(
					    pair, ret_bytes, &len) != 1
				      : part != AT_PART_D ||
			    EVP_PKEY_get_raw_private_key(
				pair, ret_bytes, &len) != 1)
			len = 0;
	}
	ERR_pop_to_mark();
	return len;
}
