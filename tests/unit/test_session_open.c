/*
 * Opening a session: what is stored, what is handed out, which users it takes,
 * and what is kept of what a client says of itself.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session_world.h"

static struct world w;
static struct authtok_tokens first;

static void
setup(void)
{
	world_open(&w, NULL);
	world_sign_in(&w, &first);
}

static void
teardown(void)
{
	world_close(&w);
}

START_TEST(open_hands_out_both_tokens)
{
	ck_assert_uint_eq(first.size, sizeof(first));
	ck_assert_int_eq(first.user_id, w.user.id);
	ck_assert_int_eq(first.access_expires_at, WORLD_START + 3600);
	ck_assert_int_eq(first.refresh_expires_at, WORLD_START + 86400);
	ck_assert_uint_eq(strlen(first.refresh), AUTHTOK_REFRESH_LEN);
	ck_assert_uint_eq(strlen(first.access), first.access_len);
	ck_assert_int_eq(
	    authtok_verify(w.engine, first.access, first.access_len, w.claims),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_claims_user_id(w.claims), w.user.id);
	ck_assert_mem_eq(
	    authtok_claims_session(w.claims), first.sid, AUTHTOK_SID_LEN);
	ck_assert(authtok_claims_has_role(w.claims, "user"));
}
END_TEST

START_TEST(open_stores_the_row)
{
	struct authtok_session row = world_row(&w, first.sid);
	struct authtok_tokens other;
	struct authtok_session row2;

	ck_assert_int_eq(row.user_id, w.user.id);
	ck_assert_int_eq(row.created_at, WORLD_START);
	ck_assert_int_eq(row.rotated_at, WORLD_START);
	ck_assert_int_eq(row.expires_at, WORLD_START + 30 * 86400);
	ck_assert_int_eq(row.revoked_at, 0);
	ck_assert_uint_eq(row.gen, 0);
	ck_assert_uint_eq(row.branch, 0);
	ck_assert_uint_eq(row.retry_count, 0);
	ck_assert_str_eq(row.address, "");
	ck_assert_str_eq(row.agent, "");
	ck_assert_uint_eq(w.last_max_live, 100);
	ck_assert_int_eq(w.last_when.now, WORLD_START);
	ck_assert_int_eq(w.last_when.until, WORLD_START + AUTHTOK_HORIZON_MAX);
	world_sign_in(&w, &other);
	row2 = world_row(&w, other.sid);
	ck_assert_mem_ne(row.sid, row2.sid, sizeof(row.sid));
	ck_assert_mem_ne(row.seed, row2.seed, sizeof(row.seed));
}
END_TEST

START_TEST(open_checks_the_user_as_it_was_read)
{
	struct authtok_act when = { .now = WORLD_START, .until = WORLD_START };
	struct authtok_user old = w.user;
	struct authtok_tokens tokens;

	world_pattern(&tokens);
	world_update_user(&w);
	ck_assert_int_eq(authtok_session_open(w.sessions, &old, NULL, &tokens),
	    AUTHTOK_ECHANGED);
	w.user.disabled = true;
	world_update_user(&w);
	ck_assert_int_eq(
	    authtok_session_open(w.sessions, &w.user, NULL, &tokens),
	    AUTHTOK_ECHANGED);
	ck_assert_int_eq(
	    w.memory->ops->user_delete(w.memory->ctx, w.user.id, &when),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_session_open(w.sessions, &w.user, NULL, &tokens),
	    AUTHTOK_EUNKNOWN);
	ck_assert(world_is_pattern(&tokens));
}
END_TEST

START_TEST(open_checks_its_arguments)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	struct authtok_user user = w.user;
	struct authtok_tokens tokens;

	world_pattern(&tokens);
	ck_assert_int_eq(
	    authtok_session_open(NULL, &user, NULL, &tokens), AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_session_open(w.sessions, NULL, NULL, &tokens),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_session_open(w.sessions, &user, NULL, NULL),
	    AUTHTOK_EINVAL);
	client.size = 0;
	ck_assert_int_eq(
	    authtok_session_open(w.sessions, &user, &client, &tokens),
	    AUTHTOK_EINVAL);
	user.role_count = AUTHTOK_ROLES_MAX + 1;
	ck_assert_int_eq(authtok_session_open(w.sessions, &user, NULL, &tokens),
	    AUTHTOK_EINVAL);
	ck_assert(world_is_pattern(&tokens));
	tokens.size--;
	ck_assert_int_eq(
	    authtok_session_open(w.sessions, &w.user, NULL, &tokens),
	    AUTHTOK_EINVAL);
}
END_TEST

/* What a client says of itself, and what is kept. */
static void
keep_agent(const char *said, const char *kept)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	struct authtok_session row;

	client.agent = said;
	ck_assert_int_eq(
	    authtok_session_open(w.sessions, &w.user, &client, &tokens),
	    AUTHTOK_OK);
	row = world_row(&w, tokens.sid);
	ck_assert_str_eq(row.agent, kept);
	ck_assert_str_eq(row.address, "");
}

