/*
 * Wrong operations that are wrong in small things: at edges, for those who are
 * not there, and beside what was asked.
 */
#include "faults.h"

#include <stdio.h>
#include <string.h>

/* ---- users --------------------------------------------------------------- */

static const struct authtok_user *kept_user;

static enum authtok_err
create_keeps_pointer(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	kept_user = user;
	return right->user_create(ctx, user, act, ret_id);
}

static enum authtok_err
find_follows_pointer(void *ctx, int64_t id, struct authtok_user *ret)
{
	enum authtok_err err = right->user_find(ctx, id, ret);

	if (!err)
		memcpy(ret->name, kept_user->name, sizeof(ret->name));
	return err;
}

static enum authtok_err
create_takes_id(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	enum authtok_err err = right->user_create(ctx, user, act, ret_id);

	if (!err && user->id != 0)
		*ret_id = user->id;
	return err;
}

/* A NUL is a byte like others when more follows it. */
static enum authtok_err
create_beyond_nul(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct authtok_user other = *user;
	size_t len = strlen(other.name);

	if (len < AUTHTOK_NAME_MAX && other.name[len + 1])
		other.name[len] = '_';
	return right->user_create(ctx, &other, act, ret_id);
}

static enum authtok_err
create_enabled(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct authtok_user other = *user;

	other.disabled = false;
	return right->user_create(ctx, &other, act, ret_id);
}

static enum authtok_err
find_hash_of_all(void *ctx, int64_t id, struct authtok_user *ret)
{
	enum authtok_err err = right->user_find(ctx, id, ret);

	if (!err && !ret->hash[0])
		ret->hash[0] = '*';
	return err;
}

static enum authtok_err
find_anybody(void *ctx, int64_t id, struct authtok_user *ret)
{
	return right->user_find(ctx, id < 0 ? -id : id, ret);
}

static enum authtok_err
find_short_names(void *ctx, const char *name, struct authtok_user *ret)
{
	if (strlen(name) > 6)
		return AUTHTOK_EUNKNOWN;
	return right->user_find_name(ctx, name, ret);
}

static enum authtok_err
list_without_hash(void *ctx, int64_t after, struct authtok_user *ret,
    size_t cap, size_t *ret_count)
{
	enum authtok_err err =
	    right->user_list(ctx, after, ret, cap, ret_count);
	size_t i;

	for (i = 0; i < *ret_count; i++)
		ret[i].hash[0] = '\0';
	return err;
}

static enum authtok_err
list_at_least_one(void *ctx, int64_t after, struct authtok_user *ret,
    size_t cap, size_t *ret_count)
{
	return right->user_list(ctx, after, ret, cap ? cap : 1, ret_count);
}

static enum authtok_err
update_keeps_email(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	struct authtok_user found, other = *user;

	if (!other.email[0] &&
	    right->user_find(ctx, user->id, &found) == AUTHTOK_OK)
		memcpy(other.email, found.email, sizeof(other.email));
	return right->user_update(ctx, &other, end, keep, when);
}

static enum authtok_err
update_of_nobody_changed(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	enum authtok_err err = right->user_update(ctx, user, end, keep, when);

	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_ECHANGED : err;
}

static enum authtok_err
update_taken_is_ok(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	enum authtok_err err = right->user_update(ctx, user, end, keep, when);

	return err == AUTHTOK_ENAME ? AUTHTOK_OK : err;
}

static enum authtok_err
update_meets_itself(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	struct authtok_user found;

	if (right->user_find_name(ctx, user->name, &found) == AUTHTOK_OK &&
	    strcmp(found.name, user->name) != 0)
		return AUTHTOK_ENAME;
	return right->user_update(ctx, user, end, keep, when);
}

static enum authtok_err
update_ends_all(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	(void)end;
	return right->user_update(ctx, user, AUTHTOK_END_ALL, keep, when);
}

static enum authtok_err
update_ends_neighbours(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	size_t n;

	if (end == AUTHTOK_END_ALL)
		right->session_revoke_user(ctx, user->id + 1, NULL, when, &n);
	return right->user_update(ctx, user, end, keep, when);
}

