/*
 * Access tokens on requests: where they stand, what a bad one is answered.
 */
#ifndef AUTHD_ACCESS_H
#define AUTHD_ACCESS_H

#include <stddef.h>

#include "authd/reply.h"

enum access_found {
	ACCESS_NONE,
	ACCESS_ONE,
	ACCESS_CONFLICT, /* several, and they differ */
};

/* What the two headers say. */
struct access {
	const char *token;
	size_t len;
	bool bearer; /* "Authorization: Bearer" was sent */
};

/*
 * The token in the values of x-access-token and Authorization, which may be
 * NULL; an empty one is none.
 */
enum access_found access_find(const char *x_access_token,
    const char *authorization, struct access *ret_access);

/* The token on a request; ACCESS_CONFLICT also when a header comes twice. */
enum access_found access_of(const struct call *call, struct access *ret_access);

/*
 * A valid token, or the answer is given: false. The claims are lent until
 * app_give_claims.
 */
bool access_enter(struct call *call, struct app_slot **ret_slot);

/* The same for a token that was found by access_of; nothing is answered. */
enum authtok_err access_verify(struct call *call, const struct authtok *engine,
    const struct access *access, struct app_slot **ret_slot);

/* Answer that the token is not good, as err says. */
void access_refuse(
    struct call *call, const struct access *access, enum authtok_err err);

/*
 * Let the request through when it carries a valid token with the role (NULL:
 * any): true. Else the answer is given; without is what misses the role.
 */
bool access_require(struct call *call, const char *role, enum fail without);

#endif
