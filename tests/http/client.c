/*
 * The HTTP client of the tests.
 */
#include "client.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t
keep(char *buf, size_t size, size_t *len, const char *data, size_t n)
{
	if (*len + n >= size)
		return 0;
	memcpy(buf + *len, data, n);
	*len += n;
	buf[*len] = '\0';
	return n;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;

	return keep(a->body, sizeof(a->body), &a->len, data, size * n);
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;

	return keep(a->head, sizeof(a->head), &a->head_len, data, size * n);
}

static bool
has_type(const char *const *headers)
{
	for (; *headers != NULL; headers++)
		if (strncasecmp(*headers, "Content-Type", 12) == 0)
			return true;
	return false;
}

static struct curl_slist *
header_list(const char *const *headers, bool body)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	if (body && !has_type(headers))
		list =
		    curl_slist_append(list, "Content-Type: application/json");
	for (; *headers != NULL; headers++)
		list = curl_slist_append(list, *headers);
	return list;
}

bool
fetch(struct answer *a, unsigned port, const char *method, const char *path,
    const char *body, size_t len, const char *const *headers)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *list = header_list(headers, body != NULL);
	char url[8192];
	long status = 0;
	CURLcode rc;

	a->status = 0;
	a->head_len = a->len = 0;
	a->head[0] = a->body[0] = '\0';
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 120L);
	if (body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)len);
	}
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, a);
	rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	a->status = (int)status;
	curl_slist_free_all(list);
	curl_easy_cleanup(curl);
	return rc == CURLE_OK;
}

void
ask(struct answer *a, const struct authd *d, const char *method,
    const char *path, const char *body, ...)
{
	const char *headers[9];
	size_t n = 0;
	va_list args;

	va_start(args, body);
	while ((headers[n] = va_arg(args, const char *)) != NULL)
		ck_assert_uint_lt(++n, 9);
	va_end(args);
	ck_assert_msg(fetch(a, d->port, method, path, body,
			  body != NULL ? strlen(body) : 0, headers),
	    "no answer to %s %s; log:\n%s", method, path, authd_log(d));
	look_over(a, path, strcmp(method, "HEAD") != 0);
}

/* Nothing of the inside may show. */
static void
look_for_leaks(const struct answer *a)
{
	static const char *const words[] = { "civetweb", "sqlite", "openssl",
		"libcrypto", "libsodium", "cjson", "select ", "insert ",
		"update ", "constraint", "/tmp/", "authd.db", "authd.keys",
		".c:", "errno", "argon2" };
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	bool tokens = strstr(a->body, "accessToken") != NULL;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		/* a token may spell it by chance */
		bool chance = tokens && words[i][strspn(words[i], digits)] == 0;

		ck_assert_msg(strcasestr(a->head, words[i]) == NULL &&
			(chance || strcasestr(a->body, words[i]) == NULL),
		    "the answer shows \"%s\":\n%s%s", words[i], a->head,
		    a->body);
	}
}

static void
look_at_error(struct answer *a)
{
	const char *s = header(a, "Content-Type");

	ck_assert_msg(s != NULL && strcmp(s, JSON_TYPE) == 0,
	    "an error that is not JSON:\n%s%s", a->head, a->body);
	s = text(a, "message");
	ck_assert_msg(
	    s != NULL && s[0] != '\0', "no message:\n%s%s", a->head, a->body);
	s = text(a, "code");
	ck_assert_msg(s != NULL && s[0] != '\0' && strchr(s, ' ') == NULL,
	    "no code:\n%s%s", a->head, a->body);
}

void
look_over(struct answer *a, const char *path, bool has_body)
{
	const char *s = header(a, "X-Content-Type-Options");

	ck_assert_msg(s != NULL && strcmp(s, "nosniff") == 0,
	    "%s: no nosniff:\n%s%s", path, a->head, a->body);
	ck_assert_msg(a->status != 500, "%s:\n%s%s", path, a->head, a->body);
	look_for_leaks(a);
	if (strncasecmp(path, "/api/auth/", 10) == 0 && a->status != 204) {
		s = header(a, "Cache-Control");
		ck_assert_msg(s != NULL && strcmp(s, "no-store") == 0,
		    "%s: no no-store:\n%s%s", path, a->head, a->body);
	}
	if (!has_body)
		return;
	if (a->status >= 400)
		look_at_error(a);
	if (a->status == 429)
		ck_assert_msg(header(a, "Retry-After") != NULL,
		    "429 without Retry-After:\n%s%s", a->head, a->body);
}

const char *
header(struct answer *a, const char *name)
{
	size_t len = strlen(name), n;
	const char *line = strstr(a->head, "\r\n");

	for (; line != NULL && line[2] != '\0'; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " \t");
		n = strcspn(line, "\r\n");
		ck_assert_uint_lt(n, sizeof(a->header));
		memcpy(a->header, line, n);
		a->header[n] = '\0';
		return a->header;
	}
	return NULL;
}

