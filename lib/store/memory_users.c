/*
 * Users of the reference backend. May know: store.h.
 */
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

/* Index of the first user with an id > after. */
static size_t
first_after(const struct memory *m, int64_t after)
{
	size_t low = 0, high = m->user_count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (m->users[mid]->rec.id > after)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

struct memory_user *
at_memory_user_get(const struct memory *m, int64_t id)
{
	size_t i = first_after(m, id);

	return i > 0 && m->users[i - 1]->rec.id == id ? m->users[i - 1] : NULL;
}

static struct memory_user *
get_name(const struct memory *m, const char *name)
{
	uint32_t hash = at_memory_hash_text(m, name);
	struct memory_link *link = NULL;
	struct memory_user *user;

	while ((link = at_memory_table_next(&m->names, link, hash))) {
		user = link->row;
		if (at_memory_same_text(user->rec.name, name))
			return user;
	}
	return NULL;
}

/* "" is in no table, so that it finds nobody and is taken by nobody. */
static struct memory_user *
get_email(const struct memory *m, const char *email)
{
	uint32_t hash = at_memory_hash_text(m, email);
	struct memory_link *link = NULL;
	struct memory_user *user;

	while ((link = at_memory_table_next(&m->emails, link, hash))) {
		user = link->row;
		if (at_memory_same_text(user->rec.email, email))
			return user;
	}
	return NULL;
}

static void
link_user(struct memory *m, struct memory_user *user)
{
	at_memory_table_add(&m->names, &user->by_name,
	    at_memory_hash_text(m, user->rec.name), user);
	if (user->rec.email[0])
		at_memory_table_add(&m->emails, &user->by_email,
		    at_memory_hash_text(m, user->rec.email), user);
}

static void
unlink_user(struct memory *m, struct memory_user *user)
{
	at_memory_table_remove(&m->names, &user->by_name);
	if (user->rec.email[0])
		at_memory_table_remove(&m->emails, &user->by_email);
}

/* Whether user may have these texts; self is the row it has, or NULL. */
static enum authtok_err
check_taken(const struct memory *m, const struct authtok_user *user,
    const struct memory_user *self)
{
	const struct memory_user *other = get_name(m, user->name);

	if (other && other != self)
		return AUTHTOK_ENAME;
	other = get_email(m, user->email);
	if (other && other != self)
		return AUTHTOK_EEMAIL;
	return AUTHTOK_OK;
}

void
at_memory_user_free(struct memory_user *user)
{
	size_t i;

	for (i = 0; i < user->session_count; i++) {
		at_memory_wipe(user->sessions[i], sizeof(*user->sessions[i]));
		free(user->sessions[i]);
	}
	free(user->sessions);
	at_memory_wipe(user, sizeof(*user));
	free(user);
}

static enum authtok_err
user_create(struct memory *m, const struct authtok_user *rec,
    const struct authtok_act *act, int64_t *ret_id)
{
	enum authtok_err err = check_taken(m, rec, NULL);
	struct memory_user **users, *user;

	if (err)
		return err;
	users = at_memory_grow(
	    m->users, &m->user_cap, m->user_count + 1, sizeof(*m->users));
	if (!users)
		return AUTHTOK_ENOMEM;
	m->users = users;
	user = calloc(1, sizeof(*user));
	if (!user)
		return AUTHTOK_ENOMEM;
	err = at_memory_audit_act_of(m, act, m->last_id + 1);
	if (err) {
		free(user);
		return err;
	}
	user->rec = *rec;
	user->rec.id = ++m->last_id;
	user->rec.version = 1;
	m->users[m->user_count++] = user;
	link_user(m, user);
	*ret_id = user->rec.id;
	return AUTHTOK_OK;
}

enum authtok_err
at_memory_user_create(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	struct memory *m = ctx;
	enum authtok_err err;

	if (user->role_count > AUTHTOK_ROLES_MAX)
		return AUTHTOK_EINVAL;
	at_memory_lock(m);
	err = user_create(m, user, act, ret_id);
	at_memory_unlock(m);
	return err;
}

static enum authtok_err
give(const struct memory_user *user, struct authtok_user *ret_user)
{
	if (!user)
		return AUTHTOK_EUNKNOWN;
	*ret_user = user->rec;
	return AUTHTOK_OK;
}

enum authtok_err
at_memory_user_find(void *ctx, int64_t id, struct authtok_user *ret_user)
{
	struct memory *m = ctx;
	enum authtok_err err;

	at_memory_lock(m);
	err = give(at_memory_user_get(m, id), ret_user);
	at_memory_unlock(m);
	return err;
}

enum authtok_err
at_memory_user_find_name(
    void *ctx, const char *name, struct authtok_user *ret_user)
{
	struct memory *m = ctx;
	enum authtok_err err;

	at_memory_lock(m);
	err = give(get_name(m, name), ret_user);
	at_memory_unlock(m);
	return err;
}

enum authtok_err
at_memory_user_find_email(
    void *ctx, const char *email, struct authtok_user *ret_user)
{
	struct memory *m = ctx;
	enum authtok_err err;

	at_memory_lock(m);
	err = give(get_email(m, email), ret_user);
	at_memory_unlock(m);
	return err;
}

static enum authtok_err
check_update(const struct memory *m, const struct authtok_user *rec,
    const struct memory_user *user)
{
	if (!user)
		return AUTHTOK_EUNKNOWN;
	if (user->rec.version != rec->version)
		return AUTHTOK_ECHANGED;
	if (rec->epoch < user->rec.epoch)
		return AUTHTOK_EINVAL;
	return check_taken(m, rec, user);
}

static void
replace(
    struct memory *m, struct memory_user *user, const struct authtok_user *rec)
{
	int64_t created_at = user->rec.created_at;

	unlink_user(m, user);
	user->rec = *rec;
	user->rec.version = rec->version + 1;
	user->rec.created_at = created_at;
	link_user(m, user);
}

static enum authtok_err
user_update(struct memory *m, const struct authtok_user *rec,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *act)
{
	struct memory_user *user = at_memory_user_get(m, rec->id);
	enum authtok_err err = check_update(m, rec, user);
	bool raised;
	size_t ending = 0;

	if (err)
		return err;
	if (end != AUTHTOK_END_OTHERS)
		keep = NULL;
	if (end != AUTHTOK_END_NONE)
		ending = at_memory_sessions_ending(user, keep, act->now);
	raised = rec->epoch > user->rec.epoch;
	if (!at_memory_events_reserve(m, ending + 1))
		return AUTHTOK_ENOMEM;
	err = at_memory_audit_act(m, act);
	if (err)
		return err;
	replace(m, user, rec);
	if (raised)
		at_memory_event_user(m, rec->id, rec->epoch, act);
	if (ending > 0)
		at_memory_sessions_end(m, user, keep, act);
	return AUTHTOK_OK;
}

enum authtok_err
at_memory_user_update(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *act)
{
	struct memory *m = ctx;
	enum authtok_err err;

	if (!at_memory_act_valid(act) || user->role_count > AUTHTOK_ROLES_MAX ||
	    (end == AUTHTOK_END_OTHERS && keep == NULL))
		return AUTHTOK_EINVAL;
	at_memory_lock(m);
	err = user_update(m, user, end, keep, act);
	at_memory_unlock(m);
	return err;
}

static enum authtok_err
user_delete(struct memory *m, int64_t id, const struct authtok_act *act)
{
	struct memory_user *user = at_memory_user_get(m, id);
	enum authtok_err err;
	size_t i;

	if (!user)
		return AUTHTOK_EUNKNOWN;
	if (!at_memory_events_reserve(m, 1))
		return AUTHTOK_ENOMEM;
	err = at_memory_audit_act(m, act);
	if (err)
		return err;
	for (i = 0; i < user->session_count; i++)
		at_memory_table_remove(&m->sids, &user->sessions[i]->by_sid);
	unlink_user(m, user);
	i = first_after(m, id);
	memmove(m->users + i - 1, m->users + i,
	    (m->user_count - i) * sizeof(*m->users));
	m->user_count--;
	at_memory_event_user(m, id, INT64_MAX, act);
	at_memory_user_free(user);
	return AUTHTOK_OK;
}

enum authtok_err
at_memory_user_delete(void *ctx, int64_t id, const struct authtok_act *act)
{
	struct memory *m = ctx;
	enum authtok_err err;

	if (!at_memory_act_valid(act))
		return AUTHTOK_EINVAL;
	at_memory_lock(m);
	err = user_delete(m, id, act);
	at_memory_unlock(m);
	return err;
}

enum authtok_err
at_memory_user_list(void *ctx, int64_t after, struct authtok_user *ret_users,
    size_t cap, size_t *ret_count)
{
	struct memory *m = ctx;
	size_t i, n;

	at_memory_lock(m);
	i = first_after(m, after);
	for (n = 0; n < cap && i < m->user_count; n++, i++)
		ret_users[n] = m->users[i]->rec;
	*ret_count = n;
	at_memory_unlock(m);
	return AUTHTOK_OK;
}
