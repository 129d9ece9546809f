/*
 * Tokens signed by key pairs: the RFCs' examples, what is accepted, and every
 * way to a signature that is none.
 */
#include "mallocs.h"
#include "pairs.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "token/claims.h"
#include "token/signature.h"

/* ---- allocations that fail ----------------------------------------------- */
static _Thread_local long crypto_left =
    -1;                                /* of OpenSSL's that succeed; -1: all */
static _Thread_local bool crypto_once; /* then there is memory again */
static _Thread_local bool crypto_failed;

static bool
crypto_may(void)
{
	if (crypto_left == 0) {
		crypto_failed = true;
		if (crypto_once)
			crypto_left = -1;
		return false;
	}
	crypto_left -= crypto_left > 0;
	return true;
}

static void *
crypto_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return crypto_may() ? __real_malloc(size) : NULL;
}

static void *
crypto_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return crypto_may() ? __real_realloc(old, size) : NULL;
}

static void
crypto_free(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

/* ---- the world ----------------------------------------------------------- */
static struct authtok_keys *all; /* the three pairs, private, none signs */
static struct at_signature signers[PAIRS];
static struct authtok_claims *claims;
static int64_t now;

static int64_t
clock_now(void *arg)
{
	(void)arg;
	return now;
}

static struct authtok *
engine_over(struct authtok_keys *keys)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok *engine = NULL;

	config.issuer = ISSUER;
	config.audience = AUD;
	config.now = clock_now;
	ck_assert_int_eq(authtok_new(&config, keys, &engine), 0);
	authtok_keys_free(keys);
	return engine;
}

static struct authtok_keys *
set_of(const char *jwk)
{
	struct authtok_keys *keys;

	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	if (jwk != NULL)
		ck_assert_int_eq(pairs_add(keys, jwk, NULL), 0);
	return keys;
}

/* All public parts, and an HMAC key. */
static struct authtok *
verifier(void)
{
	struct authtok_keys *keys = set_of(NULL);

	for (int i = 0; i < PAIRS; i++)
		ck_assert_int_eq(
		    pairs_add(keys, pairs[i].public_part, NULL), 0);
	ck_assert_int_eq(authtok_keys_add_hmac(
			     keys, "mac", AUTHTOK_HS256, secret1, 32, false),
	    0);
	return engine_over(keys);
}

static void
setup(void)
{
	now = NOW;
	all = set_of(NULL);
	for (int i = 0; i < PAIRS; i++) {
		ck_assert_int_eq(
		    pairs_add(all, pairs[i].private_part, NULL), 0);
		ck_assert_int_eq(at_signature_init(&signers[i], pairs[i].alg,
				     at_keys_get(all, (size_t)i)->pair, true),
		    0);
	}
	ck_assert_int_eq(authtok_claims_new(&claims), 0);
}

static void
teardown(void)
{
	for (int i = 0; i < PAIRS; i++)
		at_signature_clear(&signers[i]);
	authtok_keys_free(all);
	authtok_claims_free(claims);
	/* whatever a test did, it left nothing in OpenSSL's queue */
	ck_assert_uint_eq(ERR_peek_error(), 0);
}

struct token {
	char text[AUTHTOK_TOKEN_MAX + 1];
	size_t len;
	size_t input; /* bytes that are signed */
};

static void
begin(struct token *t, const char *header, const char *payload)
{
	char *p = t->text;

	p += at_b64url_encode(header, strlen(header), p);
	*p++ = '.';
	p += at_b64url_encode(payload, strlen(payload), p);
	t->input = (size_t)(p - t->text);
}

static void
end(struct token *t, const uint8_t *sig, size_t len)
{
	t->text[t->input] = '.';
	t->len =
	    t->input + 1 + at_b64url_encode(sig, len, t->text + t->input + 1);
	t->text[t->len] = '\0';
}

/* With this header, signed by pair i; the signature too. */
static void
sign(struct token *t, const char *alg, const char *kid, int i, uint8_t *sig)
{
	char header[200];

	snprintf(header, sizeof(header),
	    "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", alg, kid);
	begin(t, header, GOOD);
	ck_assert(at_signature_make(&signers[i], t->text, t->input, sig));
	end(t, sig, signers[i].len);
}

