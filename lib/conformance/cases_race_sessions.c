/*
 * Cases: many threads at once, on the sessions of a user: none outlives what
 * ended it. May know: store.h.
 *
 * EBUSY leaves open what happened, so each judge only looks for what must not
 * be.
 */
#include "suite.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define EACH 3 /* sessions or steps of a thread in one round */

struct shared {
	struct authtok_user user;
	struct authtok_session session;
	atomic_bool ended; /* the revocation has returned */
	atomic_uint rotated;
	size_t counts[AT_THREADS_MAX];
};

static void
run_race(struct at_run *run, bool (*prepare)(struct at_race *race),
    enum authtok_err (*act)(
	struct at_race *race, struct authtok_store *handle, unsigned thread),
    bool (*judge)(struct at_race *race))
{
	struct shared shared;
	struct at_race race = { .run = run,
		.arg = &shared,
		.prepare = prepare,
		.act = act,
		.judge = judge };

	atomic_init(&shared.ended, false);
	atomic_init(&shared.rotated, 0);
	at_race(&race);
}

static bool
prepare_user(struct at_race *race)
{
	struct shared *shared = race->arg;
	char name[32];

	(void)snprintf(name, sizeof(name), "u%u", race->round);
	return at_user_add(race->run, &shared->user, name);
}

static bool
prepare_session(struct at_race *race)
{
	struct shared *shared = race->arg;

	atomic_store(&shared->ended, false);
	atomic_store(&shared->rotated, 0);
	return prepare_user(race) &&
	    at_session_add(
		race->run, &shared->session, shared->user.id, race->round);
}

/* Every thread got OK or EBUSY. */
static bool
only(struct at_race *race)
{
	return EXPECT_NUM(race->run, race->threads,
	    at_race_count(race, AUTHTOK_OK) +
		at_race_count(race, AUTHTOK_EBUSY),
	    "threads that got OK or EBUSY");
}

/* Or the error of those that came too late. */
static bool
only_or(struct at_race *race, enum authtok_err late)
{
	return EXPECT_NUM(race->run, race->threads,
	    at_race_count(race, AUTHTOK_OK) +
		at_race_count(race, AUTHTOK_EBUSY) + at_race_count(race, late),
	    "threads that got OK, EBUSY or the error of those too late");
}

/* A session of the thread's own, the i-th of this round. */
static enum authtok_err
create(struct at_race *race, struct authtok_store *handle, unsigned thread,
    unsigned i, unsigned max_live)
{
	const struct shared *shared = race->arg;
	struct authtok_session s;

	at_session(&s, shared->user.id,
	    (race->round * AT_THREADS_MAX + thread) * EACH + i);
	s.rotated_at = AT_NOW - (int64_t)i;
	return OP_OF(handle, session_create, &s, shared->user.version, max_live,
	    &at_when);
}

/* ---- sign-in against the end of the account ------------------------------ */

static enum authtok_err
disable_or_create(
    struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	struct authtok_user user = shared->user;
	enum authtok_err err = AUTHTOK_OK;
	unsigned i;

	if (thread == 0) {
		user.disabled = true;
		user.epoch++;
		return OP_OF(handle, user_update, &user, AUTHTOK_END_ALL, NULL,
		    &at_when);
	}
	for (i = 0; i < EACH && !err; i++)
		err = create(race, handle, thread, i, 0);
	return err;
}

static bool
judge_disabled(struct at_race *race)
{
	const struct shared *shared = race->arg;

	if (!only_or(race, AUTHTOK_ECHANGED))
		return false;
	return race->got[0] == AUTHTOK_EBUSY ||
	    (EXPECT_NUM(
		 race->run, AUTHTOK_OK, race->got[0], "user_update gave") &&
		EXPECT_NUM(race->run, 0,
		    at_count_live(race->run, shared->user.id),
		    "live sessions of a disabled user"));
}

static void
disabling(struct at_run *run)
{
	run_race(run, prepare_user, disable_or_create, judge_disabled);
}

static enum authtok_err
remove_or_create(
    struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	enum authtok_err err = AUTHTOK_OK;
	unsigned i;

	if (thread == 0)
		return OP_OF(handle, user_delete, shared->user.id, &at_when);
	for (i = 0; i < EACH && !err; i++)
		err = create(race, handle, thread, i, 0);
	return err;
}

