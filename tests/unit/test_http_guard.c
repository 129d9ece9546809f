/*
 * The guard and its sockets when a client does the worst at the worst moment.
 * What would be a race is made to happen: the functions that it would come
 * between are wrapped (tests/flags.mk).
 */
#include "authd/http.h"
#include "authd/http_guard.h"
#include "authd/http_socket.h"
#include "authd/steady.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define HANG_MS 30000 /* only a hang comes near it */
#define GET     "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST    "POST / HTTP/1.1\r\nHost: a\r\n"
#define THREADS 4

/* ---- wrapped functions --------------------------------------------------- */

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
void __real_http_socket_linger(int fd, unsigned ms);
void __wrap_http_socket_linger(int fd, unsigned ms);
unsigned __real_http_socket_count(unsigned port, unsigned below);
unsigned __wrap_http_socket_count(unsigned port, unsigned below);
bool __real_http_watch_expired(const struct http_watch *watch);
bool __wrap_http_watch_expired(const struct http_watch *watch);
struct mg_connection;
int __real_mg_write(struct mg_connection *conn, const void *buf, size_t len);
int __wrap_mg_write(struct mg_connection *conn, const void *buf, size_t len);

/* Before the descriptor `from` is duplicated, it becomes one of `to`. */
static int steal_from = -1, steal_to = -1;
static bool linger_long;
static atomic_uint lingers, counts;
static atomic_bool always_expired, write_half;

int
__wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	int arg;

	va_start(args, command);
	arg = va_arg(args, int);
	va_end(args);
	if (command == F_DUPFD_CLOEXEC && fd == steal_from) {
		steal_from = -1;
		ck_assert_int_eq(dup2(steal_to, fd), fd);
	}
	return __real_fcntl(fd, command, arg);
}

void
__wrap_http_socket_linger(int fd, unsigned ms)
{
	atomic_fetch_add(&lingers, 1);
	__real_http_socket_linger(fd, linger_long ? 100 * HANG_MS : ms);
}

unsigned
__wrap_http_socket_count(unsigned port, unsigned below)
{
	atomic_fetch_add(&counts, 1);
	return __real_http_socket_count(port, below);
}

bool
__wrap_http_watch_expired(const struct http_watch *watch)
{
	return atomic_load(&always_expired) || __real_http_watch_expired(watch);
}

/* As when the other end takes no more: once. */
int
__wrap_mg_write(struct mg_connection *conn, const void *buf, size_t len)
{
	return __real_mg_write(
	    conn, buf, atomic_exchange(&write_half, false) ? len / 2 : len);
}

/* Tests may share one process (CK_FORK=no). */
static void
setup(void)
{
	steal_from = steal_to = -1;
	linger_long = false;
	lingers = counts = 0;
	always_expired = write_half = false;
}

/* ---- pairs of sockets ---------------------------------------------------- */

/* Both ends of a connection, and what the far one is called. */
struct pair {
	int far, near;
	struct http_peer peer;
};

static int
listen_here(struct sockaddr_in *in)
{
	socklen_t len = sizeof(*in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)in, len), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)in, &len), 0);
	return fd;
}

static void
cap_waiting(int fd)
{
	const struct timeval cap = { .tv_sec = HANG_MS / 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &cap, sizeof(cap));
}

static void
pair_open(struct pair *pair)
{
	struct sockaddr_in in, name;
	socklen_t len = sizeof(name);
	int fd = listen_here(&in);

	memset(pair, 0, sizeof(*pair));
	pair->far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    connect(pair->far, (struct sockaddr *)&in, sizeof(in)), 0);
	pair->near = accept(fd, (struct sockaddr *)&name, &len);
	ck_assert_int_ge(pair->near, 0);
	close(fd);
	cap_waiting(pair->far);
	cap_waiting(pair->near);
	strcpy(pair->peer.addr, "127.0.0.1");
	pair->peer.port = ntohs(name.sin_port);
	pair->peer.local_port = ntohs(in.sin_port);
	pair->peer.how = SHUT_RDWR;
}

