/*
 * Refresh rotation over HTTP: each rule by its answer, and what the front ends
 * of the tutorial do. No verdict here depends on how fast the machine is: the
 * leeway is as long as it can be, and retry keys decide the rest.
 */
#include "client.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 32

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
fresh(const char *name, struct pair *ret)
{
	sign_up(&server, name);
	sign_in(&server, name, ret);
}

static void
is_refused(const char *token, const char *key, int status, const char *message,
    const char *how)
{
	struct answer a;
	const char *outcome;

	refresh(&a, &server, token, key);
	is_error(&a, status, message);
	outcome = header(&a, "Authtok-Refresh");
	if (how == NULL)
		ck_assert_ptr_null(outcome);
	else
		ck_assert_str_eq(outcome, how);
}

START_TEST(a_token_is_rotated)
{
	struct pair p, q, r;
	struct answer a;

	fresh("ann", &p);
	refresh_ok(&server, p.refresh, NULL, "rotated", &q);
	ck_assert_str_ne(p.refresh, q.refresh);
	get(&a, &server, "/api/test/user", q.access);
	is_text(&a, "User Content.");
	refresh_ok(&server, q.refresh, NULL, "rotated", &r);
	ck_assert_str_ne(q.refresh, r.refresh);
}
END_TEST

START_TEST(a_second_answer_is_the_same)
{
	struct pair p, q, r;

	fresh("bea", &p);
	refresh_ok(&server, p.refresh, NULL, "rotated", &q);
	refresh_ok(&server, p.refresh, NULL, "repeated", &r);
	ck_assert_str_eq(q.refresh, r.refresh);
	fresh("bob", &p);
	refresh_ok(&server, p.refresh, "key-1", "rotated", &q);
	refresh_ok(&server, p.refresh, "key-1", "repeated", &r);
	ck_assert_str_eq(q.refresh, r.refresh);
	refresh_ok(&server, r.refresh, "key-2", "rotated", &q);
}
END_TEST

START_TEST(an_unused_child_is_replaced)
{
	struct pair p, q, r, s;

	fresh("cyd", &p);
	refresh_ok(&server, p.refresh, "key-1", "rotated", &q);
	refresh_ok(&server, p.refresh, "key-2", "replaced", &r);
	ck_assert_str_ne(q.refresh, r.refresh);
	refresh_ok(&server, r.refresh, NULL, "rotated", &s);
	/* without a key beside one that had one: not the same client */
	fresh("cid", &p);
	refresh_ok(&server, p.refresh, "key-1", "rotated", &q);
	refresh_ok(&server, p.refresh, NULL, "replaced", &r);
	/* the child that was replaced is a tripwire */
	is_refused(q.refresh, NULL, 403, REUSED, "reuse");
	is_refused(r.refresh, NULL, 403, NOT_IN_DATABASE, NULL);
}
END_TEST

START_TEST(a_superseded_token_changes_nothing)
{
	struct pair p, q, r, s;

	fresh("dan", &p);
	refresh_ok(&server, p.refresh, "key-1", "rotated", &q);
	refresh_ok(&server, q.refresh, "key-2", "rotated", &r);
	is_refused(p.refresh, "key-1", 409,
	    "Refresh token was superseded. Use the newest one", "superseded");
	refresh_ok(&server, r.refresh, "key-3", "rotated", &s);
}
END_TEST

START_TEST(reuse_ends_the_session_and_no_other)
{
	struct pair p, q, r, other;

	fresh("eve", &p);
	sign_in(&server, "eve", &other);
	refresh_ok(&server, p.refresh, NULL, "rotated", &q);
	refresh_ok(&server, q.refresh, NULL, "rotated", &r);
	is_refused(p.refresh, NULL, 403, REUSED, "reuse");
	is_refused(r.refresh, NULL, 403, NOT_IN_DATABASE, NULL);
	is_refused(p.refresh, NULL, 403, NOT_IN_DATABASE, NULL);
	refresh_ok(&server, other.refresh, NULL, "rotated", &q);
	/* a wrong key is no key of ours */
	fresh("eva", &p);
	refresh_ok(&server, p.refresh, "key-1", "rotated", &q);
	refresh_ok(&server, q.refresh, "key-2", "rotated", &r);
	is_refused(p.refresh, "key-9", 403, REUSED, "reuse");
}
END_TEST

