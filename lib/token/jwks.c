/*
 * JWK Sets (RFC 7517 section 5) as key files: read with the strict scanner, all
 * or nothing, each fault named. They are written in jwks_write.c.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "token/alg.h"
#include "token/base64url.h"
#include "token/jwk.h"
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

#define PART(name)                                                \
	{                                                         \
		"a key without " name, name " is not a string",   \
		    name " is too long", name " is not base64url" \
	}

/* What is said of a part. */
static const struct {
	const char *missing;
	const char *ill_typed;
	const char *too_long;
	const char *ill_coded;
} parts[AT_PARTS] = {
	[AT_PART_K] = PART("k"),
	[AT_PART_X] = PART("x"),
	[AT_PART_Y] = PART("y"),
	[AT_PART_D] = PART("d"),
	[AT_PART_N] = PART("n"),
	[AT_PART_E] = PART("e"),
	[AT_PART_P] = PART("p"),
	[AT_PART_Q] = PART("q"),
	[AT_PART_DP] = PART("dp"),
	[AT_PART_DQ] = PART("dq"),
	[AT_PART_QI] = PART("qi"),
};

_Static_assert(AT_PART_MAX >= AT_SECRET_MAX, "a secret is a part");

/* One key while it is read: 12 KiB. */
struct jwk {
	bool has_kty;
	const struct at_jwk_form *form; /* NULL: an unknown kty */
	bool has_crv;
	char crv[8]; /* "": one that is too long for ours */
	bool has_alg;
	bool has_kid;
	bool has_oth;               /* primes of RSA beyond two */
	bool has_ops, sign, verify; /* key_ops, and what is in it */
	enum use use;
	enum at_secret_kind kind;
	enum authtok_alg alg; /* 0: not one of ours */
	char kid[AUTHTOK_KID_MAX + 1];
	struct {
		bool given;
		const char *why; /* it is no part of a key */
		size_t at;
	} read[AT_PARTS];
	struct at_parts parts;
};

struct reading {
	struct authtok_keys *keys;
	struct jwk *jwk; /* memory for one at a time */
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

/*
 * Whether it matters that a part is at fault depends on kty, which may follow:
 * what is no part of this type is passed over, as all that is not known (RFC 7517
 * section 4).
 */
static enum authtok_err
read_part(struct reading *r, struct jwk *jwk, enum at_part part,
    enum at_json_event event)
{
	const struct at_json *json = r->json;

