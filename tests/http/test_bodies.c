/*
 * Request bodies: everything the original crashed on, and everything that has to
 * go on working.
 */
#include "raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX 65536

static struct authd server;
static char big[BODY_MAX * 2];

static void
setup(void)
{
	authd_make(&server, "");
	authd_start(&server);
	sign_up(&server, "ann");
}

static void
teardown(void)
{
	authd_remove(&server);
}

static void
refuses_all(const char *path, const char *const *bodies)
{
	struct answer a;

	for (; *bodies != NULL; bodies++) {
		ask(&a, &server, "POST", path, *bodies, NULL);
		ck_assert_msg(a.status == 400, "%s: %s\n%s%s", path, *bodies,
		    a.head, a.body);
	}
}

START_TEST(malformed_json_is_refused)
{
	static const char *const bodies[] = { "{", "}", "[", "]", "x", "nul",
		"{\"username\":}", "{\"username\"}", "{username:\"ann\"}",
		"{'username':'ann'}", "{\"username\":\"ann\",}", "{,}",
		"{\"username\":\"ann\"", "{\"username\":\"ann", "{}{}", "{} x",
		"{}]", "\"", "\xef\xbb\xbf{}", "{\"x\":01}", "{\"x\":+1}",
		"{\"x\":.5}", "{\"x\":1.}", "{\"x\":NaN}", "{\"x\":Infinity}",
		"{\"x\":tru}", "{\"x\":\"a\tb\"}", "{\"x\":\"a\nb\"}",
		"{\"x\":\"\\x41\"}", "{\"x\":\"\\u12\"}", "// x\n{}",
		"{/* x */}", "username=ann&password=x", "<xml/>", NULL };

	refuses_all(SIGNIN, bodies);
	refuses_all(SIGNUP, bodies);
	refuses_all(REFRESH, bodies);
}
END_TEST

START_TEST(bodies_are_objects)
{
	static const char *const bodies[] = { "[]", "null", "true", "false",
		"1", "-0.5e3", "\"text\"", "[{\"username\":\"ann\"}]",
		"[\"username\",\"ann\"]", NULL };

	refuses_all(SIGNIN, bodies);
	refuses_all(SIGNUP, bodies);
	refuses_all(REFRESH, bodies);
}
END_TEST

START_TEST(unsafe_json_is_refused)
{
#define OTHERS "\"password\":\"" PASSWORD "\""
	static const char *const bodies[] = {
		"{\"username\":\"ann\",\"username\":\"ann\"," OTHERS "}",
		"{\"username\":\"ann\",\"user\\u006eame\":\"ann\"," OTHERS "}",
		"{\"username\":\"ann\"," OTHERS "," OTHERS "}",
		"{\"username\":\"ann\"," OTHERS ",\"x\":1,\"x\":1}",
		"{\"username\":\"ann\"," OTHERS ",\"x\":{\"y\":1,\"y\":1}}",
		"{\"username\":\"ann\\u0000\"," OTHERS "}",
		"{\"username\":\"ann\\u0000x\"," OTHERS "}",
		"{\"username\":\"ann\"," OTHERS ",\"x\":\"\\u0000\"}",
		"{\"username\":\"ann\"," OTHERS ",\"x\\u0000\":1}",
		"{\"username\":\"ann\"," OTHERS ",\"x\":\"\xff\"}",
		"{\"username\":\"ann\"," OTHERS ",\"x\":\"\xc0\xaf\"}",
		"{\"username\":\"ann\"," OTHERS ",\"x\":\"\xed\xa0\x80\"}",
		"{\"username\":\"ann\"," OTHERS ",\"x\":\"\xf4\x90\x80\x80\"}",
		"{\"username\":\"ann\"," OTHERS ",\"x\":\"\\ud800\"}",
		"{\"username\":\"ann\"," OTHERS ",\"x\":\"\\udc00\\ud800\"}",
		NULL
	};
	struct answer a;

	refuses_all(SIGNIN, bodies);
	ask(&a, &server, "POST", SIGNIN,
	    "{\"username\":\"ann\"," OTHERS ",\"x\":\"\\ud83d\\ude00\"}", NULL);
	has_status(&a, 200);
	/* a NUL byte in the body */
	ck_assert(fetch(&a, server.port, "POST", SIGNIN,
	    "{\"username\":\"ann\"," OTHERS "}\0", 61,
	    (const char *const[]){ NULL }));
	look_over(&a, SIGNIN, true);
	has_status(&a, 400);
}
END_TEST

