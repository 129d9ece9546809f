/*
 * The network that an address is of. Pure; knows no host names.
 */
#include "account/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

void
at_network_of(const char *address, uint8_t network[AT_NETWORK_LEN])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];
	struct in6_addr six;
	struct in_addr four;
	size_t len;

	memset(network, 0, AT_NETWORK_LEN);
	if (address == NULL)
		return;
	/* a zone, as in fe80::1%eth0, says nothing about the network */
	len = strcspn(address, "%");
	if (len >= sizeof(text))
		return;
	memcpy(text, address, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, &four) == 1) {
		network[0] = 4;
		memcpy(network + 1, &four, 3);
	} else if (inet_pton(AF_INET6, text, &six) == 1) {
		if (memcmp(&six, mapped, sizeof(mapped)) == 0) {
			network[0] = 4;
			memcpy(network + 1, (uint8_t *)&six + 12, 3);
		} else {
			network[0] = 6;
			memcpy(network + 1, &six, 8);
		}
	}
}

void
at_network_text(
    const uint8_t network[AT_NETWORK_LEN], char text[AUTHTOK_ADDRESS_MAX + 1])
{
	uint8_t address[16] = { 0 };
	char plain[40]; /* eight groups of IPv6 */
	bool six = network[0] == 6;

	text[0] = '\0';
	if (network[0] == 0)
		return;
	memcpy(address, network + 1, six ? 8 : 3);
	/* cannot fail: the family is known and there is room */
	if (inet_ntop(six ? AF_INET6 : AF_INET, address, plain,
		sizeof(plain)) != NULL)
		snprintf(text, AUTHTOK_ADDRESS_MAX + 1, "%s/%d", plain,
		    six ? 64 : 24);
}
