/*
 * Sign-up, sign-in, refresh: bodies in, calls of the library, answers out. No
 * text of a body, but for user and role names, is ever shown or logged.
 */
#include "authd/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/routes_parts.h"

#define ROLE_SHOWN_MAX 64   /* bytes of an unknown role that are echoed */
#define SIGNIN_MAX     8192 /* bytes of the largest answer, see send_signin */

/* ---- sign-up ------------------------------------------------------------ */

struct signup {
	struct authtok_signup request;
	const char *roles[AUTHTOK_ROLES_MAX];
};

static bool
take_signup(struct call *call, const cJSON *body, struct signup *signup)
{
	struct authtok_signup *request = &signup->request;
	enum body_member found;

	if (!part_text(call, body, "username", &request->name) ||
	    !part_text(call, body, "email", &request->email) ||
	    !part_text(call, body, "password", &request->password))
		return false;
	request->password_len = strlen(request->password);
	found = body_strings(body, "roles", signup->roles, AUTHTOK_ROLES_MAX,
	    &request->role_count);
	if (found == BODY_WRONG) {
		part_refuse(call, "roles", "must be an array of strings");
		return false;
	}
	if (found == BODY_FOUND && request->role_count > AUTHTOK_ROLES_MAX) {
		part_refuse(call, "roles", "must be at most 16");
		return false;
	}
	request->roles = signup->roles;
	return true;
}

static void
refuse_role(
    struct call *call, enum fail fail, const char *what, const char *role)
{
	char message[ROLE_SHOWN_MAX + 64];

	snprintf(message, sizeof(message), "Failed! Role %s = %.*s", what,
	    (int)text_prefix(role, ROLE_SHOWN_MAX), role);
	reply_fail_because(call, fail, message);
}

static void
refuse_signup(struct call *call, enum authtok_err err, const char *role)
{
	if (part_refuse_account(call, err, "password"))
		return;
	if (err == AUTHTOK_ENOROLE)
		refuse_role(call, FAIL_ROLE_UNKNOWN, "does not exist", role);
	else if (err == AUTHTOK_ESIGNUPROLE)
		refuse_role(
		    call, FAIL_ROLE_REFUSED, "may not be requested", role);
	else
		reply_fail_system(call, err, 0);
}

static void
signup(struct call *call, const struct signup *signup)
{
	enum authtok_err err;
	size_t role = 0;
	int64_t id = 0;
	char number[24];

	err = authtok_signup(call->app->accounts, &signup->request, &role, &id);
	if (err != AUTHTOK_OK) {
		refuse_signup(call, err,
		    role < signup->request.role_count ? signup->roles[role]
						      : "user");
		return;
	}
	call->user_id = id;
	snprintf(number, sizeof(number), "%lld", (long long)id);
	log_event(&call->app->log, "info", "signup", "user", number, "name",
	    signup->request.name, "peer", call->client, NULL);
	reply_static(call, "{\"message\":\"User registered successfully!\"}");
}

void
route_signup(struct call *call)
{
	const struct authtok_client client = part_client(call);
	struct signup request = { .request = AUTHTOK_SIGNUP_INIT };
	cJSON *body;

	if (!part_body(call, &body))
		return;
	request.request.client = &client;
	if (take_signup(call, body, &request))
		signup(call, &request);
	body_free(body);
}

/* ---- sign-in ------------------------------------------------------------ */

/* Tokens are base64url and dots: nothing to escape. */
static void
add_tokens(struct text *text, const struct authtok_tokens *tokens)
{
	text_add(text, "\"accessToken\":\"");
	text_bytes(text, tokens->access, tokens->access_len);
	text_add(text, "\",\"refreshToken\":\"");
	text_add(text, tokens->refresh);
	text_add(text, "\"}");
}

static void
send_signin(struct call *call, struct authtok_user *user,
    const struct authtok_tokens *tokens)
{
	char *memory = malloc(SIGNIN_MAX);
	struct text text;

	if (memory == NULL) {
		reply_fail_system(call, AUTHTOK_ENOMEM, 0);
		return;
	}
	text_init(&text, memory, SIGNIN_MAX);
	text_add(&text, "{");
	part_user(&text, user);
	text_add(&text, ",");
	add_tokens(&text, tokens);
	part_send(call, &text);
}

static void
refuse_signin(
    struct call *call, enum authtok_err err, const char *name, unsigned wait)
{
	bool uniform = call->app->config->uniform_errors;
	enum fail fail = FAIL_USER_UNKNOWN;

	if (err == AUTHTOK_EPASSWORD) {
		fail = FAIL_PASSWORD_WRONG;
	} else if (err == AUTHTOK_EDISABLED) {
		fail = FAIL_ACCOUNT_DISABLED;
	} else if (err != AUTHTOK_EUNKNOWN) {
		reply_fail_system(call, err, wait);
		return;
	}
	reply_fail(call, uniform ? FAIL_CREDENTIALS : fail);
	/* the operator may know what the client may not; but a name that nobody
	 * has may be a password, typed into the wrong field */
	log_event(&call->app->log, "warn", "signin_failed", "name",
	    err == AUTHTOK_EUNKNOWN ? "?" : name, "peer", call->client, "cause",
	    reply_code(fail), NULL);
}