	jwk->read[part].given = true;
	jwk->read[part].at = r->at;
	if (event != AT_JSON_STRING)
		jwk->read[part].why = parts[part].ill_typed;
	else if (json->len > AT_B64URL_LEN(AT_PART_MAX))
		jwk->read[part].why = parts[part].too_long;
	else if (!at_b64url_decode(json->start, json->len,
		     jwk->parts.of[part].bytes, &jwk->parts.of[part].len))
		jwk->read[part].why = parts[part].ill_coded;
	if (!at_json_skip(r->json, event))
		return fault(r, AUTHTOK_EFORMAT, NULL);
	return AUTHTOK_OK;
}

static enum authtok_err
read_kty(struct reading *r, struct jwk *jwk)
{
	jwk->has_kty = true;
	for (size_t i = 0; i < AT_JWK_FORMS; i++)
		if (at_json_is(r->json, at_jwk_forms[i].kty))
			jwk->form = &at_jwk_forms[i];
	return AUTHTOK_OK;
}

static enum authtok_err
read_crv(struct reading *r, struct jwk *jwk)
{
	jwk->has_crv = true;
	if (r->json->len < sizeof(jwk->crv))
		at_json_copy(r->json, jwk->crv);
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
	jwk->alg = at_alg_of(r->json);
	return AUTHTOK_OK;
}

static enum authtok_err
read_key_ops(struct reading *r, struct jwk *jwk)
{
	enum at_json_event event;

	jwk->has_ops = true;
	while ((event = next(r)) == AT_JSON_STRING) {
		jwk->sign = jwk->sign || at_json_is(r->json, "sign");
		jwk->verify = jwk->verify || at_json_is(r->json, "verify");
	}
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
	{ "crv", AT_JSON_STRING, read_crv, "crv is not a string" },
	{ "key_ops", AT_JSON_ARRAY, read_key_ops, "key_ops is not an array" },
};

/* The part of a key that the last NAME means, or AT_PARTS. */
static size_t
part_named(const struct at_json *json)
{
	size_t part = 0;

	while (part < AT_PARTS && !at_json_is(json, at_part_names[part]))
		part++;
	return part;
}

/* The member whose name was read last. */
static enum authtok_err
read_member(struct reading *r, struct jwk *jwk)
{
	const size_t count = sizeof(members) / sizeof(members[0]);
	size_t i = 0, part = part_named(r->json);
	bool oth = at_json_is(r->json, "oth");
	enum at_json_event event;

	while (i < count && !at_json_is(r->json, members[i].name))
		i++;
	event = next(r);
	if (part < AT_PARTS)
		return read_part(r, jwk, (enum at_part)part, event);
	jwk->has_oth = jwk->has_oth || oth;
	if (i == count) {
		if (!at_json_skip(r->json, event))
			return fault(r, AUTHTOK_EFORMAT, NULL);
		return AUTHTOK_OK;
	}
	if (event != members[i].type)
		return fault(r, AUTHTOK_EFORMAT, members[i].ill_typed);
	return members[i].read(r, jwk);
}

/* The parts that are of its type. */
static enum authtok_err
check_parts(struct reading *r, const struct jwk *jwk)
{
	const struct at_jwk_form *form = jwk->form;

	for (size_t i = 0; i < form->count; i++) {
		enum at_part part = form->parts[i];

		if (!jwk->read[part].given)
			continue;
		if (jwk->read[part].why != NULL) {
			r->at = jwk->read[part].at;
			return fault(r,
			    jwk->read[part].why == parts[part].too_long
				? AUTHTOK_EINVAL
				: AUTHTOK_EFORMAT,
			    jwk->read[part].why);
		}
		if (part != AT_PART_K && jwk->parts.of[part].len == 0) {
			r->at = jwk->read[part].at;
			return fault(
			    r, AUTHTOK_EFORMAT, "an empty part of a key");
		}
	}
	return AUTHTOK_OK;
}

/* What a key of access tokens must have besides. */
static enum authtok_err
check_signing(struct reading *r, const struct jwk *jwk)
{
	const struct at_jwk_form *form = jwk->form;

	if (!jwk->has_alg)
		return fault(r, AUTHTOK_EFORMAT, "a signing key without alg");
	if (jwk->alg == 0)
		return fault(r, AUTHTOK_ENOTSUP, "an unknown alg");
	if (form->alg != 0 ? jwk->alg != form->alg
			   : at_alg_secret_min(jwk->alg) == 0)
		return fault(r, AUTHTOK_EFORMAT, "alg is not one of this kty");
	if (form->alg != 0 && jwk->sign && !jwk->read[AT_PART_D].given)
		return fault(r, AUTHTOK_EFORMAT,
		    "\"sign\" in key_ops of a key without d");
	/* RFC 7518 section 6.3.2.7: not to be used, whatever is in it */
	if (form->alg == AUTHTOK_RS256 && jwk->has_oth &&
	    jwk->read[AT_PART_D].given)
		return fault(r, AUTHTOK_ENOTSUP,
		    "oth: a private RSA key of more than two primes");
	return AUTHTOK_OK;
}

/* What a key must have, whatever it is for. */
static enum authtok_err
check_jwk(struct reading *r, const struct jwk *jwk)
{
	const struct at_jwk_form *form = jwk->form;
	enum authtok_err err;

	if (!jwk->has_kty)
		return fault(r, AUTHTOK_EFORMAT, "a key without kty");
	if (form == NULL)
		return fault(r, AUTHTOK_ENOTSUP, "an unknown kty");
	err = check_parts(r, jwk);
	if (err != AUTHTOK_OK)
		return err;
	if (jwk->use == USE_OTHER)
		return fault(r, AUTHTOK_ENOTSUP, "an unknown use");
	/* RFC 7517 section 4.3: what is meant for something else */
	if (jwk->has_ops && !jwk->sign && !jwk->verify)
		return fault(r, AUTHTOK_ENOTSUP,
		    "neither \"sign\" nor \"verify\" in key_ops");
	if (!jwk->has_kid)
		return fault(r, AUTHTOK_EFORMAT, "a key without kid");
	if (jwk->use == USE_SECRET && form->alg != 0)
		return fault(r, AUTHTOK_EFORMAT,
		    "a refresh or audit secret of a kty other than oct");
	if (form->crv != NULL && !jwk->has_crv)
		return fault(r, AUTHTOK_EFORMAT, "a key without crv");
	if (form->crv != NULL && strcmp(jwk->crv, form->crv) != 0)
		return fault(r, AUTHTOK_ENOTSUP, "an unknown crv");
	for (size_t i = 0; i < form->public_count; i++)
		if (!jwk->read[form->parts[i]].given)
			return fault(
			    r, AUTHTOK_EFORMAT, parts[form->parts[i]].missing);
	return jwk->use == USE_SECRET ? AUTHTOK_OK : check_signing(r, jwk);
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
	    jwk->parts.of[AT_PART_K].bytes, jwk->parts.of[AT_PART_K].len,
	    jwk->sign);
}

