/*
 * What follows from the rotation rule for clients, thieves and power cuts, each
 * sentence a test, through the service over the memory store.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_world.h"

#define DAY    86400
#define LEEWAY 10

static struct world w;
static struct authtok_tokens first; /* T(0,0) */

static void
setup(void)
{
	world_open(&w, NULL);
	world_sign_in(&w, &first);
}

static void
setup_strict(void)
{
	struct authtok_sessions_config config = AUTHTOK_SESSIONS_CONFIG_INIT;

	config.rotation = AUTHTOK_STRICT;
	world_open(&w, &config);
	world_sign_in(&w, &first);
}

static void
teardown(void)
{
	world_close(&w);
}

/* A refresh token in a client's storage. */
struct held {
	char text[AUTHTOK_REFRESH_LEN + 1];
};

static struct held
hold(void)
{
	struct held t;

	memcpy(t.text, first.refresh, sizeof(t.text));
	return t;
}

static void
use(struct held *t, const char *key, enum authtok_outcome outcome)
{
	world_expect(&w, t->text, key, outcome, t->text);
}

static void
wait_for(int64_t seconds)
{
	w.now += seconds;
}

START_TEST(two_tabs_get_the_same_child)
{
	struct held a = hold(), b = hold();

	use(&a, NULL, AUTHTOK_ROTATED);
	wait_for(LEEWAY);
	use(&b, NULL, AUTHTOK_REPEATED);
	ck_assert_str_eq(a.text, b.text);
	use(&a, NULL, AUTHTOK_ROTATED);
	use(&b, NULL, AUTHTOK_REPEATED);
	ck_assert_str_eq(a.text, b.text);
}
END_TEST

START_TEST(two_tabs_with_a_shared_key_get_the_same_child_at_any_time)
{
	struct held a = hold(), b = hold();

	use(&a, "key", AUTHTOK_ROTATED);
	wait_for(DAY - 1);
	use(&b, "key", AUTHTOK_REPEATED);
	ck_assert_str_eq(a.text, b.text);
}
END_TEST

START_TEST(lost_reply_is_answered_within_the_idle_lifetime)
{
	struct held lost = hold(), t = hold();

	use(&lost, NULL, AUTHTOK_ROTATED);
	wait_for(DAY - 1);
	use(&t, NULL, AUTHTOK_REPLACED);
	use(&t, NULL, AUTHTOK_ROTATED);
}
END_TEST

START_TEST(lost_reply_with_a_key_is_answered_within_the_idle_lifetime)
{
	struct held lost = hold(), t = hold();

	use(&lost, "key", AUTHTOK_ROTATED);
	wait_for(DAY - 1);
	use(&t, "key", AUTHTOK_REPEATED);
	use(&t, "next", AUTHTOK_ROTATED);
}
END_TEST

START_TEST(lost_reply_is_too_late_after_the_idle_lifetime)
{
	struct held lost = hold();

	use(&lost, "key", AUTHTOK_ROTATED);
	wait_for(DAY);
	world_refuse(&w, first.refresh, "key", AUTHTOK_EEXPIRED);
	world_refuse(&w, first.refresh, "key", AUTHTOK_EUNKNOWN);
}
END_TEST

/* It keeps its first refresh token for ever and ignores the new ones. */
START_TEST(stock_client_works_until_the_absolute_lifetime)
{
	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, NULL);
	while (w.now + 3600 < WORLD_START + 30 * DAY) {
		wait_for(3600);
		world_expect(&w, first.refresh, NULL, AUTHTOK_REPLACED, NULL);
	}
	wait_for(3599);
	world_expect(&w, first.refresh, NULL, AUTHTOK_REPLACED, NULL);
	wait_for(1);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EEXPIRED);
}
END_TEST

START_TEST(stock_client_has_no_theft_detection)
{
	struct held thief = hold();

	use(&thief, NULL, AUTHTOK_ROTATED);
	for (int i = 0; i < 5; i++) {
		wait_for(LEEWAY + 1);
		world_expect(&w, first.refresh, NULL, AUTHTOK_REPLACED, NULL);
		thief = hold();
		wait_for(LEEWAY + 1);
		use(&thief, NULL, AUTHTOK_REPLACED);
	}
}
END_TEST

