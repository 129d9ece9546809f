/*
 * The strict scanner. A grammar of states over an explicit stack; each string
 * is checked once, where it stands; member names are compared by their meaning,
 * so that "s\u0075b" repeats "sub" (RFC 8725 section 2.4, RFC 7515 section 4).
 */
#include "token/json.h"

#include <endian.h>
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

/* Eight bytes as one word, the first lowest. */
static uint64_t
load8(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

static uint64_t
mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/*
 * A hash of the bytes that the name means, eight at a time. Of a name under
 * eight bytes the one word is kept as well: it is the name.
 */
static uint32_t
hash_escaped(struct at_json *json)
{
	struct at_reader r = at_reader_of(json->start, json->len);
	uint64_t h = 0, word = 0;
	unsigned n = 0;
	int c;

	while ((c = at_reader_next(&r)) >= 0) {
		word |= (uint64_t)c << n % 8 * 8;
		if (++n % 8 == 0) {
			h = mix(h, word);
			word = 0;
		}
	}
	json->packed = n < 8 ? word : 0;
	return (uint32_t)mix(h, word);
}

/* The same for a name without escapes. */
static uint32_t
hash_plain(struct at_json *json)
{
	const char *p = json->start;
	size_t left = json->len;
	uint64_t h = 0, word = 0;
	unsigned i;

	for (; left >= 8; left -= 8, p += 8)
		h = mix(h, load8(p));
	if (json->end - p >= 8)
		word = load8(p) & ((UINT64_C(1) << left * 8) - 1);
	else
		for (i = 0; i < left; i++)
			word |= (uint64_t)(unsigned char)p[i] << i * 8;
	json->packed = json->len < 8 ? word : 0;
	return (uint32_t)mix(h, word);
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
	name->hash = json->escaped ? hash_escaped(json) : hash_plain(json);

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

/* The first byte of a string that is more than itself, or end. */
static const char *
pass_plain(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t w, quote, slash, hits;

	for (; end - p >= 8; p += 8) {
		w = load8(p);
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		/* Bit 7 of each byte: it was set, or is borrowed because the
		 * byte is under a space, a quote or a backslash. The lowest
		 * hit is exact, a borrow reaches only higher bytes. */
		hits =
		    ((w - ones * ' ') | w | (quote - ones) | (slash - ones)) &
		    ones << 7;
		if (hits != 0)
			return p + __builtin_ctzll(hits) / 8;
	}
	/* char has a sign on some machines and none on others */
	while (p < end && (unsigned char)*p >= 0x20 &&
	    (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* What cannot be passed over as it is, at p: its bytes, or 0 and why. */
static size_t
special(struct at_json *json, const char *p)
{
	size_t n;

	if (p == json->end) {
		json->why = "a string without its end";
		return 0;
	}
	if (*p == '\\') {
		json->escaped = true;
		n = at_escape_check(p + 1, json->end, &json->why);
		return n == 0 ? 0 : n + 1;
	}
	json->why = "a control character in a string";
	if ((unsigned char)*p < 0x20)
		return 0;
	json->why = "not UTF-8";
	return at_utf8_char(p, (size_t)(json->end - p));
}

/* The string at p, a quote. */
static bool
scan_string(struct at_json *json)
{
	const char *p = json->p + 1;
	const char *end = json->end;
	size_t n;

	json->start = p;
	json->escaped = false;
	for (;; p += n) {
		p = pass_plain(p, end);
		if (p < end && *p == '"')
			break;
		n = special(json, p);
		if (n == 0) {
			fault(json, p, json->why);
			return false;
		}
	}
	json->why = NULL;
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

/* Behind the integer part: a fraction and an exponent, or NULL. */
static const char *
scan_fraction(const char *p, const char *end)
{
	const char *from;

	if (p < end && *p == '.') {
		from = p + 1;
		p = digits(from, end);
		if (p == from)
			return NULL;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		from = p + 1;
		if (from < end && (*from == '+' || *from == '-'))
			from++;
		p = digits(from, end);
		if (p == from)
			return NULL;
	}
	return p;
}

/* RFC 8259 section 6: no leading zero, no plus, digits round a point. */
static enum at_json_event
scan_number(struct at_json *json)
{
	const char *start = json->p;
	const char *end = json->end;
	const char *from = start + (*start == '-');
	const char *stop, *p = from;
	uint64_t v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (unsigned)(*p - '0');
	stop = scan_fraction(p, end);
	if (p == from || (*from == '0' && p - from > 1) || stop == NULL)
		return fault(json, start, "a bad number");
	/* The sum is exact for 16 digits; an integer is written as one. */
	json->integer = -1;
	if (from == start && stop == p && p - from <= 16 &&
	    v <= (uint64_t)AT_JSON_INT_MAX)
		json->integer = (int64_t)v;
	json->start = start;
	json->len = (size_t)(stop - start);
	json->p = stop;
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
at_json_means(const struct at_json *json, const char *text, size_t len)
{
	struct at_reader r = at_reader_of(json->start, json->len);
	size_t i;

	for (i = 0; i < len; i++)
		if (at_reader_next(&r) != (unsigned char)text[i])
			return false;
	return at_reader_next(&r) < 0;
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
	enum authtok_err err = AUTHTOK_EINVAL;
	enum at_json_event event;

	json.why = "no text, or a depth out of range";
	json.at = 0;
	if (text != NULL && max_depth >= 1 && max_depth <= AT_JSON_DEPTH_MAX) {
		at_json_begin(&json, text, len, max_depth);
		do
			event = at_json_next(&json);
		while (event != AT_JSON_END && event != AT_JSON_ERROR);
		if (event == AT_JSON_END)
			return AUTHTOK_OK;
		err = AUTHTOK_EFORMAT;
	}
	if (ret_why != NULL)
		*ret_why = json.why;
	if (ret_at != NULL)
		*ret_at = json.at;
	return err;
}
