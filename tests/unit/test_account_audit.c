/*
 * What the account service leaves in the audit log and in the revocation set:
 * each act its record, no act no record, and no secret anywhere.
 */
#include "account_log.h"

#define NEXT "a new one, longer"

static const char bcrypt[] =
    "$2b$05$abcdefghijklmnopqrstuuZFjH57Rl3EXSetbREE0bqBhcUkJQP6u";

/* ---- records ------------------------------------------------------------ */

START_TEST(sign_up_and_user_add)
{
	static const char *const roles[] = { "admin", "user" };
	struct authtok_signup request = AUTHTOK_SIGNUP_INIT;
	const struct authtok_audit_record *record;
	int64_t id = add_anna();

	record = newest(1, AUTHTOK_EVENT_SIGNUP, id, "user");
	ck_assert_int_eq(record->at, NOW);
	ck_assert_uint_eq(record->count, 1);
	ck_assert(!record->has_sid);
	request.name = "root";
	request.email = "root@example.org";
	request.password = PASSWORD;
	request.password_len = strlen(PASSWORD);
	request.role_count = 2;
	request.roles = roles;
	ck_assert_int_eq(
	    authtok_user_add(accounts, &request, NULL, &id), AUTHTOK_OK);
	newest(2, AUTHTOK_EVENT_SIGNUP, id, "admin,user");
	/* a name that is taken, a role that may not be asked for */
	ck_assert_int_eq(
	    authtok_user_add(accounts, &request, NULL, &id), AUTHTOK_ENAME);
	request.name = "mallory";
	request.email = "m@example.org";
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, &id), AUTHTOK_ESIGNUPROLE);
	read_log();
	ck_assert_uint_eq(record_count, 2);
}
END_TEST

/* Where it came from, also when that was forged to bend the log. */
START_TEST(sign_up_of_a_client)
{
	struct authtok_signup request = AUTHTOK_SIGNUP_INIT;
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	int64_t id;

	request.name = "anna";
	request.email = "anna@example.org";
	request.password = PASSWORD;
	request.password_len = strlen(PASSWORD);
	request.client = &client;
	client.size--;
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, &id), AUTHTOK_EINVAL);
	client.size++;
	client.address = HERE;
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, &id), AUTHTOK_OK);
	ck_assert_str_eq(
	    newest(1, AUTHTOK_EVENT_SIGNUP, id, "user")->address, HERE);
	request.name = "bert";
	request.email = "bert@example.org";
	client.address = "1.2.3.4\n5";
	ck_assert_int_eq(
	    authtok_user_add(accounts, &request, NULL, &id), AUTHTOK_OK);
	ck_assert_str_eq(
	    newest(2, AUTHTOK_EVENT_SIGNUP, id, "user")->address, "1.2.3.4?5");
	request.name = "carl";
	request.email = "carl@example.org";
	client.address = NULL;
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, &id), AUTHTOK_OK);
	ck_assert_str_eq(
	    newest(3, AUTHTOK_EVENT_SIGNUP, id, "user")->address, "");
}
END_TEST

START_TEST(administration)
{
	static const char *const roles[] = { "moderator", "admin" };
	int64_t id = add_anna();

	now += 100;
	ck_assert_int_eq(
	    authtok_user_set_password(accounts, id, NEXT, strlen(NEXT)),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    newest(2, AUTHTOK_EVENT_PASSWORD, id, "")->at, NOW + 100);
	ck_assert_int_eq(
	    authtok_user_set_hash(accounts, id, bcrypt), AUTHTOK_OK);
	newest(3, AUTHTOK_EVENT_PASSWORD, id, "");
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, 2, roles, NULL), AUTHTOK_OK);
	newest(4, AUTHTOK_EVENT_ROLES, id, "moderator,admin");
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	newest(5, AUTHTOK_EVENT_DISABLE, id, "");
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, false), AUTHTOK_OK);
	newest(6, AUTHTOK_EVENT_ENABLE, id, "");
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, 0, NULL, NULL), AUTHTOK_OK);
	newest(7, AUTHTOK_EVENT_ROLES, id, "");
	ck_assert_int_eq(authtok_user_remove(accounts, id), AUTHTOK_OK);
	newest(8, AUTHTOK_EVENT_DELETE, id, "anna");
}
END_TEST

START_TEST(what_changes_nothing_leaves_nothing)
{
	static const char *const roles[] = { "user" };
	int64_t id = add_anna();

	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, 1, roles, NULL), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, false), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_user_set_hash(accounts, id, "$1$no"), AUTHTOK_ENOTSUP);
	ck_assert_int_eq(authtok_user_set_password(accounts, id, "short", 5),
	    AUTHTOK_EPWSHORT);
	ck_assert_int_eq(
	    authtok_user_remove(accounts, id + 1), AUTHTOK_ENOUSER);
	ck_assert_int_eq(change(id, "wrong", NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_EPASSWORD);
	read_log();
	ck_assert_uint_eq(record_count, 1);
}
END_TEST

