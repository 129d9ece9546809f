/*
 * authd, or authctl, dies before the n-th write or sync of the database, for
 * every n until one act runs through. After a restart what was acknowledged is
 * there, what was not is whole or absent, the clients are still signed in, and
 * what is dead stays dead.
 */
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CALLS_MAX 200 /* no act makes as many */
#define DISABLED  "Account is disabled!"

static struct world world;
static struct holder keyed, plain;

static void
restart(void)
{
	world_start(&world, true, false);
	holder_goes_on(&keyed, &world);
	holder_goes_on(&plain, &world);
}

static void
open_world(void)
{
	keyed = (struct holder){ .name = "keyed", .keyed = true };
	plain = (struct holder){ .name = "plain" };
	world_make(&world, "\"refreshLeeway\": 300");
	world_start(&world, true, false);
	sign_up(&world.server, keyed.name);
	sign_up(&world.server, plain.name);
	holder_sign_in(&keyed, &world);
	holder_sign_in(&plain, &world);
}

static void
close_world(void)
{
	char path[160];

	authd_path(&world.server, SHIM_DB, path, sizeof(path));
	authd_stop(&world.server);
	look_for_damage(path);
	world_remove(&world);
}

/* A record is there with its act or not at all: no crash bends the chain. */
static void
look_at_audit(void)
{
	struct run run;

	authctl(&world.server, &run, "", "audit", "verify", NULL);
	ck_assert_msg(run.status == 0, "%d: %s", run.status, run.out);
}

/*
 * Do act with death before call n, for n from 1; then look, over a new authd.
 * act says whether it was acknowledged.
 */
static void
at_every_call(const char *what, unsigned least, bool (*act)(unsigned n),
    void (*look)(unsigned n, bool acknowledged))
{
	bool killed = true, acknowledged;
	unsigned n;

	open_world();
	for (n = 1; killed; n++) {
		ck_assert_uint_lt(n, CALLS_MAX);
		world_arm(&world, n);
		acknowledged = act(n);
		killed = world_killed(&world);
		/* it may die after the answer, but not instead of it */
		ck_assert(killed || acknowledged);
		restart();
		look(n, acknowledged);
		look_at_audit();
	}
	n -= 2;
	ck_assert_msg(n >= least, "%s: the library saw %u calls", what, n);
	printf("# %s: killed before each of %u calls\n", what, n);
	close_world();
}

/* ---- refresh --------------------------------------------------------------- */

static bool
act_keyed(unsigned n)
{
	struct answer a;

	(void)n;
	return holder_refresh(&keyed, &world, &a) == 200;
}

static bool
act_plain(unsigned n)
{
	struct answer a;

	(void)n;
	return holder_refresh(&plain, &world, &a) == 200;
}

/* restart() has presented what each client holds; once more */
static void
look_refresh(unsigned n, bool acknowledged)
{
	(void)n;
	(void)acknowledged;
	holder_goes_on(&keyed, &world);
	holder_goes_on(&plain, &world);
}

START_TEST(refresh_with_a_retry_key)
{
	at_every_call("refresh, keyed", 2, act_keyed, look_refresh);
}
END_TEST

START_TEST(refresh_without_a_retry_key)
{
	at_every_call("refresh, plain", 2, act_plain, look_refresh);
}
END_TEST

/* ---- sign-up and sign-in --------------------------------------------------- */

static void
name_of(unsigned n, char ret[32])
{
	snprintf(ret, 32, "new%u", n);
}

static bool
act_sign_up(unsigned n)
{
	struct answer a;
	char name[32];

	name_of(n, name);
	return try_sign_up(&a, &world, name) == 200;
}

/* Of a user who is not there nothing is: neither name nor e-mail is taken. */
static void
look_sign_up(unsigned n, bool acknowledged)
{
	struct answer a;
	struct pair p;
	char name[32];

	name_of(n, name);
	try_sign_in(&a, &world.server, name, PASSWORD);
	if (a.status == 404 && !acknowledged) {
		sign_up(&world.server, name);
		try_sign_in(&a, &world.server, name, PASSWORD);
	}
	take_pair(&a, &p);
	get(&a, &world.server, "/api/test/user", p.access);
	is_text(&a, "User Content.");
}

START_TEST(sign_up_is_whole_or_absent)
{
	at_every_call("sign-up", 3, act_sign_up, look_sign_up);
}
END_TEST

static struct holder guest;

static bool
act_sign_in(unsigned n)
{
	struct answer a;
	char body[256];

	(void)n;
	guest = (struct holder){ .name = "keyed", .keyed = true };
	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"password\":\"" PASSWORD "\"}", guest.name);
	if (post(&a, &world, SIGNIN, body, NULL) != 200)
		return false;
	take_pair(&a, &guest.pair);
	return true;
}

static void
look_sign_in(unsigned n, bool acknowledged)
{
	(void)n;
	if (!acknowledged)
		holder_sign_in(&guest, &world);
	holder_goes_on(&guest, &world);
}

