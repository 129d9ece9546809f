/*
 * Records to store, and questions to a store about what it has. May know:
 * store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

const struct authtok_act at_when = { .now = AT_NOW, .until = AT_UNTIL };

void
at_user(struct authtok_user *user, const char *name)
{
	memset(user, 0, sizeof(*user));
	user->epoch = 1;
	user->created_at = AT_NOW - 10;
	(void)snprintf(user->name, sizeof(user->name), "%s", name);
	(void)snprintf(user->hash, sizeof(user->hash), "$hash$of$%s", name);
	user->role_count = 1;
	(void)snprintf(user->roles[0], sizeof(user->roles[0]), "user");
}

bool
at_user_add(struct at_run *run, struct authtok_user *user, const char *name)
{
	at_user(user, name);
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, user, NULL, &user->id))
		return false;
	user->version = 1;
	return true;
}

void
at_sid(uint8_t *sid, uint32_t tag)
{
	size_t i;

	for (i = 0; i < AUTHTOK_SID_LEN; i++)
		sid[i] = (uint8_t)(tag >> (24 - 8 * (i % 4)));
}

void
at_session(struct authtok_session *s, int64_t user_id, uint32_t tag)
{
	memset(s, 0, sizeof(*s));
	at_sid(s->sid, tag);
	s->user_id = user_id;
	s->created_at = AT_NOW - 5;
	s->expires_at = AT_NOW + 100000;
	memset(s->seed, (int)(tag & 0xff), sizeof(s->seed));
	s->rotated_at = AT_NOW - 5;
	(void)snprintf(s->address, sizeof(s->address), "192.0.2.7");
	(void)snprintf(s->agent, sizeof(s->agent), "agent/%u", (unsigned)tag);
}

bool
at_session_add(struct at_run *run, struct authtok_session *s, int64_t user_id,
    uint32_t tag)
{
	at_session(s, user_id, tag);
	return EXPECT_ERR(run, AUTHTOK_OK, session_create, s, 1, 0, &at_when);
}

static bool
same_roles(size_t count, const char (*a)[AUTHTOK_ROLE_MAX + 1],
    const char (*b)[AUTHTOK_ROLE_MAX + 1])
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

const char *
at_user_differs(const struct authtok_user *want, const struct authtok_user *got)
{
	if (got->id != want->id)
		return "the user's id differs";
	if (got->version != want->version)
		return "the user's version differs";
	if (got->epoch != want->epoch)
		return "the user's epoch differs";
	if (got->created_at != want->created_at)
		return "the user's created_at differs";
	if (got->disabled != want->disabled)
		return "the user's disabled differs";
	if (strcmp(got->name, want->name) != 0)
		return "the user's name differs";
	if (strcmp(got->email, want->email) != 0)
		return "the user's email differs";
	if (strcmp(got->hash, want->hash) != 0)
		return "the user's hash differs";
	if (got->role_count != want->role_count)
		return "the user's role_count differs";
	if (!same_roles(want->role_count, want->roles, got->roles))
		return "the user's roles differ";
	return NULL;
}

static const char *
rotation_differs(
    const struct authtok_session *want, const struct authtok_session *got)
{
	uint32_t i;

	if (got->gen != want->gen || got->branch != want->branch)
		return "the session's gen or branch differs";
	if (got->parent != want->parent)
		return "the session's parent differs";
	if (got->forwarded_gen != want->forwarded_gen)
		return "the session's forwarded_gen differs";
	if (got->rotated_at != want->rotated_at)
		return "the session's rotated_at differs";
	if (got->forwarded_at != want->forwarded_at)
		return "the session's forwarded_at differs";
	if (got->retry_count != want->retry_count)
		return "the session's retry_count differs";
	for (i = 0; i < want->retry_count; i++)
		if (got->retries[i].gen != want->retries[i].gen ||
		    memcmp(got->retries[i].mac, want->retries[i].mac,
			AUTHTOK_RETRY_LEN) != 0)
			return "the session's retries differ";
	return NULL;
}

const char *
at_session_differs(
    const struct authtok_session *want, const struct authtok_session *got)
{
	if (memcmp(got->sid, want->sid, AUTHTOK_SID_LEN) != 0)
		return "the session's sid differs";
	if (got->user_id != want->user_id)
		return "the session's user_id differs";
	if (got->created_at != want->created_at)
		return "the session's created_at differs";
	if (got->expires_at != want->expires_at)
		return "the session's expires_at differs";
	if (got->revoked_at != want->revoked_at)
		return "the session's revoked_at differs";
	if (memcmp(got->seed, want->seed, AUTHTOK_SEED_LEN) != 0)
		return "the session's seed differs";
	if (strcmp(got->address, want->address) != 0)
		return "the session's address differs";
	if (strcmp(got->agent, want->agent) != 0)
		return "the session's agent differs";
	return rotation_differs(want, got);
}

const char *
at_owner_differs(
    const struct authtok_user *want, const struct authtok_owner *got)
{
	if (got->epoch != want->epoch)
		return "the owner's epoch differs";
	if (got->disabled != want->disabled)
		return "the owner's disabled differs";
	if (got->role_count != want->role_count)
		return "the owner's role_count differs";
	if (!same_roles(want->role_count, want->roles, got->roles))
		return "the owner's roles differ";
	return NULL;
}

bool
at_expect_user(struct at_run *run, const char *file, int line,
    const struct authtok_user *want)
{
	struct authtok_user got;
	const char *wrong;

	if (!at_expect_err(run, file, line, "user_find", AUTHTOK_OK,
		OP(run, user_find, want->id, &got)))
		return false;
	wrong = at_user_differs(want, &got);
	if (wrong)
		at_fail(run, file, line, wrong);
	return !wrong;
}

bool
at_expect_session(struct at_run *run, const char *file, int line,
    const struct authtok_session *want)
{
	struct authtok_session got;
	struct authtok_owner owner;
	const char *wrong;

	if (!at_expect_err(run, file, line, "session_find", AUTHTOK_OK,
		OP(run, session_find, want->sid, &got, &owner)))
		return false;
	wrong = at_session_differs(want, &got);
	if (wrong)
		at_fail(run, file, line, wrong);
	return !wrong;
}

void
at_poison(void *p, size_t len)
{
	memset(p, 0xa5, len);
}

bool
at_poisoned(const void *p, size_t len)
{
	const unsigned char *c = p;

	for (; len > 0; len--)
		if (*c++ != 0xa5)
			return false;
	return true;
}

/* Call visit for each event; the number of those for which it was true. */
static size_t
count_events(struct at_run *run,
    bool (*visit)(const struct authtok_revocation *event, const void *arg),
    const void *arg)
{
	struct authtok_revocation events[16];
	int64_t after = 0;
	size_t i, n, found = 0;

	for (;;) {
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, revoked_since, after, events, 16, &n))
			return found;
		for (i = 0; i < n && i < 16; i++) {
			found += visit(&events[i], arg);
			if (!EXPECT(run, events[i].seq > after,
				"revoked_since gave a seq that does not grow"))
				return found;
			after = events[i].seq;
		}
		if (n < 16)
			return found;
	}
}