static void
nest(char *body, int depth)
{
	char *at =
	    body + sprintf(body, "{\"username\":\"ann\"," OTHERS ",\"x\":");

	/* the object is the first level */
	memset(at, '[', (size_t)depth - 1);
	memset(at + depth - 1, ']', (size_t)depth - 1);
	strcpy(at + 2 * (depth - 1), "}");
}

START_TEST(nesting_ends_at_32)
{
	static const int deep[] = { 33, 34, 64, 1000, 30000 };
	struct answer a;
	size_t i;

	nest(big, 32);
	ask(&a, &server, "POST", SIGNIN, big, NULL);
	has_status(&a, 200);
	for (i = 0; i < sizeof(deep) / sizeof(deep[0]); i++) {
		nest(big, deep[i]);
		ask(&a, &server, "POST", SIGNIN, big, NULL);
		has_status(&a, 400);
	}
	memset(big, '[', 60000);
	big[60000] = '\0';
	ask(&a, &server, "POST", SIGNIN, big, NULL);
	has_status(&a, 400);
}
END_TEST

/* A member that is no text: on each route, with its name in the message. */
START_TEST(wrong_types_are_named)
{
	static const char *const values[] = { "1", "0", "-1.5e300", "true",
		"false", "[]", "{}", "[\"ann\"]", "{\"a\":\"ann\"}",
		"{\"$ne\":null}", "[[\"ann\"]]" };
	static const char *const forms[][3] = {
		{ SIGNIN, "username", "{\"username\":%s,\"password\":\"x\"}" },
		{ SIGNIN, "password",
		    "{\"username\":\"ann\",\"password\":%s}" },
		{ SIGNUP, "username",
		    "{\"username\":%s,\"email\":\"t@example.org\"," OTHERS
		    "}" },
		{ SIGNUP, "email",
		    "{\"username\":\"typ\",\"email\":%s," OTHERS "}" },
		{ SIGNUP, "password",
		    "{\"username\":\"typ\",\"email\":\"t@example.org\","
		    "\"password\":%s}" },
		{ REFRESH, "refreshToken", "{\"refreshToken\":%s}" },
	};
	char body[512];
	struct answer a;
	size_t i, k;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(body, sizeof(body), forms[i][2], values[k]);
#pragma GCC diagnostic pop
			ask(&a, &server, "POST", forms[i][0], body, NULL);
			is_error_about(&a, 400, forms[i][1]);
		}
	}
	try_sign_in(&a, &server, "typ", PASSWORD);
	is_error(&a, 404, "User Not found.");
}
END_TEST

