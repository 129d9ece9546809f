/*
 * JSON with comments. Pure functions on text; no idea what it configures.
 */
#include "authd/config_text.h"

#include <string.h>

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The byte after the string that begins at `at`, or len. */
static size_t
string_end(const char *text, size_t len, size_t at)
{
	for (at++; at < len; at++) {
		if (text[at] == '\\')
			at++;
		else if (text[at] == '"')
			return at + 1;
	}
	return len;
}

/* The byte after the comment at `at`, or 0 when it has no end. */
static size_t
comment_end(const char *text, size_t len, size_t at)
{
	if (text[at + 1] == '/') {
		while (at < len && text[at] != '\n')
			at++;
		return at;
	}
	for (at += 2; at + 1 < len; at++)
		if (text[at] == '*' && text[at + 1] == '/')
			return at + 2;
	return 0;
}

bool
config_text_strip(char *text, size_t len, size_t *ret_at)
{
	size_t at = 0;

	while (at < len) {
		size_t end;

		if (text[at] == '"') {
			at = string_end(text, len, at);
			continue;
		}
		if (text[at] != '/' || at + 1 >= len ||
		    (text[at + 1] != '/' && text[at + 1] != '*')) {
			at++;
			continue;
		}
		end = comment_end(text, len, at);
		if (end == 0) {
			*ret_at = at;
			return false;
		}
		for (; at < end; at++)
			if (text[at] != '\n')
				text[at] = ' ';
	}
	return true;
}

size_t
config_text_line(const char *text, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

size_t
config_text_item(const char *text, size_t at, size_t n)
{
	size_t len = strlen(text);
	size_t depth = 0;

	for (; at < len; at++) {
		if (blank(text[at]))
			continue;
		/* at depth 1 the first byte that is no comma begins item 0 */
		if (depth == 1 && n == 0 && text[at] != ',')
			return at;
		if (text[at] == '"')
			at = string_end(text, len, at) - 1;
		else if (text[at] == '{' || text[at] == '[')
			depth++;
		else if (text[at] == '}' || text[at] == ']')
			depth--;
		else if (text[at] == ',' && depth == 1)
			n--;
	}
	return len;
}

size_t
config_text_value(const char *text, size_t at)
{
	size_t len = strlen(text);

	at = string_end(text, len, at);
	while (at < len && (blank(text[at]) || text[at] == ':'))
		at++;
	return at;
}
