/*
 * The inside of struct authtok_accounts, for the files that serve it.
 */
#ifndef AT_ACCOUNT_SERVICE_H
#define AT_ACCOUNT_SERVICE_H

#include <authtok/account.h>

#include "account/failures.h"
#include "account/slots.h"
#include "account/throttle.h"
#include "token/input.h"

#include <string.h>

#define AT_TRIES 8 /* compare-and-swaps that may be lost */

/* An act, and what the audit log says of it. Points into itself. */
struct at_deed {
	struct authtok_act act;
	struct authtok_audit_record record;
};

struct at_roles {
	size_t count;
	char (*names)[AUTHTOK_ROLE_MAX + 1];
};

struct authtok_accounts {
	const struct authtok *engine;
	struct authtok_store *store;
	struct at_roles roles;
	struct at_roles signup_roles;
	struct at_slots *slots;
	struct at_throttle *throttle;      /* NULL: off */
	const struct authtok_audit *audit; /* NULL: no records */
	struct at_failures *failures;      /* NULL without audit */
};

/* Copy a text that is known to fit into the size bytes at out. */
static inline void
at_copy(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

/* Whether a caller's client, which may be NULL, can be read. */
static inline bool
at_accounts_client_ok(const struct authtok_client *client)
{
	return client == NULL ||
	    at_input_ok(client, client->size, sizeof(*client));
}

bool at_roles_have(const struct at_roles *roles, const char *name);

/* Form, length and commonness of a new password. name and email may be NULL.
 * EPWSHORT, EPWLONG, EPWFORM, EPWCOMMON. */
enum authtok_err at_accounts_judge(
    const char *password, size_t len, const char *name, const char *email);

/* Hash a new password, in turn. EBUSY, ENOMEM, ECRYPTO. */
enum authtok_err at_accounts_hash(const struct authtok_accounts *accounts,
    const char *password, size_t len, char hash[AUTHTOK_HASH_MAX + 1]);

/*
 * Compare, in turn. hash NULL is that of an unknown user. Whatever the hash is,
 * a refusal costs at least one Argon2id of today's parameters. ret_fresh is the
 * hash to replace it by, or "".
 * EPASSWORD, EBUSY, ENOMEM, ECRYPTO.
 */
enum authtok_err at_accounts_compare(const struct authtok_accounts *accounts,
    const char *hash, const char *password, size_t len,
    char ret_fresh[AUTHTOK_HASH_MAX + 1]);

/*
 * Write the roles of a request into user, without repetitions.
 * EINVAL, ENOROLE, and ESIGNUPROLE when allowed is not NULL and lacks one; with
 * *ret_role as in authtok_signup.
 */
enum authtok_err at_accounts_roles(const struct authtok_accounts *accounts,
    const struct at_roles *allowed, size_t count, const char *const *roles,
    struct authtok_user *user, size_t *ret_role);

/* ENOUSER. */
enum authtok_err at_accounts_find(const struct authtok_accounts *accounts,
    int64_t id, struct authtok_user *ret_user);

/* Raise the epoch at the time of act. ESTORE: the store's cannot be raised,
 * which would leave the old tokens good. */
enum authtok_err at_accounts_raise(
    const struct authtok_act *act, struct authtok_user *user);

/* An act without a record. */
struct authtok_act at_accounts_when(const struct authtok_accounts *accounts);

/* An act with one, when there is an audit log; the record may be added to until
 * the act is done. */
void at_deed_begin(const struct authtok_accounts *accounts,
    enum authtok_event event, int64_t user_id, struct at_deed *deed);
/* The detail: the user's roles, with commas between. */
void at_deed_roles(struct at_deed *deed, const struct authtok_user *user);
/* The address; client may be NULL. */
void at_deed_client(struct at_deed *deed, const struct authtok_client *client);

/* After a revocation: let the engine hear of it. */
void at_accounts_revoked(const struct authtok_accounts *accounts);

/*
 * Count a failed sign-in, of user, or if NULL at the name as typed, or if NULL
 * at no user's. address may be NULL.
 */
void at_accounts_failed(const struct authtok_accounts *accounts,
    const struct authtok_user *user, const char *typed, const char *address);

#endif
