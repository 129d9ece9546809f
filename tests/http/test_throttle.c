/*
 * Guessing is slowed down: for names that exist and names that do not alike, by
 * account and by network, and nobody is locked out for good.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 60 /* more than any of the free ones below */

static struct authd server;

static void
setup(void)
{
	authd_make(&server,
	    "\"throttle\": {\"freePair\": 4, \"freeAccount\": 12, "
	    "\"freePrefix\": 25, \"delayMax\": 30}, "
	    "\"trustedProxies\": [\"127.0.0.1\"]");
	authd_start(&server);
}

static void
teardown(void)
{
	authd_remove(&server);
}

static void
sign_in_from(struct answer *a, const struct authd *d, const char *from,
    const char *name, const char *password)
{
	char body[256], line[256];

	snprintf(line, sizeof(line), "X-Forwarded-For: %s", from);
	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"password\":\"%s\"}", name, password);
	ask(a, d, "POST", SIGNIN, body, line, NULL);
}

static void
is_throttled(struct answer *a)
{
	const char *s = header(a, "Retry-After");
	long wait;

	has_status(a, 429);
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(strspn(s, "0123456789"), strlen(s));
	wait = strtol(s, NULL, 10);
	ck_assert(wait >= 1 && wait <= 30);
}

/* How many wrong passwords are judged before the first 429. */
static int
free_tries(
    const struct authd *d, const char *from, const char *name, int verdict)
{
	struct answer a;
	int i;

	for (i = 0; i < TRIES; i++) {
		sign_in_from(&a, d, from, name, "wrong");
		if (a.status == 429)
			break;
		has_status(&a, verdict);
	}
	ck_assert_int_lt(i, TRIES);
	is_throttled(&a);
	return i;
}

/*
 * On a machine so slow that a delay is over before the next try more tries are
 * judged; so there are some rounds, and one in which they agree is enough.
 */
START_TEST(known_and_unknown_names_alike)
{
	char name[32], from[32];
	struct answer a;
	int known, unknown, round = 0;

	do {
		snprintf(name, sizeof(name), "ann%d", round);
		sign_up(&server, name);
		snprintf(from, sizeof(from), "192.0.%d.1", round + 1);
		known = free_tries(&server, from, name, 401);
		snprintf(name, sizeof(name), "nobody%d", round);
		snprintf(from, sizeof(from), "198.51.%d.1", round + 1);
		unknown = free_tries(&server, from, name, 404);
		sign_in_from(&a, &server, from, name, "wrong");
	} while (known != unknown && ++round < 5);
	ck_assert_int_eq(known, unknown);
	ck_assert_int_ge(known, 4);
}
END_TEST

START_TEST(nobody_is_locked_out)
{
	struct timespec nap = { 0 };
	struct answer a;
	struct pair p, q;
	const char *s;

	sign_up(&server, "bea");
	sign_in_from(&a, &server, "192.0.2.65", "bea", PASSWORD);
	take_pair(&a, &p);
	(void)free_tries(&server, "203.0.113.1", "bea", 401);
	/* a session of hers goes on meanwhile */
	refresh_ok(&server, p.refresh, NULL, "rotated", &q);
	/* held, also with the right password, and let in after the wait */
	for (;;) {
		sign_in_from(&a, &server, "203.0.113.1", "bea", PASSWORD);
		if (a.status == 200)
			break;
		is_throttled(&a);
		s = header(&a, "Retry-After");
		nap.tv_sec = strtol(s, NULL, 10);
		nanosleep(&nap, NULL);
	}
}
END_TEST

START_TEST(successes_do_not_count)
{
	struct answer a;
	int i;

	sign_up(&server, "cyd");
	for (i = 0; i < 30; i++) {
		sign_in_from(&a, &server, "10.1.1.1", "cyd", PASSWORD);
		has_status(&a, 200);
	}
}
END_TEST

START_TEST(the_rightmost_untrusted_address_counts)
{
	struct answer a;

	sign_up(&server, "dan");
	(void)free_tries(&server, "10.2.1.1", "dan", 401);
	/* from elsewhere she is not held */
	sign_in_from(&a, &server, "10.3.1.1", "dan", PASSWORD);
	has_status(&a, 200);
	/* what a client writes itself stands further left */
	(void)free_tries(&server, "1.2.3.4, 10.4.1.1", "dan", 401);
	sign_in_from(
	    &a, &server, "9.9.9.9, 10.5.1.1, 127.0.0.1", "dan", PASSWORD);
	has_status(&a, 200);
}
END_TEST

/* One prefix and many names: passwords sprayed. */
START_TEST(a_network_is_held_too)
{
	char name[32], from[32];
	struct answer a;
	int i;

	for (i = 0; i < TRIES; i++) {
		snprintf(name, sizeof(name), "spray%d", i);
		snprintf(from, sizeof(from), "172.16.9.%d", i + 1);
		sign_in_from(&a, &server, from, name, "wrong");
		if (a.status == 429)
			break;
		has_status(&a, 404);
	}
	ck_assert_int_lt(i, TRIES);
	is_throttled(&a);
}
END_TEST

/* One account and many networks. */
START_TEST(an_account_is_held_too)
{
	char from[64];
	struct answer a;
	int i;

	for (i = 0; i < TRIES; i++) {
		snprintf(from, sizeof(from), "172.17.%d.1", i + 1);
		sign_in_from(&a, &server, from, "everywhere", "wrong");
		if (a.status == 429)
			break;
		has_status(&a, 404);
	}
	ck_assert_int_lt(i, TRIES);
	is_throttled(&a);
}
END_TEST

START_TEST(without_a_trusted_proxy_the_header_is_nothing)
{
	struct authd d;
	char from[64];
	struct answer a;
	int i;

	authd_make(&d,
	    "\"throttle\": {\"freePair\": 4, \"freeAccount\": 50, "
	    "\"freePrefix\": 50}");
	authd_start(&d);
	for (i = 0; i < TRIES; i++) {
		snprintf(from, sizeof(from), "172.18.%d.1", i + 1);
		sign_in_from(&a, &d, from, "eve", "wrong");
		if (a.status == 429)
			break;
		has_status(&a, 404);
	}
	ck_assert_int_lt(i, 20); /* the pair, not the account */
	is_throttled(&a);
	authd_remove(&d);
}
END_TEST

/* Throttling is on without being asked for. */
START_TEST(it_is_on_by_default)
{
	struct authd d;

	authd_make(&d, "");
	authd_write(&d, "authd.conf",
	    "{\"listen\": \"127.0.0.1:0\", \"secret\": \"" SECRET "\"}\n");
	authd_start(&d);
	ck_assert_int_lt(free_tries(&d, "192.0.2.1", "nobody", 404), 20);
	authd_remove(&d);
}
END_TEST

START_TEST(it_can_be_switched_off)
{
	struct authd d;
	struct answer a;
	int i;

	authd_make(&d, ""); /* "throttle": false */
	authd_start(&d);
	for (i = 0; i < 60; i++) {
		try_sign_in(&a, &d, "nobody", "wrong");
		is_error(&a, 404, "User Not found.");
	}
	authd_remove(&d);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { known_and_unknown_names_alike,
		nobody_is_locked_out, successes_do_not_count,
		the_rightmost_untrusted_address_counts, a_network_is_held_too,
		an_account_is_held_too,
		without_a_trusted_proxy_the_header_is_nothing,
		it_is_on_by_default, it_can_be_switched_off, NULL };

	return run_tests("throttle", setup, teardown, tests);
}