START_TEST(client_texts_are_cleaned)
{
	keep_agent("curl/8.0", "curl/8.0");
	keep_agent("", "");
	keep_agent("a\tb\r\nc\x7f"
		   "d\x1b[0m",
	    "a?b??c?d?[0m");
	keep_agent("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
	    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	keep_agent("bad \xff\xc3 \xe2\x82", "bad ?? ??");
	keep_agent("c1 \xc2\x85 nbsp \xc2\xa0", "c1 ?? nbsp \xc2\xa0");
}
END_TEST

START_TEST(client_texts_are_cut_between_characters)
{
	char said[300], kept[300];

	for (size_t pad = AUTHTOK_AGENT_MAX - 4; pad <= AUTHTOK_AGENT_MAX;
	     pad++) {
		size_t left = AUTHTOK_AGENT_MAX - pad;

		memset(said, 'a', sizeof(said));
		memcpy(said + pad, "\xe2\x82\xac\xe2\x82\xac", 7);
		memset(kept, 'a', sizeof(kept));
		memcpy(kept + pad, "\xe2\x82\xac", 3);
		kept[left >= 3 ? pad + 3 : pad] = '\0';
		keep_agent(said, kept);
	}
	memset(said, 'b', sizeof(said));
	said[sizeof(said) - 1] = '\0';
	memset(kept, 'b', sizeof(kept));
	kept[AUTHTOK_AGENT_MAX] = '\0';
	keep_agent(said, kept);
}
END_TEST

START_TEST(client_is_updated_when_given)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	struct authtok_tokens t = AUTHTOK_TOKENS_INIT;
	enum authtok_outcome outcome;
	struct authtok_session row;

	client.address = "192.0.2.7";
	client.agent = "one";
	ck_assert_int_eq(authtok_session_refresh(w.sessions, first.refresh,
			     AUTHTOK_REFRESH_LEN, NULL, &client, &outcome, &t),
	    AUTHTOK_OK);
	client.address = NULL;
	client.agent = "two";
	ck_assert_int_eq(authtok_session_refresh(w.sessions, t.refresh,
			     AUTHTOK_REFRESH_LEN, NULL, &client, &outcome, &t),
	    AUTHTOK_OK);
	row = world_row(&w, first.sid);
	ck_assert_str_eq(row.address, "192.0.2.7");
	ck_assert_str_eq(row.agent, "two");
	world_expect(&w, t.refresh, NULL, AUTHTOK_ROTATED, NULL);
	row = world_row(&w, first.sid);
	ck_assert_str_eq(row.agent, "two");
}
END_TEST

START_TEST(oldest_session_ends_beyond_the_limit)
{
	struct authtok_tokens newest;

	for (int i = 0; i < 100; i++) {
		w.now++;
		world_sign_in(&w, &newest);
	}
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREVOKED);
	world_expect(&w, newest.refresh, NULL, AUTHTOK_ROTATED, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("session open");
	TCase *tc = tcase_create("open");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, open_hands_out_both_tokens);
	tcase_add_test(tc, open_stores_the_row);
	tcase_add_test(tc, open_checks_the_user_as_it_was_read);
	tcase_add_test(tc, open_checks_its_arguments);
	tcase_add_test(tc, client_texts_are_cleaned);
	tcase_add_test(tc, client_texts_are_cut_between_characters);
	tcase_add_test(tc, client_is_updated_when_given);
	tcase_add_test(tc, oldest_session_ends_beyond_the_limit);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
