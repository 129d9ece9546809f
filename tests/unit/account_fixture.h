/*
 * What the tests of the account service share: a clock that stands still, an
 * engine, sessions, a memory store whose calls can be made to fail or to be
 * preceded by somebody else's act, and cheap hashes. To be included once.
 */
#ifndef ACCOUNT_FIXTURE_H
#define ACCOUNT_FIXTURE_H

#include "hash_spy.h"

#include <authtok/account.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define NOW      INT64_C(1800000000)
#define PASSWORD "open sesame 42"
#define HERE     "192.0.2.7"

static int64_t now;
static struct authtok *engine;
static struct authtok_store *memory;
static struct authtok_sessions *sessions;
static struct authtok_accounts *accounts;

/* ---- a store that fails ------------------------------------------------- */

/* The next-th call from now fails; with late it happens nevertheless. */
static struct {
	_Atomic unsigned next;
	bool late;
	enum authtok_err err;
	_Atomic unsigned calls;     /* all of them */
	_Atomic unsigned writes;    /* those that would change something */
	void (*intrude)(void);      /* runs before each write */
	void (*before_email)(void); /* runs before each look-up by e-mail */
} fault;

static bool
fault_now(void)
{
	fault.calls++;
	if (fault.next == 0)
		return false;
	return --fault.next == 0;
}

static void
fault_write(void)
{
	void (*intrude)(void) = fault.intrude;

	fault.writes++;
	if (intrude == NULL)
		return;
	/* what it does is not intruded upon */
	fault.intrude = NULL;
	intrude();
	fault.intrude = intrude;
}

#define FAULTY(call)                              \
	do {                                      \
		if (!fault_now())                 \
			return memory->ops->call; \
		if (fault.late)                   \
			(void)memory->ops->call;  \
		return fault.err;                 \
	} while (0)

static enum authtok_err
faulty_user_create(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id)
{
	int64_t id;

	fault_write();
	if (!fault_now())
		return memory->ops->user_create(ctx, user, act, ret_id);
	if (fault.late)
		(void)memory->ops->user_create(ctx, user, act, &id);
	return fault.err;
}

static enum authtok_err
faulty_user_find(void *ctx, int64_t id, struct authtok_user *ret_user)
{
	return fault_now() ? fault.err
			   : memory->ops->user_find(ctx, id, ret_user);
}

static enum authtok_err
faulty_user_find_name(
    void *ctx, const char *name, struct authtok_user *ret_user)
{
	return fault_now() ? fault.err
			   : memory->ops->user_find_name(ctx, name, ret_user);
}

static enum authtok_err
faulty_user_find_email(
    void *ctx, const char *email, struct authtok_user *ret_user)
{
	if (fault.before_email != NULL)
		fault.before_email();
	return fault_now() ? fault.err
			   : memory->ops->user_find_email(ctx, email, ret_user);
}

static enum authtok_err
faulty_user_update(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *when)
{
	fault_write();
	FAULTY(user_update(ctx, user, end, keep, when));
}

static enum authtok_err
faulty_user_delete(void *ctx, int64_t id, const struct authtok_act *when)
{
	fault_write();
	FAULTY(user_delete(ctx, id, when));
}

static enum authtok_err
faulty_user_list(void *ctx, int64_t after, struct authtok_user *ret_users,
    size_t cap, size_t *ret_count)
{
	size_t count;

	if (!fault_now())
		return memory->ops->user_list(
		    ctx, after, ret_users, cap, ret_count);
	if (fault.late)
		(void)memory->ops->user_list(
		    ctx, after, ret_users, cap, &count);
	return fault.err;
}

static enum authtok_err
faulty_session_create(void *ctx, const struct authtok_session *session,
    int64_t user_version, unsigned max_live, const struct authtok_act *when)
{
	fault_write();
	FAULTY(session_create(ctx, session, user_version, max_live, when));
}

static enum authtok_err
faulty_audit_append(void *ctx, const struct authtok_act *act)
{
	fault_write();
	FAULTY(audit_append(ctx, act));
}

static struct authtok_store_ops faulty_ops;
static struct authtok_store faulty;

