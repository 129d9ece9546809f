/*
 * Fuzz the second look at a request's head with libFuzzer. The input is cut up
 * as CivetWeb 1.15 does it, and http_check_head judges what came of that; a
 * reader of the plain bytes, which goes forward only and knows the grammar of
 * RFC 9112 alone, must come to the same answer: both take the head, with the
 * same fields, the same length of the body and the same end of the connection,
 * or both refuse it. On purpose the grammar is narrower than the RFC's: no
 * control character, no space behind a value that means something, no spaces
 * in front of the head, the methods that the library knows, and 63 fields.
 */
#include <ctype.h>
#include <stdint.h>
#include <strings.h>

#include "authd/http_check.h"
#include "fuzz/sure.h"

#define BEHIND 4 /* bytes behind a head that the library has room for */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the library's way, up to the callback ------------------------------- */

/* get_http_header_len: the bytes of the head, 0 or -1: none. */
static int
head_len(const char *buf, int len)
{
	for (int i = 0; i < len; i++) {
		unsigned char c = (unsigned char)buf[i];

		if (c < 128 && c != '\r' && c != '\n' && !isprint(c))
			return -1;
		if (i < len - 1 && memcmp(buf + i, "\n\n", 2) == 0)
			return i + 2;
		if (i < len - 3 && memcmp(buf + i, "\r\n\r\n", 4) == 0)
			return i + 4;
	}
	return 0;
}

/* skip_to_end_of_word_and_terminate */
static bool
skip_word(char **at, bool eol)
{
	while (isgraph((unsigned char)**at))
		(*at)++;
	if (eol ? **at != '\r' && **at != '\n' : **at != ' ')
		return false;
	do
		*(*at)++ = '\0';
	while (isspace((unsigned char)**at));
	return eol || isgraph((unsigned char)**at);
}

/* One turn of parse_http_headers: 1 a field, 0 the end, -1 refused. */
static int
cut_field(char **buf, struct http_field *field, bool *ret_last)
{
	char *p = *buf;

	while (*p != ':' && *p >= 33 && *p <= 126)
		p++;
	if (p == *buf)
		return 0;
	while (*p == ' ')
		*p++ = '\0';
	if (*p != ':')
		return -1;
	*p = '\0';
	field->name = *buf;
	do
		p++;
	while (*p == ' ' || *p == '\t');
	field->value = p;
	while (*p != '\0' && *p != '\r' && *p != '\n')
		p++;
	if (*p == '\r') {
		*p++ = '\0';
		if (*p != '\n')
			return -1;
	}
	*ret_last = *p == '\0';
	if (!*ret_last) {
		*p++ = '\0';
		*ret_last = *p == '\r' || *p == '\n';
	}
	*buf = p;
	return 1;
}

static bool
method_known(const char *method, size_t len)
{
	static const char *const known[] = { "GET", "POST", "PUT", "DELETE",
		"HEAD", "OPTIONS", "CONNECT", "PATCH", "PROPFIND", "MKCOL",
		"LOCK", "UNLOCK", "PROPPATCH", "REPORT" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == len &&
		    memcmp(method, known[i], len) == 0)
			return true;
	return false;
}

/* parse_http_headers, and what http.c copies of them. */
static bool
cut_fields(char *at, struct http_head *head)
{
	bool last = false;

	for (size_t i = 0; i < HTTP_FIELDS_MAX && !last; i++) {
		struct http_field *field = &head->fields[i];
		int got = cut_field(&at, field, &last);

		if (got < 0)
			return false;
		if (got == 0)
			break;
		field->name_len = strlen(field->name);
		head->lengths |= http_length_bit(field->name_len);
		head->count = i + 1;
	}
	return true;
}

/* get_request: what it makes of the fields that frame the body. */
static bool
framing_known(const struct http_head *head)
{
	const char *coding = http_head_field(head, "Transfer-Encoding", NULL);
	const char *length = http_head_field(head, "Content-Length", NULL);
	char *end;

	if (coding != NULL && strcasecmp(coding, "identity") != 0)
		return strcasecmp(coding, "chunked") == 0;
	return length == NULL ||
	    (strtoll(length, &end, 10) >= 0 && end != length);
}

