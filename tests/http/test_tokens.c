/*
 * Access tokens over HTTP: where they may stand, what they say, and every
 * forgery that anybody ever published.
 */
#include "forge.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define USER "/api/test/user"

static struct authd server;
static struct pair ann;
static char head[AUTHTOK_TOKEN_MAX], claims[AUTHTOK_TOKEN_MAX];

static void
setup(void)
{
	authd_make(&server, "\"jwtExpiration\": 3600");
	authd_start(&server);
	sign_up(&server, "ann");
	sign_in(&server, "ann", &ann);
	jwt_part(ann.access, 0, head, sizeof(head));
	jwt_part(ann.access, 1, claims, sizeof(claims));
}

static void
teardown(void)
{
	authd_remove(&server);
}

static void
get_bearer(struct answer *a, const char *scheme, const char *token)
{
	char line[TOKEN_SIZE + 64];

	snprintf(line, sizeof(line), "Authorization: %s %s", scheme, token);
	ask(a, &server, "GET", USER, NULL, line, NULL);
}

static void
is_refused(const char *token)
{
	struct answer a;

	get(&a, &server, USER, token);
	ck_assert_msg(a.status == 401, "%d for %s", a.status, token);
	is_error(&a, 401, UNAUTHORIZED);
}

/* Replace the first `from` of text by `to`. */
static void
swap_text(const char *source, const char *from, const char *to, char *ret)
{
	const char *at = strstr(source, from);

	ck_assert_msg(at != NULL, "no %s in %s", from, source);
	sprintf(
	    ret, "%.*s%s%s", (int)(at - source), source, to, at + strlen(from));
}

START_TEST(a_token_stands_in_either_header)
{
	char line[AUTHTOK_TOKEN_MAX + 64], other[AUTHTOK_TOKEN_MAX + 64];
	static const char *const schemes[] = { "Bearer", "bearer", "BEARER",
		"bEaReR" };
	struct answer a;
	struct pair p;
	size_t i;

	get(&a, &server, USER, ann.access);
	is_text(&a, "User Content.");
	for (i = 0; i < 4; i++) {
		get_bearer(&a, schemes[i], ann.access);
		is_text(&a, "User Content.");
	}
	snprintf(line, sizeof(line), "X-Access-Token: %s", ann.access);
	ask(&a, &server, "GET", USER, NULL, line, NULL);
	is_text(&a, "User Content.");
	snprintf(other, sizeof(other), "Authorization: Bearer %s", ann.access);
	ask(&a, &server, "GET", USER, NULL, line, other, NULL);
	is_text(&a, "User Content."); /* both, the same */

	sign_up(&server, "bob");
	sign_in(&server, "bob", &p); /* both good, but not the same */
	snprintf(other, sizeof(other), "Authorization: Bearer %s", p.access);
	ask(&a, &server, "GET", USER, NULL, line, other, NULL);
	is_error(&a, 401, UNAUTHORIZED);
	snprintf(other, sizeof(other), "x-access-token: %s", p.access);
	ask(&a, &server, "GET", USER, NULL, line, other, NULL);
	ck_assert_int_ne(a.status, 200);
}
END_TEST

START_TEST(other_schemes_are_no_token)
{
	struct answer a;

	get_bearer(&a, "Basic", "YW5uOnBhc3N3b3Jk");
	is_error(&a, 403, NO_TOKEN);
	get_bearer(&a, "Bearerx", ann.access);
	is_error(&a, 403, NO_TOKEN);
	get(&a, &server, USER "?access_token=x", NULL);
	is_error(&a, 403, NO_TOKEN);
}
END_TEST

static void
challenge(struct answer *a, const char *error)
{
	const char *s = header(a, "WWW-Authenticate");
	char want[64];

	ck_assert_msg(s != NULL && strncmp(s, "Bearer", 6) == 0,
	    "no challenge:\n%s%s", a->head, a->body);
	if (error == NULL) {
		ck_assert_ptr_null(strstr(s, "error="));
		return;
	}
	snprintf(want, sizeof(want), "error=\"%s\"", error);
	ck_assert_msg(strstr(s, want) != NULL, "not %s: %s", want, s);
}

