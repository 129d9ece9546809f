/*
 * Cases: what cannot matter any more is removed, and nothing else. May know:
 * store.h.
 */
#include "suite.h"

#define NEVER INT64_MIN /* idle_before by which nothing is idle */

static void
add_at(struct at_run *run, int64_t user_id, uint32_t tag, int64_t expires_at,
    int64_t rotated_at)
{
	struct authtok_session s;

	at_session(&s, user_id, tag);
	s.expires_at = expires_at;
	s.rotated_at = rotated_at;
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 0, &at_when);
}

static bool
is_there(struct at_run *run, uint32_t tag)
{
	uint8_t sid[AUTHTOK_SID_LEN];

	at_sid(sid, tag);
	return at_is_live(run, sid) || at_is_revoked(run, sid);
}

static void
expired(struct at_run *run)
{
	struct authtok_user user;
	size_t n = 7;

	if (!at_user_add(run, &user, "anna"))
		return;
	add_at(run, user.id, 1, AT_NOW - 1, AT_NOW - 9);
	add_at(run, user.id, 2, AT_NOW, AT_NOW - 9);
	add_at(run, user.id, 3, AT_NOW + 1, AT_NOW - 9);
	EXPECT_ERR(
	    run, AUTHTOK_OK, purge, AT_NOW, NEVER, 100, &n, &(bool){ false });
	EXPECT_NUM(run, 2, n, "*ret_count");
	EXPECT(run, !is_there(run, 1), "an expired session was left");
	EXPECT(run, !is_there(run, 2), "expires_at == now was left");
	EXPECT(run, is_there(run, 3), "expires_at > now was purged");
	EXPECT_NUM(run, 0, at_events(run), "revocations");
	EXPECT_USER(run, &user);
}

static void
idle(struct at_run *run)
{
	struct authtok_user user;
	size_t n = 7;

	if (!at_user_add(run, &user, "anna"))
		return;
	add_at(run, user.id, 1, INT64_MAX, AT_NOW - 101);
	add_at(run, user.id, 2, INT64_MAX, AT_NOW - 100);
	add_at(run, user.id, 3, INT64_MAX, AT_NOW - 99);
	EXPECT_ERR(run, AUTHTOK_OK, purge, AT_NOW, AT_NOW - 100, 100, &n,
	    &(bool){ false });
	EXPECT_NUM(run, 2, n, "*ret_count");
	EXPECT(run, !is_there(run, 1), "an idle session was left");
	EXPECT(run, !is_there(run, 2), "rotated_at == idle_before was left");
	EXPECT(run, is_there(run, 3), "rotated_at > idle_before was purged");
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

static void
revoked(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_act when = { .now = 0, .until = INT64_MAX };
	uint8_t sid[AUTHTOK_SID_LEN];
	uint32_t tag;
	size_t n = 7;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (tag = 1; tag <= 3; tag++) {
		add_at(run, user.id, tag, INT64_MAX, AT_NOW);
		at_sid(sid, tag);
		when.now = AT_NOW - 102 + (int64_t)tag;
		EXPECT_ERR(run, AUTHTOK_OK, session_revoke, sid, &when);
	}
	/* a live one has revoked_at 0, which is below every hour */
	add_at(run, user.id, 4, INT64_MAX, AT_NOW);
	EXPECT_ERR(run, AUTHTOK_OK, purge, AT_NOW, AT_NOW - 100, 100, &n,
	    &(bool){ false });
	EXPECT_NUM(run, 2, n, "*ret_count");
	EXPECT(run, !is_there(run, 1), "a session revoked long ago was left");
	EXPECT(run, !is_there(run, 2), "revoked_at == idle_before was left");
	EXPECT(run, is_there(run, 3), "revoked_at > idle_before was purged");
	EXPECT(run, is_there(run, 4), "a live session was purged");
	EXPECT_NUM(run, 3, at_events(run), "revocations");
}

static void
events(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	struct authtok_act when = { .now = AT_NOW - 100, .until = 0 };
	uint8_t sid[AUTHTOK_SID_LEN];
	uint32_t tag;
	size_t n = 7;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (tag = 1; tag <= 3; tag++) {
		if (!at_session_add(run, &s, user.id, tag))
			return;
		when.until = AT_NOW - 2 + (int64_t)tag;
		EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &when);
	}
	EXPECT_ERR(
	    run, AUTHTOK_OK, purge, AT_NOW, NEVER, 100, &n, &(bool){ false });
	EXPECT_NUM(run, 2, n, "*ret_count");
	for (tag = 1; tag <= 3; tag++) {
		at_sid(sid, tag);
		EXPECT_NUM(run, tag == 3, at_events_of_session(run, sid),
		    "revocations of the session");
		EXPECT(run, at_is_revoked(run, sid),
		    "a revoked session changed with its revocation");
	}
}

