/*
 * Cases: two handles on one database, and a database that is opened again.
 * Without a second handle the first one plays both. May know: store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* The same run seen through the other handle. */
static struct at_run
other_side(const struct at_run *run)
{
	struct at_run other = *run;

	other.store = run->other;
	other.other = run->store;
	other.failures = 0;
	return other;
}

static void
users_are_seen(struct at_run *run)
{
	struct at_run other = other_side(run);
	struct authtok_user user, got;
	unsigned i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 10; i++) {
		EXPECT_USER(i % 2 == 0 ? &other : run, &user);
		(void)snprintf(user.name, sizeof(user.name), "user%u", i);
		EXPECT_ERR(i % 2 == 0 ? &other : run, AUTHTOK_OK, user_update,
		    &user, AUTHTOK_END_NONE, NULL, &at_when);
		user.version++;
		EXPECT_USER(i % 2 == 0 ? run : &other, &user);
	}
	EXPECT_ERR(&other, AUTHTOK_OK, user_delete, user.id, &at_when);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find, user.id, &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_name, user.name, &got);
	EXPECT_ERR(&other, AUTHTOK_EUNKNOWN, user_find, user.id, &got);
	run->failures += other.failures;
}

static void
ids_are_not_shared(struct at_run *run)
{
	struct at_run other = other_side(run);
	struct authtok_user anna, berta, again;

	if (!at_user_add(run, &anna, "anna") ||
	    !at_user_add(&other, &berta, "berta")) {
		run->failures += other.failures;
		return;
	}
	EXPECT(run, anna.id != berta.id, "two handles gave the same id");
	at_user(&again, "ANNA");
	EXPECT_ERR(&other, AUTHTOK_ENAME, user_create, &again, NULL, &again.id);
	run->failures += other.failures;
}

static void
sessions_are_seen(struct at_run *run)
{
	struct at_run other = other_side(run);
	struct authtok_user user;
	struct authtok_session s;
	uint32_t gen;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	for (gen = 0; gen < 20; gen++) {
		struct at_run *side = gen % 2 == 0 ? &other : run;

		EXPECT_SESSION(side, &s);
		s.gen = gen + 1;
		EXPECT_ERR(side, AUTHTOK_OK, session_update, &s, gen, 0,
		    gen % 3 == 0, NULL);
		side = gen % 2 == 0 ? run : &other;
		EXPECT_SESSION(side, &s);
		EXPECT_ERR(side, AUTHTOK_ECHANGED, session_update, &s, gen, 0,
		    false, NULL);
	}
	EXPECT_ERR(&other, AUTHTOK_OK, session_revoke, s.sid, &at_when);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &s, s.gen, 0, false, NULL);
	s.revoked_at = AT_NOW;
	EXPECT_SESSION(run, &s);
	run->failures += other.failures;
}

static void
revocations_are_seen(struct at_run *run)
{
	struct at_run other = other_side(run);
	struct authtok_user user;
	struct authtok_session s;
	struct authtok_revocation here, there;
	size_t n = 7;
	uint32_t i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 6; i++) {
		if (!at_session_add(run, &s, user.id, i))
			break;
		EXPECT_ERR(i % 2 == 0 ? &other : run, AUTHTOK_OK,
		    session_revoke, s.sid, &at_when);
		EXPECT_NUM(run, i + 1, at_events(run), "revocations");
		EXPECT_NUM(run, i + 1, at_events(&other),
		    "revocations through the other handle");
		if (at_last_event(run, &here) && at_last_event(&other, &there))
			EXPECT_NUM(run, here.seq, there.seq,
			    "seq through the other handle");
	}
	EXPECT_ERR(&other, AUTHTOK_OK, purge, INT64_MAX, INT64_MAX, 1000, &n,
	    &(bool){ false });
	EXPECT_NUM(run, 0, at_events(run), "revocations after the purge");
	EXPECT_NUM(
	    run, 0, at_count_sessions(run, user.id), "sessions after it");
	run->failures += other.failures;
}

static void
records_are_seen(struct at_run *run)
{
	struct at_run other = other_side(run);
	struct at_audited audited;
	struct at_head here, there;
	unsigned n;

	for (n = 1; n < 9; n++) {
		at_audited(&audited, n);
		EXPECT_ERR(n % 2 == 0 ? &other : run, AUTHTOK_OK, audit_append,
		    &audited.act);
		EXPECT_NUM(run, n, at_records(run), "records");
		EXPECT_NUM(run, n, at_records(&other),
		    "records through the other handle");
	}
	at_audited(&audited, 9);
	EXPECT_ERR(&other, AUTHTOK_OK, audit_cut, 5, &audited.act);
	if (at_base(run, &here) && at_base(&other, &there))
		EXPECT(run,
		    here.seq == 5 && there.seq == 5 &&
			memcmp(here.mac, there.mac, sizeof(here.mac)) == 0,
		    "the base differs through the other handle");
	EXPECT_NUM(run, 4, at_records(run), "records after the cut");
	run->failures += other.failures;
}

