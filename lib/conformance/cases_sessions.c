/*
 * Cases: sessions are created, found and listed. May know: store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

static void
create_takes_every_field(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	uint32_t i;

	if (!at_user_add(run, &user, "anna"))
		return;
	at_session(&s, user.id, 1);
	s.gen = 3;
	s.branch = 2;
	s.parent = 1;
	s.forwarded_gen = 4;
	s.rotated_at = AT_NOW - 1;
	s.forwarded_at = AT_NOW - 2;
	s.retry_count = 2;
	for (i = 0; i < 2; i++) {
		s.retries[i].gen = 7 + i;
		memset(s.retries[i].mac, (int)i, AUTHTOK_RETRY_LEN);
	}
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 0, &at_when);
	EXPECT_SESSION(run, &s);
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

static void
create_copies(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s, given;
	struct authtok_act when = at_when;

	if (!at_user_add(run, &user, "anna"))
		return;
	at_session(&s, user.id, 1);
	given = s;
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &given, 1, 0, &when);
	memset(&given, 'x', sizeof(given));
	memset(&when, 'x', sizeof(when));
	EXPECT_SESSION(run, &s);
}

static void
edges(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	uint32_t i;

	if (!at_user_add(run, &user, "anna"))
		return;
	at_session(&s, user.id, 1);
	s.gen = s.branch = s.parent = s.forwarded_gen = UINT32_MAX;
	s.created_at = INT64_MIN;
	s.expires_at = s.rotated_at = s.forwarded_at = INT64_MAX;
	s.retry_count = AUTHTOK_RETRIES_MAX;
	for (i = 0; i < AUTHTOK_RETRIES_MAX; i++) {
		s.retries[i].gen = UINT32_MAX - i;
		memset(s.retries[i].mac, 0xff - (int)i, AUTHTOK_RETRY_LEN);
	}
	memset(s.address, ':', AUTHTOK_ADDRESS_MAX);
	memset(s.agent, '~', AUTHTOK_AGENT_MAX);
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 0, &at_when);
	EXPECT_SESSION(run, &s);
	at_session(&s, user.id, 2);
	s.created_at = s.rotated_at = s.forwarded_at = INT64_MIN;
	s.address[0] = s.agent[0] = '\0';
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 0, &at_when);
	EXPECT_SESSION(run, &s);
}

static void
texts_for_people(struct at_run *run)
{
	static const char *const agents[] = {
		"M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80",
		"'; DROP TABLE session; --", "\"\\%s%n\t\r\n\x01\x7f", "NULL",
		" ", "0x00", "1e3"
	};
	struct authtok_user user;
	struct authtok_session s;
	uint32_t i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < sizeof(agents) / sizeof(agents[0]); i++) {
		at_session(&s, user.id, i);
		(void)snprintf(s.agent, sizeof(s.agent), "%s", agents[i]);
		(void)snprintf(
		    s.address, sizeof(s.address), "fe80::%u%%eth0", i);
		EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 0, &at_when);
		EXPECT_SESSION(run, &s);
	}
}

/* Session i has the bytes i, i + 1, … in its sid, and downwards in the rest. */
static void
byte_session(struct authtok_session *s, int64_t user_id, unsigned i)
{
	size_t k;

	at_session(s, user_id, 0);
	for (k = 0; k < AUTHTOK_SID_LEN; k++)
		s->sid[k] = (uint8_t)(i + k);
	for (k = 0; k < AUTHTOK_SEED_LEN; k++)
		s->seed[k] = (uint8_t)(i - k);
	s->retry_count = 1;
	for (k = 0; k < AUTHTOK_RETRY_LEN; k++)
		s->retries[0].mac[k] = (uint8_t)(i * 2 + k);
}

static void
every_byte(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	unsigned i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 256; i++) {
		byte_session(&s, user.id, i);
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, session_create, &s, 1, 0, &at_when))
			return;
	}
	for (i = 0; i < 256; i++) {
		byte_session(&s, user.id, i);
		if (!EXPECT_SESSION(run, &s))
			return;
	}
	EXPECT_NUM(run, 256, at_count_sessions(run, user.id), "sessions");
}

