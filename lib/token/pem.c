/*
 * Keys in PEM (RFC 7468): SubjectPublicKeyInfo (its section 13) and PKCS #8 (its
 * section 10). The armour is taken off first, which asks nobody for a password,
 * and the label alone says what is inside.
 */
#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "token/alg.h"
#include "token/keyset.h"
#include "token/pair.h"

#define PEM_LEN_MAX (64 * 1024) /* bytes of a text, the longest key has 7,000 */

struct armoured {
	char *label;
	char *header;
	unsigned char *der;
	long len;
};

static void
armoured_clear(struct armoured *a)
{
	OPENSSL_free(a->label);
	OPENSSL_free(a->header);
	if (a->der != NULL)
		OPENSSL_clear_free(a->der, (size_t)a->len);
}

static EVP_PKEY *
read_public(const struct armoured *a)
{
	const unsigned char *p = a->der;
	EVP_PKEY *pair = d2i_PUBKEY(NULL, &p, a->len);

	if (pair != NULL && p == a->der + a->len)
		return pair;
	EVP_PKEY_free(pair);
	return NULL;
}

static EVP_PKEY *
read_private(const struct armoured *a)
{
	const unsigned char *p = a->der;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, a->len);
	EVP_PKEY *pair = NULL;

	if (info != NULL && p == a->der + a->len)
		pair = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	return pair;
}

static enum authtok_err
read_block(const struct armoured *a, EVP_PKEY **ret_pair, bool *ret_private,
    const char **ret_why)
{
	*ret_private = strcmp(a->label, "PRIVATE KEY") == 0;
	if (strcmp(a->label, "ENCRYPTED PRIVATE KEY") == 0 ||
	    a->header[0] != '\0') {
		*ret_why = "the key is encrypted";
		return AUTHTOK_ENOTSUP;
	}
	if (!*ret_private && strcmp(a->label, "PUBLIC KEY") != 0) {
		*ret_why = "neither PUBLIC KEY nor PRIVATE KEY (PKCS #8)";
		return AUTHTOK_ENOTSUP;
	}
	*ret_pair = *ret_private ? read_private(a) : read_public(a);
	if (*ret_pair == NULL) {
		*ret_why = "not a key that the crypto library can read";
		return AUTHTOK_EFORMAT;
	}
	return AUTHTOK_OK;
}

/* Whether the last reading found no block at all, not one with a fault. */
static bool
at_end(void)
{
	unsigned long error = ERR_peek_last_error();

	return ERR_GET_LIB(error) == ERR_LIB_PEM &&
	    ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* The one key of the text; two would leave open which is meant. */
static enum authtok_err
read_pem(BIO *bio, EVP_PKEY **ret_pair, bool *ret_private, const char **ret_why)
{
	struct armoured first = { 0 }, second = { 0 };
	enum authtok_err err = AUTHTOK_EFORMAT;

	*ret_why = "not PEM";
	if (PEM_read_bio(
		bio, &first.label, &first.header, &first.der, &first.len) != 1)
		return err;
	if (PEM_read_bio(bio, &second.label, &second.header, &second.der,
		&second.len) == 1 ||
	    !at_end())
		*ret_why = "more than one PEM block";
	else
		err = read_block(&first, ret_pair, ret_private, ret_why);
	armoured_clear(&first);
	armoured_clear(&second);
	return err;
}

static enum authtok_err
add(struct authtok_keys *keys, const char *kid, enum authtok_alg alg, BIO *bio,
    bool signing, const char **ret_why)
{
	EVP_PKEY *pair = NULL;
	bool private = false;
	enum authtok_err err = read_pem(bio, &pair, &private, ret_why);

	if (err == AUTHTOK_OK)
		err = at_pair_check(alg, pair, private, ret_why);
	if (err == AUTHTOK_OK && signing && !private) {
		*ret_why = "a public key cannot sign";
		err = AUTHTOK_EINVAL;
	}
	if (err == AUTHTOK_OK) {
		*ret_why = "kid is there already, or there are too many keys";
		err = at_keys_add_pair(keys, kid, alg, pair, signing);
	}
	EVP_PKEY_free(pair);
	return err;
}

enum authtok_err
authtok_keys_add_pem(struct authtok_keys *keys, const char *kid,
    enum authtok_alg alg, const char *pem, size_t len, bool signing,
    const char **ret_why)
{
	const char *why = "no key set, no text, or not a kid";
	enum authtok_err err = AUTHTOK_EINVAL;
	BIO *bio;

	if (keys == NULL || pem == NULL || kid == NULL || !at_kid_valid(kid))
		goto out;
	why = "not an algorithm of key pairs";
	if (at_alg_name(alg)[0] == '\0' || at_alg_secret_min(alg) > 0)
		goto out;
	why = "too long for a key";
	if (len > PEM_LEN_MAX)
		goto out;
	ERR_set_mark();
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio == NULL) {
		why = "no memory";
		err = AUTHTOK_ENOMEM;
	} else {
		err = add(keys, kid, alg, bio, signing, &why);
	}
	BIO_free(bio);
	ERR_pop_to_mark();
out:
	if (err != AUTHTOK_OK && ret_why != NULL)
		*ret_why = why;
	return err;
}