/* The head that the callback sees, or false: the library refuses it. */
static bool
library_cut(char *buf, int len, struct http_head *head)
{
	char *query;
	int n;

	memset(head, 0, sizeof(*head));
	if (len == 0 || isspace((unsigned char)*buf))
		return false;
	n = head_len(buf, len);
	if (n <= 0)
		return false;
	buf[n - 1] = '\0';
	head->method = buf;
	if (!skip_word(&buf, false))
		return false;
	head->target = buf;
	if (!skip_word(&buf, false))
		return false;
	head->version = buf;
	if (!skip_word(&buf, true) || strncmp(head->version, "HTTP/", 5) != 0)
		return false;
	head->version += 5;
	if (!method_known(head->method, strlen(head->method)) ||
	    !cut_fields(buf, head) || !framing_known(head))
		return false;
	if (strcmp(head->version, "1.0") != 0 &&
	    strcmp(head->version, "1.1") != 0)
		return false;
	query = strchr(head->target, '?');
	if (query != NULL) {
		*query++ = '\0';
		head->query = query;
	}
	return true;
}

/* should_keep_alive: an option is compared as far as the client wrote it. */
static bool
library_keeps(const struct http_head *head)
{
	static const char option[] = "keep-alive";
	const char *list = http_head_field(head, "Connection", NULL);
	size_t len;

	if (list == NULL)
		return strcmp(head->version, "1.1") == 0;
	for (; *list != '\0'; list += *list == ',') {
		list += strspn(list, " \t");
		len = strcspn(list, ",=");
		while (len > 0 && list[len] != '=' &&
		    (list[len - 1] == ' ' || list[len - 1] == '\t'))
			len--;
		if (len > 0 && strncasecmp(option, list, len) == 0)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

/* ---- the grammar --------------------------------------------------------- */

/* A piece of the input. */
struct span {
	const char *at;
	size_t len;
};

struct reader {
	const char *p, *end;
};

struct strict {
	struct span method, target, version;
	size_t count;
	struct {
		struct span name, value;
	} fields[HTTP_FIELDS_MAX];
	bool chunked, keeps;
	unsigned long long length;
};

static bool
eat(struct reader *r, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, text, len) != 0)
		return false;
	r->p += len;
	return true;
}

/* As many as there are of the characters between low and high, not except. */
static struct span
run(struct reader *r, int low, int high, char except)
{
	struct span s = { r->p, 0 };

	while (r->p < r->end && (unsigned char)*r->p >= low &&
	    (unsigned char)*r->p <= high && *r->p != 0x7f && *r->p != except)
		r->p++;
	s.len = (size_t)(r->p - s.at);
	return s;
}

static bool
is(struct span s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

/* Letters, digits and these. */
static bool
made_of(struct span s, const char *marks)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == '\0' ||
		    (!isalnum((unsigned char)s.at[i]) &&
			strchr(marks, s.at[i]) == NULL))
			return false;
	return true;
}

/* Whether a list has the member: commas part it, blanks around do not count. */
static bool
lists(struct span list, const char *member)
{
	struct reader r = { list.at, list.at + list.len };

	for (;;) {
		struct span item;

		while (eat(&r, " "))
			;
		item = run(&r, ' ', 255, ',');
		while (item.len > 0 && item.at[item.len - 1] == ' ')
			item.len--;
		if (is(item, member))
			return true;
		if (!eat(&r, ","))
			return false;
	}
}

static bool
has_inside(struct span s, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i + len <= s.len; i++)
		if (strncasecmp(s.at + i, text, len) == 0)
			return true;
	return false;
}

static bool
read_length(struct span digits, unsigned long long *to)
{
	*to = 0;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return false;
		*to = *to * 10 + (unsigned)(digits.at[i] - '0');
	}
	return digits.len >= 1 && digits.len <= 18;
}

/* What the fields mean together. */
static bool
strict_meaning(struct strict *s)
{
	size_t hosts = 0, lengths = 0, codings = 0, expects = 0, wishes = 0;
	bool http11 = is(s->version, "1.1"), alive = false, ends = false;

	for (size_t i = 0; i < s->count; i++) {
		struct span name = s->fields[i].name;
		struct span value = s->fields[i].value;

		if (is(name, "host")) {
			hosts++;
			if (!made_of(value, "!$%&'()*+,-.:;=[]_~") ||
			    memchr(value.at, ',', value.len) != NULL)
				return false;
		} else if (is(name, "content-length")) {
			lengths++;
			if (!read_length(value, &s->length))
				return false;
		} else if (is(name, "transfer-encoding")) {
			codings++;
			if (!http11 || !is(value, "chunked"))
				return false;
		} else if (is(name, "expect")) {
			expects++;
			if (!is(value, "100-continue"))
				return false;
		} else if (is(name, "connection")) {
			if (wishes++ == 0)
				alive = lists(value, "keep-alive") &&
				    !has_inside(value, "upgrade");
			ends = ends || lists(value, "close");
		}
	}
	s->chunked = codings > 0;
	s->keeps = wishes == 0 ? http11 : alive && !ends;
	return (hosts == 1 || (hosts == 0 && !http11)) &&
	    lengths + codings <= 1 && expects <= 1;
}

