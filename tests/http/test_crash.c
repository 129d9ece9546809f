/*
 * kill -9 while clients refresh and people sign up, restart, go on: every client
 * is still signed in and every sign-up that was acknowledged is there. The
 * clients follow the client rule: the old token is kept until the answer is
 * stored, and presented again when no answer came.
 */
#include "client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENTS    12
#define ROUNDS     10 /* unless the environment says ROUNDS */
#define SIGNUP_MAX 2000
#define WAIT_S     60 /* only a hang comes near it */

static struct authd server;
static atomic_uint port;
static atomic_bool done;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static unsigned progress; /* answers stored by all clients, under the lock */

struct client {
	pthread_t thread;
	int number;
	bool keyed;
	char token[256];
	unsigned generation;
	unsigned steps;        /* under the lock */
	struct answer refused; /* status 0: never */
};

static struct client clients[CLIENTS];

static bool
still_on(const struct client *c)
{
	return !atomic_load(&done) && c->refused.status == 0;
}

static void
nap(void)
{
	/* nobody listens: the server is being started again */
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

static void
store(struct client *c, const char *token)
{
	snprintf(c->token, sizeof(c->token), "%s", token);
	pthread_mutex_lock(&lock);
	c->generation++;
	c->steps++;
	progress++;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
}

static void *
run_client(void *arg)
{
	struct client *c = arg;
	struct answer *a = malloc(sizeof(*a));
	char body[512], line[64];
	const char *headers[2] = { NULL, NULL };
	const char *child;

	while (still_on(c)) {
		snprintf(
		    body, sizeof(body), "{\"refreshToken\":\"%s\"}", c->token);
		/* one key for each stored token */
		snprintf(line, sizeof(line), "Authtok-Retry-Key: %d-%u",
		    c->number, c->generation);
		headers[0] = c->keyed ? line : NULL;
		if (!fetch(a, atomic_load(&port), "POST", REFRESH, body,
			strlen(body), headers) ||
		    a->status == 503) {
			nap();
			continue;
		}
		child = text(a, "refreshToken");
		if (a->status == 200 && child != NULL)
			store(c, child);
		else
			c->refused = *a;
	}
	free(a);
	return NULL;
}

/* Sign-ups that were acknowledged, by one thread. */
static unsigned acknowledged[SIGNUP_MAX];
static unsigned acknowledged_count;
static struct answer signup_refused;

static void *
run_signups(void *arg)
{
	static const char *const none[] = { NULL };
	struct answer *a = malloc(sizeof(*a));
	char body[256];
	unsigned n = 0;

	(void)arg;
	while (!atomic_load(&done) && n < SIGNUP_MAX) {
		snprintf(body, sizeof(body),
		    "{\"username\":\"new%u\",\"email\":\"new%u@example.org\","
		    "\"password\":\"" PASSWORD "\"}",
		    n, n);
		if (!fetch(a, atomic_load(&port), "POST", SIGNUP, body,
			strlen(body), none) ||
		    a->status == 503) {
			nap();
			continue;
		}
		/* its answer may be what the kill took */
		if (a->status != 200 && a->status != 400) {
			signup_refused = *a;
			break;
		}
		acknowledged[acknowledged_count++] = n++;
	}
	free(a);
	return NULL;
}

/* Wait until enough answers were stored; the caller looks whether they were. */
static void
await(bool (*reached)(unsigned), unsigned goal)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&lock);
	while (!reached(goal) && rc == 0)
		rc = pthread_cond_timedwait(&moved, &lock, &until);
	pthread_mutex_unlock(&lock);
}

static bool
total_is(unsigned goal)
{
	return progress >= goal;
}

static bool
all_moved(unsigned goal)
{
	int i;

	for (i = 0; i < CLIENTS; i++)
		if (clients[i].steps < goal)
			return false;
	return true;
}

/* Every client got an answer since the restart. */
static void
all_go_on(int round)
{
	bool moving[CLIENTS];
	int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < CLIENTS; i++)
		clients[i].steps = 0;
	pthread_mutex_unlock(&lock);
	await(all_moved, 1);
	pthread_mutex_lock(&lock);
	for (i = 0; i < CLIENTS; i++)
		moving[i] = clients[i].steps > 0;
	pthread_mutex_unlock(&lock);
	for (i = 0; i < CLIENTS; i++)
		ck_assert_msg(moving[i],
		    "round %d: client %d (%s) stands still:\n%s%s", round, i,
		    clients[i].keyed ? "keyed" : "plain",
		    clients[i].refused.head, clients[i].refused.body);
}

static void
restart(void)
{
	authd_start(&server);
	atomic_store(&port, server.port);
}

static void
sign_in_clients(void)
{
	struct pair p;
	char name[32];
	int i;

	for (i = 0; i < CLIENTS; i++) {
		snprintf(name, sizeof(name), "client%d", i);
		sign_up(&server, name);
		sign_in(&server, name, &p);
		clients[i].number = i;
		clients[i].keyed = i % 2 == 0;
		snprintf(clients[i].token, sizeof(clients[i].token), "%s",
		    p.refresh);
	}
}

static void
join_all(pthread_t signups)
{
	int i;

	atomic_store(&done, true);
	for (i = 0; i < CLIENTS; i++)
		pthread_join(clients[i].thread, NULL);
	pthread_join(signups, NULL);
}

START_TEST(kill_9_signs_nobody_out)
{
	unsigned seed = 20261123, i, total;
	pthread_t signups;
	struct answer a;
	struct pair p;
	char name[32];
	const char *text = getenv("ROUNDS");
	int round, rounds = text != NULL ? atoi(text) : ROUNDS;

	authd_make(&server, "\"refreshLeeway\": 300");
	restart();
	sign_in_clients();
	for (i = 0; i < CLIENTS; i++)
		ck_assert_int_eq(pthread_create(&clients[i].thread, NULL,
				     run_client, &clients[i]),
		    0);
	ck_assert_int_eq(pthread_create(&signups, NULL, run_signups, NULL), 0);
	for (round = 0; round < rounds; round++) {
		pthread_mutex_lock(&lock);
		total = progress;
		pthread_mutex_unlock(&lock);
		await(total_is, total + (unsigned)rand_r(&seed) % 1500 + 1);
		authd_kill(&server);
		restart();
		all_go_on(round);
	}
	join_all(signups);
	for (i = 0; i < CLIENTS; i++)
		ck_assert_msg(clients[i].refused.status == 0,
		    "client %u:\n%s%s", i, clients[i].refused.head,
		    clients[i].refused.body);
	ck_assert_msg(signup_refused.status == 0, "%s%s", signup_refused.head,
	    signup_refused.body);
	printf("# %u refreshes, %u sign-ups, %d kills\n", progress,
	    acknowledged_count, rounds);
	/* what was acknowledged is there: each can sign in */
	authd_kill(&server);
	restart();
	for (i = 0; i < acknowledged_count; i++) {
		snprintf(name, sizeof(name), "new%u", acknowledged[i]);
		try_sign_in(&a, &server, name, PASSWORD);
		take_pair(&a, &p);
	}
	for (i = 0; i < CLIENTS; i++) {
		refresh(&a, &server, clients[i].token, NULL);
		has_status(&a, 200);
	}
	authd_remove(&server);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { kill_9_signs_nobody_out, NULL };

	return run_tests("crash", NULL, NULL, tests);
}
