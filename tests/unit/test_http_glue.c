/*
 * The HTTP glue against a real server on a free loopback port, spoken to
 * through raw sockets, so that nothing between hides a byte.
 */
#include "authd/http.h"
#include "authd/http_socket.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIXED      "X-Content-Type-Options: nosniff\r\nX-Fixed: yes\r\n"
#define BODY_MAX   ((size_t)65536)
#define ANSWER_MS  30000 /* only a hang comes near it */
#define ANSWER_LEN ((size_t)300000)
#define HOST       "Host: a\r\n"

/* What the handler is told to do, and what it saw. */
struct state {
	atomic_uint calls;
	pthread_mutex_t lock;
	char last_path[20000];
	bool sigint_blocked;
	sem_t entered; /* the /block route was entered */
	sem_t go_on;   /* it may go on */
};

static struct state st;
static struct http_server *server;
static unsigned body_timeout_ms = 400;

/* A failing malloc must return NULL under the sanitizers too. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *
__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static int
body_status(enum http_body result)
{
	switch (result) {
	case HTTP_BODY_OK:
		return 200;
	case HTTP_BODY_TOO_LARGE:
		return 413;
	case HTTP_BODY_TIMEOUT:
		return 408;
	case HTTP_BODY_BROKEN:
		return 400;
	case HTTP_BODY_NOMEM:
		break;
	}
	return 503;
}

static void
answer_body(struct http_request *req, struct http_response *res)
{
	size_t max = strcmp(req->path, "/huge") == 0 ? SIZE_MAX / 4 : BODY_MAX;
	char *body = NULL;
	size_t len = 0;

	res->status = body_status(http_read_body(req, max, &body, &len));
	res->type = "text/plain";
	res->body = body;
	res->body_len = len;
	res->body_owned = true;
}

static void
handler(void *arg, struct http_request *req, struct http_response *res)
{
	struct state *s = arg;
	sigset_t blocked;

	atomic_fetch_add(&s->calls, 1);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	pthread_mutex_lock(&s->lock);
	snprintf(s->last_path, sizeof(s->last_path), "%s %s", req->method_name,
	    req->path);
	s->sigint_blocked = sigismember(&blocked, SIGINT) == 1;
	pthread_mutex_unlock(&s->lock);
	res->status = 200;
	res->type = "text/plain";
	res->body = "hello";
	res->body_len = 5;
	if (strcmp(req->path, "/block") == 0) {
		sem_post(&s->entered);
		while (sem_wait(&s->go_on) != 0)
			;
	} else if (strcmp(req->path, "/empty") == 0) {
		res->status = 204;
		res->type = NULL;
	} else if (strcmp(req->path, "/none") == 0) {
		res->type = NULL;
	} else if (strcmp(req->path, "/nomem") == 0) {
		res->body_len = SIZE_MAX / 4;
	} else if (strcmp(req->path, "/status0") == 0) {
		res->status = 0;
	} else if (strcmp(req->path, "/close") == 0) {
		res->close = true;
	} else if (strcmp(req->path, "/ignore") == 0) {
		; /* leaves the body where it is */
	} else if (req->method == HTTP_POST) {
		answer_body(req, res);
	}
	http_add(res, "X-Extra", "one");
}

static void
start(unsigned threads)
{
	struct http_options options = {
		.listen = "127.0.0.1:0",
		.threads = threads,
		.body_timeout_ms = body_timeout_ms,
		.handler = handler,
		.arg = &st,
		.fixed_headers = FIXED,
	};
	char why[256] = "";

	memset(&st, 0, sizeof(st));
	pthread_mutex_init(&st.lock, NULL);
	sem_init(&st.entered, 0, 0);
	sem_init(&st.go_on, 0, 0);
	server = http_start(&options, why, sizeof(why));
	ck_assert_msg(server != NULL, "%s", why);
	ck_assert_uint_ne(http_port(server), 0);
}

static void
setup(void)
{
	start(4);
}

static void
setup_one(void)
{
	start(1);
}

static void
teardown(void)
{
	http_stop(server, 1000);
	server = NULL;
}

/* ---- a client ---------------------------------------------------------- */

/* Did the last connection of this thread end by a reset? */
static _Thread_local bool was_reset;

static int
dial(void)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	was_reset = false;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void
put_bytes(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0) {
			/* the server closed: the answer will tell why */
			was_reset = true;
			return;
		}
		p += n;
		len -= (size_t)n;
	}
}

static void
put(int fd, const char *text)
{
	put_bytes(fd, text, strlen(text));
}

static bool
readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, ms) == 1;
}

/*
 * One answer at a time per thread. On the heap: thread-local arrays would be
 * taken from the small stacks of the server's threads.
 */
static _Thread_local char *answer_memory;

static char *
answer_buffer(void)
{
	if (answer_memory == NULL)
		answer_memory = malloc(ANSWER_LEN);
	ck_assert_ptr_nonnull(answer_memory);
	return answer_memory;
}