/*
 * The line end behind the version: the library makes NUL of two bytes there,
 * and a line feed and a blank, say, cannot be told from CRLF afterwards.
 */
static bool
line_end(struct reader *r)
{
	if (eat(r, "\r\n"))
		return true;
	if (r->end - r->p < 3 || (*r->p != '\r' && *r->p != '\n') ||
	    memchr(" \r\n", r->p[1], 3) == NULL ||
	    memcmp(r->p, "\n\n", 2) == 0 || !isgraph((unsigned char)r->p[2]))
		return false;
	r->p += 2;
	return true;
}

static bool
strict_read(const char *text, size_t len, struct strict *s)
{
	struct reader r = { text, text + len };

	memset(s, 0, sizeof(*s));
	s->method = run(&r, 'A', 'Z', ' ');
	if (!method_known(s->method.at, s->method.len) || !eat(&r, " "))
		return false;
	s->target = run(&r, '!', '~', ' ');
	if (s->target.len == 0 || !eat(&r, " HTTP/"))
		return false;
	s->version = run(&r, '.', '9', '/');
	if (!line_end(&r))
		return false;
	while (!eat(&r, "\r\n")) {
		if (s->count == HTTP_FIELDS_MAX - 1)
			return false;
		s->fields[s->count].name = run(&r, '!', '~', ':');
		if (s->fields[s->count].name.len == 0 ||
		    !made_of(s->fields[s->count].name, "!#$%&'*+-.^_`|~") ||
		    !eat(&r, ":"))
			return false;
		while (eat(&r, " "))
			;
		s->fields[s->count].value = run(&r, ' ', 255, '\n');
		if (!eat(&r, "\r\n"))
			return false;
		s->count++;
	}
	return (is(s->version, "1.0") || is(s->version, "1.1")) &&
	    strict_meaning(s);
}

/* ---- both ---------------------------------------------------------------- */

static bool
same(struct span s, const char *text)
{
	return strlen(text) == s.len && memcmp(text, s.at, s.len) == 0;
}

static void
compare(const struct http_head *head, const struct strict *s)
{
	const char *mark = memchr(s->target.at, '?', s->target.len);
	struct span path = s->target;

	if (mark != NULL)
		path.len = (size_t)(mark - path.at);
	SURE(same(s->method, head->method) && same(s->version, head->version));
	SURE(same(path, head->target));
	SURE((head->query != NULL) == (mark != NULL));
	if (mark != NULL)
		SURE(strlen(head->query) == s->target.len - path.len - 1);
	SURE(head->count == s->count);
	for (size_t i = 0; i < s->count; i++)
		SURE(same(s->fields[i].name, head->fields[i].name) &&
		    same(s->fields[i].value, head->fields[i].value));
	SURE(head->chunked == s->chunked && head->length == s->length);
	SURE(http_head_keeps(head) == s->keeps);
	SURE(!s->keeps || library_keeps(head));
}

/*
 * A head that ends with two line feeds, behind which a carriage return and a
 * zero byte stand by chance: the library made NUL of the line feeds, so this is
 * what a true end leaves, too.
 */
static bool
by_chance(const struct http_head *head, const char *cut, const uint8_t *plain)
{
	const char *value;

	if (head->count == 0)
		return false;
	value = head->fields[head->count - 1].value;
	return memcmp(plain + (value - cut) + strlen(value), "\n\n\r", 4) == 0;
}

/*
 * HTTP/1.0 without any field: as above, and the blanks may be four. Nothing
 * hangs on it: there is no body, and the connection is closed.
 */
static bool
bare(const struct http_head *head)
{
	return head->count == 0 && strcmp(head->version, "1.0") == 0 &&
	    !head->chunked && head->length == 0 && !http_head_keeps(head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head head;
	static struct strict strict;
	char *cut = sure_room(size + BEHIND);
	char *plain = sure_copy(data, size);
	bool taken, good = strict_read(plain, size, &strict);

	memcpy(cut, data, size);
	memset(cut + size, 'x', BEHIND);
	taken = library_cut(cut, (int)size, &head);
	if (taken)
		taken = http_check_head(&head) == 0;
	SURE(taken == good ||
	    (taken && (bare(&head) || by_chance(&head, cut, data))));
	if (taken && good)
		compare(&head, &strict);
	free(cut);
	free(plain);
	return 0;
}
