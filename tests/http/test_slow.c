/*
 * Slow and idle clients, many times as many as there are threads: others are
 * answered while they hold on, and a stop does not wait for them. How long it
 * takes is for tests/bench/bench_http_slow.c.
 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authd.h"
#include "client.h"
#include "raw.h"

#define SLOW 16

static struct authd d;
static int slow[SLOW], idle[SLOW];

static void
setup(void)
{
	authd_make(&d, "\"threads\": 4");
	authd_start(&d);
}

static void
teardown(void)
{
	authd_remove(&d);
}

static void
open_all(const char *begin)
{
	for (int i = 0; i < SLOW; i++) {
		slow[i] = raw_open(&d);
		raw_send(slow[i], begin);
		idle[i] = raw_open(&d);
		if (i % 2 == 0)
			raw_send(idle[i],
			    "GET /api/test/all HTTP/1.1\r\nHost: a\r\n\r\n");
	}
}

/* How many have been told to go; all others are still there. */
static int
close_all(void)
{
	struct answer a;
	int ended = 0;
	char c;

	for (int i = 0; i < SLOW; i++) {
		if (recv(slow[i], &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
			ck_assert(raw_answer(slow[i], &a, false));
			ck_assert_int_eq(a.status, 408);
			ended++;
		}
		close(slow[i]);
		close(idle[i]);
	}
	return ended;
}

/* One who is quick, on a new connection. */
static void
ask_once(void)
{
	struct answer a;

	get(&a, &d, "/api/test/all", NULL);
	is_text(&a, "Public Content.");
}

static void
check_slow(const char *begin)
{
	open_all(begin);
	ask_once();
	/* the four threads cannot have been enough */
	ck_assert_int_ge(close_all(), SLOW - 4);
	ask_once();
}

START_TEST(slow_heads)
{
	check_slow("GET /api/test/all HTTP/1.1\r\nHost: a\r\nX: ");
}
END_TEST

START_TEST(slow_bodies)
{
	check_slow("POST /api/auth/signin HTTP/1.1\r\nHost: a\r\n"
		   "Content-Type: application/json\r\n"
		   "Content-Length: 5000\r\n\r\n{");
}
END_TEST

/* What is cut is never a request: the rest of a body is no next one. */
START_TEST(nothing_of_a_cut_body_is_a_request)
{
	static const char next[] =
	    "GET /api/test/all HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd = raw_open(&d);
	struct answer a;
	char rest[512];

	raw_send(fd,
	    "POST /api/auth/signin HTTP/1.1\r\nHost: a\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: 5000\r\n\r\n{");
	open_all("GET /api/test/all HTTP/1.1\r\nHost: a\r\nX: ");
	ask_once();
	ck_assert(raw_answer(fd, &a, false));
	ck_assert_int_eq(a.status, 408);
	(void)raw_write(fd, next, strlen(next)); /* it may be closed by now */
	raw_rest(fd, rest, sizeof(rest));
	ck_assert_str_eq(rest, "");
	close(fd);
	close_all();
}
END_TEST

START_TEST(stop_with_slow_clients)
{
	const struct authd usual = d;

	setup();
	open_all("POST /api/auth/signin HTTP/1.1\r\nHost: a\r\n"
		 "Content-Type: application/json\r\n"
		 "Content-Length: 5000\r\n\r\n{");
	ask_once();
	authd_stop(&d);
	close_all();
	authd_remove(&d);
	d = usual;
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { slow_heads, slow_bodies,
		nothing_of_a_cut_body_is_a_request, stop_with_slow_clients,
		NULL };

	return run_tests("slow", setup, teardown, tests);
}
