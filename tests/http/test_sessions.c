/*
 * Sign-out, the list of sessions, ending one, the password, and who I am: each
 * route with each of its answers.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIGNOUT     "/api/auth/signout"
#define SESSIONS    "/api/auth/sessions"
#define PASSWORD_AT "/api/auth/password"
#define ME          "/api/auth/me"
#define USER        "/api/test/user"

static struct authd server;

static void
setup(void)
{
	authd_make(&server, "\"corsOrigins\": [\"" ORIGIN "\"]");
	authd_start(&server);
}

static void
teardown(void)
{
	authd_remove(&server);
}

/* With the access token unless it is NULL. */
static void
with(struct answer *a, const char *method, const char *path, const char *token,
    const char *body)
{
	char line[AUTHTOK_TOKEN_MAX + 64];

	if (token == NULL) {
		ask(a, &server, method, path, body, NULL);
		return;
	}
	snprintf(line, sizeof(line), "x-access-token: %s", token);
	ask(a, &server, method, path, body, line, NULL);
}

static void
sign_out(const char *access, const char *refresh_token, const char *scope)
{
	struct answer a;
	char body[512];

	snprintf(body, sizeof(body), "{\"scope\":\"%s\"%s%s%s}", scope,
	    refresh_token != NULL ? ",\"refreshToken\":\"" : "",
	    refresh_token != NULL ? refresh_token : "",
	    refresh_token != NULL ? "\"" : "");
	with(&a, "POST", SIGNOUT, access, body);
	has_status(&a, 200);
	ck_assert_str_eq(a.body, "{\"message\":\"Signed out\"}");
}

static void
is_out(const struct pair *p)
{
	struct answer a;

	get(&a, &server, USER, p->access);
	is_error(&a, 401, UNAUTHORIZED);
	refresh(&a, &server, p->refresh, NULL);
	is_error(&a, 403, NOT_IN_DATABASE);
}

static void
is_in(const struct pair *p)
{
	struct answer a;

	get(&a, &server, USER, p->access);
	is_text(&a, "User Content.");
}

static void
session_of(const struct pair *p, char *ret)
{
	struct answer a;

	get(&a, &server, ME, p->access);
	has_status(&a, 200);
	snprintf(ret, 40, "%s", text(&a, "session"));
	ck_assert_uint_eq(strspn(ret, "0123456789abcdef"), 32);
	ck_assert_uint_eq(strlen(ret), 32);
}

START_TEST(local_ends_one_session)
{
	struct pair p, q, r;

	sign_up(&server, "ann");
	sign_in(&server, "ann", &p);
	sign_in(&server, "ann", &q);
	sign_in(&server, "ann", &r);
	sign_out(NULL, p.refresh, "local");
	is_out(&p);
	sign_out(q.access, NULL, "local");
	is_out(&q);
	is_in(&r);
	/* dead tokens */
	sign_out(NULL, p.refresh, "local");
	sign_out(q.access, NULL, "local");
	sign_out(NULL, "nonsense", "local");
	is_in(&r);
}
END_TEST

/* "Signed out" must be so when either of the two tokens is good. */
START_TEST(a_useless_refresh_token_hides_no_access_token)
{
	struct pair p;

	sign_up(&server, "abe");
	sign_in(&server, "abe", &p);
	sign_out(p.access, "nonsense", "local");
	is_out(&p);
}
END_TEST

/* A genuine one, but of a session that has ended: another's, or its own. */
START_TEST(a_dead_refresh_token_hides_no_access_token)
{
	struct pair p, q;

	sign_up(&server, "ada");
	sign_in(&server, "ada", &p);
	sign_in(&server, "ada", &q);
	sign_out(NULL, q.refresh, "local");
	sign_out(p.access, q.refresh, "local");
	is_out(&p);
	/* both dead */
	sign_out(p.access, q.refresh, "local");
	/* both live, of two sessions: the one that could go on */
	sign_in(&server, "ada", &p);
	sign_in(&server, "ada", &q);
	sign_out(p.access, q.refresh, "local");
	is_out(&q);
	is_in(&p);
}
END_TEST

START_TEST(the_default_is_local)
{
	struct answer a;
	struct pair p, q;

	sign_up(&server, "bea");
	sign_in(&server, "bea", &p);
	sign_in(&server, "bea", &q);
	with(&a, "POST", SIGNOUT, p.access, NULL);
	has_status(&a, 200);
	is_out(&p);
	is_in(&q);
}
END_TEST

