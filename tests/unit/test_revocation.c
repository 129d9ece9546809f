/*
 * The revocation set by itself and behind authtok_verify: what is revoked, from
 * when, for how long it is kept, and many readers beside one that adds.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <authtok.h>

#include "token/revocation.h"

#define NOW 1000000

static struct authtok_revocations *set;
static struct authtok *engine;
static struct authtok_claims *claims;
static int64_t clock_now;

static int64_t
test_now(void *arg)
{
	(void)arg;
	return clock_now;
}

static struct authtok *
make_engine(struct authtok_revocations *revocations)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys = NULL;
	struct authtok *made = NULL;

	config.issuer = "iss";
	config.audience = "aud";
	config.now = test_now;
	config.revocations = revocations;
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_hmac(keys, "k", AUTHTOK_HS256,
			     "0123456789abcdefghijklmnopqrstuv", 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_new(&config, keys, &made), AUTHTOK_OK);
	authtok_keys_free(keys);
	return made;
}

static void
setup(void)
{
	clock_now = NOW;
	ck_assert_int_eq(authtok_revocations_new(&set), AUTHTOK_OK);
	engine = make_engine(set);
	ck_assert_int_eq(authtok_claims_new(&claims), AUTHTOK_OK);
}

static void
teardown(void)
{
	authtok_claims_free(claims);
	authtok_free(engine);
	authtok_revocations_free(set);
}

static void
sid_of(uint32_t n, uint8_t sid[AUTHTOK_SID_LEN])
{
	memset(sid, 0, AUTHTOK_SID_LEN);
	memcpy(sid, &n, sizeof(n));
	n *= 2654435761u;
	memcpy(sid + 8, &n, sizeof(n));
}

static enum authtok_err
revoke_session(uint32_t n, int64_t until, int64_t now)
{
	struct authtok_revocation event = { .until = until };

	sid_of(n, event.sid);
	return authtok_revocations_add(set, &event, 1, now);
}

static enum authtok_err
revoke_user(int64_t user, int64_t epoch, int64_t until)
{
	struct authtok_revocation event = {
		.user_id = user, .epoch = epoch, .until = until
	};

	return authtok_revocations_add(set, &event, 1, NOW);
}

static bool
session_revoked(uint32_t n)
{
	uint8_t sid[AUTHTOK_SID_LEN];

	sid_of(n, sid);
	return at_revoked(set, sid, 1, 0);
}

/* A token of session n, user and epoch; with the engine's verdict. */
static enum authtok_err
verify(const struct authtok *by, uint32_t n, int64_t user, int64_t epoch)
{
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	char token[AUTHTOK_TOKEN_MAX + 1];
	uint8_t sid[AUTHTOK_SID_LEN];
	size_t len;

	sid_of(n, sid);
	grant.user_id = user;
	grant.sid = n != 0 ? sid : NULL;
	grant.epoch = epoch;
	ck_assert_int_eq(
	    authtok_issue(by, &grant, token, sizeof(token), &len, NULL),
	    AUTHTOK_OK);
	return authtok_verify(by, token, len, claims);
}

START_TEST(a_session_is_revoked_and_no_other)
{
	ck_assert_int_eq(verify(engine, 7, 1, 0), AUTHTOK_OK);
	ck_assert_int_eq(revoke_session(7, NOW + 10, NOW), AUTHTOK_OK);
	ck_assert_int_eq(verify(engine, 7, 1, 0), AUTHTOK_EREVOKED);
	ck_assert_ptr_null(authtok_claims_subject(claims));
	ck_assert_int_eq(verify(engine, 8, 1, 0), AUTHTOK_OK);
	ck_assert_int_eq(verify(engine, 0, 1, 0), AUTHTOK_OK);
}
END_TEST

