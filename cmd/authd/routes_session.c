/*
 * What a user does once signed in: sign out, see and end sessions, change the
 * password, ask who the token says it is.
 */
#include "authd/routes.h"

#include <stdlib.h>
#include <string.h>

#include "authd/access.h"
#include "authd/recent.h"
#include "authd/routes_parts.h"

#define SESSION_SIZE 2304 /* bytes of one session as JSON, at most */
#define ME_SIZE      4096

/* ---- sign-out ----------------------------------------------------------- */

struct signout {
	enum authtok_scope scope;
	const char *refresh; /* NULL: none was sent */
	enum access_found found;
	struct access access;
};

static bool
take_signout(struct call *call, const cJSON *body, struct signout *out)
{
	static const char *const names[] = { [AUTHTOK_LOCAL] = "local",
		[AUTHTOK_OTHERS] = "others",
		[AUTHTOK_GLOBAL] = "global" };
	const char *scope = names[AUTHTOK_LOCAL];

	if (part_text_if(call, body, "refreshToken", &out->refresh) ==
		BODY_WRONG ||
	    part_text_if(call, body, "scope", &scope) == BODY_WRONG)
		return false;
	if (out->refresh != NULL && out->refresh[0] == '\0')
		out->refresh = NULL;
	for (out->scope = AUTHTOK_LOCAL; out->scope <= AUTHTOK_GLOBAL;
	     out->scope++)
		if (strcmp(scope, names[out->scope]) == 0)
			break;
	if (out->scope > AUTHTOK_GLOBAL) {
		part_refuse(call, "scope", "must be local, others or global");
		return false;
	}
	out->found = access_of(call, &out->access);
	if (out->refresh == NULL && out->found == ACCESS_NONE) {
		part_refuse(call, "refreshToken",
		    "is required without an access token");
		return false;
	}
	return true;
}

static void
answer_signout(struct call *call, enum authtok_err err)
{
	if (err != AUTHTOK_OK) {
		reply_fail_system(call, err, 0);
		return;
	}
	part_log(call, "signout");
	reply_static(call, "{\"message\":\"Signed out\"}");
}

/*
 * The claims of the access token, if there is a good one, else *ret_slot is NULL
 * and the answer says why. One that was revoked, by a change of roles perhaps,
 * still ends its own session.
 */
static enum authtok_err
signout_claims(
    struct call *call, const struct signout *out, struct app_slot **ret_slot)
{
	const struct authtok *engine = out->scope == AUTHTOK_LOCAL
	    ? call->app->unrevoked
	    : call->app->engine;

	*ret_slot = NULL;
	if (out->found != ACCESS_ONE)
		return AUTHTOK_EFORMAT;
	return access_verify(call, engine, &out->access, ret_slot);
}

/*
 * Both tokens may come, for front ends send the access token with everything.
 * When neither is good, a client that only wants to forget its own session is as
 * good as done; one that asked for more must know.
 */
static void
signout(struct call *call, const struct signout *out)
{
	const struct authtok_client client = part_client(call);
	struct app_slot *slot;
	enum authtok_err err = signout_claims(call, out, &slot);

	if (slot != NULL || out->refresh != NULL)
		err = authtok_signout(call->app->sessions, out->scope,
		    slot != NULL ? slot->claims : NULL, out->refresh,
		    out->refresh != NULL ? strlen(out->refresh) : 0, &client);
	if (slot != NULL)
		app_give_claims(call->app, slot);
	if (out->refresh == NULL && err != AUTHTOK_OK)
		access_refuse(call, &out->access, err);
	else if (authtok_err_class(err) != AUTHTOK_CLASS_DENIED)
		answer_signout(call, err);
	else if (out->scope == AUTHTOK_LOCAL)
		answer_signout(call, AUTHTOK_OK);
	else
		reply_fail(call, FAIL_REFRESH_UNKNOWN);
}

