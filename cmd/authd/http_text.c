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

/* RFC 9110 5.6.2; the names are ours. */
static bool
name_ok(const char *name, size_t len)
{
	return len > 0 && strspn(name, TCHAR) == len;
}

/* RFC 9110 5.5: a value with a line break would be a new header. */
bool
http_add(struct http_response *res, const char *name, const char *value)
{
	size_t name_len = strlen(name);
	size_t value_len = strlen(value);
	size_t room = sizeof(res->headers) - res->headers_len;
	char *at = res->headers + res->headers_len;

	if (!name_ok(name, name_len))
		return false;
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	if (name_len >= room || value_len >= room ||
	    name_len + value_len + sizeof(": \r\n") > room)
		return false;
	memcpy(at, name, name_len);
	memcpy(at + name_len, ": ", 2);
	memcpy(at + name_len + 2, value, value_len);
	memcpy(at + name_len + 2 + value_len, "\r\n", 3);
	res->headers_len += name_len + value_len + 4;
	return true;
}

void
http_response_init(struct http_response *res)
{
	res->status = 0;
	res->type = NULL;
	res->body = NULL;
	res->body_len = 0;
	res->body_owned = false;
	res->close = false;
	res->headers_len = 0;
}

void
http_response_clear(struct http_response *res)
{
	if (res->body_owned) {
		union {
			/* cppcheck-suppress unusedStructMember ; it is set */
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
	case 408:
		return "{\"message\":\"The request did not arrive in time\","
		       "\"code\":\"request_timeout\"}";
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

#define DATE_LEN (sizeof("Thu, 01 Jan 1970 00:00:00 GMT") - 1)

/* RFC 9110 5.6.7; strftime would use the names of the locale. */
static void
make_date(time_t now, char *buf, size_t len)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tm tm;

	gmtime_r(&now, &tm);
	snprintf(buf, len, "%s, %02d %s %04d %02d:%02d:%02d GMT",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Made once a second by each thread that answers. */
static const char *
http_date(void)
{
	static _Thread_local char date[80];
	static _Thread_local time_t made = -1;
	time_t now = time(NULL);

	if (now != made)
		make_date(now, date, sizeof(date));
	made = now;
	return date;
}

/* A head under construction; what does not fit was seen to before. */
struct head {
	char *at;
};

static void
put(struct head *head, const char *text, size_t len)
{
	memcpy(head->at, text, len);
	head->at += len;
}

#define PUT(head, text) put(head, text, sizeof(text) - 1)

static void
put_number(struct head *head, size_t number)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	put(head, digits + at, sizeof(digits) - at);
}

/* Content-Type and Content-Length; RFC 9110 8.6 forbids it with 204. */
static void
put_content(struct head *head, const struct http_response *res)
{
	if (res->status == 204 || res->status == 304)
		return;
	if (res->type == NULL) {
		PUT(head, "Content-Length: 0\r\n");
		return;
	}
	PUT(head, "Content-Type: ");
	put(head, res->type, strlen(res->type));
	PUT(head, "\r\nContent-Length: ");
	put_number(head, res->body_len);
	PUT(head, "\r\n");
}

static void
put_head(struct head *head, const struct http_response *res,
    const struct http_wire *wire)
{
	const char *reason = http_reason(res->status);

	PUT(head, "HTTP/1.1 ");
	put_number(head, (size_t)res->status);
	PUT(head, " ");
	put(head, reason, strlen(reason));
	PUT(head, "\r\nDate: ");
	put(head, http_date(), DATE_LEN);
	PUT(head, "\r\n");
	put_content(head, res);
	if (wire->close)
		PUT(head, "Connection: close\r\n");
	else
		PUT(head, "Connection: keep-alive\r\n");
	if (wire->fixed_headers != NULL)
		put(head, wire->fixed_headers, strlen(wire->fixed_headers));
	put(head, res->headers, res->headers_len);
	PUT(head, "\r\n");
}

char *
http_format(const struct http_response *res, const struct http_wire *wire,
    char *buf, size_t buf_len, size_t *ret_len)
{
	size_t body_len = res->body_len, need;
	struct head head;

	if (wire->head || res->type == NULL || res->status == 204 ||
	    res->status == 304)
		body_len = 0;
	/* 256: more than all that has a length of ours */
	need = 256 + res->headers_len +
	    (res->type != NULL ? strlen(res->type) : 0) +
	    (wire->fixed_headers != NULL ? strlen(wire->fixed_headers) : 0);
	if (body_len > SIZE_MAX - need)
		return NULL;
	if (need + body_len > buf_len) {
		buf = malloc(need + body_len);
		if (buf == NULL)
			return NULL;
	}
	head.at = buf;
	put_head(&head, res, wire);
	if (body_len > 0)
		put(&head, res->body, body_len);
	*ret_len = (size_t)(head.at - buf);
	return buf;
}
