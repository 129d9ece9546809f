/*
 * HMAC over EVP digests. Copying a prepared state costs a third of what the
 * EVP_MAC interface does and takes no lock: EVP_MD_CTX_copy_ex reads its
 * source, and its one shared write is the reference count of the EVP_MD,
 * an atomic addition of OpenSSL's own.
 */
#include "token/hmac.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define BLOCK_MAX 128 /* bytes of the longest digest block: SHA-384, SHA-512 */

static const char *
digest_name(enum authtok_alg alg)
{
	switch (alg) {
	case AUTHTOK_HS256:
		return "SHA256";
	case AUTHTOK_HS384:
		return "SHA384";
	case AUTHTOK_HS512:
		return "SHA512";
	case AUTHTOK_EDDSA:
	case AUTHTOK_ES256:
	case AUTHTOK_RS256:
		break;
	}
	return NULL;
}

/* A state that has absorbed the key block with each byte xored with pad. */
static EVP_MD_CTX *
absorb(const EVP_MD *md, const uint8_t *key, size_t block, uint8_t pad)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t padded[BLOCK_MAX];
	size_t i;

	if (ctx == NULL)
		return NULL;
	for (i = 0; i < block; i++)
		padded[i] = (uint8_t)(key[i] ^ pad);
	if (EVP_DigestInit_ex2(ctx, md, NULL) != 1 ||
	    EVP_DigestUpdate(ctx, padded, block) != 1) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	OPENSSL_cleanse(padded, sizeof(padded));
	return ctx;
}

/* Takes md over. */
static enum authtok_err
init(struct at_hmac *hmac, EVP_MD *md, const void *secret, size_t secret_len)
{
	struct at_hmac made = { .md = md };
	uint8_t key[BLOCK_MAX] = { 0 };
	enum authtok_err err = AUTHTOK_ECRYPTO;
	size_t block;

	made.len = (size_t)EVP_MD_get_size(md);
	block = (size_t)EVP_MD_get_block_size(md);
	if (made.len > AT_MAC_MAX || block > BLOCK_MAX)
		goto out;

	/* A key longer than a block stands for its hash (RFC 2104 section 2).
	 */
	if (secret_len <= block)
		memcpy(key, secret, secret_len);
	else if (EVP_Digest(secret, secret_len, key, NULL, md, NULL) != 1)
		goto out;
	made.inner = absorb(md, key, block, 0x36);
	made.outer = absorb(md, key, block, 0x5c);
	if (made.inner == NULL || made.outer == NULL)
		goto out;
	*hmac = made;
	memset(&made, 0, sizeof(made));
	err = AUTHTOK_OK;
out:
	OPENSSL_cleanse(key, sizeof(key));
	at_hmac_clear(&made);
	return err;
}

enum authtok_err
at_hmac_init(struct at_hmac *hmac, enum authtok_alg alg, const void *secret,
    size_t secret_len)
{
	EVP_MD *md;

	memset(hmac, 0, sizeof(*hmac));
	if (digest_name(alg) == NULL)
		return AUTHTOK_EINVAL;
	md = EVP_MD_fetch(NULL, digest_name(alg), NULL);
	return md != NULL ? init(hmac, md, secret, secret_len)
			  : AUTHTOK_ECRYPTO;
}

enum authtok_err
at_hmac_init_like(struct at_hmac *hmac, const struct at_hmac *like,
    const void *secret, size_t secret_len)
{
	memset(hmac, 0, sizeof(*hmac));
	if (EVP_MD_up_ref(like->md) != 1)
		return AUTHTOK_ECRYPTO;
	return init(hmac, like->md, secret, secret_len);
}

void
at_hmac_clear(struct at_hmac *hmac)
{
	/* Freeing a context wipes the state in it. */
	EVP_MD_CTX_free(hmac->inner);
	EVP_MD_CTX_free(hmac->outer);
	EVP_MD_free(hmac->md);
	memset(hmac, 0, sizeof(*hmac));
}

EVP_MD_CTX *
at_scratch_new(void)
{
	return EVP_MD_CTX_new();
}

void
at_scratch_free(EVP_MD_CTX *scratch)
{
	EVP_MD_CTX_free(scratch);
}

bool
at_hmac_tag(const struct at_hmac *hmac, EVP_MD_CTX *scratch, const void *data,
    size_t len, uint8_t *ret_tag)
{
	return EVP_MD_CTX_copy_ex(scratch, hmac->inner) == 1 &&
	    EVP_DigestUpdate(scratch, data, len) == 1 &&
	    EVP_DigestFinal_ex(scratch, ret_tag, NULL) == 1 &&
	    EVP_MD_CTX_copy_ex(scratch, hmac->outer) == 1 &&
	    EVP_DigestUpdate(scratch, ret_tag, hmac->len) == 1 &&
	    EVP_DigestFinal_ex(scratch, ret_tag, NULL) == 1;
}

bool
at_hmac_tag_once(
    const struct at_hmac *hmac, const void *data, size_t len, uint8_t *ret_tag)
{
	EVP_MD_CTX *scratch = EVP_MD_CTX_new();
	bool done;

	if (scratch == NULL)
		return false;
	done = at_hmac_tag(hmac, scratch, data, len, ret_tag);
	EVP_MD_CTX_free(scratch);
	return done;
}

enum authtok_err
at_hmac_check(const struct at_hmac *hmac, EVP_MD_CTX *scratch, const void *data,
    size_t len, const void *tag, size_t tag_len)
{
	uint8_t right[AT_MAC_MAX];
	enum authtok_err err = AUTHTOK_ESIG;

	if (tag_len != hmac->len)
		return AUTHTOK_ESIG;
	if (!at_hmac_tag(hmac, scratch, data, len, right))
		err = AUTHTOK_ECRYPTO;
	else if (CRYPTO_memcmp(right, tag, tag_len) == 0)
		err = AUTHTOK_OK;
	/* The right tag of a wrong token is what a forger wants. */
	if (err != AUTHTOK_OK)
		OPENSSL_cleanse(right, sizeof(right));
	return err;
}
