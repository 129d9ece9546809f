/*
 * Cases: sessions are changed by compare-and-swap. May know: store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* A user with one session at gen 0, branch 0. */
static bool
start(struct at_run *run, struct authtok_session *s)
{
	struct authtok_user user;

	return at_user_add(run, &user, "anna") &&
	    at_session_add(run, s, user.id, 1);
}

static void
replaces(struct at_run *run)
{
	struct authtok_session s;
	uint32_t i;

	if (!start(run, &s))
		return;
	s.gen = 1;
	s.branch = 5;
	s.parent = 6;
	s.forwarded_gen = 7;
	s.rotated_at = AT_NOW + 8;
	s.forwarded_at = AT_NOW + 9;
	s.retry_count = AUTHTOK_RETRIES_MAX;
	for (i = 0; i < AUTHTOK_RETRIES_MAX; i++) {
		s.retries[i].gen = 100 - i;
		memset(s.retries[i].mac, (int)(i * 31), AUTHTOK_RETRY_LEN);
	}
	(void)snprintf(s.address, sizeof(s.address), "2001:db8::1");
	(void)snprintf(s.agent, sizeof(s.agent), "another agent");
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 0, 0, true, NULL);
	EXPECT_SESSION(run, &s);
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

static void
takes_away(struct at_run *run)
{
	struct authtok_session s;

	if (!start(run, &s))
		return;
	s.gen = 1;
	s.retry_count = 3;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 0, 0, true, NULL);
	s.gen = 2;
	s.retry_count = 0;
	s.address[0] = s.agent[0] = '\0';
	s.rotated_at = 0;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 1, 0, true, NULL);
	EXPECT_SESSION(run, &s);
}

static void
edges(struct at_run *run)
{
	struct authtok_session s;
	uint32_t i;

	if (!start(run, &s))
		return;
	s.gen = s.branch = s.parent = s.forwarded_gen = UINT32_MAX;
	s.rotated_at = INT64_MAX;
	s.forwarded_at = INT64_MIN;
	s.retry_count = AUTHTOK_RETRIES_MAX;
	for (i = 0; i < AUTHTOK_RETRIES_MAX; i++) {
		s.retries[i].gen = UINT32_MAX;
		memset(s.retries[i].mac, 0xff, AUTHTOK_RETRY_LEN);
	}
	memset(s.address, 'f', AUTHTOK_ADDRESS_MAX);
	memset(s.agent, 'z', AUTHTOK_AGENT_MAX);
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 0, 0, false, NULL);
	EXPECT_SESSION(run, &s);
	(void)snprintf(s.agent, sizeof(s.agent), "again");
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, UINT32_MAX, UINT32_MAX,
	    false, NULL);
	EXPECT_SESSION(run, &s);
}

static void
leaves_the_rest(struct at_run *run)
{
	struct authtok_user anna, berta;
	struct authtok_session s, other, next;

	if (!at_user_add(run, &anna, "anna") ||
	    !at_user_add(run, &berta, "berta") ||
	    !at_session_add(run, &s, anna.id, 1) ||
	    !at_session_add(run, &other, anna.id, 2))
		return;
	next = s;
	next.user_id = berta.id;
	next.created_at = 1;
	next.expires_at = 2;
	next.revoked_at = 3;
	memset(next.seed, 0xee, sizeof(next.seed));
	next.gen = s.gen = 1;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &next, 0, 0, true, NULL);
	EXPECT_SESSION(run, &s);
	EXPECT_SESSION(run, &other);
	EXPECT_NUM(run, 0, at_count_sessions(run, berta.id), "sessions");
}

static void
copies(struct at_run *run)
{
	struct authtok_session s, given;

	if (!start(run, &s))
		return;
	s.gen = 1;
	given = s;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &given, 0, 0, false, NULL);
	memset(&given, 'x', sizeof(given));
	EXPECT_SESSION(run, &s);
}

static void
compares(struct at_run *run)
{
	struct authtok_session s, next;

	if (!start(run, &s))
		return;
	s.gen = 3;
	s.branch = 2;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 0, 0, true, NULL);
	next = s;
	next.gen = 9;
	(void)snprintf(next.agent, sizeof(next.agent), "stale");
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 0, 0, true, NULL);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 2, 2, true, NULL);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 4, 2, true, NULL);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 3, 1, false, NULL);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 3, 3, false, NULL);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 9, 2, false, NULL);
	EXPECT_SESSION(run, &s);
}

