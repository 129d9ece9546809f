/*
 * One key's way to sign, whichever it is: HMAC or a key pair. Inline, so that
 * HMAC pays no more than a branch for there being others.
 */
#ifndef AT_TOKEN_SIGNER_H
#define AT_TOKEN_SIGNER_H

#include "token/hmac.h"
#include "token/keys.h"
#include "token/signature.h"

/* Immutable once made, shared by threads. All zero is an empty one. */
struct at_signer {
	bool paired; /* by signature, else by hmac; the other one is empty */
	size_t len;  /* bytes of a tag, or of a signature */
	struct at_hmac hmac;
	struct at_signature signature;
};

/* Errors: EINVAL, ECRYPTO. On failure signer is empty. */
static inline enum authtok_err
at_signer_init(struct at_signer *signer, const struct at_key *key)
{
	enum authtok_err err;

	signer->paired = key->pair != NULL;
	if (signer->paired)
		err = at_signature_init(
		    &signer->signature, key->alg, key->pair, key->signing);
	else
		err = at_hmac_init(
		    &signer->hmac, key->alg, key->secret, key->len);
	signer->len = signer->paired ? signer->signature.len : signer->hmac.len;
	return err;
}

static inline void
at_signer_clear(struct at_signer *signer)
{
	at_hmac_clear(&signer->hmac);
	at_signature_clear(&signer->signature);
}

/* Whether sig (sig_len bytes) is right for data. Errors: ESIG, ECRYPTO. */
static inline enum authtok_err
at_signer_check(const struct at_signer *signer, EVP_MD_CTX *scratch,
    const void *data, size_t len, const void *sig, size_t sig_len)
{
	return signer->paired
	    ? at_signature_check(
		  &signer->signature, scratch, data, len, sig, sig_len)
	    : at_hmac_check(&signer->hmac, scratch, data, len, sig, sig_len);
}

/* signer->len bytes into ret_sig (AT_SIGNATURE_MAX bytes). */
static inline bool
at_signer_sign(const struct at_signer *signer, const void *data, size_t len,
    uint8_t *ret_sig)
{
	return signer->paired
	    ? at_signature_make(&signer->signature, data, len, ret_sig)
	    : at_hmac_tag_once(&signer->hmac, data, len, ret_sig);
}

#endif
