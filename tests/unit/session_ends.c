/*
 * The fixture of session_ends.h. Knows public headers only.
 */
#include "session_ends.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static int64_t
ends_now(void *arg)
{
	struct world *w = arg;

	return w->now;
}

static enum authtok_err
no_chain(void *arg, const uint8_t previous[AUTHTOK_MAC_LEN],
    struct authtok_audit_record *record)
{
	(void)arg;
	(void)previous;
	(void)record;
	return AUTHTOK_ECRYPTO;
}

/* The act as the store is to see it. */
static const struct authtok_act *
maybe_break(const struct ends *e, const struct authtok_act *act,
    struct authtok_act *broken)
{
	if (!e->chain_fails || act == NULL || act->record == NULL)
		return act;
	*broken = *act;
	broken->chain = no_chain;
	return broken;
}

static enum authtok_err
ends_create(void *ctx, const struct authtok_session *session,
    int64_t user_version, unsigned max_live, const struct authtok_act *act)
{
	struct ends *e = ctx;
	struct authtok_act broken;

	return e->inner->session_create(
	    ctx, session, user_version, max_live, maybe_break(e, act, &broken));
}

static enum authtok_err
ends_update(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct ends *e = ctx;
	struct authtok_act broken;

	return e->inner->session_update(
	    ctx, next, gen, branch, durable, maybe_break(e, act, &broken));
}

static enum authtok_err
ends_revoke(void *ctx, const uint8_t *sid, const struct authtok_act *act)
{
	struct ends *e = ctx;
	struct authtok_act broken;

	return e->inner->session_revoke(ctx, sid, maybe_break(e, act, &broken));
}

static enum authtok_err
ends_revoke_user(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act, size_t *ret_count)
{
	struct ends *e = ctx;
	struct authtok_act broken;

	return e->inner->session_revoke_user(
	    ctx, user_id, keep, maybe_break(e, act, &broken), ret_count);
}

static enum authtok_err
ends_user_update(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *act)
{
	struct ends *e = ctx;
	struct authtok_act broken;

	return e->inner->user_update(
	    ctx, user, end, keep, maybe_break(e, act, &broken));
}

struct authtok *
ends_engine(struct ends *e, struct authtok_revocations *set, int64_t lifetime)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok *engine;

	config.lifetime = lifetime;
	config.issuer = "tests";
	config.audience = "tests";
	config.now = ends_now;
	config.now_arg = &e->w;
	config.revocations = set;
	ck_assert_int_eq(authtok_new(&config, e->w.keys, &engine), AUTHTOK_OK);
	return engine;
}

static void
make_engine(struct ends *e, struct authtok_revocations **ret_set,
    struct authtok **ret_engine)
{
	ck_assert_int_eq(authtok_revocations_new(ret_set), AUTHTOK_OK);
	*ret_engine = ends_engine(e, *ret_set, 3600);
}

void
ends_open(
    struct ends *e, const struct authtok_sessions_config *config, bool audited)
{
	struct authtok_sessions_config c = AUTHTOK_SESSIONS_CONFIG_INIT;

	memset(e, 0, sizeof(*e));
	world_open(&e->w, NULL);
	authtok_sessions_free(e->w.sessions);
	authtok_free(e->w.engine);
	make_engine(e, &e->set, &e->w.engine);
	ck_assert_int_eq(authtok_audit_new(e->w.keys, &e->audit), AUTHTOK_OK);
	e->inner = e->w.faulty->ops;
	e->ops = *e->inner;
	e->ops.session_create = ends_create;
	e->ops.session_update = ends_update;
	e->ops.session_revoke = ends_revoke;
	e->ops.session_revoke_user = ends_revoke_user;
	e->ops.user_update = ends_user_update;
	e->w.faulty->ops = &e->ops;
	if (config != NULL)
		c = *config;
	c.audit = audited ? e->audit : NULL;
	ck_assert_int_eq(authtok_sessions_new(&c, e->w.engine, e->w.keys,
			     e->w.faulty, &e->w.sessions),
	    AUTHTOK_OK);
}

void
ends_close(struct ends *e)
{
	world_close(&e->w);
	authtok_revocations_free(e->set);
	authtok_audit_free(e->audit);
}

void
ends_side_open(struct ends *e, struct ends_side *side)
{
	struct authtok_sessions_config c = AUTHTOK_SESSIONS_CONFIG_INIT;

	make_engine(e, &side->set, &side->engine);
	c.audit = e->audit;
	ck_assert_int_eq(authtok_sessions_new(&c, side->engine, e->w.keys,
			     e->w.faulty, &side->sessions),
	    AUTHTOK_OK);
}

void
ends_side_close(struct ends_side *side)
{
	authtok_sessions_free(side->sessions);
	authtok_free(side->engine);
	authtok_revocations_free(side->set);
}

void
ends_stranger(struct ends *e, struct authtok_tokens *ret_tokens)
{
	const struct authtok_store *store = e->w.memory;
	struct authtok_user user;
	int64_t id;

	memset(&user, 0, sizeof(user));
	memcpy(user.name, "bob", 4);
	user.created_at = WORLD_START;
	ck_assert_int_eq(
	    store->ops->user_create(store->ctx, &user, NULL, &id), AUTHTOK_OK);
	ck_assert_int_eq(
	    store->ops->user_find(store->ctx, id, &user), AUTHTOK_OK);
	world_pattern(ret_tokens);
	ck_assert_int_eq(
	    authtok_session_open(e->w.sessions, &user, NULL, ret_tokens),
	    AUTHTOK_OK);
}

enum authtok_err
ends_verify(struct ends *e, const struct authtok_tokens *tokens)
{
	return authtok_verify(
	    e->w.engine, tokens->access, tokens->access_len, e->w.claims);
}

enum authtok_err
ends_verify_side(struct ends *e, const struct ends_side *side,
    const struct authtok_tokens *tokens)
{
	return authtok_verify(
	    side->engine, tokens->access, tokens->access_len, e->w.claims);
}

void
ends_log(struct ends *e)
{
	struct authtok_audit_report report = AUTHTOK_AUDIT_REPORT_INIT;
	const struct authtok_store *store = e->w.memory;

	ck_assert_int_eq(store->ops->audit_list(
			     store->ctx, 0, e->log, ENDS_RECORDS, &e->count),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_audit_verify(e->audit, store, NULL, &report), AUTHTOK_OK);
	ck_assert_int_eq(report.checked, (int64_t)e->count);
}

void
ends_last(struct ends *e, size_t count, enum authtok_event event,
    int64_t user_id, const uint8_t *sid, const char *address,
    const char *detail)
{
	static const uint8_t none[AUTHTOK_SID_LEN];
	const struct authtok_audit_record *r;

	ends_log(e);
	ck_assert_uint_eq(e->count, count);
	r = &e->log[count - 1];
	ck_assert_uint_eq(r->event, event);
	ck_assert_int_eq(r->at, e->w.now);
	ck_assert_int_eq(r->user_id, user_id);
	ck_assert_uint_eq(r->count, 1);
	ck_assert_uint_eq(r->key, 1);
	ck_assert_int_eq(r->has_sid, sid != NULL);
	ck_assert_mem_eq(r->sid, sid != NULL ? sid : none, AUTHTOK_SID_LEN);
	ck_assert_str_eq(r->address, address != NULL ? address : "");
	ck_assert_str_eq(r->detail, detail != NULL ? detail : "");
}
