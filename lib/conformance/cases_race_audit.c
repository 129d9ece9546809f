/*
 * Cases: many threads at once, and one chain of records. May know: store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* What the rounds of a race share; head is the end of the log so far. */
struct shared {
	struct at_head head;
	struct authtok_user user;
	struct authtok_session sessions[AT_THREADS_MAX];
	int64_t cut; /* up to where the threads cut */
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

	memset(&shared, 0, sizeof(shared));
	if (at_user_add(run, &shared.user, "anna"))
		at_race(&race);
}

/* The chain goes on, by one record for each OK; EBUSY leaves it open. */
static bool
judge_records(struct at_race *race)
{
	struct shared *shared = race->arg;
	unsigned won = at_race_count(race, AUTHTOK_OK);
	unsigned busy = at_race_count(race, AUTHTOK_EBUSY);
	unsigned before = race->run->failures;
	size_t n = at_walk(race->run, &shared->head);

	return EXPECT(race->run, won + busy == race->threads,
		   "an act with a record failed") &&
	    EXPECT(race->run, n >= won && n <= won + busy,
		"not one record for each act") &&
	    race->run->failures == before;
}

/* ---- records of nothing else --------------------------------------------- */

static enum authtok_err
append(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	struct at_audited audited;

	at_audited(&audited, race->round * race->threads + thread);
	return OP_OF(handle, audit_append, &audited.act);
}

static void
race_append(struct at_run *run)
{
	run_race(run, NULL, append, judge_records);
}

/* ---- records of all kinds of acts ---------------------------------------- */

static bool
add_sessions(struct at_race *race)
{
	struct shared *shared = race->arg;
	unsigned i;

	for (i = 0; i < race->threads; i++)
		if (!at_session_add(race->run, &shared->sessions[i],
			shared->user.id, 1 + i + race->round * race->threads))
			return false;
	return true;
}

static enum authtok_err
create_user(struct authtok_store *handle, const struct authtok_act *act,
    unsigned number)
{
	struct authtok_user user;
	int64_t id;

	at_user(&user, "");
	(void)snprintf(user.name, sizeof(user.name), "user%u", number);
	return OP_OF(handle, user_create, &user, act, &id);
}

/* Each thread has its own session, so that all of them win. */
static enum authtok_err
act_somehow(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	struct authtok_session s = shared->sessions[thread];
	unsigned number = race->round * race->threads + thread;
	struct at_audited audited;

	at_audited(&audited, number);
	switch ((thread + race->round) % 5) {
	case 0:
		return OP_OF(handle, session_revoke, s.sid, &audited.act);
	case 1:
		s.gen++;
		return OP_OF(
		    handle, session_update, &s, 0, 0, true, &audited.act);
	case 2:
		s.gen++;
		return OP_OF(
		    handle, session_update, &s, 0, 0, false, &audited.act);
	case 3:
		return create_user(handle, &audited.act, number);
	default:
		return OP_OF(handle, audit_append, &audited.act);
	}
}

/* The sessions are not looked at again. */
static bool
judge_and_clear(struct at_race *race)
{
	size_t n;

	return judge_records(race) &&
	    EXPECT_ERR(race->run, AUTHTOK_OK, purge, INT64_MAX, INT64_MAX,
		AT_THREADS_MAX, &n, &(bool){ false });
}

static void
race_acts(struct at_run *run)
{
	run_race(run, add_sessions, act_somehow, judge_and_clear);
}

/* ---- one change, one record ---------------------------------------------- */

static bool
add_session(struct at_race *race)
{
	struct shared *shared = race->arg;

	return at_session_add(
	    race->run, &shared->sessions[0], shared->user.id, 1 + race->round);
}

static enum authtok_err
revoke(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	struct at_audited audited;

	at_audited(&audited, thread);
	return OP_OF(
	    handle, session_revoke, shared->sessions[0].sid, &audited.act);
}

static bool
judge_one(struct at_race *race)
{
	struct shared *shared = race->arg;
	unsigned won = at_race_count(race, AUTHTOK_OK);
	unsigned busy = at_race_count(race, AUTHTOK_EBUSY);
	size_t n = at_walk(race->run, &shared->head);

	return EXPECT(race->run, won + busy == race->threads,
		   "session_revoke failed") &&
	    EXPECT(race->run, n == 1 || (n == 0 && won == 0),
		"not one record for one revocation");
}

static void
race_revoke(struct at_run *run)
{
	run_race(run, add_session, revoke, judge_one);
}

/* ---- a cut among them ---------------------------------------------------- */

static bool
choose_cut(struct at_race *race)
{
	struct shared *shared = race->arg;

	shared->cut = shared->head.seq;
	return true;
}

static enum authtok_err
append_or_cut(
    struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct shared *shared = race->arg;
	struct at_audited audited;

	if (thread % 4 != 3)
		return append(race, handle, thread);
	at_audited(&audited, thread);
	return OP_OF(handle, audit_cut, shared->cut, &audited.act);
}

/* One record for each append, and one for all the cuts, which are the same. */
static size_t
least_records(const struct at_race *race)
{
	const struct shared *shared = race->arg;
	size_t appends = 0, cuts = 0;
	unsigned i;

	for (i = 0; i < race->threads; i++) {
		appends += i % 4 != 3 && race->got[i] == AUTHTOK_OK;
		cuts += i % 4 == 3 && race->got[i] == AUTHTOK_OK;
	}
	return appends + (shared->cut > 0 && cuts > 0);
}

static bool
judge_cut(struct at_race *race)
{
	struct shared *shared = race->arg;
	unsigned before = race->run->failures;
	unsigned busy = at_race_count(race, AUTHTOK_EBUSY);
	size_t n, least = least_records(race);
	struct at_head base;

	n = at_walk(race->run, &shared->head);
	if (!EXPECT(race->run,
		at_race_count(race, AUTHTOK_OK) + busy == race->threads,
		"audit_append or audit_cut failed") ||
	    !EXPECT(race->run, n >= least && n <= least + busy,
		"not one record for each act") ||
	    !at_base(race->run, &base))
		return false;
	if (busy == 0 && race->threads > 3)
		EXPECT_NUM(race->run, shared->cut, base.seq, "seq of the base");
	(void)at_walk(race->run, &base);
	return EXPECT_NUM(race->run, shared->head.seq, base.seq,
		   "seq of the last record after the base") &&
	    race->run->failures == before;
}

static void
race_cut(struct at_run *run)
{
	run_race(run, choose_cut, append_or_cut, judge_cut);
}

const struct at_case at_cases_race_audit[] = {
	{ "race: audit_append", race_append },
	{ "race: acts with records", race_acts },
	{ "race: one revocation, one record", race_revoke },
	{ "race: audit_append and audit_cut", race_cut },
	{ NULL, NULL },
};