/* The user and the session of an access token, as the log has them. */
static void
named(const struct authd *d, const struct pair *p, char ret[96])
{
	struct answer a;
	char user[24];

	get(&a, d, "/api/auth/me", p->access);
	has_status(&a, 200);
	snprintf(user, sizeof(user), "%s", json(&a, "id"));
	snprintf(ret, 96, "user=%s session=%s", user, text(&a, "session"));
}

static void
is_logged(const struct authd *d, const char *event, const char *who)
{
	char line[192];

	snprintf(line, sizeof(line), " warn event=%s %s peer=127.0.0.1\n",
	    event, who);
	ck_assert_msg(strstr(authd_log(d), line) != NULL, "no%sin\n%s", line,
	    authd_log(d));
}

/* A line that somebody has to look into: of whom it is. */
START_TEST(reuse_is_logged_with_its_session)
{
	struct pair p, q, r;
	char who[96];

	fresh("eli", &p);
	named(&server, &p, who);
	refresh_ok(&server, p.refresh, NULL, "rotated", &q);
	refresh_ok(&server, q.refresh, NULL, "rotated", &r);
	is_refused(p.refresh, NULL, 403, REUSED, "reuse");
	is_logged(&server, "refresh_reuse", who);
}
END_TEST

/* Who confuses a token with an id finds it in no log. */
START_TEST(a_token_in_a_path_is_not_logged)
{
	struct answer a;
	struct pair p;
	char path[4200];

	fresh("eva2", &p);
	snprintf(path, sizeof(path), "/api/auth/sessions/%s", p.refresh);
	get(&a, &server, path, p.access);
	snprintf(path, sizeof(path), "/no/%s/more", p.access);
	get(&a, &server, path, NULL);
	has_status(&a, 404);
	authd_await_log(&server, "path=/no/(token) ");
	authd_await_log(&server, "path=/api/auth/sessions/(token) ");
	ck_assert_ptr_null(strstr(authd_log(&server), p.refresh));
	ck_assert_ptr_null(strstr(authd_log(&server), p.access));
}
END_TEST

START_TEST(a_bad_retry_key_is_refused_and_harmless)
{
	char longest[257];
	const char *const bad[] = { "", "two words", "tab\there", "\xc3\xa9",
		"\x7f", "a\xff", longest };
	struct answer a;
	struct pair p, q;
	size_t i;

	memset(longest, 'k', 256);
	longest[256] = '\0';
	fresh("fay", &p);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refresh(&a, &server, p.refresh, bad[i]);
		ck_assert_msg(
		    a.status == 400, "key \"%s\": %d", bad[i], a.status);
	}
	longest[255] = '\0';
	refresh_ok(&server, p.refresh, longest, "rotated", &q);
	refresh_ok(&server, q.refresh, "!", "rotated", &p);
	refresh_ok(&server, p.refresh, "~a:,;\"\\", "rotated", &q);
}
END_TEST

/* It stores accessToken only, and presents its first refresh token for ever. */
START_TEST(the_stock_client_goes_on)
{
	struct pair p, q;
	struct answer a;
	char key[32];
	int i;

	fresh("gil", &p);
	for (i = 0; i < 20; i++) {
		/* a key now and then, as if the leeway were over */
		snprintf(key, sizeof(key), "key-%d", i);
		refresh(&a, &server, p.refresh, i % 3 == 0 ? key : NULL);
		take_pair(&a, &q);
		get(&a, &server, "/api/test/user", q.access);
		is_text(&a, "User Content.");
	}
}
END_TEST

struct tab {
	pthread_t thread;
	pthread_barrier_t *gate;
	const char *body;
	bool answered;
	struct answer a;
};

static void *
run_tab(void *arg)
{
	static const char *const none[] = { NULL };
	struct tab *t = arg;

	pthread_barrier_wait(t->gate);
	t->answered = fetch(&t->a, server.port, "POST", REFRESH, t->body,
	    strlen(t->body), none);
	return NULL;
}

