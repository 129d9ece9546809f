/*
 * Cases: mutations that carry an audit record write both or neither. May know:
 * store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* Anna has sessions 1 (the older) and 2, berta has none. */
struct scene {
	struct authtok_user anna, berta;
	struct authtok_session s[2];
};

static bool
set_scene(struct at_run *run, struct scene *scene)
{
	struct authtok_session *s = scene->s;

	if (!at_user_add(run, &scene->anna, "anna") ||
	    !at_user_add(run, &scene->berta, "berta") ||
	    !at_session_add(run, &s[0], scene->anna.id, 1))
		return false;
	at_session(&s[1], scene->anna.id, 2);
	s[1].rotated_at++;
	return EXPECT_ERR(
	    run, AUTHTOK_OK, session_create, &s[1], 1, 0, &at_when);
}

/* ---- the mutations ------------------------------------------------------- */

typedef enum authtok_err mutation(
    struct at_run *run, struct scene *scene, const struct authtok_act *act);

static enum authtok_err
create_user(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	struct authtok_user user;
	int64_t id = -1;
	enum authtok_err err;

	(void)scene;
	at_user(&user, "carla");
	err = OP(run, user_create, &user, act, &id);
	EXPECT(run, !err || id == -1, "a failure wrote the result");
	return err;
}

static enum authtok_err
update_user(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	struct authtok_user next = scene->anna;

	next.epoch++;
	next.disabled = true;
	(void)snprintf(next.name, sizeof(next.name), "dora");
	(void)snprintf(next.email, sizeof(next.email), "dora@example.org");
	return OP(run, user_update, &next, AUTHTOK_END_ALL, NULL, act);
}

/* Nothing but the version changes: it is a change. */
static enum authtok_err
touch_user(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	return OP(run, user_update, &scene->anna, AUTHTOK_END_NONE, NULL, act);
}

static enum authtok_err
delete_user(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	return OP(run, user_delete, scene->anna.id, act);
}

static enum authtok_err
create_session(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	struct authtok_session s;

	at_session(&s, scene->anna.id, 3);
	return OP(run, session_create, &s, 1, 2, act);
}

static enum authtok_err
update_session(struct at_run *run, struct scene *scene, bool durable,
    const struct authtok_act *act)
{
	struct authtok_session next = scene->s[0];

	next.gen = 1;
	next.rotated_at = AT_NOW;
	return OP(run, session_update, &next, 0, 0, durable, act);
}

static enum authtok_err
update_session_durable(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	return update_session(run, scene, true, act);
}

static enum authtok_err
update_session_soon(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	return update_session(run, scene, false, act);
}

static enum authtok_err
revoke_session(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	return OP(run, session_revoke, scene->s[0].sid, act);
}

static enum authtok_err
revoke_user(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	size_t n = 99;
	enum authtok_err err = OP(
	    run, session_revoke_user, scene->anna.id, scene->s[0].sid, act, &n);

	EXPECT(run, !err || n == 99, "a failure wrote the result");
	return err;
}

/* Also when no session is live. */
static enum authtok_err
revoke_epoch(
    struct at_run *run, struct scene *scene, const struct authtok_act *act)
{
	size_t n = 99;
	enum authtok_err err =
	    OP(run, session_revoke_user, scene->berta.id, NULL, act, &n);

	EXPECT(run, !err || n == 99, "a failure wrote the result");
	return err;
}

/* ---- both ---------------------------------------------------------------- */

/* It happens, and so does its record; without one, the log is left alone. */
static void
writes(struct at_run *run, mutation *mutate)
{
	struct at_audited before, audited;
	struct scene scene;

	if (!set_scene(run, &scene))
		return;
	at_audited(&before, 1);
	at_audited(&audited, 2);
	if (!EXPECT_ERR(run, AUTHTOK_OK, audit_append, &before.act) ||
	    !EXPECT(run, mutate(run, &scene, &audited.act) == AUTHTOK_OK,
		"a mutation with a record failed"))
		return;
	EXPECT_NUM(run, 2, at_records(run), "records");
	EXPECT_NUM(run, 1, audited.link.calls, "calls of the chain");
	EXPECT_RECORD(run, &audited.record);
}

