/*
 * Throttling of sign-ins, with a clock that is an argument.
 */
#include "account/password.h"
#include "account/throttle.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW    INT64_C(1800000000)
#define HERE   "192.0.2.7"
#define BEYOND 1000000 /* free failures that are never used up */

static struct at_throttle *throttle;

static void
set_up(unsigned pair, unsigned account, unsigned prefix, unsigned delay_max)
{
	const unsigned free_of[] = { pair, account, prefix };

	ck_assert_int_eq(
	    at_throttle_new(free_of, delay_max, &throttle), AUTHTOK_OK);
}

/* One attempt; the seconds to wait when it is refused, else 0. */
static unsigned
attempt(const char *name, const char *address, int64_t now,
    enum at_throttle_end end)
{
	struct at_throttle_ticket ticket;
	enum authtok_err err;
	unsigned wait = 0;

	err = at_throttle_begin(throttle, name, address, now, &ticket, &wait);
	if (err == AUTHTOK_ETHROTTLED) {
		ck_assert_uint_ge(wait, 1);
		return wait;
	}
	ck_assert_int_eq(err, AUTHTOK_OK);
	ck_assert_uint_eq(wait, 0);
	at_throttle_finish(throttle, &ticket, now, end);
	return 0;
}

static unsigned
miss(const char *name, const char *address, int64_t now)
{
	return attempt(name, address, now, AT_THROTTLE_FAILED);
}

/* Guess as fast as it lets us; returns how many guesses got through. */
static unsigned
guess(const char *name, const char *address, int64_t from, int64_t until)
{
	unsigned through = 0;
	unsigned wait;

	while (from < until) {
		wait = miss(name, address, from);
		if (wait == 0)
			through++;
		from += wait;
	}
	return through;
}

START_TEST(delays_grow)
{
	int64_t now = NOW;
	unsigned i, wait;

	set_up(5, BEYOND, BEYOND, 30);
	for (i = 0; i < 6; i++)
		ck_assert_uint_eq(miss("anna", HERE, now), 0);
	for (i = 0; i < 100; i++) {
		wait = miss("anna", HERE, now);
		/* nothing is forgotten in the first 300 seconds */
		if (i < 9)
			ck_assert_uint_eq(wait, 1u << i);
		else
			ck_assert(wait >= 128 && wait <= 300);
		/* the refused do not count and do not push the end away */
		ck_assert_uint_eq(miss("anna", HERE, now), wait);
		ck_assert_uint_eq(miss("anna", HERE, now + wait - 1), 1);
		now += wait;
		ck_assert_uint_eq(miss("anna", HERE, now), 0);
	}
	at_throttle_free(throttle);
}
END_TEST

START_TEST(an_account_waits_at_most_delay_max)
{
	char address[32];
	unsigned i, wait, longest = 0;
	int64_t now = NOW;

	set_up(5, 20, BEYOND, 30);
	for (i = 0; i < 2000; i++) {
		/* a new network each time */
		snprintf(
		    address, sizeof(address), "10.%u.%u.1", i / 200, i % 200);
		wait = miss("anna", address, now);
		if (i < 21)
			ck_assert_uint_eq(wait, 0);
		if (wait > longest)
			longest = wait;
		now += wait;
	}
	ck_assert_uint_gt(longest, 8);
	ck_assert_uint_le(longest, 30);
	/* never locked out: after the longest delay it is open */
	ck_assert_uint_eq(miss("anna", "203.0.113.1", now + 30), 0);
	at_throttle_free(throttle);
}
END_TEST

START_TEST(a_prefix_is_counted)
{
	char name[32];
	unsigned i;

	set_up(5, 20, 50, 30);
	for (i = 0; i < 51; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		ck_assert_uint_eq(miss(name, HERE, NOW), 0);
	}
	ck_assert_uint_eq(miss("somebody", HERE, NOW), 1);
	ck_assert_uint_eq(miss("somebody", "192.0.2.200", NOW), 1);
	ck_assert_uint_eq(miss("somebody", "::ffff:192.0.2.9", NOW), 1);
	ck_assert_uint_eq(miss("somebody", "192.0.3.7", NOW), 0);
	ck_assert_uint_eq(miss("somebody", NULL, NOW), 0);
	at_throttle_free(throttle);
}
END_TEST