START_TEST(missing_members_are_named)
{
	static const char *const forms[][3] = {
		{ SIGNIN, "username", "{}" },
		{ SIGNIN, "username", "{\"password\":\"x\"}" },
		{ SIGNIN, "username",
		    "{\"username\":null,\"password\":\"x\"}" },
		{ SIGNIN, "username", "{\"Username\":\"ann\"," OTHERS "}" },
		{ SIGNIN, "password", "{\"username\":\"ann\"}" },
		{ SIGNIN, "password",
		    "{\"username\":\"ann\",\"password\":null}" },
		{ SIGNIN, "password",
		    "{\"username\":\"ann\",\"PASSWORD\":\"" PASSWORD "\"}" },
		{ SIGNUP, "username",
		    "{\"email\":\"mis@example.org\"," OTHERS "}" },
		{ SIGNUP, "username",
		    "{\"username\":null,\"email\":\"mis@example.org\"," OTHERS
		    "}" },
		{ SIGNUP, "email", "{\"username\":\"mis\"," OTHERS "}" },
		{ SIGNUP, "email",
		    "{\"username\":\"mis\",\"email\":null," OTHERS "}" },
		{ SIGNUP, "password",
		    "{\"username\":\"mis\",\"email\":\"mis@example.org\"}" },
		{ SIGNUP, "password",
		    "{\"username\":\"mis\",\"email\":\"mis@example.org\","
		    "\"password\":null}" },
	};
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		ask(&a, &server, "POST", forms[i][0], forms[i][2], NULL);
		is_error_about(&a, 400, forms[i][1]);
	}
	ask(&a, &server, "POST", SIGNIN, "", NULL);
	has_status(&a, 400);
	ask(&a, &server, "POST", SIGNUP, NULL, NULL);
	has_status(&a, 400);
	try_sign_in(&a, &server, "mis", PASSWORD);
	is_error(&a, 404, "User Not found.");
}
END_TEST

START_TEST(roles_are_a_list_of_names)
{
	static const char *const values[] = { "\"admin\"", "1", "true", "{}",
		"{\"0\":\"user\"}", "[1]", "[null]", "[[\"user\"]]",
		"[{\"name\":\"user\"}]", "[\"user\",7]" };
	char body[512];
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(body, sizeof(body),
		    "{\"username\":\"rol\",\"email\":\"rol@example."
		    "org\"," OTHERS ",\"roles\":%s}",
		    values[i]);
		ask(&a, &server, "POST", SIGNUP, body, NULL);
		is_error_about(&a, 400, "roles");
	}
	try_sign_in(&a, &server, "rol", PASSWORD);
	is_error(&a, 404, "User Not found.");
}
END_TEST

START_TEST(strange_role_names_do_not_exist)
{
	static const char *const names[] = { "", "USER", "user ", "<b>",
		"a\\\"b", "\\u00e9", "%s%n", "User", "\\\\" };
	struct answer a;
	size_t i;
	char *at;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(big, sizeof(big),
		    "{\"username\":\"str\",\"email\":\"str@example."
		    "org\"," OTHERS ",\"roles\":[\"%s\"]}",
		    names[i]);
		ask(&a, &server, "POST", SIGNUP, big, NULL);
		is_error_about(&a, 400, "Role does not exist");
	}
	/* a name as long as the body may be, and more names than there are */
	at = big +
	    sprintf(big,
		"{\"username\":\"str\",\"email\":\"str@example.org\"," //
		OTHERS ",\"roles\":[\"");
	memset(at, 'r', 60000);
	strcpy(at + 60000, "\"]}");
	ask(&a, &server, "POST", SIGNUP, big, NULL);
	has_status(&a, 400);
	for (i = 0; i < 5000; i++)
		at += sprintf(at, "x%zu\",\"", i % 1000);
	strcpy(at, "y\"]}");
	ask(&a, &server, "POST", SIGNUP, big, NULL);
	has_status(&a, 400);
	try_sign_in(&a, &server, "str", PASSWORD);
	is_error(&a, 404, "User Not found.");
}
END_TEST

static void
post_signup(
    struct answer *a, const char *name, const char *email, const char *password)
{
	char body[4096];

	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"email\":\"%s\",\"password\":\"%s\"}", name,
	    email, password);
	ask(a, &server, "POST", SIGNUP, body, NULL);
}

START_TEST(names_outside_the_rule_are_refused)
{
	static const char *const names[] = { "", " ", "two words", "a/b",
		"a\\nb", "a\\tb", "\\u00e9ric", "<b>", "a\\\"b", "a'b", "a,b",
		"a#b", "a\\u007fb", "a:b", "*" };
	char name[66];
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		post_signup(&a, names[i], "nam@example.org", PASSWORD);
		is_error_about(&a, 400, "name");
	}
	memset(name, 'n', 65);
	name[65] = '\0';
	post_signup(&a, name, "nam@example.org", PASSWORD);
	is_error_about(&a, 400, "name");
	name[64] = '\0'; /* the longest; and the address is free */
	post_signup(&a, name, "nam@example.org", PASSWORD);
	has_status(&a, 200);
	post_signup(&a, "A.b_c@d+e-9", "nam2@example.org", PASSWORD);
	has_status(&a, 200);
}
END_TEST

