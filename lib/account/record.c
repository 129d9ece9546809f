/*
 * What the account service does, for the audit log and for verifiers: acts with
 * their records, news of revocations, and the failed sign-ins, which are
 * counted in memory and written late. No record ever holds a secret, nor a name
 * that is no user's: people type passwords into the wrong field.
 */
#include "account/service.h"

#include "account/failures.h"
#include "account/names.h"
#include "account/password.h"

#include <stdio.h>

#define MINUTE 60

/* ---- acts --------------------------------------------------------------- */

struct authtok_act
at_accounts_when(const struct authtok_accounts *accounts)
{
	const int64_t horizon = AUTHTOK_HORIZON_MAX;
	const int64_t now = authtok_now(accounts->engine);
	struct authtok_act when = { 0 };

	/* a clock out of its mind must not keep a revocation from happening */
	when.now = now > 0 ? now : 1;
	when.until =
	    when.now < INT64_MAX - horizon ? when.now + horizon : INT64_MAX;
	return when;
}

void
at_deed_begin(const struct authtok_accounts *accounts, enum authtok_event event,
    int64_t user_id, struct at_deed *deed)
{
	memset(&deed->record, 0, sizeof(deed->record));
	deed->act = at_accounts_when(accounts);
	deed->record.at = deed->act.now;
	deed->record.user_id = user_id;
	deed->record.event = event;
	deed->record.count = 1;
	authtok_audit_attach(accounts->audit, &deed->record, &deed->act);
}

void
at_deed_roles(struct at_deed *deed, const struct authtok_user *user)
{
	char *detail = deed->record.detail;
	const size_t size = sizeof(deed->record.detail);
	size_t used = 0;
	size_t i;

	for (i = 0; i < user->role_count; i++) {
		/* room for the comma, the role, and ",+15" */
		if (used + 1 + strlen(user->roles[i]) + 4 >= size)
			break;
		used += (size_t)snprintf(detail + used, size - used, "%s%s",
		    i > 0 ? "," : "", user->roles[i]);
	}
	if (i < user->role_count)
		snprintf(
		    detail + used, size - used, ",+%zu", user->role_count - i);
}

void
at_deed_client(struct at_deed *deed, const struct authtok_client *client)
{
	char *address = deed->record.address;
	size_t i;

	if (client == NULL || client->address == NULL)
		return;
	for (i = 0; i < AUTHTOK_ADDRESS_MAX && client->address[i] != '\0'; i++)
		address[i] = client->address[i];
	address[i] = '\0';
	/* it may have come from a header: no controls in a log */
	while (i-- > 0)
		if (address[i] <= 0x20 || address[i] >= 0x7f)
			address[i] = '?';
}

void
at_accounts_revoked(const struct authtok_accounts *accounts)
{
	enum authtok_err err;

	/* what is in the store is done; a poll that comes later hears of it */
	err = authtok_revocations_pull(accounts->engine, accounts->store);
	if (err != AUTHTOK_OK)
		(void)authtok_revocations_pull(
		    accounts->engine, accounts->store);
}

/* ---- failed sign-ins ---------------------------------------------------- */

void
at_accounts_failed(const struct authtok_accounts *accounts,
    const struct authtok_user *user, const char *typed, const char *address)
{
	struct at_failure what;
	size_t i;

	if (accounts->failures == NULL)
		return;
	memset(&what, 0, sizeof(what));
	what.minute = at_accounts_when(accounts).now;
	what.minute -= what.minute % MINUTE;
	at_network_of(address, what.network);
	what.kind = AT_FAILURE_NOBODY;
	if (user != NULL) {
		what.kind = AT_FAILURE_USER;
		what.user_id = user->id;
		at_copy(what.name, sizeof(what.name), user->name);
	} else if (typed != NULL && at_name_valid(typed)) {
		what.kind = AT_FAILURE_TYPED;
		for (i = 0; typed[i] != '\0'; i++)
			what.name[i] = (char)at_fold((unsigned char)typed[i]);
	}
	at_failures_count(accounts->failures, &what);
	at_wipe(&what, sizeof(what));
}

/* Find out whose the name is. */
static enum authtok_err
recognise(
    const struct authtok_accounts *accounts, const struct at_failure *what)
{
	const struct authtok_store *store = accounts->store;
	struct at_failure known = *what;
	struct authtok_user user;
	enum authtok_err err;

	known.kind = AT_FAILURE_NOBODY;
	at_wipe(known.name, sizeof(known.name));
	err = store->ops->user_find_name(store->ctx, what->name, &user);
	if (err != AUTHTOK_OK && err != AUTHTOK_EUNKNOWN)
		return err;
	if (err == AUTHTOK_OK) {
		known.kind = AT_FAILURE_USER;
		known.user_id = user.id;
		at_copy(known.name, sizeof(known.name), user.name);
		at_wipe(&user, sizeof(user));
	}
	at_failures_rename(accounts->failures, what, &known);
	return AUTHTOK_OK;
}

static enum authtok_err
write_down(const struct authtok_accounts *accounts,
    const struct at_failure *what, uint64_t count)
{
	const struct authtok_store *store = accounts->store;
	const char *detail =
	    what->kind == AT_FAILURE_OTHERS ? "others" : what->name;
	struct at_deed deed;
	enum authtok_err err;

	if (count > UINT32_MAX)
		count = UINT32_MAX; /* the rest the next time */
	at_deed_begin(
	    accounts, AUTHTOK_EVENT_SIGNIN_FAILED, what->user_id, &deed);
	deed.record.at = what->minute;
	deed.record.count = (uint32_t)count;
	at_network_text(what->network, deed.record.address);
	at_copy(deed.record.detail, sizeof(deed.record.detail), detail);
	err = store->ops->audit_append(store->ctx, &deed.act);
	if (err == AUTHTOK_OK)
		at_failures_written(accounts->failures, what, count);
	return err;
}

/* As many entries as there are now: it ends although counting goes on. */
static enum authtok_err
flush(const struct authtok_accounts *accounts, bool typed)
{
	enum authtok_err err = AUTHTOK_OK;
	struct at_failure what;
	uint64_t count;
	size_t left;

	left = at_failures_size(accounts->failures);
	while (err == AUTHTOK_OK && left-- > 0 &&
	    at_failures_first(accounts->failures, typed, &what, &count)) {
		err = typed ? recognise(accounts, &what)
			    : write_down(accounts, &what, count);
		at_wipe(&what, sizeof(what));
	}
	return err;
}

enum authtok_err
authtok_accounts_flush(const struct authtok_accounts *accounts)
{
	enum authtok_err err;

	if (accounts == NULL)
		return AUTHTOK_EINVAL;
	if (accounts->failures == NULL)
		return AUTHTOK_OK;
	at_failures_claim(accounts->failures);
	err = flush(accounts, true);
	if (err == AUTHTOK_OK)
		err = flush(accounts, false);
	at_failures_release(accounts->failures);
	return err;
}
