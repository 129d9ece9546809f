/*
 * Access tokens that are good no more: in the process that ended them from the
 * next request on, in another one over the same database soon after, and in
 * one that is started later.
 */
#include "client.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define USER "/api/test/user"

static struct authd first, second;

static void
setup(void)
{
	char members[256];

	authd_make(&first, "");
	authd_start(&first);
	/* the same secret, issuer and database, another process */
	snprintf(members, sizeof(members), "\"store\": \"sqlite:%s/authd.db\"",
	    first.dir);
	authd_make(&second, members);
	authd_start(&second);
}

static void
teardown(void)
{
	authd_remove(&second);
	authd_remove(&first);
}

static void
post(const struct authd *d, const char *path, const char *token,
    const char *body)
{
	struct answer a;
	char line[AUTHTOK_TOKEN_MAX + 64];

	snprintf(line, sizeof(line), "x-access-token: %s", token);
	ask(&a, d, "POST", path, body, line, NULL);
	has_status(&a, 200);
}

static void
is_good(const struct authd *d, const struct pair *p)
{
	struct answer a;

	get(&a, d, USER, p->access);
	is_text(&a, "User Content.");
}

static void
is_dead(const struct authd *d, const struct pair *p)
{
	struct answer a;

	get(&a, d, USER, p->access);
	is_error(&a, 401, UNAUTHORIZED);
}

/* It is heard of within a second or so; Check's own limit ends the wait. */
static void
await_dead(const struct authd *d, const struct pair *p)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	struct answer a;

	for (get(&a, d, USER, p->access); a.status == 200;
	     get(&a, d, USER, p->access))
		nanosleep(&nap, NULL);
	is_error(&a, 401, UNAUTHORIZED);
}

static void
ctl(const char *noun, const char *verb, const char *name, const char *more)
{
	struct run r;

	authctl(&first, &r, "quite another password\n", noun, verb, name, more,
	    NULL);
	ck_assert_msg(r.status == 0, "%s %s: %s", noun, verb, r.out);
}

START_TEST(the_next_request_is_refused)
{
	struct pair p, q;

	sign_up(&first, "ann");
	sign_in(&first, "ann", &p);
	sign_in(&first, "ann", &q);
	is_good(&first, &p);
	post(&first, "/api/auth/signout", p.access, "{}");
	is_dead(&first, &p);
	is_good(&first, &q);
	sign_in(&first, "ann", &p);
	post(&first, "/api/auth/signout", p.access, "{\"scope\":\"others\"}");
	is_dead(&first, &q);
	is_good(&first, &p);
	sign_in(&first, "ann", &q);
	post(&first, "/api/auth/signout", p.access, "{\"scope\":\"global\"}");
	is_dead(&first, &p);
	is_dead(&first, &q);
	sign_in(&first, "ann", &p); /* not those of later */
	is_good(&first, &p);
	sign_in(&first, "ann", &q);
	post(&first, "/api/auth/password", p.access,
	    "{\"currentPassword\":\"" PASSWORD
	    "\",\"newPassword\":\"quite another password\"}");
	is_dead(&first, &p);
	is_dead(&first, &q);
}
END_TEST

START_TEST(another_process_hears_of_it)
{
	struct pair p, q;

	sign_up(&first, "bob");
	sign_in(&first, "bob", &p);
	sign_in(&second, "bob", &q);
	is_good(&first, &q); /* each takes the other's tokens */
	is_good(&second, &p);
	post(&first, "/api/auth/signout", p.access, "{}");
	await_dead(&second, &p);
	is_good(&second, &q);
	post(&second, "/api/auth/signout", q.access, "{\"scope\":\"global\"}");
	is_dead(&second, &q);
	await_dead(&first, &q);
}
END_TEST

START_TEST(acts_of_authctl_are_heard_of)
{
	struct pair p, other;

	sign_up(&first, "cyd");
	sign_up(&first, "dan");
	sign_in(&first, "dan", &other);
	sign_in(&first, "cyd", &p);
	ctl("user", "roles", "cyd", "user,moderator");
	await_dead(&first, &p);
	await_dead(&second, &p);
	refresh_ok(&first, p.refresh, NULL, "rotated", &p);
	is_good(&first, &p);
	is_good(&second, &p);
	ctl("session", "revoke", "--user", "cyd");
	await_dead(&first, &p);
	await_dead(&second, &p);
	sign_in(&first, "cyd", &p);
	ctl("user", "disable", "cyd", NULL);
	await_dead(&first, &p);
	ctl("user", "enable", "cyd", NULL);
	sign_in(&first, "cyd", &p);
	ctl("user", "passwd", "cyd", NULL);
	await_dead(&second, &p);
	is_good(&first, &other);
	ctl("user", "delete", "dan", NULL);
	await_dead(&first, &other);
	await_dead(&second, &other);
}
END_TEST

START_TEST(a_restart_and_a_reload_forget_nothing)
{
	struct authd d;
	struct pair p, q;

	authd_make(&d, "");
	authd_start(&d);
	sign_up(&d, "eva");
	sign_in(&d, "eva", &p);
	sign_in(&d, "eva", &q);
	post(&d, "/api/auth/signout", p.access, "{}");
	is_dead(&d, &p);
	ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
	authd_await_log(&d, "event=reload\n");
	is_dead(&d, &p);
	is_good(&d, &q);
	authd_kill(&d);
	authd_start(&d);
	is_dead(&d, &p); /* from the first request on */
	is_good(&d, &q);
	post(&d, "/api/auth/signout", q.access, "{\"scope\":\"global\"}");
	authd_stop(&d);
	authd_start(&d);
	is_dead(&d, &q);
	authd_remove(&d);
}
END_TEST

/* Ask until a token is too old, or until it is not. */
static void
await_expired(const struct authd *d, const struct pair *p, bool expired)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	struct answer a;

	for (get(&a, d, USER, p->access);
	     (strstr(a.body, "expired") != NULL) != expired;
	     get(&a, d, USER, p->access)) {
		if (!expired)
			has_status(&a, 401);
		nanosleep(&nap, NULL);
	}
	has_status(&a, 401);
}

static void
make_revocations_old(const struct authd *d)
{
	sqlite3 *db;
	char path[256];

	authd_path(d, "authd.db", path, sizeof(path));
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_exec(
		db, "UPDATE revocations SET at = at - 1000", NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
}

/*
 * A start with a short lifetime does not read what is over by that; then the
 * lifetime is made longer, and old tokens are not too old any more.
 */
START_TEST(a_longer_lifetime_makes_no_token_good_again)
{
	struct authd d;
	struct pair p;

	authd_make(&d, "");
	authd_start(&d);
	sign_up(&d, "flo");
	sign_in(&d, "flo", &p);
	post(&d, "/api/auth/signout", p.access, "{}");
	authd_stop(&d);
	make_revocations_old(&d);
	authd_configure(&d, "\"jwtExpiration\": 1, \"clockLeeway\": 0");
	authd_start(&d);
	await_expired(&d, &p, true);
	authd_configure(&d, "");
	ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
	await_expired(&d, &p, false); /* and never a 200 */
	is_dead(&d, &p);
	authd_remove(&d);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { the_next_request_is_refused,
		another_process_hears_of_it, acts_of_authctl_are_heard_of,
		a_restart_and_a_reload_forget_nothing,
		a_longer_lifetime_makes_no_token_good_again, NULL };

	return run_tests("revocation", setup, teardown, tests);
}