/* Both ways of reading agree. */
static enum authtok_err
verify(const struct authtok *engine, const struct token *t)
{
	enum authtok_err err = authtok_verify(engine, t->text, t->len, claims);

	if (err != AUTHTOK_OK)
		ck_assert_ptr_null(authtok_claims_subject(claims));
	ck_assert_int_eq(at_verify(engine, t->text, t->len, claims, true), err);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	return err;
}

static void
issue(const struct authtok *engine, struct token *t)
{
	static const char *const roles[] = { "user", "admin" };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;

	grant.user_id = 7;
	grant.sid = (const uint8_t *)"0123456789abcdef";
	grant.roles = roles;
	grant.role_count = 2;
	ck_assert_int_eq(authtok_issue(engine, &grant, t->text, sizeof(t->text),
			     &t->len, NULL),
	    0);
	t->input = (size_t)(strrchr(t->text, '.') - t->text);
}

/* ---- what is accepted ---------------------------------------------------- */

/* RFC 8037 A.4 and A.5, RFC 7515 A.3 and A.2. */
static const char *const examples[PAIRS][2] = {
	{ "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
	    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5B"
	    "hVsPt9g7sVvpAr_MuM0KAg" },
	{ "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAs"
	  "DQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
	    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
	    "pmWQxfKTUJqPP3-Kg6NU1Q" },
	{ "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAs"
	  "DQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
	    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
	    "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
	    "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
	    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
	    "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
	    "p0igcN_IoypGlUPQGe77Rw" },
};

