/*
 * JWK Sets (RFC 7517 section 5) as key files: read with the strict scanner, all
 * or nothing, each fault named; and written for a start without any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "token/base64url.h"
#include "token/json.h"
#include "token/keyset.h"

#define JWKS_DEPTH 8 /* members that are not known may be nested */

enum use {
	USE_SIG,
	USE_SECRET, /* of a kind */
	USE_OTHER
};

static const struct {
	const char *use;
	const char *ill_numbered;
} kinds[AT_SECRET_KINDS] = {
	[AT_REFRESH] = { "authtok-refresh",
	    "kid of a refresh secret is not 0 to 255" },
	[AT_AUDIT] = { "authtok-audit",
	    "kid of an audit secret is not 0 to 255" },
};

/* One key while it is read. */
struct jwk {
	bool has_kty;
	bool has_alg;
	bool has_kid;
	bool has_k;
	bool oct;
	bool sign;
	enum use use;
	enum at_secret_kind kind;
	enum authtok_alg alg; /* 0: not one of ours */
	char kid[AUTHTOK_KID_MAX + 1];
	size_t secret_len;
	uint8_t secret[AT_SECRET_MAX];
};

struct reading {
	struct authtok_keys *keys;
	struct at_json *json;
	size_t at; /* of the value or key in hand */
	const char *why;
};

static enum authtok_err
fault(struct reading *r, enum authtok_err err, const char *why)
{
	/* The scanner knows better what is no JSON at all. */
	if (r->json->why != NULL) {
		r->why = r->json->why;
		r->at = r->json->at;
		return AUTHTOK_EFORMAT;
	}
	r->why = why;
	return err;
}

/* The next event; remembers where it begins. */
static enum at_json_event
next(struct reading *r)
{
	const struct at_json *json = r->json;
	enum at_json_event event = at_json_next(r->json);

	switch (event) {
	case AT_JSON_NAME:
	case AT_JSON_STRING:
		r->at = (size_t)(json->start - json->text) - 1;
		break;
	case AT_JSON_NUMBER:
	case AT_JSON_TRUE:
	case AT_JSON_FALSE:
	case AT_JSON_NULL:
		r->at = (size_t)(json->start - json->text);
		break;
	case AT_JSON_OBJECT:
	case AT_JSON_OBJECT_END:
	case AT_JSON_ARRAY:
	case AT_JSON_ARRAY_END:
		r->at = (size_t)(json->p - json->text) - 1;
		break;
	case AT_JSON_END:
	case AT_JSON_ERROR:
		break;
	}
	return event;
}

static enum authtok_err
read_kid(struct reading *r, struct jwk *jwk)
{
	if (r->json->len > AUTHTOK_KID_MAX)
		return fault(r, AUTHTOK_EFORMAT, "kid is too long");
	at_json_copy(r->json, jwk->kid);
	if (!at_kid_valid(jwk->kid))
		return fault(r, AUTHTOK_EFORMAT, "kid is not [A-Za-z0-9._-]+");
	jwk->has_kid = true;
	return AUTHTOK_OK;
}

static enum authtok_err
read_k(struct reading *r, struct jwk *jwk)
{
	const struct at_json *json = r->json;

	if (json->len > AT_B64URL_LEN(AT_SECRET_MAX))
		return fault(r, AUTHTOK_EINVAL, "k is too long");
	if (!at_b64url_decode(
		json->start, json->len, jwk->secret, &jwk->secret_len))
		return fault(r, AUTHTOK_EFORMAT, "k is not base64url");
	jwk->has_k = true;
	return AUTHTOK_OK;
}

static enum authtok_err
read_kty(struct reading *r, struct jwk *jwk)
{
	jwk->has_kty = true;
	jwk->oct = at_json_is(r->json, "oct");
	return AUTHTOK_OK;
}

static enum authtok_err
read_use(struct reading *r, struct jwk *jwk)
{
	jwk->use = at_json_is(r->json, "sig") ? USE_SIG : USE_OTHER;
	for (int kind = 0; kind < AT_SECRET_KINDS; kind++)
		if (at_json_is(r->json, kinds[kind].use)) {
			jwk->use = USE_SECRET;
			jwk->kind = (enum at_secret_kind)kind;
		}
	return AUTHTOK_OK;
}

static enum authtok_err
read_alg(struct reading *r, struct jwk *jwk)
{
	jwk->has_alg = true;
	if (at_json_is(r->json, "HS256"))
		jwk->alg = AUTHTOK_HS256;
	else if (at_json_is(r->json, "HS384"))
		jwk->alg = AUTHTOK_HS384;
	else if (at_json_is(r->json, "HS512"))
		jwk->alg = AUTHTOK_HS512;
	return AUTHTOK_OK;
}

static enum authtok_err
read_key_ops(struct reading *r, struct jwk *jwk)
{
	enum at_json_event event;

	while ((event = next(r)) == AT_JSON_STRING)
		if (at_json_is(r->json, "sign"))
			jwk->sign = true;
	if (event != AT_JSON_ARRAY_END)
		return fault(
		    r, AUTHTOK_EFORMAT, "key_ops is not an array of strings");
	return AUTHTOK_OK;
}

