/*
 * One attempt to show a password.
 */
#ifndef AT_ACCOUNT_ATTEMPT_H
#define AT_ACCOUNT_ATTEMPT_H

#include "account/service.h"

struct at_attempt {
	const struct authtok_accounts *accounts;
	const char *name;                    /* as typed */
	const struct authtok_client *client; /* may be NULL */
	/* who it is, set before or by run; id 0: not known */
	const struct authtok_user *user;
	enum authtok_err (*run)(void *arg);
	void *arg;
};

/*
 * Run it, unless there were too many. EUNKNOWN and EPASSWORD of run are
 * failures, OK forgives earlier ones.
 * ETHROTTLED, with *ret_wait as in authtok_signin; EBUSY; what run says.
 */
enum authtok_err at_attempt(const struct at_attempt *try, unsigned *ret_wait);

#endif