/* The old name and address are never given up. */
static enum authtok_err
update_leaves_names(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	struct authtok_user found, ghost;
	int64_t id;
	enum authtok_err err = right->user_find(ctx, user->id, &found);

	if (!err)
		err = right->user_update(ctx, user, end, keep, when);
	if (!err && strcmp(found.name, user->name) != 0) {
		ghost = found;
		right->user_create(ctx, &ghost, NULL, &id);
	}
	return err;
}

/* The sessions of a deleted user stay, with another user. */
static enum authtok_err
delete_empties(void *ctx, int64_t id, const struct authtok_act *when)
{
	struct authtok_session all[8];
	struct authtok_user heir;
	size_t i, n = 0;
	int64_t heir_id;
	enum authtok_err err;

	right->session_list(ctx, id, NULL, all, 8, &n);
	err = right->user_delete(ctx, id, when);
	memset(&heir, 0, sizeof(heir));
	snprintf(heir.name, sizeof(heir.name), "heir of %d", (int)id);
	if (err || n == 0 ||
	    right->user_create(ctx, &heir, NULL, &heir_id) != 0)
		return err;
	for (i = 0; i < n; i++) {
		all[i].user_id = heir_id;
		right->session_create(ctx, &all[i], 1, 0, when);
	}
	return err;
}

/* ---- sessions ------------------------------------------------------------ */

static enum authtok_err
create_for_nobody_changed(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	enum authtok_err err =
	    right->session_create(ctx, session, version, max_live, when);

	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_ECHANGED : err;
}

/* Room is made before it is known whether it is needed. */
static enum authtok_err
create_ends_first(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	struct authtok_session all[16];
	size_t n = 0;

	right->session_list(ctx, session->user_id, NULL, all, 16, &n);
	if (max_live > 0 && n >= max_live)
		right->session_revoke(ctx, all[0].sid, when);
	return right->session_create(ctx, session, version, max_live, when);
}

static enum authtok_err
create_ends_one(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	struct authtok_session all[16];
	size_t n = 0;

	right->session_list(ctx, session->user_id, NULL, all, 16, &n);
	if (max_live > 0 && n > max_live)
		max_live = (unsigned)n;
	return right->session_create(ctx, session, version, max_live, when);
}

static enum authtok_err
create_limit_below(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	return right->session_create(ctx, session, version,
	    max_live > 1 ? max_live - 1 : max_live, when);
}

static enum authtok_err
create_drops_retries(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	struct authtok_session other = *session;

	other.retry_count = 0;
	return right->session_create(ctx, &other, version, max_live, when);
}

