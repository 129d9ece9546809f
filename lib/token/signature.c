/*
 * Signatures over EVP. A key's contexts are made once and only ever read:
 * each check or signature works on a copy, which takes no lock of ours and
 * costs a hundredth of what is computed with it.
 */
#include "token/signature.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#define NUMBER 32 /* bytes of r and s of ES256 */
#define HASH   32
/* SEQUENCE of two INTEGERs, each with a zero in front at most */
#define DER_MAX (2 + 2 * (2 + 1 + NUMBER))

/* ---- preparation --------------------------------------------------------- */

static EVP_MD_CTX *
prepare_text(EVP_PKEY *pair, bool signing)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx == NULL)
		return NULL;
	if ((signing ? EVP_DigestSignInit : EVP_DigestVerifyInit)(
		ctx, NULL, NULL, NULL, pair) == 1)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

static EVP_PKEY_CTX *
prepare_hash(
    enum authtok_alg alg, EVP_PKEY *pair, const EVP_MD *md, bool signing)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);

	if (ctx == NULL)
		return NULL;
	if ((signing ? EVP_PKEY_sign_init : EVP_PKEY_verify_init)(ctx) == 1 &&
	    (alg != AUTHTOK_RS256 ||
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1) &&
	    EVP_PKEY_CTX_set_signature_md(ctx, md) == 1)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static bool
prepare(struct at_signature *made, enum authtok_alg alg, EVP_PKEY *pair,
    bool signing)
{
	if (alg == AUTHTOK_EDDSA) {
		made->len = (size_t)EVP_PKEY_get_size(pair);
		made->text_check = prepare_text(pair, false);
		if (signing)
			made->text_sign = prepare_text(pair, true);
		return made->text_check != NULL &&
		    (!signing || made->text_sign != NULL);
	}
	made->split = alg == AUTHTOK_ES256;
	made->len = made->split ? 2 * NUMBER : (size_t)EVP_PKEY_get_size(pair);
	made->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (made->md == NULL)
		return false;
	made->check = prepare_hash(alg, pair, made->md, false);
	if (signing)
		made->sign = prepare_hash(alg, pair, made->md, true);
	return made->check != NULL && (!signing || made->sign != NULL);
}

enum authtok_err
at_signature_init(struct at_signature *signature, enum authtok_alg alg,
    EVP_PKEY *pair, bool signing)
{
	struct at_signature made = { 0 };
	bool done;

	memset(signature, 0, sizeof(*signature));
	if (alg != AUTHTOK_EDDSA && alg != AUTHTOK_ES256 &&
	    alg != AUTHTOK_RS256)
		return AUTHTOK_EINVAL;
	ERR_set_mark();
	done =
	    prepare(&made, alg, pair, signing) && made.len <= AT_SIGNATURE_MAX;
	ERR_pop_to_mark();
	if (!done) {
		at_signature_clear(&made);
		return AUTHTOK_ECRYPTO;
	}
	*signature = made;
	return AUTHTOK_OK;
}

void
at_signature_clear(struct at_signature *signature)
{
	EVP_MD_CTX_free(signature->text_check);
	EVP_MD_CTX_free(signature->text_sign);
	EVP_PKEY_CTX_free(signature->check);
	EVP_PKEY_CTX_free(signature->sign);
	EVP_MD_free(signature->md);
	memset(signature, 0, sizeof(*signature));
}

/* ---- the two forms of an ECDSA signature --------------------------------- */

/* A number as DER's INTEGER (X.690 section 8.3): shortest, never negative. */
static uint8_t *
put_integer(uint8_t *p, const uint8_t *number)
{
	size_t skip = 0, sign;

	while (skip < NUMBER - 1 && number[skip] == 0)
		skip++;
	sign = number[skip] >> 7;
	*p++ = 0x02;
	*p++ = (uint8_t)(NUMBER - skip + sign);
	if (sign == 1)
		*p++ = 0;
	memcpy(p, number + skip, NUMBER - skip);
	return p + (NUMBER - skip);
}

static size_t
to_der(const uint8_t *sig, uint8_t *der)
{
	uint8_t *p = put_integer(put_integer(der + 2, sig), sig + NUMBER);

	der[0] = 0x30;
	der[1] = (uint8_t)(p - der - 2);
	return (size_t)(p - der);
}

static bool
from_der(const uint8_t *der, size_t len, uint8_t *ret_sig)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool ok = sig != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_sig, NUMBER) == NUMBER &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_sig + NUMBER, NUMBER) ==
		NUMBER;

	ECDSA_SIG_free(sig);
	return ok;
}

/* ---- checking ------------------------------------------------------------ */

static bool
hash(const struct at_signature *signature, EVP_MD_CTX *scratch,
    const void *data, size_t len, uint8_t *ret_hash)
{
	return EVP_DigestInit_ex2(scratch, signature->md, NULL) == 1 &&
	    EVP_DigestUpdate(scratch, data, len) == 1 &&
	    EVP_DigestFinal_ex(scratch, ret_hash, NULL) == 1;
}