static const struct member {
	const char *name;
	enum at_json_event type;
	enum authtok_err (*read)(struct reading *r, struct jwk *jwk);
	const char *ill_typed;
} members[] = {
	{ "kty", AT_JSON_STRING, read_kty, "kty is not a string" },
	{ "use", AT_JSON_STRING, read_use, "use is not a string" },
	{ "kid", AT_JSON_STRING, read_kid, "kid is not a string" },
	{ "alg", AT_JSON_STRING, read_alg, "alg is not a string" },
	{ "k", AT_JSON_STRING, read_k, "k is not a string" },
	{ "key_ops", AT_JSON_ARRAY, read_key_ops, "key_ops is not an array" },
};

/* The member whose name was read last. */
static enum authtok_err
read_member(struct reading *r, struct jwk *jwk)
{
	const size_t count = sizeof(members) / sizeof(members[0]);
	enum at_json_event event;
	size_t i = 0;

	while (i < count && !at_json_is(r->json, members[i].name))
		i++;
	event = next(r);
	if (i == count) {
		if (!at_json_skip(r->json, event))
			return fault(r, AUTHTOK_EFORMAT, NULL);
		return AUTHTOK_OK;
	}
	if (event != members[i].type)
		return fault(r, AUTHTOK_EFORMAT, members[i].ill_typed);
	return members[i].read(r, jwk);
}

/* What a key must have, whatever it is for. */
static enum authtok_err
check_jwk(struct reading *r, const struct jwk *jwk)
{
	if (!jwk->has_kty)
		return fault(r, AUTHTOK_EFORMAT, "a key without kty");
	if (!jwk->oct)
		return fault(r, AUTHTOK_ENOTSUP, "a kty other than oct");
	if (jwk->use == USE_OTHER)
		return fault(r, AUTHTOK_ENOTSUP, "an unknown use");
	if (!jwk->has_kid)
		return fault(r, AUTHTOK_EFORMAT, "a key without kid");
	if (!jwk->has_k)
		return fault(r, AUTHTOK_EFORMAT, "a key without k");
	if (jwk->use == USE_SECRET)
		return AUTHTOK_OK;
	if (!jwk->has_alg)
		return fault(r, AUTHTOK_EFORMAT, "a signing key without alg");
	if (jwk->alg == 0)
		return fault(r, AUTHTOK_ENOTSUP, "an unknown alg");
	return AUTHTOK_OK;
}

/* The number that a secret's kid is, or -1. */
static int
secret_number(const char *kid)
{
	int v = 0;

	if (strlen(kid) > 3 || (kid[0] == '0' && kid[1] != '\0'))
		return -1;
	for (; *kid != '\0'; kid++) {
		if (*kid < '0' || *kid > '9')
			return -1;
		v = v * 10 + (*kid - '0');
	}
	return v <= 255 ? v : -1;
}

static enum authtok_err
add_secret(struct reading *r, const struct jwk *jwk)
{
	int number;

	if (r->keys->secrets[jwk->kind].count == AUTHTOK_KEYS_MAX)
		return fault(r, AUTHTOK_EINVAL, "too many keys");
	number = secret_number(jwk->kid);
	if (number < 0)
		return fault(r, AUTHTOK_EFORMAT, kinds[jwk->kind].ill_numbered);
	return at_keys_add_secret(r->keys, jwk->kind, (unsigned)number,
	    jwk->secret, jwk->secret_len, jwk->sign);
}

static enum authtok_err
add_signing(struct reading *r, const struct jwk *jwk)
{
	if (r->keys->hmac_count == AUTHTOK_KEYS_MAX)
		return fault(r, AUTHTOK_EINVAL, "too many keys");
	return authtok_keys_add_hmac(r->keys, jwk->kid, jwk->alg, jwk->secret,
	    jwk->secret_len, jwk->sign);
}

static enum authtok_err
add_jwk(struct reading *r, const struct jwk *jwk)
{
	enum authtok_err err =
	    jwk->use == USE_SECRET ? add_secret(r, jwk) : add_signing(r, jwk);

	if (r->why != NULL)
		return err;
	if (err == AUTHTOK_EWEAK)
		return fault(
		    r, err, "k is too short or its bytes are all alike");
	if (err == AUTHTOK_EINVAL)
		return fault(r, err, "a kid occurs twice");
	return err;
}

/* One key, its opening brace just read. */
static enum authtok_err
read_jwk(struct reading *r)
{
	size_t start = r->at;
	struct jwk jwk = { 0 };
	enum at_json_event event;
	enum authtok_err err = AUTHTOK_OK;

	while (err == AUTHTOK_OK && (event = next(r)) == AT_JSON_NAME)
		err = read_member(r, &jwk);
	if (err == AUTHTOK_OK && event != AT_JSON_OBJECT_END)
		err = fault(r, AUTHTOK_EFORMAT, NULL);
	if (err == AUTHTOK_OK) {
		r->at = start;
		err = check_jwk(r, &jwk);
	}
	if (err == AUTHTOK_OK)
		err = add_jwk(r, &jwk);
	OPENSSL_cleanse(&jwk, sizeof(jwk));
	return err;
}

