/*
 * Network addresses as text: what to listen on, whom to trust, who is there.
 */
#ifndef AUTHD_NET_H
#define AUTHD_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_ADDRESS_SIZE 46 /* bytes of the longest address, with NUL */

/* Addresses that share their first bits; IPv4 is ::ffff:a.b.c.d. */
struct net_range {
	uint8_t address[16];
	unsigned bits;
};

/* "10.0.0.0/8", "fd00::/8", or one address. */
bool net_range_parse(const char *text, struct net_range *ret_range);

/*
 * "127.0.0.1:8080", "[::1]:0": a numeric address and a port. What is only
 * reached from this machine is loopback; any is 0.0.0.0 or [::].
 */
bool net_listen_parse(const char *text, bool *ret_loopback, bool *ret_any);

/*
 * The client's address into buf (NET_ADDRESS_SIZE bytes): the peer, or, behind
 * trusted proxies, the rightmost address of forwarded (X-Forwarded-For, may be
 * NULL) that is none of them. Anything there that is no address means the peer.
 * True when all addresses were trusted: what stood before them may be asked.
 */
bool net_client(const struct net_range *trusted, size_t count, const char *peer,
    const char *forwarded, char *buf);

#endif