/* RFC 6750 section 3.1 */
START_TEST(refusals_carry_a_challenge)
{
	char line[AUTHTOK_TOKEN_MAX + 64], old[TOKEN_SIZE];
	struct answer a;

	get_bearer(&a, "Bearer", "rubbish");
	is_error(&a, 401, UNAUTHORIZED);
	challenge(&a, "invalid_token");
	jwt_issue(ann.access, SECRET, 1, -7200, old, sizeof(old));
	get_bearer(&a, "Bearer", old);
	is_error(&a, 401, EXPIRED);
	challenge(&a, "invalid_token");
	snprintf(line, sizeof(line), "Authorization: Bearer %s", ann.access);
	ask(&a, &server, "GET", "/api/test/admin", NULL, line, NULL);
	is_error(&a, 403, "Require Admin Role!");
	challenge(&a, "insufficient_scope");
	get(&a, &server, USER, "rubbish");
	ck_assert_ptr_nonnull(header(&a, "WWW-Authenticate"));
	ck_assert_int_eq(strncmp(a.header, "Bearer", 6), 0);
	get(&a, &server, USER, NULL);
	challenge(&a, NULL);
}
END_TEST

START_TEST(claims_are_those_of_the_contract)
{
	cJSON *h = cJSON_Parse(head), *c = cJSON_Parse(claims);
	double iat, exp;

	ck_assert_int_eq(cJSON_GetArraySize(h), 3);
	ck_assert_str_eq(
	    cJSON_GetStringValue(cJSON_GetObjectItem(h, "alg")), "HS256");
	ck_assert_str_eq(
	    cJSON_GetStringValue(cJSON_GetObjectItem(h, "typ")), "at+jwt");
	ck_assert(cJSON_IsString(cJSON_GetObjectItem(h, "kid")));
	ck_assert(cJSON_IsString(cJSON_GetObjectItem(c, "iss")));
	ck_assert(cJSON_HasObjectItem(c, "aud"));
	ck_assert(cJSON_IsString(cJSON_GetObjectItem(c, "sub")));
	ck_assert(cJSON_IsString(cJSON_GetObjectItem(c, "sid")));
	ck_assert(cJSON_IsNumber(cJSON_GetObjectItem(c, "epoch")));
	ck_assert(cJSON_IsNumber(cJSON_GetObjectItem(c, "id")));
	ck_assert(cJSON_GetNumberValue(cJSON_GetObjectItem(c, "id")) ==
	    atof(cJSON_GetStringValue(cJSON_GetObjectItem(c, "sub"))));
	iat = cJSON_GetNumberValue(cJSON_GetObjectItem(c, "iat"));
	exp = cJSON_GetNumberValue(cJSON_GetObjectItem(c, "exp"));
	ck_assert(exp - iat == 3600.0);
	ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(
			     cJSON_GetObjectItem(c, "roles"), 0)),
	    "user");
	cJSON_Delete(h);
	cJSON_Delete(c);
}
END_TEST

/* Front ends read exp with the browser's atob, which knows no base64url. */
START_TEST(atob_can_read_the_payload)
{
	static const char *const names[] = { "a", "ab", "abc", "z.z", "Zoe+x",
		"q-q", "u_u", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz@x" };
	struct pair p;
	const char *from;
	char name[64];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "%s", names[i]);
		if (strchr(name, '@') != NULL)
			*strchr(name, '@') = '_';
		sign_up(&server, name);
		sign_in(&server, name, &p);
		from = strchr(p.access, '.') + 1;
		ck_assert_uint_ge(strcspn(from, "-_"), strcspn(from, "."));
	}
}
END_TEST

/* Who shares the secret can check our tokens, and we check what it says. */
START_TEST(the_secret_is_the_key)
{
	char token[TOKEN_SIZE];
	struct answer a;

	jwt_make(head, claims, "SHA256", SECRET, token, sizeof(token));
	ck_assert_str_eq(token, ann.access);
	jwt_issue(ann.access, SECRET, 1, 0, token, sizeof(token));
	get(&a, &server, USER, token);
	is_text(&a, "User Content.");
}
END_TEST

