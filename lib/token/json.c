/*
 * The strict scanner. A grammar of states over an explicit stack; each string
 * is checked once, where it stands; member names are compared by their meaning,
 * so that "s\u0075b" repeats "sub" (RFC 8725 section 2.4, RFC 7515 section 4).
 */
#include "token/json.h"

#include <string.h>

#include <authtok.h>

#include "token/escape.h"
#include "token/utf8.h"

enum {
	WANT_VALUE,
	WANT_FIRST_VALUE, /* or the end of the array */
	WANT_FIRST_NAME,  /* or the end of the object */
	WANT_MORE,        /* a comma, the end of what is open, or of the text */
	FAILED,
};

static enum at_json_event
fault(struct at_json *json, const char *where, const char *why)
{
	json->state = FAILED;
	json->why = why;
	json->at = (size_t)(where - json->text);
	return AT_JSON_ERROR;
}

/* A hash of the bytes that the name means. */
static uint32_t
name_hash(const char *p, size_t len, bool escaped)
{
	const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
	struct at_reader r = at_reader_of(p, len);
	uint64_t h = 0, word = 0;
	unsigned n = 0;
	int c;

	while (r.p < r.end || r.next < r.count) {
		c = escaped ? at_reader_next(&r) : (unsigned char)*r.p++;
		word = word << 8 | (unsigned)c;
		if (++n % 8 == 0) {
			h = ((h ^ word) * k) ^ (h >> 29);
			word = 0;
		}
	}
	h = (h ^ word ^ n) * k;
	return (uint32_t)(h >> 32);
}

static bool
name_equal(const struct at_json *json, const struct at_json_name *a,
    const struct at_json_name *b)
{
	struct at_reader ra, rb;
	int c;

	if (!a->escaped && !b->escaped)
		return a->len == b->len &&
		    memcmp(json->text + a->at, json->text + b->at, a->len) == 0;
	ra = at_reader_of(json->text + a->at, a->len);
	rb = at_reader_of(json->text + b->at, b->len);
	do {
		c = at_reader_next(&ra);
		if (c != at_reader_next(&rb))
			return false;
	} while (c >= 0);
	return true;
}

/*
 * Remember the name just read. Only the names of the object that is open last
 * are looked at: they are the newest, so a bucket is left at the first older.
 */
static const char *
name_add(struct at_json *json)
{
	struct at_json_name *name;
	uint16_t *bucket;
	unsigned i, first;

	if (json->name_count == AT_JSON_NAMES_MAX)
		return "too many members";
	name = &json->names[json->name_count];
	name->at = (uint32_t)(json->start - json->text);
	name->len = (uint32_t)json->len;
	name->escaped = json->escaped;
	name->hash = name_hash(json->start, json->len, json->escaped);

	bucket = &json->buckets[name->hash % 64];
	first = json->open[json->depth - 1].first_name;
	for (i = *bucket; i > first; i = json->names[i - 1].before)
		if (json->names[i - 1].hash == name->hash &&
		    name_equal(json, &json->names[i - 1], name))
			return "a member name occurs twice";
	name->before = *bucket;
	*bucket = (uint16_t)++json->name_count;
	return NULL;
}

/* Forget the names of the object that closes: newest first, as stacked. */
static void
names_drop(struct at_json *json, unsigned first)
{
	const struct at_json_name *name;

	while (json->name_count > first) {
		name = &json->names[--json->name_count];
		json->buckets[name->hash % 64] = name->before;
	}
}

static enum at_json_event
open_value(struct at_json *json, bool object)
{
	if (json->depth == json->max_depth)
		return fault(json, json->p, "nested too deeply");
	json->open[json->depth].object = object;
	json->open[json->depth].first_name = (uint16_t)json->name_count;
	json->depth++;
	json->p++;
	json->state = object ? WANT_FIRST_NAME : WANT_FIRST_VALUE;
	return object ? AT_JSON_OBJECT : AT_JSON_ARRAY;
}

static enum at_json_event
close_value(struct at_json *json)
{
	json->depth--;
	json->p++;
	json->state = WANT_MORE;
	if (!json->open[json->depth].object)
		return AT_JSON_ARRAY_END;
	names_drop(json, json->open[json->depth].first_name);
	return AT_JSON_OBJECT_END;
}