static void
user_create_writes(struct at_run *run)
{
	struct at_audited audited;
	struct authtok_user user;
	int64_t id = 0;
	unsigned n;

	for (n = 0; n < 3; n++) {
		at_audited(&audited, n);
		at_user(&user, (const char *[]){ "anna", "berta", "carla" }[n]);
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, user_create, &user, &audited.act, &id))
			return;
		EXPECT_NUM(run, n + 1, at_records(run), "records");
		EXPECT_NUM(run, id, audited.link.got.user_id,
		    "user_id when the chain was called");
		audited.record.user_id = id;
		EXPECT_RECORD(run, &audited.record);
	}
}

static void
user_update_writes(struct at_run *run)
{
	writes(run, update_user);
}

static void
user_update_touch_writes(struct at_run *run)
{
	writes(run, touch_user);
}

static void
user_delete_writes(struct at_run *run)
{
	writes(run, delete_user);
}

static void
session_create_writes(struct at_run *run)
{
	writes(run, create_session);
}

static void
session_update_writes(struct at_run *run)
{
	writes(run, update_session_durable);
}

static void
session_update_soon_writes(struct at_run *run)
{
	writes(run, update_session_soon);
}

static void
session_revoke_writes(struct at_run *run)
{
	writes(run, revoke_session);
}

static void
session_revoke_user_writes(struct at_run *run)
{
	writes(run, revoke_user);
}

static void
session_revoke_epoch_writes(struct at_run *run)
{
	writes(run, revoke_epoch);
}

/* Without a record, or without an act where there may be none. */
static void
no_record(struct at_run *run)
{
	struct scene scene;

	if (!set_scene(run, &scene))
		return;
	EXPECT(run,
	    create_user(run, &scene, &at_when) == AUTHTOK_OK &&
		update_session_durable(run, &scene, &at_when) == AUTHTOK_OK &&
		create_session(run, &scene, &at_when) == AUTHTOK_OK &&
		revoke_session(run, &scene, &at_when) == AUTHTOK_OK &&
		revoke_user(run, &scene, &at_when) == AUTHTOK_OK &&
		update_user(run, &scene, &at_when) == AUTHTOK_OK &&
		delete_user(run, &scene, &at_when) == AUTHTOK_OK,
	    "a mutation without a record failed");
	EXPECT_NUM(run, 0, at_records(run), "records");
}

/* ---- neither, because the chain refuses ---------------------------------- */

struct picture {
	size_t users, sessions, events;
	struct authtok_user user[4];
	struct authtok_session session[5];
};

static bool
look(struct at_run *run, const struct scene *scene, struct picture *ret_picture)
{
	struct picture *p = ret_picture;

	memset(p, 0, sizeof(*p));
	p->events = at_events(run);
	return EXPECT_ERR(
		   run, AUTHTOK_OK, user_list, 0, p->user, 4, &p->users) &&
	    EXPECT_ERR(run, AUTHTOK_OK, session_list, scene->anna.id, NULL,
		p->session, 5, &p->sessions);
}

static void
expect_same(
    struct at_run *run, const struct picture *want, const struct picture *got)
{
	const char *wrong = NULL;
	size_t i;

	if (!EXPECT_NUM(run, want->users, got->users, "users") ||
	    !EXPECT_NUM(run, want->sessions, got->sessions, "sessions"))
		return;
	EXPECT_NUM(run, want->events, got->events, "revocations");
	for (i = 0; i < want->users && !wrong; i++)
		wrong = at_user_differs(&want->user[i], &got->user[i]);
	for (i = 0; i < want->sessions && !wrong; i++)
		wrong = at_session_differs(&want->session[i], &got->session[i]);
	EXPECT(run, !wrong, wrong);
}

/* An act that must be refused with err, and leave nothing behind. */
static void
expect_nothing(struct at_run *run, struct scene *scene, mutation *mutate,
    const struct authtok_act *act, enum authtok_err err)
{
	struct picture before, after;

	if (!look(run, scene, &before))
		return;
	EXPECT_NUM(run, err, mutate(run, scene, act), "error of a mutation");
	if (look(run, scene, &after))
		expect_same(run, &before, &after);
	EXPECT_NUM(run, 0, at_records(run), "records");
}

