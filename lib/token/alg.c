/*
 * The one list of algorithms; "none" is not in it (RFC 8725 section 3.2).
 */
#include "token/alg.h"

static const struct {
	enum authtok_alg alg;
	const char *name;
	size_t secret_min; /* the hash's size (RFC 7518 section 3.2) */
} algs[] = {
	{ AUTHTOK_HS256, "HS256", 32 },
	{ AUTHTOK_HS384, "HS384", 48 },
	{ AUTHTOK_HS512, "HS512", 64 },
	{ AUTHTOK_EDDSA, "EdDSA", 0 },
	{ AUTHTOK_ES256, "ES256", 0 },
	{ AUTHTOK_RS256, "RS256", 0 },
};

#define COUNT (sizeof(algs) / sizeof(algs[0]))

const char *
at_alg_name(enum authtok_alg alg)
{
	for (size_t i = 0; i < COUNT; i++)
		if (algs[i].alg == alg)
			return algs[i].name;
	return "";
}

enum authtok_alg
at_alg_of(const struct at_json *json)
{
	for (size_t i = 0; i < COUNT; i++)
		if (at_json_is(json, algs[i].name))
			return algs[i].alg;
	return (enum authtok_alg)0;
}

size_t
at_alg_secret_min(enum authtok_alg alg)
{
	for (size_t i = 0; i < COUNT; i++)
		if (algs[i].alg == alg)
			return algs[i].secret_min;
	return 0;
}
