/*
 * Cases: sessions are revoked and deleted, and the store tells. May know:
 * store.h.
 */
#include "suite.h"

#include <string.h>

static void
revokes(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s, other;
	struct authtok_revocation event;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1) ||
	    !at_session_add(run, &other, user.id, 2))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &at_when);
	s.revoked_at = AT_NOW;
	EXPECT_SESSION(run, &s);
	EXPECT_SESSION(run, &other);
	EXPECT_NUM(run, 1, at_events(run), "revocations");
	if (!at_last_event(run, &event))
		return;
	EXPECT_NUM(run, 0, event.user_id, "its user_id");
	EXPECT(run, memcmp(event.sid, s.sid, AUTHTOK_SID_LEN) == 0,
	    "its sid is not the session's");
	EXPECT_NUM(run, AT_NOW, event.at, "its at");
	EXPECT_NUM(run, AT_UNTIL, event.until, "its until");
}

static void
revokes_once(struct at_run *run)
{
	static const struct authtok_act later = { .now = AT_NOW + 50,
		.until = AT_UNTIL + 50 };
	struct authtok_user user;
	struct authtok_session s;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &at_when);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &later);
	s.revoked_at = AT_NOW;
	EXPECT_SESSION(run, &s);
	EXPECT_NUM(run, 1, at_events(run), "revocations");
}

static void
revokes_nothing(struct at_run *run)
{
	uint8_t sid[AUTHTOK_SID_LEN];

	at_sid(sid, 1);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_revoke, sid, &at_when);
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

static void
revokes_all_bytes(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	unsigned i, k;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 256; i += 15) {
		at_session(&s, user.id, 0);
		for (k = 0; k < AUTHTOK_SID_LEN; k++)
			s.sid[k] = (uint8_t)(i + k);
		EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 0, &at_when);
		EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &at_when);
		EXPECT_NUM(run, 1, at_events_of_session(run, s.sid),
		    "revocations of the session");
	}
}

/* Three sessions of anna, one of berta; the third of anna has expired. */
struct crowd {
	struct authtok_user anna, berta;
	struct authtok_session s[3], other;
};

static bool
gather(struct at_run *run, struct crowd *crowd)
{
	if (!at_user_add(run, &crowd->anna, "anna") ||
	    !at_user_add(run, &crowd->berta, "berta") ||
	    !at_session_add(run, &crowd->s[0], crowd->anna.id, 1) ||
	    !at_session_add(run, &crowd->s[1], crowd->anna.id, 2) ||
	    !at_session_add(run, &crowd->other, crowd->berta.id, 4))
		return false;
	at_session(&crowd->s[2], crowd->anna.id, 3);
	crowd->s[2].expires_at = AT_NOW;
	return EXPECT_ERR(
	    run, AUTHTOK_OK, session_create, &crowd->s[2], 1, 0, &at_when);
}

/* session_revoke_user without keep, at a time, raises anna from epoch. */
static bool
raises_at(
    struct at_run *run, struct authtok_user *anna, int64_t now, int64_t epoch)
{
	const struct authtok_act when = { .now = now, .until = now + 3605 };
	struct authtok_revocation event;
	size_t n = 7, before = at_events_of_user(run, anna->id, epoch);

	anna->epoch = epoch;
	anna->version++;
	return EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, anna->id, NULL,
		   &when, &n) &&
	    EXPECT_USER(run, anna) &&
	    EXPECT_NUM(run, before + 1, at_events_of_user(run, anna->id, epoch),
		"revocations of the user with the new epoch") &&
	    at_last_event(run, &event) &&
	    EXPECT_NUM(run, now, event.at, "at of the last revocation") &&
	    EXPECT_NUM(
		run, now + 3605, event.until, "until of the last revocation");
}

/*
 * The time, so that tokens which a store that was set back never saw are below
 * it; one more when the clock is behind, or many come in one second.
 */
static void
revoke_user_raises(struct at_run *run)
{
	struct crowd crowd;
	struct authtok_user *anna = &crowd.anna;

	if (!gather(run, &crowd) || !raises_at(run, anna, AT_NOW, AT_NOW) ||
	    !raises_at(run, anna, AT_NOW, AT_NOW + 1) ||
	    !raises_at(run, anna, AT_NOW - 500, AT_NOW + 2) ||
	    !raises_at(run, anna, AT_NOW + 2, AT_NOW + 3) ||
	    !raises_at(run, anna, AT_NOW + 9, AT_NOW + 9))
		return;
	EXPECT_USER(run, &crowd.berta);
}

