/*
 * Sign-out: what each token may end in each scope, that the access tokens of
 * what was ended are dead by the next verify, and what the audit log keeps.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session_ends.h"

static struct ends e;
static struct world *const w = &e.w;
static struct authtok_tokens mine, other, strange;
static const struct authtok_client client = { sizeof(client), "192.0.2.7",
	"agent" };

/* Ann on two devices, Bob on one. */
static void
open_all(const struct authtok_sessions_config *config, bool audited)
{
	ends_open(&e, config, audited);
	world_sign_in(w, &mine);
	world_sign_in(w, &other);
	ends_stranger(&e, &strange);
}

static void
setup(void)
{
	open_all(NULL, true);
}

static void
setup_strict(void)
{
	struct authtok_sessions_config c = AUTHTOK_SESSIONS_CONFIG_INIT;

	c.rotation = AUTHTOK_STRICT;
	open_all(&c, true);
}

static void
teardown(void)
{
	ends_close(&e);
}

static bool
dead(const struct authtok_tokens *tokens)
{
	enum authtok_err err = ends_verify(&e, tokens);

	ck_assert(err == AUTHTOK_OK || err == AUTHTOK_EREVOKED);
	ck_assert_int_eq(
	    world_row(w, tokens->sid).revoked_at != 0, err == AUTHTOK_EREVOKED);
	return err == AUTHTOK_EREVOKED;
}

/* What is left of the three, in the very next verify. */
static void
left(bool mine_left, bool other_left)
{
	struct authtok_user user;

	ck_assert_int_eq(dead(&mine), !mine_left);
	ck_assert_int_eq(dead(&other), !other_left);
	ck_assert(!dead(&strange));
	ck_assert_int_eq(
	    w->memory->ops->user_find(w->memory->ctx, w->user.id, &user),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    user.epoch, mine_left || other_left ? w->user.epoch : w->now);
}

static enum authtok_err
by_claims(enum authtok_scope scope)
{
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_OK);
	return authtok_signout(w->sessions, scope, w->claims, NULL, 0, &client);
}

static enum authtok_err
by_refresh(enum authtok_scope scope, const char *token)
{
	return authtok_signout(
	    w->sessions, scope, NULL, token, strlen(token), &client);
}

/* ---- by an access token -------------------------------------------------- */

START_TEST(after_local_the_access_token_is_dead)
{
	ck_assert_int_eq(by_claims(AUTHTOK_LOCAL), AUTHTOK_OK);
	left(false, true);
	world_refuse(w, mine.refresh, NULL, AUTHTOK_EREVOKED);
	world_expect(w, other.refresh, NULL, AUTHTOK_ROTATED, NULL);
	ends_last(&e, 4, AUTHTOK_EVENT_SIGNOUT, w->user.id, mine.sid,
	    "192.0.2.7", "local");
}
END_TEST

START_TEST(after_others_their_access_tokens_are_dead)
{
	ck_assert_int_eq(by_claims(AUTHTOK_OTHERS), AUTHTOK_OK);
	left(true, false);
	world_refuse(w, other.refresh, NULL, AUTHTOK_EREVOKED);
	world_expect(w, mine.refresh, NULL, AUTHTOK_ROTATED, NULL);
	ends_last(&e, 4, AUTHTOK_EVENT_SIGNOUT, w->user.id, mine.sid,
	    "192.0.2.7", "others");
}
END_TEST

START_TEST(after_global_all_access_tokens_are_dead)
{
	struct authtok_tokens again;

	ck_assert_int_eq(by_claims(AUTHTOK_GLOBAL), AUTHTOK_OK);
	left(false, false);
	world_refuse(w, mine.refresh, NULL, AUTHTOK_EREVOKED);
	world_refuse(w, other.refresh, NULL, AUTHTOK_EREVOKED);
	world_expect(w, strange.refresh, NULL, AUTHTOK_ROTATED, NULL);
	ends_last(&e, 4, AUTHTOK_EVENT_SIGNOUT, w->user.id, mine.sid,
	    "192.0.2.7", "global");
	/* the user as read before has changed since, and may sign in anew */
	world_pattern(&again);
	ck_assert_int_eq(
	    authtok_session_open(w->sessions, &w->user, NULL, &again),
	    AUTHTOK_ECHANGED);
	ck_assert_int_eq(
	    w->memory->ops->user_find(w->memory->ctx, w->user.id, &w->user),
	    AUTHTOK_OK);
	world_sign_in(w, &again);
	ck_assert_int_eq(ends_verify(&e, &again), AUTHTOK_OK);
}
END_TEST

