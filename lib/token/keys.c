/*
 * The builder of a key set. Secrets are copied in, and wiped when the set is
 * freed; pairs are shared with whoever copies the set; what a key may be used
 * for is fixed here, never by a token.
 */
#include "token/keys.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "token/alg.h"
#include "token/keyset.h"

static bool
all_alike(const uint8_t *secret, size_t len)
{
	uint8_t diff = 0;
	size_t i;

	for (i = 1; i < len; i++)
		diff |= (uint8_t)(secret[i] ^ secret[0]);
	return diff == 0;
}

static enum authtok_err
check_secret(const void *secret, size_t len, size_t min)
{
	if (secret == NULL || len > AT_SECRET_MAX)
		return AUTHTOK_EINVAL;
	if (len < min || all_alike(secret, len))
		return AUTHTOK_EWEAK;
	return AUTHTOK_OK;
}

bool
at_kid_valid(const char *kid)
{
	size_t i;
	char c;

	for (i = 0; kid[i] != '\0'; i++) {
		c = kid[i];
		if (i >= AUTHTOK_KID_MAX)
			return false;
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '.' || c == '_' ||
			c == '-'))
			return false;
	}
	return i > 0;
}

enum authtok_err
authtok_keys_new(struct authtok_keys **ret_keys)
{
	struct authtok_keys *keys;

	if (ret_keys == NULL)
		return AUTHTOK_EINVAL;
	keys = calloc(1, sizeof(*keys));
	if (keys == NULL)
		return AUTHTOK_ENOMEM;
	*ret_keys = keys;
	return AUTHTOK_OK;
}

static void
release_pairs(struct authtok_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		EVP_PKEY_free(keys->all[i].pair);
}

void
authtok_keys_free(struct authtok_keys *keys)
{
	if (keys == NULL)
		return;
	release_pairs(keys);
	OPENSSL_cleanse(keys, sizeof(*keys));
	free(keys);
}

enum authtok_err
at_keys_copy(const struct authtok_keys *keys, struct authtok_keys **ret_keys)
{
	struct authtok_keys *copy;
	enum authtok_err err = authtok_keys_new(&copy);

	if (err != AUTHTOK_OK)
		return err;
	memcpy(copy, keys, sizeof(*copy));
	/* counted one by one, so that a failure releases what is shared */
	for (copy->count = 0; copy->count < keys->count; copy->count++)
		if (copy->all[copy->count].pair != NULL &&
		    EVP_PKEY_up_ref(copy->all[copy->count].pair) != 1) {
			authtok_keys_free(copy);
			return AUTHTOK_ECRYPTO;
		}
	*ret_keys = copy;
	return AUTHTOK_OK;
}

void
at_keys_replace(struct authtok_keys *keys, struct authtok_keys *from)
{
	release_pairs(keys);
	memcpy(keys, from, sizeof(*keys));
	from->count = 0; /* its pairs are the other's now */
	authtok_keys_free(from);
}

/* A place for one more key of this kid. Errors: EINVAL. */
static enum authtok_err
place(struct authtok_keys *keys, const char *kid, struct at_key **ret_key)
{
	size_t i;

	if (keys == NULL || kid == NULL || !at_kid_valid(kid) ||
	    keys->count == AUTHTOK_KEYS_MAX)
		return AUTHTOK_EINVAL;
	for (i = 0; i < keys->count; i++)
		if (strcmp(keys->all[i].kid, kid) == 0)
			return AUTHTOK_EINVAL;
	*ret_key = &keys->all[keys->count];
	return AUTHTOK_OK;
}

static void
fill(struct authtok_keys *keys, struct at_key *key, const char *kid,
    enum authtok_alg alg, bool signing)
{
	memcpy(key->kid, kid, strlen(kid) + 1);
	key->alg = alg;
	key->signing = signing;
	keys->count++;
}

enum authtok_err
authtok_keys_add_hmac(struct authtok_keys *keys, const char *kid,
    enum authtok_alg alg, const void *secret, size_t secret_len, bool signing)
{
	struct at_key *key;
	enum authtok_err err;

	if (keys == NULL || kid == NULL || !at_kid_valid(kid) ||
	    at_alg_secret_min(alg) == 0)
		return AUTHTOK_EINVAL;
	err = check_secret(secret, secret_len, at_alg_secret_min(alg));
	if (err == AUTHTOK_OK)
		err = place(keys, kid, &key);
	if (err != AUTHTOK_OK)
		return err;
	key->pair = NULL;
	key->len = secret_len;
	memcpy(key->secret, secret, secret_len);
	fill(keys, key, kid, alg, signing);
	return AUTHTOK_OK;
}

enum authtok_err
at_keys_add_pair(struct authtok_keys *keys, const char *kid,
    enum authtok_alg alg, EVP_PKEY *pair, bool signing)
{
	struct at_key *key;
	enum authtok_err err = place(keys, kid, &key);

	if (err != AUTHTOK_OK)
		return err;
	if (EVP_PKEY_up_ref(pair) != 1)
		return AUTHTOK_ECRYPTO;
	key->pair = pair;
	fill(keys, key, kid, alg, signing);
	return AUTHTOK_OK;
}

enum authtok_err
at_keys_add_secret(struct authtok_keys *keys, enum at_secret_kind kind,
    unsigned number, const void *secret, size_t secret_len, bool current)
{
	struct at_secrets *secrets;
	struct at_secret *key;
	enum authtok_err err;
	size_t i;

	if (keys == NULL || number > 255)
		return AUTHTOK_EINVAL;
	err = check_secret(secret, secret_len, 32);
	if (err != AUTHTOK_OK)
		return err;
	secrets = &keys->secrets[kind];
	if (secrets->count == AUTHTOK_KEYS_MAX)
		return AUTHTOK_EINVAL;
	for (i = 0; i < secrets->count; i++)
		if (secrets->all[i].number == number)
			return AUTHTOK_EINVAL;

	key = &secrets->all[secrets->count++];
	key->number = number;
	key->current = current;
	key->len = secret_len;
	memcpy(key->secret, secret, secret_len);
	return AUTHTOK_OK;
}

enum authtok_err
authtok_keys_add_refresh(struct authtok_keys *keys, unsigned number,
    const void *secret, size_t secret_len, bool current)
{
	return at_keys_add_secret(
	    keys, AT_REFRESH, number, secret, secret_len, current);
}

enum authtok_err
authtok_keys_add_audit(struct authtok_keys *keys, unsigned number,
    const void *secret, size_t secret_len, bool current)
{
	return at_keys_add_secret(
	    keys, AT_AUDIT, number, secret, secret_len, current);
}

size_t
at_keys_count(const struct authtok_keys *keys)
{
	return keys->count;
}

const struct at_key *
at_keys_get(const struct authtok_keys *keys, size_t i)
{
	return i < keys->count ? &keys->all[i] : NULL;
}

const struct at_secrets *
at_keys_secrets(const struct authtok_keys *keys, enum at_secret_kind kind)
{
	return &keys->secrets[kind];
}
