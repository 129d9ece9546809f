/*
 * Verify a token, in the order that leaves nothing of an unsigned token to be
 * believed: shape, header, key, algorithm, signature, only then claims, and what
 * of it was revoked.
 */
#include <string.h>

#include "token/claims.h"
#include "token/revocation.h"

struct part {
	const char *text;
	size_t len;
};

/* header.payload.signature: exactly two dots (RFC 7515 section 7.1). */
static bool
split(const char *token, size_t len, struct part parts[3])
{
	const char *end = token + len;
	const char *dot;
	int i;

	for (i = 0; i < 2; i++) {
		dot = memchr(token, '.', (size_t)(end - token));
		if (dot == NULL)
			return false;
		parts[i].text = token;
		parts[i].len = (size_t)(dot - token);
		token = dot + 1;
	}
	parts[2].text = token;
	parts[2].len = (size_t)(end - token);
	return memchr(token, '.', parts[2].len) == NULL;
}

static bool
decode(const struct part *part, char *out, size_t *ret_len)
{
	return at_b64url_decode(part->text, part->len, out, ret_len);
}

/* A header that we would have written ourselves is known by its bytes. */
static const struct at_engine_key *
key_by_header(const struct authtok *engine, const struct part *header)
{
	const struct at_engine_key *key = engine->keys;
	size_t i;

	for (i = 0; i < engine->key_count; i++, key++)
		if (header->len == key->header_len &&
		    memcmp(header->text, key->header, header->len) == 0)
			return key;
	return NULL;
}

static bool
revoked(const struct authtok *engine, const struct authtok_claims *claims)
{
	const struct at_said *said = &claims->said;

	return engine->revocations != NULL &&
	    at_revoked(engine->revocations,
		said->has_session ? said->session : NULL, said->user_id,
		said->epoch);
}

static enum authtok_err
verify(const struct authtok *engine, const char *token, size_t len,
    struct authtok_claims *claims)
{
	const struct at_engine_key *key;
	struct part parts[3];
	size_t payload_len, tag_len, header_len = 0;
	enum authtok_err err = AUTHTOK_OK;
	char *tag, *header;

	if (len > AUTHTOK_TOKEN_MAX || !split(token, len, parts))
		return AUTHTOK_EFORMAT;
	if (!decode(&parts[1], claims->text, &payload_len))
		return AUTHTOK_EFORMAT;
	tag = claims->text + payload_len;
	if (!decode(&parts[2], tag, &tag_len))
		return AUTHTOK_EFORMAT;

	key = key_by_header(engine, &parts[0]);
	if (key == NULL) {
		header = tag + tag_len;
		if (!decode(&parts[0], header, &header_len))
			return AUTHTOK_EFORMAT;
		err = at_header_read(
		    engine, &claims->json, header, header_len, &key);
	}
	if (err == AUTHTOK_OK)
		err = at_hmac_check(&key->hmac, claims->scratch, token,
		    len - parts[2].len - 1, tag, tag_len);
	if (err == AUTHTOK_OK)
		err = at_payload_read(engine, claims, payload_len);
	if (err == AUTHTOK_OK && revoked(engine, claims))
		err = AUTHTOK_EREVOKED;
	if (err != AUTHTOK_OK)
		return err;
	memcpy(claims->key_id, key->kid, sizeof(claims->key_id));
	claims->said.has_key = true;
	return AUTHTOK_OK;
}

enum authtok_err
authtok_verify(const struct authtok *engine, const char *token, size_t len,
    struct authtok_claims *claims)
{
	enum authtok_err err;

	if (claims == NULL)
		return AUTHTOK_EINVAL;
	memset(&claims->said, 0, sizeof(claims->said));
	if (engine == NULL || token == NULL)
		return AUTHTOK_EINVAL;
	err = verify(engine, token, len, claims);
	if (err != AUTHTOK_OK) {
		/* Text lent for the last token must not turn into this one's.
		 */
		memset(&claims->said, 0, sizeof(claims->said));
		memset(claims->text, 0, sizeof(claims->text));
	}
	return err;
}
