/*
 * Cases: find, decide and update in one step, of stores that offer it. May know:
 * store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* What decide does, and what it saw. */
struct decision {
	struct authtok_session row; /* the results of the operation */
	struct authtok_owner owner;
	struct authtok_session next;
	bool change;
	enum authtok_err err;
	bool durable;
	const struct authtok_act *act;
	uint32_t gen; /* of the row that decide saw */
	unsigned calls;
};

/* The generation after that of the row, or the one that next has already. */
static enum authtok_err
decide(void *arg, struct authtok_change *change)
{
	struct decision *d = arg;

	d->calls++;
	d->gen = d->row.gen;
	if (d->err != AUTHTOK_OK)
		return d->err;
	if (!d->change)
		return AUTHTOK_OK;
	change->next = &d->next;
	change->durable = d->durable;
	change->act = d->act;
	return AUTHTOK_OK;
}

static enum authtok_err
change_of(struct authtok_store *handle, const uint8_t *sid, struct decision *d)
{
	return OP_OF(
	    handle, session_change, sid, &d->row, &d->owner, decide, d);
}

static bool
expect_change(struct at_run *run, enum authtok_err want, const uint8_t *sid,
    struct decision *d)
{
	return at_expect_err(run, __FILE__, __LINE__, "session_change", want,
	    change_of(run->store, sid, d));
}

/* A user with one session; false also when the store does not offer it. */
static bool
start(struct at_run *run, struct authtok_user *user, struct authtok_session *s,
    struct decision *d)
{
	if (run->store->ops->session_change == NULL ||
	    !at_user_add(run, user, "anna") ||
	    !at_session_add(run, s, user->id, 1))
		return false;
	memset(d, 0, sizeof(*d));
	d->change = true;
	d->next = *s;
	d->next.gen = 1;
	d->next.parent = 3;
	d->next.rotated_at = AT_NOW + 5;
	(void)snprintf(d->next.agent, sizeof(d->next.agent), "another");
	return true;
}

static void
changes(struct at_run *run)
{
	struct authtok_session s, other;
	struct authtok_user user;
	struct decision d;
	const char *what;

	if (!start(run, &user, &s, &d) ||
	    !at_session_add(run, &other, user.id, 2) ||
	    !expect_change(run, AUTHTOK_OK, s.sid, &d))
		return;
	what = at_session_differs(&s, &d.row);
	EXPECT(run, what == NULL, what);
	what = at_owner_differs(&user, &d.owner);
	EXPECT(run, what == NULL, what);
	EXPECT_SESSION(run, &d.next);
	EXPECT_SESSION(run, &other);
	d.durable = true;
	d.next.gen = 2;
	expect_change(run, AUTHTOK_OK, s.sid, &d);
	EXPECT_NUM(run, 1, d.gen, "the generation that was decided on");
	EXPECT_SESSION(run, &d.next);
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

static void
changes_nothing(struct at_run *run)
{
	struct authtok_session s;
	struct at_audited audited;
	struct authtok_user user;
	struct decision d;

	if (!start(run, &user, &s, &d))
		return;
	at_audited(&audited, 1);
	d.act = &audited.act;
	d.change = false;
	expect_change(run, AUTHTOK_OK, s.sid, &d);
	EXPECT_NUM(run, 0, at_records(run), "records");
	EXPECT_SESSION(run, &s);
}

static void
refuses(struct at_run *run)
{
	static const enum authtok_err errs[] = { AUTHTOK_EUNKNOWN,
		AUTHTOK_ECHANGED, AUTHTOK_ESIG, AUTHTOK_ECRYPTO,
		AUTHTOK_ESTORE };
	struct authtok_session s;
	struct authtok_user user;
	struct decision d;

	if (!start(run, &user, &s, &d))
		return;
	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		d.err = errs[i];
		expect_change(run, errs[i], s.sid, &d);
		EXPECT_SESSION(run, &s);
	}
	/* and the store is none the worse for it */
	d.err = AUTHTOK_OK;
	expect_change(run, AUTHTOK_OK, s.sid, &d);
	EXPECT_SESSION(run, &d.next);
}

static void
of_none(struct at_run *run)
{
	struct authtok_session s;
	struct authtok_user user;
	struct decision d;
	uint8_t sid[AUTHTOK_SID_LEN];

	if (!start(run, &user, &s, &d))
		return;
	at_sid(sid, 2);
	expect_change(run, AUTHTOK_EUNKNOWN, sid, &d);
	EXPECT_NUM(run, 0, d.calls, "decisions on nothing");
	EXPECT_SESSION(run, &s);
}

