/*
 * What an attacker, a careless proxy or an operator's slip does to a running
 * authd; each of these once went wrong.
 */
#include "raw.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RELOADS  20
#define GUESSERS 16

static bool
has_file(const struct authd *d, const char *name)
{
	char path[160];

	authd_path(d, name, path, sizeof(path));
	return access(path, F_OK) == 0;
}

START_TEST(own_refusals_are_not_kept_and_are_logged)
{
	struct answer a;
	struct authd d;
	int fd;

	authd_make(&d, "");
	authd_start(&d);
	fd = raw_open(&d);
	raw_send(fd,
	    "POST " REFRESH " HTTP/1.1\r\nHost: x\r\n"
	    "Authtok-Retry-Key: a\x01z\r\nContent-Length: 0\r\n\r\n");
	ck_assert(raw_answer(fd, &a, false));
	close(fd);
	has_status(&a, 400);
	ck_assert_ptr_nonnull(header(&a, "Cache-Control"));
	ck_assert_str_eq(a.header, "no-store");
	ck_assert_ptr_nonnull(header(&a, "X-Content-Type-Options"));
	authd_await_log(&d, "refused with 400");
	ck_assert_ptr_nonnull(strstr(authd_log(&d), "from 127.0.0.1"));
	authd_remove(&d);
}
END_TEST

/* A failed sign-in: who was it, says the last such line of the log? */
static void
comes_from(const struct authd *d, const char *name, const char *first,
    const char *last, const char *peer)
{
	char body[128], one[96], two[96], line[160];
	const char *last_failed, *at;
	struct answer a;

	snprintf(body, sizeof(body), "{\"username\":\"%s\",\"password\":\"x\"}",
	    name);
	snprintf(one, sizeof(one), "X-Forwarded-For: %s", first);
	snprintf(two, sizeof(two), "X-Forwarded-For: %s", last);
	ask(&a, d, "POST", SIGNIN, body, one, two, NULL);
	has_status(&a, 404);
	snprintf(
	    line, sizeof(line), "event=signin_failed name=? peer=%s ", peer);
	last_failed = authd_log(d);
	for (at = last_failed; (at = strstr(at, "event=signin_failed")); at++)
		last_failed = at;
	ck_assert_msg(strncmp(last_failed, line, strlen(line)) == 0,
	    "no \"%s\" in:\n%s", line, authd_log(d));
}

START_TEST(a_proxy_may_add_a_line_of_its_own)
{
	struct authd d;

	authd_make(&d, "\"trustedProxies\": [\"127.0.0.1\", \"10.0.0.0/8\"]");
	authd_start(&d);
	/* the first is what a client made up */
	comes_from(&d, "a", "9.9.9.9", "192.0.2.1", "192.0.2.1");
	comes_from(&d, "b", "9.9.9.9, 192.0.2.1", "10.1.1.1", "192.0.2.1");
	comes_from(&d, "c", "9.9.9.9", "unknown", "127.0.0.1");
	comes_from(&d, "d", "9.9.9.9", "192.0.2.1:4711", "127.0.0.1");
	comes_from(&d, "e", "rubbish", "10.1.1.1", "10.1.1.1");
	authd_remove(&d);
}
END_TEST

START_TEST(ready_means_that_the_store_can_be_written_to)
{
	struct answer a;
	struct authd d;
	char path[160];
	sqlite3 *db;

	authd_make(&d, "");
	authd_start(&d);
	ask(&a, &d, "GET", "/readyz", NULL, NULL);
	has_status(&a, 200);
	authd_path(&d, "authd.db", path, sizeof(path));
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	/* it looks once a second only, so an older answer may come first */
	do
		ask(&a, &d, "GET", "/readyz", NULL, NULL);
	while (a.status == 200);
	has_status(&a, 503);
	ck_assert_ptr_nonnull(header(&a, "Retry-After"));
	ask(&a, &d, "GET", "/healthz", NULL, NULL);
	has_status(&a, 200);
	sqlite3_close(db);
	do
		ask(&a, &d, "GET", "/readyz", NULL, NULL);
	while (a.status == 503);
	has_status(&a, 200);
	authd_remove(&d);
}
END_TEST

