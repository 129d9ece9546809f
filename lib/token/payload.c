/*
 * The claims of a token whose signature is good (RFC 7519 section 4.1). A claim
 * of the wrong type is wrong, never taken as missing; one that is not known is
 * passed over.
 */
#include <string.h>

#include "token/claims.h"

#define PAYLOAD_DEPTH 8 /* claims that are not known may be nested */

enum {
	HAS_ISS = 1,
	HAS_AUD = 2,
	HAS_SUB = 4,
	HAS_EXP = 8,
	HAS_ID = 16,
	NEEDED = HAS_ISS | HAS_AUD | HAS_SUB | HAS_EXP,
};

struct reading {
	const struct authtok *engine;
	struct authtok_claims *claims;
	struct at_json *json;
	enum at_json_event event; /* of the claim's value */
	unsigned has;
	int64_t not_before;
	int64_t id;
};

/* The string just read, unescaped where it stands. */
static char *
take_text(struct reading *r, size_t *ret_len)
{
	char *text = r->claims->text;

	text += r->json->start - text;
	*ret_len = at_json_copy(r->json, text);
	return text;
}

static bool
take_integer(struct reading *r, int64_t *ret_value)
{
	if (r->event != AT_JSON_NUMBER || r->json->integer < 0)
		return false;
	*ret_value = r->json->integer;
	return true;
}

static bool
read_iss(struct reading *r)
{
	size_t len;

	if (r->event != AT_JSON_STRING ||
	    !at_json_is(r->json, r->engine->issuer))
		return false;
	r->claims->said.issuer = take_text(r, &len);
	r->has |= HAS_ISS;
	return true;
}

/* One string, or an array of strings with ours among them. */
static bool
read_aud(struct reading *r)
{
	bool array = r->event == AT_JSON_ARRAY;
	bool ours = false;

	if (array)
		r->event = at_json_next(r->json);
	while (r->event == AT_JSON_STRING) {
		ours |= at_json_is(r->json, r->engine->audience);
		if (!array)
			break;
		r->event = at_json_next(r->json);
	}
	r->has |= HAS_AUD;
	return ours && r->event == (array ? AT_JSON_ARRAY_END : AT_JSON_STRING);
}

int64_t
at_user_id_of(const char *subject, size_t len)
{
	int64_t id = 0;
	size_t i;

	if (len == 0 || len > 16 || *subject == '0')
		return 0;
	for (i = 0; i < len; i++) {
		if (subject[i] < '0' || subject[i] > '9')
			return 0;
		id = id * 10 + (subject[i] - '0');
	}
	return id <= AT_JSON_INT_MAX ? id : 0;
}

static bool
read_sub(struct reading *r)
{
	size_t len;

	if (r->event != AT_JSON_STRING)
		return false;
	r->claims->said.subject = take_text(r, &len);
	r->claims->said.user_id = at_user_id_of(r->claims->said.subject, len);
	r->has |= HAS_SUB;
	return len >= 1 && len <= AT_NAME_MAX;
}

static bool
read_exp(struct reading *r)
{
	r->has |= HAS_EXP;
	return take_integer(r, &r->claims->said.expires_at);
}

static bool
read_iat(struct reading *r)
{
	return take_integer(r, &r->claims->said.issued_at);
}

static bool
read_nbf(struct reading *r)
{
	return take_integer(r, &r->not_before);
}

static bool
read_id(struct reading *r)
{
	r->has |= HAS_ID;
	return take_integer(r, &r->id);
}

static bool
read_epoch(struct reading *r)
{
	return take_integer(r, &r->claims->said.epoch);
}

/* The value of a lower-case hexadecimal digit with 16 added, or 0. */
static const uint8_t hex_table[256] = { ['0'] = 16,
	['1'] = 17,
	['2'] = 18,
	['3'] = 19,
	['4'] = 20,
	['5'] = 21,
	['6'] = 22,
	['7'] = 23,
	['8'] = 24,
	['9'] = 25,
	['a'] = 26,
	['b'] = 27,
	['c'] = 28,
	['d'] = 29,
	['e'] = 30,
	['f'] = 31 };

/* By table: which digits are letters is chance, and no branch foresees it. */
bool
at_session_of(const char *hex, uint8_t *ret_session)
{
	unsigned high, low, good = 16;
	size_t i;

	for (i = 0; i < AUTHTOK_SID_LEN; i++) {
		high = hex_table[(uint8_t)hex[2 * i]];
		low = hex_table[(uint8_t)hex[2 * i + 1]];
		good &= high & low;
		ret_session[i] = (uint8_t)(high << 4 | (low & 15));
	}
	return good != 0;
}