START_TEST(examples_of_the_rfcs)
{
	const char *text = examples[_i][0];
	const struct at_signature *s = &signers[_i];
	EVP_MD_CTX *scratch = at_scratch_new();
	uint8_t right[256], made[AT_SIGNATURE_MAX];
	size_t len, i, n = strlen(text);

	ck_assert(at_b64url_decode(
	    examples[_i][1], strlen(examples[_i][1]), right, &len));
	ck_assert_uint_eq(len, s->len);
	ck_assert_int_eq(
	    at_signature_check(s, scratch, text, n, right, len), 0);
	ck_assert_int_eq(
	    at_signature_check(s, scratch, text, n - 1, right, len),
	    AUTHTOK_ESIG);
	for (i = 0; i < 8 * len; i++) {
		right[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(
		    at_signature_check(s, scratch, text, n, right, len),
		    AUTHTOK_ESIG);
		right[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ck_assert(at_signature_make(s, text, n, made));
	if (pairs[_i].alg != AUTHTOK_ES256)
		ck_assert_mem_eq(made, right, len);
	ck_assert_int_eq(at_signature_check(s, scratch, text, n, made, len), 0);
	at_scratch_free(scratch);
}
END_TEST

START_TEST(round_trips)
{
	struct authtok *own = engine_over(set_of(pairs[_i].private_part));
	struct authtok *other = verifier();
	struct token t, mac;

	ck_assert(authtok_can_issue(own));
	for (int i = 0; i < 300; i++) {
		now = NOW + i; /* r and s of every length, in time */
		issue(own, &t);
		ck_assert_int_eq(verify(own, &t), 0);
		ck_assert_int_eq(verify(other, &t), 0);
		ck_assert_str_eq(authtok_claims_key_id(claims), pairs[_i].kid);
		ck_assert_int_eq(authtok_claims_user_id(claims), 7);
		ck_assert(authtok_claims_has_role(claims, "admin"));
	}
	/* the same claims object for HMAC in between */
	now = NOW;
	issue(own, &t);
	begin(&mac, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"mac\"}",
	    GOOD);
	uint8_t tag[32];
	HMAC(EVP_sha256(), secret1, 32, (const uint8_t *)mac.text, mac.input,
	    tag, NULL);
	end(&mac, tag, sizeof(tag));
	ck_assert_int_eq(verify(other, &mac), 0);
	ck_assert_int_eq(verify(other, &t), 0);
	ck_assert_int_eq(verify(other, &mac), 0);
	/* it holds on to no key of an engine that is gone */
	ck_assert_int_eq(verify(other, &t), 0);
	authtok_free(other);
	authtok_free(own);
}
END_TEST

/* What the longest token of the longest key takes fits. */
START_TEST(the_longest_token)
{
	char issuer[129], audience[129], subject[129], typ[65];
	char roles_text[AUTHTOK_ROLES_MAX][AUTHTOK_ROLE_MAX + 1];
	const char *roles[AUTHTOK_ROLES_MAX];
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok_keys *keys = set_of(pairs[2].private_part);
	struct authtok *engine;
	struct token t;

	memset(issuer, '"', 128);
	memset(audience, '"', 128);
	memset(subject, 's', 128);
	memset(typ, 't', 64);
	issuer[128] = audience[128] = subject[128] = typ[64] = '\0';
	for (int i = 0; i < AUTHTOK_ROLES_MAX; i++) {
		memset(roles_text[i], 'r', AUTHTOK_ROLE_MAX);
		roles_text[i][0] = (char)('a' + i);
		roles_text[i][AUTHTOK_ROLE_MAX] = '\0';
		roles[i] = roles_text[i];
	}
	config.issuer = issuer;
	config.audience = audience;
	config.typ = typ;
	config.now = clock_now;
	ck_assert_int_eq(authtok_new(&config, keys, &engine), 0);
	authtok_keys_free(keys);
	grant.subject = subject;
	grant.sid = (const uint8_t *)"0123456789abcdef";
	grant.epoch = AT_JSON_INT_MAX;
	grant.roles = roles;
	grant.role_count = AUTHTOK_ROLES_MAX;
	ck_assert_int_eq(
	    authtok_issue(engine, &grant, t.text, sizeof(t.text), &t.len, NULL),
	    0);
	/* 60 bytes of kid are missing, and those of 8192 bits */
	ck_assert_uint_le(t.len + AT_B64URL_LEN(AUTHTOK_KID_MAX) +
		AT_B64URL_LEN(AT_SIGNATURE_MAX) - AT_B64URL_LEN(256),
	    AUTHTOK_TOKEN_MAX);
	ck_assert_int_eq(
	    authtok_issue(engine, &grant, t.text, t.len, &t.len, NULL),
	    AUTHTOK_ENOSPC);
	authtok_free(engine);
}
END_TEST

START_TEST(public_keys_only_verify)
{
	struct authtok *engine = engine_over(set_of(pairs[_i].public_part));
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	uint8_t sig[AT_SIGNATURE_MAX];
	char buf[16] = "as it was";
	struct token t;
	size_t len = 7;

	ck_assert(!authtok_can_issue(engine));
	grant.user_id = 7;
	ck_assert_int_eq(
	    authtok_issue(engine, &grant, buf, sizeof(buf), &len, NULL),
	    AUTHTOK_EKEY);
	ck_assert_str_eq(buf, "as it was");
	ck_assert_uint_eq(len, 7);
	sign(&t, pairs[_i].name, pairs[_i].kid, _i, sig);
	ck_assert_int_eq(verify(engine, &t), 0);
	ck_assert_int_eq(authtok_claims_user_id(claims), 7);
	authtok_free(engine);
}
END_TEST

/* ---- what is not --------------------------------------------------------- */

START_TEST(every_byte_of_a_signature)
{
	struct authtok *engine = verifier();
	uint8_t sig[AT_SIGNATURE_MAX];
	struct token t;

	sign(&t, pairs[_i].name, pairs[_i].kid, _i, sig);
	ck_assert_int_eq(verify(engine, &t), 0);
	for (size_t i = 0; i < pairs[_i].len; i++)
		for (int bit = 0; bit < 8; bit += 7) {
			sig[i] ^= (uint8_t)(1 << bit);
			end(&t, sig, pairs[_i].len);
			ck_assert_int_eq(verify(engine, &t), AUTHTOK_ESIG);
			sig[i] ^= (uint8_t)(1 << bit);
		}
	end(&t, sig, pairs[_i].len);
	ck_assert_int_eq(verify(engine, &t), 0);
	authtok_free(engine);
}
END_TEST

START_TEST(every_length_of_a_signature)
{
	struct authtok *engine = verifier();
	uint8_t sig[AT_SIGNATURE_MAX + 1] = { 0 };
	struct token t;
	size_t len, most = pairs[_i].len + 3;

	sign(&t, pairs[_i].name, pairs[_i].kid, _i, sig);
	for (len = 0; len <= most; len++) {
		end(&t, sig, len);
		ck_assert_int_eq(verify(engine, &t),
		    len == pairs[_i].len ? AUTHTOK_OK : AUTHTOK_ESIG);
	}
	authtok_free(engine);
}
END_TEST

/* Of any algorithm, by any pair, in the name of any key: only the right one. */
START_TEST(algorithm_confusion)
{
	static const char *const algs[] = { "EdDSA", "ES256", "RS256", "HS256",
		"HS512", "none", "eddsa", "ES256K", "RS512", "PS256", "" };
	struct authtok *engine = verifier();
	uint8_t sig[AT_SIGNATURE_MAX];
	struct token t;

	for (int by = 0; by < PAIRS; by++)
		for (int of = 0; of < PAIRS; of++)
			for (int a = 0; a < 11; a++) {
				sign(&t, algs[a], pairs[of].kid, by, sig);
				ck_assert_int_eq(verify(engine, &t),
				    strcmp(algs[a], pairs[of].name) != 0
					? AUTHTOK_EALG
					: by != of ? AUTHTOK_ESIG
						   : AUTHTOK_OK);
			}
	sign(&t, "EdDSA", "mac", 0, sig);
	ck_assert_int_eq(verify(engine, &t), AUTHTOK_EALG);
	sign(&t, "HS256", "mac", 0, sig);
	ck_assert_int_eq(verify(engine, &t), AUTHTOK_ESIG);
	sign(&t, "EdDSA", "nobody", 0, sig);
	ck_assert_int_eq(verify(engine, &t), AUTHTOK_EKEY);
	authtok_free(engine);
}
END_TEST

static void
mac_with(struct token *t, const char *alg, int i, const void *key, size_t len)
{
	char header[200];
	uint8_t tag[32];

	snprintf(header, sizeof(header),
	    "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", alg,
	    pairs[i].kid);
	begin(t, header, GOOD);
	HMAC(EVP_sha256(), key, (int)len, (const uint8_t *)t->text, t->input,
	    tag, NULL);
	end(t, tag, sizeof(tag));
}

/* What everybody knows of a key is no HMAC secret (RFC 8725 section 2.1). */
START_TEST(public_key_as_secret)
{
	struct authtok *engine = verifier();
	EVP_PKEY *pair = at_keys_get(all, (size_t)_i)->pair;
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned char *der = NULL;
	uint8_t raw[32];
	size_t raw_len = sizeof(raw);
	struct token t;
	char *pem;
	long pem_len;
	int der_len = i2d_PUBKEY(pair, &der);

	ck_assert_int_gt(der_len, 0);
	ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, pair), 1);
	pem_len = BIO_get_mem_data(bio, &pem);
	for (int honest = 0; honest < 2; honest++) {
		const char *alg = honest ? pairs[_i].name : "HS256";
		enum authtok_err err = honest ? AUTHTOK_ESIG : AUTHTOK_EALG;

		mac_with(&t, alg, _i, pem, (size_t)pem_len);
		ck_assert_int_eq(verify(engine, &t), err);
		mac_with(&t, alg, _i, der, (size_t)der_len);
		ck_assert_int_eq(verify(engine, &t), err);
		mac_with(&t, alg, _i, pairs[_i].public_part,
		    strlen(pairs[_i].public_part));
		ck_assert_int_eq(verify(engine, &t), err);
		mac_with(&t, alg, _i, "", 0);
		ck_assert_int_eq(verify(engine, &t), err);
		if (EVP_PKEY_get_raw_public_key(pair, raw, &raw_len) == 1) {
			mac_with(&t, alg, _i, raw, raw_len);
			ck_assert_int_eq(verify(engine, &t), err);
		}
		ERR_clear_error();
	}
	OPENSSL_free(der);
	BIO_free(bio);
	authtok_free(engine);
}
END_TEST

/* The order of P-256, and 2^252 + ... of Ed25519, little-endian. */
static const uint8_t order_p256[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
	0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25,
	0x51 };
static const uint8_t order_ed[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12,
	0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10 };

START_TEST(numbers_of_es256_out_of_range)
{
	static const uint8_t zero[32] = { 0 };
	uint8_t big[32], one[32] = { 0 };
	const uint8_t *const numbers[] = { zero, order_p256, big, one };
	struct authtok *engine = verifier();
	uint8_t right[AT_SIGNATURE_MAX], sig[64];
	struct token t;

	memset(big, 0xff, sizeof(big));
	one[31] = 1;
	sign(&t, "ES256", "ec", 1, right);
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 5; j++) {
			memcpy(sig, right, 64);
			if (i < 4)
				memcpy(sig, numbers[i], 32);
			if (j < 4)
				memcpy(sig + 32, numbers[j], 32);
			end(&t, sig, 64);
			ck_assert_int_eq(verify(engine, &t),
			    i == 4 && j == 4 ? AUTHTOK_OK : AUTHTOK_ESIG);
		}
	authtok_free(engine);
}
END_TEST

