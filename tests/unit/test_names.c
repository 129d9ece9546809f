/*
 * Forms of user names and e-mail addresses, and comparing without case.
 */
#include "account/names.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(names_taken)
{
	static const char *const good[] = { "a", "Z", "0", "._@+-",
		"anna.b-c_d+e@example", "AZaz09" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(at_name_valid(good[i]), "%s", good[i]);
}
END_TEST

START_TEST(names_refused)
{
	static const char *const bad[] = { "", " ", "a b", "a\n", "a/b", "a:b",
		"a,b", "caf\xc3\xa9", "a\x7f", "a\x01", "<a>", "'", "\"",
		"a%00", "[a]", "`", "{", "a\xff" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!at_name_valid(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(every_byte_of_a_name)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";
	char name[2] = "";
	int c;

	for (c = 1; c < 256; c++) {
		name[0] = (char)c;
		ck_assert_int_eq(
		    at_name_valid(name), strchr(allowed, c) != NULL);
	}
}
END_TEST

START_TEST(length_of_a_name)
{
	char name[66];

	memset(name, 'n', sizeof(name));
	name[65] = '\0';
	ck_assert(!at_name_valid(name));
	name[64] = '\0';
	ck_assert(at_name_valid(name));
}
END_TEST

START_TEST(addresses_taken)
{
	static const char *const good[] = { "a@b", "anna@example.org",
		"!#$%&'*+/=?^_`{|}~@x", "\"q\"@x" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(at_email_valid(good[i]), "%s", good[i]);
}
END_TEST

START_TEST(addresses_refused)
{
	static const char *const bad[] = { "", "@", "a@", "@b", "a", "a@b@c",
		"a@@b", "@a@b", "a b@c", "a@b ", "a\t@b", "a@b\n", "\x7f@b",
		"\xc3\xa9@b", "a@b\x80", "a@@" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!at_email_valid(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(length_of_an_address)
{
	char email[256];

	memset(email, 'm', sizeof(email));
	email[1] = '@';
	email[255] = '\0';
	ck_assert(!at_email_valid(email));
	email[254] = '\0';
	ck_assert(at_email_valid(email));
}
END_TEST

START_TEST(folding_is_ascii)
{
	int c;

	for (c = 0; c < 256; c++)
		ck_assert_uint_eq(at_fold((unsigned char)c),
		    c >= 'A' && c <= 'Z' ? (unsigned)c + 32 : (unsigned)c);
	ck_assert(at_fold_equal("AnNa", 4, "aNnA"));
	ck_assert(at_fold_equal("", 0, ""));
	ck_assert(!at_fold_equal("anna", 4, "ann"));
	ck_assert(!at_fold_equal("anna", 3, "anna"));
	ck_assert(!at_fold_equal("anna", 4, "annb"));
	ck_assert(!at_fold_equal("@", 1, "`"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("names");
	TCase *tcase = tcase_create("names");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, names_taken);
	tcase_add_test(tcase, names_refused);
	tcase_add_test(tcase, every_byte_of_a_name);
	tcase_add_test(tcase, length_of_a_name);
	tcase_add_test(tcase, addresses_taken);
	tcase_add_test(tcase, addresses_refused);
	tcase_add_test(tcase, length_of_an_address);
	tcase_add_test(tcase, folding_is_ascii);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
