/*
 * The session service over a store that fails: whichever call, once or from
 * then on, with the write done or not. The answer is of class SYSTEM, no token
 * is handed out, and when the store is back the same token still works.
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

/* Every fault: error, once or persistent, before or after. */
struct fault {
	enum authtok_err err;
	bool persist;
	enum world_how how;
};
#define FAULTS 8

static struct fault
fault(int i)
{
	struct fault f;

	f.err = i & 1 ? AUTHTOK_EBUSY : AUTHTOK_ESTORE;
	f.persist = (i & 2) != 0;
	f.how = i & 4 ? WORLD_AFTER : WORLD_BEFORE;
	return f;
}

static void
break_op(enum world_op op, int i)
{
	struct fault f = fault(i);

	world_break(&w, op, f.how, f.err, 1, f.persist);
}

static void
refuse_with_fault(const char *text, int i)
{
	ck_assert_int_eq(authtok_err_class(fault(i).err), AUTHTOK_CLASS_SYSTEM);
	world_refuse(&w, text, NULL, fault(i).err);
}

START_TEST(open_hands_out_nothing)
{
	struct authtok_tokens tokens;

	world_pattern(&tokens);
	break_op(WORLD_CREATE, _i);
	ck_assert_int_eq(
	    authtok_session_open(w.sessions, &w.user, NULL, &tokens),
	    fault(_i).err);
	ck_assert(world_is_pattern(&tokens));
	/* no second try behind the caller's back */
	ck_assert_int_eq(w.calls[WORLD_CREATE], 1);
	world_heal(&w);
	world_sign_in(&w, &tokens);
	world_expect(&w, tokens.refresh, NULL, AUTHTOK_ROTATED, NULL);
	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, NULL);
}
END_TEST

/* The token of a failed rotation works, whatever became of the write. */
static void
still_works(int64_t pause)
{
	char next[AUTHTOK_REFRESH_LEN + 1];
	struct authtok_tokens tokens;
	enum authtok_outcome outcome;

	world_heal(&w);
	w.now += pause;
	ck_assert_int_eq(
	    world_refresh(&w, first.refresh, NULL, &outcome, &tokens),
	    AUTHTOK_OK);
	memcpy(next, tokens.refresh, sizeof(next));
	world_expect(&w, next, NULL, AUTHTOK_ROTATED, NULL);
}

START_TEST(rotation_whose_read_fails)
{
	break_op(WORLD_FIND, _i);
	refuse_with_fault(first.refresh, _i);
	still_works(0);
}
END_TEST

START_TEST(rotation_whose_write_fails)
{
	break_op(WORLD_UPDATE, _i);
	refuse_with_fault(first.refresh, _i);
	still_works(0);
}
END_TEST

START_TEST(rotation_whose_write_fails_retried_late)
{
	break_op(WORLD_UPDATE, _i);
	refuse_with_fault(first.refresh, _i);
	still_works(3600);
}
END_TEST

START_TEST(replacement_whose_write_fails)
{
	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, NULL);
	w.now += 11;
	break_op(WORLD_UPDATE, _i);
	refuse_with_fault(first.refresh, _i);
	still_works(11);
}
END_TEST

START_TEST(roll_forward_whose_write_fails)
{
	w.power_lost = true;
	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, first.refresh);
	break_op(WORLD_UPDATE, _i);
	refuse_with_fault(first.refresh, _i);
	still_works(11);
}
END_TEST

/* The second read of a lost race fails. */
START_TEST(second_read_fails)
{
	struct fault f = fault(_i);

	world_break(&w, WORLD_FIND, f.how, f.err, 2, f.persist);
	w.races_to_lose = 1;
	refuse_with_fault(first.refresh, _i);
	still_works(0);
}
END_TEST

