/*
 * One attempt to show a password, at sign-in or to change it: slowed down when
 * there were too many, and counted for the audit log when it fails.
 */
#include "account/attempt.h"

static enum at_throttle_end
how_it_ended(enum authtok_err err)
{
	switch (err) {
	case AUTHTOK_OK:
		return AT_THROTTLE_PASSED;
	case AUTHTOK_EUNKNOWN:
	case AUTHTOK_EPASSWORD:
		return AT_THROTTLE_FAILED;
	default:
		return AT_THROTTLE_NEITHER;
	}
}

static enum authtok_err
throttled(const struct at_attempt *try, const char *address, unsigned *ret_wait)
{
	const struct authtok_accounts *accounts = try->accounts;
	struct at_throttle_ticket ticket;
	enum authtok_err err;
	unsigned wait = 0;

	if (accounts->throttle == NULL)
		return try->run(try->arg);
	err = at_throttle_begin(accounts->throttle, try->name, address,
	    authtok_now(accounts->engine), &ticket, &wait);
	if (err == AUTHTOK_ETHROTTLED && ret_wait != NULL)
		*ret_wait = wait;
	if (err != AUTHTOK_OK)
		return err;
	err = try->run(try->arg);
	at_throttle_finish(accounts->throttle, &ticket,
	    authtok_now(accounts->engine), how_it_ended(err));
	return err;
}

enum authtok_err
at_attempt(const struct at_attempt *try, unsigned *ret_wait)
{
	const char *address = try->client != NULL ? try->client->address : NULL;
	enum authtok_err err;

	err = throttled(try, address, ret_wait);
	switch (err) {
	case AUTHTOK_EPASSWORD:
	case AUTHTOK_EDISABLED:
		at_accounts_failed(try->accounts, try->user, NULL, address);
		break;
	case AUTHTOK_EUNKNOWN:
		at_accounts_failed(try->accounts, NULL, NULL, address);
		break;
	case AUTHTOK_ETHROTTLED:
		/* nobody was looked up, so that it takes no longer for a user's
		 * name than for another */
		at_accounts_failed(try->accounts,
		    try->user->id > 0 ? try->user : NULL, try->name, address);
		break;
	default:
		break;
	}
	return err;
}
