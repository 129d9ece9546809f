/*
 * Which pages of which origins may read the answers.
 */
#include "client.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static struct authd server;

static void
setup(void)
{
	authd_make(&server,
	    "\"corsOrigins\": [\"" ORIGIN "\", \"http://localhost:8081\"]");
	authd_start(&server);
}

static void
teardown(void)
{
	authd_remove(&server);
}

/* Whether a comma-separated header has the word, without regard to case. */
static bool
lists(struct answer *a, const char *name, const char *word)
{
	const char *list = header(a, name);
	size_t len = strlen(word);

	while (list != NULL && *list != '\0') {
		list += strspn(list, ", ");
		if (strcspn(list, ", ") == len &&
		    strncasecmp(list, word, len) == 0)
			return true;
		list += strcspn(list, ", ");
	}
	return false;
}

static void
may_be_read(struct answer *a, const char *origin)
{
	const char *s = header(a, "Access-Control-Allow-Origin");

	ck_assert_msg(s != NULL && strcmp(s, origin) == 0,
	    "%s may not read:\n%s%s", origin, a->head, a->body);
	ck_assert(lists(a, "Vary", "Origin"));
}

static void
may_not_be_read(struct answer *a)
{
	ck_assert_msg(
	    strcasestr(a->head, "Access-Control-Allow-Origin") == NULL,
	    "open to all:\n%s", a->head);
}

static void
exposes(struct answer *a)
{
	static const char name[] = "Access-Control-Expose-Headers";

	ck_assert_msg(lists(a, name, "Authtok-Refresh") &&
		lists(a, name, "Retry-After") &&
		lists(a, name, "WWW-Authenticate"),
	    "%s", a->head);
}

START_TEST(a_listed_origin_is_echoed)
{
	struct answer a;

	ask(&a, &server, "GET", "/api/test/all", NULL, "Origin: " ORIGIN, NULL);
	is_text(&a, "Public Content.");
	may_be_read(&a, ORIGIN);
	exposes(&a);
	ask(&a, &server, "GET", "/api/test/all", NULL,
	    "Origin: http://localhost:8081", NULL);
	may_be_read(&a, "http://localhost:8081");
	ask(&a, &server, "GET", "/", NULL, "Origin: " ORIGIN, NULL);
	may_be_read(&a, ORIGIN);
}
END_TEST

START_TEST(errors_can_be_read_too)
{
	static const char origin[] = "Origin: " ORIGIN;
	static char large[70000];
	struct answer a;

	ask(&a, &server, "GET", "/api/test/user", NULL, origin, NULL);
	is_error(&a, 403, NO_TOKEN);
	may_be_read(&a, ORIGIN);
	exposes(&a);
	ask(&a, &server, "GET", "/api/test/user", NULL, origin,
	    "x-access-token: rubbish", NULL);
	is_error(&a, 401, UNAUTHORIZED);
	may_be_read(&a, ORIGIN);
	ask(&a, &server, "GET", "/nothing", NULL, origin, NULL);
	has_status(&a, 404);
	may_be_read(&a, ORIGIN);
	ask(&a, &server, "PUT", SIGNIN, "{}", origin, NULL);
	has_status(&a, 405);
	may_be_read(&a, ORIGIN);
	ask(&a, &server, "POST", SIGNIN, "{", origin, NULL);
	has_status(&a, 400);
	may_be_read(&a, ORIGIN);
	ask(&a, &server, "POST", SIGNIN, "x", origin,
	    "Content-Type: text/plain", NULL);
	has_status(&a, 415);
	may_be_read(&a, ORIGIN);
	memset(large, ' ', sizeof(large) - 1);
	ask(&a, &server, "POST", SIGNIN, large, origin, NULL);
	has_status(&a, 413);
	may_be_read(&a, ORIGIN);
	ask(&a, &server, "POST", REFRESH, "{\"refreshToken\":\"x\"}", origin,
	    NULL);
	has_status(&a, 403);
	may_be_read(&a, ORIGIN);
	try_sign_in(&a, &server, "nobody", "x");
	may_not_be_read(&a); /* no Origin, no header */
}
END_TEST

START_TEST(other_origins_may_read_nothing)
{
	static const char *const others[] = { "https://evil.example.org",
		"http://app.example.org", "https://app.example.org:8443",
		"https://app.example.org.evil.com", "https://app.example.or",
		"https://app.example.org/", "HTTPS://APP.EXAMPLE.ORG", "null",
		"*", "https://app.example.org http://localhost:8081",
		"http://localhost", "http://localhost:80811" };
	char line[128];
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(line, sizeof(line), "Origin: %s", others[i]);
		ask(&a, &server, "GET", "/api/test/all", NULL, line, NULL);
		is_text(&a, "Public Content.");
		may_not_be_read(&a);
		ask(&a, &server, "GET", "/api/test/user", NULL, line, NULL);
		may_not_be_read(&a);
		ask(&a, &server, "OPTIONS", SIGNIN, NULL, line,
		    "Access-Control-Request-Method: POST", NULL);
		may_not_be_read(&a);
	}
}
END_TEST

START_TEST(a_preflight_is_answered)
{
	static const char *const paths[] = { SIGNUP, SIGNIN, REFRESH,
		"/api/test/user" };
	static const char names[] = "Access-Control-Allow-Headers";
	static const char methods[] = "Access-Control-Allow-Methods";
	struct answer a;
	size_t i;

	for (i = 0; i < 4; i++) {
		ask(&a, &server, "OPTIONS", paths[i], NULL, "Origin: " ORIGIN,
		    i < 3 ? "Access-Control-Request-Method: POST"
			  : "Access-Control-Request-Method: GET",
		    "Access-Control-Request-Headers: content-type, "
		    "authtok-retry-key",
		    NULL);
		has_status(&a, 204);
		ck_assert_uint_eq(a.len, 0);
		may_be_read(&a, ORIGIN);
		ck_assert(lists(&a, methods, i < 3 ? "POST" : "GET"));
		ck_assert(lists(&a, names, "content-type"));
		ck_assert(lists(&a, names, "x-access-token"));
		ck_assert(lists(&a, names, "authorization"));
		ck_assert(lists(&a, names, "authtok-retry-key"));
	}
}
END_TEST

START_TEST(never_everybody)
{
	struct answer a;

	ask(&a, &server, "GET", "/api/test/all", NULL, "Origin: " ORIGIN, NULL);
	ck_assert(!lists(&a, "Access-Control-Allow-Origin", "*"));
	ask(&a, &server, "OPTIONS", SIGNIN, NULL, "Origin: " ORIGIN,
	    "Access-Control-Request-Method: POST", NULL);
	ck_assert(!lists(&a, "Access-Control-Allow-Origin", "*"));
}
END_TEST

START_TEST(without_configuration_nobody)
{
	struct authd d;
	struct answer a;

	authd_make(&d, "");
	authd_start(&d);
	ask(&a, &d, "GET", "/api/test/all", NULL, "Origin: " ORIGIN, NULL);
	is_text(&a, "Public Content.");
	may_not_be_read(&a);
	authd_remove(&d);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_listed_origin_is_echoed,
		errors_can_be_read_too, other_origins_may_read_nothing,
		a_preflight_is_answered, never_everybody,
		without_configuration_nobody, NULL };

	return run_tests("cors", setup, teardown, tests);
}