/* Which addresses are one network. */
START_TEST(networks)
{
	static const struct {
		const char *one, *other;
		bool same;
	} pairs[] = {
		{ HERE, "192.0.2.255", true },
		{ "192.0.2.1", "192.0.3.1", false },
		{ "192.0.2.1", "192.1.2.1", false },
		{ "192.0.2.1", "::ffff:192.0.2.9", true },
		{ "192.0.2.1", "::ffff:c000:0209", true },
		{ "192.0.2.1", "::ffff:192.0.3.1", false },
		{ "192.0.2.1", "::192.0.2.1", false },
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:1:2::1", "2001:DB8:0001:0002::1", true },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", false },
		{ "2001:db8:1:2::1", "2001:db9:1:2::1", false },
		{ "fe80::1%eth0", "fe80::2%eth1", true },
		{ "fe80::1%eth0", "fe80::9", true },
		{ "::1", "127.0.0.1", false },
		{ "0.0.0.1", "::1", false },
		{ NULL, "", true },
		{ NULL, "nonsense", true },
		{ NULL, "192.0.2.256", true },
		{ NULL, "192.0.2.1:8080", true },
		{ NULL, "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0",
		    true },
		{ NULL, "0.0.0.0", false },
		{ NULL, "::", false },
	};
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		set_up(BEYOND, BEYOND, 0, 30);
		ck_assert_uint_eq(miss("anna", pairs[i].one, NOW), 0);
		ck_assert_msg(
		    (miss("otto", pairs[i].other, NOW) == 1) == pairs[i].same,
		    "%s and %s", pairs[i].one, pairs[i].other);
		at_throttle_free(throttle);
	}
}
END_TEST

START_TEST(names_fold)
{
	char one[200], other[200];

	set_up(BEYOND, 0, BEYOND, 30);
	ck_assert_uint_eq(miss("anna", HERE, NOW), 0);
	ck_assert_uint_eq(miss("ANNA", "10.0.0.1", NOW), 1);
	ck_assert_uint_eq(miss("AnnA", "10.0.1.1", NOW), 1);
	ck_assert_uint_eq(miss("annb", HERE, NOW), 0);
	/* names longer than any are one, and read no further than that */
	memset(one, 'x', sizeof(one));
	one[199] = '\0';
	strcpy(other, one);
	other[150] = 'y';
	ck_assert_uint_eq(miss(one, HERE, NOW), 0);
	ck_assert_uint_eq(miss(other, HERE, NOW), 1);
	one[64] = '\0';
	ck_assert_uint_eq(miss(one, HERE, NOW), 0);
	ck_assert_uint_eq(miss("", HERE, NOW), 0);
	at_throttle_free(throttle);
}
END_TEST

START_TEST(success_clears_the_pair_only)
{
	unsigned i;

	set_up(3, 6, BEYOND, 30);
	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(miss("anna", HERE, NOW), 0);
	ck_assert_uint_eq(attempt("anna", HERE, NOW, AT_THROTTLE_PASSED), 0);
	/* the pair begins anew; the account has three already */
	for (i = 0; i < 4; i++)
		ck_assert_uint_eq(miss("anna", HERE, NOW), 0);
	ck_assert_uint_eq(miss("anna", "10.0.0.1", NOW), 1);
	at_throttle_free(throttle);
}
END_TEST

START_TEST(success_and_neither_do_not_count)
{
	unsigned i;

	set_up(2, 2, 2, 30);
	for (i = 0; i < 100; i++) {
		ck_assert_uint_eq(
		    attempt("anna", HERE, NOW, AT_THROTTLE_PASSED), 0);
		ck_assert_uint_eq(
		    attempt("anna", HERE, NOW, AT_THROTTLE_NEITHER), 0);
	}
	/* neither does not forgive */
	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(miss("anna", HERE, NOW), 0);
	ck_assert_uint_eq(attempt("anna", HERE, NOW, AT_THROTTLE_NEITHER), 1);
	ck_assert_uint_eq(
	    attempt("anna", HERE, NOW + 1, AT_THROTTLE_NEITHER), 0);
	ck_assert_uint_eq(miss("anna", HERE, NOW + 1), 0);
	ck_assert_uint_eq(miss("anna", HERE, NOW + 1), 2);
	at_throttle_free(throttle);
}
END_TEST

START_TEST(failures_are_forgotten)
{
	unsigned i;

	set_up(5, BEYOND, BEYOND, 30);
	for (i = 0; i < 6; i++)
		ck_assert_uint_eq(miss("anna", HERE, NOW), 0);
	/* six at 300 s each */
	for (i = 0; i < 6; i++)
		ck_assert_uint_eq(miss("anna", HERE, NOW + 1800), 0);
	ck_assert_uint_eq(miss("anna", HERE, NOW + 1800), 1);
	/* half of them */
	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(miss("anna", HERE, NOW + 2700), 0);
	ck_assert_uint_eq(miss("anna", HERE, NOW + 2700), 1);
	at_throttle_free(throttle);
}
END_TEST