START_TEST(bad_keys_are_found_before_a_database_is_made)
{
	static const char *const bad[] = { "rubbish", "", "{\"keys\":[]}" };
	struct authd d;
	struct run r;

	authd_make(&d, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		authd_write(&d, "authd.db.refresh", bad[i]);
		authd_run(&d, &r, "-c", d.conf, NULL);
		ck_assert_msg(r.status == 2, "%d: %s", r.status, r.out);
		ck_assert_ptr_nonnull(strstr(r.out, "authd.db.refresh"));
		ck_assert(!has_file(&d, "authd.db"));
	}
	authd_remove(&d);
}
END_TEST

struct load {
	const struct authd *d;
	const char *access;
	atomic_bool stop;
	atomic_uint good, bad;
};

static void *
run_load(void *arg)
{
	struct load *load = arg;
	struct answer a;
	char line[AUTHTOK_TOKEN_MAX + 32];
	const char *const lines[] = { line, NULL };

	snprintf(line, sizeof(line), "x-access-token: %s", load->access);
	while (!load->stop) {
		if (fetch(&a, load->d->port, "GET", "/api/test/user", NULL, 0,
			lines) &&
		    a.status == 200)
			load->good++;
		else
			load->bad++;
	}
	return NULL;
}

START_TEST(reloads_under_load_are_not_noticed)
{
	struct load load = { .d = NULL };
	pthread_t threads[4];
	struct authd d;
	struct pair p;

	authd_make(&d, "");
	authd_start(&d);
	sign_up(&d, "ann");
	sign_in(&d, "ann", &p);
	load.d = &d;
	load.access = p.access;
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, run_load, &load), 0);
	for (unsigned i = 0; i < RELOADS; i++) {
		unsigned seen = load.good;

		ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
		while (load.good == seen && load.bad == 0)
			sched_yield();
	}
	authd_await_log(&d, "event=reload");
	load.stop = true;
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(load.bad, 0);
	ck_assert_uint_ge(load.good, RELOADS);
	authd_remove(&d);
}
END_TEST

/* Every line is an object of its own, whatever was sent. */
START_TEST(a_name_cannot_forge_a_log_line)
{
	static const char *const names[] = {
		"x\\n{\\\"event\\\":\\\"signin\\\",\\\"user\\\":\\\"1\\\"}",
		"\\\"}\\r\\n", "\\u001b[2J\\u0007",
		"\xc3\xa9\\u2028\xf0\x9f\x98\x80", "\\\\", "\x7f"
	};
	char body[256];
	struct answer a;
	struct authd d;
	char log[65536];
	unsigned failed = 0;

	authd_make(&d, "\"log\": \"json\"");
	authd_start(&d);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(body, sizeof(body),
		    "{\"username\":\"%s\",\"password\":\"x\"}", names[i]);
		ask(&a, &d, "POST", SIGNIN, body, NULL);
		has_status(&a, 404);
	}
	authd_stop(&d);
	snprintf(log, sizeof(log), "%s", authd_log(&d));
	for (char *rest = log, *line; (line = strsep(&rest, "\n")) != NULL;) {
		cJSON *object = cJSON_Parse(line);

		if (*line == '\0')
			continue;
		ck_assert_msg(cJSON_IsObject(object), "%s", line);
		ck_assert_uint_eq(strspn(line,
				      "\t !\"#$%&'()*+,-./0123456789:;<=>?@"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
				      "abcdefghijklmnopqrstuvwxyz{|}~"),
		    strlen(line));
		failed += strcmp(cJSON_GetStringValue(
				     cJSON_GetObjectItem(object, "event")),
			      "signin_failed") == 0;
		cJSON_Delete(object);
	}
	ck_assert_uint_eq(failed, sizeof(names) / sizeof(names[0]));
	authd_remove(&d);
}
END_TEST

