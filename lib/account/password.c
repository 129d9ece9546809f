/*
 * Password hashing: Argon2id by libsodium; what came from elsewhere by
 * crypt_r(3). The only file that includes sodium.h and crypt.h. How many run
 * at once is the business of slots.c.
 */
#include "account/password.h"

#include "account/hashform.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(
    AT_KEY_LEN == crypto_shorthash_KEYBYTES, "the key of crypto_shorthash");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "its result");
_Static_assert(
    crypto_pwhash_STRBYTES <= AUTHTOK_HASH_MAX + 1, "a record holds a hash");

#define TEXT_OF(number)  #number
#define TEXT_OF_(number) TEXT_OF(number)

/*
 * Salt and output are 16 and 32 bytes that were drawn once, not the output of
 * a hash: finding a password for them is as hard as for any other, and would
 * be of no use. Made in advance, for a hash at every start takes 20 ms.
 */
#define COST "m=" TEXT_OF_(AT_HASH_MEMORY) ",t=" TEXT_OF_(AT_HASH_PASSES)
const char at_password_nobody[] =
    "$argon2id$v=19$" COST ",p=1$uuon1TS+8u3PhcQrGbSgHw"
    "$5keet118PKuDMAqZZ/vhsn3ud4CFSz8CDdXXgNb7x+M";

enum authtok_err
at_password_init(void)
{
	return sodium_init() < 0 ? AUTHTOK_ECRYPTO : AUTHTOK_OK;
}

/* Why hashing failed: with arguments in range only memory can be short. */
static enum authtok_err
hash_failure(void)
{
	return errno == ENOMEM ? AUTHTOK_ENOMEM : AUTHTOK_ECRYPTO;
}

enum authtok_err
at_password_hash(const char *password, size_t len, char *hash)
{
	char text[crypto_pwhash_STRBYTES];

	errno = 0;
	if (crypto_pwhash_str_alg(text, password, len, AT_HASH_PASSES,
		(size_t)AT_HASH_MEMORY * 1024,
		crypto_pwhash_ALG_ARGON2ID13) != 0)
		return hash_failure();
	memcpy(hash, text, sizeof(text));
	return AUTHTOK_OK;
}

/*
 * Argon2id as libsodium makes it. Not crypto_pwhash_str_verify: that one says
 * "wrong password" when it had no memory.
 */
static enum authtok_err
verify_argon2id(
    const struct at_hash_form *form, const char *password, size_t len)
{
	unsigned char salt[crypto_pwhash_SALTBYTES];
	unsigned char want[64];
	unsigned char got[64];
	size_t salt_len, want_len;
	enum authtok_err err;

	if (sodium_base642bin(salt, sizeof(salt), form->salt, form->salt_len,
		NULL, &salt_len, NULL,
		sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0 ||
	    sodium_base642bin(want, sizeof(want), form->out, form->out_len,
		NULL, &want_len, NULL,
		sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0)
		return AUTHTOK_ENOTSUP;
	errno = 0;
	if (crypto_pwhash(got, want_len, password, len, salt, form->passes,
		(size_t)form->memory * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return hash_failure();
	err = sodium_memcmp(got, want, want_len) == 0 ? AUTHTOK_OK
						      : AUTHTOK_EPASSWORD;
	sodium_memzero(got, sizeof(got));
	return err;
}

/*
 * Argon2 with other lanes, salts or by Argon2i, which only the string call of
 * libsodium can do. Here want of memory cannot be told from a wrong password.
 */
static enum authtok_err
verify_argon2_text(const char *hash, const char *password, size_t len)
{
	if (crypto_pwhash_str_verify(hash, password, len) != 0)
		return AUTHTOK_EPASSWORD;
	return AUTHTOK_OK;
}

/* crypt_data is 32 KiB: too much for the stack of a worker thread. */
struct crypt_work {
	struct crypt_data data;
	char phrase[CRYPT_MAX_PASSPHRASE_SIZE];
};

/*
 * bcrypt, yescrypt, sha-crypt. bcrypt looks at the first 72 bytes only; that is
 * what the hash says and so what is compared.
 */
static enum authtok_err
verify_crypt(const char *hash, const char *password, size_t len)
{
	struct crypt_work *work;
	enum authtok_err err;
	const char *got;

	/* crypt takes no NUL and nothing longer, so this is not the password */
	if (len >= sizeof(work->phrase) || memchr(password, '\0', len) != NULL)
		return AUTHTOK_EPASSWORD;
	work = calloc(1, sizeof(*work));
	if (work == NULL)
		return AUTHTOK_ENOMEM;
	memcpy(work->phrase, password, len);
	errno = 0;
	got = crypt_r(work->phrase, hash, &work->data);
	/* a failure that is not want of memory: it does not like the hash */
	if (got == NULL || got[0] == '*')
		err = errno == ENOMEM ? AUTHTOK_ENOMEM : AUTHTOK_ENOTSUP;
	else if (strlen(got) != strlen(hash) ||
	    sodium_memcmp(got, hash, strlen(hash)) != 0)
		err = AUTHTOK_EPASSWORD;
	else
		err = AUTHTOK_OK;
	sodium_memzero(work, sizeof(*work));
	free(work);
	return err;
}

enum authtok_err
at_password_verify(
    const char *hash, const char *password, size_t len, bool *ret_dated)
{
	struct at_hash_form form;
	enum authtok_err err;

	if (!at_hash_parse(hash, &form))
		return AUTHTOK_ENOTSUP;
	if (form.kind == AT_HASH_BCRYPT || form.kind == AT_HASH_CRYPT)
		err = verify_crypt(hash, password, len);
	else if (form.kind == AT_HASH_ARGON2ID && form.lanes == 1 &&
	    form.salt_len == 22)
		err = verify_argon2id(&form, password, len);
	else
		err = verify_argon2_text(hash, password, len);
	if (err != AUTHTOK_OK)
		return err;
	/* What bcrypt did not look at may be mistyped: do not make it the
	 * password. */
	*ret_dated = !at_hash_current(&form) &&
	    !(form.kind == AT_HASH_BCRYPT && len > 72);
	return AUTHTOK_OK;
}

bool
at_password_current(const char *hash)
{
	struct at_hash_form form;

	return at_hash_parse(hash, &form) && at_hash_current(&form);
}

uint64_t
at_keyed_hash(const uint8_t key[AT_KEY_LEN], const void *data, size_t len)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(out, data, len, key);
	memcpy(&hash, out, sizeof(hash));
	return hash;
}

void
at_random(void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

void
at_wipe(void *buf, size_t len)
{
	sodium_memzero(buf, len);
}
