/*
 * The strict JSON scanner (RFC 8259, I-JSON's rules of RFC 7493 section 2):
 * it pulls one event at a time out of a text, allocates nothing and does not
 * recurse. The public check, the token's header and claims and JWK Sets are
 * all read by it, so that there is one answer to what JSON is acceptable.
 */
#ifndef AT_TOKEN_JSON_H
#define AT_TOKEN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AT_JSON_DEPTH_MAX 64  /* objects and arrays open at a time */
#define AT_JSON_NAMES_MAX 512 /* members of the objects open at a time */
#define AT_JSON_INT_MAX   (INT64_C(1) << 53)

enum at_json_event {
	AT_JSON_ERROR, /* why and at tell; so does every later call */
	AT_JSON_END,   /* the text is one acceptable value */
	AT_JSON_OBJECT,
	AT_JSON_OBJECT_END,
	AT_JSON_ARRAY,
	AT_JSON_ARRAY_END,
	AT_JSON_NAME,   /* the value comes next */
	AT_JSON_STRING, /* NAME and STRING: start, len, escaped */
	AT_JSON_NUMBER, /* integer */
	AT_JSON_TRUE,
	AT_JSON_FALSE,
	AT_JSON_NULL,
};

/* A member name that is open, linked to the one before it in its bucket. */
struct at_json_name {
	uint32_t at;
	uint32_t len;
	uint32_t hash;
	uint16_t before; /* index + 1 */
	bool escaped;
};

/* About 9 KiB: fit for one frame of a small stack. */
struct at_json {
	const char *start; /* of the last event: between the quotes */
	size_t len;
	bool escaped;    /* a backslash is in it */
	uint64_t packed; /* of a NAME: AT_JSON_PACK of its meaning, or 0 */
	int64_t integer; /* of a NUMBER; -1 if not an integer 0 to 2^53 */
	const char *why; /* of an ERROR: a static sentence */
	size_t at;       /* of an ERROR: the offset in the text */

	const char *text; /* from here on for json.c alone */
	const char *p;
	const char *end;
	int state;
	unsigned depth;
	unsigned max_depth;
	unsigned name_count;
	struct {
		bool object;
		uint16_t first_name;
	} open[AT_JSON_DEPTH_MAX];
	uint16_t buckets[64]; /* index + 1 of the newest name, or 0 */
	struct at_json_name names[AT_JSON_NAMES_MAX];
};

/* max_depth is 1 to AT_JSON_DEPTH_MAX. The text is borrowed. */
void at_json_begin(
    struct at_json *json, const char *text, size_t len, unsigned max_depth);

enum at_json_event at_json_next(struct at_json *json);

/*
 * Pass over the rest of the value that event began; for all but OBJECT and
 * ARRAY there is no rest. False on an error in it.
 */
bool at_json_skip(struct at_json *json, enum at_json_event event);

/* Whether the last NAME or STRING, unescaped, is the len bytes at text. */
bool at_json_means(const struct at_json *json, const char *text, size_t len);

/* The same for text with a NUL; quick for the many that are not escaped. */
static inline bool
at_json_is(const struct at_json *json, const char *text)
{
	size_t len = strlen(text);

	if (json->escaped)
		return at_json_means(json, text, len);
	return json->len == len && memcmp(json->start, text, len) == 0;
}

/* A name of 1 to 5 bytes as one word. */
#define AT_JSON_PACK(a, b, c, d, e)                                 \
	((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | \
	    (uint64_t)(d) << 24 | (uint64_t)(e) << 32)

/*
 * Unescape the last STRING into out, NUL-terminated; out takes len + 1 bytes
 * and may be where the string stands. Returns the length without NUL.
 */
size_t at_json_copy(const struct at_json *json, char *out);

#endif
