/*
 * Fuzz request bodies with libFuzzer. The first byte says what the rest is: a
 * JSON body, a form, or a Content-Type. A second reader, which recurses, copies
 * every string and looks at every pair of names, must take the same bodies; and
 * the tree that body_parse made must be what it read, member by member.
 *
 * What both refuse, although cJSON alone would take it: a member that occurs
 * twice (by its meaning), a zero byte or \u0000, what is not UTF-8, a lone
 * surrogate, a byte order mark, more than BODY_DEPTH_MAX open brackets, more
 * than 512 members in the objects that are open, anything after the value.
 */
#include <math.h>
#include <stdint.h>
#include <strings.h>

#include "authd/body.h"
#include "fuzz/sure.h"

#define NAMES_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes with a length: of a name, or of a text. */
struct bytes {
	char *at;
	size_t len;
};

static bool
equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static struct bytes
bytes_of(const char *text, size_t len)
{
	return (struct bytes){ sure_copy(text, len), len };
}

/* Whether the tree's text, which ends with a zero byte, is these bytes. */
static bool
means(const char *text, struct bytes want)
{
	return text != NULL && strlen(text) == want.len &&
	    memcmp(text, want.at, want.len) == 0;
}

/* ---- text ---------------------------------------------------------------- */

/* The code point at p and its bytes in *ret_n, by arithmetic; -1: none. */
static long
code_point(const char *p, size_t left, size_t *ret_n)
{
	static const long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)*p;
	size_t n = 0;
	long c;

	while (n < 8 && (first >> (7 - n) & 1) != 0)
		n++;
	*ret_n = n == 0 ? 1 : n;
	if (n == 0)
		return first;
	if (n == 1 || n > 4 || left < n)
		return -1;
	c = first & (0xff >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return -1;
		c = c * 64 + ((unsigned char)p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	return c;
}

static size_t
put_code_point(char *to, long c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (n == 1) {
		to[0] = (char)c;
		return 1;
	}
	for (size_t i = n - 1; i > 0; i--, c /= 64)
		to[i] = (char)(0x80 + c % 64);
	to[0] = (char)((0xf00 >> n & 0xff) | c);
	return n;
}

static bool
good_text(struct bytes s)
{
	size_t n;

	for (size_t i = 0; i < s.len; i += n)
		if (code_point(s.at + i, s.len - i, &n) <= 0)
			return false;
	return true;
}

/* ---- JSON, by recursion -------------------------------------------------- */

struct reader {
	const char *p, *end;
	unsigned depth, names; /* that are open */
	bool good;
};

/* With node, the value that is read must be that of the tree. */
static bool read_value(struct reader *r, const cJSON *node);

static void
blanks(struct reader *r)
{
	while (r->p < r->end && memchr(" \t\r\n", *r->p, 4) != NULL)
		r->p++;
}

static bool
eat(struct reader *r, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, text, len) != 0)
		return false;
	r->p += len;
	return true;
}

static long
four_digits(struct reader *r)
{
	char digits[5] = "";
	size_t n;

	if (r->end - r->p < 4)
		return -1;
	memcpy(digits, r->p, 4);
	n = strspn(digits, "0123456789abcdefABCDEF");
	r->p += 4;
	return n == 4 ? strtol(digits, NULL, 16) : -1;
}

static long
escaped(struct reader *r)
{
	static const char names[] = "\"\\/bfnrt", mean[] = "\"\\/\b\f\n\r\t";
	const char *name;
	long c, low;

	if (r->p == r->end)
		return -1;
	name = memchr(names, *r->p++, sizeof(names) - 1);
	if (name != NULL)
		return mean[name - names];
	if (r->p[-1] != 'u')
		return -1;
	c = four_digits(r);
	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (c > 0xdbff || !eat(r, "\\u"))
		return -1;
	low = four_digits(r);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	return 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00);
}

/* The next character of a string, or -1. */
static long
read_char(struct reader *r)
{
	size_t n;
	long c = code_point(r->p, (size_t)(r->end - r->p), &n);

	if (c < 0x20)
		return -1;
	r->p += n;
	return c == '\\' ? escaped(r) : c;
}