START_TEST(others_and_global)
{
	struct pair p, q, r;

	sign_up(&server, "cat");
	sign_in(&server, "cat", &p);
	sign_in(&server, "cat", &q);
	sign_in(&server, "cat", &r);
	sign_out(p.access, NULL, "others");
	is_in(&p);
	is_out(&q);
	is_out(&r);
	sign_in(&server, "cat", &q);
	sign_out(NULL, q.refresh, "others");
	is_in(&q);
	is_out(&p);
	sign_in(&server, "cat", &p);
	sign_out(NULL, q.refresh, "global");
	is_out(&p);
	is_out(&q);
}
END_TEST

START_TEST(more_than_ones_own_needs_a_good_token)
{
	struct answer a;
	struct pair p, q, old;

	sign_up(&server, "dot");
	sign_in(&server, "dot", &p);
	sign_in(&server, "dot", &q);
	with(&a, "POST", SIGNOUT, "a.b.c", "{\"scope\":\"global\"}");
	is_error(&a, 401, UNAUTHORIZED);
	with(&a, "POST", SIGNOUT, NULL,
	    "{\"scope\":\"others\",\"refreshToken\":\"art1_x\"}");
	is_error(&a, 403, NOT_IN_DATABASE);
	/* a bad access token beside a good refresh token does no harm */
	sign_out("a.b.c", p.refresh, "others");
	is_in(&p);
	is_out(&q);
	/* a superseded token ends no more than its own session */
	sign_in(&server, "dot", &q);
	old = p;
	refresh_ok(&server, p.refresh, "k1", "rotated", &p);
	refresh_ok(&server, p.refresh, "k2", "rotated", &p);
	sign_out(NULL, old.refresh, "global");
	is_out(&p);
	is_in(&q);
}
END_TEST

START_TEST(wrong_words)
{
	struct answer a;
	struct pair p;

	sign_up(&server, "eve");
	sign_in(&server, "eve", &p);
	with(&a, "POST", SIGNOUT, NULL, "{}");
	is_error_about(&a, 400, "refreshToken");
	with(&a, "POST", SIGNOUT, p.access, "{\"scope\":\"all\"}");
	is_error_about(&a, 400, "scope");
	with(&a, "POST", SIGNOUT, p.access, "{\"scope\":1}");
	is_error_about(&a, 400, "scope");
	with(&a, "POST", SIGNOUT, p.access, "{\"refreshToken\":[]}");
	is_error_about(&a, 400, "refreshToken");
	with(&a, "POST", SIGNOUT, p.access, "{");
	has_status(&a, 400);
	with(&a, "POST", SIGNOUT, "a.b.c", "{}");
	is_error(&a, 401, UNAUTHORIZED);
	is_in(&p);
}
END_TEST

START_TEST(a_revoked_access_token_still_ends_its_session)
{
	struct answer a;
	struct pair p;
	struct run r;

	sign_up(&server, "fay");
	sign_in(&server, "fay", &p);
	authctl(
	    &server, &r, "", "user", "roles", "fay", "user,moderator", NULL);
	ck_assert_int_eq(r.status, 0);
	do
		get(&a, &server, USER, p.access);
	while (a.status == 200);
	is_error(&a, 401, UNAUTHORIZED);
	sign_out(p.access, NULL, "local");
	is_out(&p);
}
END_TEST

START_TEST(sessions_are_listed)
{
	struct answer a;
	struct pair p, q;
	char sid[40], line[AUTHTOK_TOKEN_MAX + 64];
	const char *at;

	sign_up(&server, "gil");
	sign_up(&server, "gus");
	sign_in(&server, "gus", &q);
	ask(&a, &server, "POST", SIGNIN,
	    "{\"username\":\"gil\",\"password\":\"" PASSWORD "\"}",
	    "User-Agent: one \"two\" \\", NULL);
	take_pair(&a, &p);
	sign_in(&server, "gil", &q);
	session_of(&p, sid);
	get(&a, &server, SESSIONS, p.access);
	has_status(&a, 200);
	ck_assert_uint_eq(member_count(&a), 2);
	at = strstr(a.body, sid);
	ck_assert_ptr_nonnull(at);
	ck_assert_ptr_nonnull(strstr(a.body, "\"one \\\"two\\\" \\\\\""));
	ck_assert_ptr_nonnull(strstr(a.body, "\"address\":\"127.0.0.1\""));
	ck_assert_ptr_nonnull(strstr(at, "\"current\":true"));
	ck_assert_ptr_nonnull(strstr(a.body, "\"current\":false"));
	ck_assert_ptr_nonnull(strstr(a.body, "\"created\":\"20"));
	ck_assert_ptr_nonnull(strstr(a.body, "Z\",\"lastUsed\":\"20"));
	sign_out(q.access, NULL, "local");
	snprintf(line, sizeof(line), "Authorization: Bearer %s", p.access);
	ask(&a, &server, "GET", SESSIONS "/", NULL, line, NULL);
	has_status(&a, 200);
	ck_assert_uint_eq(member_count(&a), 1);
	get(&a, &server, SESSIONS, NULL);
	is_error(&a, 403, NO_TOKEN);
	get(&a, &server, SESSIONS, "a.b.c");
	is_error(&a, 401, UNAUTHORIZED);
}
END_TEST

