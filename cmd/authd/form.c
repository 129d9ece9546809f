/*
 * Forms as JSON text. Pure; what is acceptable is not decided here.
 */
#include "authd/form.h"

#include <string.h>

#include "authd/text.h"

/* One field as it stands in the form. */
struct field {
	const char *name, *value;
	size_t name_len, value_len;
};

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that s begins with, decoded, or -1; *ret_used bytes stand for it. */
static int
decode_byte(const char *s, size_t len, size_t *ret_used)
{
	int high, low;

	*ret_used = 1;
	if (*s == '+')
		return ' ';
	if (*s != '%')
		return (unsigned char)*s;
	if (len < 3)
		return -1;
	high = hex_digit(s[1]);
	low = hex_digit(s[2]);
	*ret_used = 3;
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* A name or value as a JSON string. */
static bool
add_string(struct text *json, const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t used;

	text_add(json, "\"");
	for (; len > 0; s += used, len -= used) {
		int c = decode_byte(s, len, &used);
		char byte;

		if (c < 0)
			return false;
		byte = (char)c;
		if (c < 0x20) {
			/* NUL too: the scanner knows how to refuse it */
			text_add(json, "\\u00");
			text_bytes(json, &hex[c >> 4], 1);
			text_bytes(json, &hex[c & 15], 1);
			continue;
		}
		if (byte == '"' || byte == '\\')
			text_add(json, "\\");
		text_bytes(json, &byte, 1);
	}
	text_add(json, "\"");
	return true;
}

/* The next field that is not empty; *at moves behind it. */
static bool
next_field(const char *form, size_t len, size_t *at, struct field *field)
{
	const char *start, *amp, *equal;
	size_t size;

	while (*at < len && form[*at] == '&')
		(*at)++;
	if (*at >= len)
		return false;
	start = form + *at;
	amp = memchr(start, '&', len - *at);
	size = amp != NULL ? (size_t)(amp - start) : len - *at;
	*at += size;
	equal = memchr(start, '=', size);
	field->name = start;
	field->name_len = equal != NULL ? (size_t)(equal - start) : size;
	field->value = equal != NULL ? equal + 1 : start + size;
	field->value_len = equal != NULL ? size - field->name_len - 1 : 0;
	return true;
}

/* Whether the field's name is roles or roles[], brackets encoded or not. */
static bool
is_roles(const struct field *field)
{
	static const char roles[] = "roles[]";
	size_t used, n = 0;

	for (size_t i = 0; i < field->name_len; i += used) {
		int c =
		    decode_byte(field->name + i, field->name_len - i, &used);

		if (n == strlen(roles) || c != roles[n++])
			return false;
	}
	return n == 5 || n == 7;
}

/* All roles, or all other fields. */
static bool
add_fields(struct text *json, const char *form, size_t len, bool roles)
{
	const char *comma = "";
	struct field field;
	size_t at = 0;

	while (next_field(form, len, &at, &field)) {
		if (is_roles(&field) != roles)
			continue;
		text_add(json, comma);
		comma = ",";
		if (!roles) {
			if (!add_string(json, field.name, field.name_len))
				return false;
			text_add(json, ":");
		}
		if (!add_string(json, field.value, field.value_len))
			return false;
	}
	return true;
}

bool
form_to_json(const char *form, size_t len, char *json, size_t *ret_json_len)
{
	struct text out;
	struct text members;
	bool ok;

	text_init(&out, json, FORM_JSON_SIZE(len));
	text_add(&out, "{\"roles\":[");
	members = out;
	ok = add_fields(&out, form, len, true);
	if (out.len == members.len)
		/* no role: no such member */
		out.len = 1;
	else
		text_add(&out, "],");
	members = out;
	ok = ok && add_fields(&out, form, len, false);
	if (out.len == members.len && out.len > 1)
		out.len--; /* the comma */
	text_add(&out, "}");
	*ret_json_len = out.len;
	return ok && !out.cut;
}