/*
 * r = -z/d makes the sum of the two points one without an x. Only who has d can
 * do that; it is a wrong signature as any other.
 */
START_TEST(es256_at_infinity)
{
	struct authtok *engine = verifier();
	uint8_t sig[AT_SIGNATURE_MAX], digest[32], d[32];
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = BN_bin2bn(order_p256, 32, NULL), *z, *r;
	struct token t;
	size_t len;

	sign(&t, "ES256", "ec", 1, sig);
	ck_assert_int_eq(
	    EVP_Digest(t.text, t.input, digest, NULL, EVP_sha256(), NULL), 1);
	ck_assert(at_b64url_decode(EC_D, strlen(EC_D), d, &len));
	z = BN_bin2bn(digest, 32, NULL);
	r = BN_bin2bn(d, 32, NULL);
	ck_assert_ptr_nonnull(BN_mod_inverse(r, r, n, ctx));
	ck_assert_int_eq(BN_mod_mul(r, r, z, n, ctx), 1);
	ck_assert_int_eq(BN_sub(r, n, r), 1);
	ck_assert_int_eq(BN_bn2binpad(r, sig, 32), 32);
	end(&t, sig, 64);
	ck_assert_int_eq(verify(engine, &t), AUTHTOK_ESIG);
	BN_free(r);
	BN_free(z);
	BN_free(n);
	BN_CTX_free(ctx);
	authtok_free(engine);
}
END_TEST

