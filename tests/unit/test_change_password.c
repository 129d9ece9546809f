/*
 * A user's own change of password, over the memory store.
 */
#include "account_log.h"

#include <pthread.h>

#define NEXT "a new one, longer"

static bool
unchanged(const struct authtok_user *before)
{
	struct authtok_user after = stored(before->name);

	return strcmp(after.hash, before->hash) == 0 &&
	    after.version == before->version && after.epoch == before->epoch;
}

START_TEST(the_new_one_counts)
{
	int64_t id = add_anna();
	struct authtok_user before = stored("anna");
	struct authtok_user after;

	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_OK);
	after = stored("anna");
	ck_assert_int_eq(after.epoch, NOW);
	ck_assert_int_eq(after.version, before.version + 1);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(sign_in("anna", NEXT), AUTHTOK_OK);
}
END_TEST

START_TEST(the_sessions_that_end_says_end)
{
	int64_t id = add_anna();
	struct authtok_tokens tokens = signed_in("anna", PASSWORD);
	struct authtok_session row;
	struct authtok_owner owner;

	signed_in("anna", PASSWORD);
	signed_in("anna", PASSWORD);
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_NONE, NULL, NULL),
	    AUTHTOK_OK);
	ck_assert_uint_eq(live_sessions(id), 3);
	ck_assert_int_eq(
	    change(id, NEXT, PASSWORD, AUTHTOK_END_OTHERS, tokens.sid, NULL),
	    AUTHTOK_OK);
	ck_assert_uint_eq(live_sessions(id), 1);
	ck_assert_int_eq(
	    memory->ops->session_find(memory->ctx, tokens.sid, &row, &owner),
	    AUTHTOK_OK);
	ck_assert_int_eq(row.revoked_at, 0);
	/* in none of them does an old access token go on */
	ck_assert_int_eq(verified(&tokens), AUTHTOK_EREVOKED);
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_OK);
	ck_assert_uint_eq(live_sessions(id), 0);
}
END_TEST

/* Refused, with one Argon2id and no write. */
static void
assert_refused(int64_t id, const char *current, enum authtok_err want)
{
	spy_reset();
	fault.writes = 0;
	ck_assert_int_eq(
	    change(id, current, NEXT, AUTHTOK_END_ALL, NULL, NULL), want);
	ck_assert_uint_eq(spy.argon2, 1);
	ck_assert_uint_eq(spy.passes, 2);
	ck_assert_uint_eq(spy.memory, 19456 * 1024);
	ck_assert_uint_eq(fault.writes, 0);
}

START_TEST(the_current_one_is_needed)
{
	int64_t id = add_anna();
	struct authtok_user before = stored("anna");

	assert_refused(id, "wrong", AUTHTOK_EPASSWORD);
	assert_refused(id, "", AUTHTOK_EPASSWORD);
	assert_refused(id, NEXT, AUTHTOK_EPASSWORD);
	ck_assert(unchanged(&before));
	put_hash("anna", "");
	assert_refused(id, "", AUTHTOK_EPASSWORD);
}
END_TEST

START_TEST(a_disabled_user_changes_nothing)
{
	int64_t id = add_anna();
	struct authtok_user before;

	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	before = stored("anna");
	assert_refused(id, PASSWORD, AUTHTOK_EDISABLED);
	/* and only who knows the password hears of it */
	assert_refused(id, "wrong", AUTHTOK_EPASSWORD);
	ck_assert(unchanged(&before));
}
END_TEST

