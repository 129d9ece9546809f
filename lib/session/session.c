/*
 * The session service: load the row, decide, compare-and-swap, decide again
 * when that lost. Known here: the engine, the refresh keys and the store's
 * vtable; the rule itself is in rotation.c, the token's form in refresh.c.
 *
 * Nothing that can fail comes after the write that spends a token: both tokens
 * of the answer are made before it.
 */
#include <authtok/session.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "session/refresh.h"
#include "session/rotation.h"
#include "token/input.h"
#include "token/utf8.h"

#define TRIES      8 /* lost compare-and-swaps before EBUSY */
#define LEEWAY_MAX 300

struct authtok_sessions {
	const struct authtok *engine;
	struct authtok_store *store;
	struct at_refresh *refresh;
	struct at_rotation_policy policy;
	int64_t absolute;
	unsigned max_per_user;
};

static bool
config_valid(const struct authtok_sessions_config *c)
{
	return c != NULL && at_input_ok(c, c->size, sizeof(*c)) &&
	    c->idle_lifetime >= 1 && c->absolute_lifetime >= 1 &&
	    c->leeway >= 0 && c->leeway <= LEEWAY_MAX &&
	    (c->rotation == AUTHTOK_BALANCED || c->rotation == AUTHTOK_STRICT);
}

enum authtok_err
authtok_sessions_new(const struct authtok_sessions_config *config,
    const struct authtok *engine, const struct authtok_keys *keys,
    struct authtok_store *store, struct authtok_sessions **ret_sessions)
{
	struct authtok_sessions *s;
	enum authtok_err err;

	if (!config_valid(config) || engine == NULL || keys == NULL ||
	    store == NULL || ret_sessions == NULL ||
	    store->ops->version != AUTHTOK_STORE_VERSION)
		return AUTHTOK_EINVAL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return AUTHTOK_ENOMEM;
	err = at_refresh_new(keys, &s->refresh);
	if (err != AUTHTOK_OK) {
		free(s);
		return err;
	}
	s->engine = engine;
	s->store = store;
	s->policy.idle = config->idle_lifetime;
	s->policy.leeway = config->leeway;
	s->policy.strict = config->rotation == AUTHTOK_STRICT;
	s->absolute = config->absolute_lifetime;
	s->max_per_user = config->max_per_user;
	*ret_sessions = s;
	return AUTHTOK_OK;
}

void
authtok_sessions_free(struct authtok_sessions *sessions)
{
	if (sessions == NULL)
		return;
	at_refresh_free(sessions->refresh);
	free(sessions);
}

const struct authtok *
authtok_sessions_engine(const struct authtok_sessions *sessions)
{
	return sessions != NULL ? sessions->engine : NULL;
}

/* The bytes of the character at text, 0 if it may not be kept. */
static size_t
character(const char *text, size_t left)
{
	unsigned char c = (unsigned char)text[0];
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (len > left || !at_utf8_valid(text, len))
		return 0;
	if (c < 0x20 || c == 0x7f)
		return 0;
	/* C1 controls, U+0080 to U+009F */
	if (c == 0xc2 && (unsigned char)text[1] < 0xa0)
		return 0;
	return len;
}

/*
 * Copy a text that a client made up: cut to max bytes between characters;
 * controls, and bytes that are no UTF-8, become '?'.
 */
static void
copy_text(char *out, size_t max, const char *text)
{
	/* enough to see whether the last character that fits is whole */
	size_t left = strnlen(text, max + 4), n = 0;

	while (left > 0) {
		size_t len = character(text, left);
		size_t used = len > 0 ? len : 1;

		if (n + used > max)
			break;
		if (len > 0)
			memcpy(out + n, text, len);
		else
			out[n] = '?';
		n += used;
		text += used;
		left -= used;
	}
	out[n] = '\0';
}

static void
set_client(struct authtok_session *row, const struct authtok_client *client)
{
	if (client == NULL)
		return;
	if (client->address != NULL)
		copy_text(row->address, AUTHTOK_ADDRESS_MAX, client->address);
	if (client->agent != NULL)
		copy_text(row->agent, AUTHTOK_AGENT_MAX, client->agent);
}

static bool
client_valid(const struct authtok_client *client)
{
	return client == NULL ||
	    at_input_ok(client, client->size, sizeof(*client));
}

static struct authtok_act
when_of(const struct authtok_sessions *s, int64_t now)
{
	struct authtok_act when;

	/* a clock that was never set must not keep a session from its end */
	when.now = now > 0 ? now : 1;
	when.until = at_time_add(when.now, authtok_horizon(s->engine));
	return when;
}

typedef char role_name[AUTHTOK_ROLE_MAX + 1];

/* Both tokens for a row as it will be. */
static enum authtok_err
make_tokens(const struct authtok_sessions *s, const struct authtok_session *row,
    int64_t epoch, const role_name *roles, size_t role_count,
    struct authtok_tokens *ret_tokens)
{
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	const char *names[AUTHTOK_ROLES_MAX];
	enum authtok_err err;