/* What a string means; at is NULL when it is bad. */
static struct bytes
read_string(struct reader *r)
{
	struct bytes s = { NULL, 0 };
	bool good = true;

	if (!eat(r, "\""))
		return s;
	s.at = sure_room((size_t)(r->end - r->p) + 4);
	while (good && r->p < r->end && *r->p != '"') {
		long c = read_char(r);

		good = c > 0;
		if (good)
			s.len += put_code_point(s.at + s.len, c);
	}
	if (!good || !eat(r, "\"")) {
		free(s.at);
		s.at = NULL;
	}
	return s;
}

static bool
some_digits(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > from;
}

static bool
read_number(struct reader *r, const cJSON *node)
{
	const char *from = r->p;
	bool good, zero;
	char *text;

	eat(r, "-");
	zero = r->p < r->end && *r->p == '0';
	good = zero ? eat(r, "0") : some_digits(r);
	if (good && eat(r, "."))
		good = some_digits(r);
	if (good && (eat(r, "e") || eat(r, "E"))) {
		if (!eat(r, "+"))
			eat(r, "-");
		good = some_digits(r);
	}
	if (good && node != NULL) {
		text = sure_room((size_t)(r->p - from) + 1);
		memcpy(text, from, (size_t)(r->p - from));
		text[r->p - from] = '\0';
		SURE(cJSON_IsNumber(node));
		SURE(node->valuedouble == strtod(text, NULL));
		free(text);
	}
	return good;
}

static bool
read_array(struct reader *r, const cJSON *node)
{
	const cJSON *item = node != NULL ? node->child : NULL;
	bool more = false;

	SURE(node == NULL || cJSON_IsArray(node));
	blanks(r);
	if (eat(r, "]")) {
		SURE(item == NULL);
		return true;
	}
	do {
		SURE(node == NULL || item != NULL);
		blanks(r);
		if (!read_value(r, item))
			return false;
		blanks(r);
		item = item != NULL ? item->next : NULL;
		more = eat(r, ",");
	} while (more);
	SURE(item == NULL);
	return eat(r, "]");
}

struct names {
	struct bytes list[NAMES_MAX];
	size_t count;
};

/* The name and its value; names keeps it to be compared. */
static bool
read_member(struct reader *r, struct names *names, const cJSON *node)
{
	struct bytes name;

	blanks(r);
	name = read_string(r);
	if (name.at == NULL)
		return false;
	for (size_t i = 0; i < names->count; i++)
		if (equal(names->list[i], name))
			r->good = false;
	if (r->names == NAMES_MAX)
		r->good = false;
	if (!r->good) {
		free(name.at);
		return false;
	}
	names->list[names->count++] = name;
	r->names++;
	SURE(node == NULL || means(node->string, name));
	blanks(r);
	if (!eat(r, ":"))
		return false;
	blanks(r);
	return read_value(r, node);
}

static bool
read_members(struct reader *r, struct names *names, const cJSON *node)
{
	const cJSON *item = node != NULL ? node->child : NULL;

	blanks(r);
	if (eat(r, "}")) {
		SURE(item == NULL);
		return true;
	}
	do {
		SURE(node == NULL || item != NULL);
		if (!read_member(r, names, item))
			return false;
		blanks(r);
		item = item != NULL ? item->next : NULL;
	} while (eat(r, ","));
	SURE(item == NULL);
	return eat(r, "}");
}

static bool
read_object(struct reader *r, const cJSON *node)
{
	struct names *names = sure_room(sizeof(*names));
	bool good;

	SURE(node == NULL || cJSON_IsObject(node));
	names->count = 0;
	good = read_members(r, names, node);
	r->names -= (unsigned)names->count;
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i].at);
	free(names);
	return good;
}

static bool
read_text(struct reader *r, const cJSON *node)
{
	struct bytes s = read_string(r);

	if (s.at == NULL)
		return false;
	SURE(node == NULL ||
	    (cJSON_IsString(node) && means(node->valuestring, s)));
	free(s.at);
	return true;
}