START_TEST(an_expired_token_says_so)
{
	char token[TOKEN_SIZE];
	struct answer a;

	jwt_issue(ann.access, SECRET, 1, -3601, token, sizeof(token));
	get(&a, &server, USER, token);
	is_error(&a, 401, EXPIRED);
	get(&a, &server, "/api/test/admin", token);
	is_error(&a, 401, EXPIRED); /* before the role is looked at */
	get(&a, &server, "/api/test/all", token);
	is_text(&a, "Public Content.");
	/* expired, but not ours: nothing is said about it */
	jwt_issue(ann.access, SECRET "!", 1, -3601, token, sizeof(token));
	is_refused(token);
	/* from the future */
	jwt_issue(ann.access, SECRET, 1, 3600, token, sizeof(token));
	is_refused(token);
}
END_TEST

START_TEST(other_keys_and_algorithms_are_refused)
{
	static const char *const algs[] = { "none", "None", "NONE", "nOnE",
		"HS384", "HS512", "RS256", "ES256", "EdDSA", "", "hs256" };
	char h[AUTHTOK_TOKEN_MAX], alg[64], token[TOKEN_SIZE];
	size_t i;

	jwt_make(head, claims, "SHA256", SECRET "!", token, sizeof(token));
	is_refused(token);
	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		snprintf(alg, sizeof(alg), "\"alg\":\"%s\"", algs[i]);
		swap_text(head, "\"alg\":\"HS256\"", alg, h);
		jwt_make(h, claims, NULL, "", token, sizeof(token));
		is_refused(token);
		token[strlen(token) - 1] = '\0'; /* without the last dot */
		is_refused(token);
		jwt_make(h, claims, "SHA256", SECRET, token, sizeof(token));
		is_refused(token);
		jwt_make(h, claims, "SHA512", SECRET, token, sizeof(token));
		is_refused(token);
	}
	jwt_make(head, claims, "SHA256", "", token, sizeof(token));
	is_refused(token);
	jwt_make(head, claims, NULL, "", token, sizeof(token));
	is_refused(token);
	jwt_make(head, claims, "SHA1", SECRET, token, sizeof(token));
	is_refused(token);
}
END_TEST

/* Signed with the right key, and wrong all the same. */
START_TEST(bad_headers_are_refused)
{
	static const char *const extra[] = { "\"crit\":[\"exp\"]",
		"\"b64\":false", "\"zip\":\"DEF\"", "\"jku\":\"http://x/\"",
		"\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}",
		"\"x5u\":\"http://x/\"", "\"x5c\":[\"AA\"]",
		"\"alg\":\"HS256\"", "\"kid\":\"../../dev/null\"",
		"\"x\":\"\\u0000\"", "\"x\":\"\xff\"" };
	char h[AUTHTOK_TOKEN_MAX], member[256], token[TOKEN_SIZE];
	size_t i;

	for (i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
		snprintf(member, sizeof(member), "{%s,", extra[i]);
		swap_text(head, "{", member, h);
		jwt_make(h, claims, "SHA256", SECRET, token, sizeof(token));
		is_refused(token);
	}
	swap_text(head, "\"at+jwt\"", "\"JWT\"", h);
	jwt_make(h, claims, "SHA256", SECRET, token, sizeof(token));
	is_refused(token);
	swap_text(head, "\"kid\":\"", "\"kid\":\"x", h);
	jwt_make(h, claims, "SHA256", SECRET, token, sizeof(token));
	is_refused(token);
	swap_text(head, "\"kid\"", "\"kit\"", h);
	jwt_make(h, claims, "SHA256", SECRET, token, sizeof(token));
	is_refused(token);
	snprintf(h, sizeof(h), "%s ", head + 1);
	jwt_make(h, claims, "SHA256", SECRET, token, sizeof(token));
	is_refused(token);
}
END_TEST