START_TEST(the_last_used_is_first)
{
	struct answer a;
	struct pair p[4];
	char sid[4][40];
	const char *at;
	int i;

	sign_up(&server, "guy");
	for (i = 0; i < 4; i++) {
		sign_in(&server, "guy", &p[i]);
		session_of(&p[i], sid[i]);
	}
	for (i = 3; i >= 0; i--) {
		sleep(1); /* times are whole seconds */
		refresh_ok(&server, p[i].refresh, NULL, "rotated", &p[i]);
	}
	get(&a, &server, SESSIONS, p[0].access);
	has_status(&a, 200);
	for (at = a.body, i = 0; i < 4; i++) {
		at = strstr(at, sid[i]);
		ck_assert_msg(at != NULL, "%d: %s", i, a.body);
	}
}
END_TEST

START_TEST(one_session_is_ended)
{
	struct answer a;
	struct pair p, q, other;
	char path[80], sid[40];

	sign_up(&server, "hal");
	sign_up(&server, "ian");
	sign_in(&server, "hal", &p);
	sign_in(&server, "hal", &q);
	sign_in(&server, "ian", &other);
	session_of(&other, sid);
	snprintf(path, sizeof(path), SESSIONS "/%s", sid);
	with(&a, "DELETE", path, p.access, NULL);
	is_error(&a, 404, "Not found");
	is_in(&other);
	session_of(&q, sid);
	snprintf(path, sizeof(path), SESSIONS "/%s", sid);
	with(&a, "DELETE", path, NULL, NULL);
	is_error(&a, 403, NO_TOKEN);
	with(&a, "DELETE", path, p.access, NULL);
	has_status(&a, 200);
	is_out(&q);
	is_in(&p);
	with(&a, "DELETE", path, p.access, NULL);
	is_error(&a, 404, "Not found");
	with(&a, "DELETE", SESSIONS "/xyz", p.access, NULL);
	is_error(&a, 404, "Not found");
	path[strlen(path) - 1] = '\0';
	with(&a, "DELETE", path, p.access, NULL);
	is_error(&a, 404, "Not found");
}
END_TEST

START_TEST(methods_and_cors)
{
	struct answer a;

	ask(&a, &server, "GET", SIGNOUT, NULL, NULL);
	has_status(&a, 405);
	ck_assert_str_eq(header(&a, "Allow"), "POST, OPTIONS");
	ask(&a, &server, "DELETE", SESSIONS, NULL, NULL);
	has_status(&a, 405);
	ask(&a, &server, "GET", SESSIONS "/x", NULL, NULL);
	has_status(&a, 405);
	ck_assert_str_eq(header(&a, "Allow"), "DELETE, OPTIONS");
	ask(&a, &server, "OPTIONS", SESSIONS "/x", NULL, "Origin: " ORIGIN,
	    "Access-Control-Request-Method: DELETE", NULL);
	has_status(&a, 204);
	ck_assert_str_eq(
	    header(&a, "Access-Control-Allow-Methods"), "DELETE, OPTIONS");
	ask(&a, &server, "GET", SESSIONS "/x/y", NULL, NULL);
	is_error(&a, 404, "Not found");
}
END_TEST

#define OTHER_PASSWORD "a wholly different phrase"