START_TEST(many_at_once_get_the_same_child)
{
	static struct tab tabs[CLIENTS];
	pthread_barrier_t gate;
	struct pair p, q;
	char body[256], child[256];
	unsigned rotated = 0;
	int i;

	fresh("hal", &p);
	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", p.refresh);
	pthread_barrier_init(&gate, NULL, CLIENTS);
	for (i = 0; i < CLIENTS; i++) {
		tabs[i].gate = &gate;
		tabs[i].body = body;
		ck_assert_int_eq(
		    pthread_create(&tabs[i].thread, NULL, run_tab, &tabs[i]),
		    0);
	}
	for (i = 0; i < CLIENTS; i++)
		pthread_join(tabs[i].thread, NULL);
	pthread_barrier_destroy(&gate);
	for (i = 0; i < CLIENTS; i++) {
		ck_assert(tabs[i].answered);
		look_over(&tabs[i].a, REFRESH, true);
		take_pair(&tabs[i].a, &q);
		if (i == 0)
			snprintf(child, sizeof(child), "%s", q.refresh);
		ck_assert_str_eq(q.refresh, child);
		if (strcmp(header(&tabs[i].a, "Authtok-Refresh"), "rotated") ==
		    0)
			rotated++;
	}
	ck_assert_uint_eq(rotated, 1);
	refresh_ok(&server, child, NULL, "rotated", &q);
}
END_TEST

START_TEST(a_token_is_required)
{
	struct answer a;

	ask(&a, &server, "POST", REFRESH, "{}", NULL);
	is_error(&a, 403, "Refresh Token is required!");
	ask(&a, &server, "POST", REFRESH, "{\"refreshToken\":null}", NULL);
	is_error(&a, 403, "Refresh Token is required!");
	ask(&a, &server, "POST", REFRESH, "", NULL);
	is_error(&a, 403, "Refresh Token is required!");
	ask(&a, &server, "POST", REFRESH, NULL, NULL); /* not even a type */
	is_error(&a, 403, "Refresh Token is required!");
	ask(&a, &server, "POST", REFRESH, "", FORM, NULL);
	is_error(&a, 403, "Refresh Token is required!");
	ask(&a, &server, "POST", REFRESH, "{\"RefreshToken\":\"x\"}", NULL);
	is_error(&a, 403, "Refresh Token is required!");
}
END_TEST

START_TEST(forged_tokens_are_unknown)
{
	static const char *const rubbish[] = { "", "x", "art1_", "null",
		"undefined", "2b3c4d5e-0000-4000-8000-000000000000",
		"art1_"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAA",
		"' OR 1=1 --" };
	char token[256];
	struct pair p, q;
	size_t len, i;

	for (i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++)
		is_refused(rubbish[i], NULL, 403, NOT_IN_DATABASE, NULL);
	fresh("ida", &p);
	len = strlen(p.refresh);
	for (i = 0; i < len; i += 3) { /* sid, generation, S, M: all of it */
		strcpy(token, p.refresh);
		token[i] = token[i] == 'A' ? 'B' : 'A';
		is_refused(token, NULL, 403, NOT_IN_DATABASE, NULL);
	}
	for (i = 1; i < len; i += 9) {
		memcpy(token, p.refresh, i);
		token[i] = '\0';
		is_refused(token, NULL, 403, NOT_IN_DATABASE, NULL);
	}
	snprintf(token, sizeof(token), "%sA", p.refresh);
	is_refused(token, NULL, 403, NOT_IN_DATABASE, NULL);
	snprintf(token, sizeof(token), " %s", p.refresh);
	is_refused(token, NULL, 403, NOT_IN_DATABASE, NULL);
	refresh_ok(&server, p.refresh, NULL, "rotated", &q); /* unharmed */
}
END_TEST

START_TEST(a_token_of_another_server_is_unknown)
{
	struct authd other;
	struct pair p;

	authd_make(&other, "");
	authd_start(&other);
	sign_up(&other, "jan");
	sign_in(&other, "jan", &p);
	is_refused(p.refresh, NULL, 403, NOT_IN_DATABASE, NULL);
	authd_remove(&other);
}
END_TEST

/* Sessions of one second; the event that is awaited is that it has passed. */
static void
let_it_expire(const char *members)
{
	static const char expired[] =
	    "Refresh token was expired. Please make a new signin request";
	const struct timespec nap = { .tv_nsec = 50000000 };
	struct authd brief;
	struct answer a;
	struct pair p;
	time_t then;

	authd_make(&brief, members);
	authd_start(&brief);
	sign_up(&brief, "kim");
	sign_in(&brief, "kim", &p);
	then = time(NULL) + 1;
	while (time(NULL) <= then)
		nanosleep(&nap, NULL);
	refresh(&a, &brief, p.refresh, NULL);
	is_error(&a, 403, expired);
	refresh(&a, &brief, p.refresh, NULL);
	is_error(&a, 403, NOT_IN_DATABASE);
	authd_remove(&brief);
}