static bool
read_open(struct reader *r, const cJSON *node, bool object)
{
	bool good;

	if (r->depth == BODY_DEPTH_MAX)
		return false;
	r->depth++;
	good = object ? read_object(r, node) : read_array(r, node);
	r->depth--;
	return good;
}

static bool
read_value(struct reader *r, const cJSON *node)
{
	if (r->p == r->end)
		return false;
	if (*r->p == '"')
		return read_text(r, node);
	if (eat(r, "{"))
		return read_open(r, node, true);
	if (eat(r, "["))
		return read_open(r, node, false);
	if (eat(r, "true")) {
		SURE(node == NULL || cJSON_IsTrue(node));
		return true;
	}
	if (eat(r, "false")) {
		SURE(node == NULL || cJSON_IsFalse(node));
		return true;
	}
	if (eat(r, "null")) {
		SURE(node == NULL || cJSON_IsNull(node));
		return true;
	}
	return read_number(r, node);
}

/* A body is one object. With tree it must be that. */
static bool
read_body(const char *text, size_t len, const cJSON *tree)
{
	struct reader r = { text, text + len, 0, 0, true };

	blanks(&r);
	if (r.p == r.end || *r.p != '{' || !read_value(&r, tree))
		return false;
	blanks(&r);
	return r.p == r.end;
}

/* ---- forms --------------------------------------------------------------- */

struct form {
	struct bytes names[NAMES_MAX + 1], values[NAMES_MAX + 1];
	size_t count, roles;
	bool good;
};

/* Percent and plus decoded; anything may come of it. */
static struct bytes
decoded(const char *from, size_t len, bool *ret_good)
{
	struct bytes s = { sure_room(len), 0 };

	for (size_t i = 0; i < len; i++) {
		char digits[3] = "", c = from[i];

		if (c == '+')
			c = ' ';
		if (c == '%') {
			memcpy(digits, from + i + 1,
			    len - i - 1 < 2 ? len - i - 1 : 2);
			if (strspn(digits, "0123456789abcdefABCDEF") != 2)
				*ret_good = false;
			c = (char)strtol(digits, NULL, 16);
			i += 2;
		}
		s.at[s.len++] = c;
	}
	return s;
}

static bool
named_roles(struct bytes name)
{
	return (name.len == 5 && memcmp(name.at, "roles", 5) == 0) ||
	    (name.len == 7 && memcmp(name.at, "roles[]", 7) == 0);
}

/* All fields but roles; those are only counted and checked. */
static void
form_field(struct form *f, const char *at, size_t len)
{
	const char *equals = memchr(at, '=', len);
	size_t n = equals != NULL ? (size_t)(equals - at) : len;
	struct bytes name = decoded(at, n, &f->good);
	struct bytes value =
	    decoded(at + n + (n < len), len - n - (n < len), &f->good);
	bool roles = named_roles(name);

	f->good = f->good && good_text(name) && good_text(value);
	for (size_t i = 0; i < f->count && !roles; i++)
		if (equal(f->names[i], name))
			f->good = false;
	if (!roles && f->count + (f->roles > 0) >= NAMES_MAX)
		f->good = false;
	f->roles += roles;
	if (roles || !f->good) {
		free(name.at);
		free(value.at);
		return;
	}
	f->names[f->count] = name;
	f->values[f->count++] = value;
}

static void
read_form(struct form *f, const char *text, size_t len)
{
	size_t n;

	f->count = f->roles = 0;
	f->good = true;
	for (size_t i = 0; i < len && f->good; i += n + 1) {
		const char *end = memchr(text + i, '&', len - i);

		n = end != NULL ? (size_t)(end - text) - i : len - i;
		if (n > 0)
			form_field(f, text + i, n);
	}
	if (f->count + (f->roles > 0) > NAMES_MAX)
		f->good = false;
}