/* A sid is bytes, not text: a NUL ends nothing, every byte counts. */
static void
sids_are_bytes(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s[AUTHTOK_SID_LEN + 1];
	size_t i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i <= AUTHTOK_SID_LEN; i++) {
		at_session(&s[i], user.id, 0);
		if (i < AUTHTOK_SID_LEN)
			s[i].sid[i] = 1;
		(void)snprintf(
		    s[i].agent, sizeof(s[i].agent), "%u", (unsigned)i);
		EXPECT_ERR(
		    run, AUTHTOK_OK, session_create, &s[i], 1, 0, &at_when);
	}
	for (i = 0; i <= AUTHTOK_SID_LEN; i++)
		EXPECT_SESSION(run, &s[i]);
}

static void
create_for_nobody(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s, got;
	struct authtok_owner owner;

	if (!at_user_add(run, &user, "anna"))
		return;
	at_session(&s, user.id + 1, 1);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_create, &s, 1, 0, &at_when);
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, user.id, &at_when);
	s.user_id = user.id;
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_create, &s, 1, 0, &at_when);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_find, s.sid, &got, &owner);
}

static void
create_for_changed(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s, got;
	struct authtok_owner owner;

	if (!at_user_add(run, &user, "anna"))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &at_when);
	at_session(&s, user.id, 1);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_create, &s, 1, 0, &at_when);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_create, &s, 3, 0, &at_when);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_find, s.sid, &got, &owner);
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 2, 0, &at_when);
}

static void
create_for_disabled(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;

	at_user(&user, "anna");
	user.disabled = true;
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
		return;
	user.version = 1;
	at_session(&s, user.id, 1);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_create, &s, 1, 0, &at_when);
	EXPECT_NUM(run, 0, at_count_sessions(run, user.id), "sessions");
	user.disabled = false;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &at_when);
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 2, 0, &at_when);
}

static void
create_twice(struct at_run *run)
{
	struct authtok_user anna, berta;
	struct authtok_session first, second;

	if (!at_user_add(run, &anna, "anna") ||
	    !at_user_add(run, &berta, "berta") ||
	    !at_session_add(run, &first, anna.id, 1))
		return;
	at_session(&second, anna.id, 1);
	(void)snprintf(second.agent, sizeof(second.agent), "second");
	EXPECT_ERR(
	    run, AUTHTOK_EINVAL, session_create, &second, 1, 1, &at_when);
	second.user_id = berta.id;
	EXPECT_ERR(
	    run, AUTHTOK_EINVAL, session_create, &second, 1, 1, &at_when);
	EXPECT_SESSION(run, &first);
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

/* Sessions 1 to n of the user, session i rotated at AT_NOW - 50 + at[i]. */
static bool
add_rotated(struct at_run *run, struct authtok_session *s, int64_t user_id,
    const int *at, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		at_session(&s[i], user_id, i + 1);
		s[i].rotated_at = AT_NOW - 50 + at[i];
		s[i].created_at = AT_NOW - 50 - at[i];
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, session_create, &s[i], 1, 0, &at_when))
			return false;
	}
	return true;
}

static void
limit_ends_oldest(struct at_run *run)
{
	static const int at[] = { 3, 1, 2 };
	struct authtok_user user;
	struct authtok_session s[3], fourth;
	struct authtok_revocation event;

	if (!at_user_add(run, &user, "anna") ||
	    !add_rotated(run, s, user.id, at, 3))
		return;
	at_session(&fourth, user.id, 9);
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &fourth, 1, 3, &at_when);
	s[1].revoked_at = AT_NOW;
	EXPECT_SESSION(run, &s[0]);
	EXPECT_SESSION(run, &s[1]);
	EXPECT_SESSION(run, &s[2]);
	EXPECT_SESSION(run, &fourth);
	EXPECT_NUM(run, 1, at_events(run), "revocations");
	if (!at_last_event(run, &event))
		return;
	EXPECT_NUM(run, 0, event.user_id, "its user_id");
	EXPECT(run, memcmp(event.sid, s[1].sid, AUTHTOK_SID_LEN) == 0,
	    "its sid is not the ended session's");
	EXPECT_NUM(run, AT_NOW, event.at, "its at");
	EXPECT_NUM(run, AT_UNTIL, event.until, "its until");
}

