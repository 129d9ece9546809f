/*
 * HTTP itself: requests that no client sends by accident, requests that hide
 * another one, and clients that are slow. After each the server must be there.
 */
#include "raw.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BOARD  "GET /api/test/all HTTP/1.1\r\nHost: a\r\n"
#define PUBLIC "Public Content."
#define CREDENTIALS \
	"{\"username\":\"ann\",\"password\":\"" PASSWORD "\"}" /* 60 bytes */
#define POST_HEAD                                 \
	"POST " SIGNIN " HTTP/1.1\r\nHost: a\r\n" \
	"Content-Type: application/json\r\n"

static struct authd server;
static char big[200000], rest[400000];

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
is_alive(void)
{
	struct answer a;

	get(&a, &server, "/api/test/all", NULL);
	is_text(&a, PUBLIC);
}

/* One answer, an error of this status (0: any 4xx or 5xx), then the end. */
static void
refused_and_closed(const char *request, int status)
{
	struct answer a;
	int fd = raw_open(&server);

	(void)raw_write(fd, request, strlen(request));
	ck_assert_msg(
	    raw_answer(fd, &a, false), "no answer to %.200s", request);
	ck_assert_msg(status == 0 ? a.status >= 400 : a.status == status,
	    "not %d for %.200s but\n%s%s", status, request, a.head, a.body);
	look_over(&a, "", true);
	ck_assert_msg(raw_rest(fd, rest, sizeof(rest)) == 0,
	    "more came for %.200s:\n%s", request, rest);
	close(fd);
	is_alive();
}

START_TEST(ambiguous_lengths_are_refused)
{
	static const char *const lines[] = {
		"Content-Length: 60\r\nContent-Length: 57\r\n",
		"Content-Length: 0\r\nContent-Length: 60\r\n",
		"Content-Length: 60\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 60\r\n",
		"Content-Length: +60\r\n", "Content-Length: -1\r\n",
		"Content-Length: 60,1\r\n", "Content-Length: 60, 57\r\n",
		"Content-Length: 0x3c\r\n", "Content-Length: 6 0\r\n",
		"Content-Length: x\r\n", "Content-Length:\r\n",
		"Content-Length: 60x\r\n", "Content-Length: 60.0\r\n",
		"Content-Length: 18446744073709551676\r\n",
		"Content-Length: 99999999999999999999999999\r\n",
		"Content-Length : 60\r\n", "Content-Length\t: 60\r\n",
		"Transfer-Encoding : chunked\r\n",
		"Transfer-Encoding: identity\r\nContent-Length: 60\r\n",
		"Transfer-Encoding: xchunked\r\n",
		"Transfer-Encoding: chunked, identity\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
		"Transfer-Encoding: \vchunked\r\n"
	};
	char request[1024];
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(request, sizeof(request),
		    POST_HEAD "%s\r\n" CREDENTIALS
			      "\r\nGET /api/test/all HTTP/1.1\r\n"
			      "Host: a\r\n\r\n",
		    lines[i]);
		/* a transfer coding that is not known may also be 501 */
		refused_and_closed(request,
		    strstr(lines[i], "identity\r\n") == NULL &&
			    strstr(lines[i], "xchunked") == NULL &&
			    strstr(lines[i], "184467440") == NULL &&
			    strstr(lines[i], "999999999") == NULL
			? 400
			: 0);
	}
}
END_TEST

START_TEST(a_good_length_is_taken)
{
	struct answer a;
	int fd = raw_open(&server);

	ck_assert_uint_eq(strlen(CREDENTIALS), 60);
	raw_send(fd, POST_HEAD "Content-Length: 60\r\n\r\n" CREDENTIALS);
	ck_assert(raw_answer(fd, &a, false));
	has_status(&a, 200);
	close(fd);
}
END_TEST