static void *
run_guess(void *arg)
{
	static const char body[] =
	    "{\"username\":\"ann\",\"password\":\"wrong wrong\"}";
	const char *const lines[] = { "Content-Type: application/json", NULL };
	struct load *load = arg;
	struct answer a;

	while (!load->stop) {
		ck_assert(fetch(&a, load->d->port, "POST", SIGNIN, body,
		    sizeof(body) - 1, lines));
		if (a.status == 503)
			load->bad++;
		else
			load->good++;
	}
	return NULL;
}

/*
 * Who waits for a password hash holds a thread. With as many clients as threads
 * some must be sent away, so that others are served in between.
 */
START_TEST(hashes_do_not_take_all_threads)
{
	struct load load = { .d = NULL };
	pthread_t threads[GUESSERS];
	struct authd d;

	authd_make(&d, "\"threads\": 16, \"hashSlots\": 1");
	authd_start(&d);
	sign_up(&d, "ann");
	load.d = &d;
	for (size_t i = 0; i < GUESSERS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, run_guess, &load), 0);
	/* with room for all in the queue nobody would ever be */
	while (load.bad == 0 && load.good < 20 * GUESSERS)
		sched_yield();
	load.stop = true;
	for (size_t i = 0; i < GUESSERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_gt(load.bad, 0);
	ck_assert_uint_gt(load.good, 0);
	authd_remove(&d);
}
END_TEST

/* A quota or ulimit -f sends a signal that kills by default. */
START_TEST(a_file_that_may_not_grow_kills_nobody)
{
	const struct rlimit none = { 0, 0 };
	const char *program = getenv("AUTHD_BIN");
	struct authd d;
	int status;
	pid_t pid;

	ck_assert_ptr_nonnull(program);
#ifdef __SANITIZE_THREAD__
	printf("# ThreadSanitizer itself writes a file before main: skipped\n");
	return;
#endif
	authd_make(&d, "");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)signal(SIGXFSZ, SIG_DFL);
		if (dup2(open("/dev/null", O_WRONLY), 2) == 2 &&
		    setrlimit(RLIMIT_FSIZE, &none) == 0)
			execl(program, program, "-c", d.conf, (char *)NULL);
		_exit(126);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	authd_remove(&d);
}
END_TEST

START_TEST(authctl_reaches_every_name)
{
	struct authd d;
	struct run r;

	authd_make(&d, "");
	/* nothing is touched when words are missing */
	authctl(&d, &r, "", "user", "add", "ann", NULL);
	ck_assert_int_eq(r.status, 2);
	ck_assert(!has_file(&d, "authd.db"));
	/* sign-up allows such names */
	authctl(&d, &r, PASSWORD "\n", "user", "add", "--email=a@example.org",
	    "--role=admin", "--", "--hash", NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	authctl(&d, &r, "", "user", "show", "--hash", NULL);
	ck_assert_int_eq(r.status, 2);
	authctl(&d, &r, "", "user", "show", "--", "--hash", NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	ck_assert_ptr_nonnull(strstr(r.out, "a@example.org"));
	ck_assert_ptr_nonnull(strstr(r.out, "admin"));
	/* an id is digits */
	authctl(&d, &r, "", "user", "delete", "#+1", NULL);
	ck_assert_int_eq(r.status, 2);
	authctl(&d, &r, "", "user", "delete", "# 1", NULL);
	ck_assert_int_eq(r.status, 2);
	authctl(&d, &r, "", "user", "delete", "--", "--hash", NULL);
	ck_assert_int_eq(r.status, 0);
	authd_remove(&d);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { own_refusals_are_not_kept_and_are_logged,
		a_proxy_may_add_a_line_of_its_own,
		ready_means_that_the_store_can_be_written_to,
		bad_keys_are_found_before_a_database_is_made,
		reloads_under_load_are_not_noticed,
		a_name_cannot_forge_a_log_line, hashes_do_not_take_all_threads,
		a_file_that_may_not_grow_kills_nobody,
		authctl_reaches_every_name, NULL };

	return run_tests("attacks", NULL, NULL, tests);
}