/* r and s that are short numbers still are 32 bytes each. */
START_TEST(short_numbers_of_es256)
{
	struct authtok *engine = verifier();
	uint8_t sig[AT_SIGNATURE_MAX], cut[64];
	int seen = 0;
	struct token t;

	for (int i = 0; i < 20000 && seen < 2; i++) {
		sign(&t, "ES256", "ec", 1, sig);
		if (sig[0] != 0)
			continue;
		seen++;
		ck_assert_int_eq(verify(engine, &t), 0);
		memcpy(cut, sig + 1, 63);
		end(&t, cut, 63);
		ck_assert_int_eq(verify(engine, &t), AUTHTOK_ESIG);
	}
	ck_assert_int_eq(seen, 2);
	authtok_free(engine);
}
END_TEST

START_TEST(es256_in_der)
{
	struct authtok *engine = verifier();
	uint8_t sig[AT_SIGNATURE_MAX], *der = NULL;
	ECDSA_SIG *numbers = ECDSA_SIG_new();
	struct token t;
	int len;

	sign(&t, "ES256", "ec", 1, sig);
	ck_assert_int_eq(ECDSA_SIG_set0(numbers, BN_bin2bn(sig, 32, NULL),
			     BN_bin2bn(sig + 32, 32, NULL)),
	    1);
	len = i2d_ECDSA_SIG(numbers, &der);
	ck_assert_int_ge(len, 66);
	end(&t, der, (size_t)len);
	ck_assert_int_eq(verify(engine, &t), AUTHTOK_ESIG);
	end(&t, der, 64);
	ck_assert_int_eq(verify(engine, &t), AUTHTOK_ESIG);
	OPENSSL_free(der);
	ECDSA_SIG_free(numbers);
	authtok_free(engine);
}
END_TEST

