/*
 * An HTTP client for black-box tests: one request, one answer, over libcurl, and
 * what every answer of authd must fulfil, looked at for each one. What may be
 * known here: the HTTP contract, nothing of the server's inside.
 */
#ifndef TESTS_HTTP_CLIENT_H
#define TESTS_HTTP_CLIENT_H

#include <authtok.h>
#include <stdbool.h>
#include <stddef.h>

#include "authd.h"

#define PASSWORD  "correct horse battery staple"
#define JSON_TYPE "application/json; charset=utf-8"
#define TEXT_TYPE "text/plain; charset=utf-8"
#define FORM      "Content-Type: application/x-www-form-urlencoded"

#define NO_TOKEN     "No token provided!"
#define UNAUTHORIZED "Unauthorized!"
#define EXPIRED      "Unauthorized! Access Token was expired!"

#define SIGNUP  "/api/auth/signup"
#define SIGNIN  "/api/auth/signin"
#define REFRESH "/api/auth/refreshtoken"

#define NOT_IN_DATABASE "Refresh token is not in database!"
#define REUSED \
	"Refresh token was already used. Please make a new signin request"
#define UNAVAILABLE "Service unavailable"

struct answer {
	int status;
	size_t head_len, len;
	char head[8192];
	char body[16384];
	char header[2048]; /* what header() lent */
	char text[8192];   /* what text() lent */
};

/* What a client keeps. */
struct pair {
	char access[AUTHTOK_TOKEN_MAX + 1];
	char refresh[128];
};

/* One request, headers end with NULL. False: no whole answer came. */
bool fetch(struct answer *a, unsigned port, const char *method,
    const char *path, const char *body, size_t len, const char *const *headers);
/* The same, and the answer is looked at. Body may be NULL; JSON is assumed. */
void ask(struct answer *a, const struct authd *d, const char *method,
    const char *path, const char *body, ...) __attribute__((sentinel));
/* What holds for every answer on every path. */
void look_over(struct answer *a, const char *path, bool has_body);

/* The value of a response header, or NULL; lent until the next call. */
const char *header(struct answer *a, const char *name);
/* The text member of the JSON body, or NULL; lent until the next call. */
const char *text(struct answer *a, const char *member);
/* The JSON of the member as it would be printed, or NULL; likewise. */
const char *json(struct answer *a, const char *member);
size_t member_count(const struct answer *a);

/* Assertions with the whole answer in their message. */
void is_text(struct answer *a, const char *body);
void is_error(struct answer *a, int status, const char *message);
/* An error whose message has the part, in any letter case. */
void is_error_about(struct answer *a, int status, const char *part);
void has_status(const struct answer *a, int status);

/* GET with x-access-token, unless token is NULL. */
void get(struct answer *a, const struct authd *d, const char *path,
    const char *token);
void sign_up(const struct authd *d, const char *name);
/* With the usual password, whatever comes. */
void try_sign_in(struct answer *a, const struct authd *d, const char *name,
    const char *password);
void sign_in(const struct authd *d, const char *name, struct pair *ret);
/* Present a refresh token, with a retry key unless it is NULL. */
void refresh(struct answer *a, const struct authd *d, const char *token,
    const char *key);
/* The same; it must be answered with 200 and this Authtok-Refresh. */
void refresh_ok(const struct authd *d, const char *token, const char *key,
    const char *how, struct pair *ret);
void take_pair(struct answer *a, struct pair *ret);

#endif