START_TEST(a_host_is_required)
{
	struct answer a;
	int fd;

	refused_and_closed("GET /api/test/all HTTP/1.1\r\n\r\n", 400);
	refused_and_closed(
	    "GET /api/test/all HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
	/* HTTP/1.0 knows none */
	fd = raw_open(&server);
	raw_send(fd, "GET /api/test/all HTTP/1.0\r\n\r\n");
	ck_assert(raw_answer(fd, &a, false));
	is_text(&a, PUBLIC);
	ck_assert_uint_eq(raw_rest(fd, rest, sizeof(rest)), 0);
	close(fd);
}
END_TEST

START_TEST(malformed_headers_are_refused)
{
	static const char *const lines[] = { " folded\r\n",
		"\tfolded\r\n", /* RFC 9112 section 5.2 */
		"x-access-token : x\r\n", "x y: z\r\n", ": z\r\n",
		"novalue\r\n", "x\x01: y\r\n", "x: a\x01z\r\n" };
	char request[512];
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(request, sizeof(request), BOARD "%s\r\n", lines[i]);
		refused_and_closed(request, 400);
	}
}
END_TEST

START_TEST(malformed_request_lines_are_refused)
{
	static const char *const lines[] = { "GET /api/test/all\r\n\r\n",
		"GET\r\n\r\n", "/api/test/all HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /api/test/all HTTP/9.9\r\nHost: a\r\n\r\n",
		"GET /api/test/all HTTP/2.0\r\nHost: a\r\n\r\n",
		"GET /api/test/all XTTP/1.1\r\nHost: a\r\n\r\n",
		"GET api/test/all HTTP/1.1\r\nHost: a\r\n\r\n",
		"get /api/test/all HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /api/test/all HTTP/1.1 x\r\nHost: a\r\n\r\n",
		"\x16\x03\x01\x02\x01 /x HTTP/1.1\r\n\r\n" };
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		refused_and_closed(lines[i], 0);
}
END_TEST

START_TEST(unknown_methods_are_refused)
{
	static const char *const methods[] = { "BREW", "PROPFIND", "TRACE",
		"MKCOL", "post", "Get", "G" };
	char request[256];
	struct answer a;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		fd = raw_open(&server);
		snprintf(request, sizeof(request),
		    "%s /api/test/all HTTP/1.1\r\nHost: a\r\n"
		    "Connection: close\r\n\r\n",
		    methods[i]);
		raw_send(fd, request);
		ck_assert(raw_answer(fd, &a, false));
		look_over(&a, "", true);
		ck_assert_msg(
		    a.status == 405 || a.status == 400 || a.status == 501,
		    "%s: %d", methods[i], a.status);
		if (a.status == 405)
			ck_assert_ptr_nonnull(header(&a, "Allow"));
		ck_assert_uint_eq(raw_rest(fd, rest, sizeof(rest)), 0);
		close(fd);
	}
	is_alive();
}
END_TEST

START_TEST(too_much_head_is_refused)
{
	static const size_t sizes[] = { 20000, 65536, 150000 };
	size_t i;
	char *at;

	for (i = 0; i < 3; i++) {
		at = big + sprintf(big, BOARD "X: ");
		memset(at, 'x', sizes[i]);
		strcpy(at + sizes[i], "\r\n\r\n");
		refused_and_closed(big, 0);
		at = big + sprintf(big, "GET /");
		memset(at, 'u', sizes[i]);
		strcpy(at + sizes[i], " HTTP/1.1\r\nHost: a\r\n\r\n");
		refused_and_closed(big, 0);
	}
	at = big + sprintf(big, BOARD);
	for (i = 0; i < 3000; i++)
		at += sprintf(at, "X%zu: y\r\n", i);
	strcpy(at, "\r\n");
	refused_and_closed(big, 0);
}
END_TEST

/* CVE-2025-55763: CivetWeb's own redirect to a directory overflows. */
START_TEST(long_paths_reach_no_directory_code)
{
	static const size_t sizes[] = { 100, 255, 256, 1000, 1024, 4095, 4096,
		4097, 8000 };
	struct answer a;
	size_t i, k;
	int fd;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (k = 0; k < 3; k++) {
			big[0] = '/';
			memset(big + 1, 'a', sizes[i]);
			strcpy(big + 1 + sizes[i],
			    k == 0       ? ""
				: k == 1 ? "/"
					 : "/..");
			snprintf(rest, sizeof(rest),
			    "GET %s HTTP/1.1\r\nHost: a\r\n"
			    "Connection: close\r\n\r\n",
			    big);
			fd = raw_open(&server);
			raw_send(fd, rest);
			ck_assert(raw_answer(fd, &a, false));
			look_over(&a, "", true);
			is_error(&a, 404, "Not found");
			ck_assert_ptr_null(header(&a, "Location"));
			close(fd);
		}
	}
	is_alive();
}
END_TEST