/* Also those that were handed out by a rotation before. */
START_TEST(every_access_token_of_the_session_is_dead)
{
	enum authtok_outcome outcome;
	struct authtok_tokens next;

	ck_assert_int_eq(
	    world_refresh(w, mine.refresh, NULL, &outcome, &next), AUTHTOK_OK);
	ck_assert_int_eq(by_claims(AUTHTOK_LOCAL), AUTHTOK_OK);
	ck_assert_int_eq(ends_verify(&e, &next), AUTHTOK_EREVOKED);
	left(false, true);
}
END_TEST

START_TEST(a_session_that_is_gone_is_signed_out)
{
	struct authtok_session row = world_row(w, mine.sid);

	ck_assert_int_eq(w->memory->ops->session_delete(
			     w->memory->ctx, mine.sid, row.gen, row.branch),
	    AUTHTOK_OK);
	ck_assert_int_eq(by_claims(AUTHTOK_LOCAL), AUTHTOK_OK);
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_EREVOKED);
	ck_assert(!dead(&other));
	ends_log(&e);
	ck_assert_uint_eq(e.count, 3);
}
END_TEST

START_TEST(a_user_that_is_gone_is_signed_out)
{
	struct authtok_act act = { .now = w->now, .until = w->now + 3605 };

	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_OK);
	ck_assert_int_eq(
	    w->memory->ops->user_delete(w->memory->ctx, w->user.id, &act),
	    AUTHTOK_OK);
	for (int scope = AUTHTOK_LOCAL; scope <= AUTHTOK_GLOBAL; scope++)
		ck_assert_int_eq(
		    authtok_signout(w->sessions, (enum authtok_scope)scope,
			w->claims, NULL, 0, NULL),
		    AUTHTOK_OK);
	ck_assert(!dead(&strange));
	ends_log(&e);
	ck_assert_uint_eq(e.count, 3);
}
END_TEST

START_TEST(claims_must_name_session_and_user)
{
	static const uint8_t sid[AUTHTOK_SID_LEN] = { 1 };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	char token[AUTHTOK_TOKEN_MAX + 1];
	size_t len;

	for (int i = 0; i < 2; i++) {
		grant.user_id = i == 0 ? w->user.id : 0;
		grant.subject = i == 0 ? NULL : "machine";
		grant.sid = i == 0 ? NULL : sid;
		ck_assert_int_eq(authtok_issue(w->engine, &grant, token,
				     sizeof(token), &len, NULL),
		    AUTHTOK_OK);
		ck_assert_int_eq(
		    authtok_verify(w->engine, token, len, w->claims),
		    AUTHTOK_OK);
		for (int scope = AUTHTOK_LOCAL; scope <= AUTHTOK_GLOBAL;
		     scope++)
			ck_assert_int_eq(authtok_signout(w->sessions,
					     (enum authtok_scope)scope,
					     w->claims, NULL, 0, NULL),
			    AUTHTOK_ECLAIM);
	}
	left(true, true);
}
END_TEST

/* ---- by a refresh token -------------------------------------------------- */

/* The tokens that would be accepted, each by its rule. */
enum {
	GOOD_ROTATE,
	GOOD_REPEAT,
	GOOD_REPLACE,
	GOOD_FORWARD,
	GOOD
};

static void
good_token(int which, char *ret_text)
{
	memcpy(ret_text, mine.refresh, sizeof(mine.refresh));
	if (which == GOOD_ROTATE)
		return;
	w->power_lost = which == GOOD_FORWARD;
	world_expect(w, mine.refresh, NULL, AUTHTOK_ROTATED,
	    which == GOOD_FORWARD ? ret_text : NULL);
	w->power_lost = false;
	if (which == GOOD_REPLACE)
		w->now += 11;
}