static void
limit_lowered(struct at_run *run)
{
	static const int at[] = { 5, 1, 4, 2, 3 };
	static const bool stays[] = { true, false, true, false, false };
	struct authtok_user user;
	struct authtok_session s[5], sixth;
	uint32_t i;

	if (!at_user_add(run, &user, "anna") ||
	    !add_rotated(run, s, user.id, at, 5))
		return;
	at_session(&sixth, user.id, 9);
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &sixth, 1, 3, &at_when);
	for (i = 0; i < 5; i++) {
		s[i].revoked_at = stays[i] ? 0 : AT_NOW;
		EXPECT_SESSION(run, &s[i]);
		EXPECT_NUM(run, !stays[i], at_events_of_session(run, s[i].sid),
		    "revocations of the session");
	}
	EXPECT_NUM(run, 3, at_count_live(run, user.id), "live sessions");
}

static void
limit_of_one(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	uint32_t i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 4; i++) {
		at_session(&s, user.id, i);
		s.rotated_at = AT_NOW - 4 + i;
		EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 1, &at_when);
		EXPECT(run, at_is_live(run, s.sid),
		    "the new session was ended by the limit");
		EXPECT_NUM(
		    run, 1, at_count_live(run, user.id), "live sessions");
		EXPECT_NUM(run, i, at_events(run), "revocations");
	}
}

static void
limit_not_reached(struct at_run *run)
{
	struct authtok_user anna, berta;
	struct authtok_session s;
	uint32_t i;

	if (!at_user_add(run, &anna, "anna") ||
	    !at_user_add(run, &berta, "berta"))
		return;
	for (i = 0; i < 3; i++) {
		at_session(&s, anna.id, 2 * i);
		EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 3, &at_when);
		at_session(&s, berta.id, 2 * i + 1);
		EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, UINT32_MAX,
		    &at_when);
	}
	EXPECT_NUM(run, 3, at_count_live(run, anna.id), "live sessions");
	EXPECT_NUM(run, 3, at_count_live(run, berta.id), "live sessions");
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

/* Neither revoked nor expired ones take a place; the end is exclusive, as in
 * purge: at expires_at a session is past it. */
static void
limit_counts_live(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session live, revoked, expired, fresh;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &live, user.id, 1) ||
	    !at_session_add(run, &revoked, user.id, 2))
		return;
	at_session(&expired, user.id, 3);
	expired.expires_at = AT_NOW;
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &expired, 1, 0, &at_when);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, revoked.sid, &at_when);
	at_session(&fresh, user.id, 4);
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &fresh, 1, 2, &at_when);
	EXPECT_SESSION(run, &live);
	EXPECT_SESSION(run, &expired);
	EXPECT_SESSION(run, &fresh);
	EXPECT_NUM(run, 1, at_events(run), "revocations");
}

static void
refused_ends_nothing(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session first, second;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &first, user.id, 1))
		return;
	at_session(&second, user.id, 2);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_create, &second, 2, 1, &at_when);
	EXPECT_SESSION(run, &first);
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

static void
set_roles(struct authtok_user *user, size_t n)
{
	size_t i;

	user->role_count = n;
	for (i = 0; i < n; i++)
		(void)snprintf(user->roles[i], sizeof(user->roles[i]), "role%u",
		    (unsigned)i);
}

static void
find_gives_owner(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s, got;
	struct authtok_owner owner;
	const char *wrong;
	unsigned i;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	for (i = 0; i < 3; i++) {
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, session_find, s.sid, &got, &owner))
			return;
		wrong = at_owner_differs(&user, &owner);
		EXPECT(run, !wrong, wrong);
		user.epoch += 2;
		user.disabled = !user.disabled;
		set_roles(&user, i == 0 ? AUTHTOK_ROLES_MAX : 0);
		EXPECT_ERR(run, AUTHTOK_OK, user_update, &user,
		    AUTHTOK_END_NONE, NULL, &at_when);
		user.version++;
	}
}

static void
find_nothing(struct at_run *run)
{
	struct authtok_session got;
	struct authtok_owner owner;
	uint8_t sid[AUTHTOK_SID_LEN];

	at_sid(sid, 5);
	at_poison(&got, sizeof(got));
	at_poison(&owner, sizeof(owner));
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_find, sid, &got, &owner);
	EXPECT(run,
	    at_poisoned(&got, sizeof(got)) &&
		at_poisoned(&owner, sizeof(owner)),
	    "a session_find that failed wrote its results");
}

