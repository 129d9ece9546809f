/*
 * The account fixture with an audit log and a revocation set, whose polls can
 * fail. To be included once, instead of account_fixture.h.
 */
#ifndef ACCOUNT_LOG_H
#define ACCOUNT_LOG_H

#include "account_fixture.h"

#define LOG_MAX 2100

static struct authtok_revocations *revoked;
static struct authtok_audit *audit;
static struct authtok_audit_record records[LOG_MAX];
static size_t record_count;

static struct {
	unsigned fail; /* so many polls from now on */
	unsigned calls;
} polls;

static enum authtok_err
faulty_revoked_since(void *ctx, int64_t after,
    struct authtok_revocation *ret_events, size_t cap, size_t *ret_count)
{
	polls.calls++;
	if (polls.fail > 0) {
		polls.fail--;
		return AUTHTOK_EBUSY;
	}
	return memory->ops->revoked_since(
	    ctx, after, ret_events, cap, ret_count);
}

static void
open_again(struct authtok_accounts_config *config)
{
	struct authtok_sessions_config sessions_config =
	    AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_config engine_config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;

	engine_config.issuer = "test";
	engine_config.audience = "test";
	engine_config.now = read_clock;
	engine_config.revocations = revoked;
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_hmac(keys, "k", AUTHTOK_HS256,
			     "0123456789abcdefghijklmnopqrstuv", 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_refresh(keys, 1,
			     "vutsrqponmlkjihgfedcba9876543210", 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_audit(keys, 1,
			     "0123456789vutsrqponmlkjihgfedcba", 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_new(&engine_config, keys, &engine), AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(keys, &audit), AUTHTOK_OK);
	sessions_config.audit = audit;
	ck_assert_int_eq(authtok_sessions_new(&sessions_config, engine, keys,
			     &faulty, &sessions),
	    AUTHTOK_OK);
	authtok_keys_free(keys);
	config->audit = audit;
	ck_assert_int_eq(
	    authtok_accounts_new(config, engine, &faulty, &accounts),
	    AUTHTOK_OK);
	spy_reset();
}

static void
set_up_log_with(struct authtok_accounts_config *config)
{
	set_up();
	authtok_accounts_free(accounts);
	authtok_sessions_free(sessions);
	authtok_free(engine);
	memset(&polls, 0, sizeof(polls));
	faulty_ops.revoked_since = faulty_revoked_since;
	ck_assert_int_eq(authtok_revocations_new(&revoked), AUTHTOK_OK);
	open_again(config);
}

static inline void
set_up_log(void)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;

	set_up_log_with(&config);
}

static inline void
tear_down_log(void)
{
	tear_down();
	authtok_audit_free(audit);
	authtok_revocations_free(revoked);
}

/* Read the whole log, whose chain must be good. */
static inline void
read_log(void)
{
	struct authtok_audit_report report = AUTHTOK_AUDIT_REPORT_INIT;

	ck_assert_int_eq(memory->ops->audit_list(
			     memory->ctx, 0, records, LOG_MAX, &record_count),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_audit_verify(audit, memory, NULL, &report), AUTHTOK_OK);
	ck_assert_int_eq(report.checked, (int64_t)record_count);
}

/* The newest record, which must be the n-th and of such an event. */
static inline const struct authtok_audit_record *
newest(size_t n, enum authtok_event event, int64_t user_id, const char *detail)
{
	const struct authtok_audit_record *record;

	read_log();
	ck_assert_uint_eq(record_count, n);
	record = &records[n - 1];
	ck_assert_uint_eq(record->event, event);
	ck_assert_int_eq(record->user_id, user_id);
	ck_assert_str_eq(record->detail, detail);
	return record;
}

/* Whether len bytes stand anywhere in the log. */
static inline bool
logged(const void *bytes, size_t len)
{
	read_log();
	return memmem(records, record_count * sizeof(records[0]), bytes, len) !=
	    NULL;
}

/* Sign in and verify; the tokens. */
static inline struct authtok_tokens
signed_in(const char *name, const char *password)
{
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;

	ck_assert_int_eq(authtok_signin(accounts, sessions, name, password,
			     strlen(password), NULL, NULL, NULL, &tokens),
	    AUTHTOK_OK);
	return tokens;
}

static inline enum authtok_err
verified(const struct authtok_tokens *tokens)
{
	struct authtok_claims *claims;
	enum authtok_err err;

	ck_assert_int_eq(authtok_claims_new(&claims), AUTHTOK_OK);
	err =
	    authtok_verify(engine, tokens->access, tokens->access_len, claims);
	authtok_claims_free(claims);
	return err;
}

/* Change a password from HERE. */
static inline enum authtok_err
change(int64_t id, const char *current, const char *password,
    enum authtok_end end, const uint8_t *keep, unsigned *ret_wait)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;

	client.address = HERE;
	return authtok_user_change_password(accounts, id, current,
	    strlen(current), password, strlen(password), end, keep, &client,
	    ret_wait);
}

#endif