/* S + L is the same number to who does not look (RFC 8032 section 5.1.7). */
START_TEST(s_of_eddsa_plus_order)
{
	struct authtok *engine = verifier();
	uint8_t sig[AT_SIGNATURE_MAX];
	unsigned carry = 0;
	struct token t;

	sign(&t, "EdDSA", "ed", 0, sig);
	for (int i = 0; i < 32; i++) {
		carry += (unsigned)sig[32 + i] + order_ed[i];
		sig[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	ck_assert_uint_eq(carry, 0);
	end(&t, sig, 64);
	ck_assert_int_eq(verify(engine, &t), AUTHTOK_ESIG);
	memset(sig, 0, 64);
	end(&t, sig, 64);
	ck_assert_int_eq(verify(engine, &t), AUTHTOK_ESIG);
	sig[0] = 1; /* the neutral point */
	end(&t, sig, 64);
	ck_assert_int_eq(verify(engine, &t), AUTHTOK_ESIG);
	authtok_free(engine);
}
END_TEST

/* Exactly as long as the modulus (RFC 8017 section 8.2.2). */
START_TEST(zeros_before_rs256)
{
	struct authtok *own = engine_over(set_of(pairs[2].private_part));
	uint8_t sig[257] = { 0 };
	struct token t;
	size_t len;
	int tries = 0;

	do {
		now++;
		issue(own, &t);
		ck_assert(at_b64url_decode(
		    t.text + t.input + 1, t.len - t.input - 1, sig + 1, &len));
	} while (sig[1] != 0 && ++tries < 5000);
	ck_assert_int_eq(sig[1], 0);
	ck_assert_int_eq(verify(own, &t), 0);
	end(&t, sig, 257);
	ck_assert_int_eq(verify(own, &t), AUTHTOK_ESIG);
	end(&t, sig + 2, 255);
	ck_assert_int_eq(verify(own, &t), AUTHTOK_ESIG);
	/* s + n is s to who does not look, when it is as long */
	memset(sig, 0xff, sizeof(sig));
	end(&t, sig, 256);
	ck_assert_int_eq(verify(own, &t), AUTHTOK_ESIG);
	memset(sig, 0, sizeof(sig));
	end(&t, sig, 256);
	ck_assert_int_eq(verify(own, &t), AUTHTOK_ESIG);
	sig[255] = 1;
	end(&t, sig, 256);
	ck_assert_int_eq(verify(own, &t), AUTHTOK_ESIG);
	authtok_free(own);
}
END_TEST

/* PSS, and PKCS #1 of another digest, by the very key. */
START_TEST(other_paddings_of_rs256)
{
	struct authtok *engine = verifier();
	EVP_PKEY *pair = at_keys_get(all, 2)->pair;
	uint8_t sig[AT_SIGNATURE_MAX];
	struct token t;

	sign(&t, "RS256", "rsa", 2, sig);
	for (int i = 0; i < 3; i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *how;
		size_t len = sizeof(sig);

		ck_assert_int_eq(
		    EVP_DigestSignInit(ctx, &how,
			i == 1 ? EVP_sha512() : EVP_sha256(), NULL, pair),
		    1);
		if (i == 2)
			ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(
					     how, RSA_PKCS1_PSS_PADDING),
			    1);
		ck_assert_int_eq(EVP_DigestSign(ctx, sig, &len,
				     (const uint8_t *)t.text, t.input),
		    1);
		end(&t, sig, len);
		ck_assert_int_eq(
		    verify(engine, &t), i == 0 ? AUTHTOK_OK : AUTHTOK_ESIG);
		EVP_MD_CTX_free(ctx);
	}
	authtok_free(engine);
}
END_TEST

/* ---- the surroundings ---------------------------------------------------- */

/* An error of the caller's own is there afterwards, and nothing else. */
START_TEST(the_queue_of_errors_is_the_callers)
{
	struct authtok *engine = verifier();
	uint8_t sig[AT_SIGNATURE_MAX];
	unsigned long error;
	struct token t;

	sign(&t, pairs[_i].name, pairs[_i].kid, _i, sig);
	memset(sig, 0xff, pairs[_i].len);
	end(&t, sig, pairs[_i].len);
	ERR_raise(ERR_LIB_USER, 77);
	error = ERR_peek_last_error();
	ck_assert_int_eq(
	    authtok_verify(engine, t.text, t.len, claims), AUTHTOK_ESIG);
	ck_assert_uint_eq(ERR_peek_last_error(), error);
	ck_assert_uint_eq(ERR_get_error(), error);
	ck_assert_uint_eq(ERR_get_error(), 0);
	authtok_free(engine);
}
END_TEST

START_TEST(no_allocation_of_ours)
{
	struct authtok *own = engine_over(set_of(pairs[_i].private_part));
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	enum authtok_err errs[3];
	unsigned long before, count;
	struct token t, u;

	grant.user_id = 7;
	issue(own, &t);
	before = our_mallocs;
	errs[0] = authtok_verify(own, t.text, t.len, claims);
	errs[1] =
	    authtok_issue(own, &grant, u.text, sizeof(u.text), &u.len, NULL);
	t.text[t.input + 9] ^= 1;
	errs[2] = authtok_verify(own, t.text, t.len, claims);
	count = our_mallocs - before;
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(errs[0], 0);
	ck_assert_int_eq(errs[1], 0);
	ck_assert(errs[2] == AUTHTOK_ESIG || errs[2] == AUTHTOK_EFORMAT);
	authtok_free(own);
}
END_TEST

/* Each allocation of a verify fails once; how many there were. */
static int
starve(const struct authtok *engine, const struct token *t, bool once,
    void (*look)(enum authtok_err err, int i))
{
	enum authtok_err err;
	int n;

	crypto_once = once;
	for (n = 0;; n++) {
		crypto_failed = false;
		crypto_left = n;
		err = authtok_verify(engine, t->text, t->len, claims);
		crypto_left = -1;
		ck_assert_uint_eq(ERR_peek_error(), 0);
		look(err, n);
		if (!crypto_failed)
			break;
	}
	crypto_once = false;
	return n;
}

static void
good_or_crypto(enum authtok_err err, int n)
{
	ck_assert_msg(err == AUTHTOK_ECRYPTO || err == AUTHTOK_OK,
	    "allocation %d: %x", n, (unsigned)err);
}

/* Ed25519 has one allocation whose failure leaves no trace once it is over. */
static void
good_or_crypto_but_one(enum authtok_err err, int n)
{
	static int traceless;

	traceless += err == AUTHTOK_ESIG;
	ck_assert_int_le(traceless, 1);
	if (err != AUTHTOK_ESIG)
		good_or_crypto(err, n);
}

static void
wrong_or_crypto(enum authtok_err err, int n)
{
	ck_assert_msg(err == AUTHTOK_ECRYPTO || err == AUTHTOK_ESIG,
	    "allocation %d: %x", n, (unsigned)err);
}

/* A good signature is not called wrong for want of memory, a wrong one not good. */
START_TEST(no_memory_in_a_verify)
{
	struct authtok *own = engine_over(set_of(pairs[_i].private_part));
	uint8_t sig[AT_SIGNATURE_MAX];
	struct token t;

	sign(&t, pairs[_i].name, pairs[_i].kid, _i, sig);
	ck_assert_int_ge(starve(own, &t, false, good_or_crypto), 3);
	starve(own, &t, true,
	    pairs[_i].alg == AUTHTOK_EDDSA ? good_or_crypto_but_one
					   : good_or_crypto);
	ck_assert_int_eq(verify(own, &t), 0);
	sig[7] ^= 1;
	end(&t, sig, pairs[_i].len);
	ck_assert_int_ge(starve(own, &t, false, wrong_or_crypto), 3);
	starve(own, &t, true, wrong_or_crypto);
	ck_assert_int_eq(verify(own, &t), AUTHTOK_ESIG);
	authtok_free(own);
}
END_TEST

/* With an error of the caller's in the queue, which hides those of OpenSSL. */
START_TEST(no_memory_and_errors_of_before)
{
	struct authtok *own = engine_over(set_of(pairs[1].private_part));
	enum authtok_err err;
	struct token t;

	issue(own, &t);
	crypto_once = true;
	for (int n = 0;; n++) {
		ERR_raise(ERR_LIB_USER, 77);
		crypto_failed = false;
		crypto_left = n;
		err = authtok_verify(own, t.text, t.len, claims);
		crypto_left = -1;
		ERR_clear_error();
		good_or_crypto(err, n);
		if (!crypto_failed)
			break;
	}
	crypto_once = false;
	authtok_free(own);
}
END_TEST

START_TEST(no_memory_in_an_issue)
{
	struct authtok *own = engine_over(set_of(pairs[_i].private_part));
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	enum authtok_err err;
	struct token t;

	grant.user_id = 7;
	issue(own, &t);
	for (long n = 0;; n++) {
		crypto_failed = false;
		crypto_left = n;
		err = authtok_issue(
		    own, &grant, t.text, sizeof(t.text), &t.len, NULL);
		crypto_left = -1;
		if (!crypto_failed)
			break;
		ck_assert(err == AUTHTOK_ECRYPTO || err == AUTHTOK_OK);
		if (err == AUTHTOK_ECRYPTO)
			ck_assert_str_eq(t.text, "");
		else
			ck_assert_int_eq(verify(own, &t), 0);
	}
	ck_assert_int_eq(err, 0);
	authtok_free(own);
}
END_TEST

/* Reading a key, making an engine: a failure in between leaves nothing. */
START_TEST(no_memory_in_a_start)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys = set_of(NULL);
	struct authtok *engine;
	enum authtok_err err = AUTHTOK_ENOMEM;
	const char *why = NULL;
	long n;

	config.issuer = config.audience = "a";
	for (n = 0; err != AUTHTOK_OK; n++) {
		crypto_failed = false;
		crypto_left = n;
		err = pairs_add(keys, pairs[_i].private_part, &why);
		crypto_left = -1;
		ck_assert(crypto_failed || err == AUTHTOK_OK);
		if (err != AUTHTOK_OK) {
			ck_assert_ptr_nonnull(why);
			ck_assert_uint_eq(at_keys_count(keys), 0);
		}
		ck_assert_uint_eq(ERR_peek_error(), 0);
	}
	err = AUTHTOK_ENOMEM;
	for (n = 0; err != AUTHTOK_OK; n++) {
		engine = NULL;
		crypto_failed = false;
		crypto_left = n;
		err = authtok_new(&config, keys, &engine);
		crypto_left = -1;
		ck_assert(crypto_failed || err == AUTHTOK_OK);
		ck_assert(err == AUTHTOK_OK || engine == NULL);
	}
	authtok_free(engine);
	authtok_keys_free(keys);
}
END_TEST