START_TEST(thief_first_is_exposed_when_both_have_refreshed)
{
	struct held thief = hold(), victim = hold();

	use(&thief, NULL, AUTHTOK_ROTATED);
	wait_for(LEEWAY + 1);
	use(&victim, NULL, AUTHTOK_REPLACED);
	wait_for(LEEWAY + 1);
	world_refuse(&w, thief.text, NULL, AUTHTOK_EREUSED);
	world_refuse(&w, victim.text, NULL, AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(thief_second_is_exposed_when_both_have_refreshed)
{
	struct held thief = hold(), victim = hold();

	use(&victim, NULL, AUTHTOK_ROTATED);
	wait_for(LEEWAY + 1);
	use(&thief, NULL, AUTHTOK_REPLACED);
	wait_for(LEEWAY + 1);
	world_refuse(&w, victim.text, NULL, AUTHTOK_EREUSED);
	world_refuse(&w, thief.text, NULL, AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(thief_who_went_on_is_exposed_by_the_victim)
{
	struct held thief = hold();

	use(&thief, NULL, AUTHTOK_ROTATED);
	use(&thief, NULL, AUTHTOK_ROTATED);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREUSED);
	world_refuse(&w, thief.text, NULL, AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(client_with_a_key_has_no_leeway_to_hide_in)
{
	static const char *const keys[] = { NULL, "thief" };

	for (size_t i = 0; i < 2; i++) {
		struct held thief, victim;

		world_sign_in(&w, &first);
		thief = victim = hold();
		use(&victim, "own", AUTHTOK_ROTATED);
		use(&thief, keys[i], AUTHTOK_REPLACED); /* at once */
		world_refuse(&w, victim.text, "own2", AUTHTOK_EREUSED);
		world_refuse(&w, thief.text, keys[i], AUTHTOK_EREVOKED);
	}
}
END_TEST

/* Not even from a thief who sends no key and is always first. */
START_TEST(thief_without_a_key_is_exposed_inside_the_leeway)
{
	struct held thief = hold(), victim = hold();

	use(&thief, NULL, AUTHTOK_ROTATED);
	use(&victim, "own", AUTHTOK_REPLACED); /* at once */
	world_refuse(&w, thief.text, NULL, AUTHTOK_EREUSED);
	world_refuse(&w, victim.text, "own2", AUTHTOK_EREVOKED);
}
END_TEST

/* A late duplicate with the key of its token is not taken for a theft. */
START_TEST(late_duplicate_is_stale_and_harmless)
{
	struct held t = hold();
	char key[16];

	for (int i = 0; i < 9; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		use(&t, key, AUTHTOK_ROTATED);
		if (i > 0 && i < 8)
			world_refuse(&w, first.refresh, "key0", AUTHTOK_ESTALE);
	}
	/* the ninth key pushed the first out */
	world_refuse(&w, first.refresh, "key0", AUTHTOK_EREUSED);
}
END_TEST

START_TEST(power_cut_after_a_rotation_signs_nobody_out)
{
	struct held t = hold();

	use(&t, NULL, AUTHTOK_ROTATED);
	w.power_lost = true;
	use(&t, NULL, AUTHTOK_ROTATED);
	w.power_lost = false;
	ck_assert_uint_eq(world_row(&w, first.sid).gen, 1);
	use(&t, NULL, AUTHTOK_FORWARDED);
	ck_assert_uint_eq(world_row(&w, first.sid).gen, 3);
	use(&t, NULL, AUTHTOK_ROTATED);
}
END_TEST

START_TEST(power_cut_after_a_replacement_signs_nobody_out)
{
	struct held t = hold();

	use(&t, NULL, AUTHTOK_ROTATED);
	wait_for(LEEWAY + 1);
	t = hold();
	w.power_lost = true;
	use(&t, NULL, AUTHTOK_REPLACED);
	w.power_lost = false;
	ck_assert_uint_eq(world_row(&w, first.sid).branch, 0);
	use(&t, NULL, AUTHTOK_FORWARDED);
	ck_assert_uint_eq(world_row(&w, first.sid).branch, 1);
	use(&t, NULL, AUTHTOK_ROTATED);
}
END_TEST

/* Also when the store is so far behind that its row looks idle. */
START_TEST(power_cut_long_ago_signs_nobody_out)
{
	struct held t = hold();

	w.power_lost = true;
	use(&t, NULL, AUTHTOK_ROTATED);
	w.power_lost = false;
	wait_for(DAY + 5);
	use(&t, NULL, AUTHTOK_FORWARDED);
	use(&t, NULL, AUTHTOK_ROTATED);
}
END_TEST

START_TEST(old_tokens_are_spared_for_a_minute_after_a_roll_forward)
{
	struct held t = hold(), tab;

	use(&t, NULL, AUTHTOK_ROTATED);
	tab = t;
	w.power_lost = true;
	use(&t, NULL, AUTHTOK_ROTATED);
	use(&tab, NULL, AUTHTOK_ROTATED); /* the same, from the lost row */
	ck_assert_str_eq(t.text, tab.text);
	w.power_lost = false;
	use(&t, NULL, AUTHTOK_FORWARDED);
	wait_for(60);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_ESTALE);
	wait_for(1);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREUSED);
}
END_TEST

START_TEST(kill_at_any_point_signs_nobody_out)
{
	static const enum world_how hows[] = { WORLD_BEFORE, WORLD_AFTER };
	static const char *const keys[] = { NULL, "key" };

	for (size_t i = 0; i < 4; i++) {
		struct held t;

		world_sign_in(&w, &first);
		t = hold();
		world_break(
		    &w, WORLD_UPDATE, hows[i % 2], AUTHTOK_ESTORE, 1, false);
		world_refuse(&w, t.text, keys[i / 2], AUTHTOK_ESTORE);
		world_heal(&w);
		wait_for(LEEWAY + 1);
		use(&t, keys[i / 2],
		    i % 2 == 0       ? AUTHTOK_ROTATED
			: i / 2 == 0 ? AUTHTOK_REPLACED
				     : AUTHTOK_REPEATED);
		use(&t, NULL, AUTHTOK_ROTATED);
	}
}
END_TEST

START_TEST(rotations_do_not_wait_for_the_disk)
{
	struct held t = hold(), t1;

	world_heal(&w);
	use(&t, NULL, AUTHTOK_ROTATED);
	t1 = t;
	wait_for(LEEWAY + 1);
	t = hold();
	use(&t, NULL, AUTHTOK_REPLACED);
	ck_assert_int_eq(w.calls[WORLD_UPDATE], 2);
	ck_assert_int_eq(w.durable_updates, 0);
	world_refuse(&w, t1.text, NULL, AUTHTOK_EREUSED);
	ck_assert_int_eq(w.calls[WORLD_REVOKE], 1);
}
END_TEST

START_TEST(genuine_old_token_may_end_its_own_session_only)
{
	struct authtok_tokens other;
	struct held t = hold();

	world_sign_in(&w, &other);
	use(&t, NULL, AUTHTOK_ROTATED);
	use(&t, NULL, AUTHTOK_ROTATED);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREUSED);
	world_expect(&w, other.refresh, NULL, AUTHTOK_ROTATED, NULL);
}
END_TEST

START_TEST(forged_token_can_do_nothing)
{
	struct held t = hold();
	struct authtok_session was, is;

	use(&t, NULL, AUTHTOK_ROTATED);
	was = world_row(&w, first.sid);
	world_heal(&w);
	for (size_t i = 5; i < AUTHTOK_REFRESH_LEN; i++) {
		struct held forged = hold();
		enum authtok_outcome outcome;
		struct authtok_tokens tokens;
		enum authtok_err err;

		forged.text[i] = forged.text[i] == 'A' ? 'B' : 'A';
		err = world_refresh(&w, forged.text, NULL, &outcome, &tokens);
		ck_assert(err == AUTHTOK_ESIG || err == AUTHTOK_EKEY);
		ck_assert(world_is_pattern(&tokens));
	}
	/* M is wrong in all of them: the store was never asked */
	ck_assert_int_eq(w.calls[WORLD_FIND], 0);
	is = world_row(&w, first.sid);
	ck_assert_mem_eq(&was, &is, sizeof(was));
	use(&t, NULL, AUTHTOK_ROTATED);
}
END_TEST

START_TEST(session_never_grows)
{
	struct held t = hold();
	char key[16];

	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		use(&t, key, AUTHTOK_ROTATED);
		ck_assert_uint_le(
		    world_row(&w, first.sid).retry_count, AUTHTOK_RETRIES_MAX);
	}
}
END_TEST

START_TEST(strict_gives_no_second_answer)
{
	struct held t = hold();

	use(&t, NULL, AUTHTOK_ROTATED);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREUSED);
	world_refuse(&w, t.text, NULL, AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(strict_refuses_a_retry_with_its_key)
{
	struct held t = hold();

	use(&t, "key", AUTHTOK_ROTATED);
	world_refuse(&w, first.refresh, "key", AUTHTOK_ESTALE);
	use(&t, "key2", AUTHTOK_ROTATED);
	world_refuse(&w, first.refresh, "other", AUTHTOK_EREUSED);
}
END_TEST

static void
add_clients(Suite *suite)
{
	TCase *tc = tcase_create("clients");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, two_tabs_get_the_same_child);
	tcase_add_test(
	    tc, two_tabs_with_a_shared_key_get_the_same_child_at_any_time);
	tcase_add_test(tc, lost_reply_is_answered_within_the_idle_lifetime);
	tcase_add_test(
	    tc, lost_reply_with_a_key_is_answered_within_the_idle_lifetime);
	tcase_add_test(tc, lost_reply_is_too_late_after_the_idle_lifetime);
	tcase_add_test(tc, stock_client_works_until_the_absolute_lifetime);
	tcase_add_test(tc, late_duplicate_is_stale_and_harmless);
	tcase_add_test(tc, session_never_grows);
	suite_add_tcase(suite, tc);
}

static void
add_thieves(Suite *suite)
{
	TCase *tc = tcase_create("thieves");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, stock_client_has_no_theft_detection);
	tcase_add_test(tc, thief_first_is_exposed_when_both_have_refreshed);
	tcase_add_test(tc, thief_second_is_exposed_when_both_have_refreshed);
	tcase_add_test(tc, thief_who_went_on_is_exposed_by_the_victim);
	tcase_add_test(tc, client_with_a_key_has_no_leeway_to_hide_in);
	tcase_add_test(tc, thief_without_a_key_is_exposed_inside_the_leeway);
	tcase_add_test(tc, genuine_old_token_may_end_its_own_session_only);
	tcase_add_test(tc, forged_token_can_do_nothing);
	suite_add_tcase(suite, tc);
}

static void
add_power(Suite *suite)
{
	TCase *tc = tcase_create("power");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, power_cut_after_a_rotation_signs_nobody_out);
	tcase_add_test(tc, power_cut_after_a_replacement_signs_nobody_out);
	tcase_add_test(tc, power_cut_long_ago_signs_nobody_out);
	tcase_add_test(
	    tc, old_tokens_are_spared_for_a_minute_after_a_roll_forward);
	tcase_add_test(tc, kill_at_any_point_signs_nobody_out);
	tcase_add_test(tc, rotations_do_not_wait_for_the_disk);
	suite_add_tcase(suite, tc);
}

static int
run(void)
{
	Suite *suite = suite_create("consequences");
	TCase *tc = tcase_create("strict");
	SRunner *runner;
	int failed;

	add_clients(suite);
	add_thieves(suite);
	add_power(suite);
	tcase_add_checked_fixture(tc, setup_strict, teardown);
	tcase_add_test(tc, strict_gives_no_second_answer);
	tcase_add_test(tc, strict_refuses_a_retry_with_its_key);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed;
}

int
main(void)
{
	int failed = run();

	world_one_step = true;
	failed += run();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