static void
of_revoked(struct at_run *run)
{
	struct authtok_session s;
	struct authtok_user user;
	struct decision d;

	if (!start(run, &user, &s, &d) ||
	    !EXPECT_ERR(run, AUTHTOK_OK, session_revoke, s.sid, &at_when))
		return;
	expect_change(run, AUTHTOK_ECHANGED, s.sid, &d);
	EXPECT_NUM(run, at_when.now, d.row.revoked_at, "revoked_at");
	s.revoked_at = at_when.now;
	EXPECT_SESSION(run, &s);
}

static void
of_wrong(struct at_run *run)
{
	struct authtok_session s, want;
	struct authtok_user user;
	struct decision d;

	if (!start(run, &user, &s, &d))
		return;
	d.next.gen = 7;
	expect_change(run, AUTHTOK_OK, s.sid, &d);
	want = d.next;
	d.next.gen = 6;
	expect_change(run, AUTHTOK_EINVAL, s.sid, &d);
	d.next.gen = 8;
	d.next.retry_count = AUTHTOK_RETRIES_MAX + 1;
	expect_change(run, AUTHTOK_EINVAL, s.sid, &d);
	EXPECT_SESSION(run, &want);
}

static void
writes_record(struct at_run *run)
{
	struct authtok_session s;
	struct at_audited audited;
	struct authtok_user user;
	struct decision d;

	if (!start(run, &user, &s, &d))
		return;
	for (unsigned n = 0; n < 2; n++) {
		at_audited(&audited, n);
		d.act = &audited.act;
		d.durable = n == 1;
		d.next.gen = n + 1;
		if (!expect_change(run, AUTHTOK_OK, s.sid, &d))
			return;
		EXPECT_NUM(run, n + 1, at_records(run), "records");
		EXPECT_RECORD(run, &audited.record);
		EXPECT_SESSION(run, &d.next);
	}
}

static void
refused_by_chain(struct at_run *run)
{
	struct authtok_session s;
	struct at_audited audited;
	struct authtok_user user;
	struct decision d;

	if (!start(run, &user, &s, &d))
		return;
	at_audited(&audited, 1);
	audited.link.refuse = AUTHTOK_ECRYPTO;
	d.act = &audited.act;
	expect_change(run, AUTHTOK_ECRYPTO, s.sid, &d);
	EXPECT_NUM(run, 0, at_records(run), "records");
	EXPECT_SESSION(run, &s);
}

/* ---- nobody comes between ------------------------------------------------ */

static enum authtok_err
raise_gen(void *arg, struct authtok_change *change)
{
	struct decision *d = arg;

	d->next = d->row;
	d->next.gen = d->row.gen + 1;
	change->next = &d->next;
	return AUTHTOK_OK;
}

static enum authtok_err
step(struct at_race *race, struct authtok_store *handle, unsigned thread)
{
	const struct authtok_session *s = race->arg;
	struct decision d;

	(void)thread;
	memset(&d, 0, sizeof(d));
	return OP_OF(
	    handle, session_change, s->sid, &d.row, &d.owner, raise_gen, &d);
}

/* Everybody wins, and each step is there. */
static bool
judge_steps(struct at_race *race)
{
	struct authtok_session *s = race->arg, got;
	struct authtok_owner owner;
	unsigned done = at_race_count(race, AUTHTOK_OK);
	unsigned busy = at_race_count(race, AUTHTOK_EBUSY);

	if (!EXPECT_NUM(race->run, race->threads, done + busy,
		"threads that were served, or too late") ||
	    !EXPECT_ERR(
		race->run, AUTHTOK_OK, session_find, s->sid, &got, &owner))
		return false;
	s->gen += done;
	if (busy == 0 && !EXPECT_NUM(race->run, s->gen, got.gen, "generation"))
		return false;
	s->gen = got.gen;
	return true;
}

static void
steps(struct at_run *run)
{
	struct authtok_session s;
	struct authtok_user user;
	struct decision d;
	struct at_race race = {
		.run = run,
		.arg = &s,
		.act = step,
		.judge = judge_steps,
	};

	if (start(run, &user, &s, &d))
		at_race(&race);
}

const struct at_case at_cases_change[] = {
	{ "session_change changes", changes },
	{ "session_change may change nothing", changes_nothing },
	{ "session_change gives what decide says", refuses },
	{ "session_change of no session", of_none },
	{ "session_change of a revoked session", of_revoked },
	{ "session_change of what is wrong", of_wrong },
	{ "session_change writes its record", writes_record },
	{ "session_change refused by the chain", refused_by_chain },
	{ "race: session_change excludes others", steps },
	{ NULL, NULL },
};
