/*
 * The second look at a request's head (RFC 9112). Every rule here stands for
 * something that CivetWeb 1.15 lets pass. Pure functions over text.
 */
#include "authd/http_check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A set of ASCII characters: one bit each. */
struct chars {
	uint64_t low, high;
};

#define IN(c)   (UINT64_C(1) << ((c)&63))
#define DIGITS  (UINT64_C(0x3ff) << '0')
#define LETTERS (UINT64_C(0x7fffffe) << 32 | UINT64_C(0x7fffffe))
#define MARKS                                                         \
	(IN('!') | IN('$') | IN('%') | IN('&') | IN('\'') | IN('*') | \
	    IN('+') | IN('-') | IN('.'))

static const struct chars name_chars = { /* RFC 9110 5.6.2 */
	DIGITS | MARKS | IN('#'),
	LETTERS | IN('^') | IN('_') | IN('`') | IN('|') | IN('~')
};
static const struct chars host_chars = { /* RFC 3986 3.2.2, with the port */
	DIGITS | MARKS | IN('(') | IN(')') | IN(';') | IN('=') | IN(':'),
	LETTERS | IN('_') | IN('~') | IN('[') | IN(']')
};

static bool
all_of(const char *text, const struct chars *chars)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		uint64_t half = c < 64 ? chars->low : chars->high;

		if (c >= 128 || (half & IN(c)) == 0)
			return false;
	}
	return true;
}

const char *
http_head_find(const struct http_head *head, const char *name, size_t len,
    size_t *ret_count)
{
	const char *value = NULL;
	size_t count = 0;

	for (size_t i = 0; i < head->count; i++) {
		if (head->fields[i].name_len != len ||
		    strcasecmp(head->fields[i].name, name) != 0)
			continue;
		if (count++ == 0)
			value = head->fields[i].value;
	}
	if (ret_count != NULL)
		*ret_count = count;
	return value;
}

bool
http_list_has(const char *list, const char *member)
{
	size_t len = strlen(member);

	for (; *list != '\0'; list += *list == ',') {
		size_t item;

		list += strspn(list, " \t");
		item = strcspn(list, ",");
		while (item > 0 &&
		    (list[item - 1] == ' ' || list[item - 1] == '\t'))
			item--;
		if (item == len && strncasecmp(list, member, len) == 0)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

bool
http_head_keeps(const struct http_head *head)
{
	size_t count;
	const char *wish = http_head_field(head, "Connection", &count);

	if (count == 0)
		return strcmp(head->version, "1.1") == 0;
	if (strcasestr(wish, "upgrade") != NULL)
		return false;
	for (size_t i = 0; i < head->count; i++)
		if (strcasecmp(head->fields[i].name, "Connection") == 0 &&
		    http_list_has(head->fields[i].value, "close"))
			return false;
	return http_list_has(wish, "keep-alive");
}

bool
http_parse_length(const char *text, unsigned long long *ret_length)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return false;
	*ret_length = strtoull(text, NULL, 10);
	return true;
}

static const char *
text_end(const char *text)
{
	return text + strlen(text);
}

/*
 * RFC 9112 3: single spaces in the request line, CRLF after it. More, or a
 * folded line (5.2) behind it, shows as a wider gap; a bare LF as a narrower.
 * A bare LF with one blank behind it cannot be told from CRLF any more.
 */
static bool
request_line_ok(const struct http_head *head)
{
	const char *end = text_end(head->query ? head->query : head->target);
	const char *eol = text_end(head->version);

	if (head->target != text_end(head->method) + 1)
		return false;
	if (head->version != end + sizeof("HTTP/"))
		return false;
	if (head->count > 0)
		return head->fields[0].name == eol + 2;
	/* no header at all: two line ends, then nothing */
	return eol[1] == '\0' && eol[2] == '\0' && eol[3] == '\0';
}

/*
 * RFC 9112 5.1: nothing between name and colon. The colon and the spaces
 * before it were made NUL, those behind it were not.
 */
static bool
field_ok(const struct http_field *field)
{
	const char *after = field->name + field->name_len + 1;

	if (field->name_len == 0 || !all_of(field->name, &name_chars))
		return false;
	return field->value == after || *after != '\0';
}

/*
 * The library stops at a line that is no header (a folded one, one that
 * begins with a colon) and takes it for the end. The true end is an empty
 * line: "\r\n" of the last field (now NUL NUL), '\r', '\n' (now NUL).
 * Two LF look the same if CR and NUL happen to follow them in the buffer.
 */
static bool
fields_ok(const struct http_head *head)
{
	for (size_t i = 0; i < head->count; i++) {
		const char *end = text_end(head->fields[i].value);

		if (!field_ok(&head->fields[i]))
			return false;
		if (i + 1 < head->count) {
			if (head->fields[i + 1].name != end + 2)
				return false;
		} else if (end[1] != '\0' || end[2] != '\r' || end[3] != '\0') {
			return false;
		}
	}
	return true;
}

/* RFC 9112 3.2: exactly one Host in 1.1, at most one before. */
static bool
host_ok(const struct http_head *head, bool http10)
{
	size_t count;
	const char *host = http_head_field(head, "Host", &count);

	if (count == 0)
		return http10;
	return count == 1 && all_of(host, &host_chars);
}

/* RFC 9112 6: one way to frame a body, stated once and exactly. */
static bool
framing_ok(struct http_head *head, bool http10)
{
	size_t lengths, codings;
	const char *length = http_head_field(head, "Content-Length", &lengths);
	const char *coding =
	    http_head_field(head, "Transfer-Encoding", &codings);

	head->chunked = codings > 0;
	head->length = 0;
	if (lengths > 1 || codings > 1 || lengths + codings > 1)
		return false;
	if (lengths == 1 && !http_parse_length(length, &head->length))
		return false;
	if (codings == 1)
		return !http10 && strcasecmp(coding, "chunked") == 0;
	return true;
}

int
http_check_head(struct http_head *head)
{
	bool http10 = strcmp(head->version, "1.0") == 0;
	const char *expect;
	size_t count;

	/* beyond its maximum the library drops fields without a word */
	if (head->count >= HTTP_FIELDS_MAX)
		return 431;
	if (!request_line_ok(head) || !fields_ok(head))
		return 400;
	if (!host_ok(head, http10) || !framing_ok(head, http10))
		return 400;
	expect = http_head_field(head, "Expect", &count);
	if (count > 1 ||
	    (count == 1 && strcasecmp(expect, "100-continue") != 0))
		return 417;
	return 0;
}
