/*
 * Accounts as an administrator changes them while authd runs, and the settings
 * that concern them.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct authd server;

static void
setup(void)
{
	authd_make(&server,
	    "\"roles\": [\"user\", \"moderator\", \"admin\", \"editor\"], "
	    "\"signupRoles\": [\"user\", \"moderator\"]");
	authd_start(&server);
}

static void
teardown(void)
{
	authd_remove(&server);
}

static void
ctl(const char *verb, const char *name, const char *more)
{
	struct run r;

	authctl(&server, &r, "", "user", verb, name, more, NULL);
	ck_assert_msg(
	    r.status == 0, "user %s %s: %d\n%s", verb, name, r.status, r.out);
}

START_TEST(a_disabled_account_is_out)
{
	struct answer a;
	struct pair p, q;

	sign_up(&server, "ann");
	sign_in(&server, "ann", &p);
	ctl("disable", "ann", NULL);
	try_sign_in(&a, &server, "ann", PASSWORD);
	is_error(&a, 403, "Account is disabled!");
	/* only who knows the password learns it */
	try_sign_in(&a, &server, "ann", "wrong");
	is_error(&a, 401, "Invalid Password!");
	refresh(&a, &server, p.refresh, NULL);
	is_error(&a, 403, NOT_IN_DATABASE);
	ask(&a, &server, "POST", SIGNUP,
	    "{\"username\":\"ann\",\"email\":\"ann2@example.org\","
	    "\"password\":\"" PASSWORD "\"}",
	    NULL);
	is_error(&a, 400, "Failed! Username is already in use!");
	ctl("enable", "ann", NULL);
	refresh(&a, &server, p.refresh, NULL); /* its sessions are gone */
	is_error(&a, 403, NOT_IN_DATABASE);
	sign_in(&server, "ann", &q);
	refresh_ok(&server, q.refresh, NULL, "rotated", &p);
}
END_TEST

START_TEST(a_deleted_account_is_gone)
{
	struct answer a;
	struct pair p;
	long first, second;

	sign_up(&server, "bob");
	try_sign_in(&a, &server, "bob", PASSWORD);
	take_pair(&a, &p);
	first = strtol(json(&a, "id"), NULL, 10);
	ctl("delete", "bob", NULL);
	try_sign_in(&a, &server, "bob", PASSWORD);
	is_error(&a, 404, "User Not found.");
	refresh(&a, &server, p.refresh, NULL);
	is_error(&a, 403, NOT_IN_DATABASE);
	sign_up(&server, "bob"); /* free again, but somebody else */
	try_sign_in(&a, &server, "bob", PASSWORD);
	has_status(&a, 200);
	second = strtol(json(&a, "id"), NULL, 10);
	ck_assert_int_gt(second, first);
	refresh(&a, &server, p.refresh, NULL);
	is_error(&a, 403, NOT_IN_DATABASE);
}
END_TEST

START_TEST(the_first_administrator)
{
	struct answer a;
	struct pair p;
	struct run r;

	authctl(&server, &r, PASSWORD "\n", "user", "add", "root", "--email",
	    "root@example.org", "--role", "admin", NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	ck_assert_ptr_null(strstr(r.out, PASSWORD));
	try_sign_in(&a, &server, "root", PASSWORD);
	ck_assert_str_eq(json(&a, "roles"), "[\"ROLE_ADMIN\"]");
	take_pair(&a, &p);
	get(&a, &server, "/api/test/admin", p.access);
	is_text(&a, "Admin Content.");
	get(&a, &server, "/api/test/mod", p.access);
	is_error(&a, 403, "Require Moderator Role!");
}
END_TEST

START_TEST(roles_come_with_the_next_refresh)
{
	struct answer a;
	struct pair p, q;

	sign_up(&server, "cyd");
	sign_in(&server, "cyd", &p);
	ctl("roles", "cyd", "user,moderator");
	refresh_ok(&server, p.refresh, NULL, "rotated", &q);
	get(&a, &server, "/api/test/mod", q.access);
	is_text(&a, "Moderator Content.");
	ctl("roles", "cyd", "user");
	refresh_ok(&server, q.refresh, NULL, "rotated", &p);
	get(&a, &server, "/api/test/mod", p.access);
	is_error(&a, 403, "Require Moderator Role!");
	get(&a, &server, "/api/test/user", p.access);
	is_text(&a, "User Content.");
}
END_TEST

START_TEST(configured_roles_follow_the_three)
{
	struct answer a;

	sign_up(&server, "dora");
	ctl("roles", "dora", "editor,admin,user,moderator");
	try_sign_in(&a, &server, "dora", PASSWORD);
	ck_assert_str_eq(json(&a, "roles"),
	    "[\"ROLE_USER\",\"ROLE_MODERATOR\",\"ROLE_ADMIN\","
	    "\"ROLE_EDITOR\"]");
}
END_TEST

static void
signup_as(struct answer *a, const char *name, const char *roles)
{
	char body[512];

	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"email\":\"%s@example.org\","
	    "\"password\":\"" PASSWORD "\",\"roles\":%s}",
	    name, name, roles);
	ask(a, &server, "POST", SIGNUP, body, NULL);
}

