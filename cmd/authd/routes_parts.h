/*
 * Parts that the routes have in common: bodies in, answers out.
 */
#ifndef AUTHD_ROUTES_PARTS_H
#define AUTHD_ROUTES_PARTS_H

#include "authd/body.h"
#include "authd/reply.h"

/* The body as an object, or the answer is given: false. */
bool part_body(struct call *call, cJSON **ret_body);
/* A text that must be there, or the answer is given: false. */
bool part_text(struct call *call, const cJSON *body, const char *name,
    const char **ret_text);
/* A text that may be there; when BODY_WRONG, the answer is given. */
enum body_member part_text_if(struct call *call, const cJSON *body,
    const char *name, const char **ret_text);
/* Answer that the member is not as it should be. */
void part_refuse(struct call *call, const char *name, const char *reason);

/* The answer to what is wrong with a name, an address or a password, which is
 * the member of that name; false: err is something else. */
bool part_refuse_account(
    struct call *call, enum authtok_err err, const char *password);

/* The members id, username, email, roles; sorts the roles. */
void part_user(struct text *text, struct authtok_user *user);
/* Answer with what was written, unless it did not fit. */
void part_send(struct call *call, struct text *text);

/* Who is at the other end, lent by the call. */
struct authtok_client part_client(const struct call *call);
/* One line in the log: the event, the user, the address. */
void part_log(const struct call *call, const char *event);

#endif
