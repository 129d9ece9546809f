/*
 * Wrong operations on sessions.
 */
#include "faults.h"

#include <string.h>

/* ---- create -------------------------------------------------------------- */

static enum authtok_err
create_any_version(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	struct authtok_user user;

	if (right->user_find(ctx, session->user_id, &user) == AUTHTOK_OK)
		version = user.version;
	return right->session_create(ctx, session, version, max_live, when);
}

/* Creates for a disabled user, too, in three steps. */
static enum authtok_err
create_for_disabled(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	struct authtok_user user;
	enum authtok_err err;

	if (right->user_find(ctx, session->user_id, &user) != AUTHTOK_OK ||
	    !user.disabled)
		return right->session_create(
		    ctx, session, version, max_live, when);
	user.disabled = false;
	right->user_update(ctx, &user, AUTHTOK_END_NONE, NULL, when);
	err = right->session_create(
	    ctx, session, user.version + 1, max_live, when);
	user.version++;
	user.disabled = true;
	right->user_update(ctx, &user, AUTHTOK_END_NONE, NULL, when);
	return err;
}

static enum authtok_err
create_unlimited(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	(void)max_live;
	return right->session_create(ctx, session, version, 0, when);
}

static enum authtok_err
create_limit_off_by_one(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	return right->session_create(ctx, session, version,
	    max_live > 0 && max_live < 100 ? max_live + 1 : max_live, when);
}

/* Dead sessions take the place of live ones. */
static enum authtok_err
create_counts_dead(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	struct authtok_session all[16];
	size_t i, n = 0;

	right->session_list(ctx, session->user_id, NULL, all, 16, &n);
	for (i = 0; i < n && max_live > 1; i++)
		if (all[i].revoked_at != 0 || all[i].expires_at <= when->now)
			max_live--;
	return right->session_create(ctx, session, version, max_live, when);
}

static enum authtok_err
create_twice(void *ctx, const struct authtok_session *session, int64_t version,
    unsigned max_live, const struct authtok_act *when)
{
	enum authtok_err err =
	    right->session_create(ctx, session, version, max_live, when);

	return err == AUTHTOK_EINVAL ? AUTHTOK_OK : err;
}

/* Sids are texts: what follows a NUL is lost. */
static enum authtok_err
create_text_sid(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	struct authtok_session other = *session;
	size_t i;
	bool over = false;

	for (i = 0; i < AUTHTOK_SID_LEN; i++) {
		over = over || other.sid[i] == 0;
		if (over)
			other.sid[i] = 0;
	}
	return right->session_create(ctx, &other, version, max_live, when);
}

/* ---- find and list ------------------------------------------------------- */

static enum authtok_err
find_no_roles(void *ctx, const uint8_t *sid, struct authtok_session *ret,
    struct authtok_owner *ret_owner)
{
	enum authtok_err err = right->session_find(ctx, sid, ret, ret_owner);

	if (!err)
		ret_owner->role_count = 0;
	return err;
}

static enum authtok_err
find_writes_early(void *ctx, const uint8_t *sid, struct authtok_session *ret,
    struct authtok_owner *ret_owner)
{
	memset(ret_owner, 0, sizeof(*ret_owner));
	return right->session_find(ctx, sid, ret, ret_owner);
}

static enum authtok_err
find_signed_gen(void *ctx, const uint8_t *sid, struct authtok_session *ret,
    struct authtok_owner *ret_owner)
{
	enum authtok_err err = right->session_find(ctx, sid, ret, ret_owner);

	if (!err && ret->gen > INT32_MAX)
		ret->gen = INT32_MAX;
	return err;
}

static enum authtok_err
list_live_only(void *ctx, int64_t user_id, const uint8_t *after,
    struct authtok_session *ret, size_t cap, size_t *ret_count)
{
	enum authtok_err err =
	    right->session_list(ctx, user_id, after, ret, cap, ret_count);
	size_t i, kept = 0;