START_TEST(ones_own_change)
{
	int64_t id = add_anna();
	struct authtok_tokens tokens = signed_in("anna", PASSWORD);
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	const struct authtok_audit_record *record;

	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_OTHERS, tokens.sid, NULL),
	    AUTHTOK_OK);
	record = newest(3, AUTHTOK_EVENT_PASSWORD, id, "");
	ck_assert_str_eq(record->address, HERE);
	ck_assert(record->has_sid);
	ck_assert_mem_eq(record->sid, tokens.sid, AUTHTOK_SID_LEN);
	/* an address that somebody made up */
	client.address = "1.2.3.4\n\x1b[31m\xff "
			 "0123456789012345678901234567890123456789";
	ck_assert_int_eq(authtok_user_change_password(accounts, id, NEXT,
			     strlen(NEXT), PASSWORD, strlen(PASSWORD),
			     AUTHTOK_END_ALL, NULL, &client, NULL),
	    AUTHTOK_OK);
	record = newest(4, AUTHTOK_EVENT_PASSWORD, id, "");
	ck_assert_str_eq(
	    record->address, "1.2.3.4??[31m??012345678901234567890123456789");
	ck_assert(!record->has_sid);
}
END_TEST

START_TEST(a_new_hash_of_the_same_password_is_no_event)
{
	int64_t id = add_anna();

	put_hash("anna",
	    "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA"
	    "$nwk2tJm+xx0lbpnkExf/8RZ+j18UJGSud9iWODjhet4");
	spy.cheap = false;
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_ptr_nonnull(strstr(stored("anna").hash, "m=19456,t=2"));
	newest(2, AUTHTOK_EVENT_SIGNIN, id, "");
}
END_TEST

/* More roles than a detail has room for. */
START_TEST(many_roles)
{
	static char names[AUTHTOK_ROLES_MAX][AUTHTOK_ROLE_MAX + 1];
	const char *list[AUTHTOK_ROLES_MAX + 2] = { NULL };
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	struct authtok_accounts *before = accounts;
	int64_t id = add_anna();
	size_t i;

	for (i = 0; i < AUTHTOK_ROLES_MAX; i++) {
		memset(names[i], 'a' + (int)i, AUTHTOK_ROLE_MAX);
		list[i] = names[i];
	}
	list[AUTHTOK_ROLES_MAX] = "user";
	config.roles = list;
	config.audit = audit;
	ck_assert_int_eq(
	    authtok_accounts_new(&config, engine, &faulty, &accounts),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, AUTHTOK_ROLES_MAX, list, NULL),
	    AUTHTOK_OK);
	newest(2, AUTHTOK_EVENT_ROLES, id,
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,"
	    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,"
	    "cccccccccccccccccccccccccccccccc,"
	    "dddddddddddddddddddddddddddddddd,+12");
	authtok_accounts_free(accounts);
	accounts = before;
}
END_TEST

START_TEST(no_secret)
{
	int64_t id = add_anna();
	struct authtok_user user = stored("anna");

	ck_assert_int_eq(sign_in("anna", "an old guess"), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(sign_in(NEXT, "an old guess"), AUTHTOK_EUNKNOWN);
	ck_assert_int_eq(sign_in("Tr0ub4dor", "x"), AUTHTOK_EUNKNOWN);
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_user_set_hash(accounts, id, bcrypt), AUTHTOK_OK);
	ck_assert_int_eq(authtok_user_remove(accounts, id), AUTHTOK_OK);
	ck_assert_int_eq(authtok_accounts_flush(accounts), AUTHTOK_OK);
	ck_assert(!logged(PASSWORD, strlen(PASSWORD)));
	ck_assert(!logged(NEXT, strlen(NEXT)));
	ck_assert(!logged("an old guess", 12));
	ck_assert(!logged("r0ub4dor", 8));
	ck_assert(!logged(bcrypt + 7, 20));
	ck_assert(!logged(user.hash, strlen(user.hash)));
	ck_assert(!logged("$2b$", 4));
	ck_assert(!logged("$argon2", 7));
	ck_assert(logged("anna", 4));
}
END_TEST

START_TEST(without_audit_nothing_is_written)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	struct authtok_accounts *before = accounts;
	int64_t id;

	ck_assert_int_eq(
	    authtok_accounts_new(&config, engine, &faulty, &accounts),
	    AUTHTOK_OK);
	id = add_anna();
	ck_assert_int_eq(sign_in("anna", "wrong"), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(
	    change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_accounts_flush(accounts), AUTHTOK_OK);
	ck_assert_int_eq(authtok_user_remove(accounts, id), AUTHTOK_OK);
	authtok_accounts_free(accounts);
	accounts = before;
	read_log();
	ck_assert_uint_eq(record_count, 0);
}
END_TEST

/* ---- revocations -------------------------------------------------------- */

enum {
	SET_PASSWORD,
	SET_HASH,
	SET_ROLES,
	DISABLE,
	REMOVE,
	CHANGE,
	ACTS
};

