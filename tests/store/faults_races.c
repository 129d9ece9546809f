/*
 * Operations that are right alone and wrong when two of them meet. They wait
 * for each other once a store, so that they do meet, whatever the scheduler
 * does.
 */
#include "faults.h"

#include <pthread.h>
#include <string.h>

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t moved;
	unsigned here;    /* threads that have come to the meeting */
	bool half_done;   /* the first half of an update is done */
	unsigned between; /* operations done between both halves */
} meeting = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false,
	0 };

void
race_faults_reset(void)
{
	meeting.here = 0;
	meeting.half_done = false;
	meeting.between = 0;
}

void
race_faults_meet(void)
{
	pthread_mutex_lock(&meeting.mutex);
	meeting.here++;
	pthread_cond_broadcast(&meeting.moved);
	while (meeting.here < 2)
		pthread_cond_wait(&meeting.moved, &meeting.mutex);
	pthread_mutex_unlock(&meeting.mutex);
}

/* The first half is done, and who waits for that goes on. */
static void
tell(void)
{
	pthread_mutex_lock(&meeting.mutex);
	meeting.half_done = true;
	pthread_cond_broadcast(&meeting.moved);
	pthread_mutex_unlock(&meeting.mutex);
}

static void
be_told(void)
{
	pthread_mutex_lock(&meeting.mutex);
	while (!meeting.half_done)
		pthread_cond_wait(&meeting.moved, &meeting.mutex);
	pthread_mutex_unlock(&meeting.mutex);
}

/* Write whatever is there now. */
static enum authtok_err
overwrite(void *ctx, const struct authtok_session *next, bool durable,
    const struct authtok_act *act)
{
	struct authtok_session s, other = *next;
	struct authtok_owner owner;
	enum authtok_err err;

	do {
		err = right->session_find(ctx, next->sid, &s, &owner);
		if (err || s.revoked_at != 0)
			return AUTHTOK_ECHANGED;
		other.gen = s.gen > next->gen ? s.gen : next->gen;
		err = right->session_update(
		    ctx, &other, s.gen, s.branch, durable, act);
	} while (err == AUTHTOK_ECHANGED);
	return err;
}

/* Check, then write: two threads may both have checked. */
static enum authtok_err
update_check_then_write(void *ctx, const struct authtok_session *next,
    uint32_t gen, uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct authtok_session s;
	struct authtok_owner owner;

	if (right->session_find(ctx, next->sid, &s, &owner) != AUTHTOK_OK ||
	    s.revoked_at != 0 || s.gen != gen || s.branch != branch)
		return AUTHTOK_ECHANGED;
	race_faults_meet();
	return overwrite(ctx, next, durable, act);
}

/* No session's, so that all are ended but the user is left as it is. */
static const uint8_t nobodys[AUTHTOK_SID_LEN] = { 0xff };

/* The sessions first, the user second: sign-ins slip in between. */
static enum authtok_err
disable_in_two_steps(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	size_t n;

	if (end != AUTHTOK_END_ALL)
		return right->user_update(ctx, user, end, keep, when);
	right->session_revoke_user(ctx, user->id, nobodys, when, &n);
	pthread_mutex_lock(&meeting.mutex);
	meeting.half_done = true;
	pthread_cond_broadcast(&meeting.moved);
	while (meeting.between == 0)
		pthread_cond_wait(&meeting.moved, &meeting.mutex);
	pthread_mutex_unlock(&meeting.mutex);
	return right->user_update(ctx, user, AUTHTOK_END_NONE, NULL, when);
}

static enum authtok_err
create_in_between(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	enum authtok_err err;

	be_told();
	err = right->session_create(ctx, session, version, max_live, when);
	pthread_mutex_lock(&meeting.mutex);
	meeting.between++;
	pthread_cond_broadcast(&meeting.moved);
	pthread_mutex_unlock(&meeting.mutex);
	return err;
}

