/*
 * The world of session_world.h. Knows public headers only.
 */
#include "session_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static int64_t
world_now(void *arg)
{
	struct world *w = arg;

	return w->now;
}

/* Whether this call of op fails. */
static bool
fails(struct world *w, enum world_op op)
{
	int call = atomic_fetch_add(&w->calls[op], 1) + 1;

	if (w->nth == 0 || w->op != op)
		return false;
	return w->persist ? call >= w->nth : call == w->nth;
}

static enum authtok_err
faulty_create(void *ctx, const struct authtok_session *session,
    int64_t user_version, unsigned max_live, const struct authtok_act *when)
{
	struct world *w = ctx;
	bool bad = fails(w, WORLD_CREATE);
	enum authtok_err err;

	w->last_when = *when;
	w->last_max_live = max_live;
	if (bad && w->how == WORLD_BEFORE)
		return w->err;
	err = w->memory->ops->session_create(
	    w->memory->ctx, session, user_version, max_live, when);
	return bad ? w->err : err;
}

static enum authtok_err
faulty_find(void *ctx, const uint8_t *sid, struct authtok_session *ret_session,
    struct authtok_owner *ret_owner)
{
	struct world *w = ctx;

	if (fails(w, WORLD_FIND))
		return w->err;
	return w->memory->ops->session_find(
	    w->memory->ctx, sid, ret_session, ret_owner);
}

static enum authtok_err
faulty_update(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct world *w = ctx;
	bool bad = fails(w, WORLD_UPDATE);
	enum authtok_err err;

	if (durable)
		atomic_fetch_add(&w->durable_updates, 1);
	if (bad && w->how == WORLD_BEFORE)
		return w->err;
	if (w->races_to_lose > 0) {
		w->races_to_lose--;
		return AUTHTOK_ECHANGED;
	}
	if (w->power_lost && !durable)
		return AUTHTOK_OK;
	err = w->memory->ops->session_update(
	    w->memory->ctx, next, gen, branch, durable, act);
	return bad ? w->err : err;
}

static enum authtok_err
faulty_revoke(void *ctx, const uint8_t *sid, const struct authtok_act *when)
{
	struct world *w = ctx;
	bool bad = fails(w, WORLD_REVOKE);
	enum authtok_err err;

	w->last_when = *when;
	if (bad && w->how == WORLD_BEFORE)
		return w->err;
	err = w->memory->ops->session_revoke(w->memory->ctx, sid, when);
	return bad ? w->err : err;
}

static enum authtok_err
faulty_delete(void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch)
{
	struct world *w = ctx;
	bool bad = fails(w, WORLD_DELETE);
	enum authtok_err err;

	if (bad && w->how == WORLD_BEFORE)
		return w->err;
	err = w->memory->ops->session_delete(w->memory->ctx, sid, gen, branch);
	return bad ? w->err : err;
}

static enum authtok_err
faulty_purge(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	struct world *w = ctx;

	w->last_idle_before = idle_before;
	if (fails(w, WORLD_PURGE))
		return w->err;
	return w->memory->ops->purge(
	    w->memory->ctx, now, idle_before, limit, ret_count, ret_more);
}

static enum authtok_err
faulty_user_find(void *ctx, int64_t id, struct authtok_user *ret_user)
{
	struct world *w = ctx;

	if (fails(w, WORLD_USER_FIND))
		return w->err;
	return w->memory->ops->user_find(w->memory->ctx, id, ret_user);
}

static enum authtok_err
faulty_user_update(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *act)
{
	struct world *w = ctx;
	bool bad = fails(w, WORLD_USER_UPDATE);
	enum authtok_err err;

	w->last_when = *act;
	if (bad && w->how == WORLD_BEFORE)
		return w->err;
	err = w->memory->ops->user_update(w->memory->ctx, user, end, keep, act);
	return bad ? w->err : err;
}

static enum authtok_err
faulty_list(void *ctx, int64_t user_id, const uint8_t *after,
    struct authtok_session *ret_sessions, size_t cap, size_t *ret_count)
{
	struct world *w = ctx;

	if (fails(w, WORLD_LIST))
		return w->err;
	return w->memory->ops->session_list(
	    w->memory->ctx, user_id, after, ret_sessions, cap, ret_count);
}

static enum authtok_err
faulty_revoke_user(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act, size_t *ret_count)
{
	struct world *w = ctx;
	bool bad = fails(w, WORLD_REVOKE_USER);
	enum authtok_err err;
	size_t n;

	w->last_when = *act;
	if (bad && w->how == WORLD_BEFORE)
		return w->err;
	err = w->memory->ops->session_revoke_user(
	    w->memory->ctx, user_id, keep, act, &n);
	if (bad)
		return w->err;
	if (!err)
		*ret_count = n;
	return err;
}

