/*
 * Which bytes a header's name and a Host may have: each of the 255, in a head as
 * CivetWeb leaves it, with NUL where it cut. And what a list has.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "authd/http_check.h"

#define ALNUM        \
	"0123456789" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static char memory[256];
static size_t used;

static char *
put(const char *bytes, size_t len)
{
	char *at = memory + used;

	ck_assert_uint_lt(used + len, sizeof(memory));
	memcpy(at, bytes, len);
	used += len;
	return at;
}

#define PUT(text) put(text, sizeof(text) - 1)

static struct http_field
field(const char *name, const char *value)
{
	struct http_field f = { .name_len = strlen(name) };

	f.name = put(name, f.name_len);
	PUT("\0");
	f.value = put(value, strlen(value));
	PUT("\0\n");
	return f;
}

/* GET / HTTP/1.1 with this Host and one more field. */
static int
check_head(const char *host, const char *name)
{
	struct http_head head = { .count = 2 };

	memset(memory, 0, sizeof(memory));
	used = 0;
	head.method = PUT("GET\0");
	head.target = PUT("/\0");
	PUT("HTTP/");
	head.version = PUT("1.1\0\n");
	head.fields[0] = field("Host", host);
	head.fields[1] = field(name, "1");
	for (size_t i = 0; i < head.count; i++)
		head.lengths |= http_length_bit(head.fields[i].name_len);
	/* the last line end, and the empty line */
	used--;
	PUT("\0\r");
	return http_check_head(&head);
}

START_TEST(a_plain_head_is_good)
{
	ck_assert_int_eq(check_head("example.org:80", "X-Y"), 0);
	ck_assert_int_eq(check_head("[::1]:80", "x"), 0);
	ck_assert_int_eq(check_head("", "x"), 0);
	ck_assert_int_eq(check_head("example.org", ""), 400);
}
END_TEST

START_TEST(bytes_of_a_name)
{
	char text[] = { 'a', (char)_i, 'b', '\0' };
	bool good = strchr(ALNUM "!#$%&'*+-.^_`|~", _i) != NULL;

	ck_assert_int_eq(check_head("h", text), good ? 0 : 400);
}
END_TEST

START_TEST(bytes_of_a_host)
{
	char text[] = { 'a', (char)_i, 'b', '\0' };
	bool good = strchr(ALNUM "-._~%!$&'()*+;=:[]", _i) != NULL;

	ck_assert_int_eq(check_head(text, "x"), good ? 0 : 400);
}
END_TEST

/* Commas part a list, blanks do not: the library closes after such a one. */
START_TEST(members_of_a_list)
{
	ck_assert(http_list_has("keep-alive", "keep-alive"));
	ck_assert(http_list_has(" x ,\t,Keep-Alive\t", "keep-alive"));
	ck_assert(http_list_has("close,", "close"));
	ck_assert(!http_list_has("x keep-alive", "keep-alive"));
	ck_assert(!http_list_has("keep-alive x", "keep-alive"));
	ck_assert(!http_list_has("keep-alives", "keep-alive"));
	ck_assert(!http_list_has("", "keep-alive"));
	ck_assert(!http_list_has(" , ", "keep-alive"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http_check");
	TCase *tc = tcase_create("http_check");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, a_plain_head_is_good);
	tcase_add_loop_test(tc, bytes_of_a_name, 1, 256);
	tcase_add_loop_test(tc, bytes_of_a_host, 1, 256);
	tcase_add_test(tc, members_of_a_list);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