/* Everything until the server closes; a reset counts as a close. */
static char *
get_all(int fd)
{
	char *buf = answer_buffer();
	size_t len = 0;

	while (len < ANSWER_LEN - 1) {
		ssize_t n;

		ck_assert_msg(readable(fd, ANSWER_MS), "no answer, no close");
		n = recv(fd, buf + len, ANSWER_LEN - 1 - len, 0);
		was_reset |= n < 0;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return buf;
}

/* One whole response with Content-Length, from an open connection. */
static char *
get_one(int fd)
{
	char *buf = answer_buffer();
	size_t len = 0, want = SIZE_MAX;

	while (len < want) {
		const char *end, *field;
		ssize_t n;

		ck_assert_msg(readable(fd, ANSWER_MS), "no answer");
		n = recv(fd, buf + len, want == SIZE_MAX ? 1 : want - len, 0);
		ck_assert_msg(n > 0, "closed early");
		len += (size_t)n;
		buf[len] = '\0';
		end = want == SIZE_MAX ? strstr(buf, "\r\n\r\n") : NULL;
		if (end == NULL)
			continue;
		want = len;
		field = strstr(buf, "Content-Length: ");
		if (field != NULL)
			want += strtoul(field + 16, NULL, 10);
	}
	return buf;
}

static char *
ask(const char *request)
{
	int fd = dial();
	char *answer;

	put(fd, request);
	answer = get_all(fd);
	close(fd);
	return answer;
}

static int
status_of(const char *answer)
{
	int status = 0;

	ck_assert_msg(sscanf(answer, "HTTP/1.1 %d ", &status) == 1,
	    "no status in \"%s\"", answer);
	return status;
}

static const char *
body_of(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	ck_assert_ptr_nonnull(end);
	return end + 4;
}

static size_t
times(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part)) != NULL) {
		n++;
		text += strlen(part);
	}
	return n;
}

/* A refusal of the server's own: JSON, fixed headers, closed, one answer. */
static void
check_refusal(const char *answer, int status, const char *about)
{
	char text[64];

	ck_assert_msg(*answer != '\0', "no answer to %s", about);
	ck_assert_msg(status_of(answer) == status, "%s: not %d but %s", about,
	    status, answer);
	ck_assert_msg(times(answer, "HTTP/1.1 ") == 1, "%s: two answers: %s",
	    about, answer);
	ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, FIXED));
	ck_assert_ptr_nonnull(strstr(
	    answer, "Content-Type: application/json; charset=utf-8\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "\r\nDate: "));
	ck_assert_int_eq(strncmp(body_of(answer), "{\"message\":\"", 12), 0);
	ck_assert_ptr_nonnull(strstr(body_of(answer), "\",\"code\":\""));
	snprintf(text, sizeof(text), "Content-Length: %zu\r\n",
	    strlen(body_of(answer)));
	ck_assert_ptr_nonnull(strstr(answer, text));
}

static void
check_path(const char *want)
{
	pthread_mutex_lock(&st.lock);
	ck_assert_str_eq(st.last_path, want);
	pthread_mutex_unlock(&st.lock);
}

/* ---- every request reaches the handler, as sent ------------------------ */

START_TEST(paths_are_raw)
{
	static const char *const targets[][2] = {
		{ "/", "/" },
		{ "/a/", "/a/" },
		{ "/a?b=/../c", "/a" },
		{ "/a//b", "/a//b" },
		{ "/a/../b", "/a/../b" },
		{ "/a/./b/..", "/a/./b/.." },
		{ "/%2e%2e/%00/x%2Fy", "/%2e%2e/%00/x%2Fy" },
		{ "//evil.example/..", "//evil.example/.." },
		{ "/x.cgi", "/x.cgi" },
		{ "/x.php/y", "/x.php/y" },
		{ "/.htpasswd", "/.htpasswd" },
		{ "/x#y", "/x#y" },
		{ "/\\..\\", "/\\..\\" },
		{ "/etc/passwd", "/etc/passwd" },
		{ "/tmp", "/tmp" }, /* a directory: no redirect to it */
		{ "/a?", "/a" },
	};

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char text[512], want[512];

		snprintf(text, sizeof(text),
		    "GET %s HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
		    targets[i][0]);
		snprintf(want, sizeof(want), "GET %s", targets[i][1]);
		ck_assert_int_eq(status_of(ask(text)), 200);
		check_path(want);
	}
	ck_assert_uint_eq(st.calls, sizeof(targets) / sizeof(targets[0]));
}
END_TEST

START_TEST(absolute_form)
{
	char text[512];

	snprintf(text, sizeof(text),
	    "GET http://any.example:%u/a/../b?c HTTP/1.1\r\n" HOST
	    "Connection: close\r\n\r\n",
	    http_port(server));
	ck_assert_int_eq(status_of(ask(text)), 200);
	check_path("GET /a/../b");
}
END_TEST

START_TEST(methods)
{
	static const char *const known[] = { "GET", "POST", "PUT", "DELETE",
		"OPTIONS", "PATCH", "PROPFIND", "MKCOL", "LOCK", "UNLOCK",
		"PROPPATCH", "REPORT", "CONNECT" };
	static const char *const unknown[] = { "TRACE", "get", "FOO", "COPY",
		"G(T" };
	char text[512], want[64];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		snprintf(text, sizeof(text),
		    "%s /tmp HTTP/1.1\r\n" HOST "Connection: close\r\n"
		    "Origin: http://evil.example\r\n"
		    "Access-Control-Request-Method: PUT\r\n\r\n",
		    known[i]);
		ck_assert_int_eq(status_of(ask(text)), 200);
		snprintf(want, sizeof(want), "%s /tmp", known[i]);
		check_path(want);
	}
	st.calls = 0;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		snprintf(text, sizeof(text), "%s / HTTP/1.1\r\n" HOST "\r\n",
		    unknown[i]);
		check_refusal(ask(text), 400, unknown[i]);
	}
	ck_assert_uint_eq(st.calls, 0);
}
END_TEST

START_TEST(upgrades_and_forms)
{
	const char *answer =
	    ask("GET /tmp HTTP/1.1\r\n" HOST
		"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");

	ck_assert_int_eq(status_of(answer), 200);
	ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
	check_path("GET /tmp");
	answer = ask("POST /f HTTP/1.1\r\n" HOST "Connection: close\r\n"
		     "Content-Type: multipart/form-data; boundary=x\r\n"
		     "Content-Length: 5\r\n\r\n--x\r\n");
	ck_assert_int_eq(status_of(answer), 200);
	ck_assert_str_eq(body_of(answer), "--x\r\n");
}
END_TEST

