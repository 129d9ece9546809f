/*
 * Ways to be wrong at finding, deciding and updating in one step.
 */
#include "faults.h"

#include <string.h>

static enum authtok_err
change(void *ctx, struct authtok_session *row, struct authtok_owner *owner,
    const uint8_t *sid, authtok_decide *decide, void *arg)
{
	return right->session_change(ctx, sid, row, owner, decide, arg);
}

/* As right, but that decide is asked by way of this. */
struct between {
	authtok_decide *decide;
	void *arg;
	struct authtok_change last;
	struct authtok_session copy;
};

static enum authtok_err
ask(void *arg, struct authtok_change *ret_change)
{
	struct between *b = arg;
	enum authtok_err err = b->decide(b->arg, ret_change);

	b->last = *ret_change;
	if (ret_change->next)
		b->copy = *ret_change->next;
	return err;
}

static enum authtok_err
ask_only(void *arg, struct authtok_change *ret_change)
{
	enum authtok_err err = ask(arg, ret_change);

	memset(ret_change, 0, sizeof(*ret_change));
	return err;
}

static enum authtok_err
forgets(void *ctx, const uint8_t *sid, struct authtok_session *row,
    struct authtok_owner *owner, authtok_decide *decide, void *arg)
{
	struct between b = { .decide = decide, .arg = arg };

	return change(ctx, row, owner, sid, ask_only, &b);
}

/* Find and decide, then update whatever is there by then. */
static enum authtok_err
two_steps(void *ctx, const uint8_t *sid, struct authtok_session *row,
    struct authtok_owner *owner, authtok_decide *decide, void *arg)
{
	struct between b = { .decide = decide, .arg = arg };
	enum authtok_err err = change(ctx, row, owner, sid, ask_only, &b);
	struct authtok_session now;
	struct authtok_owner ignored;

	if (err || !b.last.next)
		return err;
	race_faults_meet();
	do {
		err = right->session_find(ctx, sid, &now, &ignored);
		if (err)
			return err;
		err = right->session_update(ctx, &b.copy, now.gen, now.branch,
		    b.last.durable, b.last.act);
		if (err == AUTHTOK_EINVAL)
			err = AUTHTOK_OK; /* another one was faster */
	} while (err == AUTHTOK_ECHANGED && now.revoked_at == 0);
	return err;
}

static enum authtok_err
ask_without_act(void *arg, struct authtok_change *ret_change)
{
	enum authtok_err err = ask(arg, ret_change);

	ret_change->act = NULL;
	return err;
}

static enum authtok_err
writes_no_record(void *ctx, const uint8_t *sid, struct authtok_session *row,
    struct authtok_owner *owner, authtok_decide *decide, void *arg)
{
	struct between b = { .decide = decide, .arg = arg };

	return change(ctx, row, owner, sid, ask_without_act, &b);
}

/* The record in a step of its own, before it is known whether it holds. */
static enum authtok_err
appends_after(void *ctx, const uint8_t *sid, struct authtok_session *row,
    struct authtok_owner *owner, authtok_decide *decide, void *arg)
{
	struct between b = { .decide = decide, .arg = arg };
	enum authtok_err err =
	    change(ctx, row, owner, sid, ask_without_act, &b);

	if (!err && b.last.act && b.last.act->record)
		err = right->audit_append(ctx, b.last.act);
	return err;
}

static enum authtok_err
records_nothing(void *ctx, const uint8_t *sid, struct authtok_session *row,
    struct authtok_owner *owner, authtok_decide *decide, void *arg)
{
	struct between b = { .decide = decide, .arg = arg };
	enum authtok_err err = change(ctx, row, owner, sid, ask, &b);

	/* changes all the same, when it should not */
	if (!err && !b.last.next) {
		b.copy = *row;
		b.copy.gen++;
		err = right->session_update(
		    ctx, &b.copy, row->gen, row->branch, false, NULL);
	}
	return err;
}

/* Whatever decide says, the change is made. */
static enum authtok_err
insists(void *ctx, const uint8_t *sid, struct authtok_session *row,
    struct authtok_owner *owner, authtok_decide *decide, void *arg)
{
	struct between b = { .decide = decide, .arg = arg };
	enum authtok_err err = change(ctx, row, owner, sid, ask, &b);

	return err == AUTHTOK_ESIG || err == AUTHTOK_ECRYPTO ? AUTHTOK_OK : err;
}

static enum authtok_err
decides_on_nothing(void *ctx, const uint8_t *sid, struct authtok_session *row,
    struct authtok_owner *owner, authtok_decide *decide, void *arg)
{
	struct between b = { .decide = decide, .arg = arg };
	enum authtok_err err = change(ctx, row, owner, sid, ask, &b);

	if (err == AUTHTOK_EUNKNOWN)
		(void)ask(&b, &b.last);
	return err;
}

static enum authtok_err
takes_revoked(void *ctx, const uint8_t *sid, struct authtok_session *row,
    struct authtok_owner *owner, authtok_decide *decide, void *arg)
{
	enum authtok_err err = change(ctx, row, owner, sid, decide, arg);

	return err == AUTHTOK_ECHANGED && row->revoked_at ? AUTHTOK_OK : err;
}

static enum authtok_err
takes_wrong(void *ctx, const uint8_t *sid, struct authtok_session *row,
    struct authtok_owner *owner, authtok_decide *decide, void *arg)
{
	enum authtok_err err = change(ctx, row, owner, sid, decide, arg);

	return err == AUTHTOK_EINVAL ? AUTHTOK_OK : err;
}

const struct fault change_faults[] = {
	{ "a change is forgotten", "session_change changes",
	    { .session_change = forgets } },
	{ "a change is made up", "session_change may change nothing",
	    { .session_change = records_nothing } },
	{ "a refusal is not told", "session_change gives what decide says",
	    { .session_change = insists } },
	{ "a decision on nothing", "session_change of no session",
	    { .session_change = decides_on_nothing } },
	{ "a revoked session changes", "session_change of a revoked session",
	    { .session_change = takes_revoked } },
	{ "a generation falls", "session_change of what is wrong",
	    { .session_change = takes_wrong } },
	{ "a record is forgotten", "session_change writes its record",
	    { .session_change = writes_no_record } },
	{ "a record comes too late", "session_change refused by the chain",
	    { .session_change = appends_after } },
	{ "two steps", "race: session_change excludes others",
	    { .session_change = two_steps } },
	{ NULL, NULL, { 0 } },
};