static bool
read_sid(struct reading *r)
{
	const char *text;
	size_t len;

	if (r->event != AT_JSON_STRING)
		return false;
	text = take_text(r, &len);
	if (len != 2 * AUTHTOK_SID_LEN ||
	    !at_session_of(text, r->claims->said.session))
		return false;
	r->claims->said.has_session = true;
	return true;
}

static bool
read_roles(struct reading *r)
{
	struct authtok_claims *claims = r->claims;
	const char *role;
	size_t len;

	if (r->event != AT_JSON_ARRAY)
		return false;
	while ((r->event = at_json_next(r->json)) == AT_JSON_STRING) {
		role = take_text(r, &len);
		if (claims->said.role_count == AUTHTOK_ROLES_MAX ||
		    !authtok_role_valid(role) ||
		    authtok_claims_has_role(claims, role))
			return false;
		claims->roles[claims->said.role_count++] = role;
	}
	return r->event == AT_JSON_ARRAY_END;
}

/* How to read the claim that the name read last is, or NULL. */
static bool (*reader_of(const struct at_json *json))(struct reading *)
{
	switch (json->packed) {
	case AT_JSON_PACK('i', 's', 's', 0, 0):
		return read_iss;
	case AT_JSON_PACK('a', 'u', 'd', 0, 0):
		return read_aud;
	case AT_JSON_PACK('s', 'u', 'b', 0, 0):
		return read_sub;
	case AT_JSON_PACK('i', 'd', 0, 0, 0):
		return read_id;
	case AT_JSON_PACK('s', 'i', 'd', 0, 0):
		return read_sid;
	case AT_JSON_PACK('e', 'p', 'o', 'c', 'h'):
		return read_epoch;
	case AT_JSON_PACK('r', 'o', 'l', 'e', 's'):
		return read_roles;
	case AT_JSON_PACK('i', 'a', 't', 0, 0):
		return read_iat;
	case AT_JSON_PACK('e', 'x', 'p', 0, 0):
		return read_exp;
	case AT_JSON_PACK('n', 'b', 'f', 0, 0):
		return read_nbf;
	default:
		return NULL;
	}
}

/* The claim whose name was read last. */
static enum authtok_err
read_claim(struct reading *r)
{
	bool (*read)(struct reading *) = reader_of(r->json);
	bool good;

	r->event = at_json_next(r->json);
	if (read == NULL)
		good = at_json_skip(r->json, r->event);
	else
		good = read(r);
	if (good)
		return AUTHTOK_OK;
	/* What is no JSON at all is no claim of a wrong type either. */
	return r->json->why != NULL ? AUTHTOK_EFORMAT : AUTHTOK_ECLAIM;
}

static enum authtok_err
check_times(const struct authtok *engine, const struct at_said *said,
    int64_t not_before)
{
	const int64_t now = authtok_now(engine);

	/* A clock out of its mind must not overflow the sums. */
	if (now < 0)
		return AUTHTOK_EEARLY;
	if (now > AT_JSON_INT_MAX ||
	    now >= said->expires_at + engine->expiry_leeway ||
	    now - said->issued_at >= engine->max_age)
		return AUTHTOK_EEXPIRED;
	if (not_before > now + engine->clock_leeway ||
	    said->issued_at > now + engine->clock_leeway)
		return AUTHTOK_EEARLY;
	return AUTHTOK_OK;
}

enum authtok_err
at_payload_read_strict(
    const struct authtok *engine, struct authtok_claims *claims, size_t len)
{
	struct reading r = {
		.engine = engine,
		.claims = claims,
		.json = &claims->json,
	};
	enum authtok_err err;

	at_json_begin(r.json, claims->text, len, PAYLOAD_DEPTH);
	if (at_json_next(r.json) != AT_JSON_OBJECT)
		return AUTHTOK_EFORMAT;
	while ((r.event = at_json_next(r.json)) == AT_JSON_NAME) {
		err = read_claim(&r);
		if (err != AUTHTOK_OK)
			return err;
	}
	if (r.event != AT_JSON_OBJECT_END ||
	    at_json_next(r.json) != AT_JSON_END)
		return AUTHTOK_EFORMAT;
	if ((r.has & NEEDED) != NEEDED)
		return AUTHTOK_ECLAIM;
	/* Two names of the user must not be of two users. */
	if ((r.has & HAS_ID) != 0 && claims->said.user_id != 0 &&
	    r.id != claims->said.user_id)
		return AUTHTOK_ECLAIM;
	return check_times(engine, &claims->said, r.not_before);
}

enum authtok_err
at_payload_read(
    const struct authtok *engine, struct authtok_claims *claims, size_t len)
{
	if (at_layout_read(engine, claims, len))
		return check_times(engine, &claims->said, 0);
	memset(&claims->said, 0, sizeof(claims->said));
	return at_payload_read_strict(engine, claims, len);
}