START_TEST(addresses_outside_the_rule_are_refused)
{
	static const char *const mails[] = { "", "x", "example.org", "a@b@c",
		"a b@example.org", "a@exam ple.org", "\\u00e9@example.org",
		"a\\n@example.org", "a\\u007f@example.org" };
	char mail[256];
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		post_signup(&a, "adr", mails[i], PASSWORD);
		is_error_about(&a, 400, "mail");
	}
	memset(mail, 'm', 255);
	memcpy(mail + 255 - 12, "@example.org", 13);
	post_signup(&a, "adr", mail, PASSWORD);
	is_error_about(&a, 400, "mail");
	post_signup(&a, "adr", mail + 1, PASSWORD); /* 254 */
	has_status(&a, 200);
}
END_TEST

START_TEST(passwords_outside_the_rule_are_refused)
{
	static const char *const bad[] = { "", "1234567", "password",
		"12345678", "\\u00e9\\u00e9\\u00e9" };
	char password[1026];
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		post_signup(&a, "pwd", "pwd@example.org", bad[i]);
		is_error_about(&a, 400, "password");
	}
	for (i = 0; i < 1025; i++)
		password[i] = (char)('a' + i % 23);
	password[1025] = '\0';
	post_signup(&a, "pwd", "pwd@example.org", password);
	is_error_about(&a, 400, "password");
	password[1024] = '\0';
	post_signup(&a, "pwd", "pwd@example.org", password);
	has_status(&a, 200);
	post_signup(&a, "pwd2", "pwd2@example.org", "x-8bytes");
	has_status(&a, 200);
	try_sign_in(&a, &server, "pwd2", "x-8bytes");
	has_status(&a, 200);
	/* a sign-in with such a password is a wrong one, whatever its length */
	try_sign_in(&a, &server, "pwd2", "x");
	is_error(&a, 401, "Invalid Password!");
	memset(big, 'p', 30000);
	memcpy(big, "{\"username\":\"pwd2\",\"password\":\"", 31);
	strcpy(big + 30000, "\"}");
	ask(&a, &server, "POST", SIGNIN, big, NULL);
	ck_assert(a.status == 401 || a.status == 400);
}
END_TEST

START_TEST(unknown_members_are_ignored)
{
	struct answer a;

	ask(&a, &server, "POST", SIGNUP,
	    "{\"username\":\"unk\",\"email\":\"unk@example.org\"," OTHERS
	    ",\"id\":1,\"isAdmin\":true,\"Roles\":[\"admin\"],\"role\":"
	    "\"admin\",\"disabled\":true,\"epoch\":9,\"USERNAME\":\"ann\","
	    "\"__proto__\":{\"roles\":[\"admin\"]}}",
	    NULL);
	has_status(&a, 200);
	ask(&a, &server, "POST", SIGNIN,
	    "{\"USERNAME\":\"ann\",\"username\":\"unk\"," OTHERS
	    ",\"roles\":[\"admin\"],\"remember\":[{\"x\":null}]}",
	    NULL);
	has_status(&a, 200);
	ck_assert_str_eq(text(&a, "username"), "unk");
	ck_assert_str_eq(json(&a, "roles"), "[\"ROLE_USER\"]");
}
END_TEST

