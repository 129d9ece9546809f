/*
 * Sign-up. The order of the checks is the order of the messages of the HTTP
 * contract; which of two at once gets a name is decided by the store.
 */
#include "account/service.h"

#include "account/names.h"
#include "account/password.h"

#include <string.h>

static bool
well_formed(const struct authtok_signup *request)
{
	return request != NULL &&
	    at_input_ok(request, request->size, sizeof(*request)) &&
	    request->name != NULL && request->email != NULL &&
	    (request->password != NULL || request->password_len == 0) &&
	    (request->roles != NULL || request->role_count == 0) &&
	    at_accounts_client_ok(request->client);
}

static enum authtok_err
check_request(const struct authtok_signup *request)
{
	if (!well_formed(request))
		return AUTHTOK_EINVAL;
	if (!at_name_valid(request->name))
		return AUTHTOK_ENAMEFMT;
	if (!at_email_valid(request->email))
		return AUTHTOK_EMAILFMT;
	return at_accounts_judge(request->password, request->password_len,
	    request->name, request->email);
}

/* Asked before the costly hash; that both are free is not yet a promise. */
static enum authtok_err
check_taken(const struct authtok_accounts *accounts,
    const struct authtok_signup *request)
{
	const struct authtok_store *store = accounts->store;
	struct authtok_user other;
	enum authtok_err err;

	err = store->ops->user_find_name(store->ctx, request->name, &other);
	if (err == AUTHTOK_OK)
		err = AUTHTOK_ENAME;
	if (err != AUTHTOK_EUNKNOWN)
		goto out;
	err = store->ops->user_find_email(store->ctx, request->email, &other);
	/* whoever came between the two look-ups may have taken both: then it is
	 * the name that is said to be taken */
	if (err == AUTHTOK_OK)
		err = at_fold_equal(
			  request->name, strlen(request->name), other.name)
		    ? AUTHTOK_ENAME
		    : AUTHTOK_EEMAIL;
	if (err == AUTHTOK_EUNKNOWN)
		err = AUTHTOK_OK;
out:
	at_wipe(&other, sizeof(other));
	return err;
}

static enum authtok_err
sign_up(const struct authtok_accounts *accounts, const struct at_roles *allowed,
    const struct authtok_signup *request, size_t *ret_role, int64_t *ret_id)
{
	static const char *const plain[] = { "user" };
	const struct authtok_store *store = accounts->store;
	struct authtok_user user = { 0 };
	struct at_deed deed;
	enum authtok_err err;

	err = check_request(request);
	if (err != AUTHTOK_OK)
		return err;
	err = check_taken(accounts, request);
	if (err != AUTHTOK_OK)
		return err;
	err = at_accounts_roles(accounts, allowed,
	    request->role_count > 0 ? request->role_count : 1,
	    request->role_count > 0 ? request->roles : plain, &user, ret_role);
	if (err != AUTHTOK_OK)
		return err;
	err = at_accounts_hash(
	    accounts, request->password, request->password_len, user.hash);
	if (err != AUTHTOK_OK)
		return err;
	at_copy(user.name, sizeof(user.name), request->name);
	at_copy(user.email, sizeof(user.email), request->email);
	user.created_at = authtok_now(accounts->engine);
	at_deed_begin(accounts, AUTHTOK_EVENT_SIGNUP, 0, &deed);
	at_deed_roles(&deed, &user);
	at_deed_client(&deed, request->client);
	err = store->ops->user_create(store->ctx, &user, &deed.act, ret_id);
	at_wipe(&user, sizeof(user));
	return err;
}

enum authtok_err
authtok_signup(const struct authtok_accounts *accounts,
    const struct authtok_signup *request, size_t *ret_role, int64_t *ret_id)
{
	if (accounts == NULL || ret_id == NULL)
		return AUTHTOK_EINVAL;
	return sign_up(
	    accounts, &accounts->signup_roles, request, ret_role, ret_id);
}

enum authtok_err
authtok_user_add(const struct authtok_accounts *accounts,
    const struct authtok_signup *request, size_t *ret_role, int64_t *ret_id)
{
	if (accounts == NULL || ret_id == NULL)
		return AUTHTOK_EINVAL;
	return sign_up(accounts, NULL, request, ret_role, ret_id);
}
