/*
 * Clients that mean harm: that never take their answers, that reset their
 * connections and come back from the same port, and an authd that was started
 * with many files open. The others are answered, rightly. What of it depends
 * on the moment is made to happen in tests/unit/test_http_guard.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "authd.h"
#include "client.h"
#include "raw.h"

#define SLOW    16
#define HANG_MS 60000
#define ROUNDS  500
#define PORTS   8
#define ALL     "GET /api/test/all HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---- one who is quick, and what goes on meanwhile ------------------------ */

/* A request on a new connection; until it is answered the others go on. */
static void
ask_while(const struct authd *d, void (*others)(void))
{
	struct pollfd p = { .fd = raw_open(d), .events = POLLIN };
	struct answer a;

	raw_send(p.fd, ALL);
	for (int waited = 0; poll(&p, 1, 100) == 0; waited += 100) {
		ck_assert_int_lt(waited, HANG_MS);
		others();
	}
	ck_assert(raw_answer(p.fd, &a, false));
	is_text(&a, "Public Content.");
	close(p.fd);
}

static int slow[SLOW];

static void
close_slow(void)
{
	for (int i = 0; i < SLOW; i++)
		close(slow[i]);
}

/* ---- answers that nobody takes ------------------------------------------- */

static const char *unsent[SLOW];

/*
 * A receive window of that size, or 0. From that port, or 0: it is one of
 * another address, so that nobody else is given it meanwhile.
 */
static int
dial(const struct authd *d, unsigned port, int window)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)d->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in from = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	int segment = 536;

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (window != 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
		setsockopt(
		    fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
	}
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Whole requests, as many as go into the connection; false: it is over. */
static bool
pour(int i)
{
	static const char request[] = ALL;
	ssize_t n;

	do {
		if (unsent[i] == NULL || *unsent[i] == '\0')
			unsent[i] = request;
		n = send(slow[i], unsent[i], strlen(unsent[i]),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			unsent[i] += n;
	} while (n > 0);
	return errno == EAGAIN;
}

/* They ask on, and take so little that it never stands still. */
static void
pour_and_sip(void)
{
	char buf[1024];

	for (int i = 0; i < SLOW; i++)
		if (pour(i))
			(void)recv(slow[i], buf, sizeof(buf), MSG_DONTWAIT);
}

START_TEST(those_who_take_no_answers_keep_nobody_out)
{
	struct authd d;

	authd_make(&d, "\"threads\": 4");
	authd_start(&d);
	for (int i = 0; i < SLOW; i++)
		slow[i] = dial(&d, 0, 4096);
	for (int i = 0; i < 20; i++)
		pour_and_sip();
	ask_while(&d, pour_and_sip);
	close_slow();
	authd_remove(&d);
}
END_TEST

/* ---- files that were open before ----------------------------------------- */

static void
drip(void)
{
	for (int i = 0; i < SLOW; i++)
		(void)send(slow[i], "a", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* More of them than it has descriptors of its own. */
START_TEST(inherited_files_hide_nobody)
{
	int inherited[600];
	struct authd d;

	for (int i = 0; i < 600; i++) {
		inherited[i] = open("/dev/null", O_RDONLY);
		ck_assert_int_ge(inherited[i], 0);
	}
	authd_make(&d, "\"threads\": 4");
	authd_start(&d);
	for (int i = 0; i < 600; i++)
		close(inherited[i]);
	for (int i = 0; i < SLOW; i++) {
		slow[i] = raw_open(&d);
		raw_send(slow[i],
		    "POST /api/auth/signin HTTP/1.1\r\nHost: a\r\n"
		    "Content-Type: application/json\r\n"
		    "Content-Length: 50000\r\n\r\n{");
	}
	ask_while(&d, drip);
	close_slow();
	authd_remove(&d);
}
END_TEST

/* ---- ports that come back ------------------------------------------------ */

static void
reset(int fd)
{
	const struct linger rude = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &rude, sizeof(rude));
	close(fd);
}

/* A free port that can be dialled from again and again. */
static unsigned
some_port(const struct authd *d)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	int fd = dial(d, 0, 0);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	reset(fd);
	return ntohs(in.sin_port);
}

/* It is refused, with a body still to come, and does not wait for that. */
static void
ask_and_reset(const struct authd *d, unsigned port)
{
	int fd = dial(d, port, 0);

	raw_send(fd,
	    "POST /nowhere HTTP/1.1\r\nHost: a\r\n"
	    "Content-Length: 1000\r\n\r\nx");
	reset(fd);
}

/* Between the halves of others' requests; none of them loses a byte. */
START_TEST(resets_do_others_no_harm)
{
	static const char half[] = "GET /api/test/all HTTP/1.1\r\n";
	unsigned ports[PORTS];
	struct authd d;
	struct answer a;

	authd_make(&d, "\"threads\": 32");
	authd_start(&d);
	for (int i = 0; i < PORTS; i++)
		ports[i] = some_port(&d);
	for (int round = 0; round < ROUNDS; round++) {
		unsigned port = ports[round % PORTS];
		int fd, other;

		ask_and_reset(&d, port);
		ask_and_reset(&d, port);
		fd = raw_open(&d);
		raw_send(fd, half);
		ask_and_reset(&d, port);
		other = raw_open(&d);
		raw_send(other, ALL);
		raw_send(fd, "Host: a\r\n\r\n");
		ck_assert(raw_answer(fd, &a, false));
		is_text(&a, "Public Content.");
		ck_assert(raw_answer(other, &a, false));
		is_text(&a, "Public Content.");
		reset(fd);
		close(other);
	}
	authd_remove(&d);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		those_who_take_no_answers_keep_nobody_out,
		inherited_files_hide_nobody, resets_do_others_no_harm, NULL
	};

	return run_tests("guard", NULL, NULL, tests);
}