/* Whoever read the user before comes too late, with or without sessions. */
static void
revoke_user_shuts_out(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	size_t n;

	if (!at_user_add(run, &user, "anna"))
		return;
	at_session(&s, user.id, 1);
	EXPECT_ERR(
	    run, AUTHTOK_OK, session_revoke_user, user.id, NULL, &at_when, &n);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_create, &s, user.version, 0,
	    &at_when);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, user_update, &user, AUTHTOK_END_NONE,
	    NULL, &at_when);
	EXPECT_ERR(
	    run, AUTHTOK_OK, session_create, &s, user.version + 1, 0, &at_when);
}

/* An epoch that no token can carry would leave the others good. */
static void
revoke_user_at_the_end(struct at_run *run)
{
	static const int64_t ends[] = { AUTHTOK_EPOCH_MAX,
		AUTHTOK_EPOCH_MAX + 1, INT64_MAX };
	struct authtok_user user;
	struct authtok_session s;
	size_t i, n = 7;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		user.epoch = ends[i];
		EXPECT_ERR(run, AUTHTOK_OK, user_update, &user,
		    AUTHTOK_END_NONE, NULL, &at_when);
		user.version++;
		EXPECT_ERR(run, AUTHTOK_ESTORE, session_revoke_user, user.id,
		    NULL, &at_when, &n);
		EXPECT_NUM(run, 7, n, "*ret_count after a failure");
		EXPECT_USER(run, &user);
		EXPECT_SESSION(run, &s);
	}
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, user.id,
	    (const uint8_t[AUTHTOK_SID_LEN]){ 0 }, &at_when, &n);
	EXPECT_USER(run, &user);
}

static void
revoke_user_all(struct at_run *run)
{
	struct crowd crowd;
	size_t n = 7;

	if (!gather(run, &crowd))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, crowd.anna.id, NULL,
	    &at_when, &n);
	EXPECT_NUM(run, 2, n, "*ret_count");
	crowd.s[0].revoked_at = crowd.s[1].revoked_at = AT_NOW;
	EXPECT_SESSION(run, &crowd.s[0]);
	EXPECT_SESSION(run, &crowd.s[1]);
	EXPECT_SESSION(run, &crowd.s[2]);
	EXPECT_SESSION(run, &crowd.other);
	EXPECT_NUM(run, 3, at_events(run), "revocations");
	EXPECT_NUM(run, 1, at_events_of_session(run, crowd.s[0].sid),
	    "revocations of the first session");
	EXPECT_NUM(run, 1, at_events_of_session(run, crowd.s[1].sid),
	    "revocations of the second session");
	n = 7;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, crowd.anna.id, NULL,
	    &at_when, &n);
	EXPECT_NUM(run, 0, n, "*ret_count the second time");
	EXPECT_NUM(run, 1, at_events_of_session(run, crowd.s[0].sid),
	    "revocations of the first session");
	EXPECT_USER(run, &crowd.berta);
}

static void
revoke_user_keep(struct at_run *run)
{
	struct crowd crowd;
	struct authtok_revocation event;
	size_t n = 7;

	if (!gather(run, &crowd))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, crowd.anna.id,
	    crowd.s[0].sid, &at_when, &n);
	EXPECT_NUM(run, 1, n, "*ret_count");
	crowd.s[1].revoked_at = AT_NOW;
	EXPECT_SESSION(run, &crowd.s[0]);
	EXPECT_SESSION(run, &crowd.s[1]);
	EXPECT_SESSION(run, &crowd.s[2]);
	EXPECT_SESSION(run, &crowd.other);
	EXPECT_NUM(run, 1, at_events(run), "revocations");
	if (!at_last_event(run, &event))
		return;
	EXPECT_NUM(run, AT_NOW, event.at, "its at");
	EXPECT_NUM(run, AT_UNTIL, event.until, "its until");
	/* somebody else's session keeps nothing */
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, crowd.anna.id,
	    crowd.other.sid, &at_when, &n);
	EXPECT_NUM(run, 1, n, "*ret_count");
	EXPECT_SESSION(run, &crowd.other);
	EXPECT_USER(run, &crowd.anna);
}