/* The session is read before a change of the user, the owner after it. */
static enum authtok_err
find_in_two_reads(void *ctx, const uint8_t *sid, struct authtok_session *ret,
    struct authtok_owner *ret_owner)
{
	struct authtok_session later;
	enum authtok_err err = right->session_find(ctx, sid, ret, ret_owner);

	pthread_mutex_lock(&meeting.mutex);
	meeting.between++;
	pthread_cond_broadcast(&meeting.moved);
	while (!meeting.half_done)
		pthread_cond_wait(&meeting.moved, &meeting.mutex);
	pthread_mutex_unlock(&meeting.mutex);
	if (err)
		return err;
	return right->session_find(ctx, sid, &later, ret_owner);
}

static enum authtok_err
update_between_reads(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	enum authtok_err err;

	pthread_mutex_lock(&meeting.mutex);
	while (meeting.between == 0)
		pthread_cond_wait(&meeting.moved, &meeting.mutex);
	pthread_mutex_unlock(&meeting.mutex);
	err = right->user_update(ctx, user, end, keep, when);
	tell();
	return err;
}

static enum authtok_err
revoke_and_tell(void *ctx, const uint8_t *sid, const struct authtok_act *act)
{
	enum authtok_err err = right->session_revoke(ctx, sid, act);

	tell();
	return err;
}

/* A rotation that was decided before a revocation is answered with OK. */
static enum authtok_err
update_answers_revoked(void *ctx, const struct authtok_session *next,
    uint32_t gen, uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct authtok_session s;
	struct authtok_owner owner;
	enum authtok_err err;

	/* the first one comes after the revocation, whoever is faster */
	pthread_mutex_lock(&meeting.mutex);
	while (meeting.here == 0 && !meeting.half_done)
		pthread_cond_wait(&meeting.moved, &meeting.mutex);
	meeting.here++;
	pthread_mutex_unlock(&meeting.mutex);
	err = right->session_update(ctx, next, gen, branch, durable, act);
	if (err == AUTHTOK_ECHANGED &&
	    right->session_find(ctx, next->sid, &s, &owner) == AUTHTOK_OK &&
	    s.revoked_at != 0)
		return AUTHTOK_OK;
	return err;
}

/* One field comes from before an update, the others from after it. */
static enum authtok_err
find_half(void *ctx, const uint8_t *sid, struct authtok_session *ret,
    struct authtok_owner *ret_owner)
{
	enum authtok_err err = right->session_find(ctx, sid, ret, ret_owner);

	if (!err)
		ret->parent = ret->gen + 1;
	return err;
}

/* ---- the audit log ------------------------------------------------------- */

/* An act whose chain goes on from what was the end some time ago. */
struct stale {
	const struct authtok_act *act;
	uint8_t mac[AUTHTOK_MAC_LEN];
};

static enum authtok_err
chain_stale(
    void *arg, const uint8_t *previous, struct authtok_audit_record *record)
{
	const struct stale *stale = arg;

	(void)previous;
	return stale->act->chain(stale->act->chain_arg, stale->mac, record);
}

/* Read the end of the log, then write: another may have come in between. */
static struct authtok_act
read_then_meet(void *ctx, const struct authtok_act *act, struct stale *stale)
{
	struct authtok_act other = *act;
	struct authtok_audit_record last;
	int64_t after = 0;
	size_t n;

	stale->act = act;
	(void)right->audit_base(ctx, &after, stale->mac);
	while (right->audit_list(ctx, after, &last, 1, &n) == AUTHTOK_OK &&
	    n == 1) {
		after = last.seq;
		memcpy(stale->mac, last.mac, sizeof(stale->mac));
	}
	race_faults_meet();
	other.chain = chain_stale;
	other.chain_arg = stale;
	return other;
}

static enum authtok_err
append_in_two_steps(void *ctx, const struct authtok_act *act)
{
	struct stale stale;
	struct authtok_act other = read_then_meet(ctx, act, &stale);

	return right->audit_append(ctx, &other);
}

