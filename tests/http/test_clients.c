/*
 * The example clients behind a network that loses, cuts, delays and repeats
 * messages at random: they are never signed out. The proxy is a few threads of
 * this program; the clients are their own processes.
 */
#include "client.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE 8192

static struct authd server;

/* ---- the proxy --------------------------------------------------------------- */

enum fate {
	PASS,
	LOSE_REQUEST,
	LOSE_REPLY,
	CUT_REPLY,
	DELAY_REPLY,
	REPEAT_REQUEST, /* at once, and once more some requests later */
	FATES,
};

static struct {
	int listener;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t fewer;
	unsigned serving; /* connections, each with its thread */
	unsigned random;
	size_t late_len; /* a request that comes again later */
	unsigned late_in;
	char late[MESSAGE];
	atomic_uint seen[FATES];
	int constant; /* the status of every refresh; 0: none is made up */
	atomic_int good_in; /* but only of so many */
	atomic_uint made_up;
} proxy;

/* The same sequence in every run; which client meets what is up to chance. */
static unsigned
chance(unsigned of)
{
	unsigned n;

	pthread_mutex_lock(&proxy.lock);
	proxy.random = proxy.random * 1664525u + 1013904223u;
	n = (proxy.random >> 16) % of;
	pthread_mutex_unlock(&proxy.lock);
	return n;
}

static enum fate
draw(void)
{
	unsigned n = chance(100);

	return n < 60 ? PASS
	    : n < 70  ? LOSE_REQUEST
	    : n < 80  ? LOSE_REPLY
	    : n < 85  ? CUT_REPLY
	    : n < 90  ? DELAY_REPLY
		      : REPEAT_REQUEST;
}

static int
dial(unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A head and as much body as its Content-Length says; 0: none came whole. */
static size_t
read_message(int fd, char *buf)
{
	size_t len = 0, need = 0;
	const char *end, *length;
	ssize_t n;

	while (need == 0 || len < need) {
		n = recv(fd, buf + len, MESSAGE - 1 - len, 0);
		if (n <= 0)
			return 0;
		len += (size_t)n;
		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
		if (end == NULL)
			continue;
		length = strcasestr(buf, "\r\nContent-Length:");
		need = (size_t)(end + 4 - buf);
		if (length != NULL && length < end)
			need += strtoul(length + 17, NULL, 10);
	}
	return len;
}

/* Ask authd; the length of its answer, or 0. */
static size_t
forward(const char *request, size_t len, char *answer)
{
	int fd = dial(server.port);
	size_t got = 0;

	if (fd < 0)
		return 0;
	if (send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len)
		got = read_message(fd, answer);
	close(fd);
	return got;
}

/* Send what was to come again later, when it is time. */
static void
late_ones(char *answer)
{
	char request[MESSAGE];
	size_t len = 0;

	pthread_mutex_lock(&proxy.lock);
	if (proxy.late_len > 0 && proxy.late_in-- == 0) {
		len = proxy.late_len;
		memcpy(request, proxy.late, len);
		proxy.late_len = 0;
	}
	pthread_mutex_unlock(&proxy.lock);
	if (len > 0)
		(void)forward(request, len, answer);
}

static void
remember(const char *request, size_t len)
{
	unsigned later = chance(6);

	pthread_mutex_lock(&proxy.lock);
	if (proxy.late_len == 0) {
		memcpy(proxy.late, request, len);
		proxy.late_len = len;
		proxy.late_in = later;
	}
	pthread_mutex_unlock(&proxy.lock);
}

/* A refresh is answered by the proxy itself. */
static size_t
make_up(const char *request, char *answer)
{
	static const char body[] = "{\"message\":\"So it is\",\"code\":\"x\"}";

	if (proxy.constant == 0 || strstr(request, "/refreshtoken") == NULL ||
	    atomic_fetch_sub(&proxy.good_in, 1) <= 0)
		return 0;
	atomic_fetch_add(&proxy.made_up, 1);
	return (size_t)snprintf(answer, MESSAGE,
	    "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
	    "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
	    proxy.constant, sizeof(body) - 1, body);
}

static void *
serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char *request = malloc(MESSAGE), *answer = malloc(MESSAGE);
	size_t len = read_message(fd, request), got = 0;
	enum fate fate = proxy.constant != 0 ? PASS : draw();

	atomic_fetch_add(&proxy.seen[fate], 1);
	if (len > 0)
		got = make_up(request, answer);
	if (len > 0 && got == 0 && fate != LOSE_REQUEST) {
		got = forward(request, len, answer);
		if (fate == REPEAT_REQUEST) {
			got = forward(request, len, answer);
			remember(request, len);
		}
	}
	if (fate == DELAY_REPLY)
		nanosleep(&(struct timespec){ .tv_nsec = chance(10) * 1000000 },
		    NULL);
	if (got > 0 && fate == CUT_REPLY)
		got = chance((unsigned)got);
	if (got > 0 && fate != LOSE_REPLY)
		(void)send(fd, answer, got, MSG_NOSIGNAL);
	close(fd);
	late_ones(answer);
	free(request);
	free(answer);
	pthread_mutex_lock(&proxy.lock);
	proxy.serving--;
	pthread_cond_signal(&proxy.fewer);
	pthread_mutex_unlock(&proxy.lock);
	return NULL;
}