START_TEST(the_password_is_changed)
{
	static const char change[] =
	    "{\"currentPassword\":\"" PASSWORD
	    "\",\"newPassword\":\"" OTHER_PASSWORD "\"}";
	struct answer a;
	struct pair p, q;
	char body[1200];

	sign_up(&server, "joy");
	sign_in(&server, "joy", &p);
	sign_in(&server, "joy", &q);
	with(&a, "POST", PASSWORD_AT, NULL, change);
	is_error(&a, 403, NO_TOKEN);
	with(&a, "POST", PASSWORD_AT, p.access,
	    "{\"currentPassword\":\"wrong\",\"newPassword\":\"" OTHER_PASSWORD
	    "\"}");
	is_error(&a, 403, "Invalid Password!");
	with(&a, "POST", PASSWORD_AT, p.access,
	    "{\"currentPassword\":\"" PASSWORD "\",\"newPassword\":\"x\"}");
	is_error(&a, 400, "newPassword must be at least 8 bytes");
	ck_assert_str_eq(text(&a, "code"), "password_too_short");
	with(&a, "POST", PASSWORD_AT, p.access,
	    "{\"currentPassword\":\"" PASSWORD
	    "\",\"newPassword\":\"password1\"}");
	is_error(&a, 400, "newPassword is too common");
	snprintf(body, sizeof(body),
	    "{\"currentPassword\":\"x\",\"newPassword\":\"%01025d\"}", 0);
	with(&a, "POST", PASSWORD_AT, p.access, body);
	is_error(&a, 400, "newPassword must be at most 1024 bytes");
	ask(&a, &server, "POST", SIGNUP,
	    "{\"username\":\"jim\",\"email\":\"jim@example.org\","
	    "\"password\":\"x\"}",
	    NULL);
	is_error(&a, 400, "password must be at least 8 bytes");
	with(&a, "POST", PASSWORD_AT, p.access, "{\"newPassword\":\"x\"}");
	is_error_about(&a, 400, "currentPassword");
	is_in(&p);
	with(&a, "POST", PASSWORD_AT, p.access, change);
	has_status(&a, 200);
	ck_assert_str_eq(a.body, "{\"message\":\"Password changed\"}");
	is_out(&q);
	/* the old access token is gone, the session is not */
	get(&a, &server, USER, p.access);
	is_error(&a, 401, UNAUTHORIZED);
	refresh_ok(&server, p.refresh, NULL, "rotated", &p);
	is_in(&p);
	try_sign_in(&a, &server, "joy", PASSWORD);
	is_error(&a, 401, "Invalid Password!");
	try_sign_in(&a, &server, "joy", OTHER_PASSWORD);
	has_status(&a, 200);
}
END_TEST

START_TEST(sessions_may_be_kept)
{
	struct answer a;
	struct pair p, q;

	sign_up(&server, "kim");
	sign_in(&server, "kim", &p);
	sign_in(&server, "kim", &q);
	with(&a, "POST", PASSWORD_AT, p.access,
	    "{\"currentPassword\":\"" PASSWORD
	    "\",\"newPassword\":\"" OTHER_PASSWORD
	    "\",\"keepSessions\":\"perhaps\"}");
	is_error_about(&a, 400, "keepSessions");
	with(&a, "POST", PASSWORD_AT, p.access,
	    "{\"currentPassword\":\"" PASSWORD
	    "\",\"newPassword\":\"" OTHER_PASSWORD "\",\"keepSessions\":true}");
	has_status(&a, 200);
	get(&a, &server, USER, q.access);
	is_error(&a, 401, UNAUTHORIZED);
	refresh_ok(&server, q.refresh, NULL, "rotated", &q);
	is_in(&q);
}
END_TEST

START_TEST(guessing_the_password_is_throttled)
{
	struct answer a;
	struct authd d;
	struct pair p;
	char line[AUTHTOK_TOKEN_MAX + 64];
	int tries = 0;

	authd_make(&d, "\"throttle\": {\"freePair\": 2}");
	authd_start(&d);
	sign_up(&d, "lea");
	sign_in(&d, "lea", &p);
	snprintf(line, sizeof(line), "x-access-token: %s", p.access);
	do
		ask(&a, &d, "POST", PASSWORD_AT,
		    "{\"currentPassword\":\"wrong "
		    "guess\",\"newPassword\":\"" OTHER_PASSWORD "\"}",
		    line, NULL);
	while (a.status == 403 && ++tries < 50);
	has_status(&a, 429);
	ck_assert_ptr_nonnull(header(&a, "Retry-After"));
	authd_remove(&d);
}
END_TEST

START_TEST(who_i_am)
{
	struct answer a;
	struct pair p;

	sign_up(&server, "max");
	sign_in(&server, "max", &p);
	get(&a, &server, ME, p.access);
	has_status(&a, 200);
	ck_assert_uint_eq(member_count(&a), 5);
	ck_assert_str_eq(text(&a, "username"), "max");
	ck_assert_str_eq(text(&a, "email"), "max@example.org");
	ck_assert_str_eq(json(&a, "roles"), "[\"ROLE_USER\"]");
	ck_assert_int_gt(strtol(json(&a, "id"), NULL, 10), 0);
	get(&a, &server, ME, NULL);
	is_error(&a, 403, NO_TOKEN);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { local_ends_one_session,
		a_useless_refresh_token_hides_no_access_token,
		a_dead_refresh_token_hides_no_access_token,
		the_default_is_local, others_and_global,
		more_than_ones_own_needs_a_good_token, wrong_words,
		a_revoked_access_token_still_ends_its_session,
		sessions_are_listed, the_last_used_is_first,
		one_session_is_ended, methods_and_cors, the_password_is_changed,
		sessions_may_be_kept, guessing_the_password_is_throttled,
		who_i_am, NULL };

	return run_tests("sessions", setup, teardown, tests);
}
