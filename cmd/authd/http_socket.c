/*
 * Sockets under the web server. CivetWeb never shows its descriptors, yet a
 * deadline needs one: mg_read(3) loops inside, and a client that drips a byte
 * now and then keeps a thread for minutes. So a connection is found among the
 * open descriptors by its addresses, only when it must be ended, and the read
 * half is shut down, which makes the library's next recv(2) fail.
 */
#include "authd/http_socket.h"
#include "authd/steady.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FD_SCAN_MAX  65536
#define LINGER_BYTES (1024 * 1024)

/* Split "HOST:PORT" or "[HOST]:PORT"; false when it has another form. */
static bool
split_listen(const char *text, struct http_listen *out)
{
	const char *colon = strrchr(text, ':');
	const char *end = colon;
	size_t digits;

	if (colon == NULL)
		return false;
	digits = strspn(colon + 1, "0123456789");
	if (digits == 0 || digits > 5 || colon[1 + digits] != '\0')
		return false;
	out->port = (unsigned)strtoul(colon + 1, NULL, 10);
	out->ipv6 = text[0] == '[';
	if (out->ipv6) {
		text++;
		if (end == text || *--end != ']')
			return false;
	}
	if (end <= text || (size_t)(end - text) >= sizeof(out->addr))
		return false;
	memcpy(out->addr, text, (size_t)(end - text));
	out->addr[end - text] = '\0';
	return true;
}

bool
http_listen_parse(
    const char *text, struct http_listen *ret, char *why, size_t why_len)
{
	unsigned char bin[sizeof(struct in6_addr)];
	struct http_listen out = { 0 };

	if (!split_listen(text, &out) ||
	    inet_pton(out.ipv6 ? AF_INET6 : AF_INET, out.addr, bin) != 1) {
		snprintf(why, why_len,
		    "cannot listen on \"%s\": it must be IPV4:PORT or "
		    "[IPV6]:PORT",
		    text);
		return false;
	}
	if (out.port > 65535) {
		snprintf(why, why_len,
		    "cannot listen on \"%s\": a port is at most 65535", text);
		return false;
	}
	snprintf(out.text, sizeof(out.text), out.ipv6 ? "[%s]:%u" : "%s:%u",
	    out.addr, out.port);
	*ret = out;
	return true;
}

static socklen_t
listen_sockaddr(const struct http_listen *listen, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (listen->ipv6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)listen->port);
		inet_pton(AF_INET6, listen->addr, &in6->sin6_addr);
		return sizeof(*in6);
	}
	in4->sin_family = AF_INET;
	in4->sin_port = htons((uint16_t)listen->port);
	inet_pton(AF_INET, listen->addr, &in4->sin_addr);
	return sizeof(*in4);
}

int
http_listen_probe(const struct http_listen *addr)
{
	struct sockaddr_storage ss;
	socklen_t len = listen_sockaddr(addr, &ss);
	int on = 1, err = 0;
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, len) != 0 || listen(fd, 1) != 0)
		err = errno;
	close(fd);
	return err;
}

static unsigned
sockaddr_port(const struct sockaddr_storage *ss)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.*): getpeername(2) has set it */
	if (ss->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)ss)->sin_port);
	if (ss->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)ss)->sin6_port);
	return 0;
}

static bool
is_peer(int fd, const struct http_peer *peer)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char addr[48];

	if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0 ||
	    sockaddr_port(&ss) != peer->port)
		return false;
	if (getnameinfo((struct sockaddr *)&ss, len, addr, sizeof(addr), NULL,
		0, NI_NUMERICHOST) != 0 ||
	    strcmp(addr, peer->addr) != 0)
		return false;
	len = sizeof(ss);
	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	    sockaddr_port(&ss) == peer->local_port;
}

/* Descriptors are given out lowest first, so a scan ends early. */
static int
scan_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur > FD_SCAN_MAX)
		return FD_SCAN_MAX;
	return (int)limit.rlim_cur;
}

/*
 * The connection again under a number of our own, or -1: whoever has it may
 * close it at any time, and then its number is another's.
 */
static int
hold(int fd, const struct http_peer *peer)
{
	int held = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (held < 0 || is_peer(held, peer))
		return held;
	close(held);
	return -1;
}

int
http_socket_find(const struct http_peer *peer)
{
	int limit = scan_limit();

	for (int fd = 0; fd < limit; fd++) {
		int held = is_peer(fd, peer) ? hold(fd, peer) : -1;

		if (held >= 0)
			return held;
	}
	return -1;
}

/* Accepted, and by that port of ours. */
static bool
is_ours(int fd, unsigned local_port)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
		return false;
	len = sizeof(ss);
	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	    sockaddr_port(&ss) == local_port;
}

unsigned
http_socket_count(unsigned local_port, unsigned below)
{
	int limit = scan_limit();
	unsigned count = 0;

	for (int fd = 0; fd < limit && (unsigned)fd < below; fd++)
		count += is_ours(fd, local_port);
	return count;
}

static void
shut(int fd, const struct http_peer *peer)
{
	int held = hold(fd, peer);

	if (held < 0)
		return;
	shutdown(held, peer->how);
	close(held);
}

void
http_socket_shut(const struct http_peer *peers, size_t count, unsigned below)
{
	struct sockaddr_storage ss;
	int limit = scan_limit();
	size_t left = count;

	for (int fd = 0; fd < limit && (unsigned)fd < below && left > 0; fd++) {
		socklen_t len = sizeof(ss);
		unsigned port;

		if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
			continue;
		port = sockaddr_port(&ss);
		for (size_t i = 0; i < count; i++)
			if (peers[i].port == port && is_peer(fd, &peers[i])) {
				shut(fd, &peers[i]);
				left--;
				break;
			}
	}
}

int
http_socket_listener(unsigned port)
{
	struct sockaddr_storage ss;
	int limit = scan_limit();

	for (int fd = 0; fd < limit; fd++) {
		int yes = 0;
		socklen_t len = sizeof(yes);

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) !=
			0 ||
		    !yes)
			continue;
		len = sizeof(ss);
		if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
		    sockaddr_port(&ss) == port)
			return fd;
	}
	return -1;
}

void
http_socket_linger(int fd, unsigned ms)
{
	int64_t end = steady_now_ms() + ms;
	size_t total = 0;
	char buf[4096];

	shutdown(fd, SHUT_WR);
	while (total < LINGER_BYTES) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int64_t left = end - steady_now_ms();
		ssize_t got;

		if (left <= 0 || poll(&pfd, 1, (int)left) <= 0)
			return;
		got = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (got <= 0)
			return;
		total += (size_t)got;
	}
}
