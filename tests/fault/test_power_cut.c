/*
 * The power goes in the middle of work, again and again. Only what was synced is
 * left, with some, all or none of the rest. Refreshes that were answered may be
 * forgotten and nobody notices; sign-ups, sign-ins and ended sessions are not.
 * And the difference between an update that waits for the disk and one that
 * does not, under the same cut.
 */
#include "world.h"

#include <authtok/sqlite.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOLDERS  8
#define ACTS     24 /* at most in a round */
#define DEAD_MAX 64

static struct world world;
static struct holder holders[HOLDERS];
static unsigned seed;

static unsigned
any(unsigned below)
{
	return (unsigned)rand_r(&seed) % below;
}

/* Users whose sign-up was acknowledged: u0 .. */
static unsigned users;
/* Sessions whose end was acknowledged. */
static struct holder dead[DEAD_MAX];
static unsigned dead_count;
static unsigned forwarded, refreshed;

static void
act_refresh(void)
{
	struct answer a;

	holder_refresh(&holders[any(HOLDERS)], &world, &a);
	ck_assert_msg(a.status == 200 || a.status == 0, "%s%s", a.head, a.body);
	refreshed += a.status == 200;
}

static void
act_sign_up(void)
{
	struct answer a;
	char name[32];

	snprintf(name, sizeof(name), "u%u", users);
	/* 400: the power went before the answer, after the act */
	if (try_sign_up(&a, &world, name) != 0) {
		ck_assert_msg(
		    a.status == 200 || a.status == 400, "%s%s", a.head, a.body);
		users++;
	}
}

/* One client signs in anew: what it had is forgotten, not ended. */
static void
act_sign_in(void)
{
	struct holder *h = &holders[any(HOLDERS)];
	struct answer a;
	char body[256];

	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"password\":\"" PASSWORD "\"}", h->name);
	if (post(&a, &world, SIGNIN, body, NULL) == 0)
		return;
	take_pair(&a, &h->pair);
	h->generation++;
}

/* A user comes, signs in, and is disabled by authctl. */
static void
act_disable(void)
{
	struct holder h = { .keyed = any(2) == 0 };
	struct answer a;
	struct run run;
	char body[256];

	snprintf(h.name, sizeof(h.name), "dead%u-%u", seed, dead_count);
	if (try_sign_up(&a, &world, h.name) != 200)
		return;
	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"password\":\"" PASSWORD "\"}", h.name);
	if (post(&a, &world, SIGNIN, body, NULL) != 200)
		return;
	take_pair(&a, &h.pair);
	world_shim_on(&world, true);
	authctl(&world.server, &run, "", "user", "disable", h.name, NULL);
	world_shim_off();
	world.other_died |= run.status == 128 + SIGKILL;
	/* only one whose end was acknowledged takes a place */
	if (run.status == 0)
		dead[dead_count++ % DEAD_MAX] = h;
}

static void
work(void)
{
	unsigned i, n = any(ACTS) + 1, what;

	for (i = 0; i < n; i++) {
		what = any(32);
		if (what == 0)
			act_disable();
		else if (what < 3)
			act_sign_up();
		else if (what < 5)
			act_sign_in();
		else
			act_refresh();
	}
}

/* Everybody goes on; nothing that was said is forgotten. */
static void
look(unsigned round)
{
	struct answer a;
	const char *how;
	char name[32];
	unsigned i;

	for (i = 0; i < HOLDERS; i++) {
		holder_refresh(&holders[i], &world, &a);
		ck_assert_msg(a.status == 200,
		    "round %u: %s does not go on:\n%s%s", round,
		    holders[i].name, a.head, a.body);
		how = header(&a, "Authtok-Refresh");
		forwarded += how != NULL && strcmp(how, "rolled-forward") == 0;
	}
	for (i = 0; i < users; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		try_sign_up(&a, &world, name);
		is_error(&a, 400, "Failed! Username is already in use!");
	}
	for (i = 0; i < dead_count && i < DEAD_MAX; i++) {
		holder_refresh(&dead[i], &world, &a);
		ck_assert_msg(a.status == 403, "round %u: %s lives:\n%s%s",
		    round, dead[i].name, a.head, a.body);
	}
}

static void
cut(unsigned round)
{
	/* none, some, most or all of what was not synced is left */
	static const unsigned keeps[] = { 0, 0, 64, 192, 250, 256 };
	char path[160];

	/* by the library in the middle of an act, or between two */
	(void)world_killed(&world);
	world_cut_power(
	    &world, keeps[round % (sizeof(keeps) / sizeof(*keeps))], &seed);
	authd_path(&world.server, SHIM_DB, path, sizeof(path));
	look_for_damage(path);
}

