/*
 * Answers. The codes are part of the interface and never change; the messages
 * of the first part of the contract are read by front ends and do not either.
 */
#include "authd/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_TYPE  "application/json; charset=utf-8"
#define PLAIN_TYPE "text/plain; charset=utf-8"

struct failure {
	int status;
	const char *code;
	const char *message;
};

static const struct failure failures[] = {
	[FAIL_MALFORMED] = { 400, "malformed_body", "Malformed body" },
	[FAIL_MEMBER] = { 400, "invalid_member", "Invalid member" },
	[FAIL_RETRY_KEY] = { 400, "invalid_retry_key",
	    "Authtok-Retry-Key must be 1 to 255 visible ASCII characters" },
	[FAIL_USERNAME_FORM] = { 400, "invalid_username",
	    "username must be 1 to 64 letters, digits or . _ @ + -" },
	[FAIL_EMAIL_FORM] = { 400, "invalid_email",
	    "email must be an e-mail address of at most 254 characters" },
	[FAIL_PASSWORD_SHORT] = { 400, "password_too_short",
	    "password must be at least 8 bytes" },
	[FAIL_PASSWORD_LONG] = { 400, "password_too_long",
	    "password must be at most 1024 bytes" },
	[FAIL_PASSWORD_FORM] = { 400, "invalid_password",
	    "password must be UTF-8 text" },
	[FAIL_PASSWORD_COMMON] = { 400, "password_too_common",
	    "password is too common" },
	[FAIL_USERNAME_TAKEN] = { 400, "username_taken",
	    "Failed! Username is already in use!" },
	[FAIL_EMAIL_TAKEN] = { 400, "email_taken",
	    "Failed! Email is already in use!" },
	[FAIL_ROLE_UNKNOWN] = { 400, "unknown_role",
	    "Failed! Role does not exist" },
	[FAIL_ROLE_REFUSED] = { 403, "role_not_allowed",
	    "Failed! Role may not be requested" },
	[FAIL_USER_UNKNOWN] = { 404, "user_not_found", "User Not found." },
	[FAIL_PASSWORD_WRONG] = { 401, "wrong_password", "Invalid Password!" },
	/* not 401: front ends would refresh and try the same again */
	[FAIL_PASSWORD_CURRENT] = { 403, "wrong_current_password",
	    "Invalid Password!" },
	[FAIL_ACCOUNT_DISABLED] = { 403, "account_disabled",
	    "Account is disabled!" },
	[FAIL_CREDENTIALS] = { 401, "invalid_credentials",
	    "Invalid username or password!" },
	[FAIL_REFRESH_REQUIRED] = { 403, "refresh_token_required",
	    "Refresh Token is required!" },
	[FAIL_REFRESH_UNKNOWN] = { 403, "refresh_token_unknown",
	    "Refresh token is not in database!" },
	[FAIL_REFRESH_EXPIRED] = { 403, "refresh_token_expired",
	    "Refresh token was expired. Please make a new signin request" },
	[FAIL_REFRESH_REUSED] = { 403, "refresh_token_reused",
	    "Refresh token was already used. "
	    "Please make a new signin request" },
	[FAIL_REFRESH_STALE] = { 409, "refresh_token_superseded",
	    "Refresh token was superseded. Use the newest one" },
	[FAIL_TOKEN_REQUIRED] = { 403, "token_required", "No token provided!" },
	[FAIL_TOKEN_EXPIRED] = { 401, "token_expired",
	    "Unauthorized! Access Token was expired!" },
	[FAIL_TOKEN_INVALID] = { 401, "token_invalid", "Unauthorized!" },
	[FAIL_MODERATOR] = { 403, "moderator_required",
	    "Require Moderator Role!" },
	[FAIL_ADMIN] = { 403, "admin_required", "Require Admin Role!" },
	[FAIL_NOT_FOUND] = { 404, "not_found", "Not found" },
	[FAIL_METHOD] = { 405, "method_not_allowed", "Method not allowed" },
	[FAIL_TIMEOUT] = { 408, "body_timeout",
	    "The body did not arrive in time" },
	[FAIL_TOO_LARGE] = { 413, "body_too_large",
	    "The body is larger than 64 KiB" },
	[FAIL_MEDIA] = { 415, "unsupported_media_type",
	    "The body must be application/json or "
	    "application/x-www-form-urlencoded" },
	[FAIL_THROTTLED] = { 429, "too_many_attempts",
	    "Too many attempts. Try again later" },
	[FAIL_BUSY] = { 503, "busy", "Service busy. Try again" },
	[FAIL_UNAVAILABLE] = { 503, "unavailable", "Service unavailable" },
};