static enum authtok_err
faulty_since(void *ctx, int64_t after, struct authtok_revocation *ret_events,
    size_t cap, size_t *ret_count)
{
	struct world *w = ctx;

	if (fails(w, WORLD_SINCE))
		return w->err;
	return w->memory->ops->revoked_since(
	    w->memory->ctx, after, ret_events, cap, ret_count);
}

static enum authtok_err
faulty_append(void *ctx, const struct authtok_act *act)
{
	struct world *w = ctx;
	bool bad = fails(w, WORLD_APPEND);
	enum authtok_err err;

	w->last_when = *act;
	if (bad && w->how == WORLD_BEFORE)
		return w->err;
	err = w->memory->ops->audit_append(w->memory->ctx, act);
	return bad ? w->err : err;
}

static enum authtok_err
faulty_audit_list(void *ctx, int64_t after,
    struct authtok_audit_record *ret_records, size_t cap, size_t *ret_count)
{
	struct world *w = ctx;

	if (fails(w, WORLD_AUDIT_LIST))
		return w->err;
	return w->memory->ops->audit_list(
	    w->memory->ctx, after, ret_records, cap, ret_count);
}

static enum authtok_err
faulty_audit_base(void *ctx, int64_t *ret_seq, uint8_t ret_mac[AUTHTOK_MAC_LEN])
{
	struct world *w = ctx;

	if (fails(w, WORLD_AUDIT_BASE))
		return w->err;
	return w->memory->ops->audit_base(w->memory->ctx, ret_seq, ret_mac);
}

/* As a store may: decide is asked twice, and only the last time counts. */
static enum authtok_err
faulty_change(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner,
    authtok_decide *decide, void *arg)
{
	struct authtok_change change;
	enum authtok_err err;

	err = faulty_find(ctx, sid, ret_session, ret_owner);
	if (err != AUTHTOK_OK)
		return err;
	for (int i = 0; i < 2; i++) {
		memset(&change, 0, sizeof(change));
		err = decide(arg, &change);
	}
	if (err != AUTHTOK_OK || change.next == NULL)
		return err;
	return faulty_update(ctx, change.next, ret_session->gen,
	    ret_session->branch, change.durable, change.act);
}

/* The service is given nothing else to call. */
static const struct authtok_store_ops faulty_ops = {
	.version = AUTHTOK_STORE_VERSION,
	.session_create = faulty_create,
	.session_find = faulty_find,
	.session_update = faulty_update,
	.session_revoke = faulty_revoke,
	.session_delete = faulty_delete,
	.purge = faulty_purge,
	.user_find = faulty_user_find,
	.user_update = faulty_user_update,
	.session_list = faulty_list,
	.session_revoke_user = faulty_revoke_user,
	.revoked_since = faulty_since,
	.audit_append = faulty_append,
	.audit_list = faulty_audit_list,
	.audit_base = faulty_audit_base,
};

bool world_one_step;

static const struct authtok_store_ops *
ops_of_world(void)
{
	static struct authtok_store_ops ops;

	ops = faulty_ops;
	if (world_one_step)
		ops.session_change = faulty_change;
	return &ops;
}

static void
make_keys(struct world *w)
{
	uint8_t secret[32];

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	ck_assert_int_eq(authtok_keys_new(&w->keys), AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_hmac(w->keys, "k1", AUTHTOK_HS256,
			     secret, sizeof(secret), true),
	    AUTHTOK_OK);
	secret[0] = 0xff;
	ck_assert_int_eq(
	    authtok_keys_add_refresh(w->keys, 1, secret, sizeof(secret), true),
	    AUTHTOK_OK);
	secret[0] = 0xfe;
	ck_assert_int_eq(
	    authtok_keys_add_audit(w->keys, 1, secret, sizeof(secret), true),
	    AUTHTOK_OK);
}

static void
make_user(struct world *w)
{
	struct authtok_user user;
	int64_t id;

	memset(&user, 0, sizeof(user));
	strcpy(user.name, "ann");
	strcpy(user.email, "ann@example.org");
	strcpy(user.roles[0], "user");
	user.role_count = 1;
	user.created_at = WORLD_START;
	ck_assert_int_eq(
	    w->memory->ops->user_create(w->memory->ctx, &user, NULL, &id),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    w->memory->ops->user_find(w->memory->ctx, id, &w->user),
	    AUTHTOK_OK);
}

