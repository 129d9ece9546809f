/*
 * Sign-in, over the memory store. That an unknown name costs what a wrong
 * password does is shown by counting hashes, not by a watch.
 */
#include "account_fixture.h"

#include "account/service.h"

#include <pthread.h>
#include <sched.h>

/* Hashes of PASSWORD, made by other programs. */
static const char *const foreign[] = {
	"$argon2id$v=19$m=4096,t=3,p=4$c29tZXNhbHRzb21lc2FsdA"
	"$RCfNvRo/DP2yS4DYunu4MWgrMRx1vbkArOAyNKp2UIY",
	"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA"
	"$nwk2tJm+xx0lbpnkExf/8RZ+j18UJGSud9iWODjhet4",
	"$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHRzb21lc2FsdA"
	"$O90csyQjB1pdWoExSZmbwd4WU3hwvbXkTZqE7lbTvX8",
	"$2b$05$abcdefghijklmnopqrstuuZFjH57Rl3EXSetbREE0bqBhcUkJQP6u",
	"$y$j75$saltsaltsalt$4P/R1mCzT1.KDPVhgkvsdBUA/LoXMKfsTouF0zPmSM3",
	"$6$saltstring$p4RSSBsBEwVrXuDz252qzgW0zBZD8t4agNh5jD4WkOMH2f.EECDfgOG"
	"INET7ES7/1IequJV/zFUPIDl66GpBS.",
	"$5$rounds=1000$saltstring"
	"$zuZJGnKTHBbO9lrUjSuyAY4.S.I.Ext26u83qyxzDLA",
};
#define BCRYPT  (foreign[3])
#define CURRENT "$argon2id$v=19$m=19456,t=2,p=1$"

static bool
starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* ---- one at a time ------------------------------------------------------ */

START_TEST(a_session_is_opened)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	struct authtok_user user;
	struct authtok_claims *claims;
	int64_t id = add_anna();

	client.address = HERE;
	client.agent = "check";
	ck_assert_int_eq(authtok_signin(accounts, sessions, "ANNA", PASSWORD,
			     strlen(PASSWORD), &client, NULL, &user, &tokens),
	    AUTHTOK_OK);
	ck_assert_str_eq(user.name, "anna");
	ck_assert_str_eq(user.hash, "");
	ck_assert_int_eq(tokens.user_id, id);
	ck_assert_uint_eq(live_sessions(id), 1);
	ck_assert_int_eq(authtok_claims_new(&claims), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_verify(engine, tokens.access, tokens.access_len, claims),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_claims_user_id(claims), id);
	authtok_claims_free(claims);
	ck_assert_uint_eq(spy.argon2, 1);
	ck_assert_int_eq(stored("anna").version, 1);
}
END_TEST

START_TEST(refusals)
{
	int64_t id = add_anna();

	ck_assert_int_eq(sign_in("nobody", PASSWORD), AUTHTOK_EUNKNOWN);
	ck_assert_int_eq(sign_in("no body", PASSWORD), AUTHTOK_EUNKNOWN);
	ck_assert_int_eq(sign_in("", PASSWORD), AUTHTOK_EUNKNOWN);
	/* by name only */
	ck_assert_int_eq(
	    sign_in("anna@example.org", PASSWORD), AUTHTOK_EUNKNOWN);
	ck_assert_int_eq(sign_in("anna", "open sesame 43"), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(sign_in("anna", ""), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EDISABLED);
	ck_assert_int_eq(sign_in("anna", "open sesame 43"), AUTHTOK_EPASSWORD);
	ck_assert_uint_eq(live_sessions(id), 0);
}
END_TEST

/* What the store or the clock says is no fault of whoever signs in. */
START_TEST(what_cannot_be_said_in_a_token)
{
	int64_t id = add_anna();
	struct authtok_user user = stored("anna");

	snprintf(user.roles[0], sizeof(user.roles[0]), "No Role");
	put(&user);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_ESTORE);
	ck_assert_int_eq(authtok_user_set_roles(accounts, id, 1,
			     (const char *const[]){ "user" }, NULL),
	    AUTHTOK_OK);
	now = -1;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_ESTORE);
	ck_assert_uint_eq(live_sessions(id), 0);
	now = NOW;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
}
END_TEST

START_TEST(arguments)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;