const char *
text(struct answer *a, const char *member)
{
	cJSON *root = cJSON_Parse(a->body);
	const char *s = cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(root, member));

	if (s != NULL)
		snprintf(a->text, sizeof(a->text), "%s", s);
	cJSON_Delete(root);
	return s != NULL ? a->text : NULL;
}

const char *
json(struct answer *a, const char *member)
{
	cJSON *root = cJSON_Parse(a->body);
	cJSON *item = cJSON_GetObjectItemCaseSensitive(root, member);
	bool ok = item != NULL &&
	    cJSON_PrintPreallocated(item, a->text, sizeof(a->text), 0) != 0;

	cJSON_Delete(root);
	return ok ? a->text : NULL;
}

size_t
member_count(const struct answer *a)
{
	cJSON *root = cJSON_Parse(a->body);
	int n = cJSON_GetArraySize(root);

	cJSON_Delete(root);
	return (size_t)n;
}

void
has_status(const struct answer *a, int status)
{
	ck_assert_msg(
	    a->status == status, "not %d but\n%s%s", status, a->head, a->body);
}

void
is_text(struct answer *a, const char *body)
{
	const char *type = header(a, "Content-Type");

	has_status(a, 200);
	ck_assert_msg(type != NULL && strcmp(type, TEXT_TYPE) == 0, "%s%s",
	    a->head, a->body);
	ck_assert_str_eq(a->body, body);
}

void
is_error(struct answer *a, int status, const char *message)
{
	const char *s = text(a, "message");

	ck_assert_msg(
	    a->status == status && s != NULL && strcmp(s, message) == 0,
	    "not %d %s but\n%s%s", status, message, a->head, a->body);
}

void
is_error_about(struct answer *a, int status, const char *part)
{
	const char *s = text(a, "message");

	ck_assert_msg(
	    a->status == status && s != NULL && strcasestr(s, part) != NULL,
	    "not %d ...%s... but\n%s%s", status, part, a->head, a->body);
}

void
get(struct answer *a, const struct authd *d, const char *path,
    const char *token)
{
	char line[AUTHTOK_TOKEN_MAX + 64];

	if (token == NULL) {
		ask(a, d, "GET", path, NULL, NULL);
		return;
	}
	snprintf(line, sizeof(line), "x-access-token: %s", token);
	ask(a, d, "GET", path, NULL, line, NULL);
}

void
sign_up(const struct authd *d, const char *name)
{
	struct answer a;
	char body[512];

	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"email\":\"%s@example.org\","
	    "\"password\":\"" PASSWORD "\"}",
	    name, name);
	ask(&a, d, "POST", SIGNUP, body, NULL);
	has_status(&a, 200);
	ck_assert_str_eq(text(&a, "message"), "User registered successfully!");
}

void
try_sign_in(struct answer *a, const struct authd *d, const char *name,
    const char *password)
{
	char body[512];

	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"password\":\"%s\"}", name, password);
	ask(a, d, "POST", SIGNIN, body, NULL);
}

void
take_pair(struct answer *a, struct pair *ret)
{
	const char *s = text(a, "accessToken");

	has_status(a, 200);
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_lt(strlen(s), sizeof(ret->access));
	snprintf(ret->access, sizeof(ret->access), "%s", s);
	s = text(a, "refreshToken");
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_lt(strlen(s), sizeof(ret->refresh));
	snprintf(ret->refresh, sizeof(ret->refresh), "%s", s);
}

void
sign_in(const struct authd *d, const char *name, struct pair *ret)
{
	struct answer a;

	try_sign_in(&a, d, name, PASSWORD);
	take_pair(&a, ret);
}

void
refresh(
    struct answer *a, const struct authd *d, const char *token, const char *key)
{
	char body[1024], line[512];

	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", token);
	if (key == NULL) {
		ask(a, d, "POST", REFRESH, body, NULL);
		return;
	}
	/* curl's way to send an empty one is a semicolon */
	snprintf(line, sizeof(line), "Authtok-Retry-Key%s%s",
	    key[0] != '\0' ? ": " : ";", key);
	ask(a, d, "POST", REFRESH, body, line, NULL);
}

void
refresh_ok(const struct authd *d, const char *token, const char *key,
    const char *how, struct pair *ret)
{
	struct answer a;
	const char *outcome;

	refresh(&a, d, token, key);
	take_pair(&a, ret);
	ck_assert_uint_eq(member_count(&a), 2);
	outcome = header(&a, "Authtok-Refresh");
	ck_assert_msg(outcome != NULL && strcmp(outcome, how) == 0,
	    "not %s but\n%s%s", how, a.head, a.body);
}
