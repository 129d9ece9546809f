/*
 * The seven routes, line by line of the contract's first part.
 */
#include "raw.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static struct authd server;

static void
setup(void)
{
	authd_make(&server, "\"refreshLeeway\": 300");
	authd_start(&server);
}

static void
teardown(void)
{
	authd_remove(&server);
}

static void
post_signup(
    struct answer *a, const char *name, const char *email, const char *roles)
{
	char body[512];

	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"email\":\"%s\",\"password\":\"" PASSWORD
	    "\"%s%s}",
	    name, email, roles != NULL ? ",\"roles\":" : "",
	    roles != NULL ? roles : "");
	ask(a, &server, "POST", SIGNUP, body, NULL);
}

/* A user made by the administrator, with these roles. */
static void
add_user(const char *name, const char *roles)
{
	char email[80];
	struct run r;

	snprintf(email, sizeof(email), "%s@example.org", name);
	authctl(&server, &r, PASSWORD "\n", "user", "add", name, "--email",
	    email, NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	authctl(&server, &r, "", "user", "roles", name, roles, NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
}

START_TEST(signup_registers)
{
	struct answer a;

	post_signup(&a, "reg", "reg@example.org", NULL);
	has_status(&a, 200);
	ck_assert_str_eq(header(&a, "Content-Type"), JSON_TYPE);
	ck_assert_str_eq(text(&a, "message"), "User registered successfully!");
	ck_assert_uint_eq(member_count(&a), 1);
	post_signup(&a, "reg2", "reg2@example.org", "[]");
	has_status(&a, 200);
	post_signup(&a, "reg3", "reg3@example.org", "[\"user\"]");
	has_status(&a, 200);
	try_sign_in(&a, &server, "reg2", PASSWORD);
	ck_assert_str_eq(json(&a, "roles"), "[\"ROLE_USER\"]");
}
END_TEST

START_TEST(signup_says_what_is_taken_name_first)
{
	struct answer a;

	sign_up(&server, "taken");
	post_signup(&a, "taken", "other@example.org", NULL);
	is_error(&a, 400, "Failed! Username is already in use!");
	post_signup(&a, "taken", "taken@example.org", NULL);
	is_error(&a, 400, "Failed! Username is already in use!");
	post_signup(&a, "taken2", "taken@example.org", NULL);
	is_error(&a, 400, "Failed! Email is already in use!");
	/* without regard to letter case */
	post_signup(&a, "TaKen", "other@example.org", NULL);
	is_error(&a, 400, "Failed! Username is already in use!");
	post_signup(&a, "taken2", "TAKEN@Example.ORG", NULL);
	is_error(&a, 400, "Failed! Email is already in use!");
	post_signup(&a, "taken2", "taken2@example.org", NULL);
	has_status(&a, 200);
}
END_TEST

START_TEST(signup_checks_roles_after_names)
{
	struct answer a;

	sign_up(&server, "rolf");
	post_signup(&a, "rolf", "rolf@example.org", "[\"superman\"]");
	is_error(&a, 400, "Failed! Username is already in use!");
	post_signup(&a, "rolf2", "rolf@example.org", "[\"superman\"]");
	is_error(&a, 400, "Failed! Email is already in use!");
	post_signup(&a, "rolf2", "rolf2@example.org",
	    "[\"user\",\"superman\",\"batman\"]");
	is_error(&a, 400, "Failed! Role does not exist = superman");
	post_signup(&a, "rolf2", "rolf2@example.org", "[\"admin\"]");
	is_error(&a, 403, "Failed! Role may not be requested = admin");
	post_signup(
	    &a, "rolf2", "rolf2@example.org", "[\"user\",\"moderator\"]");
	is_error(&a, 403, "Failed! Role may not be requested = moderator");
	post_signup(
	    &a, "rolf2", "rolf2@example.org", "[\"admin\",\"superman\"]");
	is_error(&a, 400, "Failed! Role does not exist = superman");
	/* none of these made a user */
	try_sign_in(&a, &server, "rolf2", PASSWORD);
	is_error(&a, 404, "User Not found.");
	post_signup(&a, "rolf2", "rolf2@example.org", NULL);
	has_status(&a, 200);
}
END_TEST

START_TEST(signin_answers_who_and_both_tokens)
{
	struct answer a;
	long id;

	sign_up(&server, "ann");
	try_sign_in(&a, &server, "ann", PASSWORD);
	has_status(&a, 200);
	ck_assert_str_eq(header(&a, "Content-Type"), JSON_TYPE);
	ck_assert_uint_eq(member_count(&a), 6);
	ck_assert_int_eq(sscanf(json(&a, "id"), "%ld", &id), 1);
	ck_assert_int_gt(id, 0);
	ck_assert_str_eq(text(&a, "username"), "ann");
	ck_assert_str_eq(text(&a, "email"), "ann@example.org");
	ck_assert_str_eq(json(&a, "roles"), "[\"ROLE_USER\"]");
	ck_assert_ptr_nonnull(text(&a, "accessToken"));
	ck_assert_int_eq(strncmp(text(&a, "refreshToken"), "art1_", 5), 0);
	ck_assert_uint_eq(strlen(text(&a, "refreshToken")), 81);
}
END_TEST

START_TEST(signin_refuses)
{
	struct answer a;

	sign_up(&server, "ben");
	try_sign_in(&a, &server, "nobody", PASSWORD);
	is_error(&a, 404, "User Not found.");
	try_sign_in(&a, &server, "nobody", "");
	is_error(&a, 404, "User Not found.");
	try_sign_in(&a, &server, "ben", PASSWORD "x");
	is_error(&a, 401, "Invalid Password!");
	ck_assert_str_eq(json(&a, "accessToken"), "null");
	try_sign_in(&a, &server, "ben", "");
	is_error(&a, 401, "Invalid Password!");
	ck_assert_str_eq(json(&a, "accessToken"), "null");
	try_sign_in(&a, &server, "ben@example.org", PASSWORD);
	is_error(&a, 404, "User Not found."); /* by name only */
}
END_TEST

START_TEST(signin_ignores_the_access_token)
{
	static const char body[] =
	    "{\"username\":\"cleo\",\"password\":\"" PASSWORD "\"}";
	char line[AUTHTOK_TOKEN_MAX + 64];
	struct answer a;
	struct pair p;

	sign_up(&server, "cleo");
	sign_in(&server, "cleo", &p);
	snprintf(line, sizeof(line), "x-access-token: %s", p.access);
	ask(&a, &server, "POST", SIGNIN, body, line, NULL);
	has_status(&a, 200);
	ask(&a, &server, "POST", SIGNIN, body, "x-access-token: rubbish",
	    "Authorization: Bearer other", NULL);
	has_status(&a, 200);
}
END_TEST

START_TEST(roles_stand_in_their_order)
{
	struct answer a;

	add_user("dora", "admin,moderator,user");
	try_sign_in(&a, &server, "dora", PASSWORD);
	has_status(&a, 200);
	ck_assert_str_eq(json(&a, "roles"),
	    "[\"ROLE_USER\",\"ROLE_MODERATOR\",\"ROLE_ADMIN\"]");
	add_user("dirk", "admin,moderator");
	try_sign_in(&a, &server, "dirk", PASSWORD);
	ck_assert_str_eq(
	    json(&a, "roles"), "[\"ROLE_MODERATOR\",\"ROLE_ADMIN\"]");
}
END_TEST

START_TEST(boards_open_by_role)
{
	struct pair user, mod, admin;
	struct answer a;

	sign_up(&server, "emil");
	sign_in(&server, "emil", &user);
	add_user("mona", "moderator");
	sign_in(&server, "mona", &mod);
	add_user("adam", "admin");
	sign_in(&server, "adam", &admin);

	get(&a, &server, "/api/test/all", NULL);
	is_text(&a, "Public Content.");
	get(&a, &server, "/api/test/all", "rubbish");
	is_text(&a, "Public Content.");
	get(&a, &server, "/api/test/all", user.access);
	is_text(&a, "Public Content.");
	get(&a, &server, "/api/test/user", user.access);
	is_text(&a, "User Content.");
	get(&a, &server, "/api/test/user", admin.access);
	is_text(&a, "User Content.");
	get(&a, &server, "/api/test/mod", mod.access);
	is_text(&a, "Moderator Content.");
	get(&a, &server, "/api/test/mod", user.access);
	is_error(&a, 403, "Require Moderator Role!");
	get(&a, &server, "/api/test/mod", admin.access);
	is_error(&a, 403, "Require Moderator Role!");
	get(&a, &server, "/api/test/admin", admin.access);
	is_text(&a, "Admin Content.");
	get(&a, &server, "/api/test/admin", user.access);
	is_error(&a, 403, "Require Admin Role!");
	get(&a, &server, "/api/test/admin", mod.access);
	is_error(&a, 403, "Require Admin Role!");
}
END_TEST

START_TEST(boards_want_a_token)
{
	static const char *const paths[] = { "/api/test/user", "/api/test/mod",
		"/api/test/admin" };
	struct answer a;
	size_t i;

	for (i = 0; i < 3; i++) {
		get(&a, &server, paths[i], NULL);
		is_error(&a, 403, NO_TOKEN);
		ask(&a, &server, "GET", paths[i], NULL, "x-access-token;",
		    NULL);
		is_error(&a, 403, NO_TOKEN);
		ask(&a, &server, "GET", paths[i], NULL, "Authorization: Bearer",
		    NULL);
		is_error(&a, 403, NO_TOKEN);
		get(&a, &server, paths[i], "rubbish");
		is_error(&a, 401, UNAUTHORIZED);
	}
}
END_TEST

START_TEST(greeting)
{
	struct answer a;

	ask(&a, &server, "GET", "/", NULL, NULL);
	has_status(&a, 200);
	ck_assert_str_eq(header(&a, "Content-Type"), JSON_TYPE);
	ck_assert_ptr_nonnull(text(&a, "message"));
	ck_assert_ptr_nonnull(strstr(a.body, AUTHTOK_VERSION));
}
END_TEST

START_TEST(paths_take_any_case_and_a_trailing_slash)
{
	static const char *const all[] = { "/api/test/all", "/api/test/all/",
		"/API/TEST/ALL", "/Api/Test/All/", "/api/test/all?x=1",
		"/api/test/all/?", "/api/test/all?a=/../b//c" };
	struct pair p;
	struct answer a;
	char body[256];
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		get(&a, &server, all[i], NULL);
		is_text(&a, "Public Content.");
	}
	sign_up(&server, "fay");
	sign_in(&server, "fay", &p);
	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", p.refresh);
	ask(&a, &server, "POST", "/api/auth/refreshToken", body, NULL);
	has_status(&a, 200);
	ask(&a, &server, "POST", "/API/auth/REFRESHTOKEN/", body, NULL);
	has_status(&a, 200);
	ask(&a, &server, "POST", "/api/auth/SignIn/",
	    "{\"username\":\"fay\",\"password\":\"" PASSWORD "\"}", NULL);
	has_status(&a, 200);
	get(&a, &server, "/api/Test/USER/", p.access);
	is_text(&a, "User Content.");
	get(&a, &server, "/api/test/Admin/", p.access);
	is_error(&a, 403, "Require Admin Role!");
}
END_TEST

START_TEST(other_paths_are_not_found)
{
	static const char *const paths[] = { "/api", "/api/", "/api/test",
		"/api/test/", "/api/test/allx", "/api/test/al",
		"/api/test/all/x", "/api/test/all//", "//api/test/all",
		"/api//test/all", "/api/test//all", "/api/./test/all",
		"/api/test/./all", "/api/test/../test/all",
		"/api/test/x/../all", "/api/test/all/.", "/api/test/all/..",
		"/../api/test/all", "/api/test/all;x", "/api%2ftest%2fall",
		"/api/test%2Fall", "/api/%2e/test/all",
		"/api/test/%2e%2e/test/all", "/api/test/all%00",
		"/api/test/all%2f", "/api/test/all%20", "/api/test/user%00",
		"/api\\test\\all", "/api/auth", "/api/auth/", "/api/auth/me%00",
		"/index.html", "/favicon.ico", "/.htpasswd", "/etc/passwd",
		"/authd.conf", "/..%2fauthd.conf", "/%2e%2e/etc/passwd" };
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ask(&a, &server, "GET", paths[i], NULL, NULL);
		ck_assert_msg(a.status == 404, "%s: %d", paths[i], a.status);
		is_error(&a, 404, "Not found");
		ask(&a, &server, "POST", paths[i], "{}", NULL);
		is_error(&a, 404, "Not found");
	}
}
END_TEST