/* ---- threads ------------------------------------------------------------- */
#define THREADS 4
#define ROUNDS  30

static struct authtok *shared[PAIRS];

static void *
work(void *arg)
{
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok_claims *own;
	char token[AUTHTOK_TOKEN_MAX + 1];
	size_t *ret_done = arg, n;

	if (authtok_claims_new(&own) != 0)
		return NULL;
	for (int i = 1; i <= ROUNDS * PAIRS; i++) {
		const struct authtok *engine = shared[i % PAIRS];

		grant.user_id = i;
		if (authtok_issue(
			engine, &grant, token, sizeof(token), &n, NULL) != 0 ||
		    authtok_verify(engine, token, n, own) != 0 ||
		    authtok_claims_user_id(own) != i)
			break;
		token[n - 9] = token[n - 9] == 'A' ? 'B' : 'A';
		if (authtok_verify(engine, token, n, own) != AUTHTOK_ESIG)
			break;
		(*ret_done)++;
	}
	authtok_claims_free(own);
	return NULL;
}

/* On stacks as small as those of servers. */
START_TEST(threads_share_an_engine)
{
	pthread_t threads[THREADS];
	size_t done[THREADS] = { 0 };
	pthread_attr_t small;

	pthread_attr_init(&small);
	ck_assert_int_eq(pthread_attr_setstacksize(&small, 102400), 0);
	for (int i = 0; i < PAIRS; i++)
		shared[i] = engine_over(set_of(pairs[i].private_part));
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], &small, work, &done[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++)
		ck_assert_uint_eq(done[i], ROUNDS * PAIRS);
	for (int i = 0; i < PAIRS; i++)
		authtok_free(shared[i]);
	pthread_attr_destroy(&small);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("signatures");

	/* before OpenSSL is used for the first time */
	if (CRYPTO_set_mem_functions(
		crypto_malloc, crypto_realloc, crypto_free) != 1)
		return 1;
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, examples_of_the_rfcs, 0, PAIRS);
	tcase_add_loop_test(t, round_trips, 0, PAIRS);
	tcase_add_test(t, the_longest_token);
	tcase_add_loop_test(t, public_keys_only_verify, 0, PAIRS);
	tcase_add_loop_test(t, every_byte_of_a_signature, 0, PAIRS);
	tcase_add_loop_test(t, every_length_of_a_signature, 0, PAIRS);
	tcase_add_test(t, algorithm_confusion);
	tcase_add_loop_test(t, public_key_as_secret, 0, PAIRS);
	tcase_add_test(t, numbers_of_es256_out_of_range);
	tcase_add_test(t, es256_at_infinity);
	tcase_add_test(t, short_numbers_of_es256);
	tcase_add_test(t, es256_in_der);
	tcase_add_test(t, s_of_eddsa_plus_order);
	tcase_add_test(t, zeros_before_rs256);
	tcase_add_test(t, other_paddings_of_rs256);
	tcase_add_loop_test(t, the_queue_of_errors_is_the_callers, 0, PAIRS);
	tcase_add_loop_test(t, no_allocation_of_ours, 0, PAIRS);
	tcase_add_loop_test(t, no_memory_in_a_verify, 0, PAIRS);
	tcase_add_test(t, no_memory_and_errors_of_before);
	tcase_add_loop_test(t, no_memory_in_an_issue, 0, PAIRS);
	tcase_add_loop_test(t, no_memory_in_a_start, 0, PAIRS);
	tcase_add_test(t, threads_share_an_engine);
	return forge_run(t);
}