START_TEST(an_epoch_revokes_what_is_below_it)
{
	ck_assert_int_eq(revoke_user(5, 3, NOW + 10), AUTHTOK_OK);
	ck_assert_int_eq(verify(engine, 1, 5, 2), AUTHTOK_EREVOKED);
	ck_assert_int_eq(verify(engine, 0, 5, 2), AUTHTOK_EREVOKED);
	ck_assert_int_eq(verify(engine, 1, 5, 3), AUTHTOK_OK);
	ck_assert_int_eq(verify(engine, 1, 6, 0), AUTHTOK_OK);
	/* a later one raises it, an earlier one never lowers it */
	ck_assert_int_eq(revoke_user(5, 4, NOW + 20), AUTHTOK_OK);
	ck_assert_int_eq(revoke_user(5, 1, NOW + 30), AUTHTOK_OK);
	ck_assert_int_eq(verify(engine, 1, 5, 3), AUTHTOK_EREVOKED);
	ck_assert_int_eq(verify(engine, 1, 5, 4), AUTHTOK_OK);
	ck_assert_uint_eq(authtok_revocations_count(set), 1);
	/* a deleted user: no epoch is good */
	ck_assert_int_eq(revoke_user(6, INT64_MAX, NOW + 10), AUTHTOK_OK);
	ck_assert_int_eq(
	    verify(engine, 1, 6, INT64_C(1) << 53), AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(engines_share_one_set)
{
	struct authtok *second = make_engine(set);
	struct authtok *without = make_engine(NULL);

	ck_assert_int_eq(revoke_session(7, NOW + 10, NOW), AUTHTOK_OK);
	ck_assert_int_eq(verify(second, 7, 1, 0), AUTHTOK_EREVOKED);
	ck_assert_int_eq(verify(without, 7, 1, 0), AUTHTOK_OK);
	authtok_free(second);
	authtok_free(without);
}
END_TEST

START_TEST(the_same_twice_is_one)
{
	for (int i = 0; i < 5000; i++)
		ck_assert_int_eq(revoke_session(7, NOW + 10, NOW), AUTHTOK_OK);
	ck_assert_uint_eq(authtok_revocations_count(set), 1);
	/* what is over is not taken */
	ck_assert_int_eq(revoke_session(8, NOW, NOW), AUTHTOK_OK);
	ck_assert_uint_eq(authtok_revocations_count(set), 1);
	ck_assert(!session_revoked(8));
}
END_TEST

START_TEST(a_hundred_thousand_are_all_there)
{
	uint32_t i;

	for (i = 1; i <= 100000; i++)
		ck_assert_int_eq(revoke_session(i, NOW + 10, NOW), AUTHTOK_OK);
	ck_assert_uint_eq(authtok_revocations_count(set), 100000);
	for (i = 1; i <= 100000; i++)
		ck_assert(session_revoked(i));
	for (; i <= 200000; i++)
		ck_assert(!session_revoked(i));
}
END_TEST

START_TEST(what_is_over_makes_room)
{
	uint32_t i;

	/* one lives for 100 s; a thousand a second come: never more than that
	 * many, and as much again, are held */
	for (i = 1; i <= 300000; i++) {
		int64_t now = NOW + i / 1000;

		ck_assert_int_eq(revoke_session(i, now + 100, now), AUTHTOK_OK);
		ck_assert_uint_le(authtok_revocations_count(set), 262144);
		ck_assert(session_revoked(i));
	}
	for (i = 300000 - 99000; i <= 300000; i++)
		ck_assert(session_revoked(i));
	ck_assert(!session_revoked(1));
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
	struct authtok_revocation event = { .until = NOW };

	ck_assert_int_eq(authtok_revocations_new(NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_revocations_add(NULL, &event, 1, NOW), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_revocations_add(set, NULL, 1, NOW), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_revocations_add(set, NULL, 0, NOW), AUTHTOK_OK);
	ck_assert_uint_eq(authtok_revocations_count(NULL), 0);
	authtok_revocations_free(NULL);
}
END_TEST

/* ---- readers beside one that adds ----------------------------------------- */

#define ADDED 60000

static _Atomic(uint32_t) added; /* so many are in */
static _Atomic(uint32_t) wrong;
static atomic_bool done;

static void *
reader(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg, n, in;
	bool is;

	while (!atomic_load(&done)) {
		seed = seed * 1664525u + 1013904223u;
		in = atomic_load(&added);
		n = 1 + (seed >> 8) % (2 * ADDED);
		is = session_revoked(n);
		/* kept for ever here, so once in, always in */
		if ((n <= in && !is) || (n > ADDED && is))
			atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

START_TEST(readers_never_miss_what_is_in)
{
	pthread_t threads[4];
	uintptr_t i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, reader, (void *)(i + 1)),
		    0);
	for (i = 1; i <= ADDED; i++) {
		ck_assert_int_eq(
		    revoke_session((uint32_t)i, INT64_MAX, NOW), AUTHTOK_OK);
		atomic_store(&added, (uint32_t)i);
	}
	/* rebuilds over and over: others come and are over */
	for (i = 1; i <= 4 * ADDED; i++)
		ck_assert_int_eq(revoke_session(0x40000000u + (uint32_t)i,
				     NOW + (int64_t)i + 10, NOW + (int64_t)i),
		    AUTHTOK_OK);
	atomic_store(&done, true);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("revocation");
	TCase *tcase = tcase_create("revocation");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_session_is_revoked_and_no_other);
	tcase_add_test(tcase, an_epoch_revokes_what_is_below_it);
	tcase_add_test(tcase, engines_share_one_set);
	tcase_add_test(tcase, the_same_twice_is_one);
	tcase_add_test(tcase, a_hundred_thousand_are_all_there);
	tcase_add_test(tcase, what_is_over_makes_room);
	tcase_add_test(tcase, bad_arguments_are_refused);
	tcase_add_test(tcase, readers_never_miss_what_is_in);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
