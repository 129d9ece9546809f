/*
 * authtok/account.h - users, passwords, sign-up and sign-in (link with
 * authtok-account).
 */
#ifndef AUTHTOK_ACCOUNT_H
#define AUTHTOK_ACCOUNT_H

#include <authtok.h>
#include <authtok/session.h>
#include <authtok/store.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define AUTHTOK_PASSWORD_MIN 8    /* bytes */
#define AUTHTOK_PASSWORD_MAX 1024 /* bytes */

/* The service. Shared by all threads. */
struct authtok_accounts;

struct authtok_accounts_config {
	size_t size;
	const char *const *roles;        /* NULL-terminated; those that exist */
	const char *const *signup_roles; /* those that sign-up may ask for */
	unsigned hash_slots; /* password hashes at once, up to 1024; 0:
				processors */
	unsigned hash_queue; /* callers that may wait for one; beyond: EBUSY */
	bool throttle;       /* slow down guessing */
	/* Failed sign-ins that are free of delay, per account and prefix, per
	 * account, and per prefix. */
	unsigned free_pair, free_account, free_prefix;
	unsigned delay_max; /* longest delay for one account, seconds, <= 30;
			       0: none */
	const struct authtok_audit *audit; /* borrowed; NULL: no records */
};

/* Defaults: user, moderator, admin; sign-up as user; throttled. roles and
 * signup_roles NULL mean these. */
#define AUTHTOK_ACCOUNTS_CONFIG_INIT                                       \
	{                                                                  \
		sizeof(struct authtok_accounts_config), NULL, NULL, 0, 64, \
		    true, 5, 20, 50, 30, NULL                              \
	}

/*
 * engine and store are borrowed and must outlive the service; config is copied.
 * Starts hash_slots threads, with all signals blocked, a stack of 128 KiB and
 * a nice value of 10 at least, which compute all password hashes; their callers
 * wait. authtok_accounts_free ends them. A child of fork(2) has none of them
 * and must not use the service. Hashes nothing.
 * Errors: EINVAL (also a role name, a sign-up role that does not exist, and a
 * store of another AUTHTOK_STORE_VERSION), ENOMEM (also: no threads), ECRYPTO.
 */
enum authtok_err authtok_accounts_new(
    const struct authtok_accounts_config *config, const struct authtok *engine,
    struct authtok_store *store, struct authtok_accounts **ret_accounts);
void authtok_accounts_free(struct authtok_accounts *accounts);

/* A sign-up as it came in. */
struct authtok_signup {
	size_t size;
	const char *name;     /* [A-Za-z0-9._@+-]{1,64} */
	const char *email;    /* printable ASCII without blanks, one @ inside,
				 at most 254 bytes */
	const char *password; /* password_len bytes of UTF-8, 8 to 1024 */
	size_t password_len;
	size_t role_count; /* 0: "user" */
	const char *const *roles;
	const struct authtok_client *client; /* for the audit log; NULL: none */
};

#define AUTHTOK_SIGNUP_INIT                                                  \
	{                                                                    \
		sizeof(struct authtok_signup), NULL, NULL, NULL, 0, 0, NULL, \
		    NULL                                                     \
	}

/*
 * Create a user. Checks, in this order: form of name, e-mail and password
 * (ENAMEFMT, EMAILFMT, EPWSHORT, EPWLONG, EPWFORM, EPWCOMMON), name taken
 * (ENAME), e-mail taken (EEMAIL), roles exist (ENOROLE), roles may be asked for
 * (ESIGNUPROLE); the password is hashed last. On stable storage before it
 * returns; on any error nothing was created, but for EBUSY, ENOMEM and ESTORE of
 * the store, after which it may have been (authtok/store.h).
 * *ret_role, when ret_role is not NULL, is set to the index of the offending
 * role on ENOROLE and ESIGNUPROLE.
 * Also: EINVAL, ENOMEM, ECRYPTO, ESTORE, EBUSY (store, or hash queue full).
 */
enum authtok_err authtok_signup(const struct authtok_accounts *accounts,
    const struct authtok_signup *request, size_t *ret_role, int64_t *ret_id);

/* The same by an administrator: any role that exists. */
enum authtok_err authtok_user_add(const struct authtok_accounts *accounts,
    const struct authtok_signup *request, size_t *ret_role, int64_t *ret_id);

