/*
 * Password hashes as text: crypt(5) and PHC strings. Pure; nothing is hashed
 * here. Whatever does not have exactly a form that is written below is
 * refused before any library sees it, so that a record of a strange origin
 * cannot ask for gigabytes or hours.
 */
#include "account/hashform.h"

#include <authtok/store.h>

#include <string.h>

#define LOWER    "abcdefghijklmnopqrstuvwxyz"
#define UPPER    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS   "0123456789"
#define B64      UPPER LOWER DIGITS "+/" /* RFC 4648 section 4 */
#define CRYPT_64 "./" DIGITS UPPER LOWER /* crypt(5), in order of value */

#define ARGON2_MEMORY_MAX (256u * 1024)  /* KiB */
#define ARGON2_WORK_MAX   (1024u * 1024) /* KiB times passes */
#define ARGON2_LANES_MAX  16u
#define BCRYPT_COST_MAX   15
#define SHA_ROUNDS_MAX    1000000
#define YESCRYPT_MAX      (256u * 1024 * 1024) /* bytes */

static bool
take(const char **at, const char *literal)
{
	size_t len = strlen(literal);

	if (strncmp(*at, literal, len) != 0)
		return false;
	*at += len;
	return true;
}

/* A decimal number of 1 to 9 digits without leading zero. */
static bool
take_number(const char **at, uint32_t *ret_number)
{
	size_t len = strspn(*at, DIGITS);
	uint32_t number = 0;

	if (len < 1 || len > 9 || (*at)[0] == '0')
		return false;
	for (; len > 0; len--)
		number = number * 10 + (uint32_t)(*(*at)++ - '0');
	*ret_number = number;
	return true;
}

static bool
take_text(const char **at, const char *alphabet, size_t min, size_t max)
{
	size_t len = strspn(*at, alphabet);

	if (len < min || len > max)
		return false;
	*at += len;
	return true;
}

/* base64 of min to max bytes, without padding, trailing bits zero. */
static bool
take_b64(const char **at, size_t min, size_t max, const char **ret_text,
    size_t *ret_len)
{
	const char *text = *at;
	size_t len = strspn(text, B64);
	size_t spare = len * 6 % 8;
	size_t last;

	if (len * 6 / 8 < min || len * 6 / 8 > max || spare == 6)
		return false;
	last = (size_t)(strchr(B64, text[len - 1]) - B64);
	if ((last & (((size_t)1 << spare) - 1)) != 0)
		return false;
	*ret_text = text;
	*ret_len = len;
	*at += len;
	return true;
}

/* $argon2id$v=19$m=19456,t=2,p=1$SALT$OUT, after the first three letters. */
static bool
parse_argon2(const char *at, struct at_hash_form *form)
{
	if (!take(&at, "v=19$m=") || !take_number(&at, &form->memory) ||
	    !take(&at, ",t=") || !take_number(&at, &form->passes) ||
	    !take(&at, ",p=") || !take_number(&at, &form->lanes) ||
	    !take(&at, "$") ||
	    !take_b64(&at, 8, 64, &form->salt, &form->salt_len) ||
	    !take(&at, "$") ||
	    !take_b64(&at, 16, 64, &form->out, &form->out_len) || *at != '\0')
		return false;
	return form->lanes <= ARGON2_LANES_MAX &&
	    form->memory >= 8 * form->lanes &&
	    form->memory <= ARGON2_MEMORY_MAX &&
	    (uint64_t)form->memory * form->passes <= ARGON2_WORK_MAX;
}

/* $2b$12$ and 22 characters of salt, 31 of hash. */
static bool
parse_bcrypt(const char *at)
{
	unsigned cost;

	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return false;
	cost = (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
	at += 2;
	return cost >= 4 && cost <= BCRYPT_COST_MAX && take(&at, "$") &&
	    take_text(&at, CRYPT_64, 53, 53) && *at == '\0';
}

/* $6$rounds=5000$SALT$HASH; the rounds may be left out and are then 5000. */
static bool
parse_sha(const char *at, size_t hash_len)
{
	uint32_t rounds;

	if (take(&at, "rounds=") &&
	    (!take_number(&at, &rounds) || rounds < 1000 ||
		rounds > SHA_ROUNDS_MAX || !take(&at, "$")))
		return false;
	return take_text(&at, CRYPT_64, 1, 16) && take(&at, "$") &&
	    take_text(&at, CRYPT_64, hash_len, hash_len) && *at == '\0';
}

/* A yescrypt number of one character; longer ones begin after 'j'. */
static bool
take_yescrypt(const char **at, unsigned *ret_number)
{
	const char *found = **at == '\0' ? NULL : strchr(CRYPT_64, **at);

	if (found == NULL || found - CRYPT_64 > 47)
		return false;
	(*at)++;
	*ret_number = (unsigned)(found - CRYPT_64) + 1;
	return true;
}

/*
 * $y$j9T$SALT$HASH: flavour j (the one that crypt_gensalt makes), the binary
 * logarithm of N, the block size r. Memory is 128 r N bytes.
 */
static bool
parse_yescrypt(const char *at)
{
	unsigned log2_n, r;

	if (!take(&at, "j") || !take_yescrypt(&at, &log2_n) ||
	    !take_yescrypt(&at, &r) || !take(&at, "$") ||
	    !take_text(&at, CRYPT_64, 1, 86) || !take(&at, "$") ||
	    !take_text(&at, CRYPT_64, 43, 43) || *at != '\0')
		return false;
	return (UINT64_C(128) * r) << log2_n <= YESCRYPT_MAX;
}

bool
at_hash_parse(const char *hash, struct at_hash_form *ret_form)
{
	struct at_hash_form form = { 0 };
	const char *at = hash;
	bool good = false;

	if (strnlen(hash, AUTHTOK_HASH_MAX + 1) > AUTHTOK_HASH_MAX)
		return false;
	if (take(&at, "$argon2id$")) {
		form.kind = AT_HASH_ARGON2ID;
		good = parse_argon2(at, &form);
	} else if (take(&at, "$argon2i$")) {
		/* libsodium wants three passes of Argon2i */
		form.kind = AT_HASH_ARGON2I;
		good = parse_argon2(at, &form) && form.passes >= 3;
	} else if (take(&at, "$2a$") || take(&at, "$2b$") ||
	    take(&at, "$2y$")) {
		form.kind = AT_HASH_BCRYPT;
		good = parse_bcrypt(at);
	} else if (take(&at, "$6$") || take(&at, "$5$")) {
		form.kind = AT_HASH_CRYPT;
		good = parse_sha(at, hash[1] == '6' ? 86 : 43);
	} else if (take(&at, "$y$")) {
		form.kind = AT_HASH_CRYPT;
		good = parse_yescrypt(at);
	}
	if (good)
		*ret_form = form;
	return good;
}

bool
at_hash_current(const struct at_hash_form *form)
{
	/* 22 and 43 characters are libsodium's 16 and 32 bytes */
	return form->kind == AT_HASH_ARGON2ID &&
	    form->memory == AT_HASH_MEMORY && form->passes == AT_HASH_PASSES &&
	    form->lanes == 1 && form->salt_len == 22 && form->out_len == 43;
}