START_TEST(the_new_one_is_judged_as_at_sign_up)
{
	static char longest[1100];
	int64_t id = add_anna();
	struct authtok_user before = stored("anna");
	const struct {
		const char *password;
		size_t len;
		enum authtok_err want;
	} bad[] = {
		{ NULL, 0, AUTHTOK_EPWSHORT },
		{ "seven77", 7, AUTHTOK_EPWSHORT },
		{ longest, 1025, AUTHTOK_EPWLONG },
		{ "bad\xff utf-8", 10, AUTHTOK_EPWFORM },
		{ "nul\0inside", 10, AUTHTOK_EPWFORM },
		{ "password123", 11, AUTHTOK_EPWCOMMON },
		{ "Anna@Example.org", 16, AUTHTOK_EPWCOMMON },
	};
	size_t i;

	memset(longest, 'x', sizeof(longest));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(
		    authtok_user_change_password(accounts, id, PASSWORD,
			strlen(PASSWORD), bad[i].password, bad[i].len,
			AUTHTOK_END_ALL, NULL, NULL, NULL),
		    bad[i].want);
	ck_assert_uint_eq(spy.argon2, 0);
	ck_assert(unchanged(&before));
	ck_assert_int_eq(
	    sign_up("annabella", "b@example.org", PASSWORD), AUTHTOK_OK);
	ck_assert_int_eq(change(stored("annabella").id, PASSWORD, "AnnaBella",
			     AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_EPWCOMMON);
}
END_TEST

START_TEST(arguments)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	int64_t id = add_anna();
	size_t len = strlen(PASSWORD);

#define CHANGE(a, current, clen, next, nlen, end, keep, c) \
	authtok_user_change_password(                      \
	    a, id, current, clen, next, nlen, end, keep, c, NULL)
	ck_assert_int_eq(
	    CHANGE(NULL, PASSWORD, len, NEXT, 17, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    CHANGE(accounts, NULL, 1, NEXT, 17, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(CHANGE(accounts, PASSWORD, len, NULL, 17,
			     AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(CHANGE(accounts, PASSWORD, len, NEXT, 17,
			     AUTHTOK_END_OTHERS, NULL, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(CHANGE(accounts, PASSWORD, len, NEXT, 17,
			     (enum authtok_end)3, NULL, NULL),
	    AUTHTOK_EINVAL);
	client.size = 1;
	ck_assert_int_eq(CHANGE(accounts, PASSWORD, len, NEXT, 17,
			     AUTHTOK_END_ALL, NULL, &client),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    CHANGE(accounts, NULL, 0, NEXT, 17, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_EPASSWORD);
	ck_assert_int_eq(
	    change(id + 1, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_ENOUSER);
	ck_assert_int_eq(change(0, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_ENOUSER);
}
END_TEST

/* ---- guessing ----------------------------------------------------------- */

START_TEST(it_shares_the_counters_of_sign_in)
{
	int64_t id = add_anna();
	unsigned wait = 0;
	int i;

	for (i = 0; i < 3; i++)
		ck_assert_int_eq(sign_in("ANNA", "wrong"), AUTHTOK_EPASSWORD);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(
		    change(id, "wrong", NEXT, AUTHTOK_END_ALL, NULL, NULL),
		    AUTHTOK_EPASSWORD);
	spy_reset();
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, &wait),
	    AUTHTOK_ETHROTTLED);
	ck_assert_uint_eq(wait, 1);
	ck_assert_uint_eq(spy.argon2, 0);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_ETHROTTLED);
	now++;
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, &wait),
	    AUTHTOK_OK);
	/* success forgives: the next failure is free again */
	ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(sign_in("anna", NEXT), AUTHTOK_OK);
}
END_TEST

static void *
sign_in_slowly(void *arg)
{
	(void)arg;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	return NULL;
}

START_TEST(it_shares_the_slots_of_sign_in)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	struct authtok_accounts *before = accounts;
	struct authtok_user user;
	pthread_t thread;
	int64_t id;

	config.hash_slots = 1;
	config.hash_queue = 0;
	ck_assert_int_eq(
	    authtok_accounts_new(&config, engine, &faulty, &accounts),
	    AUTHTOK_OK);
	id = add_anna();
	user = stored("anna");
	spy_hold(true);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, sign_in_slowly, NULL), 0);
	spy_await_running(1);
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_EBUSY);
	spy_hold(false);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(unchanged(&user));
	authtok_accounts_free(accounts);
	accounts = before;
}
END_TEST

/* ---- somebody else at the same time ------------------------------------- */

static unsigned intrusions;

static void
make_admin(void)
{
	struct authtok_user user = stored("anna");

	if (intrusions == 0)
		return;
	intrusions--;
	user.role_count = 1;
	strcpy(user.roles[0], "admin");
	put(&user);
}

static void
reset_password(void)
{
	if (intrusions == 0)
		return;
	intrusions--;
	ck_assert_int_eq(authtok_user_set_password(accounts, stored("anna").id,
			     "set by an admin", 15),
	    AUTHTOK_OK);
}

START_TEST(what_others_change_stays)
{
	int64_t id = add_anna();

	intrusions = 7;
	fault.intrude = make_admin;
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_OK);
	/* one comparison and one new hash, however often it was tried */
	ck_assert_uint_eq(spy.argon2, 2);
	ck_assert_str_eq(stored("anna").roles[0], "admin");
	ck_assert_int_eq(sign_in("anna", NEXT), AUTHTOK_OK);
}
END_TEST