static void
revoke_user_none(struct at_run *run)
{
	struct authtok_user user;
	size_t n = 7;

	if (!at_user_add(run, &user, "anna"))
		return;
	EXPECT_ERR(
	    run, AUTHTOK_OK, session_revoke_user, user.id, NULL, &at_when, &n);
	EXPECT_NUM(run, 0, n, "*ret_count");
	EXPECT_NUM(run, 1, at_events(run), "revocations");
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, user.id,
	    (const uint8_t[AUTHTOK_SID_LEN]){ 0 }, &at_when, &n);
	EXPECT_NUM(run, 0, n, "*ret_count");
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, user.id + 1, NULL,
	    &at_when, &n);
	EXPECT_NUM(run, 0, n, "*ret_count without such a user");
	EXPECT_NUM(run, 1, at_events(run), "revocations");
}

static void
delete_removes(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s, other, got;
	struct authtok_owner owner;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1) ||
	    !at_session_add(run, &other, user.id, 2))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_delete, s.sid, 0, 0);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_find, s.sid, &got, &owner);
	EXPECT_ERR(run, AUTHTOK_OK, session_delete, s.sid, 0, 0);
	EXPECT_SESSION(run, &other);
	EXPECT_NUM(run, 1, at_count_sessions(run, user.id), "sessions");
	EXPECT_NUM(run, 0, at_events(run), "revocations");
	EXPECT_USER(run, &user);
}

static void
delete_compares(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	s.gen = 2;
	s.branch = 3;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s, 0, 0, true, NULL);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_delete, s.sid, 0, 0);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_delete, s.sid, 2, 0);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_delete, s.sid, 0, 3);
	EXPECT_SESSION(run, &s);
	EXPECT_ERR(run, AUTHTOK_OK, session_delete, s.sid, 2, 3);
	EXPECT_NUM(run, 0, at_count_sessions(run, user.id), "sessions");
}

static void
delete_keeps_revocation(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &at_when);
	EXPECT_ERR(run, AUTHTOK_OK, session_delete, s.sid, 0, 0);
	EXPECT_NUM(run, 0, at_count_sessions(run, user.id), "sessions");
	EXPECT_NUM(run, 1, at_events_of_session(run, s.sid),
	    "revocations of the session");
}

static void
since_pages(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	struct authtok_revocation page[3];
	uint8_t sid[AUTHTOK_SID_LEN];
	struct authtok_act when = at_when;
	int64_t after = 0;
	size_t i, n, seen = 0;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 5; i++) {
		when.now = AT_NOW - (int64_t)i;
		when.until = AT_UNTIL - (int64_t)i;
		if (!at_session_add(run, &s, user.id, 90 - (uint32_t)i))
			return;
		EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &when);
	}
	do {
		at_poison(&page[2], sizeof(page[2]));
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, revoked_since, after, page, 2, &n) ||
		    !EXPECT(run, n <= 2, "revoked_since gave too many"))
			return;
		EXPECT(run, at_poisoned(&page[2], sizeof(page[2])),
		    "revoked_since wrote beyond cap");
		for (i = 0; i < n; i++, seen++) {
			EXPECT(run, page[i].seq > after, "seq does not grow");
			after = page[i].seq;
			at_sid(sid, 90 - (uint32_t)seen);
			EXPECT(run,
			    memcmp(page[i].sid, sid, AUTHTOK_SID_LEN) == 0,
			    "revocations are not in the order they happened");
			EXPECT_NUM(
			    run, AT_NOW - (int64_t)seen, page[i].at, "its at");
			EXPECT_NUM(run, AT_UNTIL - (int64_t)seen, page[i].until,
			    "its until");
		}
	} while (n == 2);
	EXPECT_NUM(run, 5, seen, "revocations that the pages had");
}

static void
since_overlaps(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	struct authtok_revocation first[4], second[4];
	size_t n, i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 3; i++) {
		if (!at_session_add(run, &s, user.id, (uint32_t)i))
			return;
		EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &at_when);
	}
	if (!EXPECT_ERR(run, AUTHTOK_OK, revoked_since, 0, first, 4, &n) ||
	    !EXPECT_NUM(run, 3, n, "revocations"))
		return;
	/* reading consumes nothing, and any cursor will do */
	if (!EXPECT_ERR(
		run, AUTHTOK_OK, revoked_since, first[0].seq, second, 4, &n) ||
	    !EXPECT_NUM(run, 2, n, "revocations after the first"))
		return;
	EXPECT_NUM(run, first[1].seq, second[0].seq, "seq of the second");
	EXPECT_NUM(run, first[2].seq, second[1].seq, "seq of the third");
	if (EXPECT_ERR(
		run, AUTHTOK_OK, revoked_since, first[2].seq, second, 4, &n))
		EXPECT_NUM(run, 0, n, "revocations after the last");
	if (EXPECT_ERR(run, AUTHTOK_OK, revoked_since, -1, second, 4, &n))
		EXPECT_NUM(run, 3, n, "revocations after -1");
}

