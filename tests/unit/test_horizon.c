/*
 * For how long a revocation is remembered: one lifetime of an access token, so
 * that the set stays small, and never less than a token can live.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session_ends.h"

#define LEEWAY  30 /* of the clocks, by default */
#define HORIZON (3600 + 2 * LEEWAY + 5)
#define CROWD   5000

static struct ends e;
static struct world *const w = &e.w;
static struct authtok_tokens mine;

static void
setup(void)
{
	ends_open(&e, NULL, false);
	world_sign_in(w, &mine);
}

static void
teardown(void)
{
	ends_close(&e);
}

static enum authtok_err
verify(const struct authtok *engine)
{
	return authtok_verify(
	    engine, mine.access, strlen(mine.access), w->claims);
}

static void
revoke_mine(void)
{
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, mine.sid, NULL),
	    AUTHTOK_OK);
}

/* Mine, from an issuer with another lifetime. */
static void
mine_of(int64_t lifetime)
{
	struct authtok *issuer = ends_engine(&e, NULL, lifetime);
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	size_t len;

	grant.user_id = w->user.id;
	grant.sid = mine.sid;
	grant.epoch = w->user.epoch;
	ck_assert_int_eq(authtok_issue(issuer, &grant, mine.access,
			     sizeof(mine.access), &len, NULL),
	    AUTHTOK_OK);
	authtok_free(issuer);
}

/* The later ones lead the pulls past mine. */
static void
revoke_mine_and_later_ones(void)
{
	struct authtok_tokens others[3];

	for (int i = 0; i < 3; i++)
		world_sign_in(w, &others[i]);
	revoke_mine();
	for (int i = 0; i < 3; i++) {
		w->now += 20;
		ck_assert_int_eq(authtok_session_revoke(w->sessions, w->user.id,
				     others[i].sid, NULL),
		    AUTHTOK_OK);
	}
}

/* Fill the set until it drops what is over; the crowd is over in a second. */
static void
crowd(void)
{
	struct authtok_revocation event = { 0 };

	event.until = w->now + 1;
	for (int i = 0; i < CROWD; i++) {
		memcpy(event.sid, &i, sizeof(i));
		ck_assert_int_eq(
		    authtok_revocations_add(e.set, &event, 1, w->now),
		    AUTHTOK_OK);
	}
}

/* What a process that starts now reads from the store. */
static size_t
pulled(int64_t lifetime)
{
	struct authtok_revocations *set;
	struct authtok *engine;
	size_t n;

	ck_assert_int_eq(authtok_revocations_new(&set), AUTHTOK_OK);
	engine = ends_engine(&e, set, lifetime);
	ck_assert_int_eq(
	    authtok_revocations_pull(engine, w->memory), AUTHTOK_OK);
	n = authtok_revocations_count(set);
	authtok_free(engine);
	authtok_revocations_free(set);
	return n;
}

START_TEST(a_horizon_is_of_the_settings)
{
	struct authtok *engine = ends_engine(&e, NULL, 900);

	ck_assert_int_eq(authtok_horizon(engine), 900 + 2 * LEEWAY + 5);
	ck_assert_int_eq(authtok_horizon(w->engine), HORIZON);
	ck_assert_int_eq(AUTHTOK_HORIZON_MAX, 86400 + 300 + 2 * 300 + 5);
	authtok_free(engine);
}
END_TEST

/* The lifetime was made shorter while a token is out. */
START_TEST(no_token_is_older_than_the_lifetime)
{
	struct authtok *shorter = ends_engine(&e, e.set, 900);
	struct authtok *longer = ends_engine(&e, e.set, 86400);
	struct authtok *bare = ends_engine(&e, NULL, 900);

	w->now = WORLD_START + 899;
	ck_assert_int_eq(verify(shorter), AUTHTOK_OK);
	w->now = WORLD_START + 900;
	ck_assert_int_eq(verify(shorter), AUTHTOK_EEXPIRED);
	/* who knows of no revocation has nothing to forget */
	ck_assert_int_eq(verify(bare), AUTHTOK_OK);
	w->now = WORLD_START + 3599;
	ck_assert_int_eq(verify(w->engine), AUTHTOK_OK);
	ck_assert_int_eq(verify(longer), AUTHTOK_OK);
	w->now = WORLD_START + 3600;
	ck_assert_int_eq(verify(w->engine), AUTHTOK_EEXPIRED);
	ck_assert_int_eq(verify(longer), AUTHTOK_EEXPIRED);
	ck_assert_int_eq(verify(bare), AUTHTOK_EEXPIRED);
	authtok_free(bare);
	authtok_free(longer);
	authtok_free(shorter);
}
END_TEST