static void
open_world(void)
{
	unsigned i;

	world_make(&world, "\"refreshLeeway\": 300");
	world_start(&world, true, true);
	for (i = 0; i < HOLDERS; i++) {
		snprintf(
		    holders[i].name, sizeof(holders[i].name), "client%u", i);
		holders[i].keyed = i % 2 == 0;
		sign_up(&world.server, holders[i].name);
		holder_sign_in(&holders[i], &world);
	}
}

START_TEST(power_cuts)
{
	unsigned round, rounds = number_of("ROUNDS", 30);

	seed = number_of("SEED", 20261124);
	open_world();
	for (round = 0; round < rounds; round++) {
		world_arm(&world, any(3) == 0 ? any(60) + 1 : 0);
		work();
		cut(round);
		world_start(&world, true, true);
		look(round);
	}
	printf("# %u cuts: %u refreshes, %u rolled forward, %u sign-ups, "
	       "%u disabled\n",
	    rounds, refreshed, forwarded, users, dead_count);
	/* else nothing was ever lost, and nothing shown */
	ck_assert_uint_gt(forwarded, 0);
	world_remove(&world);
}
END_TEST

/* ---- what waiting for the disk is good for --------------------------------- */

#define UPDATES 10

static const uint8_t the_sid[AUTHTOK_SID_LEN] = { 1, 2, 3 };

/* In a process under the library: a session, updates, death. */
static int
update_and_die(const char *path, bool durable)
{
	struct authtok_user user = { .name = "ann",
		.email = "ann@example.org",
		.created_at = 1700000000 };
	struct authtok_session s = { .created_at = 1700000000,
		.expires_at = 1800000000,
		.rotated_at = 1700000000 };
	struct authtok_act act = { .now = 1700000000, .until = 1700003605 };
	struct authtok_store *store;
	uint32_t i;

	if (authtok_store_sqlite(path, &store, NULL, 0) != AUTHTOK_OK ||
	    store->ops->user_create(store->ctx, &user, &act, &s.user_id) !=
		AUTHTOK_OK)
		return 1;
	memcpy(s.sid, the_sid, sizeof(s.sid));
	if (store->ops->user_find(store->ctx, s.user_id, &user) != AUTHTOK_OK ||
	    store->ops->session_create(store->ctx, &s, user.version, 0, &act) !=
		AUTHTOK_OK)
		return 2;
	for (i = 0; i < UPDATES; i++) {
		s.gen = i + 1;
		if (store->ops->session_update(
			store->ctx, &s, i, 0, durable, NULL) != AUTHTOK_OK)
			return 3;
	}
	kill(getpid(), SIGKILL);
	return 4;
}

/* The generation that is left after the cut. */
static uint32_t
left_after(bool durable)
{
	struct world w;
	struct authtok_store *store;
	struct authtok_session s;
	struct authtok_owner owner;
	char path[160];
	unsigned none = 1;
	int status;
	pid_t pid;

	world_make(&w, "");
	authd_path(&w.server, SHIM_DB, path, sizeof(path));
	world_shim_on(&w, true);
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", "updates", path,
		    durable ? "durable" : "later", (char *)NULL);
		_exit(127);
	}
	world_shim_off();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	    "status %d", status);
	cut_power(path, w.log_path, 0, &none);
	ck_assert_int_eq(
	    authtok_store_sqlite(path, &store, NULL, 0), AUTHTOK_OK);
	ck_assert_int_eq(
	    store->ops->session_find(store->ctx, the_sid, &s, &owner),
	    AUTHTOK_OK);
	authtok_store_close(store);
	world_remove(&w);
	return s.gen;
}

START_TEST(updates_that_do_not_wait_are_lost)
{
	ck_assert_uint_eq(left_after(false), 0);
}
END_TEST

START_TEST(updates_that_wait_survive)
{
	ck_assert_uint_eq(left_after(true), UPDATES);
}
END_TEST

int
main(int argc, char **argv)
{
	const TTest *const tests[] = { power_cuts,
		updates_that_do_not_wait_are_lost, updates_that_wait_survive,
		NULL };

	if (argc == 3 && strcmp(argv[0], "updates") == 0)
		return update_and_die(argv[1], strcmp(argv[2], "durable") == 0);
	return run_tests("power cut", NULL, NULL, tests);
}