#define SIGNIN(a, s, name, password, len, c, t) \
	authtok_signin(a, s, name, password, len, c, NULL, NULL, t)

	ck_assert_int_eq(
	    SIGNIN(NULL, sessions, "anna", "x", 1, &client, &tokens),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    SIGNIN(accounts, NULL, "anna", "x", 1, &client, &tokens),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    SIGNIN(accounts, sessions, NULL, "x", 1, &client, &tokens),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    SIGNIN(accounts, sessions, "anna", NULL, 1, &client, &tokens),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    SIGNIN(accounts, sessions, "anna", "x", 1, &client, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    SIGNIN(accounts, sessions, "anna", NULL, 0, NULL, &tokens),
	    AUTHTOK_EUNKNOWN);
	client.size = 1;
	ck_assert_int_eq(
	    SIGNIN(accounts, sessions, "anna", "x", 1, &client, &tokens),
	    AUTHTOK_EINVAL);
	tokens.size = 1;
	ck_assert_int_eq(
	    SIGNIN(accounts, sessions, "anna", "x", 1, NULL, &tokens),
	    AUTHTOK_EINVAL);
}
END_TEST

/* Refused, with one Argon2id of today's parameters and no write. */
static void
assert_costs_one(const char *name, const char *password, size_t len,
    enum authtok_err want, unsigned crypts)
{
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;

	spy_reset();
	fault.writes = 0;
	ck_assert_int_eq(authtok_signin(accounts, sessions, name, password, len,
			     NULL, NULL, NULL, &tokens),
	    want);
	ck_assert_uint_eq(spy.argon2, 1);
	ck_assert_uint_eq(spy.crypts, crypts);
	ck_assert_uint_eq(spy.passes, 2);
	ck_assert_uint_eq(spy.memory, 19456 * 1024);
	ck_assert_uint_le(spy.longest, AUTHTOK_PASSWORD_MAX);
	ck_assert_uint_eq(fault.writes, 0);
	ck_assert_uint_eq(tokens.access_len, 0);
}

START_TEST(every_refusal_costs_the_same)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	struct authtok_accounts *before = accounts;
	static char longest[2000];
	int64_t id;

	config.throttle = false;
	ck_assert_int_eq(
	    authtok_accounts_new(&config, engine, &faulty, &accounts),
	    AUTHTOK_OK);
	id = add_anna();

	memset(longest, 'x', sizeof(longest));
	assert_costs_one("anna", "wrong", 5, AUTHTOK_EPASSWORD, 0);
	assert_costs_one("nobody", "wrong", 5, AUTHTOK_EUNKNOWN, 0);
	assert_costs_one("no body", "wrong", 5, AUTHTOK_EUNKNOWN, 0);
	assert_costs_one("anna", "", 0, AUTHTOK_EPASSWORD, 0);
	assert_costs_one("nobody", "", 0, AUTHTOK_EUNKNOWN, 0);
	assert_costs_one("anna", longest, 1025, AUTHTOK_EPASSWORD, 0);
	assert_costs_one("nobody", longest, 1025, AUTHTOK_EUNKNOWN, 0);
	assert_costs_one("anna", longest, 2000, AUTHTOK_EPASSWORD, 0);
	assert_costs_one("anna", PASSWORD "\0", 15, AUTHTOK_EPASSWORD, 0);
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	assert_costs_one("anna", "wrong", 5, AUTHTOK_EPASSWORD, 0);
	assert_costs_one("anna", PASSWORD, 14, AUTHTOK_EDISABLED, 0);
	/* what cannot be verified costs the same too */
	put_hash("anna", "");
	assert_costs_one("anna", PASSWORD, 14, AUTHTOK_EPASSWORD, 0);
	assert_costs_one("anna", "", 0, AUTHTOK_EPASSWORD, 0);
	put_hash("anna", "*");
	assert_costs_one("anna", PASSWORD, 14, AUTHTOK_EPASSWORD, 0);
	put_hash("anna",
	    "$2b$31$abcdefghijklmnopqrstuuZFjH57Rl3EXSetbREE0bqB"
	    "hcUkJQP6u");
	assert_costs_one("anna", PASSWORD, 14, AUTHTOK_EPASSWORD, 0);
	put_hash("anna",
	    "$argon2id$v=19$m=4194304,t=9,p=1$c29tZXNhbHRzb21lc2"
	    "FsdA$RCfNvRo/DP2yS4DYunu4MWgrMRx1vbkArOAyNKp2UIY");
	assert_costs_one("anna", PASSWORD, 14, AUTHTOK_EPASSWORD, 0);
	/* and a foreign one is never cheaper, right or wrong */
	put_hash("anna", BCRYPT);
	assert_costs_one("anna", "wrong", 5, AUTHTOK_EPASSWORD, 1);
	assert_costs_one("anna", PASSWORD "\0", 15, AUTHTOK_EPASSWORD, 0);
	assert_costs_one("anna", PASSWORD, 14, AUTHTOK_EDISABLED, 1);
	authtok_accounts_free(accounts);
	accounts = before;
}
END_TEST

