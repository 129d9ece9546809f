/*
 * libjwt 1.x. It checks the signature; what the claims say is the caller's to
 * check.
 */
#include <jwt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/peers/peers.h"

static const unsigned char *key;

static void
begin(const char *k)
{
	key = (const unsigned char *)k;
}

static void
verify(const char *token, size_t len)
{
	const char *iss, *aud;
	jwt_t *jwt;

	(void)len; /* it wants a NUL */
	if (jwt_decode(&jwt, token, key, PEER_KEY_LEN) != 0)
		peer_failed("libjwt", "jwt_decode");
	iss = jwt_get_grant(jwt, "iss");
	aud = jwt_get_grant(jwt, "aud");
	if (jwt_get_alg(jwt) != JWT_ALG_HS256 || iss == NULL ||
	    strcmp(iss, PEER_ISS) != 0 || aud == NULL ||
	    strcmp(aud, PEER_AUD) != 0 ||
	    jwt_get_grant_int(jwt, "exp") <= time(NULL))
		peer_failed("libjwt", "claims");
	jwt_free(jwt);
}

static size_t
issue(void)
{
	time_t now = time(NULL);
	char *text;
	size_t len;
	jwt_t *jwt;

	if (jwt_new(&jwt) != 0 || jwt_add_grant(jwt, "iss", PEER_ISS) != 0 ||
	    jwt_add_grant(jwt, "aud", PEER_AUD) != 0 ||
	    jwt_add_grant(jwt, "sub", PEER_SUB) != 0 ||
	    jwt_add_grant_int(jwt, "id", PEER_ID) != 0 ||
	    jwt_add_grant(jwt, "sid", PEER_SID) != 0 ||
	    jwt_add_grant_int(jwt, "epoch", 0) != 0 ||
	    jwt_add_grants_json(jwt, "{\"roles\":[\"user\"]}") != 0 ||
	    jwt_add_grant_int(jwt, "iat", now) != 0 ||
	    jwt_add_grant_int(jwt, "exp", now + PEER_LIFETIME) != 0 ||
	    jwt_add_header(jwt, "kid", PEER_KID) != 0 ||
	    jwt_set_alg(jwt, JWT_ALG_HS256, key, PEER_KEY_LEN) != 0)
		peer_failed("libjwt", "jwt_add_grant");
	text = jwt_encode_str(jwt);
	if (text == NULL)
		peer_failed("libjwt", "jwt_encode_str");
	len = strlen(text);
	free(text);
	jwt_free(jwt);
	return len;
}

const struct peer peer_libjwt = { "libjwt " PEER_libjwt, begin, verify, issue };
