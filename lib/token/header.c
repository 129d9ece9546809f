/*
 * The header of a token that is not one of our own constant ones. The key is
 * found by kid alone and brings its algorithm along; a header can neither
 * carry a key nor change what is signed (RFC 8725 sections 3.1 and 3.10).
 */
#include <string.h>

#include "token/alg.h"
#include "token/claims.h"
#include "token/escape.h"

#define HEADER_DEPTH 4 /* members that are not known may be nested */

struct header {
	bool has_alg;
	enum authtok_alg alg; /* 0: one that no key of ours can have */
	bool has_typ;
	bool has_kid;
	const struct at_engine_key *key;
};

/* Members that would have us fetch, trust, unpack or obey something. */
static bool
refused(const struct at_json *json)
{
	static const char *const names[] = { "crit", "jwk", "jku", "zip",
		"b64" };
	struct at_reader r = at_reader_of(json->start, json->len);
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (at_json_is(json, names[i]))
			return true;
	/* NOLINTNEXTLINE(misc-redundant-expression): each reads another one */
	return at_reader_next(&r) == 'x' && at_reader_next(&r) == '5';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* What follows prefix in text, by ASCII without regard to case, or NULL. */
static const char *
behind(const char *text, const char *prefix)
{
	for (; *prefix != '\0'; prefix++, text++)
		if (lower(*text) != lower(*prefix))
			return NULL;
	return text;
}

/* A media type, its "application/" left out or not (RFC 7515 4.1.9). */
static const char *
short_type(const char *typ)
{
	const char *rest = behind(typ, "application/");

	return rest != NULL && strchr(rest, '/') == NULL ? rest : typ;
}

static bool
same_type(const char *a, const char *b)
{
	const char *rest = behind(short_type(a), short_type(b));

	return rest != NULL && *rest == '\0';
}

static const struct at_engine_key *
key_by_kid(const struct authtok *engine, const struct at_json *json)
{
	size_t i;

	for (i = 0; i < engine->key_count; i++)
		if (at_json_is(json, engine->keys[i].kid))
			return &engine->keys[i];
	return NULL;
}

/* The member whose name was read last. */
static enum authtok_err
read_member(const struct authtok *engine, struct at_json *json, char *text,
    struct header *header)
{
	bool alg = at_json_is(json, "alg");
	bool typ = at_json_is(json, "typ");
	bool kid = at_json_is(json, "kid");
	enum at_json_event event;

	if (refused(json))
		return AUTHTOK_EFORMAT;
	event = at_json_next(json);
	if (!alg && !typ && !kid)
		return at_json_skip(json, event) ? AUTHTOK_OK : AUTHTOK_EFORMAT;
	if (event != AT_JSON_STRING)
		return AUTHTOK_EFORMAT;
	if (alg) {
		header->has_alg = true;
		header->alg = at_alg_of(json);
	} else if (kid) {
		header->has_kid = true;
		header->key = key_by_kid(engine, json);
	} else {
		text += json->start - text;
		at_json_copy(json, text);
		header->has_typ = same_type(text, engine->typ);
	}
	return AUTHTOK_OK;
}

enum authtok_err
at_header_read(const struct authtok *engine, struct at_json *json, char *text,
    size_t len, const struct at_engine_key **ret_key)
{
	struct header header = { 0 };
	enum at_json_event event;
	enum authtok_err err;

	at_json_begin(json, text, len, HEADER_DEPTH);
	if (at_json_next(json) != AT_JSON_OBJECT)
		return AUTHTOK_EFORMAT;
	while ((event = at_json_next(json)) == AT_JSON_NAME) {
		err = read_member(engine, json, text, &header);
		if (err != AUTHTOK_OK)
			return err;
	}
	if (event != AT_JSON_OBJECT_END || at_json_next(json) != AT_JSON_END)
		return AUTHTOK_EFORMAT;
	if (!header.has_alg || !header.has_typ)
		return AUTHTOK_EFORMAT;

	/* With allow_missing_kid the engine has one key. */
	if (!header.has_kid && engine->allow_missing_kid)
		header.key = &engine->keys[0];
	if (header.key == NULL)
		return AUTHTOK_EKEY;
	if (header.alg != header.key->alg)
		return AUTHTOK_EALG;
	*ret_key = header.key;
	return AUTHTOK_OK;
}
