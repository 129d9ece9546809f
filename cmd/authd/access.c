/*
 * Access tokens on requests (RFC 6750, and the header of the tutorial).
 */
#include "authd/access.h"

#include <string.h>
#include <strings.h>

#define CHALLENGE "Bearer realm=\"authd\""

/* The token after the scheme, which has any case (RFC 9110 section 11.1). */
static bool
bearer_of(const char *authorization, const char **ret_token)
{
	static const char scheme[] = "Bearer";
	size_t len = strlen(scheme);

	if (strncasecmp(authorization, scheme, len) != 0)
		return false;
	if (authorization[len] != ' ' && authorization[len] != '\0')
		return false;
	*ret_token = authorization + len + strspn(authorization + len, " ");
	return true;
}

enum access_found
access_find(const char *x_access_token, const char *authorization,
    struct access *ret_access)
{
	const char *x = x_access_token != NULL ? x_access_token : "";
	const char *b = "";

	ret_access->bearer =
	    authorization != NULL && bearer_of(authorization, &b);
	ret_access->token = *x != '\0' ? x : b;
	ret_access->len = strlen(ret_access->token);
	if (*x != '\0' && *b != '\0' && strcmp(x, b) != 0)
		return ACCESS_CONFLICT;
	return ret_access->len > 0 ? ACCESS_ONE : ACCESS_NONE;
}

/*
 * RFC 9110 section 15.5.2: a 401 says how to do better. RFC 6750 section 3.1:
 * with an error for those who tried it, without for others.
 */
static void
refuse(struct call *call, const struct access *access, enum fail fail)
{
	const char *challenge = CHALLENGE ", error=\"insufficient_scope\"";

	if (!access->bearer || fail == FAIL_TOKEN_REQUIRED)
		challenge = CHALLENGE;
	else if (fail == FAIL_TOKEN_EXPIRED)
		challenge = CHALLENGE ", error=\"invalid_token\", "
				      "error_description=\"expired\"";
	else if (fail == FAIL_TOKEN_INVALID)
		challenge = CHALLENGE ", error=\"invalid_token\"";
	http_add(call->res, "WWW-Authenticate", challenge);
	reply_fail(call, fail);
}

void
access_refuse(
    struct call *call, const struct access *access, enum authtok_err err)
{
	if (err == AUTHTOK_EEXPIRED)
		refuse(call, access, FAIL_TOKEN_EXPIRED);
	else if (authtok_err_class(err) == AUTHTOK_CLASS_DENIED)
		refuse(call, access, FAIL_TOKEN_INVALID);
	else
		reply_fail_system(call, err, 0);
}

enum authtok_err
access_verify(struct call *call, const struct authtok *engine,
    const struct access *access, struct app_slot **ret_slot)
{
	struct app_slot *slot = app_take_claims(call->app);
	enum authtok_err err;

	if (slot == NULL)
		return AUTHTOK_ENOMEM;
	err = authtok_verify(engine, access->token, access->len, slot->claims);
	if (err != AUTHTOK_OK) {
		app_give_claims(call->app, slot);
		return err;
	}
	call->user_id = authtok_claims_user_id(slot->claims);
	*ret_slot = slot;
	return AUTHTOK_OK;
}

enum access_found
access_of(const struct call *call, struct access *ret_access)
{
	size_t x_count, b_count;
	const char *x = http_header(call->req, "x-access-token", &x_count);
	const char *b = http_header(call->req, "authorization", &b_count);
	enum access_found found = access_find(x, b, ret_access);

	/* which of two equal headers counts is nobody's guess: neither */
	return x_count > 1 || b_count > 1 ? ACCESS_CONFLICT : found;
}

static bool
enter(struct call *call, struct access *access, struct app_slot **ret_slot)
{
	enum access_found found = access_of(call, access);
	enum authtok_err err;

	if (found != ACCESS_ONE) {
		refuse(call, access,
		    found == ACCESS_NONE ? FAIL_TOKEN_REQUIRED
					 : FAIL_TOKEN_INVALID);
		return false;
	}
	err = access_verify(call, call->app->engine, access, ret_slot);
	if (err != AUTHTOK_OK)
		access_refuse(call, access, err);
	return err == AUTHTOK_OK;
}

bool
access_enter(struct call *call, struct app_slot **ret_slot)
{
	struct access access;

	return enter(call, &access, ret_slot);
}

bool
access_require(struct call *call, const char *role, enum fail without)
{
	struct app_slot *slot;
	struct access access;
	bool has_role;

	if (!enter(call, &access, &slot))
		return false;
	has_role = role == NULL || authtok_claims_has_role(slot->claims, role);
	app_give_claims(call->app, slot);
	if (!has_role)
		refuse(call, &access, without);
	return has_role;
}
