/*
 * rhonabwy 1.1, which checks claims itself.
 */
#include <rhonabwy.h>
#include <string.h>
#include <time.h>

#include "bench/peers/peers.h"

static jwk_t *key;

static void
begin(const char *k)
{
	if (r_global_init() != RHN_OK || r_jwk_init(&key) != RHN_OK ||
	    r_jwk_import_from_symmetric_key(
		key, (const unsigned char *)k, PEER_KEY_LEN) != RHN_OK ||
	    r_jwk_set_property_str(key, "alg", "HS256") != RHN_OK)
		peer_failed("rhonabwy", "r_jwk_import_from_symmetric_key");
}

static void
verify(const char *token, size_t len)
{
	jwt_t *jwt;

	if (r_jwt_init(&jwt) != RHN_OK ||
	    r_jwt_parsen(jwt, token, len, 0) != RHN_OK ||
	    r_jwt_verify_signature(jwt, key, 0) != RHN_OK ||
	    r_jwt_validate_claims(jwt, R_JWT_CLAIM_ISS, PEER_ISS,
		R_JWT_CLAIM_AUD, PEER_AUD, R_JWT_CLAIM_EXP, R_JWT_CLAIM_NOW,
		R_JWT_CLAIM_NOP) != RHN_OK)
		peer_failed("rhonabwy", "r_jwt_verify_signature");
	r_jwt_free(jwt);
}

static size_t
issue(void)
{
	rhn_int_t now = time(NULL);
	json_t *roles = json_pack("[s]", "user");
	char *text;
	size_t len;
	jwt_t *jwt;

	if (r_jwt_init(&jwt) != RHN_OK ||
	    r_jwt_set_sign_alg(jwt, R_JWA_ALG_HS256) != RHN_OK ||
	    r_jwt_set_header_str_value(jwt, "kid", PEER_KID) != RHN_OK ||
	    r_jwt_set_claim_str_value(jwt, "iss", PEER_ISS) != RHN_OK ||
	    r_jwt_set_claim_str_value(jwt, "aud", PEER_AUD) != RHN_OK ||
	    r_jwt_set_claim_str_value(jwt, "sub", PEER_SUB) != RHN_OK ||
	    r_jwt_set_claim_int_value(jwt, "id", PEER_ID) != RHN_OK ||
	    r_jwt_set_claim_str_value(jwt, "sid", PEER_SID) != RHN_OK ||
	    r_jwt_set_claim_int_value(jwt, "epoch", 0) != RHN_OK ||
	    r_jwt_set_claim_json_t_value(jwt, "roles", roles) != RHN_OK ||
	    r_jwt_set_claim_int_value(jwt, "iat", now) != RHN_OK ||
	    r_jwt_set_claim_int_value(jwt, "exp", now + PEER_LIFETIME) !=
		RHN_OK)
		peer_failed("rhonabwy", "r_jwt_set_claim");
	text = r_jwt_serialize_signed(jwt, key, 0);
	if (text == NULL)
		peer_failed("rhonabwy", "r_jwt_serialize_signed");
	len = strlen(text);
	r_free(text);
	json_decref(roles);
	r_jwt_free(jwt);
	return len;
}

const struct peer peer_rhonabwy = { "rhonabwy " PEER_rhonabwy, begin, verify,
	issue };