/* ---- hashes from elsewhere ---------------------------------------------- */

START_TEST(a_foreign_hash_is_replaced)
{
	int64_t id = add_anna();
	struct authtok_user user;

	spy.cheap = false;
	put_hash("anna", foreign[_i]);
	ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_EPASSWORD);
	ck_assert_str_eq(stored("anna").hash, foreign[_i]);
	fault.calls = 0;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	/* find, update, create */
	ck_assert_uint_eq(fault.calls, 3);
	user = stored("anna");
	ck_assert(starts_with(user.hash, CURRENT));
	ck_assert_int_eq(user.version, 3);
	ck_assert_int_eq(user.epoch, 0);
	ck_assert_uint_eq(live_sessions(id), 1);
	spy_reset();
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_EPASSWORD);
	ck_assert_uint_eq(spy.crypts, 0);
	ck_assert_int_eq(stored("anna").version, 3);
	/* the earlier session was not ended */
	ck_assert_uint_eq(live_sessions(id), 2);
}
END_TEST

START_TEST(a_fault_while_it_is_replaced)
{
	int64_t id = add_anna();

	/* find, update (fails), find, create */
	put_hash("anna", BCRYPT);
	fault.err = _i % 2 == 0 ? AUTHTOK_ESTORE : AUTHTOK_EBUSY;
	fault.late = _i >= 2;
	fault.next = 2;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_uint_eq(live_sessions(id), 1);
	if (fault.late)
		ck_assert(starts_with(stored("anna").hash, CURRENT));
	else
		ck_assert_str_eq(stored("anna").hash, BCRYPT);
	/* one comparison, one new hash */
	ck_assert_uint_eq(spy.crypts, 1);
	ck_assert_uint_eq(spy.argon2, 1);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert(starts_with(stored("anna").hash, CURRENT));
}
END_TEST

/* ---- somebody else at the same time ------------------------------------- */

static unsigned intrusions;

static void
a_new_version(void)
{
	struct authtok_user user = stored("anna");

	if (intrusions == 0)
		return;
	intrusions--;
	put(&user);
}

static void
a_new_password(void)
{
	if (intrusions == 0)
		return;
	intrusions--;
	ck_assert_int_eq(authtok_user_set_password(
			     accounts, stored("anna").id, "quiet river", 11),
	    AUTHTOK_OK);
}

static void
an_end(void)
{
	struct authtok_user user = stored("anna");

	user.disabled = true;
	put(&user);
}

static void
no_hash_any_more(void)
{
	put_hash("anna", "");
}

static void
a_removal(void)
{
	struct authtok_act when = { .now = NOW, .until = NOW + 3605 };

	(void)memory->ops->user_delete(memory->ctx, 1, &when);
}

START_TEST(the_user_changes_meanwhile)
{
	int64_t id = add_anna();

	/* nothing that matters: compared once, opened at last */
	fault.intrude = a_new_version;
	intrusions = 7;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_uint_eq(spy.argon2, 1);
	ck_assert_uint_eq(live_sessions(id), 1);
	intrusions = 8;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EBUSY);
	ck_assert_uint_eq(live_sessions(id), 1);
	/* the password: compared again */
	fault.intrude = a_new_password;
	intrusions = 1;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EPASSWORD);
	ck_assert_uint_eq(live_sessions(id), 0);
	fault.intrude = an_end;
	ck_assert_int_eq(sign_in("anna", "quiet river"), AUTHTOK_EDISABLED);
	ck_assert_uint_eq(live_sessions(id), 0);
}
END_TEST

START_TEST(the_hash_goes_meanwhile)
{
	int64_t id = add_anna();

	fault.intrude = no_hash_any_more;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EPASSWORD);
	ck_assert_uint_eq(live_sessions(id), 0);
}
END_TEST

START_TEST(the_user_goes_meanwhile)
{
	ck_assert_int_eq(add_anna(), 1);
	fault.intrude = a_removal;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EUNKNOWN);
}
END_TEST

START_TEST(a_race_while_the_hash_is_replaced)
{
	int64_t id = add_anna();

	put_hash("anna", BCRYPT);
	fault.intrude = a_new_version;
	intrusions = 1;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_uint_eq(live_sessions(id), 1);
	fault.intrude = a_new_password;
	intrusions = 1;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EPASSWORD);
	/* the new password was not written over */
	ck_assert_int_eq(sign_in("anna", "quiet river"), AUTHTOK_OK);
}
END_TEST

