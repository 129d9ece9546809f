/*
 * Cross-origin requests. An origin is compared as a whole, byte by byte: no
 * patterns, no "*", and never credentials, for tokens travel in headers.
 */
#include "authd/cors.h"

#include <string.h>

bool
cors_answer(char *const *origins, const char *origin, struct http_response *res)
{
	if (*origins == NULL)
		return false;
	/* caches must not hand one origin's answer to another */
	http_add(res, "Vary", "Origin");
	if (origin == NULL)
		return false;
	for (; *origins != NULL; origins++) {
		if (strcmp(*origins, origin) != 0)
			continue;
		http_add(res, "Access-Control-Allow-Origin", origin);
		http_add(res, "Access-Control-Expose-Headers",
		    "Authtok-Refresh, Retry-After, WWW-Authenticate");
		return true;
	}
	return false;
}

void
cors_preflight(const char *methods, struct http_response *res)
{
	http_add(res, "Access-Control-Allow-Methods", methods);
	http_add(res, "Access-Control-Allow-Headers",
	    "content-type, x-access-token, authorization, authtok-retry-key");
}