START_TEST(bad_claims_are_refused)
{
	static const char *const swaps[][2] = { { "\"exp\":", "\"exq\":" },
		{ "\"iss\":", "\"isx\":" }, { "\"aud\":", "\"aux\":" },
		{ "\"sub\":", "\"sux\":" }, { "\"iss\":\"", "\"iss\":\"x" },
		{ "\"aud\":\"", "\"aud\":\"x" }, { "\"exp\":", "\"exp\":-" },
		{ "\"exp\":", "\"exp\":1e3,\"x\":" },
		{ "\"exp\":", "\"exp\":\"9999999999\",\"x\":" },
		{ "\"exp\":", "\"exp\":99999999999999999999,\"x\":" },
		{ "\"exp\":", "\"exp\":9999999999,\"exp\":" },
		{ "\"exp\":", "\"nbf\":9999999999,\"exp\":" },
		{ "\"roles\":", "\"roles\":[\"admin\"],\"roles\":" },
		{ "{", "{\"x\":\"\\u0000\"," }, { "{", "[{" }, { "}", "}}" },
		{ "}", "} x" }, { "{", "{\"x\":\"\xc0\xaf\"," } };
	char c[AUTHTOK_TOKEN_MAX], token[TOKEN_SIZE];
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(swaps) / sizeof(swaps[0]); i++) {
		swap_text(claims, swaps[i][0], swaps[i][1], c);
		jwt_make(head, c, "SHA256", SECRET, token, sizeof(token));
		get(&a, &server, USER, token);
		ck_assert_msg(a.status == 401, "%d for %s", a.status, c);
	}
}
END_TEST

START_TEST(broken_text_is_refused)
{
	char token[TOKEN_SIZE], again[TOKEN_SIZE + 8];
	size_t len = strlen(ann.access), i;
	char *last;

	for (i = 0; i < len; i += 7) {
		snprintf(token, sizeof(token), "%s", ann.access);
		token[i] = token[i] == 'A' ? 'B' : 'A';
		if (ann.access[i] == '.')
			continue;
		is_refused(token);
	}
	snprintf(token, sizeof(token), "%s", ann.access);
	last = token + len - 1; /* unused bits of the last character */
	*last = (char)(*last + 1);
	is_refused(token);
	for (i = 1; i < len; i += len / 9) {
		snprintf(token, i + 1, "%s", ann.access);
		is_refused(token);
	}
	snprintf(again, sizeof(again), "%s=", ann.access);
	is_refused(again);
	snprintf(again, sizeof(again), "%s.", ann.access);
	is_refused(again);
	snprintf(again, sizeof(again), ".%s", ann.access);
	is_refused(again);
	snprintf(again, sizeof(again), "%s %s", "Bearer", ann.access);
	is_refused(again);
	memset(token, 'A', 5000);
	token[5000] = '\0';
	is_refused(token);
	token[100] = token[200] = '.';
	is_refused(token);
	is_refused("..");
	is_refused("null");
	is_refused("undefined");
}
END_TEST

START_TEST(one_kind_of_token_is_not_the_other)
{
	struct answer a;

	is_refused(ann.refresh);
	get_bearer(&a, "Bearer", ann.refresh);
	is_error(&a, 401, UNAUTHORIZED);
	refresh(&a, &server, ann.access, NULL);
	is_error(&a, 403, NOT_IN_DATABASE);
}
END_TEST

START_TEST(a_role_is_not_made_by_changing_a_byte)
{
	char c[AUTHTOK_TOKEN_MAX], token[TOKEN_SIZE], *dot;
	struct answer a;

	swap_text(claims, "[\"user\"]", "[\"admin\"]", c);
	jwt_make(head, c, NULL, "", token, sizeof(token));
	dot = strrchr(token, '.');
	snprintf(dot, sizeof(token) - (size_t)(dot - token), "%s",
	    strrchr(ann.access, '.'));
	get(&a, &server, "/api/test/admin", token);
	is_error(&a, 401, UNAUTHORIZED);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_token_stands_in_either_header,
		other_schemes_are_no_token, refusals_carry_a_challenge,
		claims_are_those_of_the_contract, atob_can_read_the_payload,
		the_secret_is_the_key, an_expired_token_says_so,
		other_keys_and_algorithms_are_refused, bad_headers_are_refused,
		bad_claims_are_refused, broken_text_is_refused,
		one_kind_of_token_is_not_the_other,
		a_role_is_not_made_by_changing_a_byte, NULL };

	return run_tests("tokens", setup, teardown, tests);
}