static enum authtok_err
add_pair(struct reading *r, const struct jwk *jwk)
{
	EVP_PKEY *pair = NULL;
	const char *why = NULL;
	enum authtok_err err = at_pair_make(jwk->alg, &jwk->parts, &pair, &why);

	if (err != AUTHTOK_OK)
		return fault(r, err, why);
	err = at_keys_add_pair(r->keys, jwk->kid, jwk->alg, pair, jwk->sign);
	EVP_PKEY_free(pair);
	return err;
}

static enum authtok_err
add_signing(struct reading *r, const struct jwk *jwk)
{
	if (r->keys->count == AUTHTOK_KEYS_MAX)
		return fault(r, AUTHTOK_EINVAL, "too many keys");
	if (jwk->form->alg != 0)
		return add_pair(r, jwk);
	return authtok_keys_add_hmac(r->keys, jwk->kid, jwk->alg,
	    jwk->parts.of[AT_PART_K].bytes, jwk->parts.of[AT_PART_K].len,
	    jwk->sign);
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
	struct jwk *jwk = r->jwk;
	enum at_json_event event;
	enum authtok_err err = AUTHTOK_OK;

	memset(jwk, 0, sizeof(*jwk));
	while (err == AUTHTOK_OK && (event = next(r)) == AT_JSON_NAME)
		err = read_member(r, jwk);
	if (err == AUTHTOK_OK && event != AT_JSON_OBJECT_END)
		err = fault(r, AUTHTOK_EFORMAT, NULL);
	if (err == AUTHTOK_OK) {
		r->at = start;
		err = check_jwk(r, jwk);
	}
	if (err == AUTHTOK_OK)
		err = add_jwk(r, jwk);
	OPENSSL_cleanse(jwk, sizeof(*jwk));
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
	/* Into a copy, so that a fault leaves nothing behind. */
	r.jwk = malloc(sizeof(*r.jwk));
	err = r.jwk != NULL ? at_keys_copy(keys, &r.keys) : AUTHTOK_ENOMEM;
	if (err != AUTHTOK_OK) {
		free(r.jwk);
		return say(ret_why, ret_at, err, authtok_strerror(err), 0);
	}
	at_json_begin(&json, text, len, JWKS_DEPTH);
	err = read_set(&r);
	free(r.jwk);
	if (err == AUTHTOK_OK) {
		at_keys_replace(keys, r.keys);
		return AUTHTOK_OK;
	}
	authtok_keys_free(r.keys);
	return say(ret_why, ret_at, err, r.why, r.at);
}