/* Escapes of plain letters may be known or not, but open nothing. */
START_TEST(escaped_letters_open_nothing)
{
	struct answer a;

	get(&a, &server, "/api/test/%75ser", NULL);
	ck_assert(a.status == 404 || a.status == 403);
	get(&a, &server, "/api/test/%61dmin", "rubbish");
	ck_assert(a.status == 404 || a.status == 401);
}
END_TEST

static bool
allows(struct answer *a, const char *method)
{
	const char *list = header(a, "Allow");
	size_t len = strlen(method);

	while (list != NULL && *list != '\0') {
		list += strspn(list, ", ");
		if (strcspn(list, ", ") == len &&
		    strncmp(list, method, len) == 0)
			return true;
		list += strcspn(list, ", ");
	}
	return false;
}

START_TEST(other_methods_are_not_allowed)
{
	static const char *const posts[] = { SIGNUP, SIGNIN, REFRESH };
	static const char *const gets[] = { "/", "/api/test/all",
		"/api/test/user", "/api/test/mod", "/api/test/admin" };
	static const char *const others[] = { "PUT", "DELETE", "PATCH" };
	struct answer a;
	size_t i, k;

	for (i = 0; i < 3; i++) {
		for (k = 0; k < 3; k++) {
			ask(&a, &server, others[k], posts[i], "{}", NULL);
			has_status(&a, 405);
			ck_assert(allows(&a, "POST") && !allows(&a, "GET"));
		}
		ask(&a, &server, "GET", posts[i], NULL, NULL);
		has_status(&a, 405);
		ck_assert(allows(&a, "POST"));
	}
	for (i = 0; i < 5; i++) {
		for (k = 0; k < 3; k++) {
			ask(&a, &server, others[k], gets[i], NULL, NULL);
			has_status(&a, 405);
			ck_assert(allows(&a, "GET") && allows(&a, "HEAD"));
		}
		ask(&a, &server, "POST", gets[i], "{}", NULL);
		has_status(&a, 405);
		ck_assert(allows(&a, "GET") && !allows(&a, "POST"));
	}
}
END_TEST