static void
signin(struct call *call, const char *name, const char *password)
{
	const struct authtok_client client = part_client(call);
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	struct authtok_user user;
	enum authtok_err err;
	unsigned wait = 0;
	char number[24];

	err = authtok_signin(call->app->accounts, call->app->sessions, name,
	    password, strlen(password), &client, &wait, &user, &tokens);
	if (err != AUTHTOK_OK) {
		refuse_signin(call, err, name, wait);
		return;
	}
	call->user_id = user.id;
	snprintf(number, sizeof(number), "%lld", (long long)user.id);
	log_event(&call->app->log, "info", "signin", "user", number, "name",
	    user.name, "peer", call->client, NULL);
	send_signin(call, &user, &tokens);
	explicit_bzero(&tokens, sizeof(tokens));
}

void
route_signin(struct call *call)
{
	const char *name, *password;
	cJSON *body;

	if (!part_body(call, &body))
		return;
	if (part_text(call, body, "username", &name) &&
	    part_text(call, body, "password", &password))
		signin(call, name, password);
	body_free(body);
}

/* ---- refresh ------------------------------------------------------------ */

/* The client's retry key, or NULL; false: it is bad. */
static bool
take_retry_key(struct call *call, const char **ret_key)
{
	size_t count, len;
	const char *key = http_header(call->req, "authtok-retry-key", &count);

	*ret_key = key;
	if (key == NULL)
		return true;
	len = strlen(key);
	for (size_t i = 0; i < len; i++)
		if (key[i] < 0x21 || key[i] > 0x7e)
			return false;
	return count == 1 && len >= 1 && len <= AUTHTOK_RETRYKEY_MAX;
}

/* sid NULL: not known. */
static void
log_refresh(const struct call *call, const char *event, const uint8_t *sid)
{
	char number[24], memory[2 * AUTHTOK_SID_LEN + 1];
	struct text hex;

	text_init(&hex, memory, sizeof(memory));
	if (sid != NULL)
		text_hex(&hex, sid, AUTHTOK_SID_LEN);
	snprintf(number, sizeof(number), "%lld", (long long)call->user_id);
	log_event(&call->app->log, "warn", event, "user",
	    sid != NULL ? number : NULL, "session", sid != NULL ? memory : NULL,
	    "peer", call->client, NULL);
}

/* The one line that somebody must look into: of whom it is. */
static void
log_reuse(struct call *call, const char *token)
{
	uint8_t sid[AUTHTOK_SID_LEN];
	enum authtok_err err = authtok_session_identify(
	    call->app->sessions, token, strlen(token), sid, &call->user_id);

	log_refresh(call, "refresh_reuse", err == AUTHTOK_OK ? sid : NULL);
}

/* Never 401: front ends would refresh for ever. */
static void
refuse_refresh(struct call *call, enum authtok_err err, const char *token)
{
	if (err == AUTHTOK_EEXPIRED) {
		reply_fail(call, FAIL_REFRESH_EXPIRED);
	} else if (err == AUTHTOK_ESTALE) {
		http_add(call->res, "Authtok-Refresh", "superseded");
		reply_fail(call, FAIL_REFRESH_STALE);
	} else if (err == AUTHTOK_EREUSED) {
		http_add(call->res, "Authtok-Refresh", "reuse");
		log_reuse(call, token);
		reply_fail(call, FAIL_REFRESH_REUSED);
	} else if (authtok_err_class(err) == AUTHTOK_CLASS_DENIED) {
		reply_fail(call, FAIL_REFRESH_UNKNOWN);
	} else {
		reply_fail_system(call, err, 0);
	}
}

static const char *
outcome_name(enum authtok_outcome outcome)
{
	switch (outcome) {
	case AUTHTOK_REPEATED:
		return "repeated";
	case AUTHTOK_REPLACED:
		return "replaced";
	case AUTHTOK_FORWARDED:
		return "rolled-forward";
	case AUTHTOK_ROTATED:
		break;
	}
	return "rotated";
}

static void
send_refresh(struct call *call, enum authtok_outcome outcome,
    const struct authtok_tokens *tokens)
{
	char *memory = malloc(SIGNIN_MAX);
	struct text text;

	if (outcome == AUTHTOK_FORWARDED)
		log_refresh(call, "refresh_rolled_forward", tokens->sid);
	if (memory == NULL) {
		reply_fail_system(call, AUTHTOK_ENOMEM, 0);
		return;
	}
	text_init(&text, memory, SIGNIN_MAX);
	text_add(&text, "{");
	add_tokens(&text, tokens);
	http_add(call->res, "Authtok-Refresh", outcome_name(outcome));
	part_send(call, &text);
}

static void
refresh(struct call *call, const char *token, const char *retry_key)
{
	const struct authtok_client client = part_client(call);
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	enum authtok_outcome outcome = AUTHTOK_ROTATED;
	enum authtok_err err;

	err = authtok_session_refresh(call->app->sessions, token, strlen(token),
	    retry_key, &client, &outcome, &tokens);
	if (err != AUTHTOK_OK) {
		refuse_refresh(call, err, token);
		return;
	}
	call->user_id = tokens.user_id;
	send_refresh(call, outcome, &tokens);
	explicit_bzero(&tokens, sizeof(tokens));
}

void
route_refresh(struct call *call)
{
	const char *token = NULL, *retry_key = NULL;
	enum body_member found;
	cJSON *body;

	if (!part_body(call, &body))
		return;
	found = body_string(body, "refreshToken", &token);
	if (found == BODY_MISSING)
		reply_fail(call, FAIL_REFRESH_REQUIRED);
	else if (found == BODY_WRONG)
		part_refuse(call, "refreshToken", "must be a string");
	else if (!take_retry_key(call, &retry_key))
		reply_fail(call, FAIL_RETRY_KEY);
	else
		refresh(call, token, retry_key);
	body_free(body);
}