START_TEST(sign_up_may_ask_for_what_is_configured)
{
	struct answer a;
	struct pair p;

	signup_as(&a, "emma", "[\"moderator\",\"user\"]");
	has_status(&a, 200);
	try_sign_in(&a, &server, "emma", PASSWORD);
	ck_assert_str_eq(
	    json(&a, "roles"), "[\"ROLE_USER\",\"ROLE_MODERATOR\"]");
	take_pair(&a, &p);
	get(&a, &server, "/api/test/mod", p.access);
	is_text(&a, "Moderator Content.");
	signup_as(&a, "evan", "[\"editor\"]"); /* exists, but not for him */
	is_error(&a, 403, "Failed! Role may not be requested = editor");
	signup_as(&a, "evan", "[\"moderator\",\"admin\"]");
	is_error(&a, 403, "Failed! Role may not be requested = admin");
	signup_as(&a, "evan", "[\"superman\"]");
	is_error(&a, 400, "Failed! Role does not exist = superman");
	signup_as(&a, "evan", "[]");
	has_status(&a, 200);
	try_sign_in(&a, &server, "evan", PASSWORD);
	ck_assert_str_eq(json(&a, "roles"), "[\"ROLE_USER\"]");
}
END_TEST

START_TEST(a_new_password_ends_the_sessions)
{
	struct answer a;
	struct pair p;
	struct run r;

	sign_up(&server, "finn");
	sign_in(&server, "finn", &p);
	authctl(&server, &r, "quite another password\n", "user", "passwd",
	    "finn", NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	try_sign_in(&a, &server, "finn", PASSWORD);
	is_error(&a, 401, "Invalid Password!");
	refresh(&a, &server, p.refresh, NULL);
	is_error(&a, 403, NOT_IN_DATABASE);
	try_sign_in(&a, &server, "finn", "quite another password");
	has_status(&a, 200);
}
END_TEST

/* crypt(5): what another system had stored for "foreign password 1". */
START_TEST(a_foreign_hash_is_taken)
{
	static const char hash[] =
	    "$6$saltstring$DjChhKZ7o56uumiceSqClWXe/lIGz9pfQ1AYTKEPle6BNvW6gs"
	    "knFgOzBnYPyK7G5wwvLJYekQOgbEIwk4wUr1\n";
	struct answer a;
	struct pair p;
	struct run r;

	sign_up(&server, "gwen");
	authctl(&server, &r, "$6$saltstring$\n", "user", "passwd", "gwen",
	    "--hash", NULL);
	ck_assert_int_eq(r.status, 1); /* no hash; nothing was changed */
	sign_in(&server, "gwen", &p);
	authctl(&server, &r, hash, "user", "passwd", "gwen", "--hash", NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	try_sign_in(&a, &server, "gwen", PASSWORD);
	is_error(&a, 401, "Invalid Password!");
	try_sign_in(&a, &server, "gwen", "foreign password 1");
	has_status(&a, 200);
	/* now with a hash of ours */
	try_sign_in(&a, &server, "gwen", "foreign password 1");
	has_status(&a, 200);
	try_sign_in(&a, &server, "gwen", "foreign password 2");
	is_error(&a, 401, "Invalid Password!");
}
END_TEST

START_TEST(uniform_errors_tell_nothing)
{
	static const char same[] = "Invalid username or password!";
	struct authd d;
	struct answer a, b;
	struct run r;

	authd_make(&d, "\"uniformErrors\": true");
	authd_start(&d);
	sign_up(&d, "hal");
	try_sign_in(&a, &d, "hal", "wrong");
	is_error(&a, 401, same);
	try_sign_in(&b, &d, "nobody", "wrong");
	is_error(&b, 401, same);
	ck_assert_str_eq(a.body, b.body);
	authctl(&d, &r, "", "user", "disable", "hal", NULL);
	ck_assert_int_eq(r.status, 0);
	try_sign_in(&b, &d, "hal", PASSWORD);
	is_error(&b, 401, same);
	ck_assert_str_eq(a.body, b.body);
	authd_remove(&d);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_disabled_account_is_out,
		a_deleted_account_is_gone, the_first_administrator,
		roles_come_with_the_next_refresh,
		configured_roles_follow_the_three,
		sign_up_may_ask_for_what_is_configured,
		a_new_password_ends_the_sessions, a_foreign_hash_is_taken,
		uniform_errors_tell_nothing, NULL };

	return run_tests("accounts", setup, teardown, tests);
}