/* HEAD is GET without the body: the same status, type and length. */
START_TEST(head_is_get_without_the_body)
{
	static const char *const paths[] = { "/", "/api/test/all",
		"/api/test/user", "/api/nothing", SIGNIN };
	struct answer a, b;
	char request[256];
	size_t i;
	int fd;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ask(&a, &server, "GET", paths[i], NULL, NULL);
		fd = raw_open(&server);
		snprintf(request, sizeof(request),
		    "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n"
		    "GET /api/test/all HTTP/1.1\r\nHost: a\r\n"
		    "Connection: close\r\n\r\n",
		    paths[i]);
		raw_send(fd, request);
		ck_assert(raw_answer(fd, &b, true));
		ck_assert_int_eq(b.status, a.status);
		ck_assert_str_eq(
		    header(&b, "Content-Type"), header(&a, "Content-Type"));
		ck_assert_str_eq(
		    header(&b, "Content-Length"), header(&a, "Content-Length"));
		/* not a byte between it and the next answer */
		ck_assert(raw_answer(fd, &b, false));
		is_text(&b, "Public Content.");
		close(fd);
	}
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { signup_registers,
		signup_says_what_is_taken_name_first,
		signup_checks_roles_after_names,
		signin_answers_who_and_both_tokens, signin_refuses,
		signin_ignores_the_access_token, roles_stand_in_their_order,
		boards_open_by_role, boards_want_a_token, greeting,
		paths_take_any_case_and_a_trailing_slash,
		other_paths_are_not_found, escaped_letters_open_nothing,
		other_methods_are_not_allowed, head_is_get_without_the_body,
		NULL };

	return run_tests("routes", setup, teardown, tests);
}