/* Reuse is answered only when the end of the session is durable. */
START_TEST(reuse_whose_revocation_fails)
{
	char t[AUTHTOK_REFRESH_LEN + 1];

	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, t);
	world_expect(&w, t, NULL, AUTHTOK_ROTATED, t);
	break_op(WORLD_REVOKE, _i);
	refuse_with_fault(first.refresh, _i);
	world_heal(&w);
	world_refuse(&w, first.refresh, NULL,
	    fault(_i).how == WORLD_BEFORE ? AUTHTOK_EREUSED : AUTHTOK_EREVOKED);
	world_refuse(&w, t, NULL, AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(expiry_whose_removal_fails)
{
	w.now += 86400;
	break_op(WORLD_DELETE, _i);
	refuse_with_fault(first.refresh, _i);
	world_heal(&w);
	world_refuse(&w, first.refresh, NULL,
	    fault(_i).how == WORLD_BEFORE ? AUTHTOK_EEXPIRED
					  : AUTHTOK_EUNKNOWN);
}
END_TEST

START_TEST(purge_fails)
{
	size_t count = 77;

	break_op(WORLD_PURGE, _i);
	ck_assert_int_eq(authtok_sessions_purge(w.sessions, 10, &count, NULL),
	    fault(_i).err);
	ck_assert_uint_eq(count, 77);
}
END_TEST

START_TEST(eight_lost_races_are_busy)
{
	world_break(&w, WORLD_UPDATE, WORLD_BEFORE, AUTHTOK_ECHANGED, 1, true);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EBUSY);
	ck_assert_int_eq(w.calls[WORLD_UPDATE], 8);
	ck_assert_int_eq(w.calls[WORLD_FIND], 8);
	still_works(0);
}
END_TEST

START_TEST(one_lost_race_is_decided_again)
{
	/* the other caller won: its write is what WORLD_AFTER leaves */
	world_break(&w, WORLD_UPDATE, WORLD_AFTER, AUTHTOK_ECHANGED, 1, false);
	world_expect(&w, first.refresh, NULL, AUTHTOK_REPEATED, NULL);
	ck_assert_int_eq(w.calls[WORLD_FIND], 2);
	ck_assert_int_eq(w.calls[WORLD_UPDATE], 1);
}
END_TEST

START_TEST(lost_removal_is_decided_again)
{
	w.now += 86400;
	world_break(&w, WORLD_DELETE, WORLD_BEFORE, AUTHTOK_ECHANGED, 1, false);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EEXPIRED);
	ck_assert_int_eq(w.calls[WORLD_DELETE], 2);
}
END_TEST

START_TEST(session_gone_during_reuse_is_unknown)
{
	char t[AUTHTOK_REFRESH_LEN + 1];

	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, t);
	world_expect(&w, t, NULL, AUTHTOK_ROTATED, NULL);
	world_break(&w, WORLD_REVOKE, WORLD_BEFORE, AUTHTOK_EUNKNOWN, 1, false);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EUNKNOWN);
}
END_TEST

/* Roles that no token can say: the token is not spent for them. */
START_TEST(broken_roles_spend_nothing)
{
	strcpy(w.user.roles[0], "No Role!");
	world_update_user(&w);
	world_heal(&w);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_ESTORE);
	ck_assert_int_eq(w.calls[WORLD_UPDATE], 0);
	strcpy(w.user.roles[0], "user");
	world_update_user(&w);
	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, NULL);
}
END_TEST

static void
add_faults(Suite *suite)
{
	TCase *tc = tcase_create("faults");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, open_hands_out_nothing, 0, FAULTS);
	tcase_add_loop_test(tc, rotation_whose_read_fails, 0, FAULTS);
	tcase_add_loop_test(tc, rotation_whose_write_fails, 0, FAULTS);
	tcase_add_loop_test(
	    tc, rotation_whose_write_fails_retried_late, 0, FAULTS);
	tcase_add_loop_test(tc, replacement_whose_write_fails, 0, FAULTS);
	tcase_add_loop_test(tc, roll_forward_whose_write_fails, 0, FAULTS);
	tcase_add_loop_test(tc, second_read_fails, 0, FAULTS);
	tcase_add_loop_test(tc, reuse_whose_revocation_fails, 0, FAULTS);
	tcase_add_loop_test(tc, expiry_whose_removal_fails, 0, FAULTS);
	tcase_add_loop_test(tc, purge_fails, 0, FAULTS);
	suite_add_tcase(suite, tc);
}

static int
run(void)
{
	Suite *suite = suite_create("session faults");
	TCase *tc = tcase_create("races");
	SRunner *runner;
	int failed;

	add_faults(suite);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, eight_lost_races_are_busy);
	tcase_add_test(tc, one_lost_race_is_decided_again);
	tcase_add_test(tc, lost_removal_is_decided_again);
	tcase_add_test(tc, session_gone_during_reuse_is_unknown);
	tcase_add_test(tc, broken_roles_spend_nothing);
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