START_TEST(an_idle_session_expires_once)
{
	let_it_expire("\"jwtRefreshExpiration\": 1");
}
END_TEST

START_TEST(every_session_ends)
{
	let_it_expire("\"sessionExpiration\": 1");
}
END_TEST

START_TEST(strict_gives_no_second_answer)
{
	struct authd strict;
	struct answer a;
	struct pair p, q;

	authd_make(&strict, "\"rotation\": \"strict\"");
	authd_start(&strict);
	sign_up(&strict, "lea");
	sign_in(&strict, "lea", &p);
	refresh_ok(&strict, p.refresh, NULL, "rotated", &q);
	refresh(&a, &strict, p.refresh, NULL);
	is_error(&a, 403, REUSED);
	refresh(&a, &strict, q.refresh, NULL);
	is_error(&a, 403, NOT_IN_DATABASE);
	authd_remove(&strict);
}
END_TEST

static void
copy_file(const struct authd *d, const char *from, const char *to)
{
	char path[160], data[65536];
	int in, out;
	ssize_t n;

	authd_path(d, from, path, sizeof(path));
	in = open(path, O_RDONLY);
	ck_assert_int_ge(in, 0);
	authd_path(d, to, path, sizeof(path));
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(out, 0);
	while ((n = read(in, data, sizeof(data))) > 0)
		ck_assert_int_eq(write(out, data, (size_t)n), n);
	close(in);
	close(out);
}

/* A backup is restored: the clients are ahead of it and go on. */
START_TEST(a_store_that_lost_writes_catches_up)
{
	char who[96];
	struct authd d;
	struct pair p, q, r;

	authd_make(&d, "\"refreshLeeway\": 300");
	authd_start(&d);
	sign_up(&d, "mia");
	sign_in(&d, "mia", &p);
	authd_stop(&d); /* the last one to close empties the log */
	copy_file(&d, "authd.db", "backup");
	authd_start(&d);
	refresh_ok(&d, p.refresh, NULL, "rotated", &q);
	refresh_ok(&d, q.refresh, NULL, "rotated", &r);
	authd_stop(&d);
	copy_file(&d, "backup", "authd.db");
	authd_start(&d);
	refresh_ok(&d, r.refresh, NULL, "rolled-forward", &q);
	named(&d, &q, who);
	is_logged(&d, "refresh_rolled_forward", who);
	refresh_ok(&d, q.refresh, NULL, "rotated", &r);
	authd_remove(&d);
}
END_TEST

START_TEST(the_oldest_session_gives_way)
{
	struct authd d;
	struct answer a;
	struct pair p[3], q;
	int i;

	authd_make(&d, "\"maxSessionsPerUser\": 2");
	authd_start(&d);
	sign_up(&d, "ned");
	for (i = 0; i < 3; i++)
		sign_in(&d, "ned", &p[i]);
	/* which of two in the same second is older is not said */
	refresh_ok(&d, p[2].refresh, NULL, "rotated", &q);
	refresh(&a, &d, p[0].refresh, NULL);
	if (a.status != 200)
		is_error(&a, 403, NOT_IN_DATABASE);
	i = a.status == 200;
	refresh(&a, &d, p[1].refresh, NULL);
	ck_assert_int_eq(i + (a.status == 200), 1);
	authd_remove(&d);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_token_is_rotated,
		a_second_answer_is_the_same, an_unused_child_is_replaced,
		a_superseded_token_changes_nothing,
		reuse_ends_the_session_and_no_other,
		reuse_is_logged_with_its_session,
		a_token_in_a_path_is_not_logged,
		a_bad_retry_key_is_refused_and_harmless,
		the_stock_client_goes_on, many_at_once_get_the_same_child,
		a_token_is_required, forged_tokens_are_unknown,
		a_token_of_another_server_is_unknown,
		an_idle_session_expires_once, every_session_ends,
		strict_gives_no_second_answer,
		a_store_that_lost_writes_catches_up,
		the_oldest_session_gives_way, NULL };

	return run_tests("refresh", setup, teardown, tests);
}