static bool
plain(char c)
{
	return (unsigned char)(c - 0x20) < 0x60 && c != '"' && c != '\\';
}

/* What cannot be passed over as it is, at p: its bytes, or 0. */
static size_t
special(struct at_json *json, const char *p, const char **ret_why)
{
	size_t n;

	if (*p == '\\') {
		json->escaped = true;
		n = at_escape_check(p + 1, json->end, ret_why);
		return n == 0 ? 0 : n + 1;
	}
	*ret_why = "a control character in a string";
	if ((unsigned char)*p < 0x20)
		return 0;
	*ret_why = "not UTF-8";
	return at_utf8_char(p, (size_t)(json->end - p));
}

/* The string at p, a quote. */
static bool
scan_string(struct at_json *json)
{
	const char *p = json->p + 1;
	const char *why = "a string without its end";
	size_t n;

	json->start = p;
	json->escaped = false;
	for (;;) {
		while (p < json->end && plain(*p))
			p++;
		if (p < json->end && *p == '"')
			break;
		n = p < json->end ? special(json, p, &why) : 0;
		if (n == 0) {
			fault(json, p, why);
			return false;
		}
		p += n;
	}
	json->len = (size_t)(p - json->start);
	json->p = p + 1;
	return true;
}

static const char *
digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* The number from p to stop as an integer of 0 to 2^53, or -1. */
static int64_t
exact_integer(const char *p, const char *stop)
{
	int64_t v = 0;

	if (stop - p > 16)
		return -1;
	for (; p < stop; p++) {
		if (*p < '0' || *p > '9')
			return -1;
		v = v * 10 + (*p - '0');
	}
	return v <= AT_JSON_INT_MAX ? v : -1;
}

/* RFC 8259 section 6: no leading zero, no plus, digits round a point. */
static enum at_json_event
scan_number(struct at_json *json)
{
	const char *start = json->p;
	const char *end = json->end;
	const char *p = start + (*start == '-');
	const char *from = p;

	p = digits(p, end);
	if (p == from || (*from == '0' && p - from > 1))
		return fault(json, start, "a bad number");
	if (p < end && *p == '.') {
		from = p + 1;
		p = digits(from, end);
		if (p == from)
			return fault(json, start, "a bad number");
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		from = p + 1;
		if (from < end && (*from == '+' || *from == '-'))
			from++;
		p = digits(from, end);
		if (p == from)
			return fault(json, start, "a bad number");
	}
	json->start = start;
	json->len = (size_t)(p - start);
	json->integer = exact_integer(start, p);
	json->p = p;
	json->state = WANT_MORE;
	return AT_JSON_NUMBER;
}

static enum at_json_event
scan_word(struct at_json *json, const char *word, enum at_json_event event)
{
	size_t len = strlen(word);

	if ((size_t)(json->end - json->p) < len ||
	    memcmp(json->p, word, len) != 0)
		return fault(json, json->p, "not a value");
	json->start = json->p;
	json->len = len;
	json->p += len;
	json->state = WANT_MORE;
	return event;
}

static enum at_json_event
scan_value(struct at_json *json)
{
	switch (*json->p) {
	case '"':
		if (!scan_string(json))
			return AT_JSON_ERROR;
		json->state = WANT_MORE;
		return AT_JSON_STRING;
	case '{':
		return open_value(json, true);
	case '[':
		return open_value(json, false);
	case 't':
		return scan_word(json, "true", AT_JSON_TRUE);
	case 'f':
		return scan_word(json, "false", AT_JSON_FALSE);
	case 'n':
		return scan_word(json, "null", AT_JSON_NULL);
	default:
		break;
	}
	if (*json->p == '-' || (*json->p >= '0' && *json->p <= '9'))
		return scan_number(json);
	return fault(json, json->p, "not a value");
}

static void
skip_space(struct at_json *json)
{
	while (json->p < json->end &&
	    (*json->p == ' ' || *json->p == '\t' || *json->p == '\n' ||
		*json->p == '\r'))
		json->p++;
}