static void
one_successor(struct at_run *run)
{
	struct authtok_session s, next;

	if (!start(run, &s))
		return;
	next = s;
	s.gen = 1;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 0, 0, false, NULL);
	next.gen = 1;
	(void)snprintf(next.agent, sizeof(next.agent), "second");
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 0, 0, false, NULL);
	EXPECT_SESSION(run, &s);
	/* a branch counts as much as a generation */
	s.branch = 1;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 1, 0, false, NULL);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 1, 0, false, NULL);
	EXPECT_SESSION(run, &s);
}

static void
of_revoked(struct at_run *run)
{
	struct authtok_session s, next;

	if (!start(run, &s))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &at_when);
	next = s;
	next.gen = 1;
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 0, 0, true, NULL);
	s.revoked_at = AT_NOW;
	EXPECT_SESSION(run, &s);
}

static void
of_gone(struct at_run *run)
{
	struct authtok_session s, got;
	struct authtok_owner owner;

	if (!start(run, &s))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_delete, s.sid, 0, 0);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_update, &s, 0, 0, true, NULL);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_find, s.sid, &got, &owner);
	at_sid(s.sid, 77);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_update, &s, 0, 0, true, NULL);
}

/* Policy is the caller's: neither the clock nor the user is looked at. */
static void
no_policy(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;

	if (!at_user_add(run, &user, "anna"))
		return;
	at_session(&s, user.id, 1);
	s.expires_at = 1;
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 0, &at_when);
	user.disabled = true;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &at_when);
	s.gen = 1;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 0, 0, true, NULL);
	EXPECT_SESSION(run, &s);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &at_when);
	s.revoked_at = AT_NOW;
	EXPECT_SESSION(run, &s);
	EXPECT_NUM(run, 1, at_events_of_session(run, s.sid),
	    "revocations of the session");
}

/* What a store answers to it is its own affair, as long as it is not OK. */
static void
generations_never_fall(struct at_run *run)
{
	struct authtok_session s, next;

	if (!start(run, &s))
		return;
	s.gen = 5;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 0, 0, true, NULL);
	next = s;
	next.gen = 4;
	EXPECT(run,
	    OP(run, session_update, &next, 5, 0, true, NULL) != AUTHTOK_OK,
	    "session_update took a lower generation");
	EXPECT_SESSION(run, &s);
}

static void
many_rotations(struct at_run *run)
{
	struct authtok_session s;
	uint32_t gen;

	if (!start(run, &s))
		return;
	for (gen = 0; gen < 300; gen++) {
		s.gen = gen + 1;
		s.parent = s.branch;
		s.rotated_at = AT_NOW + gen;
		(void)snprintf(s.agent, sizeof(s.agent), "agent %u", gen);
		if (!EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, gen, 0,
			false, NULL) ||
		    !EXPECT_SESSION(run, &s))
			return;
	}
}

/* The order of max_live is that of the last rotation, not of the first. */
static void
moves_in_the_order(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session first, second, third;

	if (!at_user_add(run, &user, "anna"))
		return;
	at_session(&first, user.id, 1);
	first.rotated_at = AT_NOW - 100;
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &first, 1, 0, &at_when);
	at_session(&second, user.id, 2);
	second.rotated_at = AT_NOW - 50;
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &second, 1, 0, &at_when);
	first.gen = 1;
	first.rotated_at = AT_NOW - 1;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &first, 0, 0, false, NULL);
	at_session(&third, user.id, 3);
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &third, 1, 2, &at_when);
	EXPECT(run, at_is_live(run, first.sid),
	    "max_live ended a session that was rotated lately");
	EXPECT(run, at_is_revoked(run, second.sid),
	    "max_live did not end the session that was rotated first");
}

const struct at_case at_cases_rotation[] = {
	{ "session_update replaces", replaces },
	{ "session_update takes away", takes_away },
	{ "session_update with the largest values", edges },
	{ "session_update leaves the rest", leaves_the_rest },
	{ "session_update copies its argument", copies },
	{ "session_update compares gen and branch", compares },
	{ "session_update has one successor", one_successor },
	{ "session_update of a revoked session", of_revoked },
	{ "session_update of a session that is gone", of_gone },
	{ "session_update has no policy", no_policy },
	{ "generations never fall", generations_never_fall },
	{ "many rotations", many_rotations },
	{ "a rotation moves a session in the order", moves_in_the_order },
	{ NULL, NULL },
};