static bool
judge_no_session_left(struct at_race *race)
{
	struct authtok_session got;
	struct authtok_owner owner;
	uint8_t sid[AUTHTOK_SID_LEN];
	uint32_t tag = race->round * AT_THREADS_MAX * EACH, i;

	if (!only_or(race, AUTHTOK_EUNKNOWN))
		return false;
	if (race->got[0] == AUTHTOK_EBUSY)
		return true;
	for (i = 0; i < race->threads * EACH; i++) {
		at_sid(sid, tag + i);
		if (!EXPECT_ERR(race->run, AUTHTOK_EUNKNOWN, session_find, sid,
			&got, &owner))
			return false;
	}
	return true;
}

static void
removing(struct at_run *run)
{
	run_race(run, prepare_user, remove_or_create, judge_no_session_left);
}

/* ---- one read ------------------------------------------------------------ */

/* Thread 0 disables and ends in one step; session and owner must tell alike. */
static enum authtok_err
disable_or_find(
    struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	struct authtok_user user = shared->user;
	struct authtok_session s;
	struct authtok_owner owner;
	enum authtok_err err = AUTHTOK_OK;
	unsigned i;

	if (thread == 0) {
		user.disabled = true;
		return OP_OF(handle, user_update, &user, AUTHTOK_END_ALL, NULL,
		    &at_when);
	}
	for (i = 0; i < EACH && !err; i++) {
		err = OP_OF(
		    handle, session_find, shared->session.sid, &s, &owner);
		if (!err && owner.disabled != (s.revoked_at != 0))
			return AUTHTOK_EFORMAT;
	}
	return err;
}

static bool
judge_one_read(struct at_race *race)
{
	return EXPECT(race->run, at_race_count(race, AUTHTOK_EFORMAT) == 0,
		   "session_find gave session and owner of two moments") &&
	    only(race);
}

static void
one_read(struct at_run *run)
{
	run_race(run, prepare_session, disable_or_find, judge_one_read);
}

/* ---- rotation against revocation ----------------------------------------- */

/*
 * Thread 0 revokes, the others rotate as long as they can. One that began after
 * the revocation had returned must not succeed.
 */
static enum authtok_err
revoke_or_rotate(
    struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	struct shared *shared = race->arg;
	struct authtok_session s;
	struct authtok_owner owner;
	enum authtok_err err;
	unsigned i;
	bool ended;

	if (thread == 0) {
		err = OP_OF(
		    handle, session_revoke, shared->session.sid, &at_when);
		atomic_store(&shared->ended, err == AUTHTOK_OK);
		return err;
	}
	for (i = 0; i < EACH; i++) {
		err = OP_OF(
		    handle, session_find, shared->session.sid, &s, &owner);
		if (err)
			return err;
		ended = atomic_load(&shared->ended);
		s.gen++;
		err = OP_OF(
		    handle, session_update, &s, s.gen - 1, 0, false, NULL);
		if (err && err != AUTHTOK_ECHANGED)
			return err;
		if (!err && ended)
			return AUTHTOK_EREVOKED;
		if (!err)
			atomic_fetch_add(&shared->rotated, 1);
	}
	return AUTHTOK_OK;
}

static bool
judge_revoked(struct at_race *race)
{
	struct shared *shared = race->arg;
	struct authtok_session *want = &shared->session;

	if (!EXPECT(race->run, at_race_count(race, AUTHTOK_EREVOKED) == 0,
		"session_update succeeded after session_revoke had returned") ||
	    !only(race))
		return false;
	if (at_race_count(race, AUTHTOK_EBUSY) > 0)
		return true;
	want->revoked_at = AT_NOW;
	want->gen = atomic_load(&shared->rotated);
	return EXPECT_SESSION(race->run, want) &&
	    EXPECT_NUM(race->run, 1, at_events_of_session(race->run, want->sid),
		"revocations of the session");
}

static void
revoking(struct at_run *run)
{
	run_race(run, prepare_session, revoke_or_rotate, judge_revoked);
}

/* ---- many revocations ---------------------------------------------------- */

static enum authtok_err
revoke(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;

	(void)thread;
	return OP_OF(handle, session_revoke, shared->session.sid, &at_when);
}

static bool
judge_one_event(struct at_race *race)
{
	const struct shared *shared = race->arg;

	if (!only(race))
		return false;
	return at_race_count(race, AUTHTOK_OK) == 0 ||
	    EXPECT_NUM(race->run, 1,
		at_events_of_session(race->run, shared->session.sid),
		"revocations of the session");
}

static void
revoking_at_once(struct at_run *run)
{
	run_race(run, prepare_session, revoke, judge_one_event);
}

/* ---- the user's sessions at once ----------------------------------------- */