static enum authtok_err
create_ascii_agent(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *when)
{
	struct authtok_session other = *session;
	char *c;

	for (c = other.agent; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return right->session_create(ctx, &other, version, max_live, when);
}

static enum authtok_err
find_seed_to_nul(void *ctx, const uint8_t *sid, struct authtok_session *ret,
    struct authtok_owner *owner)
{
	enum authtok_err err = right->session_find(ctx, sid, ret, owner);
	uint8_t *nul;

	if (err)
		return err;
	nul = memchr(ret->seed, 0, sizeof(ret->seed));
	if (nul)
		memset(nul, 0, sizeof(ret->seed) - (size_t)(nul - ret->seed));
	return err;
}

static enum authtok_err
find_gen_of_a_byte(void *ctx, const uint8_t *sid, struct authtok_session *ret,
    struct authtok_owner *owner)
{
	enum authtok_err err = right->session_find(ctx, sid, ret, owner);

	if (!err)
		ret->gen &= 0xff;
	return err;
}

static enum authtok_err
list_none_is_unknown(void *ctx, int64_t user_id, const uint8_t *after,
    struct authtok_session *ret, size_t cap, size_t *ret_count)
{
	enum authtok_err err =
	    right->session_list(ctx, user_id, after, ret, cap, ret_count);

	return !err && *ret_count == 0 ? AUTHTOK_EUNKNOWN : err;
}

static enum authtok_err
update_forgets_nothing(void *ctx, const struct authtok_session *next,
    uint32_t gen, uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct authtok_session s, other = *next;
	struct authtok_owner owner;

	if (right->session_find(ctx, next->sid, &s, &owner) == AUTHTOK_OK &&
	    other.retry_count < s.retry_count)
		other.retry_count = s.retry_count;
	return right->session_update(ctx, &other, gen, branch, durable, act);
}

/* The whole row is replaced, and with it what must stay. */
static enum authtok_err
update_replaces_row(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	static const struct authtok_act when = { .now = 1, .until = 2 };
	struct authtok_session s;
	struct authtok_owner owner;
	enum authtok_err err =
	    right->session_update(ctx, next, gen, branch, durable, act);

	if (err ||
	    right->session_find(ctx, next->sid, &s, &owner) != AUTHTOK_OK)
		return err;
	right->session_delete(ctx, next->sid, s.gen, s.branch);
	return right->session_create(ctx, next, 1, 0, &when);
}

static enum authtok_err
update_asks_for_disabled(void *ctx, const struct authtok_session *next,
    uint32_t gen, uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct authtok_session s;
	struct authtok_owner owner;

	if (right->session_find(ctx, next->sid, &s, &owner) == AUTHTOK_OK &&
	    owner.disabled)
		return AUTHTOK_ECHANGED;
	return right->session_update(ctx, next, gen, branch, durable, act);
}

/* 0 and less are taken for 1. */
static enum authtok_err
revoke_at_any_time(
    void *ctx, const uint8_t *sid, const struct authtok_act *when)
{
	struct authtok_act other = *when;

	if (other.now < 1)
		other.now = 1;
	return right->session_revoke(ctx, sid, &other);
}

static enum authtok_err
update_others_is_all(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	if (end == AUTHTOK_END_OTHERS && keep == NULL)
		end = AUTHTOK_END_ALL;
	return right->user_update(ctx, user, end, keep, when);
}

static enum authtok_err
update_cuts_retries(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct authtok_session other = *next;

	if (other.retry_count > AUTHTOK_RETRIES_MAX)
		other.retry_count = AUTHTOK_RETRIES_MAX;
	return right->session_update(ctx, &other, gen, branch, durable, act);
}

static enum authtok_err
revoke_of_nothing_is_ok(
    void *ctx, const uint8_t *sid, const struct authtok_act *when)
{
	right->session_revoke(ctx, sid, when);
	return AUTHTOK_OK;
}

static enum authtok_err
revoke_user_none_is_unknown(void *ctx, int64_t user_id, const uint8_t *keep,
    const struct authtok_act *when, size_t *ret_count)
{
	size_t n;
	enum authtok_err err =
	    right->session_revoke_user(ctx, user_id, keep, when, &n);

	if (!err && n == 0)
		return AUTHTOK_EUNKNOWN;
	*ret_count = n;
	return err;
}

static enum authtok_err
delete_forgets(void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch)
{
	size_t n;

	right->purge(ctx, INT64_MAX - 1, INT64_MIN, 100, &n, &(bool){ false });
	return right->session_delete(ctx, sid, gen, branch);
}

/* ---- revocations and purge ----------------------------------------------- */

static enum authtok_err
since_zero_or_more(void *ctx, int64_t after, struct authtok_revocation *ret,
    size_t cap, size_t *ret_count)
{
	*ret_count = 0;
	return after < 0
	    ? AUTHTOK_OK
	    : right->revoked_since(ctx, after, ret, cap, ret_count);
}

static enum authtok_err
purge_all_idle(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	(void)idle_before;
	return right->purge(ctx, now, now, limit, ret_count, ret_more);
}

static enum authtok_err
purge_late(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	return right->purge(
	    ctx, now - 1, idle_before, limit, ret_count, ret_more);
}

static enum authtok_err
purge_counts_one(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	enum authtok_err err =
	    right->purge(ctx, now, idle_before, limit, ret_count, ret_more);

	*ret_count += 1;
	return err;
}

const struct fault small_faults[] = {
	{ "a pointer is kept", "user_create copies its argument",
	    { .user_create = create_keeps_pointer,
		.user_find = find_follows_pointer } },
	{ "the caller's id is taken", "user_create gives id and version",
	    { .user_create = create_takes_id } },
	{ "a text goes on after its NUL", "texts end at their NUL",
	    { .user_create = create_beyond_nul } },
	{ "a list has room for one", "lists with room for none",
	    { .user_list = list_at_least_one } },
	{ "a store has a policy", "session_update has no policy",
	    { .session_update = update_asks_for_disabled } },
	{ "users begin enabled", "user_create takes every field",
	    { .user_create = create_enabled } },
	{ "no hash is some hash", "user_create without hash, roles, email",
	    { .user_find = find_hash_of_all } },
	{ "ids have no sign", "user_find of nobody",
	    { .user_find = find_anybody } },
	{ "long names are lost", "many users",
	    { .user_find_name = find_short_names } },
	{ "the list has no hashes", "user_list gives whole records",
	    { .user_list = list_without_hash } },
	{ "an address cannot be taken away", "user_update takes away",
	    { .user_update = update_keeps_email } },
	{ "nobody has changed", "user_update of nobody",
	    { .user_update = update_of_nobody_changed } },
	{ "a name is taken in silence", "user_update: name or email taken",
	    { .user_update = update_taken_is_ok } },
	{ "one's own name is taken", "user_update of case alone",
	    { .user_update = update_meets_itself } },
	{ "every update ends sessions", "user_update ends no session",
	    { .user_update = update_ends_all } },
	{ "others' sessions are ended", "user_update leaves other users",
	    { .user_update = update_ends_neighbours } },
	{ "an old name stays taken", "user_update frees the old name and email",
	    { .user_update = update_leaves_names } },
	{ "sessions outlive their user", "user_delete removes the sessions",
	    { .user_delete = delete_empties } },
	{ "nobody has changed", "session_create for nobody",
	    { .session_create = create_for_nobody_changed } },
	{ "half of a sign-in stays", "session_create refused ends nothing",
	    { .session_create = create_ends_first } },
	{ "only one session is ended", "max_live lowered ends several",
	    { .session_create = create_ends_one } },
	{ "max_live is one less", "max_live not reached",
	    { .session_create = create_limit_below } },
	{ "retries are dropped", "session_create takes every field",
	    { .session_create = create_drops_retries } },
	{ "texts are ASCII", "session with unusual texts",
	    { .session_create = create_ascii_agent } },
	{ "a seed ends at a NUL", "session with every byte value",
	    { .session_find = find_seed_to_nul } },
	{ "gen is a byte", "many rotations",
	    { .session_find = find_gen_of_a_byte } },
	{ "no sessions are unknown", "session_list of none",
	    { .session_list = list_none_is_unknown } },
	{ "retries cannot be taken away", "session_update takes away",
	    { .session_update = update_forgets_nothing } },
	{ "the whole row is replaced", "session_update leaves the rest",
	    { .session_update = update_replaces_row } },
	{ "nothing can be revoked", "session_revoke of nothing",
	    { .session_revoke = revoke_of_nothing_is_ok } },
	{ "revoked at no time", "no revocation without a time",
	    { .session_revoke = revoke_at_any_time } },
	{ "others than none are all", "no others than none",
	    { .user_update = update_others_is_all } },
	{ "retries are cut", "no more than there is room for",
	    { .session_update = update_cuts_retries } },
	{ "none is unknown", "session_revoke_user: none",
	    { .session_revoke_user = revoke_user_none_is_unknown } },
	{ "revocations go with sessions", "session_delete keeps the revocation",
	    { .session_delete = delete_forgets } },
	{ "a cursor below 0 finds nothing", "revoked_since overlaps",
	    { .revoked_since = since_zero_or_more } },
	{ "all is idle", "purge keeps what matters",
	    { .purge = purge_all_idle } },
	{ "revocations that end now stay", "purge of revocations of users",
	    { .purge = purge_late } },
	{ "one too many is counted", "empty store",
	    { .purge = purge_counts_one } },
	{ NULL, NULL, { 0 } },
};
