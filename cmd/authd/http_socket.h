/*
 * The sockets under the web server: what its library does not let us reach.
 * Plain POSIX, nothing of HTTP.
 */
#ifndef AUTHD_HTTP_SOCKET_H
#define AUTHD_HTTP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One accepted connection, by its addresses. */
struct http_peer {
	char addr[48]; /* of the other end, as getnameinfo(3) prints it */
	unsigned port; /* of the other end */
	unsigned local_port;
	int how; /* for http_socket_shut: SHUT_RD or SHUT_RDWR */
};

/* A listening address, taken apart and checked. */
struct http_listen {
	bool ipv6;
	char addr[48];
	char text[64]; /* put together again: "1.2.3.4:80", "[::1]:80" */
	unsigned port;
};

/* Only "IPV4:PORT" and "[IPV6]:PORT"; false and a sentence in why. */
bool http_listen_parse(
    const char *text, struct http_listen *ret, char *why, size_t why_len);

/* Why this address cannot be listened on: an errno, or 0 when it can. */
int http_listen_probe(const struct http_listen *listen);

/*
 * A new descriptor of an open connection of this process, or -1. It stays with
 * that connection whoever closes the other; the caller closes it.
 */
int http_socket_find(const struct http_peer *peer);

/* The descriptor that listens on the port, or -1. */
int http_socket_listener(unsigned port);

/*
 * Say that nothing more comes, then swallow what the other end still sends,
 * for at most ms. Closing with unread input would make the kernel send a
 * reset, and that may destroy the answer before it is read (RFC 9112 9.6).
 */
void http_socket_linger(int fd, unsigned ms);

/* How many accepted connections of that local port are open, by a scan of
 * the descriptors below that one. */
unsigned http_socket_count(unsigned local_port, unsigned below);

/* Shut these connections down as each says, by one such scan. */
void http_socket_shut(
    const struct http_peer *peers, size_t count, unsigned below);

#endif
