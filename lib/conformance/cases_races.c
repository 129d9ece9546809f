/*
 * Cases: many threads at once, on users and on one session. May know: store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* What the rounds of a race share. */
struct shared {
	struct authtok_user user;
	struct authtok_session session;
	int64_t ids[AT_THREADS_MAX];
};

static void
run_race(struct at_run *run, struct shared *shared,
    bool (*prepare)(struct at_race *race),
    enum authtok_err (*act)(
	struct at_race *race, struct authtok_store *handle, unsigned thread),
    bool (*judge)(struct at_race *race))
{
	struct at_race race = { .run = run,
		.arg = shared,
		.prepare = prepare,
		.act = act,
		.judge = judge };

	at_race(&race);
}

/* ---- one token, many clients --------------------------------------------- */

static enum authtok_err
rotate(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	struct authtok_session next = shared->session;

	next.gen = shared->session.gen + 1;
	next.parent = thread;
	next.rotated_at = AT_NOW + race->round;
	(void)snprintf(next.agent, sizeof(next.agent), "thread %u", thread);
	return OP_OF(handle, session_update, &next, shared->session.gen, 0,
	    race->round % 8 == 0, NULL);
}

static bool
judge_rotation(struct at_race *race)
{
	struct shared *shared = race->arg;
	struct authtok_session *want = &shared->session, got;
	struct authtok_owner owner;
	unsigned winner = AT_THREADS_MAX;

	if (!EXPECT(race->run,
		at_race_one_winner(race, AUTHTOK_ECHANGED, &winner),
		"session_update: not one winner of a round"))
		return false;
	if (!EXPECT_ERR(
		race->run, AUTHTOK_OK, session_find, want->sid, &got, &owner))
		return false;
	if (winner == AT_THREADS_MAX) {
		*want = got;
		return true;
	}
	want->gen++;
	want->parent = winner;
	want->rotated_at = AT_NOW + race->round;
	(void)snprintf(want->agent, sizeof(want->agent), "thread %u", winner);
	return EXPECT_SESSION(race->run, want);
}

static void
rotations(struct at_run *run)
{
	struct shared shared;

	if (at_user_add(run, &shared.user, "anna") &&
	    at_session_add(run, &shared.session, shared.user.id, 1))
		run_race(run, &shared, NULL, rotate, judge_rotation);
}

/* ---- one name, one address ----------------------------------------------- */

static enum authtok_err
create_name(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	struct shared *shared = race->arg;
	struct authtok_user user;
	char name[32];

	(void)snprintf(
	    name, sizeof(name), thread % 2 ? "U%u" : "u%u", race->round);
	at_user(&user, name);
	return OP_OF(handle, user_create, &user, NULL, &shared->ids[thread]);
}

static enum authtok_err
create_email(
    struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	struct shared *shared = race->arg;
	struct authtok_user user;
	char name[32];

	(void)snprintf(name, sizeof(name), "u%u.%u", race->round, thread);
	at_user(&user, name);
	(void)snprintf(user.email, sizeof(user.email),
	    thread % 2 ? "A%u@b" : "a%u@b", race->round);
	return OP_OF(handle, user_create, &user, NULL, &shared->ids[thread]);
}

static bool
judge_created(struct at_race *race, enum authtok_err losers,
    enum authtok_err found, const struct authtok_user *got)
{
	const struct shared *shared = race->arg;
	unsigned winner = AT_THREADS_MAX;

	if (!EXPECT(race->run, at_race_one_winner(race, losers, &winner),
		"user_create: not one winner of a round"))
		return false;
	if (winner == AT_THREADS_MAX)
		return true;
	return EXPECT(
		   race->run, found == AUTHTOK_OK, "the winner is not there") &&
	    EXPECT_NUM(race->run, shared->ids[winner], got->id,
		"the id that was found");
}

static bool
judge_name(struct at_race *race)
{
	struct authtok_user got;
	char name[32];
	enum authtok_err err;

	(void)snprintf(name, sizeof(name), "u%u", race->round);
	err = OP(race->run, user_find_name, name, &got);
	return judge_created(race, AUTHTOK_ENAME, err, &got);
}

static bool
judge_email(struct at_race *race)
{
	struct authtok_user got;
	char email[32];
	enum authtok_err err;

	(void)snprintf(email, sizeof(email), "a%u@b", race->round);
	err = OP(race->run, user_find_email, email, &got);
	return judge_created(race, AUTHTOK_EEMAIL, err, &got);
}

static void
same_name(struct at_run *run)
{
	struct shared shared;

	run_race(run, &shared, NULL, create_name, judge_name);
}

static void
same_email(struct at_run *run)
{
	struct shared shared;

	run_race(run, &shared, NULL, create_email, judge_email);
}

/* ---- ids ----------------------------------------------------------------- */

static enum authtok_err
create_any(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	struct shared *shared = race->arg;
	struct authtok_user user;
	char name[32];

	(void)snprintf(name, sizeof(name), "u%u.%u", race->round, thread);
	at_user(&user, name);
	return OP_OF(handle, user_create, &user, NULL, &shared->ids[thread]);
}

