/*
 * Sign-out: who asks, what they may end, and ending it. Known here: claims that
 * the caller verified, refresh tokens, and the store's users and sessions.
 */
#include "session/service.h"

#include <string.h>

#include <openssl/crypto.h>

struct signout {
	enum authtok_scope scope;
	int64_t user_id;
	uint8_t sid[AUTHTOK_SID_LEN]; /* of the session that asks */
	const struct authtok_client *client;
	struct at_act act;
};

static void
note(const struct authtok_sessions *s, struct signout *out, const char *detail)
{
	at_act_note(s, AUTHTOK_EVENT_SIGNOUT, out->user_id, out->sid,
	    out->client, detail, &out->act);
}

/* A session that is gone, or was ended before, is as good: the set hears of it
 * once more, for the tokens that it may have left. */
static enum authtok_err
end_own(const struct authtok_sessions *s, struct signout *out)
{
	const struct authtok_store *store = s->store;
	enum authtok_err err;

	note(s, out, "local");
	err = store->ops->session_revoke(store->ctx, out->sid, &out->act.act);
	if (err != AUTHTOK_OK && err != AUTHTOK_EUNKNOWN)
		return err;
	return at_ended_session(s, out->sid, &out->act);
}

static enum authtok_err
end_others(const struct authtok_sessions *s, struct signout *out)
{
	const struct authtok_store *store = s->store;
	enum authtok_err err;
	size_t count;

	note(s, out, "others");
	err = store->ops->session_revoke_user(
	    store->ctx, out->user_id, out->sid, &out->act.act, &count);
	return err == AUTHTOK_OK ? at_ended_some(s) : err;
}

/* One round of read, raise the epoch, compare-and-swap. */
static enum authtok_err
raise_epoch(const struct authtok_sessions *s, const struct signout *out,
    struct authtok_user *user)
{
	const struct authtok_store *store = s->store;
	enum authtok_err err;

	err = store->ops->user_find(store->ctx, out->user_id, user);
	if (err != AUTHTOK_OK)
		return err;
	user->epoch = authtok_epoch_next(user->epoch, out->act.act.now);
	if (user->epoch == 0)
		return AUTHTOK_ESTORE;
	return store->ops->user_update(
	    store->ctx, user, AUTHTOK_END_ALL, NULL, &out->act.act);
}

static enum authtok_err
end_all(const struct authtok_sessions *s, struct signout *out)
{
	enum authtok_err err = AUTHTOK_ECHANGED;
	struct authtok_user user;

	note(s, out, "global");
	for (int i = 0; i < AT_TRIES && err == AUTHTOK_ECHANGED; i++)
		err = raise_epoch(s, out, &user);
	if (err == AUTHTOK_OK)
		err = at_ended_epochs(s, user.id, user.epoch, &out->act);
	else if (err == AUTHTOK_ECHANGED)
		err = AUTHTOK_EBUSY;
	else if (err == AUTHTOK_EUNKNOWN) /* a user that is gone has none */
		err = AUTHTOK_OK;
	OPENSSL_cleanse(&user, sizeof(user));
	return err;
}

static enum authtok_err
from_claims(const struct authtok_claims *claims, struct signout *out)
{
	const uint8_t *sid = authtok_claims_session(claims);
	int64_t user_id = authtok_claims_user_id(claims);

	if (sid == NULL || user_id < 1)
		return AUTHTOK_ECLAIM;
	out->user_id = user_id;
	memcpy(out->sid, sid, sizeof(out->sid));
	return AUTHTOK_OK;
}

/*
 * The rule is asked, but nothing is rotated. EUNKNOWN: there is no such session
 * any more, and so no seed to tell whether the token was genuine. *ret_over,
 * which may be NULL: the session has ended already.
 */
static enum authtok_err
from_refresh(const struct authtok_sessions *s, const char *token, size_t len,
    struct signout *out, bool *ret_over)
{
	struct at_presented p = { 0 };
	enum authtok_err err;

	err = at_refresh_parse(s->refresh, token, len, &p.token);
	if (err == AUTHTOK_OK)
		err = s->store->ops->session_find(
		    s->store->ctx, p.token.sid, &p.row, &p.owner);
	if (err == AUTHTOK_OK)
		err = at_presented_judge(s, out->act.act.now, &p);
	if (err == AUTHTOK_OK) {
		out->user_id = p.row.user_id;
		memcpy(out->sid, p.row.sid, sizeof(out->sid));
		if (!at_accepted(p.verdict))
			out->scope = AUTHTOK_LOCAL;
		if (ret_over != NULL)
			*ret_over =
			    p.verdict == AT_REVOKED || p.verdict == AT_EXPIRED;
	}
	OPENSSL_cleanse(&p, sizeof(p));
	return err;
}

/*
 * Two tokens, of which the client is about to forget both, and which need not be
 * of one session. Who signs out locally means the session that could go on: the
 * refresh token's, but when that is over, or the token is none of ours, then the
 * access token's. For more than that the access token is the better proof.
 */
static enum authtok_err
from_both(const struct authtok_sessions *s, const struct authtok_claims *claims,
    const char *token, size_t len, struct signout *out)
{
	enum authtok_err err;
	bool over = false;

	if (out->scope != AUTHTOK_LOCAL)
		return from_claims(claims, out) == AUTHTOK_OK
		    ? AUTHTOK_OK
		    : from_refresh(s, token, len, out, NULL);
	err = from_refresh(s, token, len, out, &over);
	if (err == AUTHTOK_OK && !over)
		return AUTHTOK_OK;
	if (err != AUTHTOK_OK && authtok_err_class(err) != AUTHTOK_CLASS_DENIED)
		return err;
	/* claims without a session, from elsewhere, change nothing */
	return from_claims(claims, out) == AUTHTOK_OK ? AUTHTOK_OK : err;
}

enum authtok_err
authtok_signout(const struct authtok_sessions *sessions,
    enum authtok_scope scope, const struct authtok_claims *claims,
    const char *token, size_t len, const struct authtok_client *client)
{
	struct signout out = { .scope = scope, .client = client };
	enum authtok_err err;

	if (sessions == NULL || (claims == NULL && token == NULL) ||
	    !at_client_valid(client))
		return AUTHTOK_EINVAL;
	if (scope != AUTHTOK_LOCAL && scope != AUTHTOK_OTHERS &&
	    scope != AUTHTOK_GLOBAL)
		return AUTHTOK_EINVAL;
	at_act_init(authtok_now(sessions->engine), &out.act);
	if (token == NULL)
		err = from_claims(claims, &out);
	else if (claims == NULL)
		err = from_refresh(sessions, token, len, &out, NULL);
	else
		err = from_both(sessions, claims, token, len, &out);
	if (err == AUTHTOK_EUNKNOWN)
		return AUTHTOK_OK;
	if (err != AUTHTOK_OK)
		return err;
	if (out.scope == AUTHTOK_OTHERS)
		return end_others(sessions, &out);
	if (out.scope == AUTHTOK_GLOBAL)
		return end_all(sessions, &out);
	return end_own(sessions, &out);
}