START_TEST(somebody_is_always_faster)
{
	int64_t id = add_anna();

	intrusions = 100;
	fault.intrude = make_admin;
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_ECHANGED);
	ck_assert_uint_eq(intrusions, 92);
	intrusions = 0;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
}
END_TEST

START_TEST(a_password_that_was_replaced_meanwhile_is_wrong)
{
	int64_t id = add_anna();

	intrusions = 1;
	fault.intrude = reset_password;
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_EPASSWORD);
	ck_assert_int_eq(sign_in("anna", "set by an admin"), AUTHTOK_OK);
}
END_TEST

static void
remove_anna(void)
{
	if (intrusions == 0)
		return;
	intrusions--;
	ck_assert_int_eq(
	    authtok_user_remove(accounts, stored("anna").id), AUTHTOK_OK);
}

START_TEST(a_user_who_is_removed_meanwhile)
{
	int64_t id = add_anna();

	intrusions = 1;
	fault.intrude = remove_anna;
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_ENOUSER);
}
END_TEST

/* ---- what fails --------------------------------------------------------- */

START_TEST(a_store_that_fails_changes_nothing)
{
	int64_t id = add_anna();
	struct authtok_user before = stored("anna");
	enum authtok_err err = _i % 2 ? AUTHTOK_EBUSY : AUTHTOK_ESTORE;

	fault.err = err;
	fault.next = 1 + (unsigned)_i / 2;
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL), err);
	ck_assert_uint_eq(fault.next, 0);
	ck_assert(unchanged(&before));
	/* nor is it taken for a guess, ever so often */
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
}
END_TEST

START_TEST(no_memory_for_a_hash)
{
	int64_t id = add_anna();
	struct authtok_user before = stored("anna");

	spy.no_memory = 1;
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_ENOMEM);
	ck_assert(unchanged(&before));
}
END_TEST

START_TEST(an_epoch_at_its_end)
{
	int64_t id = add_anna();
	struct authtok_user user = stored("anna");

	user.epoch = INT64_C(1) << 53;
	put(&user);
	user = stored("anna");
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_ESTORE);
	ck_assert(unchanged(&user));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("change_password");
	TCase *tcase = tcase_create("change_password");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up_log, tear_down_log);
	tcase_add_test(tcase, the_new_one_counts);
	tcase_add_test(tcase, the_sessions_that_end_says_end);
	tcase_add_test(tcase, the_current_one_is_needed);
	tcase_add_test(tcase, a_disabled_user_changes_nothing);
	tcase_add_test(tcase, the_new_one_is_judged_as_at_sign_up);
	tcase_add_test(tcase, arguments);
	tcase_add_test(tcase, it_shares_the_counters_of_sign_in);
	tcase_add_test(tcase, it_shares_the_slots_of_sign_in);
	tcase_add_test(tcase, what_others_change_stays);
	tcase_add_test(tcase, somebody_is_always_faster);
	tcase_add_test(tcase, a_password_that_was_replaced_meanwhile_is_wrong);
	tcase_add_test(tcase, a_user_who_is_removed_meanwhile);
	tcase_add_loop_test(tcase, a_store_that_fails_changes_nothing, 0, 4);
	tcase_add_test(tcase, no_memory_for_a_hash);
	tcase_add_test(tcase, an_epoch_at_its_end);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
