/*
 * Responses as bytes: reason phrases, headers, the bodies of the server's own
 * refusals. Knows HTTP, nothing of the library or of the routes.
 */
#include "authd/http_text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JSON_TYPE "application/json; charset=utf-8"
#define TCHAR                       \
	"!#$%&'*+-.^_`|~0123456789" \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

const char *
http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

/* RFC 9110 5.6.2 and 5.5: a value with a line break would be a new header. */
bool
http_add(struct http_response *res, const char *name, const char *value)
{
	size_t name_len = strlen(name);
	size_t value_len = strlen(value);
	size_t room = sizeof(res->headers) - res->headers_len;

	if (name_len == 0 || strspn(name, TCHAR) != name_len)
		return false;
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	if (name_len >= room || value_len >= room ||
	    name_len + value_len + sizeof(": \r\n") > room)
		return false;
	res->headers_len += (size_t)snprintf(
	    res->headers + res->headers_len, room, "%s: %s\r\n", name, value);
	return true;
}

void
http_response_clear(struct http_response *res)
{
	if (res->body_owned) {
		union {
			const char *lent;
			char *owned;
		} body = { .lent = res->body };

		free(body.owned);
	}
	res->body = NULL;
	res->body_len = 0;
	res->body_owned = false;
}

static const char *
refusal_body(int status)
{
	switch (status) {
	case 400:
		return "{\"message\":\"Bad request\",\"code\":\"bad_request\"}";
	case 417:
		return "{\"message\":\"Expectation failed\","
		       "\"code\":\"expectation_failed\"}";
	case 431:
		return "{\"message\":\"Request header too large\","
		       "\"code\":\"header_too_large\"}";
	case 503:
		return "{\"message\":\"Service unavailable\","
		       "\"code\":\"unavailable\"}";
	default:
		return "{\"message\":\"Internal error\",\"code\":\"internal\"}";
	}
}

void
http_refuse(struct http_response *res, int status)
{
	http_response_clear(res);
	res->status = status;
	res->type = JSON_TYPE;
	res->body = refusal_body(status);
	res->body_len = strlen(res->body);
	res->close = true;
	res->headers_len = 0;
	/* whatever path it was: these must not be kept by a cache */
	http_add(res, "Cache-Control", "no-store");
}

/* RFC 9110 5.6.7; strftime would use the names of the locale. */
static void
http_date(char *buf, size_t len)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	snprintf(buf, len, "%s, %02d %s %04d %02d:%02d:%02d GMT",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Content-Type and Content-Length; RFC 9110 8.6 forbids it with 204. */
static void
content_headers(const struct http_response *res, char *buf, size_t len)
{
	buf[0] = '\0';
	if (res->status == 204 || res->status == 304)
		return;
	if (res->type == NULL)
		snprintf(buf, len, "Content-Length: 0\r\n");
	else
		snprintf(buf, len,
		    "Content-Type: %s\r\nContent-Length: %zu\r\n", res->type,
		    res->body_len);
}

char *
http_format(const struct http_response *res, const struct http_wire *wire,
    char *buf, size_t buf_len, size_t *ret_len)
{
	const char *fixed = wire->fixed_headers ? wire->fixed_headers : "";
	size_t body_len = res->body_len;
	char date[64], content[192];
	size_t need;
	int head;

	if (wire->head || res->type == NULL || res->status == 204 ||
	    res->status == 304)
		body_len = 0;
	http_date(date, sizeof(date));
	content_headers(res, content, sizeof(content));
	need = 256 + strlen(content) + strlen(fixed) + res->headers_len;
	if (body_len > SIZE_MAX - need)
		return NULL;
	if (need + body_len > buf_len) {
		buf = malloc(need + body_len);
		if (buf == NULL)
			return NULL;
	}
	head = snprintf(buf, need,
	    "HTTP/1.1 %d %s\r\nDate: %s\r\n%sConnection: %s\r\n%s%.*s\r\n",
	    res->status, http_reason(res->status), date, content,
	    wire->close ? "close" : "keep-alive", fixed, (int)res->headers_len,
	    res->headers);
	if (body_len > 0)
		memcpy(buf + head, res->body, body_len);
	*ret_len = (size_t)head + body_len;
	return buf;
}
