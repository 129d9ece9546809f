/*
 * cjose 0.6. It knows no claims: they are read with jansson, which it is built
 * on, and written as text.
 */
#include <cjose/cjose.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/peers/peers.h"

static cjose_jwk_t *key;

static void
begin(const char *k)
{
	cjose_err err;

	key = cjose_jwk_create_oct_spec((const uint8_t *)k, PEER_KEY_LEN, &err);
	if (key == NULL)
		peer_failed("cjose", "cjose_jwk_create_oct_spec");
}

static int
is(const json_t *claims, const char *name, const char *want)
{
	const char *text = json_string_value(json_object_get(claims, name));

	return text != NULL && strcmp(text, want) == 0;
}

static void
verify(const char *token, size_t len)
{
	uint8_t *text;
	size_t text_len;
	json_t *claims;
	cjose_jws_t *jws;
	cjose_err err;

	jws = cjose_jws_import(token, len, &err);
	if (jws == NULL || !cjose_jws_verify(jws, key, &err) ||
	    !cjose_jws_get_plaintext(jws, &text, &text_len, &err))
		peer_failed("cjose", "cjose_jws_verify");
	claims = json_loadb((const char *)text, text_len, 0, NULL);
	if (!is(claims, "iss", PEER_ISS) || !is(claims, "aud", PEER_AUD) ||
	    json_integer_value(json_object_get(claims, "exp")) <= time(NULL))
		peer_failed("cjose", "claims");
	json_decref(claims);
	cjose_jws_release(jws);
}

static size_t
issue(void)
{
	long long now = time(NULL);
	const char *token;
	cjose_header_t *header;
	cjose_jws_t *jws;
	cjose_err err;
	char claims[512];
	size_t len;
	int n;

	n = snprintf(claims, sizeof(claims),
	    "{\"iss\":\"" PEER_ISS "\",\"aud\":\"" PEER_AUD
	    "\",\"sub\":\"" PEER_SUB "\",\"id\":%d,\"sid\":\"" PEER_SID
	    "\",\"epoch\":0,\"roles\":[\"user\"],\"iat\":%lld,\"exp\":%lld}",
	    PEER_ID, now, now + PEER_LIFETIME);
	header = cjose_header_new(&err);
	if (header == NULL ||
	    !cjose_header_set(
		header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_HS256, &err) ||
	    !cjose_header_set(header, CJOSE_HDR_KID, PEER_KID, &err))
		peer_failed("cjose", "cjose_header_set");
	jws = cjose_jws_sign(
	    key, header, (const uint8_t *)claims, (size_t)n, &err);
	if (jws == NULL || !cjose_jws_export(jws, &token, &err))
		peer_failed("cjose", "cjose_jws_sign");
	len = strlen(token);
	cjose_jws_release(jws);
	cjose_header_release(header);
	return len;
}

const struct peer peer_cjose = { "cjose " PEER_cjose, begin, verify, issue };