/* CVE-2025-9648: a NUL byte in a form makes CivetWeb's parser turn for ever. */
START_TEST(forms_with_nul_bytes_end)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bodies[] = {
		{ "a=b\0&c=d", 8 },
		{ "\0", 1 },
		{ "a\0=b", 4 },
		{ "username=a\0nn&password=x", 24 },
		{ "a=\0\0\0\0", 6 },
	};
	char head[256];
	struct answer a;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		fd = raw_open(&server);
		snprintf(head, sizeof(head),
		    "POST " SIGNIN " HTTP/1.1\r\nHost: a\r\n" FORM
		    "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		    bodies[i].len);
		raw_send(fd, head);
		raw_write(fd, bodies[i].bytes, bodies[i].len);
		ck_assert(raw_answer(fd, &a, false));
		look_over(&a, SIGNIN, true);
		has_status(&a, 400);
		close(fd);
	}
	is_alive();
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	struct answer a;
	int fd = raw_open(&server);

	raw_send(fd,
	    BOARD "\r\n"
		  "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
		  "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" POST_HEAD
		  "Content-Length: 60\r\n\r\n" CREDENTIALS BOARD
		  "Connection: close\r\n\r\n");
	ck_assert(raw_answer(fd, &a, false));
	is_text(&a, PUBLIC);
	ck_assert(raw_answer(fd, &a, false));
	has_status(&a, 200);
	ck_assert_ptr_nonnull(text(&a, "message"));
	ck_assert(raw_answer(fd, &a, false));
	has_status(&a, 404);
	ck_assert(raw_answer(fd, &a, false));
	has_status(&a, 200);
	ck_assert_str_eq(text(&a, "username"), "ann");
	ck_assert(raw_answer(fd, &a, false));
	is_text(&a, PUBLIC);
	ck_assert_uint_eq(raw_rest(fd, rest, sizeof(rest)), 0);
	close(fd);
}
END_TEST

/* A body that the answer does not wait for must not become a request. */
START_TEST(unread_bodies_are_no_requests)
{
	static const char *const heads[] = { "POST /nothing HTTP/1.1\r\n",
		"POST /api/test/all HTTP/1.1\r\n",
		"PUT " SIGNIN " HTTP/1.1\r\n", "GET /nothing HTTP/1.1\r\n",
		"GET /api/test/user HTTP/1.1\r\n",
		"DELETE /api/test/user HTTP/1.1\r\n",
		"OPTIONS " SIGNIN " HTTP/1.1\r\n",
		"POST " SIGNIN " HTTP/1.1\r\nContent-Type: text/plain\r\n",
		"POST " SIGNIN
		" HTTP/1.1\r\nContent-Type: application/json\r\n",
		"POST " REFRESH
		" HTTP/1.1\r\nContent-Type: application/json\r\n"
		"Authtok-Retry-Key: not good\r\n" };
	static const char hidden[] = BOARD "\r\n";
	static const char last[] =
	    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	size_t i;
	int fd;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		fd = raw_open(&server);
		snprintf(big, sizeof(big),
		    "%sHost: a\r\nContent-Length: %zu\r\n\r\n%s", heads[i],
		    sizeof(hidden) - 1, hidden);
		raw_send(fd, big);
		(void)raw_write(fd, last, strlen(last));
		ck_assert_uint_gt(raw_rest(fd, rest, sizeof(rest)), 0);
		ck_assert_msg(strstr(rest, PUBLIC) == NULL,
		    "the body of %s was taken for a request:\n%s", heads[i],
		    rest);
		close(fd);
	}
	/* the same in chunks */
	fd = raw_open(&server);
	snprintf(big, sizeof(big),
	    "POST /nothing HTTP/1.1\r\nHost: a\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n%s",
	    sizeof(hidden) - 1, hidden, last);
	raw_send(fd, big);
	ck_assert_uint_gt(raw_rest(fd, rest, sizeof(rest)), 0);
	ck_assert_ptr_null(strstr(rest, PUBLIC));
	close(fd);
}
END_TEST

