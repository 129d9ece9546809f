/*
 * Other libraries, each behind the same two functions: verify one HS256 token
 * with exp, iss and aud checked, and issue one of the same claims. Each calls
 * peer_failed where its library does not do as it should.
 */
#ifndef TESTS_BENCH_PEERS_H
#define TESTS_BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>

#define PEER_ISS      "authd"
#define PEER_AUD      "api"
#define PEER_SUB      "1001"
#define PEER_ID       1001
#define PEER_SID      "30313233343536373839616263646566"
#define PEER_KID      "k1"
#define PEER_LIFETIME 3600
#define PEER_KEY_LEN  64

struct peer {
	const char *name;
	void (*begin)(const char *key);
	void (*verify)(const char *token, size_t len);
	size_t (*issue)(void); /* returns the token's length */
};

extern const struct peer peer_libjwt, peer_cjose, peer_rhonabwy;

_Noreturn void peer_failed(const char *name, const char *what);

#endif
