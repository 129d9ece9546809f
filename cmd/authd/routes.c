/*
 * Finding the route of a request, what all answers have in common, and the
 * routes that need no body. Sign-up, sign-in and refresh are in routes_auth.c,
 * what a user does about sessions and the password in routes_session.c.
 */
#include "authd/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "authd/access.h"
#include "authd/cors.h"

#define PATH_MAX_LEN 63 /* no route is longer */

struct route {
	/* small letters; one that ends in a slash takes one more segment */
	const char *path;
	size_t len;
	enum http_method method;
	void (*run)(struct call *call);
};

static void
route_greeting(struct call *call)
{
	reply_static(call,
	    "{\"message\":\"Welcome to authd.\","
	    "\"version\":\"" AUTHTOK_VERSION "\"}");
}

static void
route_all(struct call *call)
{
	reply_plain(call, "Public Content.");
}

static void
route_user(struct call *call)
{
	if (access_require(call, NULL, FAIL_TOKEN_INVALID))
		reply_plain(call, "User Content.");
}

static void
route_mod(struct call *call)
{
	if (access_require(call, "moderator", FAIL_MODERATOR))
		reply_plain(call, "Moderator Content.");
}

static void
route_admin(struct call *call)
{
	if (access_require(call, "admin", FAIL_ADMIN))
		reply_plain(call, "Admin Content.");
}

static void
route_healthz(struct call *call)
{
	reply_static(call, "{\"status\":\"ok\"}");
}

static void
route_readyz(struct call *call)
{
	enum authtok_err err = app_probe(call->app);

	if (err == AUTHTOK_OK)
		reply_static(call, "{\"status\":\"ok\"}");
	else
		reply_fail_system(call, err, 0);
}

/*
 * A copy of what was built with the generation, which may be gone before it is
 * sent. Public, and old for a while: a key is announced before it signs.
 */
static void
route_jwks(struct call *call)
{
	char *copy = malloc(call->app->jwks_len + 1);
	struct text text;

	if (copy == NULL) {
		reply_fail_system(call, AUTHTOK_ENOMEM, 0);
		return;
	}
	text_init(&text, copy, call->app->jwks_len + 1);
	text_add(&text, call->app->jwks);
	reply_json(call, &text);
	call->res->type = "application/jwk-set+json"; /* RFC 7517, 8.5.2 */
	http_add(call->res, "Cache-Control", "public, max-age=300");
}

#define PATH(text) text, sizeof(text) - 1

static const struct route routes[] = {
	{ PATH(""), HTTP_GET, route_greeting },
	{ PATH("/api/auth/signup"), HTTP_POST, route_signup },
	{ PATH("/api/auth/signin"), HTTP_POST, route_signin },
	{ PATH("/api/auth/refreshtoken"), HTTP_POST, route_refresh },
	{ PATH("/api/auth/signout"), HTTP_POST, route_signout },
	{ PATH("/api/auth/password"), HTTP_POST, route_password },
	{ PATH("/api/auth/me"), HTTP_GET, route_me },
	{ PATH("/api/auth/sessions"), HTTP_GET, route_sessions },
	{ PATH("/api/auth/sessions/"), HTTP_DELETE, route_session_end },
	{ PATH("/api/test/all"), HTTP_GET, route_all },
	{ PATH("/api/test/user"), HTTP_GET, route_user },
	{ PATH("/api/test/mod"), HTTP_GET, route_mod },
	{ PATH("/api/test/admin"), HTTP_GET, route_admin },
	{ PATH("/.well-known/jwks.json"), HTTP_GET, route_jwks },
	{ PATH("/healthz"), HTTP_GET, route_healthz },
	{ PATH("/readyz"), HTTP_GET, route_readyz },
};

/*
 * Any letter case and one slash at the end are accepted. Everything else must
 * be as in the table, so "//", dot segments and percent-encoding are not found.
 */
static const struct route *
find_route(const char *path, const char **ret_tail)
{
	size_t len = strlen(path);

	if (len == 0 || len > PATH_MAX_LEN)
		return NULL;
	if (path[len - 1] == '/')
		len--;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const char *route = routes[i].path;
		size_t n = routes[i].len;
		bool open = n > 0 && route[n - 1] == '/';

		if (len < n || (len > n && !open) ||
		    strncasecmp(path, route, n) != 0)
			continue;
		if (len == n)
			return &routes[i];
		if (memchr(path + n, '/', len - n) == NULL) {
			*ret_tail = path + n;
			return &routes[i];
		}
	}
	return NULL;
}

/* What Allow says (RFC 9110 section 10.2.1). */
static const char *
methods_of(const struct route *route)
{
	if (route->method == HTTP_GET)
		return "GET, HEAD, OPTIONS";
	return route->method == HTTP_DELETE ? "DELETE, OPTIONS"
					    : "POST, OPTIONS";
}

