/*
 * The session service: load the row, decide, write, as one step of the store or
 * with a compare-and-swap, deciding again when that lost. Known here: the engine,
 * the refresh keys and the store's vtable; the rule itself is in rotation.c, the
 * token's form in refresh.c.
 *
 * Nothing that can fail comes after the write that spends a token: both tokens
 * of the answer are made before it.
 */
#include "session/service.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "token/input.h"

#define LEEWAY_MAX 300

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
	if (!authtok_can_issue(engine))
		return AUTHTOK_EKEY;
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
	s->audit = config->audit;
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

static void
set_client(struct authtok_session *row, const struct authtok_client *client)
{
	if (client == NULL)
		return;
	if (client->address != NULL)
		at_copy_text(
		    row->address, AUTHTOK_ADDRESS_MAX, client->address);
	if (client->agent != NULL)
		at_copy_text(row->agent, AUTHTOK_AGENT_MAX, client->agent);
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
	struct authtok_audit_record limit;
	struct authtok_session row;
	struct at_act act;
	enum authtok_err err;

	if (sessions == NULL || user == NULL || !at_client_valid(client) ||
	    ret_tokens == NULL || ret_tokens->size < sizeof(*ret_tokens))
		return AUTHTOK_EINVAL;
	store = sessions->store;
	at_act_init(authtok_now(sessions->engine), &act);
	err = new_row(sessions, user, client, act.act.now, &row);
	if (err != AUTHTOK_OK)
		goto out;
	err = make_tokens(sessions, &row, user->epoch, user->roles,
	    user->role_count, &tokens);
	if (err != AUTHTOK_OK)
		goto out;
	at_act_note(sessions, AUTHTOK_EVENT_SIGNIN, user->id, row.sid, client,
	    NULL, &act);
	at_act_limit(sessions, user->id, client, &limit, &act);
	err = store->ops->session_create(
	    store->ctx, &row, user->version, sessions->max_per_user, &act.act);
	if (err != AUTHTOK_OK)
		goto out;
	/* the oldest may have been ended; if the store does not say which, the
	 * next pull does: no reason to lose this one */
	if (sessions->max_per_user > 0)
		at_ended_some(sessions);
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

bool
at_accepted(enum at_verdict verdict)
{
	return verdict == AT_ROTATE || verdict == AT_REPEAT ||
	    verdict == AT_REPLACE || verdict == AT_FORWARD;
}

enum authtok_err
at_presented_judge(
    const struct authtok_sessions *s, int64_t now, struct at_presented *p)
{
	struct at_rotation_try try = { 0 };
	uint8_t mac[AUTHTOK_RETRY_LEN];
	enum authtok_err err;

	err = at_refresh_check(s->refresh, &p->token, p->row.seed);
	if (err != AUTHTOK_OK)
		return err;
	if (p->retry_key != NULL) {
		err = at_refresh_retry(s->refresh, p->row.seed, p->retry_key,
		    strlen(p->retry_key), mac);
		if (err != AUTHTOK_OK)
			return err;
		try.retry_mac = mac;
	}
	try.gen = p->token.gen;
	try.branch = p->token.branch;
	try.now = now;
	try.disabled = p->owner.disabled;
	p->verdict = at_rotation_decide(&s->policy, &p->row, &try, &p->next);
	return AUTHTOK_OK;
}

/* One presentation of a refresh token. */
struct refresh {
	const struct authtok_sessions *sessions;
	struct at_presented p;
	const struct authtok_client *client;
	int64_t now;
	struct at_act act;
	struct authtok_tokens tokens;
};

/* A verdict that earns tokens; they are made before anything is written. */
static enum authtok_err
accept(struct refresh *r, struct authtok_change *change)
{
	const struct authtok_sessions *s = r->sessions;
	const struct authtok_owner *owner = &r->p.owner;
	enum authtok_err err;

	err = make_tokens(s, &r->p.next, owner->epoch, owner->roles,
	    owner->role_count, &r->tokens);
	if (err == AUTHTOK_EINVAL) /* of what the store said, not the caller */
		return AUTHTOK_ESTORE;
	if (err != AUTHTOK_OK || r->p.verdict == AT_REPEAT)
		return err;
	set_client(&r->p.next, r->client);
	if (r->p.verdict == AT_FORWARD) {
		at_act_note(s, AUTHTOK_EVENT_FORWARD, r->p.row.user_id,
		    r->p.row.sid, r->client, NULL, &r->act);
		change->act = &r->act.act;
	}
	/* R5 repairs a rotation that is lost with power: no need to wait */
	change->next = &r->p.next;
	return AUTHTOK_OK;
}

static enum authtok_err
decide(void *arg, struct authtok_change *change)
{
	struct refresh *r = arg;
	enum authtok_err err;

	err = at_presented_judge(r->sessions, r->now, &r->p);
	if (err == AUTHTOK_OK && at_accepted(r->p.verdict))
		err = accept(r, change);
	return err;
}

/* ECHANGED when another caller was faster, in a store that cannot exclude it. */
static enum authtok_err
find_and_change(struct refresh *r)
{
	const struct authtok_store *store = r->sessions->store;
	struct authtok_change change = { 0 };
	struct at_presented *p = &r->p;
	enum authtok_err err;

	if (store->ops->session_change != NULL)
		return store->ops->session_change(
		    store->ctx, p->token.sid, &p->row, &p->owner, decide, r);
	err = store->ops->session_find(
	    store->ctx, p->token.sid, &p->row, &p->owner);
	if (err == AUTHTOK_OK)
		err = decide(r, &change);
	if (err != AUTHTOK_OK || change.next == NULL)
		return err;
	return store->ops->session_update(store->ctx, change.next, p->row.gen,
	    p->row.branch, change.durable, change.act);
}

/* R6: durable, or the reuse was not answered. */
static enum authtok_err
end_reused(const struct authtok_sessions *s, struct refresh *r)
{
	const struct authtok_store *store = s->store;
	enum authtok_err err;

	at_act_note(s, AUTHTOK_EVENT_REUSE, r->p.row.user_id, r->p.row.sid,
	    r->client, NULL, &r->act);
	err = store->ops->session_revoke(store->ctx, r->p.row.sid, &r->act.act);
	if (err != AUTHTOK_OK)
		return err;
	/* without memory for that the next pull tells the set */
	at_ended_session(s, r->p.row.sid, &r->act);
	return AUTHTOK_EREUSED;
}

/* What else a verdict asks for; ECHANGED when it has to be made again. */
static enum authtok_err
carry_out(const struct authtok_sessions *s, struct refresh *r)
{
	const struct authtok_session *row = &r->p.row;
	const struct authtok_store *store = s->store;
	enum authtok_err err;

	switch (r->p.verdict) {
	case AT_ROTATE:
	case AT_REPEAT:
	case AT_REPLACE:
	case AT_FORWARD:
		return AUTHTOK_OK;
	case AT_STALE:
		return AUTHTOK_ESTALE;
	case AT_REUSE:
		return end_reused(s, r);
	case AT_EXPIRED:
		err = store->ops->session_delete(
		    store->ctx, row->sid, row->gen, row->branch);
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
	struct refresh r = {
		.sessions = sessions,
		.p.retry_key = retry_key,
		.client = client,
	};
	enum authtok_err err;

	if (sessions == NULL || token == NULL || !retry_key_valid(retry_key) ||
	    !at_client_valid(client) || ret_outcome == NULL ||
	    ret_tokens == NULL || ret_tokens->size < sizeof(*ret_tokens))
		return AUTHTOK_EINVAL;
	err = at_refresh_parse(sessions->refresh, token, len, &r.p.token);
	if (err != AUTHTOK_OK)
		return err;
	r.now = authtok_now(sessions->engine);
	at_act_init(r.now, &r.act);
	for (int i = 0; i < AT_TRIES; i++) {
		err = find_and_change(&r);
		if (err == AUTHTOK_OK)
			err = carry_out(sessions, &r);
		if (err != AUTHTOK_ECHANGED)
			break;
	}
	if (err == AUTHTOK_ECHANGED)
		err = AUTHTOK_EBUSY;
	if (err == AUTHTOK_OK) {
		*ret_outcome = (enum authtok_outcome)r.p.verdict;
		give_tokens(ret_tokens, &r.tokens);
	}
	OPENSSL_cleanse(&r, sizeof(r));
	return err;
}

enum authtok_err
authtok_sessions_purge(const struct authtok_sessions *sessions, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	const struct authtok_store *store;
	size_t count = 0;
	bool more = false;
	enum authtok_err err;
	int64_t now;

	if (sessions == NULL)
		return AUTHTOK_EINVAL;
	store = sessions->store;
	now = authtok_now(sessions->engine);
	err = store->ops->purge(store->ctx, now,
	    at_time_sub(now, sessions->policy.idle), limit, &count, &more);
	if (err == AUTHTOK_OK && ret_count != NULL)
		*ret_count = count;
	if (err == AUTHTOK_OK && ret_more != NULL)
		*ret_more = more;
	return err;
}