static enum authtok_err
act(int which, int64_t id)
{
	static const char *const roles[] = { "admin" };

	switch (which) {
	case SET_PASSWORD:
		return authtok_user_set_password(
		    accounts, id, NEXT, strlen(NEXT));
	case SET_HASH:
		return authtok_user_set_hash(accounts, id, bcrypt);
	case SET_ROLES:
		return authtok_user_set_roles(accounts, id, 1, roles, NULL);
	case DISABLE:
		return authtok_user_set_disabled(accounts, id, true);
	case REMOVE:
		return authtok_user_remove(accounts, id);
	default:
		return change(id, PASSWORD, NEXT, AUTHTOK_END_ALL, NULL, NULL);
	}
}

START_TEST(old_tokens_are_refused_at_once)
{
	int64_t id = add_anna();
	struct authtok_tokens tokens = signed_in("anna", PASSWORD);

	ck_assert_int_eq(verified(&tokens), AUTHTOK_OK);
	ck_assert_int_eq(act(_i, id), AUTHTOK_OK);
	ck_assert_int_eq(verified(&tokens), AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(a_poll_that_fails_is_tried_again)
{
	int64_t id = add_anna();
	struct authtok_tokens tokens = signed_in("anna", PASSWORD);

	polls.fail = 1;
	ck_assert_int_eq(act(_i, id), AUTHTOK_OK);
	ck_assert_uint_eq(polls.fail, 0);
	ck_assert_int_eq(verified(&tokens), AUTHTOK_EREVOKED);
}
END_TEST

/* What is done is done: the next poll will tell. */
START_TEST(a_poll_that_fails_for_good_is_no_failure)
{
	int64_t id = add_anna();
	struct authtok_tokens tokens = signed_in("anna", PASSWORD);

	polls.fail = 100;
	ck_assert_int_eq(act(_i, id), AUTHTOK_OK);
	ck_assert_uint_eq(polls.fail, 98);
	polls.fail = 0;
	ck_assert_int_eq(authtok_revocations_pull(engine, &faulty), AUTHTOK_OK);
	ck_assert_int_eq(verified(&tokens), AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(what_revokes_nothing_polls_nothing)
{
	int64_t id = add_anna();
	struct authtok_tokens tokens;

	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	polls.calls = 0;
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, false), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, false), AUTHTOK_OK);
	ck_assert_uint_eq(polls.calls, 0);
	/* and the tokens of the time afterwards are good */
	tokens = signed_in("anna", PASSWORD);
	ck_assert_int_eq(verified(&tokens), AUTHTOK_OK);
}
END_TEST

/* ---- a store that fails ------------------------------------------------- */

/* Before: no act and no record. Late: both, whatever was answered. */
START_TEST(act_and_record_are_one)
{
	int which = _i / 2;
	int64_t id = add_anna();
	struct authtok_tokens tokens = signed_in("anna", PASSWORD);
	struct authtok_user before = stored("anna");
	size_t records_before;

	read_log();
	records_before = record_count;
	fault.err = AUTHTOK_ESTORE;
	fault.late = _i % 2;
	/* each act reads its user first; setting a password does so twice */
	fault.next = which == SET_PASSWORD ? 3 : 2;
	ck_assert_int_eq(act(which, id), AUTHTOK_ESTORE);
	ck_assert_uint_eq(fault.next, 0);
	read_log();
	if (fault.late) {
		ck_assert_uint_eq(record_count, records_before + 1);
		return;
	}
	ck_assert_uint_eq(record_count, records_before);
	ck_assert_int_eq(stored("anna").version, before.version);
	ck_assert_int_eq(verified(&tokens), AUTHTOK_OK);
	ck_assert_uint_eq(live_sessions(id), 1);
}
END_TEST

START_TEST(a_sign_up_that_fails)
{
	fault.err = AUTHTOK_ESTORE;
	fault.next = 3; /* name, e-mail, create */
	ck_assert_int_eq(
	    sign_up("anna", "anna@example.org", PASSWORD), AUTHTOK_ESTORE);
	read_log();
	ck_assert_uint_eq(record_count, 0);
	ck_assert_uint_eq(user_count(), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("account_audit");
	TCase *tcase = tcase_create("account_audit");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up_log, tear_down_log);
	tcase_add_test(tcase, sign_up_and_user_add);
	tcase_add_test(tcase, sign_up_of_a_client);
	tcase_add_test(tcase, administration);
	tcase_add_test(tcase, what_changes_nothing_leaves_nothing);
	tcase_add_test(tcase, ones_own_change);
	tcase_add_test(tcase, a_new_hash_of_the_same_password_is_no_event);
	tcase_add_test(tcase, many_roles);
	tcase_add_test(tcase, no_secret);
	tcase_add_test(tcase, without_audit_nothing_is_written);
	tcase_add_loop_test(tcase, old_tokens_are_refused_at_once, 0, ACTS);
	tcase_add_loop_test(tcase, a_poll_that_fails_is_tried_again, 0, ACTS);
	tcase_add_loop_test(
	    tcase, a_poll_that_fails_for_good_is_no_failure, 0, ACTS);
	tcase_add_test(tcase, what_revokes_nothing_polls_nothing);
	tcase_add_loop_test(tcase, act_and_record_are_one, 0, 2 * ACTS);
	tcase_add_test(tcase, a_sign_up_that_fails);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
