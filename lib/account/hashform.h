/*
 * The shapes of password hashes that can be verified here, and the bounds of
 * what verifying one may cost.
 */
#ifndef AT_ACCOUNT_HASHFORM_H
#define AT_ACCOUNT_HASHFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a new hash costs: OWASP's 19 MiB, two passes, one lane. */
#define AT_HASH_MEMORY 19456 /* KiB */
#define AT_HASH_PASSES 2

enum at_hash_kind {
	AT_HASH_ARGON2ID = 1,
	AT_HASH_ARGON2I = 2,
	AT_HASH_BCRYPT = 3, /* this and the next go through crypt_r(3) */
	AT_HASH_CRYPT = 4,
};

struct at_hash_form {
	enum at_hash_kind kind;
	/* Argon2 only; the texts are base64 without padding, not terminated */
	uint32_t memory; /* KiB */
	uint32_t passes, lanes;
	const char *salt, *out;
	size_t salt_len, out_len;
};

/*
 * Read the form of a hash. False when it is none that is known here or when it
 * would cost too much: it must then not be hashed at all.
 */
bool at_hash_parse(const char *hash, struct at_hash_form *ret_form);

/* Whether the form is what new hashes look like today. */
bool at_hash_current(const struct at_hash_form *form);

#endif
