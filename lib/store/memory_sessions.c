/*
 * Sessions of the reference backend. May know: store.h.
 */
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

static struct memory_session *
get(const struct memory *m, const uint8_t *sid)
{
	uint32_t hash = at_memory_hash_sid(m, sid);
	struct memory_link *link = NULL;
	struct memory_session *s;

	while ((link = at_memory_table_next(&m->sids, link, hash))) {
		s = link->row;
		if (memcmp(s->rec.sid, sid, AUTHTOK_SID_LEN) == 0)
			return s;
	}
	return NULL;
}

/* Index of the user's first session with a sid > after, or >= after. */
static size_t
position(const struct memory_user *user, const uint8_t *after, bool or_equal)
{
	size_t low = 0, high = user->session_count, mid;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		order = memcmp(
		    user->sessions[mid]->rec.sid, after, AUTHTOK_SID_LEN);
		if (order > 0 || (order == 0 && or_equal))
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool
is_live(const struct authtok_session *rec, int64_t now)
{
	return rec->revoked_at == 0 && rec->expires_at > now;
}

static void
revoke(
    struct memory *m, struct memory_session *s, const struct authtok_act *act)
{
	s->rec.revoked_at = act->now;
	at_memory_event_session(m, s->rec.sid, act);
}

void
at_memory_session_remove(struct memory *m, struct memory_session *s)
{
	struct memory_user *user = s->user;
	size_t i = position(user, s->rec.sid, true);

	at_memory_table_remove(&m->sids, &s->by_sid);
	memmove(user->sessions + i, user->sessions + i + 1,
	    (user->session_count - i - 1) * sizeof(*user->sessions));
	user->session_count--;
	at_memory_wipe(s, sizeof(*s));
	free(s);
}

static bool
ends(const struct memory_session *s, const uint8_t *keep, int64_t now)
{
	return is_live(&s->rec, now) &&
	    (!keep || memcmp(s->rec.sid, keep, AUTHTOK_SID_LEN) != 0);
}

size_t
at_memory_sessions_ending(
    const struct memory_user *user, const uint8_t *keep, int64_t now)
{
	size_t i, n = 0;

	for (i = 0; i < user->session_count; i++)
		n += ends(user->sessions[i], keep, now);
	return n;
}

void
at_memory_sessions_end(struct memory *m, struct memory_user *user,
    const uint8_t *keep, const struct authtok_act *act)
{
	size_t i;

	for (i = 0; i < user->session_count; i++)
		if (ends(user->sessions[i], keep, act->now))
			revoke(m, user->sessions[i], act);
}

/* How many live sessions are too many once there is one more. */
static size_t
excess(const struct memory_user *user, unsigned max_live, int64_t now)
{
	size_t live = at_memory_sessions_ending(user, NULL, now);

	return live >= max_live ? live + 1 - max_live : 0;
}

static struct memory_session *
oldest_live(const struct memory_user *user, int64_t now)
{
	struct memory_session *s, *oldest = NULL;
	size_t i;

	for (i = 0; i < user->session_count; i++) {
		s = user->sessions[i];
		if (is_live(&s->rec, now) &&
		    (!oldest || s->rec.rotated_at < oldest->rec.rotated_at))
			oldest = s;
	}
	return oldest;
}

/* The session's row, not yet among the user's; NULL when out of memory. */
static struct memory_session *
make_row(struct memory_user *user, const struct authtok_session *rec)
{
	struct memory_session *s, **sessions;

	sessions = at_memory_grow(user->sessions, &user->session_cap,
	    user->session_count + 1, sizeof(*user->sessions));
	if (!sessions)
		return NULL;
	user->sessions = sessions;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->user = user;
	s->rec = *rec;
	return s;
}

/* The n oldest live sessions, revoked, without their events. */
static void
end_oldest(const struct memory_user *user, size_t n, int64_t now,
    struct memory_session **ret_ended)
{
	size_t i;

	for (i = 0; i < n; i++) {
		/* cppcheck-suppress nullPointer ; not when n is 0 */
		ret_ended[i] = oldest_live(user, now);
		/* cppcheck-suppress nullPointer ; not when n is 0 */
		ret_ended[i]->rec.revoked_at = now;
	}
}

/* A record for each of them, and the act's own; all of it or nothing. */
static enum authtok_err
audit_create(struct memory *m, struct memory_session *const *ended, size_t n,
    const struct authtok_act *act)
{
	size_t i, before = m->audit_count;
	enum authtok_err err = AUTHTOK_OK;

	for (i = 0; i < n && !err; i++)
		/* cppcheck-suppress nullPointer ; not when n is 0 */
		err = at_memory_audit_limit(m, act, ended[i]->rec.sid);
	if (!err)
		err = at_memory_audit_act(m, act);
	if (err)
		m->audit_count = before;
	return err;
}

/* End n sessions of the user, with their records and events. */
static enum authtok_err
make_room(struct memory *m, const struct memory_user *user, size_t n,
    const struct authtok_act *act)
{
	struct memory_session **ended = NULL;
	enum authtok_err err;
	size_t i;

	if (n > 0) {
		ended = calloc(n, sizeof(*ended));
		if (!ended)
			return AUTHTOK_ENOMEM;
	}
	end_oldest(user, n, act->now, ended);
	err = audit_create(m, ended, n, act);
	for (i = 0; i < n; i++)
		if (err)
			ended[i]->rec.revoked_at = 0;
		else
			at_memory_event_session(m, ended[i]->rec.sid, act);
	free(ended);
	return err;
}

/* All checks are done; n sessions of the user end to make room. */
static enum authtok_err
add_row(struct memory *m, struct memory_user *user,
    const struct authtok_session *rec, size_t n, const struct authtok_act *act)
{
	struct memory_session *s;
	enum authtok_err err;
	size_t i;

	if (!at_memory_events_reserve(m, n + 1))
		return AUTHTOK_ENOMEM;
	s = make_row(user, rec);
	if (!s)
		return AUTHTOK_ENOMEM;
	err = make_room(m, user, n, act);
	if (err) {
		at_memory_wipe(s, sizeof(*s));
		free(s);
		return err;
	}
	i = position(user, rec->sid, false);
	memmove(user->sessions + i + 1, user->sessions + i,
	    (user->session_count - i) * sizeof(*user->sessions));
	user->sessions[i] = s;
	user->session_count++;
	at_memory_table_add(
	    &m->sids, &s->by_sid, at_memory_hash_sid(m, rec->sid), s);
	return AUTHTOK_OK;
}

static enum authtok_err
session_create(struct memory *m, const struct authtok_session *rec,
    int64_t user_version, unsigned max_live, const struct authtok_act *act)
{
	struct memory_user *user = at_memory_user_get(m, rec->user_id);
	size_t n = 0;

	if (!user)
		return AUTHTOK_EUNKNOWN;
	if (user->rec.version != user_version || user->rec.disabled)
		return AUTHTOK_ECHANGED;
	if (get(m, rec->sid))
		return AUTHTOK_EINVAL;
	if (max_live > 0 && is_live(rec, act->now))
		n = excess(user, max_live, act->now);
	return add_row(m, user, rec, n, act);
}

enum authtok_err
at_memory_session_create(void *ctx, const struct authtok_session *session,
    int64_t user_version, unsigned max_live, const struct authtok_act *act)
{
	struct memory *m = ctx;
	enum authtok_err err;

	if (!at_memory_act_valid(act) ||
	    session->retry_count > AUTHTOK_RETRIES_MAX)
		return AUTHTOK_EINVAL;
	at_memory_lock(m);
	err = session_create(m, session, user_version, max_live, act);
	at_memory_unlock(m);
	return err;
}

static void
give_owner(const struct authtok_user *user, struct authtok_owner *ret_owner)
{
	ret_owner->epoch = user->epoch;
	ret_owner->disabled = user->disabled;
	ret_owner->role_count = user->role_count;
	memcpy(ret_owner->roles, user->roles, sizeof(ret_owner->roles));
}

enum authtok_err
at_memory_session_find(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner)
{
	struct memory *m = ctx;
	const struct memory_session *s;

	at_memory_lock(m);
	s = get(m, sid);
	if (s) {
		*ret_session = s->rec;
		give_owner(&s->user->rec, ret_owner);
	}
	at_memory_unlock(m);
	return s ? AUTHTOK_OK : AUTHTOK_EUNKNOWN;
}

static bool
is_at(const struct memory_session *s, uint32_t gen, uint32_t branch)
{
	return s->rec.gen == gen && s->rec.branch == branch;
}

/* The rotation fields, address and agent; nothing else may change. */
static void
rotate(struct authtok_session *rec, const struct authtok_session *next)
{
	rec->gen = next->gen;
	rec->branch = next->branch;
	rec->parent = next->parent;
	rec->forwarded_gen = next->forwarded_gen;
	rec->rotated_at = next->rotated_at;
	rec->forwarded_at = next->forwarded_at;
	rec->retry_count = next->retry_count;
	memcpy(rec->retries, next->retries, sizeof(rec->retries));
	memcpy(rec->address, next->address, sizeof(rec->address));
	memcpy(rec->agent, next->agent, sizeof(rec->agent));
}

static enum authtok_err
session_update(struct memory *m, const struct authtok_session *next,
    uint32_t gen, uint32_t branch, const struct authtok_act *act)
{
	struct memory_session *s = get(m, next->sid);
	enum authtok_err err;

	if (!s || s->rec.revoked_at != 0 || !is_at(s, gen, branch))
		return AUTHTOK_ECHANGED;
	/* generations never fall */
	if (next->gen < gen)
		return AUTHTOK_EINVAL;
	err = at_memory_audit_act(m, act);
	if (err)
		return err;
	rotate(&s->rec, next);
	return AUTHTOK_OK;
}

enum authtok_err
at_memory_session_update(void *ctx, const struct authtok_session *next,
    uint32_t gen, uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct memory *m = ctx;
	enum authtok_err err;

	(void)durable; /* memory is as durable as it can be */
	if (next->retry_count > AUTHTOK_RETRIES_MAX)
		return AUTHTOK_EINVAL;
	at_memory_lock(m);
	err = session_update(m, next, gen, branch, act);
	at_memory_unlock(m);
	return err;
}

static enum authtok_err
change(struct memory *m, const struct memory_session *s, authtok_decide *decide,
    void *arg)
{
	struct authtok_change wanted = { 0 };
	enum authtok_err err = decide(arg, &wanted);

	if (err || !wanted.next)
		return err;
	if (wanted.next->retry_count > AUTHTOK_RETRIES_MAX)
		return AUTHTOK_EINVAL;
	return session_update(
	    m, wanted.next, s->rec.gen, s->rec.branch, wanted.act);
}

enum authtok_err
at_memory_session_change(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner,
    authtok_decide *decide, void *arg)
{
	struct memory *m = ctx;
	const struct memory_session *s;
	enum authtok_err err = AUTHTOK_EUNKNOWN;

	at_memory_lock(m);
	s = get(m, sid);
	if (s) {
		*ret_session = s->rec;
		give_owner(&s->user->rec, ret_owner);
		err = change(m, s, decide, arg);
	}
	at_memory_unlock(m);
	return err;
}

enum authtok_err
at_memory_session_list(void *ctx, int64_t user_id, const uint8_t *after,
    struct authtok_session *ret_sessions, size_t cap, size_t *ret_count)
{
	struct memory *m = ctx;
	const struct memory_user *user;
	size_t i, n = 0;

	at_memory_lock(m);
	user = at_memory_user_get(m, user_id);
	if (user) {
		i = after ? position(user, after, false) : 0;
		for (; n < cap && i < user->session_count; n++, i++)
			ret_sessions[n] = user->sessions[i]->rec;
	}
	*ret_count = n;
	at_memory_unlock(m);
	return AUTHTOK_OK;
}

static enum authtok_err
session_revoke(
    struct memory *m, const uint8_t *sid, const struct authtok_act *act)
{
	struct memory_session *s = get(m, sid);
	enum authtok_err err;

	if (!s)
		return AUTHTOK_EUNKNOWN;
	if (s->rec.revoked_at != 0)
		return AUTHTOK_OK;
	if (!at_memory_events_reserve(m, 1))
		return AUTHTOK_ENOMEM;
	err = at_memory_audit_act(m, act);
	if (err)
		return err;
	revoke(m, s, act);
	return AUTHTOK_OK;
}

enum authtok_err
at_memory_session_revoke(
    void *ctx, const uint8_t *sid, const struct authtok_act *act)
{
	struct memory *m = ctx;
	enum authtok_err err;

	if (!at_memory_act_valid(act))
		return AUTHTOK_EINVAL;
	at_memory_lock(m);
	err = session_revoke(m, sid, act);
	at_memory_unlock(m);
	return err;
}

/* All checks are done. */
static void
raise_epoch(struct memory *m, struct memory_user *user, int64_t epoch,
    const struct authtok_act *act)
{
	user->rec.epoch = epoch;
	user->rec.version++;
	at_memory_event_user(m, user->rec.id, epoch, act);
}

static enum authtok_err
session_revoke_user(struct memory *m, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act, size_t *ret_count)
{
	struct memory_user *user = at_memory_user_get(m, user_id);
	enum authtok_err err;
	size_t n = user ? at_memory_sessions_ending(user, keep, act->now) : 0;
	int64_t epoch;

	if (!user || (keep && n == 0))
		goto out;
	epoch = authtok_epoch_next(user->rec.epoch, act->now);
	if (!keep && epoch == 0)
		return AUTHTOK_ESTORE;
	if (!at_memory_events_reserve(m, n + 1))
		return AUTHTOK_ENOMEM;
	err = at_memory_audit_act(m, act);
	if (err)
		return err;
	at_memory_sessions_end(m, user, keep, act);
	if (!keep)
		raise_epoch(m, user, epoch, act);
out:
	*ret_count = n;
	return AUTHTOK_OK;
}

enum authtok_err
at_memory_session_revoke_user(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *act, size_t *ret_count)
{
	struct memory *m = ctx;
	enum authtok_err err;

	if (!at_memory_act_valid(act))
		return AUTHTOK_EINVAL;
	at_memory_lock(m);
	err = session_revoke_user(m, user_id, keep, act, ret_count);
	at_memory_unlock(m);
	return err;
}

enum authtok_err
at_memory_session_delete(
    void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch)
{
	struct memory *m = ctx;
	struct memory_session *s;
	enum authtok_err err = AUTHTOK_OK;

	at_memory_lock(m);
	s = get(m, sid);
	if (s && !is_at(s, gen, branch))
		err = AUTHTOK_ECHANGED;
	else if (s)
		at_memory_session_remove(m, s);
	at_memory_unlock(m);
	return err;
}

static bool
is_spent(const struct authtok_session *rec, int64_t now, int64_t idle_before)
{
	return rec->expires_at <= now || rec->rotated_at <= idle_before ||
	    (rec->revoked_at != 0 && rec->revoked_at <= idle_before);
}

/* Once around the table at most, from where the last purge ended. */
static size_t
purge_sessions(struct memory *m, int64_t now, int64_t idle_before, size_t limit)
{
	size_t i, at, gone = 0;
	struct memory_link *link, *next;
	struct memory_session *s;

	for (i = 0; i < m->sids.bucket_count && gone < limit; i++) {
		at = m->purge_bucket++ & (m->sids.bucket_count - 1);
		for (link = m->sids.buckets[at]; link; link = next) {
			next = link->next;
			s = link->row;
			if (gone == limit ||
			    !is_spent(&s->rec, now, idle_before))
				continue;
			at_memory_session_remove(m, s);
			gone++;
		}
	}
	return gone;
}

enum authtok_err
at_memory_purge(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	struct memory *m = ctx;
	size_t gone;

	at_memory_lock(m);
	gone = purge_sessions(m, now, idle_before, limit);
	gone += at_memory_events_purge(m, now, limit - gone);
	*ret_count = gone;
	*ret_more = gone == limit;
	at_memory_unlock(m);
	return AUTHTOK_OK;
}