static bool
is_of_session(const struct authtok_revocation *event, const void *arg)
{
	return event->user_id == 0 &&
	    memcmp(event->sid, arg, AUTHTOK_SID_LEN) == 0;
}

size_t
at_events_of_session(struct at_run *run, const uint8_t *sid)
{
	return count_events(run, is_of_session, sid);
}

static bool
is_of_user(const struct authtok_revocation *event, const void *arg)
{
	const int64_t *wanted = arg;

	return event->user_id == wanted[0] && event->epoch == wanted[1];
}

size_t
at_events_of_user(struct at_run *run, int64_t user_id, int64_t epoch)
{
	const int64_t wanted[2] = { user_id, epoch };

	return count_events(run, is_of_user, wanted);
}

static bool
is_any(const struct authtok_revocation *event, const void *arg)
{
	(void)event;
	(void)arg;
	return true;
}

size_t
at_events(struct at_run *run)
{
	return count_events(run, is_any, NULL);
}

bool
at_last_event(struct at_run *run, struct authtok_revocation *ret_event)
{
	struct authtok_revocation event;
	int64_t after = 0;
	size_t n;

	memset(ret_event, 0, sizeof(*ret_event));
	for (;;) {
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, revoked_since, after, &event, 1, &n))
			return false;
		if (n != 1 || event.seq <= after)
			break;
		after = event.seq;
		*ret_event = event;
	}
	return EXPECT(run, after != 0, "there is no revocation");
}

static size_t
count_sessions(struct at_run *run, int64_t user_id, bool live_only)
{
	struct authtok_session page[4];
	uint8_t after[AUTHTOK_SID_LEN];
	size_t i, n, found = 0;
	bool first = true;

	for (;;) {
		if (!EXPECT_ERR(run, AUTHTOK_OK, session_list, user_id,
			first ? NULL : after, page, 4, &n))
			return found;
		for (i = 0; i < n && i < 4; i++) {
			if (!EXPECT(run,
				first ||
				    memcmp(page[i].sid, after,
					AUTHTOK_SID_LEN) > 0,
				"session_list is not in bytewise order"))
				return found;
			memcpy(after, page[i].sid, AUTHTOK_SID_LEN);
			first = false;
			found += !live_only || page[i].revoked_at == 0;
		}
		if (n < 4)
			return found;
	}
}

size_t
at_count_live(struct at_run *run, int64_t user_id)
{
	return count_sessions(run, user_id, true);
}

size_t
at_count_sessions(struct at_run *run, int64_t user_id)
{
	return count_sessions(run, user_id, false);
}

static bool
is_there(struct at_run *run, const uint8_t *sid, bool revoked)
{
	struct authtok_session s;
	struct authtok_owner owner;

	return OP(run, session_find, sid, &s, &owner) == AUTHTOK_OK &&
	    (s.revoked_at != 0) == revoked;
}

bool
at_is_revoked(struct at_run *run, const uint8_t *sid)
{
	return is_there(run, sid, true);
}

bool
at_is_live(struct at_run *run, const uint8_t *sid)
{
	return is_there(run, sid, false);
}