/* Open again; false when this backend cannot, or has failed to. */
static bool
reopen(struct at_run *run)
{
	if (run->other != run->store)
		authtok_store_close(run->other);
	run->store = run->suite->reopen(run->suite->arg, run->store);
	run->other = run->store;
	return EXPECT(run, run->store, "reopen gave no store");
}

static void
reopen_users(struct at_run *run)
{
	struct authtok_user anna, berta, got;

	if (!run->suite->reopen || !at_user_add(run, &anna, "anna") ||
	    !at_user_add(run, &berta, "berta"))
		return;
	anna.epoch = 4;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &anna, AUTHTOK_END_NONE, NULL,
	    &at_when);
	anna.version++;
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, berta.id, &at_when);
	if (!reopen(run))
		return;
	EXPECT_USER(run, &anna);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find, berta.id, &got);
	EXPECT_NUM(run, 1, at_events_of_user(run, anna.id, 4),
	    "revocations of the first user");
	EXPECT_NUM(run, 1, at_events_of_user(run, berta.id, INT64_MAX),
	    "revocations of the deleted user");
	if (at_user_add(run, &got, "carla"))
		EXPECT(run, got.id != berta.id && got.id != anna.id,
		    "the id of a deleted user came again");
}

static void
reopen_sessions(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s[3], got;
	struct authtok_owner owner;
	uint32_t i;

	if (!run->suite->reopen || !at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 3; i++)
		if (!at_session_add(run, &s[i], user.id, i))
			return;
	s[0].gen = 1;
	EXPECT_ERR(run, AUTHTOK_OK, session_update, &s[0], 0, 0, true, NULL);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s[1].sid, &at_when);
	s[1].revoked_at = AT_NOW;
	EXPECT_ERR(run, AUTHTOK_OK, session_delete, s[2].sid, 0, 0);
	if (!reopen(run))
		return;
	EXPECT_SESSION(run, &s[0]);
	EXPECT_SESSION(run, &s[1]);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_find, s[2].sid, &got, &owner);
	EXPECT_NUM(run, 1, at_events(run), "revocations");
}

static void
reopen_goes_on(struct at_run *run)
{
	static const struct authtok_act old = { .now = AT_NOW - 9,
		.until = AT_NOW };
	struct authtok_user user;
	struct authtok_session s;
	struct authtok_revocation before, after;
	size_t n = 7;

	if (!run->suite->reopen || !at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &s, user.id, 1))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &old);
	if (!at_last_event(run, &before))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, purge, AT_NOW, INT64_MAX, 100, &n,
	    &(bool){ false });
	if (!reopen(run))
		return;
	EXPECT_NUM(run, 0, at_events(run), "revocations after the purge");
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, user.id, &at_when);
	if (at_last_event(run, &after))
		EXPECT(run, after.seq > before.seq,
		    "a seq came again after a purge and a new start");
}

static void
reopen_records(struct at_run *run)
{
	struct at_audited audited;
	struct at_head base, end;
	unsigned n;

	if (!run->suite->reopen)
		return;
	for (n = 0; n < 6; n++) {
		at_audited(&audited, n);
		EXPECT_ERR(run, AUTHTOK_OK, audit_append, &audited.act);
	}
	at_audited(&audited, 6);
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 2, &audited.act);
	if (!reopen(run) || !at_base(run, &base))
		return;
	EXPECT_NUM(run, 2, base.seq, "seq of the base");
	end = base;
	EXPECT_NUM(run, 5, at_walk(run, &end), "records");
	EXPECT_RECORD(run, &audited.record);
	at_audited(&audited, 7);
	EXPECT_ERR(run, AUTHTOK_OK, audit_append, &audited.act);
	EXPECT(run,
	    memcmp(audited.link.previous, end.mac, sizeof(end.mac)) == 0,
	    "the chain does not go on after a new start");
	EXPECT_NUM(run, 1, at_walk(run, &end), "records after it");
}

const struct at_case at_cases_handles[] = {
	{ "two handles: users", users_are_seen },
	{ "two handles: ids and names", ids_are_not_shared },
	{ "two handles: sessions", sessions_are_seen },
	{ "two handles: revocations", revocations_are_seen },
	{ "two handles: audit log", records_are_seen },
	{ "reopen: users", reopen_users },
	{ "reopen: sessions", reopen_sessions },
	{ "reopen: seq goes on", reopen_goes_on },
	{ "reopen: audit log", reopen_records },
	{ NULL, NULL },
};
