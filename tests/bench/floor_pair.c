/*
 * The floors of EdDSA, ES256 and RS256: one context for each key, used again and
 * again by one thread, and a digest that was fetched beforehand. OpenSSL has no
 * cheaper way to check or make a signature.
 */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "token/base64url.h"

static EVP_PKEY_CTX *
prepare(const struct bench_pair *f, int (*init)(EVP_PKEY_CTX *ctx))
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(f->pair, NULL);

	bench_check(ctx != NULL && init(ctx) == 1);
	if (EVP_PKEY_is_a(f->pair, "RSA"))
		bench_check(
		    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
	bench_check(EVP_PKEY_CTX_set_signature_md(ctx, f->md) == 1);
	return ctx;
}

static void
write_pem(EVP_PKEY *pair, char *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	bench_check(bio != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(
		bio, pair, NULL, NULL, 0, NULL, NULL) == 1);
	len = BIO_get_mem_data(bio, &text);
	bench_check(len > 0 && len < 4096);
	memcpy(pem, text, (size_t)len);
	pem[len] = '\0';
	BIO_free(bio);
}

void
bench_pair_new(struct bench_pair *f, enum authtok_alg alg, char *pem)
{
	memset(f, 0, sizeof(*f));
	f->pair = alg == AUTHTOK_EDDSA
	    ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
	    : alg == AUTHTOK_ES256
	    ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
	    : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	bench_check(f->pair != NULL);
	write_pem(f->pair, pem);
	f->check = EVP_MD_CTX_new();
	f->sign = EVP_MD_CTX_new();
	bench_check(f->check != NULL && f->sign != NULL);
	if (alg == AUTHTOK_EDDSA) {
		bench_check(EVP_DigestVerifyInit(
				f->check, NULL, NULL, NULL, f->pair) == 1);
		bench_check(EVP_DigestSignInit(
				f->sign, NULL, NULL, NULL, f->pair) == 1);
		return;
	}
	f->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	bench_check(f->md != NULL);
	f->pair_check = prepare(f, EVP_PKEY_verify_init);
	f->pair_sign = prepare(f, EVP_PKEY_sign_init);
}

/* ES256 has two numbers in a token, OpenSSL wants DER. */
static void
take_signature(struct bench_pair *f, const char *text)
{
	uint8_t raw[1024], *der = f->sig;
	ECDSA_SIG *numbers;
	size_t len;

	bench_check(at_b64url_decode(text, strlen(text), raw, &len));
	f->sig_len = len;
	memcpy(f->sig, raw, len);
	if (!EVP_PKEY_is_a(f->pair, "EC"))
		return;
	numbers = ECDSA_SIG_new();
	bench_check(numbers != NULL &&
	    ECDSA_SIG_set0(numbers, BN_bin2bn(raw, 32, NULL),
		BN_bin2bn(raw + 32, 32, NULL)) == 1);
	f->sig_len = (size_t)i2d_ECDSA_SIG(numbers, &der);
	ECDSA_SIG_free(numbers);
}

void
bench_pair_begin(struct bench_pair *f, const char *token)
{
	const char *dot = strrchr(token, '.');

	f->len = (size_t)(dot - token);
	memcpy(f->text, token, f->len);
	take_signature(f, dot + 1);
	bench_pair_check_run(f, 1); /* that the floor does the work */
}

void
bench_pair_end(struct bench_pair *f)
{
	EVP_MD_CTX_free(f->check);
	EVP_MD_CTX_free(f->sign);
	EVP_PKEY_CTX_free(f->pair_check);
	EVP_PKEY_CTX_free(f->pair_sign);
	EVP_MD_free(f->md);
	EVP_PKEY_free(f->pair);
}

static void
hash(struct bench_pair *f, uint8_t *ret_hash)
{
	bench_check(EVP_DigestInit_ex2(f->check, f->md, NULL) == 1 &&
	    EVP_DigestUpdate(f->check, f->text, f->len) == 1 &&
	    EVP_DigestFinal_ex(f->check, ret_hash, NULL) == 1);
}

void
bench_pair_check_run(void *arg, size_t count)
{
	struct bench_pair *f = arg;
	uint8_t digest[32];
	int right;

	while (count-- > 0) {
		if (f->md == NULL) {
			right = EVP_DigestVerify(
			    f->check, f->sig, f->sig_len, f->text, f->len);
		} else {
			hash(f, digest);
			right = EVP_PKEY_verify(f->pair_check, f->sig,
			    f->sig_len, digest, sizeof(digest));
		}
		bench_check(right == 1);
	}
}

void
bench_pair_sign_run(void *arg, size_t count)
{
	struct bench_pair *f = arg;
	uint8_t digest[32], sig[1024];
	size_t len;
	int done;

	while (count-- > 0) {
		len = sizeof(sig);
		if (f->md == NULL) {
			done =
			    EVP_DigestSign(f->sign, sig, &len, f->text, f->len);
		} else {
			hash(f, digest);
			done = EVP_PKEY_sign(
			    f->pair_sign, sig, &len, digest, sizeof(digest));
		}
		bench_check(done == 1);
	}
}
