/*
 * The engine: settings checked once, keys prepared once, immutable from then
 * on, so that threads share it without a lock.
 */
#include "token/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "token/alg.h"
#include "token/keys.h"
#include "token/revocation.h"

#define LIFETIME_MAX 86400 /* seconds */
#define LEEWAY_MAX   300
#define SLACK        5 /* for what is under way while a token is revoked */

_Static_assert(AUTHTOK_HORIZON_MAX == LIFETIME_MAX + 3 * LEEWAY_MAX + SLACK,
    "no engine's horizon is longer");

/* 1 to max printable ASCII bytes, none of them in without. */
static bool
printable(const char *text, size_t max, const char *without)
{
	size_t i;

	if (text == NULL)
		return false;
	for (i = 0; text[i] != '\0'; i++)
		if (i >= max || text[i] < ' ' || text[i] > '~' ||
		    strchr(without, text[i]) != NULL)
			return false;
	return i > 0;
}

static bool
config_ok(const struct authtok_config *config, const struct authtok_keys *keys)
{
	if (!at_input_ok(config, config->size, sizeof(*config)))
		return false;
	if (!printable(config->issuer, AT_NAME_MAX, ">?~") ||
	    !printable(config->audience, AT_NAME_MAX, ">?~"))
		return false;
	if (config->typ != NULL && !printable(config->typ, AT_TYP_MAX, "\"\\"))
		return false;
	if (config->lifetime < 1 || config->lifetime > LIFETIME_MAX ||
	    config->expiry_leeway < 0 || config->expiry_leeway > LEEWAY_MAX ||
	    config->clock_leeway < 0 || config->clock_leeway > LEEWAY_MAX)
		return false;
	/* Without kid there must be no choice (RFC 7515 section 4.1.4). */
	return !config->allow_missing_kid || at_keys_count(keys) == 1;
}

static size_t
signing_count(const struct authtok_keys *keys)
{
	size_t i, n = 0;

	for (i = 0; i < at_keys_count(keys); i++)
		n += at_keys_get(keys, i)->signing;
	return n;
}

static int64_t
system_now(void *arg)
{
	(void)arg;
	return (int64_t)time(NULL);
}

static char *
put_text(char *p, const char *text)
{
	size_t len = strlen(text);

	memcpy(p, text, len);
	return p + len;
}

/* Printable ASCII needs no other escape than these two. */
static char *
put_escaped(char *p, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			*p++ = '\\';
		*p++ = *text;
	}
	return p;
}

static void
settle(struct authtok *engine, const struct authtok_config *config)
{
	char prefix[AT_PREFIX_MAX];
	char *p = prefix;
	size_t len;

	put_text(engine->issuer, config->issuer);
	put_text(engine->audience, config->audience);
	put_text(engine->typ, config->typ != NULL ? config->typ : "at+jwt");
	engine->lifetime = config->lifetime;
	engine->expiry_leeway = config->expiry_leeway;
	engine->clock_leeway = config->clock_leeway;
	engine->allow_missing_kid = config->allow_missing_kid;
	engine->omit_id = config->omit_id;
	engine->now = config->now != NULL ? config->now : system_now;
	engine->now_arg = config->now_arg;
	engine->revocations = config->revocations;
	engine->max_age = engine->revocations != NULL
	    ? engine->lifetime + engine->expiry_leeway
	    : INT64_MAX;

	engine->issuer_len = strlen(config->issuer);
	p = put_text(p, "{\"iss\":\"");
	p = put_escaped(p, config->issuer);
	p = put_text(p, "\",\"aud\":\"");
	p = put_escaped(p, config->audience);
	p = put_text(p, "\",\"sub\":\"");
	len = (size_t)(p - prefix);
	if (memchr(prefix, '\\', len) == NULL) {
		memcpy(engine->layout, prefix, len);
		engine->layout_len = len;
	}
	engine->rest_len = len % 3;
	memcpy(engine->rest, p - len % 3, len % 3);
	engine->prefix_len =
	    at_b64url_encode(prefix, len - len % 3, engine->prefix);
}

static enum authtok_err
add_key(struct authtok *engine, const struct at_key *from)
{
	struct at_engine_key *key = &engine->keys[engine->key_count];
	char header[AT_HEADER_MAX];
	enum authtok_err err;
	int n;

	err = at_signer_init(&key->signer, from);
	if (err != AUTHTOK_OK)
		return err;
	memcpy(key->kid, from->kid, sizeof(key->kid));
	key->alg = from->alg;
	n = snprintf(header, sizeof(header),
	    "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}",
	    at_alg_name(key->alg), engine->typ, key->kid);
	key->header_len = at_b64url_encode(header, (size_t)n, key->header);
	if (from->signing)
		engine->signing = key;
	engine->key_count++;
	return AUTHTOK_OK;
}

enum authtok_err
authtok_new(const struct authtok_config *config,
    const struct authtok_keys *keys, struct authtok **ret_engine)
{
	struct authtok *engine;
	enum authtok_err err;
	size_t i, count;

	if (config == NULL || keys == NULL || ret_engine == NULL ||
	    !config_ok(config, keys))
		return AUTHTOK_EINVAL;
	if (at_keys_count(keys) == 0 || signing_count(keys) > 1)
		return AUTHTOK_EKEY;

	count = at_keys_count(keys);
	engine = calloc(1, sizeof(*engine) + count * sizeof(engine->keys[0]));
	if (engine == NULL)
		return AUTHTOK_ENOMEM;
	settle(engine, config);
	for (i = 0; i < count; i++) {
		err = add_key(engine, at_keys_get(keys, i));
		if (err != AUTHTOK_OK) {
			authtok_free(engine);
			return err;
		}
	}
	if (engine->revocations != NULL)
		at_revocations_bound(
		    engine->revocations, authtok_horizon(engine));
	*ret_engine = engine;
	return AUTHTOK_OK;
}

void
authtok_free(struct authtok *engine)
{
	size_t i;

	if (engine == NULL)
		return;
	for (i = 0; i < engine->key_count; i++)
		at_signer_clear(&engine->keys[i].signer);
	free(engine);
}

bool
authtok_can_issue(const struct authtok *engine)
{
	return engine != NULL && engine->signing != NULL;
}

int64_t
authtok_now(const struct authtok *engine)
{
	return engine != NULL ? engine->now(engine->now_arg) : 0;
}

int64_t
authtok_horizon(const struct authtok *engine)
{
	return engine != NULL ? engine->lifetime + engine->expiry_leeway +
		2 * engine->clock_leeway + SLACK
			      : 0;
}

struct authtok_revocations *
at_engine_revocations(const struct authtok *engine)
{
	return engine->revocations;
}
