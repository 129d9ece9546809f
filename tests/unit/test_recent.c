/*
 * The sessions used last, of more than are shown.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "authd/recent.h"
#include "session_world.h"

static struct world w;

static void
setup(void)
{
	struct authtok_sessions_config c = AUTHTOK_SESSIONS_CONFIG_INIT;

	c.max_per_user = 0;
	world_open(&w, &c);
}

static void
teardown(void)
{
	world_close(&w);
}

/* Session i of n, used i seconds ago; the order of the ids is another one. */
static void
add(unsigned i, unsigned n)
{
	struct authtok_act when = { .now = w.now, .until = w.now + 3605 };
	struct authtok_session s = { .user_id = w.user.id };
	unsigned place = i * 7919 % n;

	s.sid[0] = (uint8_t)(place >> 8);
	s.sid[1] = (uint8_t)place;
	s.sid[2] = (uint8_t)(i >> 8);
	s.sid[3] = (uint8_t)i;
	s.created_at = w.now - 5000;
	s.rotated_at = w.now - (int64_t)i;
	s.expires_at = w.now + 5000;
	ck_assert_int_eq(w.memory->ops->session_create(
			     w.memory->ctx, &s, w.user.version, 0, &when),
	    AUTHTOK_OK);
}

static void
has_newest(unsigned n)
{
	struct recent recent = { .count = 77 };
	unsigned i;

	ck_assert_int_eq(
	    recent_sessions(w.sessions, w.user.id, &recent), AUTHTOK_OK);
	ck_assert_uint_eq(recent.total, n);
	ck_assert_uint_eq(recent.count, n < RECENT_MAX ? n : RECENT_MAX);
	for (i = 0; i < recent.count; i++)
		ck_assert_int_eq(recent.list[i].rotated_at, w.now - (int64_t)i);
	recent_free(&recent);
}

START_TEST(the_last_used_come_first)
{
	static const unsigned counts[] = { 0, 1, 12, 500, 999, 1000, 1001, 1500,
		2345 };
	unsigned i, n = counts[_i];

	for (i = 0; i < n; i++)
		add(i, n);
	has_newest(n);
}
END_TEST

START_TEST(a_list_that_fails_is_told)
{
	struct recent recent = { .count = 77 };
	unsigned i;

	for (i = 0; i < 700; i++)
		add(i, 700);
	for (i = 1; i <= 2; i++) {
		world_break(
		    &w, WORLD_LIST, WORLD_BEFORE, AUTHTOK_EBUSY, (int)i, false);
		ck_assert_int_eq(
		    recent_sessions(w.sessions, w.user.id, &recent),
		    AUTHTOK_EBUSY);
	}
	ck_assert_uint_eq(recent.count, 77);
	world_heal(&w);
	has_newest(700);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("recent");
	TCase *tcase = tcase_create("recent");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, the_last_used_come_first, 0, 9);
	tcase_add_test(tcase, a_list_that_fails_is_told);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