void
route_signout(struct call *call)
{
	struct signout out = { .refresh = NULL };
	cJSON *body;

	if (!part_body(call, &body))
		return;
	if (take_signout(call, body, &out))
		signout(call, &out);
	body_free(body);
}

/* ---- sessions ----------------------------------------------------------- */

static void
add_session(struct text *text, const struct authtok_session *session,
    const uint8_t *current)
{
	bool is_current = current != NULL &&
	    memcmp(session->sid, current, AUTHTOK_SID_LEN) == 0;

	text_add(text, "{\"id\":\"");
	text_hex(text, session->sid, AUTHTOK_SID_LEN);
	text_add(text, "\",\"created\":\"");
	text_time(text, session->created_at);
	text_add(text, "\",\"lastUsed\":\"");
	text_time(text, session->rotated_at);
	text_add(text, "\",\"address\":");
	text_json(text, session->address);
	text_add(text, ",\"userAgent\":");
	text_json(text, session->agent);
	text_add(
	    text, is_current ? ",\"current\":true}" : ",\"current\":false}");
}

static void
send_sessions(
    struct call *call, const struct recent *recent, const uint8_t *current)
{
	size_t size = recent->count * SESSION_SIZE + 16;
	char *memory = malloc(size);
	struct text text;

	if (memory == NULL) {
		reply_fail_system(call, AUTHTOK_ENOMEM, 0);
		return;
	}
	text_init(&text, memory, size);
	text_add(&text, "[");
	for (size_t i = 0; i < recent->count; i++) {
		text_add(&text, i > 0 ? "," : "");
		add_session(&text, &recent->list[i], current);
	}
	text_add(&text, "]");
	part_send(call, &text);
}