static enum authtok_err
read_keys(struct reading *r)
{
	enum at_json_event event;
	enum authtok_err err;

	if (next(r) != AT_JSON_ARRAY)
		return fault(r, AUTHTOK_EFORMAT, "keys is not an array");
	while ((event = next(r)) == AT_JSON_OBJECT) {
		err = read_jwk(r);
		if (err != AUTHTOK_OK)
			return err;
	}
	if (event != AT_JSON_ARRAY_END)
		return fault(r, AUTHTOK_EFORMAT, "a key is not an object");
	return AUTHTOK_OK;
}

static enum authtok_err
read_set(struct reading *r)
{
	enum at_json_event event;
	enum authtok_err err = AUTHTOK_OK;
	bool has_keys = false;

	if (next(r) != AT_JSON_OBJECT)
		return fault(r, AUTHTOK_EFORMAT, "not an object");
	while ((event = next(r)) == AT_JSON_NAME) {
		if (at_json_is(r->json, "keys")) {
			has_keys = true;
			err = read_keys(r);
		} else if (!at_json_skip(r->json, next(r))) {
			err = fault(r, AUTHTOK_EFORMAT, NULL);
		}
		if (err != AUTHTOK_OK)
			return err;
	}
	if (event != AT_JSON_OBJECT_END || next(r) != AT_JSON_END)
		return fault(r, AUTHTOK_EFORMAT, NULL);
	if (!has_keys)
		return fault(r, AUTHTOK_EFORMAT, "no keys in it");
	return AUTHTOK_OK;
}

/* Whatever the failure is, the caller has a sentence to print. */
static enum authtok_err
say(const char **ret_why, size_t *ret_at, enum authtok_err err, const char *why,
    size_t at)
{
	if (ret_why != NULL)
		*ret_why = why;
	if (ret_at != NULL)
		*ret_at = at;
	return err;
}

enum authtok_err
authtok_keys_add_jwks(struct authtok_keys *keys, const char *text, size_t len,
    const char **ret_why, size_t *ret_at)
{
	struct at_json json;
	struct reading r = { .json = &json };
	enum authtok_err err;

	if (keys == NULL || text == NULL)
		return say(ret_why, ret_at, AUTHTOK_EINVAL,
		    "no key set or no text", 0);
	err = authtok_keys_new(&r.keys);
	if (err != AUTHTOK_OK)
		return say(ret_why, ret_at, err, "no memory", 0);
	/* Into a copy, so that a fault leaves nothing behind. */
	memcpy(r.keys, keys, sizeof(*keys));
	at_json_begin(&json, text, len, JWKS_DEPTH);
	err = read_set(&r);
	if (err == AUTHTOK_OK)
		memcpy(keys, r.keys, sizeof(*keys));
	else
		say(ret_why, ret_at, err, r.why, r.at);
	authtok_keys_free(r.keys);
	return err;
}

enum authtok_err
authtok_keys_generate(const char *kid, char *buf, size_t size, size_t *ret_len)
{
	static const char form[] =
	    "{\"keys\":[\n"
	    "{\"kty\":\"oct\",\"use\":\"sig\",\"kid\":\"%s\","
	    "\"alg\":\"HS256\",\"k\":\"%.43s\","
	    "\"key_ops\":[\"sign\",\"verify\"]},\n"
	    "{\"kty\":\"oct\",\"use\":\"authtok-refresh\",\"kid\":\"1\","
	    "\"k\":\"%.43s\",\"key_ops\":[\"sign\",\"verify\"]},\n"
	    "{\"kty\":\"oct\",\"use\":\"authtok-audit\",\"kid\":\"1\","
	    "\"k\":\"%.43s\",\"key_ops\":[\"sign\",\"verify\"]}\n"
	    "]}\n";
	char text[1024], k[3][AT_B64URL_LEN(32)];
	uint8_t secret[3][32];
	enum authtok_err err = AUTHTOK_OK;
	int n;

	if (kid == NULL || buf == NULL || ret_len == NULL || !at_kid_valid(kid))
		return AUTHTOK_EINVAL;
	if (RAND_bytes(&secret[0][0], sizeof(secret)) != 1)
		return AUTHTOK_ECRYPTO;
	for (int i = 0; i < 3; i++)
		at_b64url_encode(secret[i], sizeof(secret[i]), k[i]);
	n = snprintf(text, sizeof(text), form, kid, k[0], k[1], k[2]);
	if ((size_t)n < size) {
		memcpy(buf, text, (size_t)n + 1);
		*ret_len = (size_t)n;
	} else {
		err = AUTHTOK_ENOSPC;
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(k, sizeof(k));
	OPENSSL_cleanse(text, sizeof(text));
	return err;
}
