/*
 * Sign-up, sign-in, refresh: bodies in, calls of the library, answers out. No
 * text of a body, but for user and role names, is ever shown or logged.
 */
#include "authd/routes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/body.h"

#define ROLE_SHOWN_MAX 64   /* bytes of an unknown role that are echoed */
#define SIGNIN_MAX     8192 /* bytes of the largest answer, see send_signin */

/* ---- bodies ------------------------------------------------------------- */

static void
refuse_body(struct call *call, enum http_body result)
{
	call->res->close = true;
	if (result == HTTP_BODY_TOO_LARGE)
		reply_fail(call, FAIL_TOO_LARGE);
	else if (result == HTTP_BODY_TIMEOUT)
		reply_fail(call, FAIL_TIMEOUT);
	else if (result == HTTP_BODY_BROKEN)
		reply_fail(call, FAIL_MALFORMED);
	else
		reply_fail_system(call, AUTHTOK_ENOMEM, 0);
}

/* The body as an object, or the answer is given: false. */
static bool
read_body(struct call *call, cJSON **ret_body)
{
	size_t count, len;
	const char *value = http_header(call->req, "content-type", &count);
	enum body_type type = count > 1 ? BODY_OTHER : body_type(value);
	enum http_body received;
	enum body_result result;
	char why[BODY_WHY_MAX];
	char *text;

	if (type == BODY_OTHER) {
		reply_fail(call, FAIL_MEDIA);
		return false;
	}
	received = http_read_body(call->req, BODY_MAX, &text, &len);
	if (received != HTTP_BODY_OK) {
		refuse_body(call, received);
		return false;
	}
	result = body_parse(type, text, len, ret_body, why);
	explicit_bzero(text, len);
	free(text);
	if (result == BODY_BAD)
		reply_fail_because(call, FAIL_MALFORMED, why);
	else if (result == BODY_MEDIA)
		reply_fail(call, FAIL_MEDIA);
	else if (result == BODY_NOMEM)
		reply_fail_system(call, AUTHTOK_ENOMEM, 0);
	return result == BODY_OK;
}

static void
refuse_member(struct call *call, const char *name, const char *reason)
{
	char message[96];

	snprintf(message, sizeof(message), "%s %s", name, reason);
	reply_fail_because(call, FAIL_MEMBER, message);
}

/* A text that must be there, or the answer is given: false. */
static bool
need_text(struct call *call, const cJSON *body, const char *name,
    const char **ret_text)
{
	enum body_member found = body_string(body, name, ret_text);

	if (found == BODY_MISSING)
		refuse_member(call, name, "is required");
	else if (found == BODY_WRONG)
		refuse_member(call, name, "must be a string");
	return found == BODY_FOUND;
}

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

	if (!need_text(call, body, "username", &request->name) ||
	    !need_text(call, body, "email", &request->email) ||
	    !need_text(call, body, "password", &request->password))
		return false;
	request->password_len = strlen(request->password);
	found = body_strings(body, "roles", signup->roles, AUTHTOK_ROLES_MAX,
	    &request->role_count);
	if (found == BODY_WRONG) {
		refuse_member(call, "roles", "must be an array of strings");
		return false;
	}
	if (found == BODY_FOUND && request->role_count > AUTHTOK_ROLES_MAX) {
		refuse_member(call, "roles", "must be at most 16");
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
	static const struct {
		enum authtok_err err;
		enum fail fail;
	} map[] = {
		{ AUTHTOK_ENAMEFMT, FAIL_USERNAME_FORM },
		{ AUTHTOK_EMAILFMT, FAIL_EMAIL_FORM },
		{ AUTHTOK_EPWSHORT, FAIL_PASSWORD_SHORT },
		{ AUTHTOK_EPWLONG, FAIL_PASSWORD_LONG },
		{ AUTHTOK_EPWFORM, FAIL_PASSWORD_FORM },
		{ AUTHTOK_EPWCOMMON, FAIL_PASSWORD_COMMON },
		{ AUTHTOK_ENAME, FAIL_USERNAME_TAKEN },
		{ AUTHTOK_EEMAIL, FAIL_EMAIL_TAKEN },
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (map[i].err == err) {
			reply_fail(call, map[i].fail);
			return;
		}
	}
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
	struct signup request = { .request = AUTHTOK_SIGNUP_INIT };
	cJSON *body;

	if (!read_body(call, &body))
		return;
	if (take_signup(call, body, &request))
		signup(call, &request);
	body_free(body);
}

/* ---- sign-in ------------------------------------------------------------ */

/* user, moderator, admin first, the others by name. */
static int
role_rank(const char *role)
{
	static const char *const first[] = { "user", "moderator", "admin" };

	for (int i = 0; i < 3; i++)
		if (strcmp(role, first[i]) == 0)
			return i;
	return 3;
}