	if (role_count > AUTHTOK_ROLES_MAX)
		return AUTHTOK_EINVAL;
	for (size_t i = 0; i < role_count; i++)
		names[i] = roles[i];
	grant.user_id = row->user_id;
	grant.sid = row->sid;
	grant.epoch = epoch;
	grant.role_count = role_count;
	grant.roles = names;
	err = at_refresh_make(s->refresh, row, ret_tokens->refresh);
	if (err != AUTHTOK_OK)
		return err;
	ret_tokens->user_id = row->user_id;
	memcpy(ret_tokens->sid, row->sid, sizeof(row->sid));
	ret_tokens->refresh_expires_at = at_rotation_expiry(&s->policy, row);
	return authtok_issue(s->engine, &grant, ret_tokens->access,
	    sizeof(ret_tokens->access), &ret_tokens->access_len,
	    &ret_tokens->access_expires_at);
}

/* Hand the tokens out, leaving the size that the caller filled in. */
static void
give_tokens(struct authtok_tokens *to, const struct authtok_tokens *from)
{
	size_t size = to->size;

	*to = *from;
	to->size = size;
}

/* Nothing of a token that was not handed out stays on the stack. */
static void
wipe_tokens(struct authtok_tokens *tokens)
{
	OPENSSL_cleanse(tokens, sizeof(*tokens));
}

static enum authtok_err
new_row(const struct authtok_sessions *s, const struct authtok_user *user,
    const struct authtok_client *client, int64_t now,
    struct authtok_session *ret_row)
{
	enum authtok_err err;

	memset(ret_row, 0, sizeof(*ret_row));
	err = at_refresh_random(ret_row->sid, sizeof(ret_row->sid));
	if (err == AUTHTOK_OK)
		err = at_refresh_random(ret_row->seed, sizeof(ret_row->seed));
	if (err != AUTHTOK_OK)
		return err;
	ret_row->user_id = user->id;
	ret_row->created_at = now;
	ret_row->rotated_at = now;
	ret_row->expires_at = at_time_add(now, s->absolute);
	set_client(ret_row, client);
	return AUTHTOK_OK;
}

enum authtok_err
authtok_session_open(const struct authtok_sessions *sessions,
    const struct authtok_user *user, const struct authtok_client *client,
    struct authtok_tokens *ret_tokens)
{
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	const struct authtok_store *store;
	struct authtok_session row;
	struct authtok_act when;
	enum authtok_err err;

	if (sessions == NULL || user == NULL || !client_valid(client) ||
	    ret_tokens == NULL || ret_tokens->size < sizeof(*ret_tokens))
		return AUTHTOK_EINVAL;
	store = sessions->store;
	when = when_of(sessions, authtok_now(sessions->engine));
	err = new_row(sessions, user, client, when.now, &row);
	if (err != AUTHTOK_OK)
		goto out;
	err = make_tokens(sessions, &row, user->epoch, user->roles,
	    user->role_count, &tokens);
	if (err != AUTHTOK_OK)
		goto out;
	err = store->ops->session_create(
	    store->ctx, &row, user->version, sessions->max_per_user, &when);
	if (err == AUTHTOK_OK)
		give_tokens(ret_tokens, &tokens);
out:
	wipe_tokens(&tokens);
	OPENSSL_cleanse(&row, sizeof(row));
	return err;
}