/* What the library would drop without a word. */
START_TEST(silent_drops_are_answered)
{
	check_refusal(ask("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 400, "*");
	check_refusal(ask("GET http://a.example:1/x HTTP/1.1\r\n" HOST "\r\n"),
	    400, "a foreign port");
	check_refusal(ask("CONNECT a.example:443 HTTP/1.1\r\n" HOST "\r\n"),
	    400, "CONNECT");
	ck_assert_uint_eq(st.calls, 0);
}
END_TEST

/* ---- refusals ---------------------------------------------------------- */

#define GET11 "GET / HTTP/1.1\r\n"
#define POST  "POST / HTTP/1.1\r\n" HOST

static const struct {
	const char *about;
	const char *request;
	int status;
} bad[] = {
	{ "two lengths",
	    POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400 },
	{ "one length twice",
	    POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400 },
	{ "+63", POST "Content-Length: +1\r\n\r\na", 400 },
	{ "1,1", POST "Content-Length: 1,1\r\n\r\na", 400 },
	{ "-1", POST "Content-Length: -1\r\n\r\na", 400 },
	{ "0x1", POST "Content-Length: 0x1\r\n\r\na", 400 },
	{ "an empty length", POST "Content-Length: \r\n\r\na", 400 },
	{ "1 1", POST "Content-Length: 1 1\r\n\r\na", 400 },
	{ "letters", POST "Content-Length: abc\r\n\r\na", 400 },
	{ "2^64 + 1", POST "Content-Length: 18446744073709551617\r\n\r\na",
	    400 },
	{ "length and coding",
	    POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "0\r\n\r\n",
	    400 },
	{ "coding and length",
	    POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
		 "0\r\n\r\n",
	    400 },
	{ "identity", POST "Transfer-Encoding: identity\r\n\r\n", 400 },
	{ "gzip, chunked",
	    POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400 },
	{ "xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	    400 },
	{ "two codings",
	    POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"
		 "0\r\n\r\n",
	    400 },
	{ "coding in 1.0",
	    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    400 },
	{ "space before a colon", POST "Content-Length : 1\r\n\r\na", 400 },
	{ "space before Host's colon", GET11 "Host : a\r\n\r\n", 400 },
	{ "space before a colon, no value", GET11 HOST "X :\r\n\r\n", 400 },
	{ "no colon", GET11 HOST "X\r\n\r\n", 400 },
	{ "no Host", GET11 "\r\n", 400 },
	{ "no Host but others", GET11 "X: y\r\n\r\n", 400 },
	{ "two Hosts", GET11 HOST "Host: b\r\n\r\n", 400 },
	{ "two Hosts in 1.0", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400 },
	{ "a bad Host", GET11 "Host: a/b\r\n\r\n", 400 },
	{ "a folded line", GET11 HOST "X: y\r\n z\r\n\r\n", 400 },
	{ "a tab-folded line", GET11 HOST "X: y\r\n\tz\r\n\r\n", 400 },
	{ "a first line folded", "GET / HTTP/1.1\r\n " HOST "\r\n", 400 },
	{ "a folded line hides a length",
	    POST "X: y\r\n z\r\nContent-Length: 5\r\n\r\nhello", 400 },
	{ "a nameless field hides", GET11 HOST ": y\r\nHost: b\r\n\r\n", 400 },
	{ "only a nameless field", "GET / HTTP/1.0\r\n: y\r\n\r\n", 400 },
	{ "a high byte begins a line", GET11 HOST "\xff: y\r\n\r\n", 400 },
	{ "a name with @", GET11 HOST "a@b: y\r\n\r\n", 400 },
	{ "bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400 },
	{ "one bare LF", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400 },
	{ "bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n",
	    400 },
	{ "bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400 },
	{ "bare LFs at the end", "GET / HTTP/1.1\r\nHost: a\n\n", 400 },
	{ "bare CR", GET11 "Host: a\rX: y\r\n\r\n", 400 },
	/* RFC 9110 5.5 allows it; the library looks before we can */
	{ "a tab in a value", GET11 HOST "X: a\tb\r\n\r\n", 400 },
	{ "a control character", GET11 HOST "X: \x01\r\n\r\n", 400 },
	{ "HTTP/0.9", "GET /\r\n\r\n", 400 },
	{ "HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 400 },
	{ "HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", 400 },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400 },
	{ "HTTP/1.10", "GET / HTTP/1.10\r\n" HOST "\r\n", 400 },
	{ "http/1.1", "GET / http/1.1\r\n" HOST "\r\n", 400 },
	{ "two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "two spaces behind", "GET /  HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "two spaces behind a query", "GET /?a  HTTP/1.1\r\n" HOST "\r\n",
	    400 },
	{ "a space at the end", "GET / HTTP/1.1 \r\n" HOST "\r\n", 400 },
	{ "no slash", "GET x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "a high byte in the path", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n",
	    400 },
	{ "garbage", "\x16\x03\x01\x02garbage\r\n\r\n", 400 },
	{ "an odd expectation",
	    POST "Expect: cake\r\nContent-Length: 1\r\n\r\na", 417 },
	{ "blank lines in front", "\r\n\r\n" GET11 HOST "\r\n", 400 },
	{ "a space in front", " " GET11 HOST "\r\n", 400 },
	{ "many blank lines in front",
	    "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" GET11 HOST "\r\n", 400 },
};

START_TEST(bad_heads)
{
	/* the buffers' beginnings are known once each thread had a request */
	for (int i = 0; i < 2; i++)
		ask("GET / HTTP/1.0\r\n\r\n");
	st.calls = 0;
	check_refusal(ask(bad[_i].request), bad[_i].status, bad[_i].about);
	ck_assert_msg(
	    st.calls == 0, "%s: the handler was called", bad[_i].about);
}
END_TEST

START_TEST(heads_of_the_limit)
{
	char text[40000], *end;

	/* 63 fields pass, 64 may be more than the library tells */
	for (int count = 63; count <= 64; count++) {
		end = stpcpy(text, GET11 HOST "Connection: close\r\n");
		for (int i = 2; i < count; i++)
			end += sprintf(end, "X-%d: y\r\n", i);
		strcpy(end, "\r\n");
		ck_assert_int_eq(status_of(ask(text)), count == 63 ? 200 : 431);
	}
	/* a long path passes, a head that does not fit gets an answer */
	end = stpcpy(text, "GET /");
	memset(end, 'x', 12000);
	strcpy(end + 12000, " HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	ck_assert_int_eq(status_of(ask(text)), 200);
	ck_assert_uint_eq(strlen(st.last_path), 12005);
	st.calls = 0;
	end = stpcpy(text, "GET /");
	memset(end, 'x', 30000);
	strcpy(end + 30000, " HTTP/1.1\r\n" HOST "\r\n");
	check_refusal(ask(text), 400, "a long head");
	ck_assert_uint_eq(st.calls, 0);
}
END_TEST

/* A half head that is never finished: the answer is an answer. */
START_TEST(half_a_head)
{
	int fd = dial();

	put(fd, "GET / HTTP/1.1\r\nHo");
	shutdown(fd, SHUT_WR);
	check_refusal(get_all(fd), 400, "half a head");
	close(fd);
	ck_assert_uint_eq(st.calls, 0);
}
END_TEST

/* ---- responses --------------------------------------------------------- */

START_TEST(response_form)
{
	const char *answer =
	    ask(GET11 HOST "Connection: close\r\nX: \r\nY:\r\n\r\n");

	ck_assert_int_eq(strncmp(answer, "HTTP/1.1 200 OK\r\nDate: ", 23), 0);
	ck_assert_ptr_nonnull(strstr(answer, " GMT\r\n"));
	ck_assert_ptr_nonnull(strstr(answer,
	    "Content-Type: text/plain\r\nContent-Length: 5\r\n"
	    "Connection: close\r\n" FIXED "X-Extra: one\r\n\r\nhello"));
	answer = ask("HEAD / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 5\r\n"));
	ck_assert_str_eq(body_of(answer), "");
	answer = ask("GET /empty HTTP/1.0\r\n\r\n");
	ck_assert_int_eq(status_of(answer), 204);
	ck_assert_ptr_null(strstr(answer, "\r\nContent-"));
	ck_assert_str_eq(body_of(answer), "");
	answer = ask("GET /none HTTP/1.0\r\n\r\n");
	ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 0\r\n"));
	ck_assert_ptr_null(strstr(answer, "\r\nContent-Type"));
	check_refusal(ask("GET /status0 HTTP/1.0\r\n\r\n"), 500, "status 0");
}
END_TEST

/* A small response arrives in one piece, so it was one write. */
START_TEST(one_write)
{
	static const char *const requests[] = { GET11 HOST "\r\n",
		GET11 "\r\n" };
	char buf[4096];

	for (int i = 0; i < 200; i++) {
		int fd = dial();
		ssize_t n;

		put(fd, requests[i % 2]);
		ck_assert(readable(fd, ANSWER_MS));
		n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
		ck_assert_int_gt(n, 0);
		buf[n] = '\0';
		ck_assert_uint_eq(strlen(body_of(buf)), i % 2 ? 46 : 5);
		close(fd);
	}
}
END_TEST

START_TEST(connection_header)
{
	static const struct {
		const char *request;
		bool keeps;
	} cases[] = {
		{ GET11 HOST "\r\n", true },
		{ GET11 HOST "Connection: keep-alive\r\n\r\n", true },
		{ GET11 HOST "Connection: TE, Keep-Alive\r\n\r\n", true },
		{ "\r\n" GET11 HOST "\r\n", true },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ GET11 HOST "Connection: close\r\n\r\n", false },
		{ GET11 HOST "Connection: keep-alive, close\r\n\r\n", false },
		{ GET11 HOST "Connection: keep-alive\r\n"
			     "Connection: close\r\n\r\n",
		    false },
		{ GET11 HOST "Connection: x\r\n\r\n", false },
		{ "GET /close HTTP/1.1\r\n" HOST "\r\n", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = dial();
		const char *answer;

		put(fd, cases[i].request);
		answer = get_one(fd);
		ck_assert_msg((strstr(answer, "Connection: keep-alive\r\n") !=
				  NULL) == cases[i].keeps,
		    "%zu: %s", i, answer);
		if (cases[i].keeps) {
			put(fd, GET11 HOST "\r\n");
			ck_assert_int_eq(status_of(get_one(fd)), 200);
		} else {
			ck_assert_str_eq(get_all(fd), "");
		}
		close(fd);
	}
}
END_TEST

/* While nobody else waits there is no end to a connection. */
START_TEST(keeps_on)
{
	int fd = dial();

	for (int i = 1; i <= 1000; i++) {
		const char *answer;

		put(fd, GET11 HOST "\r\n");
		answer = get_one(fd);
		ck_assert_int_eq(status_of(answer), 200);
		ck_assert_msg(strstr(answer, "Connection: close") == NULL,
		    "request %d: %s", i, answer);
	}
	close(fd);
	ck_assert_uint_eq(st.calls, 1000);
}
END_TEST

START_TEST(pipelined)
{
	int fd = dial();

	put(fd,
	    "GET /1 HTTP/1.1\r\n" HOST "\r\n"
	    "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
	    "GET /3 HTTP/1.1\r\n" HOST "\r\n");
	ck_assert_str_eq(body_of(get_one(fd)), "hello");
	ck_assert_str_eq(body_of(get_one(fd)), "abc");
	ck_assert_str_eq(body_of(get_one(fd)), "hello");
	close(fd);
	check_path("GET /3");
}
END_TEST

START_TEST(no_memory)
{
	check_refusal(ask("GET /nomem HTTP/1.0\r\n\r\n"), 503, "no memory");
	ck_assert_int_eq(
	    status_of(ask("POST /huge HTTP/1.1\r\n" HOST
			  "Content-Length: 900000000000000000\r\n\r\nx")),
	    503);
}
END_TEST

START_TEST(adding_headers)
{
	static struct http_response res;
	char big[HTTP_HEADERS_MAX];

	memset(&res, 0, sizeof(res));
	ck_assert(!http_add(&res, "X", "a\r\nY: b"));
	ck_assert(!http_add(&res, "X", "a\nb"));
	ck_assert(!http_add(&res, "X", "a\tb"));
	ck_assert(!http_add(&res, "X", "a\x7f"));
	ck_assert(!http_add(&res, "X:", "a"));
	ck_assert(!http_add(&res, "X\r\n", "a"));
	ck_assert(!http_add(&res, "", "a"));
	ck_assert_uint_eq(res.headers_len, 0);
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 6] = '\0'; /* one more than "X: " CR LF NUL leave */
	ck_assert(!http_add(&res, "XX", big));
	big[sizeof(big) - 8] = '\0';
	ck_assert(http_add(&res, "XX", big));
	ck_assert_uint_eq(res.headers_len, strlen(big) + 6);
	ck_assert(!http_add(&res, "Y", ""));
	ck_assert_str_eq(http_reason(404), "Not Found");
}
END_TEST

/* ---- bodies ------------------------------------------------------------ */

static void
check_post(const char *rest, int status, const char *body)
{
	char text[2048];
	const char *answer;

	snprintf(text, sizeof(text), POST "Connection: close\r\n%s", rest);
	answer = ask(text);
	ck_assert_msg(status_of(answer) == status, "%s: %s", rest, answer);
	if (body != NULL)
		ck_assert_str_eq(body_of(answer), body);
}

START_TEST(bodies)
{
	check_post("Content-Length: 5\r\n\r\nhello", 200, "hello");
	check_post("Content-Length: 0\r\n\r\n", 200, "");
	check_post("\r\n", 200, "");
	check_post("Transfer-Encoding: chunked\r\n\r\n"
		   "3\r\nhel\r\n0002\r\nlo\r\n0\r\n\r\n",
	    200, "hello");
	check_post("Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 200, "");
	check_post("Transfer-Encoding: chunked\r\n\r\n"
		   "1\r\nx\r\n0\r\nTrailer: y\r\n\r\n",
	    200, "x");
}
END_TEST

START_TEST(bad_chunks)
{
	static const char *const chunks[] = { "x\r\nabc\r\n0\r\n\r\n",
		"-1\r\na\r\n0\r\n\r\n", "+1\r\na\r\n0\r\n\r\n",
		"0x1\r\na\r\n0\r\n\r\n", "1\r\nab\r\n0\r\n\r\n", "1\na\n0\n\n",
		"\r\n1\r\na\r\n0\r\n\r\n", "1 \r\na\r\n0\r\n\r\n",
		"ffffffffffffffff\r\na\r\n0\r\n\r\n",
		"1ffffffffffffffff\r\na\r\n0\r\n\r\n" };
	char text[512];

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		snprintf(text, sizeof(text),
		    "Transfer-Encoding: chunked\r\n\r\n%s", chunks[i]);
		check_post(text, 400, NULL);
	}
}
END_TEST

/* The client goes away in the middle. */
START_TEST(truncated)
{
	static const char *const requests[] = {
		POST "Content-Length: 5\r\n\r\nhell",
		POST "Content-Length: 5\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhell",
		POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		POST "Transfer-Encoding: chunked\r\n\r\n5",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		int fd = dial();
		const char *answer;

		put(fd, requests[i]);
		shutdown(fd, SHUT_WR);
		answer = get_all(fd);
		ck_assert_msg(status_of(answer) == 400, "%zu: %s", i, answer);
		ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
		close(fd);
	}
}
END_TEST

START_TEST(body_sizes)
{
	static const size_t sizes[] = { 16384, 40000, 65536, 65537, 200000 };
	static char text[250000];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int want = sizes[i] <= BODY_MAX ? 200 : 413;
		const char *answer;
		int n, fd;

		n = snprintf(text, sizeof(text),
		    POST "Connection: close\r\nContent-Length: %zu\r\n\r\n",
		    sizes[i]);
		memset(text + n, 'z', sizes[i]);
		text[(size_t)n + sizes[i]] = '\0';
		answer = ask(text);
		ck_assert_int_eq(status_of(answer), want);
		if (want == 200)
			ck_assert_uint_eq(strlen(body_of(answer)), sizes[i]);
		fd = dial();
		put(fd,
		    POST "Connection: close\r\n"
			 "Transfer-Encoding: chunked\r\n\r\n");
		n = snprintf(text, sizeof(text), "%zx\r\n", sizes[i]);
		memset(text + n, 'z', sizes[i]);
		strcpy(text + n + sizes[i], "\r\n0\r\n\r\n");
		put(fd, text);
		answer = get_all(fd);
		ck_assert_int_eq(status_of(answer), want);
		if (want == 200)
			ck_assert_uint_eq(strlen(body_of(answer)), sizes[i]);
		close(fd);
	}
}
END_TEST

/* Drip bytes until an answer comes: it must be 408. */
static void
drip(const char *head, const char *bytes)
{
	int fd = dial();
	const char *answer;
	size_t sent = 0;

	put(fd, head);
	while (!readable(fd, 20)) {
		ck_assert_uint_lt(sent++, ANSWER_MS / 20);
		put_bytes(fd, bytes, 1);
		if (bytes[1] != '\0')
			bytes++;
	}
	answer = get_all(fd);
	ck_assert_msg(status_of(answer) == 408, "%s", answer);
	ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
	close(fd);
}

START_TEST(dripped_bodies)
{
	drip(POST "Content-Length: 60000\r\n\r\n", "a");
	drip(POST "Transfer-Encoding: chunked\r\n\r\n", "0");
	drip(POST "Transfer-Encoding: chunked\r\n\r\n", "0000ffff\r\na");
	/* the thread is free again: there is only one */
	ck_assert_int_eq(status_of(ask("GET / HTTP/1.0\r\n\r\n")), 200);
}
END_TEST

START_TEST(stalled_body)
{
	int fd = dial();

	put(fd, POST "Content-Length: 10\r\n\r\nabc");
	ck_assert_int_eq(status_of(get_all(fd)), 408);
	close(fd);
}
END_TEST

START_TEST(expect_continue)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	char buf[64] = "";
	int fd = dial();

	put(fd, POST "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n");
	for (size_t len = 0; len < sizeof(go_on) - 1;) {
		ssize_t n;

		ck_assert(readable(fd, ANSWER_MS));
		n = recv(fd, buf + len, sizeof(go_on) - 1 - len, 0);
		ck_assert_int_gt(n, 0);
		len += (size_t)n;
	}
	ck_assert_str_eq(buf, go_on);
	put(fd, "hello");
	ck_assert_str_eq(body_of(get_one(fd)), "hello");
	/* still the same connection; no invitation to what is too large */
	put(fd, POST "Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n");
	ck_assert_int_eq(status_of(get_all(fd)), 413);
	close(fd);
}
END_TEST

/* Bytes of a body that nobody read are never a next request. */
START_TEST(unread_body_is_no_request)
{
	static const char inner[] = "GET /smuggled HTTP/1.1\r\n" HOST "\r\n";
	static const char *const heads[] = { "POST /ignore HTTP/1.1\r\n" HOST
					     "Content-Length: %zu\r\n\r\n%s",
		"POST /ignore HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
		POST "Content-Length: 9%zu\r\n\r\n%s",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n%s" };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		char text[512];
		const char *answer;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(
		    text, sizeof(text), heads[i], sizeof(inner) - 1, inner);
#pragma GCC diagnostic pop
		answer = ask(text);
		ck_assert_uint_eq(times(answer, "HTTP/1.1 "), 1);
		ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
	}
	ck_assert_uint_eq(st.calls, 4);
}
END_TEST

/* An early refusal is not lost while the client still sends. */
START_TEST(refusal_outlives_upload)
{
	static char text[900000];
	unsigned clean = 0;
	int n = snprintf(text, sizeof(text),
	    "POST /ignore HTTP/1.1\r\n" HOST "Content-Length: 800000\r\n\r\n");

	memset(text + n, 'z', 800000);
	for (int i = 0; i < 20; i++) {
		int fd = dial(), err = 0;
		socklen_t len = sizeof(err);
		const char *answer;

		put(fd, text);
		answer = get_all(fd);
		/* after the end of the stream a reset shows only here */
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		clean += err == 0 && !was_reset;
		close(fd);

		ck_assert_int_eq(status_of(answer), 200);
		ck_assert_str_eq(body_of(answer), "hello");
	}
	/* a slow machine may miss the time allowed, but not often */
	ck_assert_uint_gt(clean, 10);
}
END_TEST

/*
 * The library's buffer keeps what an earlier client pipelined, and after blank
 * lines its parser runs on into that. With one thread the buffer is the same.
 */
START_TEST(no_replay_of_others)
{
	static const char secret[] =
	    "GET /secret HTTP/1.1\r\n" HOST "X-Access-Token: s\r\n\r\n";
	char text[512];
	int fd = dial();

	/* the second is longer, so that moving it up leaves a whole copy */
	memset(text, 0, sizeof(text));
	snprintf(text, sizeof(text), "GET /%0200d HTTP/1.1\r\n" HOST "\r\n%s",
	    1, secret);
	put(fd, text);
	get_one(fd);
	get_one(fd);
	close(fd);
	check_path("GET /secret");
	ask("GET / HTTP/1.0\r\n\r\n");
	check_path("GET /");
	/* blank lines up to where the copy begins */
	for (size_t n = strlen(text) - strlen(secret) - 2;
	     n <= strlen(text) - strlen(secret) + 2; n++) {
		char blank[512];

		memset(blank, ' ', sizeof(blank));
		memcpy(blank, "\r\n\r\n", 4);
		blank[n] = '\0';
		ask(blank);
		check_path("GET /");
	}
	ck_assert_int_eq(status_of(ask("GET / HTTP/1.0\r\n\r\n")), 200);
}
END_TEST

/* ---- starting and stopping --------------------------------------------- */

static struct http_server *
try_start(const char *listen, char *why, size_t why_len)
{
	struct http_options options = {
		.listen = listen,
		.threads = 2,
		.body_timeout_ms = 400,
		.handler = handler,
		.arg = &st,
	};

	why[0] = '\0';
	return http_start(&options, why, why_len);
}

START_TEST(listen_addresses)
{
	static const char *const wrong[] = { "", "8080", ":8080",
		"localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
		"127.0.0.1:80s", "127.0.0.1:80,127.0.0.1:81", "127.0.0.1:65536",
		"127.0.0.1:-1", "127.0.0.1:000080", "127.0.0:80", "::1:80",
		"[::1]", "[::1]80", "[::1]:", "[::1:80", "[127.0.0.1]:80",
		"+80", "[]:80", " 127.0.0.1:80", "127.0.0.1:80 ", "[", "[:1",
		"x:", ":" };
	char why[256];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(try_start(wrong[i], why, sizeof(why)) == NULL,
		    "%s was accepted", wrong[i]);
		ck_assert_msg(strstr(why, "cannot listen on") == why &&
			strstr(why, wrong[i]) != NULL,
		    "\"%s\": %s", wrong[i], why);
	}
}
END_TEST

START_TEST(listen_in_use)
{
	char why[256], where[64];

	start(2);
	snprintf(where, sizeof(where), "127.0.0.1:%u", http_port(server));
	ck_assert_ptr_null(try_start(where, why, sizeof(why)));
	ck_assert_ptr_nonnull(strstr(why, where));
	ck_assert_ptr_nonnull(strstr(why, "Address already in use"));
	ck_assert_ptr_null(try_start("192.0.2.1:0", why, sizeof(why)));
	ck_assert_ptr_nonnull(strstr(why, "Cannot assign requested address"));
	/* the one that runs is unharmed */
	ck_assert_int_eq(status_of(ask("GET / HTTP/1.0\r\n\r\n")), 200);
	teardown();
}
END_TEST

START_TEST(listen_ipv6)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct http_server *six;
	char why[256];
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	in6.sin6_addr = in6addr_loopback;
	if (fd < 0 || bind(fd, (struct sockaddr *)&in6, sizeof(in6)) != 0) {
		if (fd >= 0)
			close(fd);
		return; /* this machine has no IPv6 */
	}
	close(fd);
	start(1);
	six = try_start("[::1]:0", why, sizeof(why));
	if (six == NULL) {
		/* Debian 12's library cannot; then the reason says so */
		ck_assert_ptr_nonnull(strstr(why, "[::1]:0"));
		ck_assert_ptr_nonnull(strstr(why, "without IPv6"));
		teardown();
		return;
	}
	in6.sin6_port = htons((uint16_t)http_port(six));
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
	put(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nx");
	/* the guard finds a connection by its IPv6 address too */
	ck_assert_int_eq(status_of(get_all(fd)), 408);
	close(fd);
	http_stop(six, 100);
	teardown();
}
END_TEST

static void
on_signal(int number)
{
	(void)number;
}

START_TEST(signals_untouched)
{
	struct sigaction mine = { .sa_handler = on_signal }, now;
	sigset_t before, after;

	sigaction(SIGPIPE, &mine, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	start(8);
	sigaction(SIGPIPE, NULL, &now);
	ck_assert(now.sa_handler == on_signal);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	ck_assert_int_eq(
	    sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
	ck_assert_int_eq(status_of(ask("GET / HTTP/1.0\r\n\r\n")), 200);
	ck_assert(st.sigint_blocked);
	teardown();
}
END_TEST

static void *
stop_thread(void *arg)
{
	(void)arg;
	http_stop(server, ANSWER_MS);
	return NULL;
}

/* A request under way is finished; one that comes meanwhile gets 503. */
START_TEST(stop_drains)
{
	pthread_t stopper;
	int fd, other;

	start(4);
	fd = dial();
	put(fd, "GET /block HTTP/1.1\r\n" HOST "\r\n");
	while (sem_wait(&st.entered) != 0)
		;
	ck_assert_int_eq(pthread_create(&stopper, NULL, stop_thread, NULL), 0);
	for (;;) {
		const char *answer;

		other = dial();
		put(other, "GET / HTTP/1.0\r\n\r\n");
		answer = get_all(other);
		close(other);
		if (status_of(answer) == 200)
			continue; /* the drain has not begun yet */
		check_refusal(answer, 503, "a request during the drain");
		break;
	}
	sem_post(&st.go_on);
	ck_assert_str_eq(body_of(get_one(fd)), "hello");
	pthread_join(stopper, NULL);
	ck_assert_str_eq(get_all(fd), "");
	close(fd);
}
END_TEST

/* Idle, half-open and dripping clients do not hold a stop. */
START_TEST(stop_with_clients)
{
	int idle, half, body;

	start(4);
	idle = dial();
	put(idle, GET11 HOST "\r\n");
	ck_assert_int_eq(status_of(get_one(idle)), 200);
	half = dial();
	put(half, "GET / HT");
	body = dial();
	put(body, POST "Content-Length: 10\r\n\r\nx");
	http_stop(server, 0);
	close(idle);
	close(half);
	close(body);
}
END_TEST

/* More idle connections than threads: another client is still answered. */
START_TEST(idle_connections)
{
	int fds[12], defer = 0;
	socklen_t len = sizeof(defer);

	start(4);
	/* who says nothing does not reach a thread */
	ck_assert_int_eq(getsockopt(http_socket_listener(http_port(server)),
			     IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, &len),
	    0);
	ck_assert_int_gt(defer, 0);
	for (int i = 0; i < 12; i++) {
		fds[i] = dial();
		if (i % 2 == 0)
			continue; /* says nothing at all */
		put(fds[i], GET11 HOST "\r\n");
		ck_assert_int_eq(status_of(get_one(fds[i])), 200);
	}
	ck_assert_int_eq(status_of(ask("GET / HTTP/1.0\r\n\r\n")), 200);
	for (int i = 0; i < 12; i++)
		close(fds[i]);
	teardown();
}
END_TEST

static void *
busy_client(void *arg)
{
	(void)arg;
	for (int round = 0; round < 10; round++) {
		int fd = dial();

		for (int i = 0; i < 20; i++) {
			put(fd, POST "Content-Length: 5\r\n\r\nhello");
			ck_assert_str_eq(body_of(get_one(fd)), "hello");
		}
		close(fd);
	}
	free(answer_memory);
	return NULL;
}

START_TEST(many_at_once)
{
	pthread_t threads[8];

	/* twice as many threads as clients: nobody has to be turned over */
	start(16);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, busy_client, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(st.calls, 1600);
	teardown();
}
END_TEST

/*
 * Three times as many slow clients as threads, who send some and no more: one
 * who does not is answered all the same, and the slow are told why not.
 */
static void
check_slow(const char *start_of_request)
{
	int fds[12];
	unsigned ended = 0;

	body_timeout_ms = 100 * ANSWER_MS;
	start(4);
	for (int i = 0; i < 12; i++) {
		fds[i] = dial();
		put(fds[i], start_of_request);
	}
	ck_assert_int_eq(status_of(ask("GET / HTTP/1.0\r\n\r\n")), 200);
	for (int i = 0; i < 12; i++) {
		if (readable(fds[i], 0)) {
			const char *answer = get_all(fds[i]);

			ck_assert_msg(status_of(answer) == 408, "%s", answer);
			ended++;
		}
		close(fds[i]);
	}
	/* all but those who hold the threads that are left */
	ck_assert_uint_ge(ended, 12 - 3);
	teardown();
}

START_TEST(slow_heads_give_way)
{
	check_slow("GET / HTTP/1.1\r\nHo");
}
END_TEST

START_TEST(slow_bodies_give_way)
{
	check_slow(POST "Content-Length: 10\r\n\r\nabc");
}
END_TEST

START_TEST(slow_chunks_give_way)
{
	check_slow(POST "Transfer-Encoding: chunked\r\n\r\nf\r\nabc");
}
END_TEST

/* Nobody waits, so the slow are let be, though they hold all threads. */
START_TEST(slow_ones_alone)
{
	int fds[4];

	body_timeout_ms = 100 * ANSWER_MS;
	start(4);
	for (int i = 0; i < 4; i++) {
		fds[i] = dial();
		put(fds[i], POST "Content-Length: 10\r\n\r\nabc");
	}
	/* longer than one would be borne with others waiting */
	ck_assert(!readable(fds[0], 1000));
	for (int i = 0; i < 4; i++) {
		put(fds[i], "defghij");
		ck_assert_str_eq(body_of(get_one(fds[i])), "abcdefghij");
		close(fds[i]);
	}
	teardown();
}
END_TEST

static atomic_bool enough;

/* A connection, without the functions of Check: they are for one thread. */
static int
dial_quietly(void)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0)
		abort();
	return fd;
}

/* Asks without a pause, and comes back when its connection is ended. */
static void *
greedy_client(void *arg)
{
	static const char request[] = GET11 HOST "\r\n";
	int fd = dial_quietly();
	char buf[4096];

	(void)arg;
	while (!atomic_load(&enough)) {
		ssize_t n =
		    send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);

		if (n > 0)
			n = recv(fd, buf, sizeof(buf) - 1, 0);
		if (n > 0)
			buf[n] = '\0';
		if (n <= 0 || strstr(buf, "Connection: close") != NULL) {
			close(fd);
			fd = dial_quietly();
		}
	}
	close(fd);
	return NULL;
}