static bool
at_infinity(unsigned long error)
{
	return ERR_GET_LIB(error) == ERR_LIB_EC &&
	    ERR_GET_REASON(error) == EC_R_POINT_AT_INFINITY;
}

/*
 * What an answer other than yes means. OpenSSL says 0 for a signature that is
 * wrong, but for RSA and Ed25519 also when it has no memory, which a service must
 * not take for a forged token. Then the first error is a fatal one, where for a
 * wrong signature it is another, or with Ed25519 none; or it left no error, and
 * the next allocation fails as well. Errors of before are the caller's.
 */
static enum authtok_err
refusal(const struct at_signature *signature, int answer, bool errors_before)
{
	unsigned long first = errors_before ? 0 : ERR_peek_error();
	EVP_MD_CTX *probe = EVP_MD_CTX_new();
	bool failed = probe == NULL || ERR_FATAL_ERROR(first);

	EVP_MD_CTX_free(probe);
	if (signature->md == NULL)
		failed = failed || first != 0;
	/* the DER of ES256 is ours, so it cannot be what is meant by less; a
	 * sum that is no point with coordinates can, which no signature has */
	if (signature->split)
		failed = failed || (answer < 0 && !at_infinity(first));
	return failed ? AUTHTOK_ECRYPTO : AUTHTOK_ESIG;
}

static bool
check_text(const struct at_signature *signature, EVP_MD_CTX *scratch,
    const void *data, size_t len, const uint8_t *sig, int *ret_answer)
{
	bool done = EVP_MD_CTX_copy_ex(scratch, signature->text_check) == 1;

	if (done)
		*ret_answer =
		    EVP_DigestVerify(scratch, sig, signature->len, data, len);
	/* it outlives the engine, and must not keep its key */
	EVP_MD_CTX_reset(scratch);
	return done;
}

static bool
check_hash(const struct at_signature *signature, EVP_MD_CTX *scratch,
    const void *data, size_t len, const uint8_t *sig, int *ret_answer)
{
	uint8_t der[DER_MAX], digest[HASH];
	size_t sig_len = signature->len;
	EVP_PKEY_CTX *ctx;

	if (signature->split) {
		sig_len = to_der(sig, der);
		sig = der;
	}
	if (!hash(signature, scratch, data, len, digest))
		return false;
	ctx = EVP_PKEY_CTX_dup(signature->check);
	if (ctx == NULL)
		return false;
	*ret_answer = EVP_PKEY_verify(ctx, sig, sig_len, digest, HASH);
	EVP_PKEY_CTX_free(ctx);
	return true;
}

enum authtok_err
at_signature_check(const struct at_signature *signature, EVP_MD_CTX *scratch,
    const void *data, size_t len, const void *sig, size_t sig_len)
{
	bool errors_before = ERR_peek_error() != 0;
	enum authtok_err err = AUTHTOK_OK;
	int answer = 0;

	/* RFC 7518 sections 3.3 and 3.4: of this length and no other */
	if (sig_len != signature->len)
		return AUTHTOK_ESIG;
	ERR_set_mark();
	if (!(signature->md == NULL ? check_text : check_hash)(
		signature, scratch, data, len, sig, &answer))
		err = AUTHTOK_ECRYPTO;
	else if (answer != 1)
		err = refusal(signature, answer, errors_before);
	ERR_pop_to_mark();
	return err;
}

/* ---- signing ------------------------------------------------------------- */

static bool
sign_text(const struct at_signature *signature, EVP_MD_CTX *ctx,
    const void *data, size_t len, uint8_t *ret_sig)
{
	size_t sig_len = signature->len;

	return EVP_MD_CTX_copy_ex(ctx, signature->text_sign) == 1 &&
	    EVP_DigestSign(ctx, ret_sig, &sig_len, data, len) == 1 &&
	    sig_len == signature->len;
}

static bool
sign_hash(const struct at_signature *signature, EVP_MD_CTX *scratch,
    const void *data, size_t len, uint8_t *ret_sig)
{
	uint8_t der[DER_MAX], digest[HASH];
	uint8_t *to = signature->split ? der : ret_sig;
	size_t sig_len = signature->split ? sizeof(der) : signature->len;
	EVP_PKEY_CTX *ctx;
	bool ok;

	if (!hash(signature, scratch, data, len, digest))
		return false;
	ctx = EVP_PKEY_CTX_dup(signature->sign);
	ok = ctx != NULL && EVP_PKEY_sign(ctx, to, &sig_len, digest, HASH) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok &&
	    (signature->split ? from_der(der, sig_len, ret_sig)
			      : sig_len == signature->len);
}

bool
at_signature_make(const struct at_signature *signature, const void *data,
    size_t len, uint8_t *ret_sig)
{
	EVP_MD_CTX *scratch = EVP_MD_CTX_new();
	bool ok;

	if (scratch == NULL)
		return false;
	ERR_set_mark();
	ok = (signature->md == NULL ? sign_text : sign_hash)(
	    signature, scratch, data, len, ret_sig);
	ERR_pop_to_mark();
	EVP_MD_CTX_free(scratch);
	return ok;
}