START_TEST(a_start_reads_one_lifetime)
{
	revoke_mine();
	w->now = WORLD_START + HORIZON - 1;
	ck_assert_uint_eq(pulled(3600), 1);
	w->now = WORLD_START + HORIZON;
	ck_assert_uint_eq(pulled(3600), 0);
	/* the store has it still: it does not know who reads */
	ck_assert_uint_eq(pulled(86400), 1);
	w->now = WORLD_START + 86400 + 2 * LEEWAY + 5;
	ck_assert_uint_eq(pulled(86400), 0);
}
END_TEST

START_TEST(what_is_over_makes_room)
{
	revoke_mine();
	w->now = WORLD_START + HORIZON;
	crowd();
	ck_assert_uint_eq(authtok_revocations_count(e.set), CROWD);
	w->now = WORLD_START + 1;
	ck_assert_int_eq(verify(w->engine), AUTHTOK_OK);
}
END_TEST

/* The clock of who issued was ahead, that of who revokes is behind, both by as
 * much as is allowed. */
START_TEST(the_last_token_is_outlived)
{
	w->now = WORLD_START + LEEWAY;
	world_sign_in(w, &mine);
	w->now = WORLD_START;
	ck_assert_int_eq(verify(w->engine), AUTHTOK_OK);
	w->now = WORLD_START - LEEWAY;
	revoke_mine();
	for (int64_t left = 3; left > 0; left--) {
		w->now = WORLD_START + LEEWAY + 3600 - left;
		crowd();
		ck_assert_int_eq(verify(w->engine), AUTHTOK_EREVOKED);
	}
	w->now = WORLD_START + LEEWAY + 3600;
	ck_assert_int_eq(verify(w->engine), AUTHTOK_EEXPIRED);
}
END_TEST

/* Shorter and longer again, in one process: what was dropped comes back. */
START_TEST(a_longer_lifetime_reads_all_again)
{
	struct authtok *longer;

	mine_of(7200);
	revoke_mine_and_later_ones();
	w->now = WORLD_START + HORIZON;
	ck_assert_int_eq(
	    authtok_revocations_pull(w->engine, w->memory), AUTHTOK_OK);
	crowd();
	longer = ends_engine(&e, e.set, 7200);
	ck_assert_int_eq(verify(longer), AUTHTOK_OK); /* it is dropped */
	ck_assert_int_eq(
	    authtok_revocations_pull(longer, w->memory), AUTHTOK_OK);
	ck_assert_int_eq(verify(longer), AUTHTOK_EREVOKED);
	authtok_free(longer);
}
END_TEST

/* A clock that was ahead for a while makes nothing forgotten. */
START_TEST(a_clock_that_goes_back_reads_all_again)
{
	struct authtok_revocations *set;
	struct authtok *engine;

	revoke_mine_and_later_ones();
	ck_assert_int_eq(authtok_revocations_new(&set), AUTHTOK_OK);
	engine = ends_engine(&e, set, 3600);
	w->now = WORLD_START + 10 * HORIZON;
	ck_assert_int_eq(
	    authtok_revocations_pull(engine, w->memory), AUTHTOK_OK);
	ck_assert_uint_eq(authtok_revocations_count(set), 0);
	w->now = WORLD_START + 60;
	ck_assert_int_eq(
	    authtok_revocations_pull(engine, w->memory), AUTHTOK_OK);
	ck_assert_int_eq(verify(engine), AUTHTOK_EREVOKED);
	authtok_free(engine);
	authtok_revocations_free(set);
}
END_TEST

/* The engines of a set remember for the one with the longest lifetime. */
START_TEST(a_set_remembers_for_all_its_engines)
{
	struct authtok *longer = ends_engine(&e, e.set, 86400);
	struct authtok *shorter = ends_engine(&e, e.set, 60);

	mine_of(86400);
	revoke_mine(); /* by the service of a shorter one */
	w->now = WORLD_START + 86399;
	crowd();
	ck_assert_int_eq(verify(longer), AUTHTOK_EREVOKED);
	authtok_free(shorter);
	authtok_free(longer);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("horizon");
	TCase *tc = tcase_create("horizon");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_horizon_is_of_the_settings);
	tcase_add_test(tc, no_token_is_older_than_the_lifetime);
	tcase_add_test(tc, a_start_reads_one_lifetime);
	tcase_add_test(tc, what_is_over_makes_room);
	tcase_add_test(tc, the_last_token_is_outlived);
	tcase_add_test(tc, a_longer_lifetime_reads_all_again);
	tcase_add_test(tc, a_clock_that_goes_back_reads_all_again);
	tcase_add_test(tc, a_set_remembers_for_all_its_engines);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