static bool
retry_key_valid(const char *key)
{
	size_t len;

	if (key == NULL)
		return true;
	len = strnlen(key, AUTHTOK_RETRYKEY_MAX + 1);
	if (len == 0 || len > AUTHTOK_RETRYKEY_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (key[i] < 0x21 || key[i] > 0x7e)
			return false;
	return true;
}

/* One presentation of a refresh token. */
struct refresh {
	struct at_refresh_token token;
	const char *retry_key;
	const struct authtok_client *client;
	struct authtok_session row, next;
	struct authtok_owner owner;
	struct authtok_tokens tokens;
	enum at_verdict verdict;
};

/* Read the row, check S, and decide. */
static enum authtok_err
decide(const struct authtok_sessions *s, struct refresh *r, int64_t now)
{
	const struct authtok_store *store = s->store;
	struct at_rotation_try try = { 0 };
	uint8_t mac[AUTHTOK_RETRY_LEN];
	enum authtok_err err;

	err = store->ops->session_find(
	    store->ctx, r->token.sid, &r->row, &r->owner);
	if (err != AUTHTOK_OK)
		return err;
	err = at_refresh_check(s->refresh, &r->token, r->row.seed);
	if (err != AUTHTOK_OK)
		return err;
	if (r->retry_key != NULL) {
		err = at_refresh_retry(s->refresh, r->row.seed, r->retry_key,
		    strlen(r->retry_key), mac);
		if (err != AUTHTOK_OK)
			return err;
		try.retry_mac = mac;
	}
	try.gen = r->token.gen;
	try.branch = r->token.branch;
	try.now = now;
	try.disabled = r->owner.disabled;
	r->verdict = at_rotation_decide(&s->policy, &r->row, &try, &r->next);
	return AUTHTOK_OK;
}

/* A verdict that earns tokens; ECHANGED when another caller was faster. */
static enum authtok_err
accept(const struct authtok_sessions *s, struct refresh *r)
{
	const struct authtok_store *store = s->store;
	const struct authtok_owner *owner = &r->owner;
	enum authtok_err err;

	err = make_tokens(s, &r->next, owner->epoch, owner->roles,
	    owner->role_count, &r->tokens);
	if (err == AUTHTOK_EINVAL) /* of what the store said, not the caller */
		return AUTHTOK_ESTORE;
	if (err != AUTHTOK_OK || r->verdict == AT_REPEAT)
		return err;
	set_client(&r->next, r->client);
	/* R5 repairs a rotation that is lost with power: no need to wait */
	return store->ops->session_update(
	    store->ctx, &r->next, r->row.gen, r->row.branch, false, NULL);
}

/* Carry the verdict out; ECHANGED when it has to be made again. */
static enum authtok_err
carry_out(const struct authtok_sessions *s, struct refresh *r, int64_t now)
{
	const struct authtok_store *store = s->store;
	struct authtok_act when;
	enum authtok_err err;

	switch (r->verdict) {
	case AT_ROTATE:
	case AT_REPEAT:
	case AT_REPLACE:
	case AT_FORWARD:
		return accept(s, r);
	case AT_STALE:
		return AUTHTOK_ESTALE;
	case AT_REUSE:
		/* durable, or the reuse was not answered */
		when = when_of(s, now);
		err = store->ops->session_revoke(store->ctx, r->row.sid, &when);
		return err == AUTHTOK_OK ? AUTHTOK_EREUSED : err;
	case AT_EXPIRED:
		err = store->ops->session_delete(
		    store->ctx, r->row.sid, r->row.gen, r->row.branch);
		return err == AUTHTOK_OK ? AUTHTOK_EEXPIRED : err;
	case AT_REVOKED:
		return AUTHTOK_EREVOKED;
	case AT_DISABLED:
		break;
	}
	return AUTHTOK_EUNKNOWN;
}

/* The numbers of AUTHTOK_ROTATED and so on are those of the rules. */
_Static_assert((int)AUTHTOK_ROTATED == (int)AT_ROTATE &&
	(int)AUTHTOK_REPEATED == (int)AT_REPEAT &&
	(int)AUTHTOK_REPLACED == (int)AT_REPLACE &&
	(int)AUTHTOK_FORWARDED == (int)AT_FORWARD,
    "outcomes are rules");

enum authtok_err
authtok_session_refresh(const struct authtok_sessions *sessions,
    const char *token, size_t len, const char *retry_key,
    const struct authtok_client *client, enum authtok_outcome *ret_outcome,
    struct authtok_tokens *ret_tokens)
{
	struct refresh r = { .retry_key = retry_key, .client = client };
	enum authtok_err err;
	int64_t now;

	if (sessions == NULL || token == NULL || !retry_key_valid(retry_key) ||
	    !client_valid(client) || ret_outcome == NULL ||
	    ret_tokens == NULL || ret_tokens->size < sizeof(*ret_tokens))
		return AUTHTOK_EINVAL;
	err = at_refresh_parse(sessions->refresh, token, len, &r.token);
	if (err != AUTHTOK_OK)
		return err;
	now = authtok_now(sessions->engine);
	for (int i = 0; i < TRIES; i++) {
		err = decide(sessions, &r, now);
		if (err == AUTHTOK_OK)
			err = carry_out(sessions, &r, now);
		if (err != AUTHTOK_ECHANGED)
			break;
	}
	if (err == AUTHTOK_ECHANGED)
		err = AUTHTOK_EBUSY;
	if (err == AUTHTOK_OK) {
		*ret_outcome = (enum authtok_outcome)r.verdict;
		give_tokens(ret_tokens, &r.tokens);
	}
	OPENSSL_cleanse(&r, sizeof(r));
	return err;
}

enum authtok_err
authtok_sessions_purge(
    const struct authtok_sessions *sessions, size_t limit, size_t *ret_count)
{
	const struct authtok_store *store;
	size_t count = 0;
	enum authtok_err err;
	int64_t now;

	if (sessions == NULL)
		return AUTHTOK_EINVAL;
	store = sessions->store;
	now = authtok_now(sessions->engine);
	err = store->ops->purge(store->ctx, now,
	    at_time_sub(now, sessions->policy.idle), limit, &count);
	if (err == AUTHTOK_OK && ret_count != NULL)
		*ret_count = count;
	return err;
}