/* And it is as if it had never been tried. */
static void
refused(struct at_run *run, mutation *mutate)
{
	struct at_audited audited;
	struct scene scene;

	if (!set_scene(run, &scene))
		return;
	at_audited(&audited, 1);
	audited.link.refuse = AUTHTOK_ECRYPTO;
	expect_nothing(run, &scene, mutate, &audited.act, AUTHTOK_ECRYPTO);
	EXPECT_NUM(run, 1, audited.link.calls, "calls of the chain");
	audited.link.refuse = AUTHTOK_OK;
	EXPECT(run, mutate(run, &scene, &audited.act) == AUTHTOK_OK,
	    "a mutation failed after a refusal of the chain");
	EXPECT_NUM(run, 1, at_records(run), "records");
}

static void
user_create_refused(struct at_run *run)
{
	refused(run, create_user);
}

static void
user_update_refused(struct at_run *run)
{
	refused(run, update_user);
}

static void
user_delete_refused(struct at_run *run)
{
	refused(run, delete_user);
}

static void
session_create_refused(struct at_run *run)
{
	refused(run, create_session);
}

static void
session_update_refused(struct at_run *run)
{
	refused(run, update_session_durable);
}

static void
session_update_soon_refused(struct at_run *run)
{
	refused(run, update_session_soon);
}

static void
session_revoke_refused(struct at_run *run)
{
	refused(run, revoke_session);
}

static void
session_revoke_user_refused(struct at_run *run)
{
	refused(run, revoke_user);
}

static void
session_revoke_epoch_refused(struct at_run *run)
{
	refused(run, revoke_epoch);
}

/* ---- neither, because nothing changes ------------------------------------ */

static void
user_create_without_effect(struct at_run *run)
{
	struct at_audited a;
	struct authtok_user user, next;
	int64_t id;

	at_audited(&a, 1);
	at_user(&user, "anna");
	(void)snprintf(user.email, sizeof(user.email), "anna@example.org");
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &id))
		return;
	at_user(&next, "ANNA");
	EXPECT_ERR(run, AUTHTOK_ENAME, user_create, &next, &a.act, &id);
	at_user(&next, "berta");
	memcpy(next.email, user.email, sizeof(next.email));
	EXPECT_ERR(run, AUTHTOK_EEMAIL, user_create, &next, &a.act, &id);
	EXPECT_NUM(run, 0, at_records(run), "records");
}

static void
user_update_without_effect(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;
	struct authtok_user next;

	if (!set_scene(run, &scene))
		return;
	at_audited(&a, 1);
	next = scene.anna;
	next.id = scene.berta.id + 1000;
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_update, &next, AUTHTOK_END_ALL,
	    NULL, &a.act);
	next = scene.anna;
	next.version++;
	EXPECT_ERR(run, AUTHTOK_ECHANGED, user_update, &next, AUTHTOK_END_ALL,
	    NULL, &a.act);
	next = scene.anna;
	next.epoch--;
	EXPECT_ERR(run, AUTHTOK_EINVAL, user_update, &next, AUTHTOK_END_ALL,
	    NULL, &a.act);
	next = scene.anna;
	memcpy(next.name, scene.berta.name, sizeof(next.name));
	EXPECT_ERR(run, AUTHTOK_ENAME, user_update, &next, AUTHTOK_END_ALL,
	    NULL, &a.act);
	EXPECT_NUM(run, 0, at_records(run), "records");
	EXPECT_NUM(run, 2, at_count_live(run, scene.anna.id), "sessions");
}

static void
user_delete_without_effect(struct at_run *run)
{
	struct at_audited a;
	struct authtok_user user;

	if (!at_user_add(run, &user, "anna"))
		return;
	at_audited(&a, 1);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_delete, user.id + 1, &a.act);
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, user.id, &at_when);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_delete, user.id, &a.act);
	EXPECT_NUM(run, 0, at_records(run), "records");
}

static void
session_create_without_effect(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;
	struct authtok_session s;

	if (!set_scene(run, &scene))
		return;
	at_audited(&a, 1);
	at_session(&s, scene.berta.id + 1000, 3);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_create, &s, 1, 1, &a.act);
	at_session(&s, scene.anna.id, 3);
	EXPECT_ERR(run, AUTHTOK_ECHANGED, session_create, &s, 2, 1, &a.act);
	EXPECT_ERR(
	    run, AUTHTOK_EINVAL, session_create, &scene.s[0], 1, 1, &a.act);
	EXPECT_NUM(run, 0, at_records(run), "records");
	EXPECT_NUM(run, 2, at_count_live(run, scene.anna.id), "sessions");
}