static void
answer_options(struct call *call, const struct route *route, bool cross_origin)
{
	http_add(call->res, "Allow", methods_of(route));
	if (cross_origin)
		cors_preflight(methods_of(route), call->res);
	call->res->status = 204;
}

static void
dispatch(struct call *call)
{
	const struct config *config = call->app->config;
	const struct route *route = find_route(call->req->path, &call->tail);
	enum http_method method = call->req->method;
	bool cross_origin;

	if (strncasecmp(call->req->path, "/api/auth", 9) == 0)
		http_add(call->res, "Cache-Control", "no-store");
	cross_origin = cors_answer(config->cors_origins,
	    http_header(call->req, "origin", NULL), call->res);
	/* without a key that is public there is nothing of the kind */
	if (route != NULL && route->run == route_jwks &&
	    call->app->jwks == NULL)
		route = NULL;
	if (route == NULL) {
		reply_fail(call, FAIL_NOT_FOUND);
	} else if (method == HTTP_OPTIONS) {
		answer_options(call, route, cross_origin);
	} else if (method == route->method ||
	    (method == HTTP_HEAD && route->method == HTTP_GET)) {
		route->run(call);
	} else {
		http_add(call->res, "Allow", methods_of(route));
		reply_fail(call, FAIL_METHOD);
	}
}

static void
find_client(struct call *call)
{
	const struct config *config = call->app->config;
	static const char name[] = "x-forwarded-for";
	char peer[NET_ADDRESS_SIZE];
	const char *forwarded = NULL, *from = call->req->peer;
	size_t left = 0, len = strlen(from);

	if (config->trusted_count > 0)
		http_header(call->req, name, &left);
	if (left == 0 && strchr(from, ':') == NULL && len < sizeof(peer)) {
		/* IPv4, which has one form only */
		memcpy(call->client, from, len + 1);
		return;
	}
	snprintf(call->client, sizeof(call->client), "%s", from);
	/* several lines are one list (RFC 9110 section 5.3), and some proxies
	 * add theirs as a line of its own: the last was written last */
	do {
		memcpy(peer, call->client, sizeof(peer));
		if (left > 0)
			forwarded = http_header_at(call->req, name, --left);
	} while (net_client(config->trusted_proxies, config->trusted_count,
		     peer, forwarded, call->client) &&
	    left > 0);
}

/* A number in text of its own. */
static const char *
number_text(char *memory, size_t size, int64_t number, const char *after)
{
	struct text text;

	text_init(&text, memory, size);
	text_int(&text, number);
	text_add(&text, after);
	return memory;
}

/* With a tenth, "12.3"; every request pays for this, so no printf(3). */
static const char *
ms_text(char *memory, size_t size, int64_t ns)
{
	static const char tenths[10][3] = { ".0", ".1", ".2", ".3", ".4", ".5",
		".6", ".7", ".8", ".9" };
	int64_t tenth = (ns + 50000) / 100000;

	return number_text(memory, size, tenth / 10, tenths[tenth % 10]);
}

static bool
begins_token(const char *segment)
{
	return strncmp(segment, "eyJ", 3) == 0 ||
	    strncmp(segment, "art1_", 5) == 0;
}

/* A token that somebody put into the path does not come into the log. */
static const char *
path_without_token(const char *path, char *buf, size_t size)
{
	for (size_t i = 0; path[i] != '\0'; i++)
		if (path[i] == '/' && begins_token(path + i + 1)) {
			snprintf(buf, size, "%.*s/(token)", (int)i, path);
			return buf;
		}
	return path;
}

static void
log_request(const struct call *call, const struct timespec *began)
{
	char status[8], ms[32], user[24], path[256];
	struct timespec now;
	int64_t spent;

	clock_gettime(CLOCK_MONOTONIC, &now);
	spent = (int64_t)(now.tv_sec - began->tv_sec) * 1000000000 +
	    (now.tv_nsec - began->tv_nsec);
	log_often(&call->app->log, "info", "request", "method",
	    call->req->method_name, "path",
	    path_without_token(call->req->path, path, sizeof(path)), "status",
	    number_text(status, sizeof(status), call->res->status, ""), "ms",
	    ms_text(ms, sizeof(ms), spent), "peer", call->client, "code",
	    call->code, "user",
	    call->user_id != 0
		? number_text(user, sizeof(user), call->user_id, "")
		: NULL,
	    NULL);
}

void
routes_handle(void *arg, struct http_request *req, struct http_response *res)
{
	struct current *current = arg;
	struct call call = { .req = req, .res = res };
	struct timespec began;

	clock_gettime(CLOCK_MONOTONIC, &began);
	call.app = current_get(current);
	find_client(&call);
	dispatch(&call);
	log_request(&call, &began);
	current_put(current, call.app);
}
