/*
 * HTTP by hand.
 */
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int
raw_open(const struct authd *d)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)d->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval cap = { .tv_sec = 60 }; /* a hang, no verdict */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &cap, sizeof(cap));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

bool
raw_write(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

void
raw_send(int fd, const char *request)
{
	ck_assert(raw_write(fd, request, strlen(request)));
}

/* 1: a byte, 0: closed, however rudely. */
static int
one_byte(int fd, char *ret)
{
	ssize_t n;

	do {
		n = recv(fd, ret, 1, 0);
	} while (n < 0 && errno == EINTR);
	ck_assert_msg(n >= 0 || errno == ECONNRESET || errno == EPIPE,
	    "neither an answer nor the end: %s", strerror(errno));
	return n == 1;
}

bool
raw_answer(int fd, struct answer *a, bool no_body)
{
	const char *s;
	size_t len = 0;

	memset(a, 0, sizeof(*a));
	while (a->head_len < 4 ||
	    memcmp(a->head + a->head_len - 4, "\r\n\r\n", 4) != 0) {
		ck_assert_uint_lt(a->head_len + 1, sizeof(a->head));
		if (!one_byte(fd, a->head + a->head_len))
			return false;
		a->head_len++;
	}
	ck_assert_msg(
	    strncmp(a->head, "HTTP/1.1 ", 9) == 0, "not HTTP: %s", a->head);
	a->status = atoi(a->head + 9);
	s = header(a, "Content-Length");
	if (s != NULL && !no_body)
		len = strtoul(s, NULL, 10);
	ck_assert_uint_lt(len, sizeof(a->body));
	while (a->len < len) {
		ck_assert_msg(one_byte(fd, a->body + a->len),
		    "cut short:\n%s%s", a->head, a->body);
		a->len++;
	}
	return true;
}

size_t
raw_rest(int fd, char *buf, size_t size)
{
	size_t len = 0;
	char c;

	while (one_byte(fd, &c))
		if (len + 1 < size)
			buf[len++] = c;
	buf[len] = '\0';
	return len;
}