static void
session_update_without_effect(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;
	struct authtok_session next;

	if (!set_scene(run, &scene))
		return;
	at_audited(&a, 1);
	next = scene.s[0];
	next.gen = 2;
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 1, 0, true, &a.act);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 0, 1, false, &a.act);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, next.sid, &at_when);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 0, 0, true, &a.act);
	at_sid(next.sid, 77);
	EXPECT_ERR(
	    run, AUTHTOK_ECHANGED, session_update, &next, 0, 0, false, &a.act);
	EXPECT_NUM(run, 0, at_records(run), "records");
}

static void
session_revoke_without_effect(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;
	uint8_t sid[AUTHTOK_SID_LEN];

	if (!set_scene(run, &scene))
		return;
	at_audited(&a, 1);
	at_sid(sid, 77);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, session_revoke, sid, &a.act);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, scene.s[0].sid, &at_when);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, scene.s[0].sid, &a.act);
	EXPECT_NUM(run, 0, at_records(run), "records");
}

static void
session_revoke_user_without_effect(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;
	size_t n = 7;

	if (!set_scene(run, &scene))
		return;
	at_audited(&a, 1);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, scene.berta.id,
	    scene.s[0].sid, &a.act, &n);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, scene.berta.id + 1000,
	    NULL, &a.act, &n);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, scene.s[1].sid, &at_when);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, scene.anna.id,
	    scene.s[0].sid, &a.act, &n);
	EXPECT_NUM(run, 0, n, "sessions that were revoked");
	EXPECT_NUM(run, 0, at_records(run), "records");
}

/* ---- sessions that max_live ends ----------------------------------------- */

/* Anna signs in once more, and may have so many sessions. */
static enum authtok_err
sign_in(struct at_run *run, const struct scene *scene, unsigned max_live,
    const struct authtok_act *act)
{
	struct authtok_session s;

	at_session(&s, scene->anna.id, 3);
	return OP(run, session_create, &s, 1, max_live, act);
}

/* Record seq is the limit_record, of that session. */
static void
expect_limit(struct at_run *run, int64_t seq,
    const struct authtok_audit_record *limit, const uint8_t *sid)
{
	struct authtok_audit_record want = *limit, got;
	const char *wrong;
	size_t n = 0;

	memset(&got, 0, sizeof(got));
	want.has_sid = true;
	memcpy(want.sid, sid, sizeof(want.sid));
	EXPECT_ERR(run, AUTHTOK_OK, audit_list, seq - 1, &got, 1, &n);
	if (!EXPECT_NUM(run, 1, n, "records of a page"))
		return;
	wrong = at_record_differs(&want, &got);
	EXPECT(run, !wrong, wrong);
}

/* One for each, the oldest first, and then that of the sign-in. */
static void
limit_writes(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;

	if (!set_scene(run, &scene))
		return;
	at_limited(&a, 1);
	EXPECT_NUM(run, AUTHTOK_OK, sign_in(run, &scene, 1, &a.act),
	    "error of session_create");
	EXPECT_NUM(run, 3, a.link.calls, "calls of the chain");
	EXPECT_NUM(run, 3, at_records(run), "records");
	expect_limit(run, 1, &a.limit, scene.s[0].sid);
	expect_limit(run, 2, &a.limit, scene.s[1].sid);
	EXPECT_RECORD(run, &a.record);
	EXPECT_NUM(run, 1, at_count_live(run, scene.anna.id), "sessions");
}

static void
limit_writes_alone(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;

	if (!set_scene(run, &scene))
		return;
	at_limited(&a, 1);
	a.act.record = NULL;
	EXPECT_NUM(run, AUTHTOK_OK, sign_in(run, &scene, 2, &a.act),
	    "error of session_create");
	EXPECT_NUM(run, 1, at_records(run), "records");
	expect_limit(run, 1, &a.limit, scene.s[0].sid);
}