/* Bytes that come for ever, one at a time: the server ends it, not we. */
START_TEST(slow_clients_are_ended)
{
	static const char *const heads[] = {
		POST_HEAD "Content-Length: 60000\r\n\r\n{",
		POST_HEAD "Transfer-Encoding: chunked\r\n\r\nffff\r\n{",
		"GET /api/test/all HTTP/1.1\r\nHost: a\r\nX: ",
	};
	struct pollfd p[3];
	bool open[3] = { true, true, true };
	int i, left = 3;

	for (i = 0; i < 3; i++) {
		p[i].fd = raw_open(&server);
		p[i].events = POLLIN;
		raw_send(p[i].fd, heads[i]);
	}
	/* the cap is Check's own; the verdict is that it comes to an end */
	while (left > 0) {
		poll(p, 3, 50);
		for (i = 0; i < 3; i++) {
			if (!open[i])
				continue;
			if (p[i].revents == 0 && raw_write(p[i].fd, " ", 1))
				continue;
			raw_rest(p[i].fd, rest, sizeof(rest));
			ck_assert_ptr_null(strstr(rest, " 200 "));
			close(p[i].fd);
			p[i].fd = -1;
			p[i].revents = 0;
			open[i] = false;
			left--;
		}
	}
	is_alive();
}
END_TEST

START_TEST(a_client_is_told_to_go_on)
{
	struct answer a;
	int fd = raw_open(&server);

	raw_send(
	    fd, POST_HEAD "Content-Length: 60\r\nExpect: 100-continue\r\n\r\n");
	ck_assert(raw_answer(fd, &a, true));
	has_status(&a, 100);
	raw_send(fd, CREDENTIALS);
	ck_assert(raw_answer(fd, &a, false));
	has_status(&a, 200);
	close(fd);
	/* or not: a refusal comes before the body */
	fd = raw_open(&server);
	raw_send(fd,
	    POST_HEAD "Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n");
	ck_assert(raw_answer(fd, &a, false));
	if (a.status == 100)
		ck_assert(raw_answer(fd, &a, false));
	has_status(&a, 413);
	close(fd);
}
END_TEST

START_TEST(clients_that_go_away_do_no_harm)
{
	struct answer a;
	int fd, i;

	for (i = 0; i < 20; i++) {
		fd = raw_open(&server);
		raw_send(fd,
		    i % 2 == 0 ? POST_HEAD "Content-Length: 60\r\n\r\n{\"user"
			       : POST_HEAD
			"Content-Length: 60\r\n\r\n" CREDENTIALS);
		close(fd);
	}
	is_alive();
	try_sign_in(&a, &server, "ann", PASSWORD);
	has_status(&a, 200);
}
END_TEST

START_TEST(keep_alive_is_kept)
{
	struct answer a;
	int fd = raw_open(&server), i;

	for (i = 0; i < 20; i++) {
		raw_send(fd, BOARD "\r\n");
		ck_assert(raw_answer(fd, &a, false));
		is_text(&a, PUBLIC);
	}
	close(fd);
}
END_TEST

START_TEST(other_sets_of_bytes_do_no_harm)
{
	unsigned seed = 20261123;
	size_t round, i, len;
	int fd;

	for (round = 0; round < 60; round++) {
		len = (size_t)rand_r(&seed) % 600 + 1;
		for (i = 0; i < len; i++)
			big[i] = (char)rand_r(&seed);
		/* a head that is whole, so that there is something to judge */
		memcpy(big + len, "\r\n\r\n", 5);
		fd = raw_open(&server);
		(void)raw_write(fd, big, len + 4);
		raw_rest(fd, rest, sizeof(rest));
		ck_assert_ptr_null(strstr(rest, " 200 "));
		close(fd);
	}
	is_alive();
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { ambiguous_lengths_are_refused,
		a_good_length_is_taken, a_host_is_required,
		malformed_headers_are_refused,
		malformed_request_lines_are_refused,
		unknown_methods_are_refused, too_much_head_is_refused,
		long_paths_reach_no_directory_code, forms_with_nul_bytes_end,
		pipelined_requests_are_answered_in_order,
		unread_bodies_are_no_requests, slow_clients_are_ended,
		a_client_is_told_to_go_on, clients_that_go_away_do_no_harm,
		keep_alive_is_kept, other_sets_of_bytes_do_no_harm, NULL };

	return run_tests("protocol", setup, teardown, tests);
}
