/*
 * Common passwords: the table itself, the rules, and what must pass.
 */
#include "account/blocklist.h"

#include <authtok/account.h>

#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool
common(const char *password)
{
	return at_password_common(
	    password, strlen(password), "anna.smith", "anna@example.org");
}

START_TEST(table_is_sorted_and_well_formed)
{
	size_t i, j;

	ck_assert_uint_ge(at_common_password_count, 500);
	for (i = 0; i < at_common_password_count; i++) {
		const char *word = at_common_passwords[i];

		ck_assert_uint_ge(
		    strnlen(word, AT_COMMON_WIDTH), AUTHTOK_PASSWORD_MIN);
		ck_assert_uint_lt(
		    strnlen(word, AT_COMMON_WIDTH), AT_COMMON_WIDTH);
		for (j = 0; word[j] != '\0'; j++)
			ck_assert(isgraph((unsigned char)word[j]) &&
			    !isupper((unsigned char)word[j]));
		if (i > 0)
			ck_assert_msg(
			    strcmp(at_common_passwords[i - 1], word) < 0, "%s",
			    word);
	}
}
END_TEST

START_TEST(every_entry_is_found)
{
	char upper[AT_COMMON_WIDTH];
	size_t i, j;

	for (i = 0; i < at_common_password_count; i++) {
		ck_assert_msg(common(at_common_passwords[i]), "%s",
		    at_common_passwords[i]);
		for (j = 0; j < AT_COMMON_WIDTH; j++)
			upper[j] = (char)toupper(
			    (unsigned char)at_common_passwords[i][j]);
		ck_assert_msg(common(upper), "%s", upper);
	}
}
END_TEST

START_TEST(the_usual_ones)
{
	static const char *const bad[] = { "12345678", "123456789",
		"1234567890", "password", "Password", "PASSWORD1", "password1",
		"iloveyou", "sunshine", "princess", "football", "baseball",
		"trustno1", "superman", "P@ssw0rd", "qwerty123", "1q2w3e4r",
		"admin123", "letmein1", "welcome1" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(common(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(patterns)
{
	static const char *const bad[] = { "aaaaaaaa", "zzzzzzzzzzzzzzzzzzzz",
		"abababab", "ababababa", "abcabcab", "abcdabcd", "xyz9xyz9xy",
		"12121212", "        ", "23456789", "34567890123", "98765432",
		"43210987", "abcdefgh", "ABCDEFGH", "stuvwxyz", "hgfedcba",
		"qwertyui", "ertyuiop", "poiuytre", "asdfghjk", "lkjhgfds",
		"QWERTYUIOP", "qwertzui", "azertyui", "1qaz2wsx", "xsw2zaq1",
		"!@#$%^&*", "*&^%$#@!", "567890qwerty", "zxcvbnm," };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(common(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(own_name_and_address)
{
	ck_assert(common("anna.smith"));
	ck_assert(common("ANNA.Smith"));
	ck_assert(common("anna@example.org"));
	ck_assert(common("Anna@Example.ORG"));
	ck_assert(!common("anna.smith.of.the.hill"));
	ck_assert(!at_password_common("anna.smith", 10, NULL, NULL));
	ck_assert(at_password_common("password", 8, NULL, NULL));
}
END_TEST

START_TEST(good_ones_pass)
{
	static const char *const good[] = { "correct horse battery staple",
		"open sesame 42", "7Hqz!mWp", "gr\xc3\xbcn und rot",
		"tr0ub4dor&3", "abcdefgh and more", "aaaaaaab", "abababac",
		"12345678 is bad", "quiet-river-17", "xkcd936!",
		"\xe5\xaf\x86\xe7\xa0\x81\xe5\xad\x97", "13579bdf",
		"passwords are hard to choose" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(!common(good[i]), "%s", good[i]);
}
END_TEST

START_TEST(length_is_respected)
{
	char longest[AUTHTOK_PASSWORD_MAX];

	/* the bytes after it do not count */
	ck_assert(at_password_common("passwordX", 8, NULL, NULL));
	ck_assert(!at_password_common("passwordX", 9, NULL, NULL));
	/* judged elsewhere */
	ck_assert(!at_password_common("aaaa", 4, NULL, NULL));
	memset(longest, 'a', sizeof(longest));
	ck_assert(at_password_common(longest, sizeof(longest), NULL, NULL));
	longest[sizeof(longest) - 1] = 'b';
	ck_assert(!at_password_common(longest, sizeof(longest), NULL, NULL));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("blocklist");
	TCase *tcase = tcase_create("blocklist");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, table_is_sorted_and_well_formed);
	tcase_add_test(tcase, every_entry_is_found);
	tcase_add_test(tcase, the_usual_ones);
	tcase_add_test(tcase, patterns);
	tcase_add_test(tcase, own_name_and_address);
	tcase_add_test(tcase, good_ones_pass);
	tcase_add_test(tcase, length_is_respected);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