/* ---- what fails --------------------------------------------------------- */

START_TEST(a_store_that_fails_is_no_verdict)
{
	const enum authtok_err err = _i == 0 ? AUTHTOK_ESTORE : AUTHTOK_EBUSY;
	int64_t id = add_anna();
	unsigned n;

	fault.err = err;
	fault.next = 1;
	ck_assert_int_eq(sign_in("nobody", PASSWORD), err);
	for (n = 1; n <= 2; n++) {
		fault.next = n;
		ck_assert_int_eq(sign_in("anna", PASSWORD), err);
		ck_assert_uint_eq(live_sessions(id), 0);
	}
	/* and counts as no failure */
	for (n = 0; n < 100; n++) {
		fault.next = 1;
		ck_assert_int_eq(sign_in("anna", "wrong"), err);
	}
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
}
END_TEST

START_TEST(no_memory_is_no_verdict)
{
	(void)add_anna();
	spy.no_memory = 1;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_ENOMEM);
	spy.no_memory = 1;
	ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_ENOMEM);
	spy.no_memory = 1;
	ck_assert_int_eq(sign_in("nobody", PASSWORD), AUTHTOK_ENOMEM);
	put_hash("anna", BCRYPT);
	spy.no_memory = 1;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_ENOMEM);
	spy.no_memory = 1;
	ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_ENOMEM);
	ck_assert_uint_eq(spy.no_memory, 0);
}
END_TEST

/* ---- throttling --------------------------------------------------------- */

START_TEST(guessing_is_slowed_down)
{
	const char *name = _i == 0 ? "anna" : "nobody";
	enum authtok_err wrong = _i == 0 ? AUTHTOK_EPASSWORD : AUTHTOK_EUNKNOWN;
	unsigned wait = 0;
	unsigned i;

	(void)add_anna();
	for (i = 0; i < 6; i++)
		ck_assert_int_eq(
		    sign_in_from(name, "wrong", HERE, &wait), wrong);
	ck_assert_uint_eq(wait, 0);
	spy_reset();
	fault.calls = 0;
	ck_assert_int_eq(
	    sign_in_from(name, "wrong", HERE, &wait), AUTHTOK_ETHROTTLED);
	ck_assert_uint_eq(wait, 1);
	/* also the right one; no work is done for it */
	ck_assert_int_eq(
	    sign_in_from(name, PASSWORD, HERE, NULL), AUTHTOK_ETHROTTLED);
	ck_assert_uint_eq(spy.argon2, 0);
	ck_assert_uint_eq(fault.calls, 0);
	/* the owner elsewhere is not hindered, another name here neither */
	ck_assert_int_eq(
	    sign_in_from("anna", PASSWORD, "198.51.100.1", NULL), AUTHTOK_OK);
	ck_assert_int_eq(
	    sign_in_from("otto", PASSWORD, HERE, NULL), AUTHTOK_EUNKNOWN);
	now += 1;
	ck_assert_int_eq(sign_in_from(name, "wrong", HERE, NULL), wrong);
	ck_assert_int_eq(
	    sign_in_from(name, "wrong", HERE, &wait), AUTHTOK_ETHROTTLED);
	ck_assert_uint_eq(wait, 2);
}
END_TEST

START_TEST(success_forgives)
{
	unsigned i, round;

	(void)add_anna();
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 5; i++)
			ck_assert_int_eq(
			    sign_in("anna", "wrong"), AUTHTOK_EPASSWORD);
		ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	}
	for (i = 0; i < 60; i++)
		ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
}
END_TEST

START_TEST(a_disabled_account_does_not_count)
{
	int64_t id = add_anna();
	unsigned i;

	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EDISABLED);
}
END_TEST

START_TEST(throttling_can_be_off)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	struct authtok_accounts *before = accounts;
	unsigned i;

	config.throttle = false;
	ck_assert_int_eq(
	    authtok_accounts_new(&config, engine, &faulty, &accounts),
	    AUTHTOK_OK);
	(void)add_anna();
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	authtok_accounts_free(accounts);
	accounts = before;
}
END_TEST

/* ---- many at a time ----------------------------------------------------- */

#define THREADS 16

struct storm {
	const char *name;
	const char *password;
	enum authtok_err err;
};

static void *
storm(void *arg)
{
	struct storm *one = arg;

	one->err = sign_in(one->name, one->password);
	return NULL;
}

static void
start(pthread_t *threads, struct storm *storms, unsigned count,
    const char *name, const char *password)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		storms[i] =
		    (struct storm){ .name = name, .password = password };
		pthread_create(&threads[i], NULL, storm, &storms[i]);
	}
}