static void
signs_out(int which, enum authtok_scope scope, bool mine_left, bool other_left,
    const char *detail)
{
	struct authtok_session before, after;
	char text[AUTHTOK_REFRESH_LEN + 1];

	good_token(which, text);
	before = world_row(w, mine.sid);
	ck_assert_int_eq(by_refresh(scope, text), AUTHTOK_OK);
	left(mine_left, other_left);
	/* nothing was rotated */
	after = world_row(w, mine.sid);
	after.revoked_at = before.revoked_at;
	ck_assert_mem_eq(&after, &before, sizeof(after));
	ends_last(&e, 4, AUTHTOK_EVENT_SIGNOUT, w->user.id, mine.sid,
	    "192.0.2.7", detail);
}

START_TEST(an_accepted_token_ends_its_session)
{
	signs_out(_i, AUTHTOK_LOCAL, false, true, "local");
}
END_TEST

START_TEST(an_accepted_token_ends_the_others)
{
	signs_out(_i, AUTHTOK_OTHERS, true, false, "others");
}
END_TEST

START_TEST(an_accepted_token_ends_all)
{
	signs_out(_i, AUTHTOK_GLOBAL, false, false, "global");
}
END_TEST

/* ASVS 10.4.5: there, a used token is not accepted. */
START_TEST(strict_accepts_no_used_token)
{
	static const enum authtok_scope scopes[] = { AUTHTOK_LOCAL,
		AUTHTOK_OTHERS, AUTHTOK_GLOBAL };

	signs_out(GOOD_REPEAT + _i / 3, scopes[_i % 3], false, true, "local");
}
END_TEST

/* Genuine ones that would not be accepted, each for its reason. */
enum {
	BAD_REUSED,
	BAD_STALE,
	BAD_IDLE,
	BAD_EXPIRED,
	BAD_DISABLED,
	BAD
};

static void
bad_token(int which)
{
	char text[AUTHTOK_REFRESH_LEN + 1];

	switch (which) {
	case BAD_REUSED:
		world_expect(w, mine.refresh, NULL, AUTHTOK_ROTATED, text);
		world_expect(w, text, NULL, AUTHTOK_ROTATED, NULL);
		break;
	case BAD_STALE:
		world_expect(w, mine.refresh, NULL, AUTHTOK_ROTATED, text);
		w->power_lost = true;
		world_expect(w, text, NULL, AUTHTOK_ROTATED, text);
		world_expect(w, text, NULL, AUTHTOK_FORWARDED, text);
		w->power_lost = false;
		world_expect(w, text, NULL, AUTHTOK_FORWARDED, NULL);
		break;
	case BAD_IDLE:
		w->now += 86400;
		break;
	case BAD_EXPIRED:
		w->now += 2592000;
		break;
	case BAD_DISABLED:
		w->user.disabled = true;
		world_update_user(w);
		break;
	default:
		ck_abort();
	}
}

/* Whatever the scope. */
START_TEST(any_other_genuine_token_ends_its_own_session_only)
{
	enum authtok_scope scope = (enum authtok_scope)(_i % 3 + 1);
	int which = _i / 3;

	bad_token(which);
	if (which == BAD_STALE)
		world_refuse(w, mine.refresh, NULL, AUTHTOK_ESTALE);
	ck_assert_int_eq(by_refresh(scope, mine.refresh), AUTHTOK_OK);
	ck_assert(world_row(w, mine.sid).revoked_at != 0);
	ck_assert(world_row(w, other.sid).revoked_at == 0);
	ck_assert(world_row(w, strange.sid).revoked_at == 0);
	ends_last(&e, which == BAD_STALE ? 5 : 4, AUTHTOK_EVENT_SIGNOUT,
	    w->user.id, mine.sid, "192.0.2.7", "local");
	if (which != BAD_IDLE && which != BAD_EXPIRED)
		left(false, true);
}
END_TEST

/* ---- by both --------------------------------------------------------------- */