static void
compare_form(const struct form *f, const cJSON *body)
{
	const char *text, *list[4];
	size_t members = 0, count = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, body) members++;
	SURE(members == f->count + (f->roles > 0));
	for (size_t i = 0; i < f->count; i++) {
		char *name = sure_room(f->names[i].len + 1);

		memcpy(name, f->names[i].at, f->names[i].len);
		name[f->names[i].len] = '\0';
		SURE(body_string(body, name, &text) == BODY_FOUND);
		SURE(means(text, f->values[i]));
		free(name);
	}
	SURE(body_strings(body, "roles", list, 4, &count) ==
	    (f->roles > 0 ? BODY_FOUND : BODY_MISSING));
	SURE(count == f->roles);
}

/* ---- the members that the routes ask for --------------------------------- */

/* Each in one way only: missing, wrong or found, of one type. */
static void
look_at(const cJSON *body)
{
	static const char *const names[] = { "username", "email", "password",
		"refreshToken", "currentPassword", "newPassword", "scope",
		"roles", "keepSessions" };
	const char *text = NULL, *list[2] = { NULL, NULL };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		enum body_member as_text = body_string(body, names[i], &text);
		enum body_member as_bool, as_list;
		size_t count = 0;
		bool yes;

		as_bool = body_bool(body, names[i], &yes);
		as_list = body_strings(body, names[i], list, 2, &count);
		SURE((as_text == BODY_MISSING) == (as_bool == BODY_MISSING));
		SURE((as_text == BODY_MISSING) == (as_list == BODY_MISSING));
		SURE(as_text != BODY_FOUND || as_list == BODY_WRONG);
		SURE(as_text != BODY_FOUND || strlen(text) < BODY_MAX);
		for (size_t j = 0; j < count && j < 2; j++)
			SURE(strlen(list[j]) < BODY_MAX);
	}
}

static void
try_json(const char *text, size_t len)
{
	char why[BODY_WHY_MAX] = "";
	cJSON *body = NULL;
	enum body_result got;

	got = body_parse(BODY_JSON, text, len, &body, why);
	SURE((got == BODY_OK) == (len == 0 || read_body(text, len, NULL)));
	if (got != BODY_OK) {
		SURE(got == BODY_BAD && body == NULL && why[0] != '\0');
		return;
	}
	SURE(len == 0 || read_body(text, len, body));
	look_at(body);
	body_free(body);
}

static void
try_form(const char *text, size_t len)
{
	static struct form f;
	char why[BODY_WHY_MAX] = "";
	cJSON *body = NULL;
	enum body_result got;

	got = body_parse(BODY_FORM, text, len, &body, why);
	read_form(&f, text, len);
	SURE((got == BODY_OK) == f.good);
	SURE(got == BODY_OK || (got == BODY_BAD && body == NULL));
	if (got == BODY_OK) {
		compare_form(&f, body);
		look_at(body);
		body_free(body);
	}
	for (size_t i = 0; i < f.count; i++) {
		free(f.names[i].at);
		free(f.values[i].at);
	}
}

/* A type that is taken begins with its name, and says UTF-8 if anything. */
static void
try_type(const char *text, size_t len)
{
	char *value = sure_room(len + 1);
	const char *p = value;
	enum body_type type;

	memcpy(value, text, len);
	value[len] = '\0';
	type = body_type(value);
	SURE(type != BODY_NONE);
	p += strspn(p, " \t");
	if (type == BODY_JSON)
		SURE(strncasecmp(p, "application/json", 16) == 0);
	if (type == BODY_FORM)
		SURE(strncasecmp(p, "application/x-www-form-urlencoded", 33) ==
		    0);
	for (p = value; type != BODY_OTHER; p++) {
		p = strcasestr(p, ";charset=");
		if (p == NULL)
			break;
		SURE(strncasecmp(p + 9, "utf-8", 5) == 0 ||
		    strncasecmp(p + 9, "\"utf-8\"", 7) == 0);
	}
	free(value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest;

	if (size == 0)
		return 0;
	rest = bytes_of((const char *)data + 1, size - 1);
	if (data[0] == 'T')
		try_type(rest.at, rest.len);
	else if (data[0] == 'F')
		try_form(rest.at, rest.len);
	else
		try_json(rest.at, rest.len);
	free(rest.at);
	return 0;
}