/* A time of revocation that would read as "live" is refused, by every op. */
static void
refuses_no_time(struct at_run *run)
{
	static const struct authtok_act whens[] = { { .now = 0,
							.until = AT_UNTIL },
		{ .now = -1, .until = AT_UNTIL },
		{ .now = INT64_MIN, .until = AT_UNTIL } };
	const struct authtok_act *when;
	struct authtok_user user, next;
	struct authtok_session s, other;
	size_t i, n;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	at_session(&other, user.id, 2);
	next = user;
	next.epoch++;
	for (i = 0; i < sizeof(whens) / sizeof(whens[0]); i++) {
		when = &whens[i];
		EXPECT_ERR(run, AUTHTOK_EINVAL, session_revoke, s.sid, when);
		EXPECT_ERR(run, AUTHTOK_EINVAL, session_revoke_user, user.id,
		    NULL, when, &n);
		EXPECT_ERR(
		    run, AUTHTOK_EINVAL, session_create, &other, 1, 1, when);
		EXPECT_ERR(
		    run, AUTHTOK_EINVAL, session_create, &other, 1, 0, when);
		EXPECT_ERR(run, AUTHTOK_EINVAL, user_update, &next,
		    AUTHTOK_END_ALL, NULL, when);
		EXPECT_ERR(run, AUTHTOK_EINVAL, user_update, &user,
		    AUTHTOK_END_NONE, NULL, when);
		EXPECT_ERR(run, AUTHTOK_EINVAL, user_delete, user.id, when);
	}
	EXPECT_USER(run, &user);
	EXPECT_SESSION(run, &s);
	EXPECT_NUM(run, 1, at_count_sessions(run, user.id), "sessions");
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

/* All others than none would be all: more than anybody asked for. */
static void
refuses_others_of_none(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	EXPECT_ERR(run, AUTHTOK_EINVAL, user_update, &user, AUTHTOK_END_OTHERS,
	    NULL, &at_when);
	EXPECT_USER(run, &user);
	EXPECT_SESSION(run, &s);
}

static void
refuses_too_many(struct at_run *run)
{
	struct authtok_user user, more;
	struct authtok_session s, next, other;
	int64_t id = -7;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	at_user(&more, "bert");
	more.role_count = AUTHTOK_ROLES_MAX + 1;
	EXPECT_ERR(run, AUTHTOK_EINVAL, user_create, &more, NULL, &id);
	EXPECT_NUM(run, -7, id, "the id of a user that was refused");
	more = user;
	more.role_count = AUTHTOK_ROLES_MAX + 1;
	EXPECT_ERR(run, AUTHTOK_EINVAL, user_update, &more, AUTHTOK_END_NONE,
	    NULL, &at_when);
	at_session(&other, user.id, 2);
	other.retry_count = AUTHTOK_RETRIES_MAX + 1;
	EXPECT_ERR(run, AUTHTOK_EINVAL, session_create, &other, 1, 0, &at_when);
	next = s;
	next.gen++;
	next.retry_count = AUTHTOK_RETRIES_MAX + 1;
	EXPECT_ERR(run, AUTHTOK_EINVAL, session_update, &next, s.gen, s.branch,
	    true, NULL);
	EXPECT_USER(run, &user);
	EXPECT_SESSION(run, &s);
}

const struct at_case at_cases_revoke[] = {
	{ "session_revoke", revokes },
	{ "session_revoke twice", revokes_once },
	{ "session_revoke of nothing", revokes_nothing },
	{ "session_revoke of any sid", revokes_all_bytes },
	{ "session_revoke_user: all", revoke_user_all },
	{ "session_revoke_user: all but one", revoke_user_keep },
	{ "session_revoke_user: none", revoke_user_none },
	{ "session_revoke_user: the epoch", revoke_user_raises },
	{ "session_revoke_user: the version", revoke_user_shuts_out },
	{ "session_revoke_user: no epoch is left", revoke_user_at_the_end },
	{ "session_delete removes", delete_removes },
	{ "session_delete compares gen and branch", delete_compares },
	{ "session_delete keeps the revocation", delete_keeps_revocation },
	{ "revoked_since in pages", since_pages },
	{ "revoked_since overlaps", since_overlaps },
	{ "no revocation without a time", refuses_no_time },
	{ "no others than none", refuses_others_of_none },
	{ "no more than there is room for", refuses_too_many },
	{ NULL, NULL },
};