/* mine as claims, and a refresh token. */
static enum authtok_err
by_both(enum authtok_scope scope, const char *token)
{
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_OK);
	return authtok_signout(
	    w->sessions, scope, w->claims, token, strlen(token), &client);
}

static void
revoked(const struct authtok_tokens *tokens)
{
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, tokens->sid, NULL),
	    AUTHTOK_OK);
}

START_TEST(of_both_the_live_refresh_token_counts)
{
	ck_assert_int_eq(by_both(AUTHTOK_LOCAL, other.refresh), AUTHTOK_OK);
	left(true, false);
}
END_TEST

/* Whoever is told "signed out" is so. */
START_TEST(a_dead_refresh_token_hides_no_access_token)
{
	char text[AUTHTOK_REFRESH_LEN + 1];
	struct authtok_session row;

	memcpy(text, other.refresh, sizeof(text));
	switch (_i) {
	case 0: /* ended */
		revoked(&other);
		break;
	case 1: /* gone */
		row = world_row(w, other.sid);
		revoked(&other);
		ck_assert_int_eq(w->memory->ops->session_delete(w->memory->ctx,
				     other.sid, row.gen, row.branch),
		    AUTHTOK_OK);
		break;
	case 2: /* not genuine */
		text[AUTHTOK_REFRESH_LEN - 1] ^= 4;
		break;
	case 3: /* idle for too long, while mine went on */
		w->now += 86400;
		ck_assert_int_eq(
		    authtok_session_open(w->sessions, &w->user, NULL, &mine),
		    AUTHTOK_OK);
		break;
	default: /* nonsense */
		strcpy(text, "nonsense");
	}
	ck_assert_int_eq(by_both(AUTHTOK_LOCAL, text), AUTHTOK_OK);
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_EREVOKED);
	ck_assert_int_ne(world_row(w, mine.sid).revoked_at, 0);
	if (_i == 2 || _i == 4)
		left(false, true);
}
END_TEST

/* Its own: the refresh token was used up by another device, say. */
START_TEST(both_of_an_ended_session_are_ok)
{
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_OK);
	revoked(&mine);
	ck_assert_int_eq(authtok_signout(w->sessions, AUTHTOK_LOCAL, w->claims,
			     mine.refresh, AUTHTOK_REFRESH_LEN, NULL),
	    AUTHTOK_OK);
	left(false, true);
}
END_TEST

START_TEST(for_more_the_claims_count)
{
	revoked(&other);
	ck_assert_int_eq(by_both(AUTHTOK_OTHERS, "nonsense"), AUTHTOK_OK);
	left(true, false);
	ck_assert_int_eq(by_both(AUTHTOK_GLOBAL, other.refresh), AUTHTOK_OK);
	left(false, false);
}
END_TEST

/* From elsewhere: they name no session here. */
START_TEST(claims_without_a_session_hide_no_refresh_token)
{
	static const enum authtok_scope scopes[] = { AUTHTOK_LOCAL,
		AUTHTOK_GLOBAL };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	char token[AUTHTOK_TOKEN_MAX + 1];
	size_t len;

	grant.user_id = w->user.id;
	ck_assert_int_eq(
	    authtok_issue(w->engine, &grant, token, sizeof(token), &len, NULL),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_verify(w->engine, token, len, w->claims), AUTHTOK_OK);
	ck_assert_int_eq(authtok_signout(w->sessions, scopes[_i], w->claims,
			     "nonsense", 8, NULL),
	    AUTHTOK_EFORMAT);
	ck_assert_int_eq(authtok_signout(w->sessions, scopes[_i], w->claims,
			     mine.refresh, AUTHTOK_REFRESH_LEN, NULL),
	    AUTHTOK_OK);
	left(false, _i == 0);
}
END_TEST

/* Not a verdict on the token: nothing is known of it. */
START_TEST(a_store_that_fails_is_no_verdict)
{
	world_break(w, WORLD_FIND, WORLD_BEFORE, AUTHTOK_EBUSY, 1, true);
	ck_assert_int_eq(by_both(AUTHTOK_LOCAL, other.refresh), AUTHTOK_EBUSY);
	world_heal(w);
	left(true, true);
}
END_TEST