/* A name and its colon. */
static enum at_json_event
scan_name(struct at_json *json)
{
	const char *start = json->p;
	const char *why;

	if (*start != '"')
		return fault(json, start, "not a member name");
	if (!scan_string(json))
		return AT_JSON_ERROR;
	why = name_add(json);
	if (why != NULL)
		return fault(json, start, why);
	skip_space(json);
	if (json->p == json->end || *json->p != ':')
		return fault(json, json->p, "no colon after a member name");
	json->p++;
	json->state = WANT_VALUE;
	return AT_JSON_NAME;
}

/* Behind a value, with text left: the end of what is open, or a comma. */
static enum at_json_event
scan_more(struct at_json *json)
{
	bool object;

	if (json->depth == 0)
		return fault(json, json->p, "text after the value");
	object = json->open[json->depth - 1].object;
	if (*json->p == (object ? '}' : ']'))
		return close_value(json);
	if (*json->p != ',')
		return fault(json, json->p, "no comma between values");
	json->p++;
	skip_space(json);
	if (json->p == json->end)
		return fault(json, json->p, "the text ends too early");
	return object ? scan_name(json) : scan_value(json);
}

void
at_json_begin(
    struct at_json *json, const char *text, size_t len, unsigned max_depth)
{
	json->text = text;
	json->p = text;
	json->end = text + len;
	json->start = text;
	json->len = 0;
	json->escaped = false;
	json->integer = -1;
	json->why = NULL;
	json->at = 0;
	json->state = WANT_VALUE;
	json->depth = 0;
	json->max_depth = max_depth;
	json->name_count = 0;
	memset(json->buckets, 0, sizeof(json->buckets));
	/* Places of names are kept in 32 bits. */
	if (len > UINT32_MAX)
		fault(json, text, "too long");
}

enum at_json_event
at_json_next(struct at_json *json)
{
	if (json->state == FAILED)
		return AT_JSON_ERROR;
	skip_space(json);
	if (json->p == json->end) {
		if (json->state != WANT_MORE || json->depth != 0)
			return fault(json, json->p, "the text ends too early");
		return AT_JSON_END;
	}
	switch (json->state) {
	case WANT_MORE:
		return scan_more(json);
	case WANT_FIRST_NAME:
		return *json->p == '}' ? close_value(json) : scan_name(json);
	case WANT_FIRST_VALUE:
		return *json->p == ']' ? close_value(json) : scan_value(json);
	default:
		return scan_value(json);
	}
}

bool
at_json_skip(struct at_json *json, enum at_json_event event)
{
	unsigned depth = json->depth;

	if (event != AT_JSON_OBJECT && event != AT_JSON_ARRAY)
		return event != AT_JSON_ERROR;
	while (json->depth >= depth)
		if (at_json_next(json) == AT_JSON_ERROR)
			return false;
	return true;
}

bool
at_json_is(const struct at_json *json, const char *text)
{
	size_t len = strlen(text);
	struct at_reader r;
	int c;

	if (!json->escaped)
		return json->len == len && memcmp(json->start, text, len) == 0;
	r = at_reader_of(json->start, json->len);
	while ((c = at_reader_next(&r)) >= 0)
		if (*text == '\0' || (unsigned char)*text++ != c)
			return false;
	return *text == '\0';
}

size_t
at_json_copy(const struct at_json *json, char *out)
{
	struct at_reader r = at_reader_of(json->start, json->len);
	size_t n = 0;
	int c;

	if (!json->escaped) {
		memmove(out, json->start, json->len);
		out[json->len] = '\0';
		return json->len;
	}
	/* An escape is never shorter than what it means: in place is safe. */
	while ((c = at_reader_next(&r)) >= 0)
		out[n++] = (char)c;
	out[n] = '\0';
	return n;
}

enum authtok_err
authtok_json_check(const char *text, size_t len, unsigned max_depth,
    const char **ret_why, size_t *ret_at)
{
	struct at_json json;
	enum at_json_event event;

	if (text == NULL || max_depth < 1 || max_depth > AT_JSON_DEPTH_MAX)
		return AUTHTOK_EINVAL;
	at_json_begin(&json, text, len, max_depth);
	do
		event = at_json_next(&json);
	while (event != AT_JSON_END && event != AT_JSON_ERROR);
	if (event == AT_JSON_END)
		return AUTHTOK_OK;
	if (ret_why != NULL)
		*ret_why = json.why;
	if (ret_at != NULL)
		*ret_at = json.at;
	return AUTHTOK_EFORMAT;
}