	for (i = 0; i < *ret_count; i++)
		if (ret[i].revoked_at == 0)
			ret[kept++] = ret[i];
	*ret_count = kept;
	return err;
}

static enum authtok_err
list_upside_down(void *ctx, int64_t user_id, const uint8_t *after,
    struct authtok_session *ret, size_t cap, size_t *ret_count)
{
	enum authtok_err err =
	    right->session_list(ctx, user_id, after, ret, cap, ret_count);
	struct authtok_session first = ret[0];

	if (*ret_count == 2) {
		ret[0] = ret[1];
		ret[1] = first;
	}
	return err;
}

/* ---- update -------------------------------------------------------------- */

static enum authtok_err
update_any_branch(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct authtok_session s;
	struct authtok_owner owner;

	if (right->session_find(ctx, next->sid, &s, &owner) == AUTHTOK_OK)
		branch = s.branch;
	return right->session_update(ctx, next, gen, branch, durable, act);
}

static enum authtok_err
update_revoked(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	enum authtok_err err =
	    right->session_update(ctx, next, gen, branch, durable, act);
	struct authtok_session s;
	struct authtok_owner owner;

	if (err && right->session_find(ctx, next->sid, &s, &owner) == 0 &&
	    s.revoked_at != 0)
		return AUTHTOK_OK;
	return err;
}

static enum authtok_err
update_unknown(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct authtok_session s;
	struct authtok_owner owner;
	enum authtok_err err = right->session_find(ctx, next->sid, &s, &owner);

	return err
	    ? err
	    : right->session_update(ctx, next, gen, branch, durable, act);
}

static enum authtok_err
update_forgets_retries(void *ctx, const struct authtok_session *next,
    uint32_t gen, uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct authtok_session other = *next;

	memset(other.retries, 0, sizeof(other.retries));
	return right->session_update(ctx, &other, gen, branch, durable, act);
}

static enum authtok_err
update_keeps_time(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct authtok_session s, other = *next;
	struct authtok_owner owner;

	if (right->session_find(ctx, next->sid, &s, &owner) == AUTHTOK_OK)
		other.rotated_at = s.rotated_at;
	return right->session_update(ctx, &other, gen, branch, durable, act);
}

static enum authtok_err
update_falls(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	enum authtok_err err =
	    right->session_update(ctx, next, gen, branch, durable, act);

	return err == AUTHTOK_EINVAL ? AUTHTOK_OK : err;
}

/* ---- revoke and delete --------------------------------------------------- */

static enum authtok_err
revoke_refuses_twice(
    void *ctx, const uint8_t *sid, const struct authtok_act *when)
{
	struct authtok_session s;
	struct authtok_owner owner;

	if (right->session_find(ctx, sid, &s, &owner) == AUTHTOK_OK &&
	    s.revoked_at != 0)
		return AUTHTOK_EUNKNOWN;
	return right->session_revoke(ctx, sid, when);
}

static enum authtok_err
revoke_deletes(void *ctx, const uint8_t *sid, const struct authtok_act *when)
{
	enum authtok_err err = right->session_revoke(ctx, sid, when);
	struct authtok_session s;
	struct authtok_owner owner;

	if (!err && right->session_find(ctx, sid, &s, &owner) == AUTHTOK_OK)
		right->session_delete(ctx, sid, s.gen, s.branch);
	return err;
}

static enum authtok_err
revoke_user_keeps_none(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *when, size_t *ret_count)
{
	(void)keep;
	return right->session_revoke_user(ctx, user_id, NULL, when, ret_count);
}

static enum authtok_err
revoke_user_leaves_epoch(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *when, size_t *ret_count)
{
	static const uint8_t nobodys[AUTHTOK_SID_LEN] = { 0xff };

	return right->session_revoke_user(
	    ctx, user_id, keep != NULL ? keep : nobodys, when, ret_count);
}