START_TEST(what_is_dead_already_is_ok)
{
	enum authtok_scope scope = (enum authtok_scope)_i;
	struct authtok_session row = world_row(w, mine.sid);
	int64_t revoked_at;

	ck_assert_int_eq(by_refresh(AUTHTOK_LOCAL, mine.refresh), AUTHTOK_OK);
	revoked_at = world_row(w, mine.sid).revoked_at;
	w->now += 5;
	ck_assert_int_eq(by_refresh(scope, mine.refresh), AUTHTOK_OK);
	ck_assert_int_eq(world_row(w, mine.sid).revoked_at, revoked_at);
	left(false, true);
	ck_assert_int_eq(w->memory->ops->session_delete(
			     w->memory->ctx, mine.sid, row.gen, row.branch),
	    AUTHTOK_OK);
	ck_assert_int_eq(by_refresh(scope, mine.refresh), AUTHTOK_OK);
	ck_assert(!dead(&other));
	ends_log(&e);
	ck_assert_uint_eq(e.count, 4);
}
END_TEST

/* A forged one can do nothing. */
START_TEST(a_forged_token_ends_nothing)
{
	char text[AUTHTOK_REFRESH_LEN + 1];
	struct authtok_session row;

	/* the same session under another seed: M is good and S is not */
	row = world_row(w, mine.sid);
	ck_assert_int_eq(w->memory->ops->session_delete(
			     w->memory->ctx, mine.sid, row.gen, row.branch),
	    AUTHTOK_OK);
	row.seed[0] ^= 1;
	ck_assert_int_eq(
	    w->memory->ops->session_create(w->memory->ctx, &row,
		w->user.version, 0,
		&(struct authtok_act){ .now = w->now, .until = w->now + 1 }),
	    AUTHTOK_OK);
	for (int scope = AUTHTOK_LOCAL; scope <= AUTHTOK_GLOBAL; scope++) {
		enum authtok_scope s = (enum authtok_scope)scope;

		ck_assert_int_eq(by_refresh(s, mine.refresh), AUTHTOK_ESIG);
		memcpy(text, mine.refresh, sizeof(text));
		text[60] = text[60] == 'A' ? 'B' : 'A';
		ck_assert_int_eq(by_refresh(s, text), AUTHTOK_ESIG);
		memcpy(text, mine.refresh, sizeof(text));
		text[5] = 'Z'; /* the number of the secret */
		ck_assert_int_eq(by_refresh(s, text), AUTHTOK_EKEY);
		ck_assert_int_eq(by_refresh(s, "art1_"), AUTHTOK_EFORMAT);
		ck_assert_int_eq(by_refresh(s, ""), AUTHTOK_EFORMAT);
	}
	left(true, true);
	ends_log(&e);
	ck_assert_uint_eq(e.count, 3);
}
END_TEST

/* ---- when it fails ------------------------------------------------------- */

START_TEST(without_a_record_nothing_is_done)
{
	e.chain_fails = true;
	for (int scope = AUTHTOK_LOCAL; scope <= AUTHTOK_GLOBAL; scope++) {
		ck_assert_int_eq(
		    by_claims((enum authtok_scope)scope), AUTHTOK_ECRYPTO);
		ck_assert_int_eq(
		    by_refresh((enum authtok_scope)scope, mine.refresh),
		    AUTHTOK_ECRYPTO);
	}
	e.chain_fails = false;
	left(true, true);
	ends_log(&e);
	ck_assert_uint_eq(e.count, 3);
}
END_TEST

static const struct {
	enum authtok_scope scope;
	enum world_op op;
} writes[] = {
	{ AUTHTOK_LOCAL, WORLD_REVOKE },
	{ AUTHTOK_OTHERS, WORLD_REVOKE_USER },
	{ AUTHTOK_GLOBAL, WORLD_USER_UPDATE },
	{ AUTHTOK_GLOBAL, WORLD_USER_FIND },
};