START_TEST(a_failure_is_remembered_from_its_own_time)
{
	set_up(0, BEYOND, BEYOND, 30);
	ck_assert_uint_eq(attempt("anna", HERE, NOW, AT_THROTTLE_PASSED), 0);
	ck_assert_uint_eq(miss("anna", HERE, NOW + 299), 0);
	ck_assert_uint_eq(miss("anna", HERE, NOW + 301), 0);
	/* the second, not the first again */
	ck_assert_uint_eq(miss("anna", HERE, NOW + 301), 2);
	at_throttle_free(throttle);
}
END_TEST

START_TEST(guesses_in_a_day)
{
	unsigned through;

	set_up(5, 20, 50, 30);
	through = guess("anna", HERE, NOW, NOW + 86400);
	/* one in 300 s, and those at the beginning */
	ck_assert_uint_le(through, 86400 / 300 + 20);
	ck_assert_uint_ge(through, 86400 / 300);
	at_throttle_free(throttle);
}
END_TEST

START_TEST(a_clock_that_is_set_back)
{
	unsigned i;

	set_up(0, BEYOND, BEYOND, 30);
	for (i = 0; i < 1; i++)
		ck_assert_uint_eq(miss("anna", HERE, NOW), 0);
	/* by a year: closed for no longer than the longest delay */
	ck_assert_uint_le(miss("anna", HERE, NOW - 31536000), 300);
	ck_assert_uint_eq(miss("anna", HERE, NOW - 31536000 + 300), 0);
	/* and forgetting goes on by the new time */
	ck_assert_uint_eq(miss("anna", HERE, NOW - 31536000 + 3000), 0);
	ck_assert_uint_eq(miss("anna", HERE, NOW - 31536000 + 3000), 1);
	at_throttle_free(throttle);
}
END_TEST

/* Whatever a clock says, nothing overflows and guessing stays slow. */
START_TEST(a_clock_out_of_its_mind)
{
	static const int64_t times[] = { INT64_MIN, -1, 0, INT64_MAX,
		INT64_MAX - 1, INT64_MIN, 1, INT64_C(4300000000) };
	struct at_throttle_ticket ticket;
	unsigned refused, wait, tries;
	size_t i;

	set_up(5, 20, 50, 30);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		refused = 0;
		for (tries = 0; tries < 40; tries++) {
			wait = 0;
			if (at_throttle_begin(throttle, "anna", "192.0.2.1",
				times[i], &ticket, &wait) != AUTHTOK_OK) {
				ck_assert_uint_ge(wait, 1);
				ck_assert_uint_le(wait, 300);
				refused++;
				continue;
			}
			at_throttle_finish(
			    throttle, &ticket, times[i], AT_THROTTLE_FAILED);
		}
		ck_assert_uint_ge(refused, 30);
	}
	at_throttle_free(throttle);
}
END_TEST

START_TEST(arguments)
{
	const unsigned free_of[] = { 5, 20, 50 };

	throttle = NULL;
	ck_assert_int_eq(
	    at_throttle_new(free_of, 31, &throttle), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    at_throttle_new(free_of, 0, &throttle), AUTHTOK_EINVAL);
	ck_assert_ptr_null(throttle);
	at_throttle_free(NULL);
}
END_TEST

/* Noise from everywhere does not make it forget whom it has slowed down. */
START_TEST(a_flood_does_not_wash_it_out)
{
	char name[32], address[32];
	unsigned i;

	set_up(5, 20, 50, 30);
	for (i = 0; i < 26; i++) {
		snprintf(address, sizeof(address), "10.0.%u.1", i);
		(void)miss("anna", address, NOW);
	}
	ck_assert_uint_ge(miss("anna", "10.9.9.9", NOW), 1);
	for (i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "noise%u", i);
		snprintf(
		    address, sizeof(address), "11.%u.%u.1", i / 250, i % 250);
		(void)miss(name, address, NOW);
	}
	ck_assert_uint_ge(miss("anna", "10.9.9.9", NOW), 1);
	at_throttle_free(throttle);
}
END_TEST

#define IN_FLIGHT 300