static struct authtok_store *
faulty_store(void)
{
	faulty_ops = *memory->ops;
	faulty_ops.user_create = faulty_user_create;
	faulty_ops.user_find = faulty_user_find;
	faulty_ops.user_find_name = faulty_user_find_name;
	faulty_ops.user_find_email = faulty_user_find_email;
	faulty_ops.user_update = faulty_user_update;
	faulty_ops.user_delete = faulty_user_delete;
	faulty_ops.user_list = faulty_user_list;
	faulty_ops.session_create = faulty_session_create;
	faulty_ops.audit_append = faulty_audit_append;
	faulty.ops = &faulty_ops;
	faulty.ctx = memory->ctx;
	return &faulty;
}

/* ---- the service -------------------------------------------------------- */

static int64_t
read_clock(void *arg)
{
	(void)arg;
	return now;
}

static void
set_up_with(const struct authtok_accounts_config *config)
{
	struct authtok_sessions_config sessions_config =
	    AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_config engine_config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;

	now = NOW;
	memset(&fault, 0, sizeof(fault));
	spy.cheap = true;
	engine_config.issuer = "test";
	engine_config.audience = "test";
	engine_config.now = read_clock;
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_hmac(keys, "k", AUTHTOK_HS256,
			     "0123456789abcdefghijklmnopqrstuv", 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_refresh(keys, 1,
			     "vutsrqponmlkjihgfedcba9876543210", 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_new(&engine_config, keys, &engine), AUTHTOK_OK);
	ck_assert_int_eq(authtok_store_memory(&memory), AUTHTOK_OK);
	ck_assert_int_eq(authtok_sessions_new(&sessions_config, engine, keys,
			     faulty_store(), &sessions),
	    AUTHTOK_OK);
	authtok_keys_free(keys);
	ck_assert_int_eq(
	    authtok_accounts_new(config, engine, &faulty, &accounts),
	    AUTHTOK_OK);
	spy_reset();
}

static inline void
set_up(void)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;

	set_up_with(&config);
}

static inline void
tear_down(void)
{
	authtok_accounts_free(accounts);
	authtok_sessions_free(sessions);
	authtok_store_close(memory);
	authtok_free(engine);
	spy_reset();
}

/* ---- short forms -------------------------------------------------------- */

static inline enum authtok_err
sign_up(const char *name, const char *email, const char *password)
{
	struct authtok_signup request = AUTHTOK_SIGNUP_INIT;
	int64_t id;

	request.name = name;
	request.email = email;
	request.password = password;
	request.password_len = strlen(password);
	return authtok_signup(accounts, &request, NULL, &id);
}

/* The user as the store has it, hash and all. */
static inline struct authtok_user
stored(const char *name)
{
	struct authtok_user user;

	ck_assert_int_eq(
	    memory->ops->user_find_name(memory->ctx, name, &user), AUTHTOK_OK);
	return user;
}

/* A user named anna with PASSWORD; her id. */
static inline int64_t
add_anna(void)
{
	ck_assert_int_eq(
	    sign_up("anna", "anna@example.org", PASSWORD), AUTHTOK_OK);
	spy_reset();
	return stored("anna").id;
}

static inline size_t
user_count(void)
{
	static struct authtok_user users[100];
	size_t count;

	ck_assert_int_eq(
	    memory->ops->user_list(memory->ctx, 0, users, 100, &count),
	    AUTHTOK_OK);
	return count;
}

static inline size_t
live_sessions(int64_t id)
{
	static struct authtok_session found[100];
	size_t count, i;
	size_t live = 0;

	ck_assert_int_eq(memory->ops->session_list(
			     memory->ctx, id, NULL, found, 100, &count),
	    AUTHTOK_OK);
	for (i = 0; i < count; i++)
		live += found[i].revoked_at == 0;
	return live;
}

static inline enum authtok_err
sign_in_from(const char *name, const char *password, const char *address,
    unsigned *ret_wait)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;

	client.address = address;
	return authtok_signin(accounts, sessions, name, password,
	    strlen(password), &client, ret_wait, NULL, &tokens);
}

static inline enum authtok_err
sign_in(const char *name, const char *password)
{
	return sign_in_from(name, password, HERE, NULL);
}

/* Change the stored user behind the service's back. */
static inline void
put(const struct authtok_user *user)
{
	struct authtok_act when = { .now = now, .until = now + 3605 };

	ck_assert_int_eq(memory->ops->user_update(
			     memory->ctx, user, AUTHTOK_END_NONE, NULL, &when),
	    AUTHTOK_OK);
}

static inline void
put_hash(const char *name, const char *hash)
{
	struct authtok_user user = stored(name);

	strcpy(user.hash, hash);
	put(&user);
}

#endif