static enum authtok_err
update_in_two_steps(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct stale stale;
	struct authtok_act other = read_then_meet(ctx, act, &stale);

	return right->session_update(ctx, next, gen, branch, durable, &other);
}

/* Whether it changes anything is asked before. */
static enum authtok_err
revoke_asks_first(void *ctx, const uint8_t *sid, const struct authtok_act *act)
{
	struct authtok_act other = *act;
	struct authtok_session s;
	struct authtok_owner owner;
	enum authtok_err err = right->session_find(ctx, sid, &s, &owner);

	if (err || s.revoked_at != 0)
		return err;
	race_faults_meet();
	other.record = NULL;
	err = right->session_revoke(ctx, sid, &other);
	return err ? err : right->audit_append(ctx, act);
}

static enum authtok_err
append_and_tell(void *ctx, const struct authtok_act *act)
{
	enum authtok_err err = right->audit_append(ctx, act);

	pthread_mutex_lock(&meeting.mutex);
	meeting.between++;
	pthread_cond_broadcast(&meeting.moved);
	pthread_mutex_unlock(&meeting.mutex);
	return err;
}

/* It cuts up to what it finds, not up to what it was asked. */
static enum authtok_err
cut_all_but_newest(void *ctx, int64_t seq, const struct authtok_act *act)
{
	uint8_t mac[AUTHTOK_MAC_LEN];
	struct authtok_audit_record next;
	size_t n;

	(void)seq;
	pthread_mutex_lock(&meeting.mutex);
	while (meeting.between < 3)
		pthread_cond_wait(&meeting.moved, &meeting.mutex);
	pthread_mutex_unlock(&meeting.mutex);
	(void)right->audit_base(ctx, &seq, mac);
	while (right->audit_list(ctx, seq + 1, &next, 1, &n) == AUTHTOK_OK &&
	    n == 1)
		seq++;
	return right->audit_cut(ctx, seq, act);
}

static enum authtok_err
revoke_user_and_tell(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act, size_t *ret_count)
{
	enum authtok_err err =
	    right->session_revoke_user(ctx, user_id, keep, act, ret_count);

	tell();
	return err;
}

/* After the end of all sessions, whatever version the caller had read. */
static enum authtok_err
create_when_told(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *act)
{
	struct authtok_user user;

	be_told();
	if (right->user_find(ctx, session->user_id, &user) == AUTHTOK_OK)
		version = user.version;
	return right->session_create(ctx, session, version, max_live, act);
}

const struct fault race_faults[] = {
	{ "check, then write", "race: session_update has one winner",
	    { .session_update = update_check_then_write } },
	{ "disabling in two steps", "race: session_create against disabling",
	    { .user_update = disable_in_two_steps,
		.session_create = create_in_between } },
	{ "session and owner are two reads", "race: session_find is one read",
	    { .session_find = find_in_two_reads,
		.user_update = update_between_reads } },
	{ "the version does not count",
	    "race: session_create against session_revoke_user",
	    { .session_create = create_when_told,
		.session_revoke_user = revoke_user_and_tell } },
	{ "a revoked session rotates",
	    "race: session_update against session_revoke",
	    { .session_update = update_answers_revoked,
		.session_revoke = revoke_and_tell } },
	{ "half of an update is seen", "race: session_find gives whole rows",
	    { .session_find = find_half } },
	{ "the end of the log is read before", "race: audit_append",
	    { .audit_append = append_in_two_steps } },
	{ "the end of the log is read before", "race: acts with records",
	    { .session_update = update_in_two_steps } },
	{ "a revocation asks first", "race: one revocation, one record",
	    { .session_revoke = revoke_asks_first } },
	{ "a cut takes what it finds", "race: audit_append and audit_cut",
	    { .audit_append = append_and_tell,
		.audit_cut = cut_all_but_newest } },
	{ NULL, NULL, { 0 } },
};