static void
list_pages(struct at_run *run)
{
	static const uint32_t tags[] = { 0x80000000u, 0, 0x7fffffffu,
		0xffffffffu, 0x00ff0001u, 0x00000100u, 0x41424344u };
	static const size_t order[] = { 1, 5, 4, 6, 2, 0, 3 };
	struct authtok_user anna, berta;
	struct authtok_session s[7], other, page[3];
	const uint8_t *after = NULL;
	const char *wrong;
	size_t i, n, seen = 0;

	if (!at_user_add(run, &anna, "anna") ||
	    !at_user_add(run, &berta, "berta") ||
	    !at_session_add(run, &other, berta.id, 0x42424242u))
		return;
	for (i = 0; i < 7; i++)
		if (!at_session_add(run, &s[i], anna.id, tags[i]))
			return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s[2].sid, &at_when);
	s[2].revoked_at = AT_NOW;
	do {
		at_poison(&page[2], sizeof(page[2]));
		if (!EXPECT_ERR(run, AUTHTOK_OK, session_list, anna.id, after,
			page, 2, &n) ||
		    !EXPECT(run, n <= 2 && seen + n <= 7,
			"session_list gave too many"))
			return;
		EXPECT(run, at_poisoned(&page[2], sizeof(page[2])),
		    "session_list wrote beyond cap");
		for (i = 0; i < n; i++, seen++) {
			wrong = at_session_differs(&s[order[seen]], &page[i]);
			EXPECT(run, !wrong, wrong);
			after = s[order[seen]].sid;
		}
	} while (n == 2);
	EXPECT_NUM(run, 7, seen, "sessions that the pages had");
}

static void
list_none(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session got;
	uint8_t last[AUTHTOK_SID_LEN];
	size_t n = 7;

	if (!at_user_add(run, &user, "anna"))
		return;
	if (EXPECT_ERR(
		run, AUTHTOK_OK, session_list, user.id, NULL, &got, 1, &n))
		EXPECT_NUM(run, 0, n, "sessions of a user without any");
	memset(last, 0xff, sizeof(last));
	n = 7;
	if (EXPECT_ERR(
		run, AUTHTOK_OK, session_list, user.id, last, &got, 1, &n))
		EXPECT_NUM(run, 0, n, "sessions after the last sid");
}

static void
room_for_none(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s;
	struct authtok_revocation event;
	size_t n = 7;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1) ||
	    !EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &at_when))
		return;
	if (EXPECT_ERR(run, AUTHTOK_OK, user_list, 0, &user, 0, &n))
		EXPECT_NUM(run, 0, n, "*ret_count of user_list");
	n = 7;
	if (EXPECT_ERR(run, AUTHTOK_OK, session_list, user.id, NULL, &s, 0, &n))
		EXPECT_NUM(run, 0, n, "*ret_count of session_list");
	n = 7;
	if (EXPECT_ERR(run, AUTHTOK_OK, revoked_since, 0, &event, 0, &n))
		EXPECT_NUM(run, 0, n, "*ret_count of revoked_since");
}

const struct at_case at_cases_sessions[] = {
	{ "session_create takes every field", create_takes_every_field },
	{ "session_create copies its argument", create_copies },
	{ "session with the largest values", edges },
	{ "session with unusual texts", texts_for_people },
	{ "session with every byte value", every_byte },
	{ "sids are bytes", sids_are_bytes },
	{ "session_create for nobody", create_for_nobody },
	{ "session_create for a changed user", create_for_changed },
	{ "session_create for a disabled user", create_for_disabled },
	{ "session_create with a sid that exists", create_twice },
	{ "max_live ends the oldest", limit_ends_oldest },
	{ "max_live lowered ends several", limit_lowered },
	{ "max_live of one", limit_of_one },
	{ "max_live not reached", limit_not_reached },
	{ "max_live counts live sessions", limit_counts_live },
	{ "session_create refused ends nothing", refused_ends_nothing },
	{ "session_find gives the owner", find_gives_owner },
	{ "session_find of nothing", find_nothing },
	{ "session_list in pages", list_pages },
	{ "session_list of none", list_none },
	{ "lists with room for none", room_for_none },
	{ NULL, NULL },
};
