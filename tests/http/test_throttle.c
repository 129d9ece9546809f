/*
 * Guessing is slowed down: for names that exist and names that do not alike, by
 * account and by network, and nobody is locked out for good.
 */
#include "client.h"

#include <pthread.h>
#include <stdatomic.h>
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
	char from[64];
	struct answer a;
	int i;

	sign_up(&server, "dan");
	(void)free_tries(&server, "10.2.1.1", "dan", 401);
	/* from elsewhere she is not held */
	sign_in_from(&a, &server, "10.3.1.1", "dan", PASSWORD);
	has_status(&a, 200);
	/* what a client writes itself stands further left, and is nothing:
	 * fewer tries than the account has free */
	for (i = 0; i < 12; i++) {
		snprintf(
		    from, sizeof(from), "1.2.%d.4, 10.4.1.1, 127.0.0.1", i);
		sign_in_from(&a, &server, from, "dot", "wrong");
		if (a.status == 429)
			break;
		has_status(&a, 404);
	}
	ck_assert_int_lt(i, 12);
	is_throttled(&a);
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

/*
 * More sign-ins at once than may wait for a hash: they go on until one of them
 * was sent away, and none ever gets a verdict that is not the true one.
 */
#define STORM 128

struct guest {
	pthread_t thread;
	unsigned port;
	atomic_bool *sent_away;
	struct answer *last; /* the 503, or what should not have come */
};

static void *
run_guest(void *arg)
{
	static const char body[] =
	    "{\"username\":\"ann\",\"password\":\"" PASSWORD "\"}";
	struct guest *g = arg;

	while (!atomic_load(g->sent_away)) {
		if (!fetch(g->last, g->port, "POST", SIGNIN, body,
			sizeof(body) - 1, (const char *const[]){ NULL }))
			g->last->status = -1;
		if (g->last->status != 200)
			atomic_store(g->sent_away, true);
	}
	return NULL;
}

START_TEST(a_full_hash_queue_is_503)
{
	static struct guest guests[STORM];
	static struct answer answers[STORM];
	atomic_bool sent_away = false;
	unsigned busy = 0;
	struct authd d;
	struct pair p;
	int i;

	authd_make(&d, "\"hashSlots\": 1, \"threads\": 256");
	authd_start(&d);
	sign_up(&d, "ann");
	for (i = 0; i < STORM; i++) {
		guests[i].port = d.port;
		guests[i].sent_away = &sent_away;
		guests[i].last = &answers[i];
		ck_assert_int_eq(pthread_create(&guests[i].thread, NULL,
				     run_guest, &guests[i]),
		    0);
	}
	for (i = 0; i < STORM; i++)
		pthread_join(guests[i].thread, NULL);
	for (i = 0; i < STORM; i++) {
		if (answers[i].status == 0 || answers[i].status == 200)
			continue;
		has_status(&answers[i], 503);
		look_over(&answers[i], SIGNIN, true);
		ck_assert_ptr_nonnull(header(&answers[i], "Retry-After"));
		busy++;
	}
	ck_assert_uint_gt(busy, 0);
	sign_in(&d, "ann", &p);
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
		it_is_on_by_default, it_can_be_switched_off,
		a_full_hash_queue_is_503, NULL };

	return run_tests("throttle", setup, teardown, tests);
}
