/*
 * The strict scanner: what is accepted, what is refused and where, in the
 * spirit of the public JSON test suites; the accepted is checked event by event
 * through the pull interface as well.
 */
#include "forge.h"

#include <stdlib.h>

#include "token/json.h"

static enum authtok_err
check(const char *text, size_t len, unsigned depth)
{
	const char *why = NULL;
	size_t at = SIZE_MAX;
	/* An exact copy, so that a sanitizer sees a byte read too many. */
	char *copy = malloc(len + (len == 0));
	enum authtok_err err;

	memcpy(copy, text, len);
	err = authtok_json_check(copy, len, depth, &why, &at);
	free(copy);
	if (err == AUTHTOK_OK) {
		ck_assert_ptr_null(why);
		ck_assert_uint_eq(at, SIZE_MAX);
	} else {
		ck_assert_int_eq(err, AUTHTOK_EFORMAT);
		ck_assert_ptr_nonnull(why);
		ck_assert_uint_le(at, len);
	}
	return err;
}

static const char *const accepted[] = { "0", "-0", "1", "-1", "10", "1.0",
	"1.50", "0.1", "-0.5e-3", "1e3", "1E+3", "1e400", "0e0", "null", "true",
	"false", "\"\"", "\"a\"", "[]", "{}", "[[]]", "[{}]", "{\"\":0}",
	" \t\r\n[ 1 , 2 ] \n", "{\"a\":1,\"b\":2}", "{ \"a\" : [ ] }",
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0001\"", "\"\\u00e9\\u20AC\"",
	"\"\\ud83d\\ude00\"", "\"\\uD83D\\uDE00\"", "\"\\uffff\\ufffe\"",
	"\"\xc3\xa9\"", "\"\xe2\x82\xac\"", "\"\xf0\x9f\x98\x80\"",
	"\"\xe2\x80\xa8\"", "\"\x7f\"", "\"\xf4\x8f\xbf\xbf\"",
	"\"\xed\x9f\xbf\"", "[1,\"a\",null,true,false,{\"a\":[]}]",
	"{\"a\":{\"a\":{\"a\":1}}}", "[{\"a\":1},{\"a\":1}]",
	"{\"a\":{\"b\":1},\"b\":2}", "{\"a\":1,\"A\":2}",
	"{\"aaaaaaaa\":1,\"aaaaaaaab\":2}", "{\"\xc3\xa9\":1,\"e\\u0301\":2}",
	"123456789012345678901234567890",
	"\"0123456789abcdef0123456789abcdef\"" };