static int
compare_roles(const void *a, const void *b)
{
	const char *x = a, *y = b;
	int rank = role_rank(x) - role_rank(y);

	return rank != 0 ? rank : strcmp(x, y);
}

/* "ROLE_" and the name in capitals, in quotes. */
static void
add_role(struct text *text, const char *role)
{
	char upper[AUTHTOK_ROLE_MAX + 1];
	size_t i;

	for (i = 0; role[i] != '\0' && i < AUTHTOK_ROLE_MAX; i++)
		upper[i] = (char)toupper((unsigned char)role[i]);
	upper[i] = '\0';
	text_add(text, "\"ROLE_");
	text_add(text, upper);
	text_add(text, "\"");
}

static void
add_tokens(struct text *text, const struct authtok_tokens *tokens)
{
	text_add(text, "\"accessToken\":");
	text_json(text, tokens->access);
	text_add(text, ",\"refreshToken\":");
	text_json(text, tokens->refresh);
	text_add(text, "}");
}

/* Answer with what was written, unless memory failed. */
static void
send_text(struct call *call, struct text *text)
{
	if (!text->cut) {
		reply_json(call, text);
		return;
	}
	free(text->at);
	reply_fail_system(call, AUTHTOK_ENOSPC, 0);
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
	qsort(user->roles, user->role_count, sizeof(user->roles[0]),
	    compare_roles);
	text_init(&text, memory, SIGNIN_MAX);
	text_add(&text, "{\"id\":");
	text_int(&text, user->id);
	text_add(&text, ",\"username\":");
	text_json(&text, user->name);
	text_add(&text, ",\"email\":");
	text_json(&text, user->email);
	text_add(&text, ",\"roles\":[");
	for (size_t i = 0; i < user->role_count; i++) {
		text_add(&text, i > 0 ? "," : "");
		add_role(&text, user->roles[i]);
	}
	text_add(&text, "],");
	add_tokens(&text, tokens);
	send_text(call, &text);
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
	/* the operator may know what the client may not */
	log_event(&call->app->log, "warn", "signin_failed", "name", name,
	    "peer", call->client, "cause", reply_code(fail), NULL);
}

static void
signin(struct call *call, const char *name, const char *password)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	struct authtok_user user;
	enum authtok_err err;
	unsigned wait = 0;
	char number[24];

	client.address = call->client;
	client.agent = http_header(call->req, "user-agent", NULL);
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

	if (!read_body(call, &body))
		return;
	if (need_text(call, body, "username", &name) &&
	    need_text(call, body, "password", &password))
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

/* Never 401: front ends would refresh for ever. */
static void
refuse_refresh(struct call *call, enum authtok_err err)
{
	if (err == AUTHTOK_EEXPIRED) {
		reply_fail(call, FAIL_REFRESH_EXPIRED);
	} else if (err == AUTHTOK_ESTALE) {
		http_add(call->res, "Authtok-Refresh", "superseded");
		reply_fail(call, FAIL_REFRESH_STALE);
	} else if (err == AUTHTOK_EREUSED) {
		http_add(call->res, "Authtok-Refresh", "reuse");
		log_event(&call->app->log, "warn", "refresh_reuse", "peer",
		    call->client, NULL);
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
	char number[24];

	snprintf(number, sizeof(number), "%lld", (long long)tokens->user_id);
	if (outcome == AUTHTOK_FORWARDED)
		log_event(&call->app->log, "warn", "refresh_rolled_forward",
		    "user", number, "peer", call->client, NULL);
	if (memory == NULL) {
		reply_fail_system(call, AUTHTOK_ENOMEM, 0);
		return;
	}
	text_init(&text, memory, SIGNIN_MAX);
	text_add(&text, "{");
	add_tokens(&text, tokens);
	http_add(call->res, "Authtok-Refresh", outcome_name(outcome));
	send_text(call, &text);
}

static void
refresh(struct call *call, const char *token, const char *retry_key)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	enum authtok_outcome outcome = AUTHTOK_ROTATED;
	enum authtok_err err;

	client.address = call->client;
	client.agent = http_header(call->req, "user-agent", NULL);
	err = authtok_session_refresh(call->app->sessions, token, strlen(token),
	    retry_key, &client, &outcome, &tokens);
	if (err != AUTHTOK_OK) {
		refuse_refresh(call, err);
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

	if (!read_body(call, &body))
		return;
	found = body_string(body, "refreshToken", &token);
	if (found == BODY_MISSING)
		reply_fail(call, FAIL_REFRESH_REQUIRED);
	else if (found == BODY_WRONG)
		refuse_member(call, "refreshToken", "must be a string");
	else if (!take_retry_key(call, &retry_key))
		reply_fail(call, FAIL_RETRY_KEY);
	else
		refresh(call, token, retry_key);
	body_free(body);
}