void
world_open(struct world *w, const struct authtok_sessions_config *config)
{
	struct authtok_sessions_config defaults = AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_config engine = AUTHTOK_CONFIG_INIT;

	memset(w, 0, sizeof(*w));
	w->now = WORLD_START;
	make_keys(w);
	engine.issuer = "tests";
	engine.audience = "tests";
	engine.now = world_now;
	engine.now_arg = w;
	ck_assert_int_eq(authtok_new(&engine, w->keys, &w->engine), AUTHTOK_OK);
	ck_assert_int_eq(authtok_claims_new(&w->claims), AUTHTOK_OK);
	ck_assert_int_eq(authtok_store_memory(&w->memory), AUTHTOK_OK);
	make_user(w);
	w->faulty = calloc(1, sizeof(*w->faulty));
	ck_assert_ptr_nonnull(w->faulty);
	w->faulty->ops = ops_of_world();
	w->faulty->ctx = w;
	ck_assert_int_eq(
	    authtok_sessions_new(config != NULL ? config : &defaults, w->engine,
		w->keys, w->faulty, &w->sessions),
	    AUTHTOK_OK);
}

void
world_close(struct world *w)
{
	authtok_sessions_free(w->sessions);
	free(w->faulty);
	authtok_store_close(w->memory);
	authtok_claims_free(w->claims);
	authtok_free(w->engine);
	authtok_keys_free(w->keys);
}

void
world_heal(struct world *w)
{
	w->nth = 0;
	w->power_lost = false;
	w->races_to_lose = 0;
	w->durable_updates = 0;
	for (int i = 0; i < WORLD_OPS; i++)
		w->calls[i] = 0;
}

void
world_break(struct world *w, enum world_op op, enum world_how how,
    enum authtok_err err, int nth, bool persist)
{
	world_heal(w);
	w->op = op;
	w->how = how;
	w->err = err;
	w->nth = nth;
	w->persist = persist;
}

void
world_pattern(struct authtok_tokens *tokens)
{
	memset(tokens, 0xa5, sizeof(*tokens));
	tokens->size = sizeof(*tokens);
}

bool
world_is_pattern(const struct authtok_tokens *tokens)
{
	struct authtok_tokens want;

	world_pattern(&want);
	return memcmp(&want, tokens, sizeof(want)) == 0;
}

void
world_sign_in(struct world *w, struct authtok_tokens *ret_tokens)
{
	world_pattern(ret_tokens);
	ck_assert_int_eq(
	    authtok_session_open(w->sessions, &w->user, NULL, ret_tokens),
	    AUTHTOK_OK);
}

enum authtok_err
world_refresh(struct world *w, const char *text, const char *retry_key,
    enum authtok_outcome *ret_outcome, struct authtok_tokens *ret_tokens)
{
	char *copy = strdup(text); /* text may be in *ret_tokens */
	enum authtok_err err;

	ck_assert_ptr_nonnull(copy);
	world_pattern(ret_tokens);
	err = authtok_session_refresh(w->sessions, copy, strlen(copy),
	    retry_key, NULL, ret_outcome, ret_tokens);
	free(copy);
	return err;
}

void
world_expect(struct world *w, const char *text, const char *retry_key,
    enum authtok_outcome outcome, char *ret_text)
{
	enum authtok_outcome seen;
	struct authtok_tokens tokens;

	ck_assert_int_eq(
	    world_refresh(w, text, retry_key, &seen, &tokens), AUTHTOK_OK);
	ck_assert_int_eq(seen, outcome);
	ck_assert_int_eq(authtok_verify(w->engine, tokens.access,
			     tokens.access_len, w->claims),
	    AUTHTOK_OK);
	ck_assert_uint_eq(strlen(tokens.refresh), AUTHTOK_REFRESH_LEN);
	if (ret_text != NULL)
		memcpy(ret_text, tokens.refresh, sizeof(tokens.refresh));
}

void
world_refuse(struct world *w, const char *text, const char *retry_key,
    enum authtok_err want)
{
	const enum authtok_outcome none = (enum authtok_outcome)77;
	enum authtok_outcome outcome = none;
	struct authtok_tokens tokens;

	ck_assert_int_eq(
	    world_refresh(w, text, retry_key, &outcome, &tokens), want);
	ck_assert_int_eq(outcome, none);
	ck_assert(world_is_pattern(&tokens));
}

bool
world_row_exists(struct world *w, const uint8_t *sid)
{
	struct authtok_session row;
	struct authtok_owner owner;

	return w->memory->ops->session_find(
		   w->memory->ctx, sid, &row, &owner) == AUTHTOK_OK;
}

struct authtok_session
world_row(struct world *w, const uint8_t *sid)
{
	struct authtok_session row;
	struct authtok_owner owner;

	ck_assert_int_eq(
	    w->memory->ops->session_find(w->memory->ctx, sid, &row, &owner),
	    AUTHTOK_OK);
	return row;
}

void
world_update_user(struct world *w)
{
	struct authtok_act when = { .now = w->now, .until = w->now + 3605 };

	ck_assert_int_eq(w->memory->ops->user_update(w->memory->ctx, &w->user,
			     AUTHTOK_END_NONE, NULL, &when),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    w->memory->ops->user_find(w->memory->ctx, w->user.id, &w->user),
	    AUTHTOK_OK);
}