/*
 * Sign in by name and password and open a session. An unknown name and a wrong
 * password take the same time. A password hash that is foreign or dated is
 * replaced. *ret_user, when not NULL, is the user with an empty hash.
 * *ret_wait, when not NULL, is set on ETHROTTLED: seconds until another try.
 * client may be NULL.
 * Errors: EINVAL, EUNKNOWN (no such user), EPASSWORD, EDISABLED (right password,
 * disabled account), ETHROTTLED, EBUSY, ESTORE, ECRYPTO, ENOMEM.
 */
enum authtok_err authtok_signin(const struct authtok_accounts *accounts,
    const struct authtok_sessions *sessions, const char *name,
    const char *password, size_t password_len,
    const struct authtok_client *client, unsigned *ret_wait,
    struct authtok_user *ret_user, struct authtok_tokens *ret_tokens);

/*
 * Administration. Users come back with an empty hash; struct authtok_user is in
 * authtok/store.h. Changes are on stable storage before they return.
 * Errors of all: EINVAL, ENOMEM, ESTORE, EBUSY; of all but authtok_user_list:
 * ENOUSER; of all that change a user but authtok_user_remove: ECHANGED (somebody
 * else changed the user at the same time, eight times over); of all that change
 * or remove one: ECRYPTO.
 */
enum authtok_err authtok_user_get(const struct authtok_accounts *accounts,
    int64_t id, struct authtok_user *ret_user);
enum authtok_err authtok_user_get_name(const struct authtok_accounts *accounts,
    const char *name, struct authtok_user *ret_user);
/* Up to cap users with id > after, by id. After a failure what is in ret_users
 * is unspecified, but holds no hash. */
enum authtok_err authtok_user_list(const struct authtok_accounts *accounts,
    int64_t after, struct authtok_user *ret_users, size_t cap,
    size_t *ret_count);
/* Ends all sessions and raises the epoch. Also: EPWSHORT, EPWLONG, EPWFORM,
 * EPWCOMMON. */
enum authtok_err authtok_user_set_password(
    const struct authtok_accounts *accounts, int64_t id, const char *password,
    size_t password_len);
/*
 * Change a user's own password: current is checked, and throttled, as at
 * sign-in. The epoch rises, and of the sessions those end that end says
 * (AUTHTOK_END_OTHERS: all but keep). client may be NULL; *ret_wait as in
 * authtok_signin.
 * Also: EPASSWORD, EDISABLED, ETHROTTLED, EPWSHORT, EPWLONG, EPWFORM, EPWCOMMON.
 */
enum authtok_err authtok_user_change_password(
    const struct authtok_accounts *accounts, int64_t id, const char *current,
    size_t current_len, const char *password, size_t password_len,
    enum authtok_end end, const uint8_t *keep,
    const struct authtok_client *client, unsigned *ret_wait);
/* Replace the password by a hash made elsewhere, in crypt(5) or PHC form:
 * Argon2id, Argon2i, bcrypt, yescrypt, sha512-crypt, sha256-crypt. Ends all
 * sessions and raises the epoch. Also: ENOTSUP (not a hash that can be verified
 * here, or at an absurd cost). */
enum authtok_err authtok_user_set_hash(
    const struct authtok_accounts *accounts, int64_t id, const char *hash);
/* Raises the epoch, unless the roles are the same; sessions go on with the new
 * ones. Also: ENOROLE, with *ret_role as in authtok_signup. */
enum authtok_err authtok_user_set_roles(const struct authtok_accounts *accounts,
    int64_t id, size_t role_count, const char *const *roles, size_t *ret_role);
/* Disabling ends all sessions and raises the epoch. */
enum authtok_err authtok_user_set_disabled(
    const struct authtok_accounts *accounts, int64_t id, bool disabled);
enum authtok_err authtok_user_remove(
    const struct authtok_accounts *accounts, int64_t id);

/*
 * Write the failed sign-ins that were counted, by name, network and minute, to
 * the audit log: call it every minute, and before the end. OK without audit.
 * Errors: EINVAL, ENOMEM, ECRYPTO, ESTORE, EBUSY (they stay counted, and may be
 * written twice).
 */
enum authtok_err authtok_accounts_flush(
    const struct authtok_accounts *accounts);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