/* Tokens that a store which was set back never saw have a higher one. */
static enum authtok_err
revoke_user_counts_epochs(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *when, size_t *ret_count)
{
	struct authtok_user user;
	enum authtok_err err =
	    revoke_user_leaves_epoch(ctx, user_id, keep, when, ret_count);

	if (err || keep || right->user_find(ctx, user_id, &user) != AUTHTOK_OK)
		return err;
	user.epoch++;
	return right->user_update(ctx, &user, AUTHTOK_END_NONE, NULL, when);
}

/* A sign-in that had read the user before outlives the end of all. */
static enum authtok_err
create_forgives(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	struct authtok_user user;

	if (right->user_find(ctx, session->user_id, &user) == AUTHTOK_OK &&
	    !user.disabled && user.epoch >= when->now)
		version = user.version;
	return right->session_create(ctx, session, version, max_live, when);
}

static enum authtok_err
revoke_user_counts_all(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *when, size_t *ret_count)
{
	struct authtok_session all[16];
	size_t n = 0;
	enum authtok_err err =
	    right->session_revoke_user(ctx, user_id, keep, when, ret_count);

	right->session_list(ctx, user_id, NULL, all, 16, &n);
	*ret_count = n;
	return err;
}

static enum authtok_err
delete_any(void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch)
{
	struct authtok_session s;
	struct authtok_owner owner;

	if (right->session_find(ctx, sid, &s, &owner) == AUTHTOK_OK) {
		gen = s.gen;
		branch = s.branch;
	}
	return right->session_delete(ctx, sid, gen, branch);
}

static enum authtok_err
delete_revokes(void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch)
{
	static const struct authtok_act when = { .now = 1, .until = 2 };

	right->session_revoke(ctx, sid, &when);
	return right->session_delete(ctx, sid, gen, branch);
}

static enum authtok_err
delete_not_there(void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch)
{
	struct authtok_session s;
	struct authtok_owner owner;
	enum authtok_err err = right->session_find(ctx, sid, &s, &owner);

	return err ? err : right->session_delete(ctx, sid, gen, branch);
}

/* ---- purge --------------------------------------------------------------- */

static enum authtok_err
purge_unlimited(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	(void)limit;
	return right->purge(
	    ctx, now, idle_before, SIZE_MAX, ret_count, ret_more);
}

static enum authtok_err
purge_counts_wrong(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	enum authtok_err err =
	    right->purge(ctx, now, idle_before, limit, ret_count, ret_more);

	*ret_count = 0;
	return err;
}

static enum authtok_err
purge_is_over_soon(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	enum authtok_err err =
	    right->purge(ctx, now, idle_before, limit, ret_count, ret_more);

	*ret_more = *ret_more && limit == 0;
	return err;
}

static enum authtok_err
purge_is_never_over(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	enum authtok_err err =
	    right->purge(ctx, now, idle_before, limit, ret_count, ret_more);

	*ret_more = true;
	return err;
}

static enum authtok_err
purge_late(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	return right->purge(
	    ctx, now - 1, idle_before, limit, ret_count, ret_more);
}

static enum authtok_err
purge_early(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	return right->purge(
	    ctx, now + 1, idle_before, limit, ret_count, ret_more);
}

static enum authtok_err
purge_idle_late(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	return right->purge(ctx, now,
	    idle_before > INT64_MIN ? idle_before - 1 : idle_before, limit,
	    ret_count, ret_more);
}