/* Those under way are counted in the end, whatever comes between. */
START_TEST(a_flood_does_not_wash_out_what_is_under_way)
{
	static struct at_throttle_ticket tickets[IN_FLIGHT];
	char name[32], address[32];
	unsigned i, wait;

	set_up(BEYOND, 0, BEYOND, 30);
	for (i = 0; i < IN_FLIGHT; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		snprintf(address, sizeof(address), "10.0.%u.1", i % 250);
		ck_assert_int_eq(at_throttle_begin(throttle, name, address, NOW,
				     &tickets[i], &wait),
		    AUTHTOK_OK);
	}
	for (i = 0; i < 50000; i++) {
		snprintf(name, sizeof(name), "noise%u", i);
		snprintf(
		    address, sizeof(address), "11.%u.%u.1", i / 250, i % 250);
		(void)attempt(name, address, NOW, AT_THROTTLE_NEITHER);
	}
	for (i = 0; i < IN_FLIGHT; i++)
		at_throttle_finish(
		    throttle, &tickets[i], NOW, AT_THROTTLE_FAILED);
	for (i = 0; i < IN_FLIGHT; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		ck_assert_uint_eq(miss(name, HERE, NOW), 1);
	}
	at_throttle_free(throttle);
}
END_TEST

#define THREADS 16

static pthread_barrier_t barrier;
static enum at_throttle_end outcome;
static unsigned under_way, most;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Tries once; the result is how it went. */
static void *
one_of_many(void *arg)
{
	struct at_throttle_ticket ticket;
	enum authtok_err *err = arg;
	unsigned wait = 0;

	pthread_barrier_wait(&barrier);
	*err = at_throttle_begin(throttle, "anna", HERE, NOW, &ticket, &wait);
	if (*err != AUTHTOK_OK)
		return NULL;
	pthread_mutex_lock(&lock);
	if (++under_way > most)
		most = under_way;
	pthread_mutex_unlock(&lock);
	sched_yield();
	pthread_mutex_lock(&lock);
	under_way--;
	pthread_mutex_unlock(&lock);
	at_throttle_finish(throttle, &ticket, NOW, outcome);
	return NULL;
}

static unsigned
all_at_once(enum at_throttle_end end)
{
	enum authtok_err errs[THREADS];
	pthread_t threads[THREADS];
	unsigned passed = 0;
	unsigned i;

	outcome = end;
	under_way = most = 0;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, one_of_many, &errs[i]);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	for (i = 0; i < THREADS; i++) {
		ck_assert(
		    errs[i] == AUTHTOK_OK || errs[i] == AUTHTOK_ETHROTTLED);
		passed += errs[i] == AUTHTOK_OK;
	}
	return passed;
}

START_TEST(many_guesses_at_once_are_as_many_in_a_row)
{
	unsigned i;

	for (i = 0; i < 50; i++) {
		set_up(5, 20, 50, 30);
		ck_assert_uint_eq(all_at_once(AT_THROTTLE_FAILED), 6);
		at_throttle_free(throttle);
	}
}
END_TEST

START_TEST(many_good_ones_at_once_all_pass)
{
	unsigned i;

	for (i = 0; i < 50; i++) {
		set_up(2, 20, 50, 30);
		ck_assert_uint_eq(all_at_once(AT_THROTTLE_PASSED), THREADS);
		ck_assert_uint_le(most, 3);
		ck_assert_uint_eq(all_at_once(AT_THROTTLE_NEITHER), THREADS);
		at_throttle_free(throttle);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("throttle");
	TCase *tcase = tcase_create("throttle");
	SRunner *runner;
	int failed;

	if (at_password_init() != AUTHTOK_OK)
		return EXIT_FAILURE;
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, delays_grow);
	tcase_add_test(tcase, an_account_waits_at_most_delay_max);
	tcase_add_test(tcase, a_prefix_is_counted);
	tcase_add_test(tcase, networks);
	tcase_add_test(tcase, names_fold);
	tcase_add_test(tcase, success_clears_the_pair_only);
	tcase_add_test(tcase, success_and_neither_do_not_count);
	tcase_add_test(tcase, failures_are_forgotten);
	tcase_add_test(tcase, a_failure_is_remembered_from_its_own_time);
	tcase_add_test(tcase, guesses_in_a_day);
	tcase_add_test(tcase, a_flood_does_not_wash_out_what_is_under_way);
	tcase_add_test(tcase, a_clock_that_is_set_back);
	tcase_add_test(tcase, a_clock_out_of_its_mind);
	tcase_add_test(tcase, arguments);
	tcase_add_test(tcase, a_flood_does_not_wash_it_out);
	tcase_add_test(tcase, many_guesses_at_once_are_as_many_in_a_row);
	tcase_add_test(tcase, many_good_ones_at_once_all_pass);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
