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
decode(const struct part *part, char *out, size_t *ret_len, bool strict)
{
	return (strict ? at_b64url_decode_plain : at_b64url_decode)(
	    part->text, part->len, out, ret_len);
}

/*
 * A token whose header is, byte for byte, one that we write, and whose tag has
 * the length of that key's: its parts and its key. The header has no dot in it;
 * one in another part is refused where that is decoded. NULL: perhaps not.
 */
static const struct at_engine_key *
split_known(const struct authtok *engine, const char *token, size_t len,
    struct part parts[3])
{
	const struct at_engine_key *key = engine->keys;
	size_t i, tag;

	for (i = 0; i < engine->key_count; i++, key++) {
		tag = AT_B64URL_LEN(key->signer.len);
		if (len < key->header_len + tag + 2 ||
		    token[key->header_len] != '.' ||
		    token[len - tag - 1] != '.' ||
		    memcmp(token, key->header, key->header_len) != 0)
			continue;
		parts[0] = (struct part){ token, key->header_len };
		parts[1] = (struct part){ token + key->header_len + 1,
			len - key->header_len - tag - 2 };
		parts[2] = (struct part){ token + len - tag, tag };
		return key;
	}
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
    struct authtok_claims *claims, bool strict)
{
	const struct at_engine_key *key = NULL;
	struct part parts[3];
	size_t payload_len, tag_len, header_len = 0;
	enum authtok_err err = AUTHTOK_OK;
	char *tag, *header;

	if (len > AUTHTOK_TOKEN_MAX)
		return AUTHTOK_EFORMAT;
	if (!strict)
		key = split_known(engine, token, len, parts);
	if (key == NULL && !split(token, len, parts))
		return AUTHTOK_EFORMAT;
	if (!decode(&parts[1], claims->text, &payload_len, strict))
		return AUTHTOK_EFORMAT;
	tag = claims->text + payload_len;
	if (!decode(&parts[2], tag, &tag_len, strict))
		return AUTHTOK_EFORMAT;

	if (key == NULL) {
		header = tag + tag_len;
		if (!decode(&parts[0], header, &header_len, strict))
			return AUTHTOK_EFORMAT;
		err = at_header_read(
		    engine, &claims->json, header, header_len, &key);
	}
	if (err == AUTHTOK_OK)
		err = at_signer_check(&key->signer, claims->scratch, token,
		    len - parts[2].len - 1, tag, tag_len);
	if (err == AUTHTOK_OK)
		err = (strict ? at_payload_read_strict : at_payload_read)(
		    engine, claims, payload_len);
	if (err == AUTHTOK_OK && revoked(engine, claims))
		err = AUTHTOK_EREVOKED;
	if (err != AUTHTOK_OK)
		return err;
	memcpy(claims->key_id, key->kid, sizeof(claims->key_id));
	claims->said.has_key = true;
	return AUTHTOK_OK;
}

enum authtok_err
at_verify(const struct authtok *engine, const char *token, size_t len,
    struct authtok_claims *claims, bool strict)
{
	enum authtok_err err;

	if (claims == NULL)
		return AUTHTOK_EINVAL;
	memset(&claims->said, 0, sizeof(claims->said));
	if (engine == NULL || token == NULL)
		return AUTHTOK_EINVAL;
	err = verify(engine, token, len, claims, strict);
	if (err != AUTHTOK_OK) {
		/* Text lent for the last token must not turn into this one's.
		 */
		memset(&claims->said, 0, sizeof(claims->said));
		memset(claims->text, 0, sizeof(claims->text));
	}
	return err;
}

enum authtok_err
authtok_verify(const struct authtok *engine, const char *token, size_t len,
    struct authtok_claims *claims)
{
	return at_verify(engine, token, len, claims, false);
}
