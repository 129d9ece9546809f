/*
 * Answers: every error that authd can give, in one table, and how a body gets
 * into a response.
 */
#ifndef AUTHD_REPLY_H
#define AUTHD_REPLY_H

#include <stdint.h>

#include "authd/app.h"
#include "authd/http.h"
#include "authd/net.h"
#include "authd/text.h"

/* One request under way; what the log line says of it is gathered here. */
struct call {
	struct app *app;
	struct http_request *req;
	struct http_response *res;
	const char *tail; /* of the path, where the route takes one */
	const char *code; /* of the error, or NULL */
	int64_t user_id;  /* 0: not known */
	char client[NET_ADDRESS_SIZE];
};

/* The errors; status, code and message are in reply.c. */
enum fail {
	FAIL_MALFORMED,
	FAIL_MEMBER,
	FAIL_RETRY_KEY,
	FAIL_USERNAME_FORM,
	FAIL_EMAIL_FORM,
	FAIL_PASSWORD_SHORT,
	FAIL_PASSWORD_LONG,
	FAIL_PASSWORD_FORM,
	FAIL_PASSWORD_COMMON,
	FAIL_USERNAME_TAKEN,
	FAIL_EMAIL_TAKEN,
	FAIL_ROLE_UNKNOWN,
	FAIL_ROLE_REFUSED,
	FAIL_USER_UNKNOWN,
	FAIL_PASSWORD_WRONG,
	FAIL_PASSWORD_CURRENT,
	FAIL_ACCOUNT_DISABLED,
	FAIL_CREDENTIALS,
	FAIL_REFRESH_REQUIRED,
	FAIL_REFRESH_UNKNOWN,
	FAIL_REFRESH_EXPIRED,
	FAIL_REFRESH_REUSED,
	FAIL_REFRESH_STALE,
	FAIL_TOKEN_REQUIRED,
	FAIL_TOKEN_EXPIRED,
	FAIL_TOKEN_INVALID,
	FAIL_MODERATOR,
	FAIL_ADMIN,
	FAIL_NOT_FOUND,
	FAIL_METHOD,
	FAIL_TIMEOUT,
	FAIL_TOO_LARGE,
	FAIL_MEDIA,
	FAIL_THROTTLED,
	FAIL_BUSY,
	FAIL_UNAVAILABLE,
};

/* The stable code of an error. */
const char *reply_code(enum fail fail);
const char *reply_message(enum fail fail);

/* Answer with an error. */
void reply_fail(struct call *call, enum fail fail);
/* The same with another message than the table's; it is escaped. */
void reply_fail_because(struct call *call, enum fail fail, const char *message);

/*
 * The errors that any call of the library may give besides its own: throttled,
 * busy, broken. wait: seconds until another try, for the first of them.
 */
void reply_fail_system(struct call *call, enum authtok_err err, unsigned wait);

/* Answer 200 with JSON, taken from text, whose memory was malloc'd. */
void reply_json(struct call *call, const struct text *text);
/* Answer 200 with static text. */
void reply_plain(struct call *call, const char *text);
/* Answer 200 with static JSON. */
void reply_static(struct call *call, const char *json);

#endif