void
route_sessions(struct call *call)
{
	struct app_slot *slot;
	struct recent recent;
	enum authtok_err err;

	if (!access_enter(call, &slot))
		return;
	err = recent_sessions(call->app->sessions, call->user_id, &recent);
	if (err == AUTHTOK_OK) {
		send_sessions(
		    call, &recent, authtok_claims_session(slot->claims));
		recent_free(&recent);
	} else {
		reply_fail_system(call, err, 0);
	}
	app_give_claims(call->app, slot);
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 32 hexadecimal digits, and a slash perhaps. */
static bool
parse_sid(const char *text, uint8_t *ret_sid)
{
	for (size_t i = 0; i < AUTHTOK_SID_LEN; i++) {
		int high = digit(text[2 * i]);
		int low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		ret_sid[i] = (uint8_t)(high << 4 | low);
	}
	text += (size_t)2 * AUTHTOK_SID_LEN;
	return strcmp(text, "") == 0 || strcmp(text, "/") == 0;
}

void
route_session_end(struct call *call)
{
	const struct authtok_client client = part_client(call);
	enum authtok_err err = AUTHTOK_EUNKNOWN;
	uint8_t sid[AUTHTOK_SID_LEN];
	struct app_slot *slot;

	if (!access_enter(call, &slot))
		return;
	app_give_claims(call->app, slot);
	if (parse_sid(call->tail, sid))
		err = authtok_session_revoke(
		    call->app->sessions, call->user_id, sid, &client);
	if (err == AUTHTOK_EUNKNOWN) {
		reply_fail(call, FAIL_NOT_FOUND);
	} else if (err != AUTHTOK_OK) {
		reply_fail_system(call, err, 0);
	} else {
		part_log(call, "session_end");
		reply_static(call, "{\"message\":\"Session ended\"}");
	}
}

/* ---- password ----------------------------------------------------------- */

struct password {
	const char *current;
	const char *next;
	bool keep_sessions;
};

static bool
take_password(struct call *call, const cJSON *body, struct password *ret)
{
	if (!part_text(call, body, "currentPassword", &ret->current) ||
	    !part_text(call, body, "newPassword", &ret->next))
		return false;
	if (body_bool(body, "keepSessions", &ret->keep_sessions) ==
	    BODY_WRONG) {
		part_refuse(call, "keepSessions", "must be true or false");
		return false;
	}
	return true;
}

static void
refuse_password(struct call *call, enum authtok_err err, unsigned wait)
{
	struct access access;

	if (err == AUTHTOK_EPASSWORD) {
		reply_fail(call, FAIL_PASSWORD_CURRENT);
		part_log(call, "password_failed");
	} else if (err == AUTHTOK_ENOUSER || err == AUTHTOK_EDISABLED) {
		/* since the token was looked at */
		access_of(call, &access);
		access_refuse(call, &access, AUTHTOK_EREVOKED);
	} else if (!part_refuse_account(call, err, "newPassword")) {
		reply_fail_system(call, err, wait);
	}
}

static void
change_password(
    struct call *call, const struct password *password, const uint8_t *sid)
{
	const struct authtok_client client = part_client(call);
	enum authtok_end end =
	    sid == NULL ? AUTHTOK_END_ALL : AUTHTOK_END_OTHERS;
	enum authtok_err err;
	unsigned wait = 0;

	if (password->keep_sessions)
		end = AUTHTOK_END_NONE;
	err = authtok_user_change_password(call->app->accounts, call->user_id,
	    password->current, strlen(password->current), password->next,
	    strlen(password->next), end, sid, &client, &wait);
	if (err != AUTHTOK_OK) {
		refuse_password(call, err, wait);
		return;
	}
	part_log(call, "password_changed");
	reply_static(call, "{\"message\":\"Password changed\"}");
}

void
route_password(struct call *call)
{
	struct password password = { .keep_sessions = false };
	struct app_slot *slot;
	cJSON *body;

	if (!access_enter(call, &slot))
		return;
	if (part_body(call, &body)) {
		if (take_password(call, body, &password))
			change_password(call, &password,
			    authtok_claims_session(slot->claims));
		body_free(body);
	}
	app_give_claims(call->app, slot);
}

/* ---- me ----------------------------------------------------------------- */

/* What the token allows is what counts, not what the store says by now. */
static void
take_roles(const struct authtok_claims *claims, struct authtok_user *user)
{
	size_t count = authtok_claims_role_count(claims);

	user->role_count = 0;
	for (size_t i = 0; i < count && i < AUTHTOK_ROLES_MAX; i++) {
		char *role = user->roles[user->role_count++];

		strncpy(role, authtok_claims_role(claims, i), AUTHTOK_ROLE_MAX);
		role[AUTHTOK_ROLE_MAX] = '\0';
	}
}

static void
send_me(struct call *call, struct authtok_user *user, const uint8_t *sid)
{
	char *memory = malloc(ME_SIZE);
	struct text text;

	if (memory == NULL) {
		reply_fail_system(call, AUTHTOK_ENOMEM, 0);
		return;
	}
	text_init(&text, memory, ME_SIZE);
	text_add(&text, "{");
	part_user(&text, user);
	text_add(&text, ",\"session\":");
	text_add(&text, sid != NULL ? "\"" : "null}");
	if (sid != NULL) {
		text_hex(&text, sid, AUTHTOK_SID_LEN);
		text_add(&text, "\"}");
	}
	part_send(call, &text);
}

void
route_me(struct call *call)
{
	struct authtok_user user;
	struct access access;
	struct app_slot *slot;
	enum authtok_err err;

	if (!access_enter(call, &slot))
		return;
	err = authtok_user_get(call->app->accounts, call->user_id, &user);
	if (err == AUTHTOK_OK) {
		take_roles(slot->claims, &user);
		send_me(call, &user, authtok_claims_session(slot->claims));
	} else if (err == AUTHTOK_ENOUSER) {
		access_of(call, &access);
		access_refuse(call, &access, AUTHTOK_EREVOKED);
	} else {
		reply_fail_system(call, err, 0);
	}
	app_give_claims(call->app, slot);
}
