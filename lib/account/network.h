/*
 * Networks that people sign in from: IPv4 /24, IPv6 /64 (design section 8).
 */
#ifndef AT_ACCOUNT_NETWORK_H
#define AT_ACCOUNT_NETWORK_H

#include <authtok/store.h>

#define AT_NETWORK_LEN 9 /* a byte that says which, up to 8 of the address */

/*
 * The network of an address, and one, all zero, for all that cannot be read
 * (or NULL). IPv4 inside IPv6 (RFC 4291 section 2.5.5.2) is IPv4.
 */
void at_network_of(const char *address, uint8_t network[AT_NETWORK_LEN]);

/* As text, "192.0.2.0/24"; "" when the address could not be read. */
void at_network_text(
    const uint8_t network[AT_NETWORK_LEN], char text[AUTHTOK_ADDRESS_MAX + 1]);

#endif
