/*
 * What a JWK is made of, for who reads and who writes them.
 */
#ifndef AT_TOKEN_JWK_H
#define AT_TOKEN_JWK_H

#include "token/pair.h"

/*
 * A key type (RFC 7518 section 6.1, RFC 8037 section 2): which parts are its
 * own, the public ones first.
 */
struct at_jwk_form {
	const char *kty;
	const char *crv;      /* NULL: it has none */
	enum authtok_alg alg; /* 0: oct, a secret */
	size_t public_count;  /* of oct its secret, which each key has */
	size_t count;
	enum at_part parts[8];
};

#define AT_JWK_FORMS 4
extern const struct at_jwk_form at_jwk_forms[AT_JWK_FORMS];

/* The member that a part is. */
extern const char *const at_part_names[AT_PARTS];

#endif