START_TEST(a_store_that_fails_is_told)
{
	enum world_how how = _i % 2 == 0 ? WORLD_BEFORE : WORLD_AFTER;

	world_break(w, writes[_i / 2].op, how, AUTHTOK_ESTORE, 1, true);
	ck_assert_int_eq(by_claims(writes[_i / 2].scope), AUTHTOK_ESTORE);
	ck_assert_int_eq(w->calls[writes[_i / 2].op], 1);
	if (how == WORLD_BEFORE)
		left(true, true);
	/* whichever it was, asking again does it */
	world_heal(w);
	ck_assert_int_eq(by_claims(writes[_i / 2].scope), AUTHTOK_OK);
	ck_assert_int_eq(ends_verify(&e, &mine),
	    writes[_i / 2].scope == AUTHTOK_OTHERS ? AUTHTOK_OK
						   : AUTHTOK_EREVOKED);
	ck_assert_int_eq(ends_verify(&e, &other),
	    writes[_i / 2].scope == AUTHTOK_LOCAL ? AUTHTOK_OK
						  : AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(a_read_that_fails_is_told)
{
	world_break(w, WORLD_FIND, WORLD_BEFORE, AUTHTOK_EBUSY, 1, false);
	ck_assert_int_eq(
	    by_refresh(AUTHTOK_GLOBAL, mine.refresh), AUTHTOK_EBUSY);
	left(true, true);
}
END_TEST

/* What is known needs no look at the store: its failure changes nothing. */
START_TEST(local_and_global_need_no_pull)
{
	world_break(w, WORLD_SINCE, WORLD_BEFORE, AUTHTOK_EBUSY, 1, true);
	ck_assert_int_eq(by_claims(AUTHTOK_LOCAL), AUTHTOK_OK);
	left(false, true);
	ck_assert_int_eq(by_refresh(AUTHTOK_GLOBAL, other.refresh), AUTHTOK_OK);
	left(false, false);
}
END_TEST

START_TEST(others_whose_pull_fails_are_asked_for_again)
{
	world_break(w, WORLD_SINCE, WORLD_BEFORE, AUTHTOK_EBUSY, 1, false);
	ck_assert_int_eq(by_claims(AUTHTOK_OTHERS), AUTHTOK_EBUSY);
	ck_assert_int_eq(by_claims(AUTHTOK_OTHERS), AUTHTOK_OK);
	left(true, false);
	ends_last(&e, 4, AUTHTOK_EVENT_SIGNOUT, w->user.id, mine.sid,
	    "192.0.2.7", "others");
}
END_TEST

START_TEST(global_goes_on_when_the_user_changed)
{
	world_break(
	    w, WORLD_USER_UPDATE, WORLD_BEFORE, AUTHTOK_ECHANGED, 1, false);
	ck_assert_int_eq(by_claims(AUTHTOK_GLOBAL), AUTHTOK_OK);
	ck_assert_int_eq(w->calls[WORLD_USER_UPDATE], 2);
	ck_assert_int_eq(w->calls[WORLD_USER_FIND], 2);
	left(false, false);
}
END_TEST

START_TEST(global_is_busy_after_eight_races)
{
	world_break(
	    w, WORLD_USER_UPDATE, WORLD_BEFORE, AUTHTOK_ECHANGED, 1, true);
	ck_assert_int_eq(by_claims(AUTHTOK_GLOBAL), AUTHTOK_EBUSY);
	ck_assert_int_eq(w->calls[WORLD_USER_UPDATE], 8);
	left(true, true);
}
END_TEST

/* An epoch that cannot rise would leave the tokens good. */
START_TEST(global_stops_at_the_last_epoch)
{
	w->user.epoch = INT64_C(1) << 53;
	world_update_user(w);
	ck_assert_int_eq(
	    by_refresh(AUTHTOK_GLOBAL, mine.refresh), AUTHTOK_ESTORE);
	ck_assert(world_row(w, mine.sid).revoked_at == 0);
}
END_TEST

START_TEST(without_audit_no_record_is_written)
{
	ends_close(&e);
	open_all(NULL, false);
	e.chain_fails = true; /* nobody asks it */
	ck_assert_int_eq(by_claims(AUTHTOK_OTHERS), AUTHTOK_OK);
	ck_assert_int_eq(by_claims(AUTHTOK_LOCAL), AUTHTOK_OK);
	ck_assert_int_eq(
	    by_refresh(AUTHTOK_GLOBAL, strange.refresh), AUTHTOK_OK);
	ends_log(&e);
	ck_assert_uint_eq(e.count, 0);
}
END_TEST

START_TEST(wrong_arguments)
{
	struct authtok_client small = client;
	const char *t = mine.refresh;
	size_t len = strlen(t);

	small.size = 1;
	ck_assert_int_eq(
	    authtok_signout(NULL, AUTHTOK_LOCAL, NULL, t, len, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_signout(w->sessions, AUTHTOK_LOCAL, NULL, NULL, 0, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_signout(w->sessions, (enum authtok_scope)0,
			     NULL, t, len, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_signout(w->sessions, (enum authtok_scope)4,
			     NULL, t, len, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_signout(w->sessions, AUTHTOK_LOCAL, NULL, t, len, &small),
	    AUTHTOK_EINVAL);
	left(true, true);
}
END_TEST

static void
add_refresh(Suite *suite)
{
	TCase *tc = tcase_create("by a refresh token");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, an_accepted_token_ends_its_session, 0, GOOD);
	tcase_add_loop_test(tc, an_accepted_token_ends_the_others, 0, GOOD);
	tcase_add_loop_test(tc, an_accepted_token_ends_all, 0, GOOD);
	tcase_add_loop_test(
	    tc, any_other_genuine_token_ends_its_own_session_only, 0, BAD * 3);
	tcase_add_test(tc, of_both_the_live_refresh_token_counts);
	tcase_add_loop_test(
	    tc, a_dead_refresh_token_hides_no_access_token, 0, 5);
	tcase_add_test(tc, both_of_an_ended_session_are_ok);
	tcase_add_test(tc, for_more_the_claims_count);
	tcase_add_loop_test(
	    tc, claims_without_a_session_hide_no_refresh_token, 0, 2);
	tcase_add_test(tc, a_store_that_fails_is_no_verdict);
	tcase_add_loop_test(
	    tc, what_is_dead_already_is_ok, AUTHTOK_LOCAL, AUTHTOK_GLOBAL + 1);
	tcase_add_test(tc, a_forged_token_ends_nothing);
	suite_add_tcase(suite, tc);

	tc = tcase_create("strict");
	tcase_add_checked_fixture(tc, setup_strict, teardown);
	tcase_add_loop_test(tc, strict_accepts_no_used_token, 0, 6);
	suite_add_tcase(suite, tc);
}

static void
add_faults(Suite *suite)
{
	TCase *tc = tcase_create("faults");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, without_a_record_nothing_is_done);
	tcase_add_loop_test(tc, a_store_that_fails_is_told, 0,
	    2 * (int)(sizeof(writes) / sizeof(writes[0])) - 1);
	tcase_add_test(tc, a_read_that_fails_is_told);
	tcase_add_test(tc, local_and_global_need_no_pull);
	tcase_add_test(tc, others_whose_pull_fails_are_asked_for_again);
	tcase_add_test(tc, global_goes_on_when_the_user_changed);
	tcase_add_test(tc, global_is_busy_after_eight_races);
	tcase_add_test(tc, global_stops_at_the_last_epoch);
	tcase_add_test(tc, without_audit_no_record_is_written);
	tcase_add_test(tc, wrong_arguments);
	suite_add_tcase(suite, tc);
}

int
main(void)
{
	Suite *suite = suite_create("sign-out");
	TCase *tc = tcase_create("by an access token");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, after_local_the_access_token_is_dead);
	tcase_add_test(tc, after_others_their_access_tokens_are_dead);
	tcase_add_test(tc, after_global_all_access_tokens_are_dead);
	tcase_add_test(tc, every_access_token_of_the_session_is_dead);
	tcase_add_test(tc, a_session_that_is_gone_is_signed_out);
	tcase_add_test(tc, a_user_that_is_gone_is_signed_out);
	tcase_add_test(tc, claims_must_name_session_and_user);
	suite_add_tcase(suite, tc);
	add_refresh(suite);
	add_faults(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
