/*
 * Text built piece by piece in memory of a fixed size: answers and log lines.
 * What does not fit is dropped and remembered in cut; always NUL-terminated.
 */
#ifndef AUTHD_TEXT_H
#define AUTHD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	char *at;
	size_t size;
	size_t len;
	bool cut;
};

/* size is at least 1. */
void text_init(struct text *text, char *memory, size_t size);

/* inline: a log line is thirty of these, most of them short and constant */
static inline void
text_bytes(struct text *text, const char *s, size_t len)
{
	size_t room = text->size - 1 - text->len;

	if (len > room) {
		text->cut = true;
		len = room;
	}
	memcpy(text->at + text->len, s, len);
	text->len += len;
	text->at[text->len] = '\0';
}

static inline void
text_add(struct text *text, const char *s)
{
	text_bytes(text, s, strlen(s));
}

void text_int(struct text *text, int64_t number);

/* A time as "2026-11-24T00:00:00Z" (RFC 3339), whatever the locale. */
void text_time(struct text *text, int64_t when);
/* Bytes in small hexadecimal digits. */
void text_hex(struct text *text, const uint8_t *bytes, size_t len);

/* s, which is UTF-8, as a JSON string in quotes (RFC 8259 section 7). */
void text_json(struct text *text, const char *s);

/* The length of the first at most max bytes of s that cut no character. */
size_t text_prefix(const char *s, size_t max);

#endif
