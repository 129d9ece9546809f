/*
 * Cases: users are changed. May know: store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

static void
replaces(struct at_run *run)
{
	struct authtok_user user, got;

	if (!at_user_add(run, &user, "anna"))
		return;
	(void)snprintf(user.name, sizeof(user.name), "berta");
	(void)snprintf(user.email, sizeof(user.email), "b@example.org");
	(void)snprintf(user.hash, sizeof(user.hash), "$other");
	user.role_count = 2;
	(void)snprintf(user.roles[0], sizeof(user.roles[0]), "moderator");
	(void)snprintf(user.roles[1], sizeof(user.roles[1]), "admin");
	user.disabled = true;
	user.epoch = 5;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &at_when);
	user.version++;
	EXPECT_USER(run, &user);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_name, "anna", &got);
	EXPECT_ERR(run, AUTHTOK_OK, user_find_name, "Berta", &got);
	EXPECT_ERR(run, AUTHTOK_OK, user_find_email, "B@example.org", &got);
}

static void
takes_away(struct at_run *run)
{
	struct authtok_user user, got;

	at_user(&user, "anna");
	user.disabled = true;
	(void)snprintf(user.email, sizeof(user.email), "a@b");
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
		return;
	user.version = 1;
	user.disabled = false;
	user.email[0] = '\0';
	user.hash[0] = '\0';
	user.role_count = 0;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &at_when);
	user.version++;
	EXPECT_USER(run, &user);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_email, "a@b", &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_email, "", &got);
}

static void
leaves_created_at(struct at_run *run)
{
	struct authtok_user user, changed;

	if (!at_user_add(run, &user, "anna"))
		return;
	changed = user;
	changed.created_at = 1;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &changed, AUTHTOK_END_NONE,
	    NULL, &at_when);
	user.version++;
	EXPECT_USER(run, &user);
}

static void
leaves_others(struct at_run *run)
{
	struct authtok_user anna, berta;
	struct authtok_session session;

	if (!at_user_add(run, &anna, "anna") ||
	    !at_user_add(run, &berta, "berta") ||
	    !at_session_add(run, &session, berta.id, 1))
		return;
	anna.epoch++;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &anna, AUTHTOK_END_ALL, NULL,
	    &at_when);
	EXPECT_USER(run, &berta);
	EXPECT_SESSION(run, &session);
}

static void
of_nobody(struct at_run *run)
{
	struct authtok_user user;

	if (!at_user_add(run, &user, "anna"))
		return;
	user.id++;
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_update, &user, AUTHTOK_END_NONE,
	    NULL, &at_when);
	user.id--;
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, user.id, &at_when);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_update, &user, AUTHTOK_END_NONE,
	    NULL, &at_when);
}

static void
version_counts(struct at_run *run)
{
	struct authtok_user user, stale;
	unsigned i;

	if (!at_user_add(run, &user, "anna"))
		return;
	stale = user;
	(void)snprintf(stale.hash, sizeof(stale.hash), "$stale");
	for (i = 0; i < 3; i++) {
		EXPECT_ERR(run, AUTHTOK_OK, user_update, &user,
		    AUTHTOK_END_NONE, NULL, &at_when);
		user.version++;
		EXPECT_USER(run, &user);
		EXPECT_ERR(run, AUTHTOK_ECHANGED, user_update, &stale,
		    AUTHTOK_END_NONE, NULL, &at_when);
	}
	stale.version = user.version + 1;
	EXPECT_ERR(run, AUTHTOK_ECHANGED, user_update, &stale, AUTHTOK_END_NONE,
	    NULL, &at_when);
	EXPECT_USER(run, &user);
}

static void
name_or_email_taken(struct at_run *run)
{
	struct authtok_user anna, berta, changed;

	at_user(&anna, "anna");
	(void)snprintf(anna.email, sizeof(anna.email), "a@b");
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &anna, NULL, &anna.id) ||
	    !at_user_add(run, &berta, "berta"))
		return;
	changed = berta;
	(void)snprintf(changed.name, sizeof(changed.name), "Anna");
	EXPECT_ERR(run, AUTHTOK_ENAME, user_update, &changed, AUTHTOK_END_NONE,
	    NULL, &at_when);
	changed = berta;
	(void)snprintf(changed.email, sizeof(changed.email), "A@B");
	EXPECT_ERR(run, AUTHTOK_EEMAIL, user_update, &changed, AUTHTOK_END_NONE,
	    NULL, &at_when);
	EXPECT_USER(run, &berta);
}

static void
own_name_in_another_case(struct at_run *run)
{
	struct authtok_user user;

	at_user(&user, "anna");
	(void)snprintf(user.email, sizeof(user.email), "a@b");
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
		return;
	user.version = 1;
	(void)snprintf(user.name, sizeof(user.name), "ANNA");
	(void)snprintf(user.email, sizeof(user.email), "A@b");
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &at_when);
	user.version++;
	EXPECT_USER(run, &user);
}

static void
frees_old_name(struct at_run *run)
{
	struct authtok_user anna, other;

	at_user(&anna, "anna");
	(void)snprintf(anna.email, sizeof(anna.email), "a@b");
	other = anna;
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &anna, NULL, &anna.id))
		return;
	anna.version = 1;
	(void)snprintf(anna.name, sizeof(anna.name), "clara");
	(void)snprintf(anna.email, sizeof(anna.email), "c@d");
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &anna, AUTHTOK_END_NONE, NULL,
	    &at_when);
	EXPECT_ERR(run, AUTHTOK_OK, user_create, &other, NULL, &other.id);
}

static void
epoch_never_falls(struct at_run *run)
{
	struct authtok_user user, changed;
	struct authtok_session session;

	at_user(&user, "anna");
	user.epoch = 9;
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id) ||
	    !at_session_add(run, &session, user.id, 1))
		return;
	user.version = 1;
	changed = user;
	changed.epoch = 8;
	(void)snprintf(changed.name, sizeof(changed.name), "berta");
	EXPECT_ERR(run, AUTHTOK_EINVAL, user_update, &changed, AUTHTOK_END_ALL,
	    NULL, &at_when);
	EXPECT_USER(run, &user);
	EXPECT_SESSION(run, &session);
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

static void
higher_epoch_is_a_revocation(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_revocation event;

	if (!at_user_add(run, &user, "anna"))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &at_when);
	EXPECT_NUM(run, 0, at_events(run), "revocations with the same epoch");
	user.version++;
	user.epoch += 3;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &at_when);
	EXPECT_NUM(run, 1, at_events(run), "revocations with a higher epoch");
	if (!at_last_event(run, &event))
		return;
	EXPECT_NUM(run, user.id, event.user_id, "its user_id");
	EXPECT_NUM(run, user.epoch, event.epoch, "its epoch");
	EXPECT_NUM(run, AT_NOW, event.at, "its at");
	EXPECT_NUM(run, AT_UNTIL, event.until, "its until");
}

static void
ends_no_session(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session session;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &session, user.id, 1))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &at_when);
	EXPECT_SESSION(run, &session);
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

static void
ends_others(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s[3];
	unsigned i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 3; i++)
		if (!at_session_add(run, &s[i], user.id, i))
			return;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_OTHERS,
	    s[1].sid, &at_when);
	s[0].revoked_at = s[2].revoked_at = AT_NOW;
	for (i = 0; i < 3; i++) {
		EXPECT_SESSION(run, &s[i]);
		EXPECT_NUM(run, i != 1, at_events_of_session(run, s[i].sid),
		    "revocations of the session");
	}
	EXPECT_NUM(run, 2, at_events(run), "revocations");
}

static void
ends_all(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_session s[3];
	unsigned i;

	if (!at_user_add(run, &user, "anna"))
		return;
	for (i = 0; i < 3; i++)
		if (!at_session_add(run, &s[i], user.id, i))
			return;
	user.epoch++;
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_ALL, NULL,
	    &at_when);
	for (i = 0; i < 3; i++) {
		s[i].revoked_at = AT_NOW;
		EXPECT_SESSION(run, &s[i]);
		EXPECT_NUM(run, 1, at_events_of_session(run, s[i].sid),
		    "revocations of the session");
	}
	EXPECT_NUM(run, 1, at_events_of_user(run, user.id, user.epoch),
	    "revocations of the user");
	EXPECT_NUM(run, 4, at_events(run), "revocations");
}

static void
ends_revoked_once(struct at_run *run)
{
	static const struct authtok_act earlier = { .now = AT_NOW - 3,
		.until = AT_UNTIL };
	struct authtok_user user;
	struct authtok_session session;

	if (!at_user_add(run, &user, "anna") ||
	    !at_session_add(run, &session, user.id, 1))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, session.sid, &earlier);
	EXPECT_ERR(run, AUTHTOK_OK, user_update, &user, AUTHTOK_END_ALL, NULL,
	    &at_when);
	session.revoked_at = earlier.now;
	EXPECT_SESSION(run, &session);
	EXPECT_NUM(run, 1, at_events(run), "revocations");
}

/* Whole or not at all: what is refused has ended nothing. */
static void
refused_does_nothing(struct at_run *run)
{
	struct authtok_user anna, berta, changed;
	struct authtok_session session;

	if (!at_user_add(run, &anna, "anna") ||
	    !at_user_add(run, &berta, "berta") ||
	    !at_session_add(run, &session, berta.id, 1))
		return;
	changed = berta;
	changed.epoch++;
	changed.version++;
	EXPECT_ERR(run, AUTHTOK_ECHANGED, user_update, &changed,
	    AUTHTOK_END_ALL, NULL, &at_when);
	changed.version--;
	(void)snprintf(changed.name, sizeof(changed.name), "anna");
	EXPECT_ERR(run, AUTHTOK_ENAME, user_update, &changed, AUTHTOK_END_ALL,
	    NULL, &at_when);
	EXPECT_USER(run, &berta);
	EXPECT_SESSION(run, &session);
	EXPECT_NUM(run, 0, at_events(run), "revocations");
}

const struct at_case at_cases_user_update[] = {
	{ "user_update replaces", replaces },
	{ "user_update takes away", takes_away },
	{ "user_update leaves created_at", leaves_created_at },
	{ "user_update leaves other users", leaves_others },
	{ "user_update of nobody", of_nobody },
	{ "user_update compares the version", version_counts },
	{ "user_update: name or email taken", name_or_email_taken },
	{ "user_update of case alone", own_name_in_another_case },
	{ "user_update frees the old name and email", frees_old_name },
	{ "user_update: the epoch never falls", epoch_never_falls },
	{ "user_update: a higher epoch is a revocation",
	    higher_epoch_is_a_revocation },
	{ "user_update ends no session", ends_no_session },
	{ "user_update ends the other sessions", ends_others },
	{ "user_update ends all sessions", ends_all },
	{ "user_update leaves revoked sessions", ends_revoked_once },
	{ "user_update refused does nothing", refused_does_nothing },
	{ NULL, NULL },
};
