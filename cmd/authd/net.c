/*
 * Network addresses as text. Pure functions; opens no socket.
 */
#include "authd/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* An address as 16 bytes. */
static bool
parse_address(const char *text, uint8_t *address)
{
	if (inet_pton(AF_INET6, text, address) == 1)
		return true;
	if (inet_pton(AF_INET, text, address + 12) != 1)
		return false;
	memcpy(address, mapped, sizeof(mapped));
	return true;
}

static void
print_address(const uint8_t *address, char *buf)
{
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, address + 12, buf, NET_ADDRESS_SIZE);
	else
		inet_ntop(AF_INET6, address, buf, NET_ADDRESS_SIZE);
}

/* Decimal digits only, up to max. */
static bool
parse_number(const char *text, unsigned long max, unsigned long *ret_number)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 5 || text[len] != '\0')
		return false;
	*ret_number = strtoul(text, NULL, 10);
	return *ret_number <= max;
}

bool
net_range_parse(const char *text, struct net_range *ret_range)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char address[NET_ADDRESS_SIZE];
	struct net_range range = { .bits = 128 };
	unsigned long bits;
	bool v4;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (!parse_address(address, range.address))
		return false;
	v4 = strchr(address, ':') == NULL;
	if (slash != NULL) {
		if (!parse_number(slash + 1, v4 ? 32 : 128, &bits))
			return false;
		range.bits = (unsigned)bits + (v4 ? 96 : 0);
	}
	*ret_range = range;
	return true;
}

static bool
in_range(const struct net_range *range, const uint8_t *address)
{
	size_t whole = range->bits / 8;
	unsigned rest = range->bits % 8;

	if (memcmp(range->address, address, whole) != 0)
		return false;
	return rest == 0 ||
	    (range->address[whole] >> (8 - rest)) ==
	    (address[whole] >> (8 - rest));
}

static bool
in_ranges(const struct net_range *ranges, size_t count, const uint8_t *address)
{
	for (size_t i = 0; i < count; i++)
		if (in_range(&ranges[i], address))
			return true;
	return false;
}

bool
net_listen_parse(const char *text, bool *ret_loopback, bool *ret_any)
{
	static const struct net_range loopback[] = {
		{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 }, 104 },
		{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128 },
	};
	static const struct net_range any[] = {
		{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 128 },
		{ { 0 }, 128 },
	};
	const char *colon = strrchr(text, ':');
	char host[NET_ADDRESS_SIZE + 2];
	uint8_t address[16] = { 0 };
	unsigned long port;
	size_t len;

	if (colon == NULL || !parse_number(colon + 1, 65535, &port))
		return false;
	len = (size_t)(colon - text);
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, address) != 1)
			return false;
	} else if (strchr(host, ':') != NULL || !parse_address(host, address)) {
		return false;
	}
	*ret_loopback = in_ranges(loopback, 2, address);
	*ret_any = in_ranges(any, 2, address);
	return true;
}

/*
 * The last address of the list forwarded[0..*len), which becomes shorter by it.
 */
static bool
last_address(const char *forwarded, size_t *len, uint8_t *address)
{
	char text[NET_ADDRESS_SIZE];
	size_t end = *len, start;

	while (end > 0 &&
	    (forwarded[end - 1] == ' ' || forwarded[end - 1] == '\t'))
		end--;
	for (start = end; start > 0 && forwarded[start - 1] != ',';)
		start--;
	*len = start > 0 ? start - 1 : 0;
	while (start < end &&
	    (forwarded[start] == ' ' || forwarded[start] == '\t'))
		start++;
	if (end - start >= sizeof(text))
		return false;
	memcpy(text, forwarded + start, end - start);
	text[end - start] = '\0';
	return parse_address(text, address);
}

bool
net_client(const struct net_range *trusted, size_t count, const char *peer,
    const char *forwarded, char *buf)
{
	uint8_t address[16], last[16];
	size_t len = forwarded != NULL ? strlen(forwarded) : 0;

	if (!parse_address(peer, address)) {
		snprintf(buf, NET_ADDRESS_SIZE, "%s", peer);
		return false;
	}
	print_address(address, buf);
	if (len == 0 || !in_ranges(trusted, count, address))
		return false;
	do {
		if (!last_address(forwarded, &len, last))
			return false; /* nothing here is to be believed */
	} while (in_ranges(trusted, count, last) && len > 0);
	print_address(last, buf);
	return in_ranges(trusted, count, last);
}