static void
pair_close(struct pair *pair)
{
	close(pair->far);
	close(pair->near);
}

static void
say(int fd, const char *text)
{
	size_t len = strlen(text);

	ck_assert_int_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Exactly that has come, and the other end is open. */
static void
hears(int fd, const char *text)
{
	char buf[64];
	size_t len = strlen(text);

	ck_assert_uint_lt(len, sizeof(buf));
	if (len > 0)
		ck_assert_int_eq(recv(fd, buf, len, MSG_WAITALL), (ssize_t)len);
	ck_assert_mem_eq(buf, text, len);
	ck_assert_int_eq(recv(fd, buf, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

static void
hears_end(int fd)
{
	char c;

	ck_assert_int_eq(recv(fd, &c, 1, 0), 0);
}

/* The client goes away as rudely as it can; the server knows. */
static void
reset(struct pair *pair)
{
	const struct linger rude = { .l_onoff = 1 };
	struct pollfd p = { .fd = pair->near, .events = POLLIN };

	setsockopt(pair->far, SOL_SOCKET, SO_LINGER, &rude, sizeof(rude));
	close(pair->far);
	pair->far = -1;
	ck_assert_int_eq(poll(&p, 1, HANG_MS), 1);
}

static size_t
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* ---- descriptors --------------------------------------------------------- */

START_TEST(finds_by_a_descriptor_of_its_own)
{
	struct pair a, b;
	int fd;

	pair_open(&a);
	pair_open(&b);
	say(b.far, "b's own");
	fd = http_socket_find(&a.peer);
	ck_assert_int_ge(fd, 0);
	/* the connection is closed, and its number is another's */
	ck_assert_int_eq(dup2(b.near, a.near), a.near);
	__real_http_socket_linger(fd, 10);
	close(fd);
	hears_end(a.far);
	hears(b.near, "b's own");
	hears(b.far, "");
	pair_close(&a);
	pair_close(&b);
}
END_TEST

START_TEST(finds_none_that_was_closed_meanwhile)
{
	struct pair a, b;
	size_t files;

	pair_open(&a);
	pair_open(&b);
	files = open_files();
	steal_from = a.near;
	steal_to = b.near;
	ck_assert_int_eq(http_socket_find(&a.peer), -1);
	ck_assert_int_eq(steal_from, -1);
	ck_assert_uint_eq(open_files(), files);
	pair_close(&a);
	pair_close(&b);
}
END_TEST

START_TEST(shuts_none_that_was_closed_meanwhile)
{
	struct pair a, b;
	size_t files;

	pair_open(&a);
	pair_open(&b);
	files = open_files();
	steal_from = a.near;
	steal_to = b.near;
	http_socket_shut(&a.peer, 1, UINT32_MAX);
	ck_assert_int_eq(steal_from, -1);
	ck_assert_uint_eq(open_files(), files);
	say(b.far, "in");
	hears(b.near, "in");
	say(b.near, "out");
	hears(b.far, "out");
	pair_close(&a);
	pair_close(&b);
}
END_TEST

START_TEST(a_reset_connection_has_no_name)
{
	struct pair a;
	int fd;

	pair_open(&a);
	fd = http_socket_find(&a.peer);
	ck_assert_int_ge(fd, 0);
	close(fd);
	reset(&a);
	ck_assert_int_eq(http_socket_find(&a.peer), -1);
	http_socket_shut(&a.peer, 1, UINT32_MAX); /* nothing to be done */
	close(a.near);
}
END_TEST

START_TEST(shuts_as_each_says)
{
	struct http_peer peers[2];
	struct pair a, b, c;

	pair_open(&a);
	pair_open(&b);
	pair_open(&c);
	peers[0] = c.peer;
	peers[1] = a.peer;
	peers[1].how = SHUT_RD;
	http_socket_shut(peers, 2, UINT32_MAX);
	hears_end(a.near);
	say(a.near, "an answer");
	hears(a.far, "an answer");
	hears_end(c.far);
	say(b.far, "b's own");
	hears(b.near, "b's own");
	hears(b.far, "");
	pair_close(&a);
	pair_close(&b);
	pair_close(&c);
}
END_TEST

START_TEST(looks_below_only)
{
	struct pair a;

	pair_open(&a);
	ck_assert_uint_eq(
	    __real_http_socket_count(a.peer.local_port, (unsigned)a.near + 1),
	    1);
	ck_assert_uint_eq(
	    __real_http_socket_count(a.peer.local_port, (unsigned)a.near), 0);
	http_socket_shut(&a.peer, 1, (unsigned)a.near);
	hears(a.far, "");
	http_socket_shut(&a.peer, 1, (unsigned)a.near + 1);
	hears_end(a.far);
	pair_close(&a);
}
END_TEST

/* ---- lingering ----------------------------------------------------------- */

static char flood[60000]; /* fits into the buffers of a connection */

/* How many bytes have come and were not read. */
static int
unread(int fd)
{
	int n = -1;

	ck_assert_int_eq(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

/* What is unread at the close makes a reset of it, which eats the answer. */
START_TEST(lingering_saves_the_answer)
{
	socklen_t len = sizeof(int);
	struct pair a;
	int err = -1;

	pair_open(&a);
	ck_assert_int_eq(
	    send(a.far, flood, sizeof(flood), 0), (ssize_t)sizeof(flood));
	while (unread(a.near) < (int)sizeof(flood))
		;
	say(a.near, "an answer");
	__real_http_socket_linger(a.near, 300);
	ck_assert_int_eq(unread(a.near), 0);
	close(a.near);
	ck_assert_int_eq(recv(a.far, flood, 9, MSG_WAITALL), 9);
	ck_assert_mem_eq(flood, "an answer", 9);
	hears_end(a.far);
	/* behind the end a reset shows here only */
	ck_assert_int_eq(
	    getsockopt(a.far, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	ck_assert_int_eq(err, 0);
	close(a.far);
}
END_TEST

static void *
send_for_ever(void *arg)
{
	const int *fd = arg;

	while (send(*fd, flood, sizeof(flood), MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

START_TEST(lingering_ends_for_who_never_does)
{
	pthread_t sender;
	struct pair a;

	pair_open(&a);
	pthread_create(&sender, NULL, send_for_ever, &a.far);
	__real_http_socket_linger(a.near, UINT32_MAX / 4);
	close(a.near);
	pthread_join(sender, NULL);
	close(a.far);
}
END_TEST

/* ---- a server ------------------------------------------------------------ */

static struct http_server *server;
static char big[1 << 20];

static void
handler(void *arg, struct http_request *req, struct http_response *res)
{
	char *body = NULL;
	size_t len = 0;

	(void)arg;
	res->status = 200;
	res->type = "text/plain";
	res->body = "hello";
	res->body_len = 5;
	if (strcmp(req->path, "/big") == 0) {
		res->body = big;
		res->body_len = sizeof(big);
	} else if (req->method == HTTP_POST &&
	    strcmp(req->path, "/ignore") != 0) {
		if (http_read_body(req, 1000, &body, &len) != HTTP_BODY_OK)
			res->status = 408;
		free(body);
	}
}

static void
start(unsigned threads)
{
	const struct http_options options = {
		.listen = "127.0.0.1:0",
		.threads = threads,
		.body_timeout_ms = 100 * HANG_MS,
		.handler = handler,
	};
	char why[256];

	memset(big, 'x', sizeof(big));
	server = http_start(&options, why, sizeof(why));
	ck_assert_msg(server != NULL, "%s", why);
}

/* A receive buffer of that size, 0: as it is. */
static int
dial(int window)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), segment = 536;

	ck_assert_int_ge(fd, 0);
	cap_waiting(fd);
	if (window > 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
		setsockopt(
		    fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
	}
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

/* The status of the answer that comes now; its "hello" is read too. */
static int
status(int fd)
{
	char buf[4096];
	size_t len = 0;
	const char *end;
	int ret = 0;

	do {
		ck_assert_uint_lt(len + 1, sizeof(buf));
		ck_assert_msg(
		    recv(fd, buf + len, 1, 0) == 1, "no answer: %s", buf);
		buf[++len] = '\0';
		end = strstr(buf, "\r\n\r\n");
	} while (end == NULL);
	ck_assert_int_eq(sscanf(buf, "HTTP/1.1 %d ", &ret), 1);
	end = strstr(buf, "Content-Length: 5\r\n");
	if (end != NULL)
		ck_assert_int_eq(recv(fd, buf, 5, MSG_WAITALL), 5);
	return ret;
}

static void
quick_one_is_answered(void)
{
	int fd = dial(0);

	say(fd, GET);
	ck_assert_int_eq(status(fd), 200);
	close(fd);
}

/* All threads linger, for as long as they are let. */
static void
check_lingering(const char *request, int want)
{
	int fds[THREADS];

	linger_long = true;
	start(THREADS);
	for (int i = 0; i < THREADS; i++) {
		fds[i] = dial(0);
		say(fds[i], request);
		ck_assert_int_eq(status(fds[i]), want);
	}
	quick_one_is_answered();
	ck_assert_uint_ge(lingers, THREADS);
	for (int i = 0; i < THREADS; i++)
		close(fds[i]);
	http_stop(server, 0);
}

START_TEST(lingering_gives_way)
{
	check_lingering("POST /ignore HTTP/1.1\r\nHost: a\r\n"
			"Content-Length: 10\r\n\r\na",
	    200);
}
END_TEST

START_TEST(lingering_after_a_refusal_gives_way)
{
	check_lingering(POST "Expect: cake\r\n\r\n", 417);
	check_lingering("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400);
}
END_TEST

/* That it has a second descriptor makes nobody wait. */
START_TEST(lingering_is_counted_once)
{
	int slow, fd;
	unsigned before;

	linger_long = true;
	start(2);
	slow = dial(0);
	say(slow, POST "Content-Length: 2\r\n\r\na");
	fd = dial(0);
	say(fd,
	    "POST /ignore HTTP/1.1\r\nHost: a\r\n"
	    "Content-Length: 10\r\n\r\na");
	ck_assert_int_eq(status(fd), 200);
	/* all that patience there is would be over: 20 ms between two */
	for (before = counts; counts < before + 40;)
		poll(NULL, 0, 5);
	say(slow, "b");
	ck_assert_int_eq(status(slow), 200);
	close(fd);
	close(slow);
	http_stop(server, 0);
}
END_TEST

/* Take a little, so that no single write stands still: false, it is over. */
static bool
sip(int fd)
{
	char buf[2048];

	return recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 || errno == EAGAIN;
}

/* Three times as many as threads take their answers as slowly as may be. */
START_TEST(those_who_take_no_answer_give_way)
{
	int fds[3 * THREADS], quick;
	struct pollfd p = { .events = POLLIN };
	unsigned waited = 0;

	start(THREADS);
	for (int i = 0; i < 3 * THREADS; i++) {
		fds[i] = dial(4096);
		for (int n = 0; n < 100; n++)
			say(fds[i], "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	quick = p.fd = dial(0);
	say(quick, GET);
	while (poll(&p, 1, 100) == 0) {
		ck_assert_uint_lt(waited += 100, HANG_MS);
		for (int i = 0; i < 3 * THREADS; i++)
			(void)sip(fds[i]);
	}
	ck_assert_int_eq(status(quick), 200);
	close(quick);
	for (int i = 0; i < 3 * THREADS; i++)
		close(fds[i]);
	http_stop(server, 0);
}
END_TEST

/* Where an answer was cut, no other one follows. */
START_TEST(nothing_follows_half_an_answer)
{
	char rest[4096];
	int fd;

	start(1);
	fd = dial(0);
	write_half = true;
	say(fd, GET GET);
	shutdown(fd, SHUT_WR);
	ck_assert_int_eq(recv(fd, rest, 5, MSG_WAITALL), 5);
	ck_assert_mem_eq(rest, "HTTP/", 5);
	for (size_t len = 0;;) {
		ssize_t n = recv(fd, rest + len, sizeof(rest) - len, 0);

		ck_assert_int_ge(n, 0);
		len += (size_t)n;
		if (n > 0)
			continue;
		ck_assert_ptr_null(memmem(rest, len, "HTTP/", 5));
		break;
	}
	close(fd);
	http_stop(server, 0);
}
END_TEST

/* ---- the guard alone ----------------------------------------------------- */

static bool
no_peer(const void *conn, struct http_peer *ret)
{
	(void)conn;
	(void)ret;
	return false;
}

/*
 * Connections that come and go while all threads are taken do not make it look
 * more often: once in 20 ms.
 */
START_TEST(many_connections_wake_it_no_more)
{
	const struct http_guard_options options = {
		.threads = 1, .body_timeout_ms = HANG_MS, .peer_of = no_peer
	};
	struct http_guard *guard = http_guard_start(&options);
	static struct http_watch watch;
	int64_t began = steady_now_ms(), took;

	ck_assert_ptr_nonnull(guard);
	http_guard_add(guard, &watch);
	while (counts < 10) {
		http_guard_open(guard, &watch, &watch);
		poll(NULL, 0, 1);
		http_guard_close(guard, &watch);
	}
	took = steady_now_ms() - began;
	/* it rests behind each, of ten, but not before the first */
	ck_assert_msg(took >= 9 * 20 - 9, "ten times in %d ms", (int)took);
	http_guard_remove(guard, &watch);
	http_guard_free(guard);
}
END_TEST

/* ---- what is said -------------------------------------------------------- */

static int
refusal(const char *request)
{
	int fd = dial(0), ret;

	say(fd, request);
	shutdown(fd, SHUT_WR);
	ret = status(fd);
	close(fd);
	return ret;
}

/* 408 is for heads that did not come, whatever else the clock says. */
START_TEST(a_timeout_is_one_of_the_clock)
{
	start(1);
	ck_assert_int_eq(refusal("GET / HTTP/1.1\r\nHo"), 400);
	atomic_store(&always_expired, true);
	ck_assert_int_eq(refusal("GET / HTTP/1.1\r\nHo"), 408);
	ck_assert_int_eq(refusal("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
	ck_assert_int_eq(refusal("GET / HTTP/3.0\r\nHost: a\r\n\r\n"), 400);
	ck_assert_int_eq(refusal(POST "Transfer-Encoding: gzip\r\n\r\n"), 400);
	atomic_store(&always_expired, false);
	http_stop(server, 0);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { finds_by_a_descriptor_of_its_own,
		finds_none_that_was_closed_meanwhile,
		shuts_none_that_was_closed_meanwhile,
		a_reset_connection_has_no_name, shuts_as_each_says,
		looks_below_only, lingering_saves_the_answer,
		lingering_ends_for_who_never_does, lingering_gives_way,
		lingering_after_a_refusal_gives_way, lingering_is_counted_once,
		those_who_take_no_answer_give_way,
		nothing_follows_half_an_answer,
		many_connections_wake_it_no_more,
		a_timeout_is_one_of_the_clock };
	Suite *suite = suite_create("http_guard");
	TCase *tc = tcase_create("http_guard");
	SRunner *runner;
	int failed;

	(void)signal(SIGPIPE, SIG_IGN);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
