/*
 * The engine's own shape, for the files that issue and verify.
 */
#ifndef AT_TOKEN_ENGINE_H
#define AT_TOKEN_ENGINE_H

#include <authtok.h>

#include "token/base64url.h"
#include "token/input.h"
#include "token/signer.h"

#define AT_NAME_MAX 128 /* bytes of issuer, audience, subject */
#define AT_TYP_MAX  64  /* bytes of a header's typ */

/* {"alg":"HS256","typ":"…","kid":"…"} and some room. */
#define AT_HEADER_MAX (40 + AT_TYP_MAX + AUTHTOK_KID_MAX)
/* {"iss":"…","aud":"…","sub":" with every byte escaped, and some room. */
#define AT_PREFIX_MAX (40 + 4 * AT_NAME_MAX)

struct at_engine_key {
	char kid[AUTHTOK_KID_MAX + 1];
	enum authtok_alg alg;
	struct at_signer signer;
	/* The header of the tokens that we sign with it, in base64url. */
	size_t header_len;
	char header[AT_B64URL_LEN(AT_HEADER_MAX)];
};

/* Where the issuer stands in it. */
#define AT_LAYOUT_ISSUER (sizeof("{\"iss\":\"") - 1)

struct authtok {
	char issuer[AT_NAME_MAX + 1];
	size_t issuer_len;
	char audience[AT_NAME_MAX + 1];
	char typ[AT_TYP_MAX + 1];
	int64_t lifetime;
	int64_t expiry_leeway;
	int64_t clock_leeway;
	int64_t max_age; /* of a token whose revocation is forgotten by then */
	bool allow_missing_kid;
	bool omit_id;
	int64_t (*now)(void *arg);
	void *now_arg;
	struct authtok_revocations *revocations; /* borrowed, or NULL */

	/* What the claims of every new token begin with: as much of it as
	 * fills whole groups in base64url, and the 0 to 2 bytes behind. */
	size_t prefix_len;
	char prefix[AT_B64URL_LEN(AT_PREFIX_MAX)];
	size_t rest_len;
	char rest[2];

	/* The same as plain text, for layout.c; 0: an escape is in it. */
	size_t layout_len;
	char layout[AT_PREFIX_MAX];

	const struct at_engine_key *signing; /* NULL: it only verifies */
	size_t key_count;
	struct at_engine_key keys[];
};

#endif