START_TEST(only_two_types_are_read)
{
	static const char good[] = "{\"username\":\"ann\"," OTHERS "}";
	static const char *const bad[] = { "Content-Type: text/plain",
		"Content-Type: application/xml", "Content-Type: text/json",
		"Content-Type: application/jsonx",
		"Content-Type: application/json-patch+json",
		"Content-Type: multipart/form-data; boundary=x",
		"Content-Type: application/octet-stream", "Content-Type: json",
		"Content-Type: text/plain; x=application/json" };
	static const char *const fine[] = { "Content-Type: application/json",
		"Content-Type: application/json; charset=utf-8",
		"Content-Type: application/json;charset=UTF-8",
		"Content-Type: Application/JSON",
		"content-type:  application/json ; charset=utf-8" };
	static const char *const paths[] = { SIGNUP, SIGNIN, REFRESH };
	struct answer a;
	size_t i, k;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (k = 0; k < 3; k++) {
			ask(&a, &server, "POST", paths[k], good, bad[i], NULL);
			has_status(&a, 415);
		}
	}
	for (i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		ask(&a, &server, "POST", SIGNIN, good, fine[i], NULL);
		has_status(&a, 200);
	}
}
END_TEST

START_TEST(forms_are_read)
{
	struct answer a;
	struct pair p;
	char body[256];

	ask(&a, &server, "POST", SIGNUP,
	    "username=form&email=form%40example.org"
	    "&password=a+b%2bc%26d%3De+%C3%A9&other=1&empty=&none",
	    FORM, NULL);
	has_status(&a, 200);
	try_sign_in(&a, &server, "form", "a b+c&d=e \xc3\xa9");
	has_status(&a, 200);
	ask(&a, &server, "POST", SIGNIN,
	    "username=%66orm&password=a%20b%2Bc%26d%3de%20%c3%A9",
	    FORM "; charset=UTF-8", NULL);
	take_pair(&a, &p);
	snprintf(body, sizeof(body), "refreshToken=%s", p.refresh);
	ask(&a, &server, "POST", REFRESH, body, FORM, NULL);
	has_status(&a, 200);
	ask(&a, &server, "POST", SIGNIN, "username=form", FORM, NULL);
	is_error_about(&a, 400, "password");
	ask(&a, &server, "POST", SIGNIN, "", FORM, NULL);
	is_error_about(&a, 400, "username");
}
END_TEST

START_TEST(bad_forms_are_refused)
{
	static const char *const bodies[] = {
		"username=ann&username=ann&password=x",
		"username=ann&user%6eame=ann&password=x",
		"username=ann%00&password=x", "username=ann&password=%zz",
		"username=ann&password=%4", "username=ann&password=%",
		"username=ann&password=%ff", "username=ann&password=\xff",
		"username=ann&password=%c0%af", "%00=1&username=ann&password=x",
		"&&&&", "=", "====", "{\"username\":\"ann\"," OTHERS "}"
	};
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		ask(&a, &server, "POST", SIGNIN, bodies[i], FORM, NULL);
		ck_assert_msg(
		    a.status == 400, "%s\n%s%s", bodies[i], a.head, a.body);
	}
	memset(big, '&', 60000);
	big[60000] = '\0';
	ask(&a, &server, "POST", SIGNIN, big, FORM, NULL);
	has_status(&a, 400);
}
END_TEST

static void
sized_signin(size_t size)
{
	static const char good[] = "{\"username\":\"ann\"," OTHERS "}";

	memset(big, ' ', size);
	memcpy(big, good, sizeof(good) - 1);
	big[size] = '\0';
}

static void
is_too_large_and_closed(const char *request, const char *rest, size_t len)
{
	struct answer a;
	char more[256];
	int fd = raw_open(&server);

	raw_send(fd, request);
	(void)raw_write(fd, rest, len); /* it may have closed already */
	ck_assert(raw_answer(fd, &a, false));
	look_over(&a, SIGNIN, true);
	has_status(&a, 413);
	ck_assert_str_eq(header(&a, "Connection"), "close");
	ck_assert_uint_eq(raw_rest(fd, more, sizeof(more)), 0);
	close(fd);
}