static void
set_up_narrow(void)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;

	config.hash_slots = 2;
	config.hash_queue = 4;
	config.throttle = false;
	set_up_with(&config);
}

START_TEST(at_most_two_hashes_at_once)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	struct authtok_accounts *before = accounts;
	struct storm storms[THREADS];
	pthread_t threads[THREADS];
	int64_t id;
	unsigned i;

	config.hash_slots = 2;
	ck_assert_int_eq(
	    authtok_accounts_new(&config, engine, &faulty, &accounts),
	    AUTHTOK_OK);
	id = add_anna();
	/* the first two are held until the rest is there */
	spy_hold(true);
	start(threads, storms, THREADS, "anna", PASSWORD);
	spy_await_running(2);
	spy_hold(false);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(storms[i].err, AUTHTOK_OK);
	}
	ck_assert_uint_eq(spy.argon2, THREADS);
	ck_assert_uint_eq(spy.peak, 2);
	ck_assert_uint_eq(live_sessions(id), THREADS);
	authtok_accounts_free(accounts);
	accounts = before;
}
END_TEST

START_TEST(a_full_queue_is_busy)
{
	int64_t id = add_anna();
	struct storm storms[6];
	pthread_t threads[6];
	unsigned i;

	spy_hold(true);
	start(threads, storms, 6, "anna", PASSWORD);
	spy_await_running(2);
	while (at_slots_waiting(accounts->slots) != 4)
		sched_yield();
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EBUSY);
	ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_EBUSY);
	ck_assert_int_eq(sign_in("nobody", PASSWORD), AUTHTOK_EBUSY);
	ck_assert_int_eq(
	    sign_up("otto", "otto@example.org", PASSWORD), AUTHTOK_EBUSY);
	ck_assert_uint_eq(user_count(), 1);
	ck_assert_int_eq(
	    authtok_user_set_password(accounts, id, "quiet river", 11),
	    AUTHTOK_EBUSY);
	spy_hold(false);
	for (i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(storms[i].err, AUTHTOK_OK);
	}
	ck_assert_uint_eq(spy.peak, 2);
}
END_TEST

START_TEST(guesses_at_once_do_not_all_pass)
{
	struct storm storms[THREADS];
	pthread_t threads[THREADS];
	unsigned tried = 0;
	unsigned i;

	(void)add_anna();
	start(threads, storms, THREADS, "anna", "wrong");
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(storms[i].err == AUTHTOK_EPASSWORD ||
		    storms[i].err == AUTHTOK_ETHROTTLED);
		tried += storms[i].err == AUTHTOK_EPASSWORD;
	}
	ck_assert_uint_eq(tried, 6);
	ck_assert_uint_eq(spy.argon2, 6);
}
END_TEST

static TCase *
one_at_a_time(void)
{
	TCase *tcase = tcase_create("one at a time");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_session_is_opened);
	tcase_add_test(tcase, refusals);
	tcase_add_test(tcase, arguments);
	tcase_add_test(tcase, what_cannot_be_said_in_a_token);
	tcase_add_test(tcase, every_refusal_costs_the_same);
	tcase_add_loop_test(tcase, a_foreign_hash_is_replaced, 0,
	    (int)(sizeof(foreign) / sizeof(foreign[0])));
	tcase_add_loop_test(tcase, a_fault_while_it_is_replaced, 0, 4);
	tcase_add_test(tcase, the_user_changes_meanwhile);
	tcase_add_test(tcase, the_hash_goes_meanwhile);
	tcase_add_test(tcase, the_user_goes_meanwhile);
	tcase_add_test(tcase, a_race_while_the_hash_is_replaced);
	tcase_add_loop_test(tcase, a_store_that_fails_is_no_verdict, 0, 2);
	tcase_add_test(tcase, no_memory_is_no_verdict);
	tcase_add_loop_test(tcase, guessing_is_slowed_down, 0, 2);
	tcase_add_test(tcase, success_forgives);
	tcase_add_test(tcase, a_disabled_account_does_not_count);
	tcase_add_test(tcase, throttling_can_be_off);
	tcase_add_test(tcase, at_most_two_hashes_at_once);
	tcase_add_test(tcase, guesses_at_once_do_not_all_pass);
	return tcase;
}

int
main(void)
{
	Suite *suite = suite_create("signin");
	TCase *narrow = tcase_create("narrow");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, one_at_a_time());
	tcase_add_checked_fixture(narrow, set_up_narrow, tear_down);
	tcase_set_timeout(narrow, 60);
	tcase_add_test(narrow, a_full_queue_is_busy);
	suite_add_tcase(suite, narrow);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