const struct fault session_faults[] = {
	{ "the user's version is not compared",
	    "session_create for a changed user",
	    { .session_create = create_any_version } },
	{ "a disabled user gets a session",
	    "session_create for a disabled user",
	    { .session_create = create_for_disabled } },
	{ "max_live is ignored", "max_live ends the oldest",
	    { .session_create = create_unlimited } },
	{ "max_live is ignored", "race: max_live is never exceeded",
	    { .session_create = create_unlimited } },
	{ "max_live is one more", "max_live of one",
	    { .session_create = create_limit_off_by_one } },
	{ "max_live counts the dead", "max_live counts live sessions",
	    { .session_create = create_counts_dead } },
	{ "a sid may come twice", "session_create with a sid that exists",
	    { .session_create = create_twice } },
	{ "a sid may come twice", "race: session_create with one sid",
	    { .session_create = create_twice } },
	{ "a sid ends at a NUL", "sids are bytes",
	    { .session_create = create_text_sid } },
	{ "the owner has no roles", "session_find gives the owner",
	    { .session_find = find_no_roles } },
	{ "a failure writes the result", "session_find of nothing",
	    { .session_find = find_writes_early } },
	{ "gen is signed", "session with the largest values",
	    { .session_find = find_signed_gen } },
	{ "gen is signed", "session_update with the largest values",
	    { .session_find = find_signed_gen } },
	{ "revoked sessions are not listed", "session_list in pages",
	    { .session_list = list_live_only } },
	{ "sessions are listed upside down", "session_list in pages",
	    { .session_list = list_upside_down } },
	{ "the branch is not compared",
	    "session_update compares gen and branch",
	    { .session_update = update_any_branch } },
	{ "the branch is not compared", "session_update has one successor",
	    { .session_update = update_any_branch } },
	{ "a revoked session rotates", "session_update of a revoked session",
	    { .session_update = update_revoked } },
	{ "a session that is gone is unknown",
	    "session_update of a session that is gone",
	    { .session_update = update_unknown } },
	{ "retries are forgotten", "session_update replaces",
	    { .session_update = update_forgets_retries } },
	{ "the time of rotation stays", "session_update replaces",
	    { .session_update = update_keeps_time } },
	{ "max_live goes by creation",
	    "a rotation moves a session in the order",
	    { .session_update = update_keeps_time } },
	{ "a generation falls", "generations never fall",
	    { .session_update = update_falls } },
	{ "a revoked session is unknown", "session_revoke twice",
	    { .session_revoke = revoke_refuses_twice } },
	{ "revoking removes", "session_revoke",
	    { .session_revoke = revoke_deletes } },
	{ "no session is kept", "session_revoke_user: all but one",
	    { .session_revoke_user = revoke_user_keeps_none } },
	{ "the epoch stays", "session_revoke_user: the epoch",
	    { .session_revoke_user = revoke_user_leaves_epoch } },
	{ "the epoch is a counter", "session_revoke_user: the epoch",
	    { .session_revoke_user = revoke_user_counts_epochs } },
	{ "the version does not count", "session_revoke_user: the version",
	    { .session_create = create_forgives } },
	{ "the dead are counted", "session_revoke_user: all",
	    { .session_revoke_user = revoke_user_counts_all } },
	{ "the dead are counted", "race: session_revoke_user counts each once",
	    { .session_revoke_user = revoke_user_counts_all } },
	{ "deleting compares nothing", "session_delete compares gen and branch",
	    { .session_delete = delete_any } },
	{ "deleting is a revocation", "session_delete removes",
	    { .session_delete = delete_revokes } },
	{ "deleting twice fails", "session_delete removes",
	    { .session_delete = delete_not_there } },
	{ "a purge is over too soon", "purge keeps to its limit",
	    { .purge = purge_is_over_soon } },
	{ "a purge is never over", "purge keeps to its limit",
	    { .purge = purge_is_never_over } },
	{ "limit is ignored", "purge keeps to its limit",
	    { .purge = purge_unlimited } },
	{ "the count is wrong", "purge keeps to its limit",
	    { .purge = purge_counts_wrong } },
	{ "what ends now stays", "purge of expired sessions",
	    { .purge = purge_late } },
	{ "revocations that end now stay", "purge of revocations of sessions",
	    { .purge = purge_late } },
	{ "what ends later goes", "purge of expired sessions",
	    { .purge = purge_early } },
	{ "what is just idle stays", "purge of idle sessions",
	    { .purge = purge_idle_late } },
	{ "what was just revoked long ago stays", "purge of revoked sessions",
	    { .purge = purge_idle_late } },
	{ NULL, NULL, { 0 } },
};