static void
events_of_users(struct at_run *run)
{
	static const struct authtok_act old = { .now = AT_NOW - 9,
		.until = AT_NOW };
	struct authtok_user anna, berta;
	size_t n = 7;

	if (!at_user_add(run, &anna, "anna") ||
	    !at_user_add(run, &berta, "berta"))
		return;
	anna.epoch = 7;
	EXPECT_ERR(
	    run, AUTHTOK_OK, user_update, &anna, AUTHTOK_END_NONE, NULL, &old);
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, berta.id, &at_when);
	EXPECT_ERR(
	    run, AUTHTOK_OK, purge, AT_NOW, NEVER, 100, &n, &(bool){ false });
	EXPECT_NUM(run, 1, n, "*ret_count");
	EXPECT_NUM(run, 0, at_events_of_user(run, anna.id, 7),
	    "revocations of the first user");
	EXPECT_NUM(run, 1, at_events_of_user(run, berta.id, INT64_MAX),
	    "revocations of the deleted user");
	anna.version++;
	EXPECT_USER(run, &anna);
}

/* A cursor that was handed out stays good: numbers do not begin anew. */
static void
seq_goes_on(struct at_run *run)
{
	static const struct authtok_act old = { .now = AT_NOW - 9,
		.until = AT_NOW };
	struct authtok_user user;
	struct authtok_session first, second;
	struct authtok_revocation before, after;
	size_t n = 7;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &first, user.id, 1) ||
	    !at_session_add(run, &second, user.id, 2))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, first.sid, &old);
	if (!at_last_event(run, &before))
		return;
	EXPECT_ERR(
	    run, AUTHTOK_OK, purge, AT_NOW, NEVER, 100, &n, &(bool){ false });
	EXPECT_NUM(run, 0, at_events(run), "revocations after the purge");
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, second.sid, &at_when);
	if (!at_last_event(run, &after))
		return;
	EXPECT(run, after.seq > before.seq, "a seq came again after a purge");
}

/* Sessions 0 to 9 have expired, those from 4 on have been revoked too. */
static bool
litter(struct at_run *run, int64_t user_id)
{
	static const struct authtok_act old = { .now = AT_NOW - 9,
		.until = AT_NOW };
	uint8_t sid[AUTHTOK_SID_LEN];
	uint32_t tag;

	for (tag = 0; tag < 10; tag++) {
		add_at(run, user_id, tag, AT_NOW, AT_NOW);
		at_sid(sid, tag);
		if (tag >= 4 &&
		    !EXPECT_ERR(run, AUTHTOK_OK, session_revoke, sid, &old))
			return false;
	}
	return true;
}

static void
limit(struct at_run *run)
{
	struct authtok_user user;
	size_t n = 7, left = 16, now_left;
	unsigned rounds = 0;
	bool more = true;

	if (!at_user_add(run, &user, "anna") || !litter(run, user.id))
		return;
	if (EXPECT_ERR(run, AUTHTOK_OK, purge, AT_NOW, NEVER, 0, &n, &more))
		EXPECT_NUM(run, 0, n, "*ret_count with limit 0");
	EXPECT(run, more, "*ret_more when nothing was looked at");
	do {
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, purge, AT_NOW, NEVER, 3, &n, &more) ||
		    !EXPECT(run, n <= 3, "purge removed more than limit"))
			return;
		now_left = at_count_sessions(run, user.id) + at_events(run);
		EXPECT_NUM(
		    run, left - n, now_left, "sessions and revocations left");
		left = now_left;
	} while (more && ++rounds < 40);
	EXPECT(run, !more, "purge never comes to the end");
	EXPECT_NUM(run, 0, left, "rows that purge never removed");
}

static void
keeps(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s[3];
	size_t n = 7;
	uint32_t i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 3; i++)
		if (!at_session_add(run, &s[i], user.id, i))
			return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s[1].sid, &at_when);
	s[1].revoked_at = AT_NOW;
	EXPECT_ERR(run, AUTHTOK_OK, purge, AT_NOW, AT_NOW - 100, 100, &n,
	    &(bool){ false });
	EXPECT_NUM(run, 0, n, "*ret_count");
	for (i = 0; i < 3; i++)
		EXPECT_SESSION(run, &s[i]);
	EXPECT_NUM(run, 1, at_events(run), "revocations");
}

const struct at_case at_cases_purge[] = {
	{ "purge of expired sessions", expired },
	{ "purge of idle sessions", idle },
	{ "purge of revoked sessions", revoked },
	{ "purge of revocations of sessions", events },
	{ "purge of revocations of users", events_of_users },
	{ "purge leaves seq growing", seq_goes_on },
	{ "purge keeps to its limit", limit },
	{ "purge keeps what matters", keeps },
	{ NULL, NULL },
};
