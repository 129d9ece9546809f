/*
 * The configuration, the keys, the signals and the log of authd, from outside.
 */
#include "forge.h"
#include "raw.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct authd d;

static void
setup(void)
{
	authd_make(&d, "");
}

static void
teardown(void)
{
	authd_remove(&d);
}

/* -t finds it; so does a start; the message names file, line and key. */
static void
is_faulty(const char *text, const char *line, const char *part)
{
	char place[64];
	struct run r;

	snprintf(place, sizeof(place), "authd.conf:%s", line);
	authd_write(&d, "authd.conf", text);
	authd_run(&d, &r, "-t", "-c", d.conf, NULL);
	ck_assert_msg(r.status == 2 && strstr(r.out, place) != NULL &&
		strstr(r.out, part) != NULL,
	    "not 2 and %s ... %s but %d and: %s", place, part, r.status, r.out);
	authd_run(&d, &r, "-c", d.conf, NULL);
	ck_assert_msg(r.status == 2 && strstr(r.out, part) != NULL,
	    "it starts: %d, %s", r.status, r.out);
	ck_assert_uint_eq(authd_files(&d), 1); /* nothing was made */
}

START_TEST(a_check_makes_nothing)
{
	struct run r;

	setup();
	authd_run(&d, &r, "-t", "-c", d.conf, NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	ck_assert_uint_eq(authd_files(&d), 1);
	authd_write(&d, "authd.conf", "{\n/* nothing */ // at all\n}\n");
	authd_run(&d, &r, "-t", "-c", d.conf, NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	ck_assert_uint_eq(authd_files(&d), 1);
	teardown();
}
END_TEST

START_TEST(faults_are_named)
{
	setup();
	is_faulty("{\n\n\"lissten\": \"127.0.0.1:0\"\n}\n", "3", "lissten");
	is_faulty("{\n\"listen\": 8080\n}\n", "2", "listen");
	is_faulty("{\n\"jwtExpiration\": \"3600\"\n}\n", "2", "jwtExpiration");
	is_faulty("{\n\"jwtExpiration\": 0\n}\n", "2", "jwtExpiration");
	is_faulty("{\n\"jwtExpiration\": 1.5\n}\n", "2", "jwtExpiration");
	is_faulty("{\n\"uniformErrors\": 1\n}\n", "2", "uniformErrors");
	is_faulty("{\n\"rotation\": \"lax\"\n}\n", "2", "rotation");
	is_faulty("{\n\"log\": \"xml\"\n}\n", "2", "log");
	is_faulty("{\n\"signupRoles\": [\"king\"]\n}\n", "2", "signupRoles");
	is_faulty("{\n\"roles\": [\"King\"]\n}\n", "2", "roles");
	is_faulty("{\n\"threads\": 1000000\n}\n", "2", "threads");
	is_faulty("{\n\"throttle\": true\n}\n", "2", "throttle");
	is_faulty(
	    "{\n\"trustedProxies\": [\"proxy\"]\n}\n", "2", "trustedProxies");
	is_faulty("{\n\"corsOrigins\": [\n\"" ORIGIN "\",\n\"*\"]\n}\n", "",
	    "corsOrigins");
	is_faulty("{\n\"issuer\": \"who?\"\n}\n", "2", "issuer");
	is_faulty("{\n\"store\": \"oracle://x\"\n}\n", "2", "store");
	is_faulty("{\n\n\n\"listen\": \"0.0.0.0:0\"\n}\n", "4", "insecure");
	teardown();
}
END_TEST

START_TEST(weak_secrets_are_refused)
{
	setup();
	is_faulty("{\n\"secret\": \"short\"\n}\n", "2", "secret");
	is_faulty("{\n\"secret\": \"bezkoder-secret-key\"\n}\n", "2", "secret");
	is_faulty("{\n\"secret\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
		  "\n}\n",
	    "2", "secret");
	teardown();
}
END_TEST

START_TEST(text_that_is_no_json_is_refused)
{
	setup();
	is_faulty("{\n\"listen\": \n}\n", "3", "");
	is_faulty("{\n\"issuer\": \"a\",\n\"issuer\": \"a\"\n}\n", "3", "");
	is_faulty("", "1", "");
	is_faulty("[]\n", "1", "");
	is_faulty("{}\n{}\n", "2", "");
	teardown();
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	struct run r;

	setup();
	authd_run(&d, &r, "-c", "no-such.conf", NULL);
	ck_assert_int_eq(r.status, 2);
	ck_assert_ptr_nonnull(strstr(r.out, "no-such.conf"));
	authd_run(&d, &r, "--no-such-option", NULL);
	ck_assert_int_eq(r.status, 2);
	authd_run(&d, &r, "-c", NULL);
	ck_assert_int_eq(r.status, 2);
	authd_run(&d, &r, "surplus", NULL);
	ck_assert_int_eq(r.status, 2);
	authd_run(&d, &r, "--version", NULL);
	ck_assert_int_eq(r.status, 0);
	ck_assert_ptr_nonnull(strstr(r.out, AUTHTOK_VERSION));
	teardown();
}
END_TEST

static void
mode_is(const char *name, mode_t mode)
{
	struct stat st;
	char path[160];

	authd_path(&d, name, path, sizeof(path));
	ck_assert_msg(stat(path, &st) == 0, "no %s", name);
	ck_assert_msg((st.st_mode & 0777) == mode, "%s has mode %o", name,
	    st.st_mode & 0777);
}

static const char *const no_file[] = { "--listen", "127.0.0.1:0", NULL };

/* In an empty folder, with no file at all. */
START_TEST(it_runs_without_configuration)
{
	struct answer a;
	struct pair p, q;

	setup();
	unlink(d.conf);
	ck_assert(authd_try(&d, no_file));
	mode_is("authd.keys", 0600);
	mode_is("authd.db", 0600);
	sign_up(&d, "ann");
	sign_in(&d, "ann", &p);
	refresh_ok(&d, p.refresh, NULL, "rotated", &q);
	authd_stop(&d);
	/* the keys stay, so do the tokens */
	ck_assert(authd_try(&d, no_file));
	get(&a, &d, "/api/test/user", p.access);
	is_text(&a, "User Content.");
	refresh_ok(&d, q.refresh, NULL, "rotated", &p);
	teardown();
}
END_TEST

START_TEST(an_open_key_file_is_refused)
{
	char path[160];
	struct run r;

	setup();
	unlink(d.conf);
	ck_assert(authd_try(&d, no_file));
	authd_stop(&d);
	authd_path(&d, "authd.keys", path, sizeof(path));
	authd_write(&d, "authd.conf",
	    "{\n\"listen\": \"127.0.0.1:0\",\n\"keys\": \"authd.keys\"\n}\n");
	authd_run(&d, &r, "-t", "-c", d.conf, NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	ck_assert_int_eq(chmod(path, 0644), 0);
	authd_run(&d, &r, "-t", "-c", d.conf, NULL);
	ck_assert_int_eq(r.status, 2);
	ck_assert_ptr_nonnull(strstr(r.out, "authd.keys"));
	authd_run(&d, &r, "-c", d.conf, NULL);
	ck_assert_int_eq(r.status, 2);
	ck_assert_int_eq(chmod(path, 0600), 0);
	authd_write(&d, "authd.keys", "{\"keys\":[]}\n");
	authd_run(&d, &r, "-t", "-c", d.conf, NULL);
	ck_assert_int_eq(r.status, 2);
	ck_assert_ptr_nonnull(strstr(r.out, "authd.keys"));
	teardown();
}
END_TEST

START_TEST(a_taken_port_is_named)
{
	char address[64];
	struct run r;

	setup();
	authd_start(&d);
	snprintf(address, sizeof(address), "127.0.0.1:%u", d.port);
	authd_run(&d, &r, "-c", d.conf, "--listen", address, NULL);
	ck_assert_int_eq(r.status, 1);
	ck_assert_ptr_nonnull(strstr(r.out, address));
	teardown();
}
END_TEST

/* Wait until it does not listen any more, or says that it stops. */
static void
await_drain(void)
{
	char before[64];
	int i;

	snprintf(before, sizeof(before), "http://127.0.0.1:%u", d.port);
	for (i = 0; i < 100; i++) {
		if (strstr(authd_log(&d), "stop") != NULL ||
		    strstr(authd_log(&d), "drain") != NULL)
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
}

START_TEST(sigterm_lets_a_request_finish)
{
	static const char body[] =
	    "{\"username\":\"ann\",\"password\":\"" PASSWORD "\"}";
	char head[256];
	struct answer a;
	int fd, idle;

	setup();
	authd_start(&d);
	sign_up(&d, "ann");
	idle = raw_open(&d); /* waits for nothing, and holds nobody up */
	raw_send(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	ck_assert(raw_answer(idle, &a, false));
	fd = raw_open(&d);
	snprintf(head, sizeof(head),
	    "POST " SIGNIN " HTTP/1.1\r\nHost: a\r\nContent-Type: "
	    "application/json\r\nContent-Length: %zu\r\n"
	    "Expect: 100-continue\r\n\r\n",
	    strlen(body));
	raw_send(fd, head);
	ck_assert(raw_answer(fd, &a, true));
	has_status(&a, 100); /* so it is under way */
	ck_assert(raw_write(fd, body, 10));
	ck_assert_int_eq(kill(d.pid, SIGTERM), 0);
	await_drain();
	ck_assert(raw_write(fd, body + 10, strlen(body) - 10));
	ck_assert(raw_answer(fd, &a, false));
	look_over(&a, SIGNIN, true);
	has_status(&a, 200);
	ck_assert_ptr_nonnull(text(&a, "refreshToken"));
	ck_assert_int_eq(authd_wait(&d), 0);
	close(fd);
	close(idle);
	teardown();
}
END_TEST

START_TEST(sigint_ends_it_too)
{
	setup();
	authd_start(&d);
	ck_assert_int_eq(kill(d.pid, SIGINT), 0);
	ck_assert_int_eq(authd_wait(&d), 0);
	teardown();
}
END_TEST

static bool
may_read(const char *origin)
{
	char line[128];
	struct answer a;

	snprintf(line, sizeof(line), "Origin: %s", origin);
	ask(&a, &d, "GET", "/api/test/all", NULL, line, NULL);
	is_text(&a, "Public Content.");
	return header(&a, "Access-Control-Allow-Origin") != NULL;
}

static void
await_origin(const char *origin)
{
	/* until Check's own time limit */
	while (!may_read(origin))
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

START_TEST(sighup_reads_the_file_again)
{
	struct answer a;
	struct pair p;
	size_t len;

	setup();
	authd_start(&d);
	sign_up(&d, "ann");
	sign_in(&d, "ann", &p);
	ck_assert(!may_read(ORIGIN));
	authd_configure(&d, "\"corsOrigins\": [\"" ORIGIN "\"]");
	ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
	await_origin(ORIGIN);
	get(&a, &d, "/api/test/user", p.access);
	is_text(&a, "User Content.");
	/* a faulty one is reported, and the old one stays */
	len = strlen(authd_log(&d));
	authd_write(&d, "authd.conf", "{\n\"corsOrigin\": []\n}\n");
	ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
	while (strstr(authd_log(&d) + len, "corsOrigin") == NULL)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	ck_assert(may_read(ORIGIN));
	get(&a, &d, "/api/test/user", p.access);
	is_text(&a, "User Content.");
	/* and a good one is taken again */
	authd_configure(&d, "\"corsOrigins\": [\"http://localhost:1\"]");
	ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
	await_origin("http://localhost:1");
	ck_assert(!may_read(ORIGIN));
	teardown();
}
END_TEST

/* Everything that happens once, with secrets of every kind. */
static void
make_events(struct pair *first, struct pair *second)
{
	char line[AUTHTOK_TOKEN_MAX + 64];
	struct answer a;

	sign_up(&d, "ann");
	sign_in(&d, "ann", first);
	try_sign_in(&a, &d, "ann", "a-wrong-secret-word");
	try_sign_in(
	    &a, &d, "evil\\nevent=fake user=root", "a-wrong-secret-word");
	/* a password in the field of the name */
	try_sign_in(&a, &d, "typed-into-the-wrong-field", "x");
	refresh_ok(&d, first->refresh, "a-retry-key", "rotated", second);
	get(&a, &d, "/api/test/user", first->access);
	get(&a, &d, "/api/test/user", "a-forged-token");
	snprintf(
	    line, sizeof(line), "Authorization: Bearer %s", second->access);
	ask(&a, &d, "GET", "/api/test/mod?token=a-token-in-a-query", NULL, line,
	    "User-Agent: \"quoted\" \\ agent", NULL);
	ask(&a, &d, "GET", "/%0aevent=fake", NULL, NULL);
	refresh(&a, &d, "art1_a-forged-refresh-token", NULL);
	ask(&a, &d, "POST", SIGNIN, "{\"password\":\"a-wrong-secret-word\",",
	    NULL);
}

static void
has_no_secret(const char *log, const struct pair *p)
{
	char signature[128];

	ck_assert_ptr_null(strstr(log, p->access));
	ck_assert_ptr_null(strstr(log, p->refresh));
	snprintf(
	    signature, sizeof(signature), "%s", strrchr(p->access, '.') + 1);
	ck_assert_ptr_null(strstr(log, signature));
	snprintf(signature, sizeof(signature), "%.60s", p->refresh + 21);
	ck_assert_ptr_null(strstr(log, signature));
}

static const char *
log_of_events(const char *members)
{
	static const char *const secrets[] = { PASSWORD, "a-wrong-secret-word",
		"typed-into-the-wrong-field", "a-retry-key", "a-forged-token",
		"a-token-in-a-query", "a-forged-refresh-token", "$argon2",
		"0123456789" };
	struct pair first, second;
	const char *log;
	size_t i;

	setup();
	authd_configure(&d, members);
	authd_start(&d);
	make_events(&first, &second);
	authd_stop(&d);
	log = authd_log(&d);
	has_no_secret(log, &first);
	has_no_secret(log, &second);
	for (i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		ck_assert_msg(strstr(log, secrets[i]) == NULL,
		    "the log has %s:\n%s", secrets[i], log);
	return log;
}

static size_t
lines_with(const char *log, const char *part)
{
	size_t n = 0;

	while ((log = strstr(log, part)) != NULL) {
		n++;
		log += strcspn(log, "\n");
	}
	return n;
}

START_TEST(the_text_log)
{
	const char *log = log_of_events("\"log\": \"text\""), *line;
	size_t len;

	ck_assert_uint_ge(lines_with(log, "/api/auth/signup"), 1);
	ck_assert_uint_eq(lines_with(log, "/api/test/mod"), 1);
	ck_assert_uint_eq(lines_with(log, "/api/test/user"), 2);
	for (line = log; *line != '\0'; line += len + 1) {
		len = strcspn(line, "\n");
		ck_assert_msg(line[len] == '\n', "half a line: %s", line);
		ck_assert_msg(len > 0 && memchr(line, '=', len) != NULL,
		    "no line of words: %.*s", (int)len, line);
		ck_assert_int_ne(strncmp(line, "event=fake", 10), 0);
	}
	teardown();
}
END_TEST

START_TEST(the_json_log)
{
	const char *log = log_of_events("\"log\": \"json\""), *line;
	cJSON *root;
	size_t len;

	ck_assert_uint_eq(lines_with(log, "/api/test/mod"), 1);
	for (line = log; *line != '\0'; line += len + 1) {
		len = strcspn(line, "\n");
		ck_assert_msg(line[len] == '\n', "half a line: %s", line);
		root = cJSON_ParseWithLength(line, len);
		ck_assert_msg(
		    cJSON_IsObject(root), "no JSON: %.*s", (int)len, line);
		cJSON_Delete(root);
		ck_assert_int_eq(
		    authtok_json_check(line, len, 8, NULL, NULL), AUTHTOK_OK);
	}
	teardown();
}
END_TEST

/* iss, aud and the lifetimes reach the tokens. */
START_TEST(settings_reach_the_tokens)
{
	char claims[AUTHTOK_TOKEN_MAX];
	struct pair p;

	setup();
	authd_configure(&d,
	    "\"issuer\": \"https://id.example.org\", "
	    "\"audience\": \"boards\", \"jwtExpiration\": 123");
	authd_start(&d);
	sign_up(&d, "ann");
	sign_in(&d, "ann", &p);
	jwt_part(p.access, 1, claims, sizeof(claims));
	ck_assert_ptr_nonnull(
	    strstr(claims, "\"iss\":\"https://id.example.org\""));
	ck_assert_ptr_nonnull(strstr(claims, "\"aud\":\"boards\""));
	ck_assert_int_eq(strtol(strstr(claims, "\"exp\":") + 6, NULL, 10) -
		strtol(strstr(claims, "\"iat\":") + 6, NULL, 10),
	    123);
	teardown();
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_check_makes_nothing, faults_are_named,
		weak_secrets_are_refused, text_that_is_no_json_is_refused,
		a_missing_file_is_named, it_runs_without_configuration,
		an_open_key_file_is_refused, a_taken_port_is_named,
		sigterm_lets_a_request_finish, sigint_ends_it_too,
		sighup_reads_the_file_again, the_text_log, the_json_log,
		settings_reach_the_tokens, NULL };

	return run_tests("config", NULL, NULL, tests);
}