START_TEST(sign_in_opens_a_session_or_none)
{
	at_every_call("sign-in", 3, act_sign_in, look_sign_in);
}
END_TEST

/* ---- what ends sessions ---------------------------------------------------- */

/* A new user with a session, before the crash is armed. */
static void
open_guest(unsigned n)
{
	unsigned at = atomic_load(&world.control->kill_at);

	world_arm(&world, 0);
	guest = (struct holder){ .keyed = true };
	name_of(n, guest.name);
	sign_up(&world.server, guest.name);
	holder_sign_in(&guest, &world);
	world_arm(&world, at);
}

static bool
disable_guest(void)
{
	struct run run;

	world_shim_on(&world, false);
	authctl(&world.server, &run, "", "user", "disable", guest.name, NULL);
	world_shim_off();
	world.other_died = run.status == 128 + SIGKILL;
	ck_assert_msg(run.status == 0 || run.status == 128 + 9, "%s", run.out);
	return run.status == 0;
}

static bool
act_disable(unsigned n)
{
	open_guest(n);
	return disable_guest();
}

static void
is_dead(void)
{
	struct answer a;

	holder_refresh(&guest, &world, &a);
	is_error(&a, 403, NOT_IN_DATABASE);
	try_sign_in(&a, &world.server, guest.name, PASSWORD);
	is_error(&a, 403, DISABLED);
}

static void
look_disable(unsigned n, bool acknowledged)
{
	struct answer a;

	(void)n;
	try_sign_in(&a, &world.server, guest.name, PASSWORD);
	if (a.status == 200 && !acknowledged) {
		holder_goes_on(&guest, &world);
		ck_assert(disable_guest());
	}
	is_dead();
}

START_TEST(disabled_users_stay_out)
{
	at_every_call("user disable", 3, act_disable, look_disable);
}
END_TEST

static int
sign_out_guest(void)
{
	struct answer a;
	char body[256];

	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}",
	    guest.pair.refresh);
	return post(&a, &world, "/api/auth/signout", body, NULL);
}

static bool
act_sign_out(unsigned n)
{
	open_guest(n);
	return sign_out_guest() == 200;
}

/* Refresh and access token live and die together, restart or not. */
static void
look_sign_out(unsigned n, bool acknowledged)
{
	struct answer a;

	(void)n;
	holder_refresh(&guest, &world, &a);
	if (a.status == 200 && !acknowledged) {
		get(&a, &world.server, "/api/test/user", guest.pair.access);
		is_text(&a, "User Content.");
		ck_assert_int_eq(sign_out_guest(), 200);
		holder_refresh(&guest, &world, &a);
	}
	is_error(&a, 403, NOT_IN_DATABASE);
	get(&a, &world.server, "/api/test/user", guest.pair.access);
	is_error(&a, 401, UNAUTHORIZED);
}

START_TEST(signed_out_stays_out)
{
	at_every_call("sign-out", 3, act_sign_out, look_sign_out);
}
END_TEST

/* ---- without an act -------------------------------------------------------- */

static bool
act_stop(unsigned n)
{
	(void)n;
	ck_assert_int_eq(kill(world.server.pid, SIGTERM), 0);
	return authd_wait(&world.server) == 0;
}

/* The last one to close empties the log into the database. */
START_TEST(death_while_stopping)
{
	bool stopped = false;
	unsigned n;

	open_world();
	for (n = 1; !stopped; n++) {
		ck_assert_uint_lt(n, CALLS_MAX);
		world_arm(&world, n);
		stopped = act_stop(n);
		world_arm(&world, 0);
		restart();
	}
	ck_assert_uint_gt(n, 5);
	printf("# stop: killed before each of %u calls\n", n - 2);
	close_world();
}
END_TEST

/* The schema is made in a transaction; half of one is never seen. */
START_TEST(death_in_the_first_start)
{
	const char *words[] = { "-c", world.server.conf, NULL };
	bool up = false;
	unsigned n;

	for (n = 1; !up; n++) {
		ck_assert_uint_lt(n, CALLS_MAX);
		world_make(&world, "");
		world_arm(&world, n);
		world_shim_on(&world, false);
		up = authd_try(&world.server, words);
		world_shim_off();
		if (!up) {
			ck_assert_int_eq(
			    authd_wait(&world.server), 128 + SIGKILL);
			world_arm(&world, 0);
			world_start(&world, false, false);
		}
		world_arm(&world, 0);
		sign_up(&world.server, "first");
		world_remove(&world);
	}
	ck_assert_uint_gt(n, 5);
	printf("# first start: killed before each of %u calls\n", n - 2);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { refresh_with_a_retry_key,
		refresh_without_a_retry_key, sign_up_is_whole_or_absent,
		sign_in_opens_a_session_or_none, disabled_users_stay_out,
		signed_out_stays_out, death_while_stopping,
		death_in_the_first_start, NULL };

	return run_tests("crash points", NULL, NULL, tests);
}