const char *
reply_code(enum fail fail)
{
	return failures[fail].code;
}

const char *
reply_message(enum fail fail)
{
	return failures[fail].message;
}

void
reply_static(struct call *call, const char *json)
{
	call->res->status = 200;
	call->res->type = JSON_TYPE;
	call->res->body = json;
	call->res->body_len = strlen(json);
}

void
reply_plain(struct call *call, const char *text)
{
	reply_static(call, text);
	call->res->type = PLAIN_TYPE;
}

void
reply_json(struct call *call, const struct text *text)
{
	call->res->status = 200;
	call->res->type = JSON_TYPE;
	call->res->body = text->at;
	call->res->body_len = text->len;
	call->res->body_owned = true;
}

void
reply_fail_because(struct call *call, enum fail fail, const char *message)
{
	const struct failure *failure = &failures[fail];
	size_t size = 6 * strlen(message) + 128;
	char *memory = malloc(size);
	struct text text;

	if (memory == NULL) {
		reply_static(call,
		    "{\"message\":\"Service unavailable\","
		    "\"code\":\"unavailable\"}");
		call->res->status = 503;
		call->code = "unavailable";
		return;
	}
	text_init(&text, memory, size);
	/* the tutorial's front ends look for it in this one answer */
	text_add(&text,
	    fail == FAIL_PASSWORD_WRONG ? "{\"accessToken\":null,\"message\":"
					: "{\"message\":");
	text_json(&text, message);
	text_add(&text, ",\"code\":\"");
	text_add(&text, failure->code);
	text_add(&text, "\"}");
	reply_json(call, &text);
	call->res->status = failure->status;
	call->code = failure->code;
}

void
reply_fail(struct call *call, enum fail fail)
{
	reply_fail_because(call, fail, failures[fail].message);
}

void
reply_fail_system(struct call *call, enum authtok_err err, unsigned wait)
{
	char seconds[16], cause[256] = "";

	if (err == AUTHTOK_ETHROTTLED) {
		snprintf(seconds, sizeof(seconds), "%u", wait > 0 ? wait : 1);
		http_add(call->res, "Retry-After", seconds);
		log_event(&call->app->log, "warn", "throttled", "peer",
		    call->client, "path", call->req->path, "seconds", seconds,
		    NULL);
		reply_fail(call, FAIL_THROTTLED);
		return;
	}
	/* a record that others keep changing is as good as a busy store */
	if (err == AUTHTOK_EBUSY || err == AUTHTOK_ECHANGED) {
		http_add(call->res, "Retry-After", "1");
		reply_fail(call, FAIL_BUSY);
		return;
	}
	if (err == AUTHTOK_ESTORE)
		authtok_store_explain(call->app->store, cause, sizeof(cause));
	log_event(&call->app->log, "error",
	    err == AUTHTOK_ESTORE ? "store_error" : "failure", "path",
	    call->req->path, "cause",
	    cause[0] != '\0' ? cause : authtok_strerror(err), NULL);
	http_add(call->res, "Retry-After", "10");
	reply_fail(call, FAIL_UNAVAILABLE);
}
