/*
 * Request bodies: content types, JSON, forms, members.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/body.h"
#include "authd/form.h"

static char why[BODY_WHY_MAX];

static cJSON *
parse(enum body_type type, const char *text)
{
	cJSON *body = NULL;

	ck_assert_msg(
	    body_parse(type, text, strlen(text), &body, why) == BODY_OK,
	    "%s: %s", text, why);
	return body;
}

static void
refused(enum body_type type, const char *text, size_t len)
{
	cJSON *body = NULL;

	why[0] = '\0';
	ck_assert_msg(body_parse(type, text, len, &body, why) == BODY_BAD,
	    "taken: %s", text);
	ck_assert_ptr_null(body);
	ck_assert_str_ne(why, "");
}

static void
has(const cJSON *body, const char *name, const char *value)
{
	const char *text = NULL;

	ck_assert_int_eq(body_string(body, name, &text), BODY_FOUND);
	ck_assert_str_eq(text, value);
}

START_TEST(content_types)
{
	static const char *const json[] = { "application/json",
		"Application/JSON", "application/json; charset=utf-8",
		"application/json;charset=\"UTF-8\"",
		" application/json ; charset=utf-8 ; x=y " };
	static const char *const other[] = { "", "text/plain",
		"application/jsonx", "application/json; charset=latin1",
		"application/json, text/plain", "application/json x",
		"multipart/form-data; boundary=x",
		"application/json; charset=utf-88" };

	ck_assert_int_eq(body_type(NULL), BODY_NONE);
	for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
		ck_assert_msg(body_type(json[i]) == BODY_JSON, "%s", json[i]);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		ck_assert_msg(
		    body_type(other[i]) == BODY_OTHER, "%s", other[i]);
	ck_assert_int_eq(
	    body_type("application/x-www-form-urlencoded; charset=UTF-8"),
	    BODY_FORM);
}
END_TEST

START_TEST(an_empty_body_has_no_members)
{
	static const enum body_type types[] = { BODY_NONE, BODY_JSON,
		BODY_FORM };
	const char *text;

	for (size_t i = 0; i < 3; i++) {
		cJSON *body = parse(types[i], "");

		ck_assert_int_eq(body_string(body, "a", &text), BODY_MISSING);
		body_free(body);
	}
}
END_TEST

START_TEST(a_body_without_type)
{
	cJSON *body = NULL;

	ck_assert_int_eq(
	    body_parse(BODY_NONE, "{}", 2, &body, why), BODY_MEDIA);
}
END_TEST

START_TEST(json_members)
{
	cJSON *body = parse(BODY_JSON,
	    "{\"a\":\"x\",\"A\":\"y\",\"n\":null,\"i\":1,\"l\":[\"p\",\"q\"],"
	    "\"m\":[\"p\",1],\"o\":{}}");
	const char *text, *list[1];
	size_t count = 0;

	has(body, "a", "x");
	has(body, "A", "y");
	ck_assert_int_eq(body_string(body, "n", &text), BODY_MISSING);
	ck_assert_int_eq(body_string(body, "z", &text), BODY_MISSING);
	ck_assert_int_eq(body_string(body, "i", &text), BODY_WRONG);
	ck_assert_int_eq(body_string(body, "l", &text), BODY_WRONG);
	ck_assert_int_eq(body_string(body, "o", &text), BODY_WRONG);
	/* more than there is room for is counted, not stored */
	ck_assert_int_eq(body_strings(body, "l", list, 1, &count), BODY_FOUND);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(list[0], "p");
	ck_assert_int_eq(body_strings(body, "m", list, 1, &count), BODY_WRONG);
	ck_assert_int_eq(body_strings(body, "a", list, 1, &count), BODY_WRONG);
	ck_assert_int_eq(
	    body_strings(body, "n", list, 1, &count), BODY_MISSING);
	body_free(body);
}
END_TEST

START_TEST(bad_json)
{
	static const char deep[] =
	    "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]"
	    "]]]]]]}";
	static const char *const bad[] = { "{", "[]", "1", "null", "\"a\"",
		"{} x", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}",
		"{\"a\":\"\xff\"}", "{\"a\":01}", " " };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(BODY_JSON, bad[i], strlen(bad[i]));
	refused(BODY_JSON, "{}\0", 3);
	/* 33 deep */
	refused(BODY_JSON, deep, strlen(deep));
	/* one bracket less is 32 deep */
	body_free(parse(BODY_JSON,
	    "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]"
	    "]]]]]]]]]}"));
}
END_TEST

START_TEST(forms)
{
	cJSON *body = parse(BODY_FORM,
	    "&a=x+y%20z&&b=%22%5C%0a%c3%a9&c&d==&=e&roles=p&roles%5B%5D=q");
	const char *list[2];
	size_t count;

	has(body, "a", "x y z");
	has(body, "b", "\"\\\n\xc3\xa9");
	has(body, "c", "");
	has(body, "d", "=");
	has(body, "", "e");
	ck_assert_int_eq(
	    body_strings(body, "roles", list, 2, &count), BODY_FOUND);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(list[0], "p");
	ck_assert_str_eq(list[1], "q");
	body_free(body);
	body = parse(BODY_FORM, "a=1");
	ck_assert_int_eq(
	    body_strings(body, "roles", list, 2, &count), BODY_MISSING);
	body_free(body);
	body = parse(BODY_FORM, "roles=user");
	ck_assert_int_eq(
	    body_strings(body, "roles", list, 2, &count), BODY_FOUND);
	ck_assert_uint_eq(count, 1);
	body_free(body);
	body_free(parse(BODY_FORM, "&&"));
}
END_TEST

START_TEST(bad_forms)
{
	static const char *const bad[] = { "a=%", "a=%4", "a=%4g", "%=a",
		"a=%00", "a=%ff", "a=\xff", "a=1&a=2", "a=1&%61=2", "roles=%zz",
		"roles=%ed%a0%80" };
	char many[5 * 600 + 1] = "";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(BODY_FORM, bad[i], strlen(bad[i]));
	for (size_t i = 0; i < 600; i++)
		snprintf(many + 5 * i, 6, "%04zu&", i);
	refused(BODY_FORM, many, strlen(many));
	refused(BODY_FORM, "a=\0", 3);
}
END_TEST

START_TEST(the_largest_json_of_a_form_fits)
{
	static const char *const units[] = { "a&", "\x01&", "=&", "\"&", "\x01",
		"roles=&", "%01" };
	enum {
		LEN = 3000
	};
	char form[LEN];
	char *json = malloc(FORM_JSON_SIZE(LEN));
	size_t json_len;

	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		size_t unit = strlen(units[u]);
		size_t len = LEN / unit * unit;

		for (size_t i = 0; i < len; i++)
			form[i] = units[u][i % unit];
		ck_assert_msg(
		    form_to_json(form, len, json, &json_len), "%zu", u);
	}
	free(json);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("body");
	TCase *tcase = tcase_create("body");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, content_types);
	tcase_add_test(tcase, an_empty_body_has_no_members);
	tcase_add_test(tcase, a_body_without_type);
	tcase_add_test(tcase, json_members);
	tcase_add_test(tcase, bad_json);
	tcase_add_test(tcase, forms);
	tcase_add_test(tcase, bad_forms);
	tcase_add_test(tcase, the_largest_json_of_a_form_fits);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
