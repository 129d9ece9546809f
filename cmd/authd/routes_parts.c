/*
 * Parts of routes. No text of a body is ever shown or logged here.
 */
#include "authd/routes_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool
part_body(struct call *call, cJSON **ret_body)
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

void
part_refuse(struct call *call, const char *name, const char *reason)
{
	char message[96];

	snprintf(message, sizeof(message), "%s %s", name, reason);
	reply_fail_because(call, FAIL_MEMBER, message);
}

bool
part_text(struct call *call, const cJSON *body, const char *name,
    const char **ret_text)
{
	enum body_member found = body_string(body, name, ret_text);

	if (found == BODY_MISSING)
		part_refuse(call, name, "is required");
	else if (found == BODY_WRONG)
		part_refuse(call, name, "must be a string");
	return found == BODY_FOUND;
}

enum body_member
part_text_if(struct call *call, const cJSON *body, const char *name,
    const char **ret_text)
{
	enum body_member found = body_string(body, name, ret_text);

	if (found == BODY_WRONG)
		part_refuse(call, name, "must be a string");
	return found;
}

/* The texts begin with "password", as sign-up calls it. */
static void
refuse_password(struct call *call, enum fail fail, const char *member)
{
	const char *rest = reply_message(fail) + strlen("password");
	char message[96];

	snprintf(message, sizeof(message), "%s%s", member, rest);
	reply_fail_because(call, fail, message);
}

bool
part_refuse_account(
    struct call *call, enum authtok_err err, const char *password)
{
	static const struct {
		enum authtok_err err;
		enum fail fail;
		bool password;
	} map[] = {
		{ AUTHTOK_ENAMEFMT, FAIL_USERNAME_FORM, false },
		{ AUTHTOK_EMAILFMT, FAIL_EMAIL_FORM, false },
		{ AUTHTOK_EPWSHORT, FAIL_PASSWORD_SHORT, true },
		{ AUTHTOK_EPWLONG, FAIL_PASSWORD_LONG, true },
		{ AUTHTOK_EPWFORM, FAIL_PASSWORD_FORM, true },
		{ AUTHTOK_EPWCOMMON, FAIL_PASSWORD_COMMON, true },
		{ AUTHTOK_ENAME, FAIL_USERNAME_TAKEN, false },
		{ AUTHTOK_EEMAIL, FAIL_EMAIL_TAKEN, false },
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (map[i].err != err)
			continue;
		if (map[i].password)
			refuse_password(call, map[i].fail, password);
		else
			reply_fail(call, map[i].fail);
		return true;
	}
	return false;
}

/* ---- answers ------------------------------------------------------------ */

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

	for (i = 0; i < AUTHTOK_ROLE_MAX && role[i] != '\0'; i++)
		upper[i] = (char)toupper((unsigned char)role[i]);
	upper[i] = '\0';
	text_add(text, "\"ROLE_");
	text_add(text, upper);
	text_add(text, "\"");
}

void
part_user(struct text *text, struct authtok_user *user)
{
	qsort(user->roles, user->role_count, sizeof(user->roles[0]),
	    compare_roles);
	text_add(text, "\"id\":");
	text_int(text, user->id);
	text_add(text, ",\"username\":");
	text_json(text, user->name);
	text_add(text, ",\"email\":");
	text_json(text, user->email);
	text_add(text, ",\"roles\":[");
	for (size_t i = 0; i < user->role_count; i++) {
		text_add(text, i > 0 ? "," : "");
		add_role(text, user->roles[i]);
	}
	text_add(text, "]");
}

void
part_send(struct call *call, struct text *text)
{
	if (!text->cut) {
		reply_json(call, text);
		return;
	}
	free(text->at);
	reply_fail_system(call, AUTHTOK_ENOSPC, 0);
}

/* ---- who asks ----------------------------------------------------------- */

struct authtok_client
part_client(const struct call *call)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;

	client.address = call->client;
	client.agent = http_header(call->req, "user-agent", NULL);
	return client;
}

void
part_log(const struct call *call, const char *event)
{
	char number[24];

	snprintf(number, sizeof(number), "%lld", (long long)call->user_id);
	log_event(&call->app->log, "info", event, "user",
	    call->user_id != 0 ? number : NULL, "peer", call->client, NULL);
}