/* As many greedy clients as threads: others have their turn nonetheless. */
START_TEST(greedy_ones_take_turns)
{
	pthread_t threads[4];

	start(4);
	atomic_store(&enough, false);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, greedy_client, NULL);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(status_of(ask("GET / HTTP/1.0\r\n\r\n")), 200);
	atomic_store(&enough, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	teardown();
}
END_TEST

/* The grace is for work, not for clients that take their time. */
START_TEST(stop_ends_slow_bodies)
{
	int fd;

	body_timeout_ms = 100 * ANSWER_MS;
	start(4);
	fd = dial();
	put(fd, POST "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n");
	ck_assert(readable(fd, ANSWER_MS)); /* it reads the body now */
	http_stop(server, 100 * ANSWER_MS);
	ck_assert_ptr_nonnull(strstr(get_all(fd), "HTTP/1.1 408 "));
	close(fd);
}
END_TEST

static TCase *
with_server(Suite *suite, const char *name, void (*begin)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, begin, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("http_glue");
	TCase *tc = with_server(suite, "requests", setup);
	SRunner *runner;
	int failed;

	tcase_add_test(tc, paths_are_raw);
	tcase_add_test(tc, absolute_form);
	tcase_add_test(tc, methods);
	tcase_add_test(tc, upgrades_and_forms);
	tcase_add_test(tc, silent_drops_are_answered);
	tcase_add_test(tc, heads_of_the_limit);
	tcase_add_test(tc, half_a_head);
	tcase_add_test(tc, response_form);
	tcase_add_test(tc, one_write);
	tcase_add_test(tc, connection_header);
	tcase_add_test(tc, keeps_on);
	tcase_add_test(tc, pipelined);
	tcase_add_test(tc, no_memory);
	tcase_add_test(tc, adding_headers);
	tcase_add_test(tc, bodies);
	tcase_add_test(tc, bad_chunks);
	tcase_add_test(tc, truncated);
	tcase_add_test(tc, body_sizes);
	tcase_add_test(tc, stalled_body);
	tcase_add_test(tc, expect_continue);
	tcase_add_test(tc, unread_body_is_no_request);
	tcase_add_test(tc, refusal_outlives_upload);
	tc = with_server(suite, "one thread", setup_one);
	tcase_add_loop_test(
	    tc, bad_heads, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tc, dripped_bodies);
	tcase_add_test(tc, no_replay_of_others);
	tc = tcase_create("start and stop");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, listen_addresses);
	tcase_add_test(tc, listen_in_use);
	tcase_add_test(tc, listen_ipv6);
	tcase_add_test(tc, signals_untouched);
	tcase_add_test(tc, stop_drains);
	tcase_add_test(tc, stop_with_clients);
	tcase_add_test(tc, idle_connections);
	tcase_add_test(tc, many_at_once);
	tcase_add_test(tc, slow_heads_give_way);
	tcase_add_test(tc, slow_bodies_give_way);
	tcase_add_test(tc, slow_chunks_give_way);
	tcase_add_test(tc, slow_ones_alone);
	tcase_add_test(tc, greedy_ones_take_turns);
	tcase_add_test(tc, stop_ends_slow_bodies);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
