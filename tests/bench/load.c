/*
 * The load client. See load.h.
 */
#include "bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"

#define STALL_MS 30000

int
load_dial(unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	bench_check(fd >= 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		bench_die("connect: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* The length of a whole answer at the start of buf, or 0. */
static size_t
whole(const char *buf, size_t len, int *ret_status, const char **ret_body)
{
	const char *end, *line;
	size_t body = 0;

	if (len < 16 || strncmp(buf, "HTTP/1.1 ", 9) != 0)
		return 0;
	end = strstr(buf, "\r\n\r\n");
	if (end == NULL)
		return 0;
	line = strcasestr(buf, "\r\nContent-Length:");
	if (line != NULL && line < end)
		body = strtoul(line + 17, NULL, 10);
	end += 4;
	if ((size_t)(end - buf) + body > len)
		return 0;
	*ret_status = atoi(buf + 9);
	*ret_body = end;
	return (size_t)(end - buf) + body;
}

int
load_ask(int fd, const char *request, char *ret_answer, size_t size)
{
	size_t len = strlen(request), got = 0;
	const char *body;
	int status;

	if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		return 0;
	while (got + 1 < size) {
		ssize_t n = recv(fd, ret_answer + got, size - 1 - got, 0);

		if (n <= 0)
			return 0;
		got += (size_t)n;
		ret_answer[got] = '\0';
		if (whole(ret_answer, got, &status, &body) > 0) {
			memmove(ret_answer, body, strlen(body) + 1);
			return status;
		}
	}
	return 0;
}

int
load_one(unsigned port, const char *request, char *ret_answer, size_t size)
{
	int fd = load_dial(port);
	int status = load_ask(fd, request, ret_answer, size);

	close(fd);
	return status;
}

static void
connect_one(struct load *load, size_t i)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = i };
	struct load_conn *conn = &load->conns[i];

	if (conn->fd >= 0) {
		close(conn->fd);
		load->reconnects++;
	}
	conn->fd = load_dial(load->port);
	bench_check(
	    epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) == 0);
}

/* The request that stands in the connection's buffer. */
static void
transmit(struct load *load, size_t i)
{
	struct load_conn *conn = &load->conns[i];

	conn->answer_len = 0;
	for (int tries = 0; tries < 3; tries++) {
		if (send(conn->fd, conn->request, conn->request_len,
			MSG_NOSIGNAL) == (ssize_t)conn->request_len)
			return;
		connect_one(load, i);
	}
	bench_die("cannot send");
}

static void
ask_next(struct load *load, size_t i)
{
	struct load_conn *conn = &load->conns[i];

	conn->request_len = load->next(load->arg, i, conn->request);
	bench_check(conn->request_len <= LOAD_REQUEST_MAX);
	conn->busy = true;
	conn->sent_ns = bench_now_ns();
	transmit(load, i);
}

/* True when an answer is complete. */
static bool
take(struct load *load, size_t i)
{
	struct load_conn *conn = &load->conns[i];
	const char *body;
	int status;
	ssize_t n = recv(conn->fd, conn->answer + conn->answer_len,
	    sizeof(conn->answer) - 1 - conn->answer_len, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) { /* closed while it was idle, or between two requests */
		bench_check(conn->answer_len == 0);
		connect_one(load, i);
		if (conn->busy)
			transmit(load, i);
		return false;
	}
	conn->answer_len += (size_t)n;
	conn->answer[conn->answer_len] = '\0';
	if (whole(conn->answer, conn->answer_len, &status, &body) == 0)
		return false;
	conn->busy = false;
	conn->answer_len = 0;
	if (load->latency != NULL)
		load->latency[load->latencies++] =
		    (double)(bench_now_ns() - conn->sent_ns);
	if (load->answered != NULL)
		load->answered(load->arg, i, status, body);
	else if (status != 200)
		bench_die("answered: %s", conn->answer);
	return true;
}

void
load_open(struct load *load)
{
	load->conns = calloc(load->count, sizeof(*load->conns));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	bench_check(load->conns != NULL && load->epoll >= 0);
	for (size_t i = 0; i < load->count; i++) {
		load->conns[i].fd = -1;
		connect_one(load, i);
	}
}

void
load_run(struct load *load, size_t requests)
{
	size_t sent = 0, done = 0;
	struct epoll_event events[64];

	for (size_t i = 0; i < load->count && sent < requests; i++, sent++)
		ask_next(load, i);
	while (done < requests) {
		int n = epoll_wait(load->epoll, events, 64, STALL_MS);

		if (n == 0)
			bench_die("no answer within %d s", STALL_MS / 1000);
		for (int k = 0; k < n; k++) {
			size_t i = (size_t)events[k].data.u64;

			if (!take(load, i))
				continue;
			done++;
			if (sent < requests) {
				sent++;
				ask_next(load, i);
			}
		}
	}
}

void
load_close(struct load *load)
{
	for (size_t i = 0; i < load->count; i++)
		close(load->conns[i].fd);
	close(load->epoll);
	free(load->conns);
}