/* No session ended, or not by max_live, or not one that was live. */
static void
limit_not_reached(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;
	struct authtok_session s;
	size_t n;

	if (!set_scene(run, &scene))
		return;
	at_limited(&a, 1);
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, scene.s[0].sid, &a.act);
	EXPECT_NUM(run, 1, at_records(run), "records");
	EXPECT_NUM(run, AUTHTOK_OK, sign_in(run, &scene, 2, &a.act),
	    "error of session_create");
	EXPECT_NUM(run, 2, at_records(run), "records");
	EXPECT_RECORD(run, &a.record);
	at_session(&s, scene.anna.id, 4);
	EXPECT_ERR(run, AUTHTOK_OK, session_create, &s, 1, 0, &a.act);
	EXPECT_NUM(run, 3, at_records(run), "records");
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke_user, scene.anna.id, NULL,
	    &a.act, &n);
	EXPECT_ERR(run, AUTHTOK_OK, audit_append, &a.act);
	EXPECT_NUM(run, 5, at_records(run), "records");
	EXPECT_RECORD(run, &a.record);
}

/* The chain refuses one of them, or the last: nothing has happened. */
static void
limit_refused(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;
	struct picture before, after;
	unsigned well;

	if (!set_scene(run, &scene) || !look(run, &scene, &before))
		return;
	for (well = 0; well < 3; well++) {
		at_limited(&a, 1);
		a.link.refuse = AUTHTOK_ECRYPTO;
		a.link.well = well;
		EXPECT_NUM(run, AUTHTOK_ECRYPTO,
		    sign_in(run, &scene, 1, &a.act), "error of session_create");
		EXPECT_NUM(run, well + 1, a.link.calls, "calls of the chain");
		EXPECT_NUM(run, 0, at_records(run), "records");
		if (look(run, &scene, &after))
			expect_same(run, &before, &after);
	}
	at_limited(&a, 1);
	EXPECT_NUM(run, AUTHTOK_OK, sign_in(run, &scene, 1, &a.act),
	    "error of session_create after a refusal");
	EXPECT_NUM(run, 3, at_records(run), "records");
}

static void
limit_without_effect(struct at_run *run)
{
	struct at_audited a;
	struct scene scene;

	if (!set_scene(run, &scene))
		return;
	at_limited(&a, 1);
	EXPECT_ERR(
	    run, AUTHTOK_EINVAL, session_create, &scene.s[0], 1, 1, &a.act);
	EXPECT_NUM(run, 0, at_records(run), "records");
	EXPECT_NUM(run, 2, at_count_live(run, scene.anna.id), "sessions");
}

const struct at_case at_cases_audit_acts[] = {
	{ "user_create writes its record, with the id", user_create_writes },
	{ "user_update writes its record", user_update_writes },
	{ "user_update of nothing writes its record",
	    user_update_touch_writes },
	{ "user_delete writes its record", user_delete_writes },
	{ "session_create writes its record", session_create_writes },
	{ "session_update writes its record", session_update_writes },
	{ "session_update, not durable, writes its record",
	    session_update_soon_writes },
	{ "session_revoke writes its record", session_revoke_writes },
	{ "session_revoke_user writes its record", session_revoke_user_writes },
	{ "session_revoke_user of none writes its record",
	    session_revoke_epoch_writes },
	{ "acts without a record write none", no_record },
	{ "user_create refused by the chain", user_create_refused },
	{ "user_update refused by the chain", user_update_refused },
	{ "user_delete refused by the chain", user_delete_refused },
	{ "session_create refused by the chain", session_create_refused },
	{ "session_update refused by the chain", session_update_refused },
	{ "session_update, not durable, refused by the chain",
	    session_update_soon_refused },
	{ "session_revoke refused by the chain", session_revoke_refused },
	{ "session_revoke_user refused by the chain",
	    session_revoke_user_refused },
	{ "session_revoke_user of none refused by the chain",
	    session_revoke_epoch_refused },
	{ "user_create without effect, no record", user_create_without_effect },
	{ "user_update without effect, no record", user_update_without_effect },
	{ "user_delete without effect, no record", user_delete_without_effect },
	{ "session_create without effect, no record",
	    session_create_without_effect },
	{ "session_update without effect, no record",
	    session_update_without_effect },
	{ "session_revoke without effect, no record",
	    session_revoke_without_effect },
	{ "session_revoke_user without effect, no record",
	    session_revoke_user_without_effect },
	{ "max_live writes a record for each", limit_writes },
	{ "max_live writes its record alone", limit_writes_alone },
	{ "max_live not reached, no record", limit_not_reached },
	{ "max_live refused by the chain", limit_refused },
	{ "max_live without effect, no record", limit_without_effect },
	{ NULL, NULL },
};
