/*
 * Issue a token. What is the same in all tokens of an engine was written when
 * it was made; the rest is plain ASCII that needs no escape.
 */
#include <string.h>

#include "token/engine.h"
#include "token/json.h"

/* Room for everything behind the engine's prefix; see write_claims. */
#define REST_MAX 1024

static char *
put(char *p, const char *text, size_t len)
{
	memcpy(p, text, len);
	return p + len;
}

#define PUT(p, literal) put(p, literal, sizeof(literal) - 1)

/* A decimal number; value is not negative. */
static char *
put_integer(char *p, int64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return put(p, digits + at, sizeof(digits) - at);
}

static char *
put_session(char *p, const uint8_t *sid)
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < AUTHTOK_SID_LEN; i++) {
		*p++ = hex[sid[i] >> 4];
		*p++ = hex[sid[i] & 15];
	}
	return p;
}

static char *
put_roles(char *p, const struct authtok_grant *grant)
{
	size_t i;

	for (i = 0; i < grant->role_count; i++) {
		if (i > 0)
			*p++ = ',';
		*p++ = '"';
		p = put(p, grant->roles[i], strlen(grant->roles[i]));
		*p++ = '"';
	}
	return p;
}

static char *
write_claims(char *p, const struct authtok *engine,
    const struct authtok_grant *grant, int64_t now)
{
	p = put(p, engine->rest, engine->rest_len);
	if (grant->subject != NULL)
		p = put(p, grant->subject, strlen(grant->subject));
	else
		p = put_integer(p, grant->user_id);
	*p++ = '"';
	if (grant->subject == NULL && !engine->omit_id) {
		p = PUT(p, ",\"id\":");
		p = put_integer(p, grant->user_id);
	}
	if (grant->sid != NULL) {
		p = PUT(p, ",\"sid\":\"");
		p = put_session(p, grant->sid);
		*p++ = '"';
	}
	p = PUT(p, ",\"epoch\":");
	p = put_integer(p, grant->epoch);
	p = PUT(p, ",\"roles\":[");
	p = put_roles(p, grant);
	p = PUT(p, "],\"iat\":");
	p = put_integer(p, now);
	p = PUT(p, ",\"exp\":");
	p = put_integer(p, now + engine->lifetime);
	*p++ = '}';
	return p;
}

/* Bytes that need no escape, and whose base64url has no '-' and no '_'. */
static bool
subject_ok(const char *subject)
{
	size_t i;

	for (i = 0; subject[i] != '\0'; i++)
		if (i >= AT_NAME_MAX || subject[i] < ' ' || subject[i] > '~' ||
		    strchr("\"\\>?~", subject[i]) != NULL)
			return false;
	return i > 0;
}

static bool
roles_ok(const struct authtok_grant *grant)
{
	size_t i, j;

	if (grant->role_count > AUTHTOK_ROLES_MAX ||
	    (grant->role_count > 0 && grant->roles == NULL))
		return false;
	for (i = 0; i < grant->role_count; i++) {
		if (!authtok_role_valid(grant->roles[i]))
			return false;
		for (j = 0; j < i; j++)
			if (strcmp(grant->roles[i], grant->roles[j]) == 0)
				return false;
	}
	return true;
}

static bool
grant_ok(const struct authtok_grant *grant)
{
	if (!at_input_ok(grant, grant->size, sizeof(*grant)))
		return false;
	if (grant->subject != NULL
		? grant->user_id != 0 || !subject_ok(grant->subject)
		: grant->user_id < 1 || grant->user_id > AT_JSON_INT_MAX)
		return false;
	return grant->epoch >= 0 && grant->epoch <= AT_JSON_INT_MAX &&
	    roles_ok(grant);
}

enum authtok_err
authtok_issue(const struct authtok *engine, const struct authtok_grant *grant,
    char *buf, size_t size, size_t *ret_len, int64_t *ret_expires_at)
{
	char payload[REST_MAX];
	const struct at_engine_key *key;
	uint8_t sig[AT_SIGNATURE_MAX];
	size_t payload_len;
	int64_t now;
	char *p;

	if (engine == NULL || grant == NULL || buf == NULL || ret_len == NULL ||
	    !grant_ok(grant))
		return AUTHTOK_EINVAL;
	key = engine->signing;
	if (key == NULL)
		return AUTHTOK_EKEY;
	now = authtok_now(engine);
	if (now < 0 || now > AT_JSON_INT_MAX - engine->lifetime)
		return AUTHTOK_EINVAL;
	p = write_claims(payload, engine, grant, now);
	payload_len = (size_t)(p - payload);

	if (size < key->header_len + engine->prefix_len +
		AT_B64URL_LEN(payload_len) + AT_B64URL_LEN(key->signer.len) +
		sizeof(".."))
		return AUTHTOK_ENOSPC;
	p = put(buf, key->header, key->header_len);
	*p++ = '.';
	p = put(p, engine->prefix, engine->prefix_len);
	p += at_b64url_encode(payload, payload_len, p);
	if (!at_signer_sign(&key->signer, buf, (size_t)(p - buf), sig)) {
		buf[0] = '\0';
		return AUTHTOK_ECRYPTO;
	}
	*p++ = '.';
	p += at_b64url_encode(sig, key->signer.len, p);
	*p = '\0';
	*ret_len = (size_t)(p - buf);
	if (ret_expires_at != NULL)
		*ret_expires_at = now + engine->lifetime;
	return AUTHTOK_OK;
}