static void
one_more(void)
{
	pthread_mutex_lock(&proxy.lock);
	proxy.serving++;
	pthread_mutex_unlock(&proxy.lock);
}

static void *
accept_all(void *arg)
{
	pthread_attr_t detached;
	pthread_t thread;
	int fd;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	while ((fd = accept4(proxy.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		one_more();
		ck_assert_int_eq(pthread_create(&thread, &detached, serve,
				     (void *)(intptr_t)fd),
		    0);
	}
	pthread_attr_destroy(&detached);
	return arg;
}

static void
proxy_start(int constant)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	pthread_mutex_init(&proxy.lock, NULL);
	pthread_cond_init(&proxy.fewer, NULL);
	proxy.random = 20260131;
	proxy.late_len = 0;
	proxy.constant = constant;
	proxy.good_in = 1000000;
	proxy.made_up = 0;
	for (int i = 0; i < FATES; i++)
		proxy.seen[i] = 0;
	proxy.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(proxy.listener, 0);
	ck_assert_int_eq(
	    bind(proxy.listener, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(proxy.listener, 64), 0);
	ck_assert_int_eq(
	    getsockname(proxy.listener, (struct sockaddr *)&at, &len), 0);
	proxy.port = ntohs(at.sin_port);
	ck_assert_int_eq(
	    pthread_create(&proxy.thread, NULL, accept_all, NULL), 0);
}

static void
proxy_stop(void)
{
	shutdown(proxy.listener, SHUT_RDWR);
	pthread_join(proxy.thread, NULL);
	close(proxy.listener);
	pthread_mutex_lock(&proxy.lock);
	while (proxy.serving > 0)
		pthread_cond_wait(&proxy.fewer, &proxy.lock);
	pthread_mutex_unlock(&proxy.lock);
	pthread_cond_destroy(&proxy.fewer);
	pthread_mutex_destroy(&proxy.lock);
}

static void
setup(void)
{
	authd_make(&server, "\"throttle\": false");
	authd_start(&server);
}

static void
teardown(void)
{
	authd_stop(&server);
	authd_remove(&server);
}

/* How often each client refreshes; `make soak` asks for more. */
static int
refreshes(void)
{
	const char *n = getenv("CLIENT_REFRESHES");

	return n != NULL ? (int)strtol(n, NULL, 10) : 2000;
}

/* ---- the clients --------------------------------------------------------------- */

/* Run a shell line in the folder; its output goes to the test's log. */
__attribute__((format(printf, 1, 2))) static int
shell(const char *format, ...)
{
	char line[2048];
	va_list args;
	int n, status;

	n = snprintf(line, sizeof(line), "cd '%s' || exit 1; ", server.dir);
	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What came to pass, and that nobody was signed out. */
static void
look_back(const char *client)
{
	const char *log = authd_log(&server);

	ck_assert_ptr_null(strstr(log, "event=refresh_reuse"));
	printf("# %s: %u passed, %u requests and %u replies lost, %u cut, "
	       "%u delayed, %u repeated\n",
	    client, proxy.seen[PASS], proxy.seen[LOSE_REQUEST],
	    proxy.seen[LOSE_REPLY], proxy.seen[CUT_REPLY],
	    proxy.seen[DELAY_REPLY], proxy.seen[REPEAT_REQUEST]);
	fflush(stdout);
	for (int i = 0; i < FATES; i++)
		ck_assert_uint_gt(proxy.seen[i], 100);
}

START_TEST(the_c_client_is_never_signed_out)
{
	const char *build = getenv("BUILD");

	ck_assert_ptr_nonnull(build);
	proxy_start(0);
	sign_up(&server, "carl");
	ck_assert_int_eq(shell("echo '%s' | '%s/examples/client' state signin "
			       "http://127.0.0.1:%u carl",
			     PASSWORD, build, server.port),
	    0);
	/* from now on through the proxy; two processes share the store */
	ck_assert_int_eq(
	    shell("sed -i 's/:%u$/:%u/' state", server.port, proxy.port), 0);
	ck_assert_int_eq(
	    shell("'%s/examples/client' state refresh %d & "
		  "'%s/examples/client' state refresh %d; a=$?; wait $!; "
		  "b=$?; [ $a = 0 ] && [ $b = 0 ]",
		build, refreshes() / 2, build, refreshes() / 2),
	    0);
	proxy_stop();
	look_back("C");
}
END_TEST

START_TEST(the_javascript_client_is_never_signed_out)
{
	if (shell("command -v node >node.path") != 0) {
		printf("# node is not here: examples/client.mjs was not run\n");
		return;
	}
	proxy_start(0);
	sign_up(&server, "jane");
	ck_assert_int_eq(
	    shell("cd \"$OLDPWD\" && node tests/http/client_run.mjs "
		  "examples/client.mjs http://127.0.0.1:%u jane '%s' %d",
		proxy.port, PASSWORD, refreshes()),
	    0);
	proxy_stop();
	look_back("JavaScript");
}
END_TEST

/* ---- answers that do not get better ------------------------------------------- */

static const struct {
	int status;
	bool again; /* it is worth another try */
} constants[] = { { 400, false }, { 404, false }, { 409, false },
	{ 500, true } };

#define CONSTANTS (sizeof(constants) / sizeof(constants[0]))

/* Neither for ever, nor without saying what it was. */
static void
gave_up(size_t i)
{
	unsigned n = proxy.made_up;

	ck_assert_int_eq(
	    shell("cat out; grep -q 'status %d' out", constants[i].status), 0);
	if (constants[i].again)
		ck_assert_msg(n >= 10 && n <= 40, "%u tries", n);
	else
		ck_assert_uint_eq(n, 1);
}

static int
c_refresh(void)
{
	return shell(
	    "'%s/examples/client' state refresh >out 2>&1", getenv("BUILD"));
}

START_TEST(the_c_client_gives_up)
{
	size_t i;

	sign_up(&server, "cleo");
	ck_assert_int_eq(shell("echo '%s' | '%s/examples/client' state signin "
			       "http://127.0.0.1:%u cleo",
			     PASSWORD, getenv("BUILD"), server.port),
	    0);
	for (i = 0; i < CONSTANTS; i++) {
		proxy_start(constants[i].status);
		ck_assert_int_eq(
		    shell("sed -i '1s/:[0-9]*$/:%u/' state", proxy.port), 0);
		ck_assert_int_eq(c_refresh(), 1);
		gave_up(i);
		/* the pair was kept: better times sign nobody out */
		proxy.made_up = 0;
		proxy.good_in = constants[i].again ? 3 : 0;
		ck_assert_int_eq(c_refresh(), 0);
		ck_assert_uint_eq(proxy.made_up, constants[i].again ? 3 : 0);
		proxy_stop();
	}
}
END_TEST

static int
javascript_refresh(const char *name)
{
	return shell(
	    "here=$PWD; cd \"$OLDPWD\" && node tests/http/client_run.mjs "
	    "examples/client.mjs http://127.0.0.1:%u %s '%s' 1 12 "
	    ">\"$here/out\" 2>&1",
	    proxy.port, name, PASSWORD);
}

START_TEST(the_javascript_client_gives_up)
{
	size_t i;

	if (shell("command -v node >node.path") != 0)
		return;
	sign_up(&server, "jess");
	for (i = 0; i < CONSTANTS; i++) {
		proxy_start(constants[i].status);
		ck_assert_int_eq(javascript_refresh("jess"), 1);
		gave_up(i);
		ck_assert_int_eq(shell("grep -q '; kept' out"), 0);
		proxy.good_in = 3;
		ck_assert_int_eq(
		    javascript_refresh("jess"), constants[i].again ? 0 : 1);
		proxy_stop();
	}
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		the_c_client_is_never_signed_out,
		the_javascript_client_is_never_signed_out,
		the_c_client_gives_up,
		the_javascript_client_gives_up,
		NULL,
	};

	return run_tests("clients", setup, teardown, tests);
}