START_TEST(bodies_end_at_64_kib)
{
#define POST_JSON                                 \
	"POST " SIGNIN " HTTP/1.1\r\nHost: a\r\n" \
	"Content-Type: application/json\r\n"
	static char chunked[BODY_MAX * 2 + 64];
	struct answer a;
	int n;

	sized_signin(BODY_MAX);
	ask(&a, &server, "POST", SIGNIN, big, NULL);
	has_status(&a, 200);
	sized_signin(BODY_MAX + 1);
	is_too_large_and_closed(
	    POST_JSON "Content-Length: 65537\r\n\r\n", big, BODY_MAX + 1);
	/* announced only: the answer does not wait for it */
	is_too_large_and_closed(
	    POST_JSON "Content-Length: 99999999999\r\n\r\n", "", 0);
	n = sprintf(chunked, "%x\r\n%s\r\n0\r\n\r\n", BODY_MAX + 1, big);
	is_too_large_and_closed(
	    POST_JSON "Transfer-Encoding: chunked\r\n\r\n", chunked, (size_t)n);
	n = sprintf(chunked, "7fffffffffffffff\r\n%s", big);
	is_too_large_and_closed(
	    POST_JSON "Transfer-Encoding: chunked\r\n\r\n", chunked, (size_t)n);
}
END_TEST

START_TEST(chunks_are_read)
{
	struct answer a;
	int fd = raw_open(&server);

	raw_send(fd,
	    POST_JSON "Transfer-Encoding: chunked\r\n\r\n"
		      "1\r\n{\r\n"
		      "11\r\n\"username\":\"ann\",\r\n"
		      "2b\r\n" OTHERS " }\r\n"
		      "0\r\n\r\n");
	ck_assert_uint_eq(strlen(OTHERS " }"), 0x2b);
	ck_assert(raw_answer(fd, &a, false));
	look_over(&a, SIGNIN, true);
	has_status(&a, 200);
	/* and the connection can be used again, or it is said that not */
	if (header(&a, "Connection") != NULL &&
	    strcmp(a.header, "close") == 0) {
		close(fd);
		return;
	}
	raw_send(fd, "GET /api/test/all HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert(raw_answer(fd, &a, false));
	is_text(&a, "Public Content.");
	close(fd);
}
END_TEST

START_TEST(bad_chunks_are_refused)
{
	static const char *const bodies[] = { "zz\r\n{}\r\n0\r\n\r\n",
		"-1\r\n{}\r\n0\r\n\r\n", "\r\n{}\r\n0\r\n\r\n",
		"2\r\n{}xx\r\n0\r\n\r\n", "+2\r\n{}\r\n0\r\n\r\n",
		"0x2\r\n{}\r\n0\r\n\r\n",
		"10000000000000002\r\n{}\r\n0\r\n\r\n" };
	struct answer a;
	char more[4096];
	size_t i;
	int fd;

	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		fd = raw_open(&server);
		raw_send(fd, POST_JSON "Transfer-Encoding: chunked\r\n\r\n");
		(void)raw_write(fd, bodies[i], strlen(bodies[i]));
		ck_assert_msg(
		    raw_answer(fd, &a, false), "no answer to %s", bodies[i]);
		look_over(&a, SIGNIN, true);
		ck_assert_msg(a.status == 400 || a.status == 413, "%d for %s",
		    a.status, bodies[i]);
		ck_assert_uint_eq(raw_rest(fd, more, sizeof(more)), 0);
		close(fd);
	}
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { malformed_json_is_refused,
		bodies_are_objects, unsafe_json_is_refused, nesting_ends_at_32,
		wrong_types_are_named, missing_members_are_named,
		roles_are_a_list_of_names, strange_role_names_do_not_exist,
		names_outside_the_rule_are_refused,
		addresses_outside_the_rule_are_refused,
		passwords_outside_the_rule_are_refused,
		unknown_members_are_ignored, only_two_types_are_read,
		forms_are_read, bad_forms_are_refused, bodies_end_at_64_kib,
		chunks_are_read, bad_chunks_are_refused, NULL };

	return run_tests("bodies", setup, teardown, tests);
}
