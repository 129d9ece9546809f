/*
 * HKDF (RFC 5869) over the secrets of a key set. Known here: the
 * secrets, for as long as it takes.
 */
#include "session/derive.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define KEY_LEN 32

/* RFC 5869 with an empty salt; the number in info keeps two keys apart. */
static bool
hkdf(EVP_KDF *kdf, const struct at_secret *from, const char *use, uint8_t *out)
{
	uint8_t info[AT_INFO_MAX + 1];
	uint8_t secret[AT_SECRET_MAX]; /* OpenSSL's parameters lack const */
	size_t use_len = strlen(use);
	char digest[] = "SHA256";
	OSSL_PARAM params[4];
	EVP_KDF_CTX *ctx;
	bool ok;

	memcpy(info, use, use_len);
	info[use_len] = (uint8_t)from->number;
	memcpy(secret, from->secret, from->len);
	params[0] =
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_octet_string(
	    OSSL_KDF_PARAM_KEY, secret, from->len);
	params[2] = OSSL_PARAM_construct_octet_string(
	    OSSL_KDF_PARAM_INFO, info, use_len + 1);
	params[3] = OSSL_PARAM_construct_end();
	ctx = EVP_KDF_CTX_new(kdf);
	ok = ctx != NULL && EVP_KDF_derive(ctx, out, KEY_LEN, params) == 1;
	EVP_KDF_CTX_free(ctx);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ok;
}

static enum authtok_err
derive(EVP_KDF *kdf, const struct at_secret *from, const char *use,
    struct at_derived *to)
{
	uint8_t key[KEY_LEN];
	enum authtok_err err = AUTHTOK_ECRYPTO;

	to->number = (uint8_t)from->number;
	if (hkdf(kdf, from, use, key))
		err = at_hmac_init(&to->hmac, AUTHTOK_HS256, key, sizeof(key));
	OPENSSL_cleanse(key, sizeof(key));
	return err;
}

enum authtok_err
at_derived_init(struct at_derived_set *set, const struct authtok_keys *keys,
    enum at_secret_kind kind, const char *info)
{
	const struct at_secrets *from = at_keys_secrets(keys, kind);
	size_t current = 0;
	enum authtok_err err = AUTHTOK_OK;
	EVP_KDF *kdf;

	memset(set, 0, sizeof(*set));
	if (strlen(info) > AT_INFO_MAX)
		return AUTHTOK_EINVAL;
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	if (kdf == NULL)
		return AUTHTOK_ECRYPTO;
	for (size_t i = 0; i < from->count && err == AUTHTOK_OK; i++) {
		err = derive(kdf, &from->all[i], info, &set->keys[i]);
		set->count = i + 1;
		if (from->all[i].current) {
			set->current = &set->keys[i];
			current++;
		}
	}
	EVP_KDF_free(kdf);
	if (err == AUTHTOK_OK && current != 1)
		err = AUTHTOK_EKEY;
	if (err != AUTHTOK_OK)
		at_derived_clear(set);
	return err;
}

void
at_derived_clear(struct at_derived_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		at_hmac_clear(&set->keys[i].hmac);
	memset(set, 0, sizeof(*set));
}

const struct at_derived *
at_derived_find(const struct at_derived_set *set, uint32_t number)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->keys[i].number == number)
			return &set->keys[i];
	return NULL;
}