static bool
prepare_several(struct at_race *race)
{
	unsigned i;

	if (!prepare_user(race))
		return false;
	for (i = 0; i < EACH; i++)
		if (!EXPECT(race->run,
			create(race, race->run->store, 0, i, 0) == AUTHTOK_OK,
			"cannot create a session"))
			return false;
	return true;
}

static enum authtok_err
revoke_user(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	struct shared *shared = race->arg;

	shared->counts[thread] = 0;
	return OP_OF(handle, session_revoke_user, shared->user.id, NULL,
	    &at_when, &shared->counts[thread]);
}

static bool
judge_counts(struct at_race *race)
{
	const struct shared *shared = race->arg;
	size_t sum = 0;
	unsigned i;

	if (!only(race))
		return false;
	if (at_race_count(race, AUTHTOK_EBUSY) > 0)
		return true;
	for (i = 0; i < race->threads; i++)
		sum += shared->counts[i];
	return EXPECT_NUM(race->run, EACH, sum,
		   "sessions that all session_revoke_user ended") &&
	    EXPECT_NUM(race->run, 0, at_count_live(race->run, shared->user.id),
		"live sessions") &&
	    EXPECT_NUM(race->run, (EACH + race->threads) * (race->round + 1),
		at_events(race->run), "revocations");
}

static void
revoking_users(struct at_run *run)
{
	run_race(run, prepare_several, revoke_user, judge_counts);
}

/* A sign-in that had read the user comes before the end, or not at all. */
static enum authtok_err
revoke_user_or_create(
    struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	enum authtok_err err = AUTHTOK_OK;
	unsigned i;

	if (thread == 0)
		return revoke_user(race, handle, thread);
	for (i = 0; i < EACH && !err; i++)
		err = create(race, handle, thread, i, 0);
	return err;
}

static bool
judge_shut_out(struct at_race *race)
{
	const struct shared *shared = race->arg;

	if (!only_or(race, AUTHTOK_ECHANGED))
		return false;
	return race->got[0] == AUTHTOK_EBUSY ||
	    (EXPECT_NUM(race->run, AUTHTOK_OK, race->got[0],
		 "session_revoke_user gave") &&
		EXPECT_NUM(race->run, 0,
		    at_count_live(race->run, shared->user.id),
		    "live sessions after all were revoked"));
}

static void
shutting_out(struct at_run *run)
{
	run_race(run, prepare_user, revoke_user_or_create, judge_shut_out);
}

/* ---- the limit ----------------------------------------------------------- */

static enum authtok_err
create_limited(
    struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	enum authtok_err err = AUTHTOK_OK;
	unsigned i;

	for (i = 0; i < EACH && !err; i++)
		err = create(race, handle, thread, i, 3);
	return err;
}

static bool
judge_limit(struct at_race *race)
{
	const struct shared *shared = race->arg;
	size_t live, all;

	if (!only(race))
		return false;
	live = at_count_live(race->run, shared->user.id);
	all = at_count_sessions(race->run, shared->user.id);
	if (at_race_count(race, AUTHTOK_EBUSY) > 0)
		return EXPECT(
		    race->run, live <= 3, "more than max_live sessions live");
	return EXPECT_NUM(race->run, 3, live, "live sessions") &&
	    EXPECT_NUM(
		race->run, race->threads * EACH, all, "sessions created");
}

static void
limit(struct at_run *run)
{
	run_race(run, prepare_user, create_limited, judge_limit);
}

/* ---- one sid ------------------------------------------------------------- */

static enum authtok_err
create_same(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	struct authtok_session s;

	(void)thread;
	at_session(&s, shared->user.id, race->round);
	return OP_OF(handle, session_create, &s, 1, 0, &at_when);
}

static bool
judge_same(struct at_race *race)
{
	unsigned winner;

	return EXPECT(race->run,
	    at_race_one_winner(race, AUTHTOK_EINVAL, &winner),
	    "session_create with one sid: not one winner of a round");
}

static void
same_sid(struct at_run *run)
{
	run_race(run, prepare_user, create_same, judge_same);
}

const struct at_case at_cases_race_sessions[] = {
	{ "race: session_create against disabling", disabling },
	{ "race: session_create against user_delete", removing },
	{ "race: session_find is one read", one_read },
	{ "race: session_update against session_revoke", revoking },
	{ "race: session_revoke is one revocation", revoking_at_once },
	{ "race: session_revoke_user counts each once", revoking_users },
	{ "race: session_create against session_revoke_user", shutting_out },
	{ "race: max_live is never exceeded", limit },
	{ "race: session_create with one sid", same_sid },
	{ NULL, NULL },
};