static bool
judge_ids(struct at_race *race)
{
	const struct shared *shared = race->arg;
	unsigned i, k;

	if (!EXPECT(race->run,
		at_race_count(race, AUTHTOK_OK) +
			at_race_count(race, AUTHTOK_EBUSY) ==
		    race->threads,
		"a user_create of its own failed"))
		return false;
	for (i = 0; i < race->threads; i++) {
		for (k = 0; k < i; k++) {
			if (race->got[i] == AUTHTOK_OK &&
			    race->got[k] == AUTHTOK_OK &&
			    !EXPECT(race->run, shared->ids[i] != shared->ids[k],
				"two users got one id"))
				return false;
		}
	}
	return true;
}

static void
own_ids(struct at_run *run)
{
	struct shared shared;

	run_race(run, &shared, NULL, create_any, judge_ids);
}

/* ---- one user, many changes ---------------------------------------------- */

static enum authtok_err
change(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	struct authtok_user user = shared->user;

	user.epoch++;
	(void)snprintf(user.hash, sizeof(user.hash), "$%u", thread);
	return OP_OF(
	    handle, user_update, &user, AUTHTOK_END_NONE, NULL, &at_when);
}

static bool
judge_change(struct at_race *race)
{
	struct shared *shared = race->arg;
	struct authtok_user *want = &shared->user, got;
	unsigned winner = AT_THREADS_MAX;

	if (!EXPECT(race->run,
		at_race_one_winner(race, AUTHTOK_ECHANGED, &winner),
		"user_update: not one winner of a round") ||
	    !EXPECT_ERR(race->run, AUTHTOK_OK, user_find, want->id, &got))
		return false;
	if (winner == AT_THREADS_MAX) {
		*want = got;
		return true;
	}
	want->version++;
	want->epoch++;
	(void)snprintf(want->hash, sizeof(want->hash), "$%u", winner);
	return EXPECT_USER(race->run, want) &&
	    EXPECT_NUM(race->run, 1,
		at_events_of_user(race->run, want->id, want->epoch),
		"revocations of one epoch");
}

static void
changes(struct at_run *run)
{
	struct shared shared;

	if (at_user_add(run, &shared.user, "anna"))
		run_race(run, &shared, NULL, change, judge_change);
}

/* ---- one user, many ends ------------------------------------------------- */

static bool
prepare_user(struct at_race *race)
{
	struct shared *shared = race->arg;
	char name[32];

	(void)snprintf(name, sizeof(name), "u%u", race->round);
	return at_user_add(race->run, &shared->user, name) &&
	    at_session_add(
		race->run, &shared->session, shared->user.id, race->round);
}

static enum authtok_err
remove_user(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;

	(void)thread;
	return OP_OF(handle, user_delete, shared->user.id, &at_when);
}

static bool
judge_removed(struct at_race *race)
{
	const struct shared *shared = race->arg;
	unsigned winner = AT_THREADS_MAX;

	return EXPECT(race->run,
		   at_race_one_winner(race, AUTHTOK_EUNKNOWN, &winner),
		   "user_delete: not one winner of a round") &&
	    (winner == AT_THREADS_MAX ||
		EXPECT_NUM(race->run, 1,
		    at_events_of_user(race->run, shared->user.id, INT64_MAX),
		    "revocations of the deleted user"));
}

static void
removals(struct at_run *run)
{
	struct shared shared;

	run_race(run, &shared, prepare_user, remove_user, judge_removed);
}

/* ---- whole rows ---------------------------------------------------------- */

/* Thread 0 writes rows whose fields tell the same number, others read. */
static enum authtok_err
write_or_read(
    struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	struct authtok_session s = shared->session;
	struct authtok_owner owner;
	uint32_t gen = race->round * 8, i;
	enum authtok_err err = AUTHTOK_OK;

	for (i = 0; i < 8 && !err; i++) {
		if (thread == 0) {
			s.gen = s.parent = s.forwarded_gen = gen + i + 1;
			s.rotated_at = s.forwarded_at = gen + i + 1;
			err = OP_OF(handle, session_update, &s, gen + i, 0,
			    false, NULL);
			continue;
		}
		err = OP_OF(handle, session_find, s.sid, &s, &owner);
		if (!err &&
		    (s.parent != s.gen || s.forwarded_gen != s.gen ||
			s.rotated_at != s.gen || s.forwarded_at != s.gen))
			return AUTHTOK_EFORMAT;
	}
	return err;
}

static bool
judge_whole(struct at_race *race)
{
	return EXPECT(race->run, at_race_count(race, AUTHTOK_EFORMAT) == 0,
		   "session_find gave half of an update") &&
	    EXPECT_NUM(race->run, race->threads,
		at_race_count(race, AUTHTOK_OK),
		"threads that could write or read");
}

static void
whole_rows(struct at_run *run)
{
	struct shared shared;

	if (!at_user_add(run, &shared.user, "anna"))
		return;
	at_session(&shared.session, shared.user.id, 1);
	shared.session.rotated_at = shared.session.forwarded_at = 0;
	if (EXPECT_ERR(run, AUTHTOK_OK, session_create, &shared.session, 1, 0,
		&at_when))
		run_race(run, &shared, NULL, write_or_read, judge_whole);
}

const struct at_case at_cases_races[] = {
	{ "race: session_update has one winner", rotations },
	{ "race: user_create with one name", same_name },
	{ "race: user_create with one email", same_email },
	{ "race: user_create gives each its id", own_ids },
	{ "race: user_update has one winner", changes },
	{ "race: user_delete has one winner", removals },
	{ "race: session_find gives whole rows", whole_rows },
	{ NULL, NULL },
};