static const char *const refused[] = { "", " ", "[", "]", "{", "}", "[1", "[1,",
	"[1,]", "[,1]", "[1 2]", "[1}", "{]", "{\"a\"", "{\"a\":", "{\"a\":1",
	"{\"a\":1,", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{\"a\"::1}", "{a:1}",
	"{1:1}", "{'a':1}", "{\"a\":1 \"b\":2}", "[] []", "1 2", "{}x", "{}\v",
	"01", "-01", "00", "+1", "-", "-a", ".5", "5.", "1.e1", "1e", "1e+",
	"1.5e-", "0x1", "1_000", "NaN", "Infinity", "-Infinity", "nul", "nulll",
	"True", "tru", "\"", "\"a", "\"\\", "\"\\\"", "\"\\a\"", "\"\\x41\"",
	"\"\\'\"", "\"\\0\"", "\"\\u\"", "\"\\u12\"", "\"\\u12g4\"",
	"\"\\u 123\"", "\"\\U0041\"", "\"\\u0000\"", "\"a\\u0000b\"",
	"{\"\\u0000\":1}", "\"\\ud800\"", "\"\\udc00\"", "\"\\udfff\\ud800\"",
	"\"\\ud800a\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"",
	"\"\\ud800\\ud800\"", "\"\\ud83d\\ude0\"", "\"\\ud83d\\\"", "\"\t\"",
	"\"\n\"", "\"\x01\"", "\"\x1f\"", "\"aaaaaaaaaa\n\"", "\"\x80\"",
	"\"\xc3\"", "\"\xc3\"\"", "\"\xc0\x80\"", "\"\xc1\xbf\"",
	"\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
	"\"\xf8\x88\x80\x80\x80\"", "\"\xff\"", "\"aaaaaaaaaaaa\xff\"",
	"\xef\xbb\xbf{}", "\xef\xbb\xbf", "\xc2\xa0{}", "[\xc3\xa9]", "/**/1",
	"1//", "#", "[1]\x0c", "{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"a\":3}",
	"{\"sub\":1,\"s\\u0075b\":2}", "{\"s\\u0075b\":1,\"sub\":2}",
	"{\"s\\u0075b\":1,\"\\u0073ub\":2}", "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
	"{\"\\u00E9\":1,\"\\u00e9\":2}",
	"{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", "{\"\\/\":1,\"/\":2}",
	"{\"\":1,\"\":2}", "{\"a\":{\"b\":1,\"b\":2}}",
	"[{\"a\":{}},{\"a\":1,\"a\":2}]", "{\"a\":{\"x\":1},\"a\":2}",
	"{\"long name\":1,\"long n\\u0061me\":2}" };

START_TEST(accepts)
{
	size_t i;

	for (i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
		ck_assert_msg(check(accepted[i], strlen(accepted[i]), 8) == 0,
		    "%s", accepted[i]);
}
END_TEST

START_TEST(refuses)
{
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ck_assert_msg(check(refused[i], strlen(refused[i]), 8) != 0,
		    "%s", refused[i]);
	/* NUL is no white space and ends nothing. */
	ck_assert_int_ne(check("{}\0", 3, 8), 0);
	ck_assert_int_ne(check("\"a\0b\"", 5, 8), 0);
	ck_assert_int_ne(check("\0", 1, 8), 0);
}
END_TEST

/* Strings are passed over in words: each byte at each place of one. */
START_TEST(each_byte_at_each_place)
{
	char text[27];
	size_t at;
	int c;

	for (at = 1; at < 25; at++)
		for (c = 0; c < 256; c++) {
			memset(text, 'a', sizeof(text));
			text[0] = '"';
			text[25] = '"';
			text[26] = ' ';
			text[at] = (char)c;
			ck_assert_int_eq(check(text, 27, 1) == 0,
			    c >= ' ' && c < 0x80 && c != '"' && c != '\\');
		}
}
END_TEST

/* No part of a good object or string is good; nor is it with one byte more. */
START_TEST(truncations_and_extensions)
{
	static const char text[] =
	    "{\"a\":[1.5e+3,-0,\"\\ud83d\\ude00\\n\xe2\x82\xac\"],"
	    "\"b\":{\"c\":null,\"d\":[true,false,{}]}}";
	char longer[sizeof(text)];
	size_t len = strlen(text), i;
	int c;

	ck_assert_int_eq(check(text, len, 8), 0);
	for (i = 0; i < len; i++)
		ck_assert_int_ne(check(text, i, 8), 0);
	memcpy(longer, text, len);
	for (c = 0; c < 256; c++) {
		longer[len] = (char)c;
		ck_assert_int_eq(check(longer, len + 1, 8) == 0,
		    c == ' ' || c == '\t' || c == '\n' || c == '\r');
	}
}
END_TEST

START_TEST(names_the_fault_and_its_place)
{
	static const struct {
		const char *text;
		size_t at;
		const char *why;
	} faults[] = {
		{ "{\"a\":1,\"a\":2}", 7, "a member name occurs twice" },
		{ "{\"a\":\"\\u0000\"}", 6, "a \\u0000 in a string" },
		{ "[\"ab\xff\"]", 4, "not UTF-8" },
		{ "{} x", 3, "text after the value" },
		{ "[1,2", 4, "the text ends too early" },
		{ "[01]", 1, "a bad number" },
		{ "\"\\ud800\"", 1, "a lone surrogate" },
		{ "[[[1]]]", 2, "nested too deeply" },
		{ "[\"\x01\"]", 2, "a control character in a string" },
		{ "[\"abc", 5, "a string without its end" },
		{ "{\"a\" 1}", 5, "no colon after a member name" },
		{ "[1 2]", 3, "no comma between values" },
	};
	const char *why;
	size_t i, at;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		ck_assert_int_eq(authtok_json_check(faults[i].text,
				     strlen(faults[i].text), 2, &why, &at),
		    AUTHTOK_EFORMAT);
		ck_assert_str_eq(why, faults[i].why);
		ck_assert_uint_eq(at, faults[i].at);
	}
	ck_assert_int_eq(
	    authtok_json_check("x", 1, 2, NULL, NULL), AUTHTOK_EFORMAT);
}
END_TEST

START_TEST(arguments)
{
	const char *why = NULL;
	size_t at = 7;

	ck_assert_int_eq(
	    authtok_json_check(NULL, 1, 2, NULL, NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_json_check("1", 1, 0, NULL, NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_json_check("1", 1, 65, NULL, NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_json_check(NULL, 1, 2, &why, &at), AUTHTOK_EINVAL);
	ck_assert_ptr_nonnull(why);
	ck_assert_uint_eq(at, 0);
}
END_TEST

START_TEST(depth_is_exact)
{
	char text[130];
	unsigned depth;

	for (depth = 1; depth <= 64; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		ck_assert_int_eq(check(text, 2 * depth, depth), 0);
		if (depth > 1)
			ck_assert_int_ne(check(text, 2 * depth, depth - 1), 0);
	}
}
END_TEST

/* A million brackets need neither stack nor time. */
START_TEST(depth_is_bounded)
{
	const size_t len = 1000000;
	char *text = malloc(len);
	size_t at;

	memset(text, '[', len);
	ck_assert_int_eq(
	    authtok_json_check(text, len, 64, NULL, &at), AUTHTOK_EFORMAT);
	ck_assert_uint_eq(at, 64);
	free(text);
}
END_TEST

/* {"0":{"1":{… or one object: count members open at a time. */
static size_t
members(char *text, unsigned count, unsigned twin)
{
	size_t n = 0;
	unsigned i;

	text[n++] = '{';
	for (i = 0; i < count; i++)
		n += (size_t)sprintf(text + n, "%s\"member%u\":0",
		    i == 0 ? "" : ",", i == count - 1 ? twin : i);
	text[n++] = '}';
	return n;
}

START_TEST(members_are_bounded)
{
	char *text = malloc(20 * 2000);
	size_t n;
	unsigned i;

	n = members(text, 512, 511);
	ck_assert_int_eq(check(text, n, 2), 0);
	n = members(text, 513, 512);
	ck_assert_int_ne(check(text, n, 2), 0);
	for (i = 0; i < 511; i++) {
		n = members(text, 512, i);
		ck_assert_int_ne(check(text, n, 2), 0);
	}
	/* Closed objects do not count, open ones do. */
	n = (size_t)sprintf(text, "[");
	for (i = 0; i < 3; i++) {
		n += members(text + n, 500, 499);
		text[n++] = i == 2 ? ']' : ',';
	}
	ck_assert_int_eq(check(text, n, 2), 0);
	n = (size_t)sprintf(text, "{\"a\":1,\"x\":");
	n += members(text + n, 510, 509);
	text[n++] = '}';
	ck_assert_int_eq(check(text, n, 2), 0);
	n = (size_t)sprintf(text, "{\"a\":1,\"b\":2,\"x\":");
	n += members(text + n, 510, 509);
	text[n++] = '}';
	ck_assert_int_ne(check(text, n, 2), 0);
	free(text);
}
END_TEST

/* A name of the outer object is still known when the inner is closed. */
START_TEST(names_survive_inner_objects)
{
	char text[20 * 300];
	size_t n;

	n = (size_t)sprintf(text, "{\"member7\":");
	n += members(text + n, 200, 199);
	n += (size_t)sprintf(text + n, ",\"member8\":1}");
	ck_assert_int_eq(check(text, n, 2), 0);
	text[n - 4] = '7';
	ck_assert_int_ne(check(text, n, 2), 0);
}
END_TEST

START_TEST(integers_are_exact)
{
	static const struct {
		const char *text;
		int64_t value;
	} numbers[] = { { "0", 0 }, { "7", 7 },
		{ "9007199254740991", INT64_C(9007199254740991) },
		{ "9007199254740992", INT64_C(9007199254740992) },
		{ "9007199254740993", -1 }, { "10000000000000000", -1 },
		{ "9999999999999999", -1 }, { "18446744073709551617", -1 },
		{ "-0", -1 }, { "-1", -1 }, { "1.0", -1 }, { "1e3", -1 },
		{ "1E0", -1 }, { "1e400", -1 }, { "4294967296", 4294967296 },
		{ "2147483648", 2147483648 } };
	struct at_json json;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		at_json_begin(
		    &json, numbers[i].text, strlen(numbers[i].text), 1);
		ck_assert_int_eq(at_json_next(&json), AT_JSON_NUMBER);
		ck_assert_int_eq(json.integer, numbers[i].value);
		ck_assert_uint_eq(json.len, strlen(numbers[i].text));
		ck_assert_int_eq(at_json_next(&json), AT_JSON_END);
		ck_assert_int_eq(at_json_next(&json), AT_JSON_END);
	}
}
END_TEST

START_TEST(strings_mean_what_they_say)
{
	static const char text[] =
	    "[\"\\\"\\\\\\/"
	    "\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00z\","
	    "\"plain\",\"\"]";
	static const char means[] =
	    "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
	struct at_json json;
	char copy[sizeof(text)];

	memcpy(copy, text, sizeof(text));
	at_json_begin(&json, copy, strlen(copy), 2);
	ck_assert_int_eq(at_json_next(&json), AT_JSON_ARRAY);
	ck_assert_int_eq(at_json_next(&json), AT_JSON_STRING);
	ck_assert(json.escaped);
	ck_assert(at_json_is(&json, means));
	ck_assert(!at_json_is(&json, "\"\\/\b"));
	ck_assert(!at_json_means(&json, means, strlen(means) - 1));
	/* In place, as verify does it. */
	ck_assert_uint_eq(
	    at_json_copy(&json, copy + (json.start - copy)), strlen(means));
	ck_assert_str_eq(json.start, means);
	ck_assert_int_eq(at_json_next(&json), AT_JSON_STRING);
	ck_assert(at_json_is(&json, "plain"));
	ck_assert(!at_json_is(&json, "plai"));
	ck_assert(!at_json_is(&json, "plain "));
	ck_assert_int_eq(at_json_next(&json), AT_JSON_STRING);
	ck_assert(at_json_is(&json, ""));
	ck_assert_int_eq(at_json_next(&json), AT_JSON_ARRAY_END);
	ck_assert_int_eq(at_json_next(&json), AT_JSON_END);
}
END_TEST

START_TEST(names_are_packed_by_meaning)
{
	static const char text[] =
	    "{\"exp\":1,\"s\\u0075b\":2,\"epoch\":3,\"12345678\":4,"
	    "\"12345678\\u0065xp\":5,\"\":6,\"1234567\":7}";
	struct at_json json;
	uint64_t packed[7];
	size_t i;

	at_json_begin(&json, text, strlen(text), 2);
	ck_assert_int_eq(at_json_next(&json), AT_JSON_OBJECT);
	for (i = 0; i < 7; i++) {
		ck_assert_int_eq(at_json_next(&json), AT_JSON_NAME);
		packed[i] = json.packed;
		ck_assert_int_eq(at_json_next(&json), AT_JSON_NUMBER);
	}
	ck_assert(packed[0] == AT_JSON_PACK('e', 'x', 'p', 0, 0));
	ck_assert(packed[1] == AT_JSON_PACK('s', 'u', 'b', 0, 0));
	ck_assert(packed[2] == AT_JSON_PACK('e', 'p', 'o', 'c', 'h'));
	ck_assert(packed[3] == 0 && packed[4] == 0 && packed[5] == 0);
	ck_assert(packed[6] >> 48 == '7');
}
END_TEST

START_TEST(skip_passes_one_value)
{
	static const char text[] = "{\"a\":[1,{\"b\":[]},\"x\"],\"c\":2}";
	struct at_json json;

	at_json_begin(&json, text, strlen(text), 8);
	ck_assert_int_eq(at_json_next(&json), AT_JSON_OBJECT);
	ck_assert_int_eq(at_json_next(&json), AT_JSON_NAME);
	ck_assert(at_json_skip(&json, at_json_next(&json)));
	ck_assert_int_eq(at_json_next(&json), AT_JSON_NAME);
	ck_assert(at_json_is(&json, "c"));
	ck_assert(at_json_skip(&json, at_json_next(&json)));
	ck_assert_int_eq(at_json_next(&json), AT_JSON_OBJECT_END);
	ck_assert_int_eq(at_json_next(&json), AT_JSON_END);

	at_json_begin(&json, "[[1,}", 5, 8);
	ck_assert(!at_json_skip(&json, at_json_next(&json)));
	ck_assert_int_eq(at_json_next(&json), AT_JSON_ERROR);
}
END_TEST

/* Random edits of good texts: never a crash, always an answer. */
START_TEST(random_texts_are_survived)
{
	static const char bytes[] = "{}[]\",:\\u0123dDeEabn.+- \x80\xc3\xff";
	char text[64];
	size_t i, j, len;

	srand(2);
	for (i = 0; i < 200000; i++) {
		const char *from = accepted[(size_t)rand() %
		    (sizeof(accepted) / sizeof(accepted[0]))];

		len = strlen(from);
		if (len > sizeof(text))
			continue;
		memcpy(text, from, len);
		for (j = 0; j < 1 + i % 3 && len > 0; j++)
			text[(size_t)rand() % len] =
			    bytes[(size_t)rand() % sizeof(bytes)];
		check(text, len, 4);
	}
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("json");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, accepts);
	tcase_add_test(t, refuses);
	tcase_add_test(t, each_byte_at_each_place);
	tcase_add_test(t, truncations_and_extensions);
	tcase_add_test(t, names_the_fault_and_its_place);
	tcase_add_test(t, arguments);
	tcase_add_test(t, depth_is_exact);
	tcase_add_test(t, depth_is_bounded);
	tcase_add_test(t, members_are_bounded);
	tcase_add_test(t, names_survive_inner_objects);
	tcase_add_test(t, integers_are_exact);
	tcase_add_test(t, strings_mean_what_they_say);
	tcase_add_test(t, names_are_packed_by_meaning);
	tcase_add_test(t, skip_passes_one_value);
	tcase_add_test(t, random_texts_are_survived);
	return forge_run(t);
}
