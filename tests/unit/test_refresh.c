/*
 * The refresh token codec: known answers computed by another program, every
 * refusal, and that no second spelling of a token is taken.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session/refresh.h"

/*
 * By Python's hmac: secret 00..1f, kid 7, sid a0..af, seed 50..5f, generation
 * 0x01020304, branch 0x05060708.
 */
static const char known[] =
    "art1_B6ChoqOkpaanqKmqq6ytrq8BAgMEBQYHCCoZJwkrmFpVOUiXB6Nd9C-KszDENlNL"
    "6TUurrIRvGGc";
static const uint8_t known_retry[] = { 0x94, 0xb1, 0x85, 0x85, 0xa7, 0x16, 0x0d,
	0x09 }; /* of "retry-key-1" */

static struct at_refresh *refresh;
static struct authtok_session row;

static void
fill(uint8_t *p, size_t n, uint8_t from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(from + i);
}

static struct at_refresh *
make_refresh(unsigned number, uint8_t from, unsigned old, uint8_t old_from)
{
	struct at_refresh *made = NULL;
	struct authtok_keys *keys;
	uint8_t secret[32];

	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	fill(secret, sizeof(secret), from);
	ck_assert_int_eq(authtok_keys_add_refresh(
			     keys, number, secret, sizeof(secret), true),
	    AUTHTOK_OK);
	if (old != number) {
		fill(secret, sizeof(secret), old_from);
		ck_assert_int_eq(authtok_keys_add_refresh(
				     keys, old, secret, sizeof(secret), false),
		    AUTHTOK_OK);
	}
	ck_assert_int_eq(at_refresh_new(keys, &made), AUTHTOK_OK);
	authtok_keys_free(keys);
	return made;
}

static void
setup(void)
{
	memset(&row, 0, sizeof(row));
	fill(row.sid, sizeof(row.sid), 0xa0);
	fill(row.seed, sizeof(row.seed), 0x50);
	row.gen = 0x01020304;
	row.branch = 0x05060708;
	refresh = make_refresh(7, 0, 7, 0);
}

static void
teardown(void)
{
	at_refresh_free(refresh);
}

static enum authtok_err
parse(const char *text)
{
	struct at_refresh_token token;

	return at_refresh_parse(refresh, text, strlen(text), &token);
}

START_TEST(known_token)
{
	char text[AUTHTOK_REFRESH_LEN + 1];

	ck_assert_uint_eq(strlen(known), AUTHTOK_REFRESH_LEN);
	ck_assert_int_eq(at_refresh_make(refresh, &row, text), AUTHTOK_OK);
	ck_assert_str_eq(text, known);
}
END_TEST

START_TEST(known_token_reads_back)
{
	struct at_refresh_token token;

	ck_assert_int_eq(
	    at_refresh_parse(refresh, known, strlen(known), &token),
	    AUTHTOK_OK);
	ck_assert_uint_eq(token.kid, 7);
	ck_assert_uint_eq(token.gen, row.gen);
	ck_assert_uint_eq(token.branch, row.branch);
	ck_assert_mem_eq(token.sid, row.sid, sizeof(row.sid));
	ck_assert_int_eq(
	    at_refresh_check(refresh, &token, row.seed), AUTHTOK_OK);
}
END_TEST

START_TEST(known_retry_mac)
{
	uint8_t mac[AUTHTOK_RETRY_LEN];
	const char *key = "retry-key-1";

	ck_assert_int_eq(
	    at_refresh_retry(refresh, row.seed, key, strlen(key), mac),
	    AUTHTOK_OK);
	ck_assert_mem_eq(mac, known_retry, sizeof(mac));
	ck_assert_int_eq(
	    at_refresh_retry(refresh, row.seed, key, strlen(key) - 1, mac),
	    AUTHTOK_OK);
	ck_assert_mem_ne(mac, known_retry, sizeof(mac));
}
END_TEST

START_TEST(length_and_prefix_are_exact)
{
	char text[AUTHTOK_REFRESH_LEN + 2];
	struct at_refresh_token token;

	strcpy(text, known);
	for (size_t len = 0; len < AUTHTOK_REFRESH_LEN; len++)
		ck_assert_int_eq(at_refresh_parse(refresh, text, len, &token),
		    AUTHTOK_EFORMAT);
	strcat(text, "=");
	ck_assert_int_eq(parse(text), AUTHTOK_EFORMAT);
	/* the NUL is no part of a token */
	ck_assert_int_eq(
	    at_refresh_parse(refresh, known, AUTHTOK_REFRESH_LEN + 1, &token),
	    AUTHTOK_EFORMAT);
	for (size_t i = 0; i < 5; i++) {
		strcpy(text, known);
		text[i] = (char)(text[i] ^ 0x20);
		ck_assert_int_eq(parse(text), AUTHTOK_EFORMAT);
	}
}
END_TEST

/* Whatever stands in a place instead of its character, it is refused. */
START_TEST(no_second_spelling)
{
	char text[AUTHTOK_REFRESH_LEN + 1];

	for (size_t i = 0; i < AUTHTOK_REFRESH_LEN; i++)
		for (int c = 0; c < 256; c++) {
			enum authtok_err err;
			struct at_refresh_token token;

			if (c == (unsigned char)known[i])
				continue;
			strcpy(text, known);
			text[i] = (char)c;
			err = at_refresh_parse(
			    refresh, text, AUTHTOK_REFRESH_LEN, &token);
			ck_assert(err == AUTHTOK_EFORMAT ||
			    err == AUTHTOK_ESIG || err == AUTHTOK_EKEY);
		}
}
END_TEST

START_TEST(refusals_have_their_codes)
{
	char text[AUTHTOK_REFRESH_LEN + 1];

	strcpy(text, known);
	text[5] = 'C'; /* kid 11 */
	ck_assert_int_eq(parse(text), AUTHTOK_EKEY);
	strcpy(text, known);
	text[40] = text[40] == 'x' ? 'y' : 'x';
	ck_assert_int_eq(parse(text), AUTHTOK_ESIG);
	strcpy(text, known);
	text[80] = text[80] == 'x' ? 'y' : 'x';
	ck_assert_int_eq(parse(text), AUTHTOK_ESIG);
	strcpy(text, known);
	text[40] = '+';
	ck_assert_int_eq(parse(text), AUTHTOK_EFORMAT);
}
END_TEST

/* The key alone forges nothing: S needs the row. */
START_TEST(s_needs_the_seed_and_each_number)
{
	struct at_refresh_token token, other;
	uint8_t seed[AUTHTOK_SEED_LEN];

	ck_assert_int_eq(
	    at_refresh_parse(refresh, known, strlen(known), &token),
	    AUTHTOK_OK);
	for (size_t i = 0; i < sizeof(seed); i++) {
		memcpy(seed, row.seed, sizeof(seed));
		seed[i] ^= 1;
		ck_assert_int_eq(
		    at_refresh_check(refresh, &token, seed), AUTHTOK_ESIG);
	}
	for (size_t i = 0; i < AT_REFRESH_TAG; i++) {
		other = token;
		other.s[i] ^= 0x80;
		ck_assert_int_eq(
		    at_refresh_check(refresh, &other, row.seed), AUTHTOK_ESIG);
	}
	other = token;
	other.gen++;
	ck_assert_int_eq(
	    at_refresh_check(refresh, &other, row.seed), AUTHTOK_ESIG);
	other = token;
	other.branch++;
	ck_assert_int_eq(
	    at_refresh_check(refresh, &other, row.seed), AUTHTOK_ESIG);
	other = token;
	other.sid[15]++;
	ck_assert_int_eq(
	    at_refresh_check(refresh, &other, row.seed), AUTHTOK_ESIG);
	other = token;
	other.kid++;
	ck_assert_int_eq(
	    at_refresh_check(refresh, &other, row.seed), AUTHTOK_EKEY);
}
END_TEST

/* Another database's key makes other tokens, also under the same number. */
START_TEST(keys_are_apart)
{
	struct at_refresh *other = make_refresh(7, 1, 7, 1);
	struct at_refresh *moved = make_refresh(8, 0, 8, 0);
	char a[AUTHTOK_REFRESH_LEN + 1], b[AUTHTOK_REFRESH_LEN + 1];

	ck_assert_int_eq(at_refresh_make(other, &row, a), AUTHTOK_OK);
	ck_assert_int_eq(parse(a), AUTHTOK_ESIG);
	/* the number is part of the derivation */
	ck_assert_int_eq(at_refresh_make(moved, &row, b), AUTHTOK_OK);
	ck_assert_int_eq(parse(b), AUTHTOK_EKEY);
	b[5] = known[5];
	b[6] = known[6];
	ck_assert_int_eq(parse(b), AUTHTOK_ESIG);
	at_refresh_free(other);
	at_refresh_free(moved);
}
END_TEST

START_TEST(a_retired_key_still_reads)
{
	struct at_refresh *newer = make_refresh(9, 0x40, 7, 0);
	struct at_refresh_token token;
	char text[AUTHTOK_REFRESH_LEN + 1];

	ck_assert_int_eq(
	    at_refresh_parse(newer, known, strlen(known), &token), AUTHTOK_OK);
	ck_assert_int_eq(at_refresh_check(newer, &token, row.seed), AUTHTOK_OK);
	ck_assert_int_eq(at_refresh_make(newer, &row, text), AUTHTOK_OK);
	ck_assert_int_eq(
	    at_refresh_parse(newer, text, strlen(text), &token), AUTHTOK_OK);
	ck_assert_uint_eq(token.kid, 9);
	ck_assert_uint_eq(token.gen, row.gen);
	at_refresh_free(newer);
}
END_TEST

START_TEST(one_secret_must_be_current)
{
	struct at_refresh *made = NULL;
	struct authtok_keys *keys;
	uint8_t secret[32];

	fill(secret, sizeof(secret), 1);
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(at_refresh_new(keys, &made), AUTHTOK_EKEY);
	ck_assert_int_eq(
	    authtok_keys_add_refresh(keys, 1, secret, sizeof(secret), false),
	    AUTHTOK_OK);
	ck_assert_int_eq(at_refresh_new(keys, &made), AUTHTOK_EKEY);
	for (unsigned number = 2; number < 4; number++)
		ck_assert_int_eq(authtok_keys_add_refresh(keys, number, secret,
				     sizeof(secret), true),
		    AUTHTOK_OK);
	ck_assert_int_eq(at_refresh_new(keys, &made), AUTHTOK_EKEY);
	ck_assert_ptr_null(made);
	authtok_keys_free(keys);
	at_refresh_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("refresh");
	TCase *tc = tcase_create("codec");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, known_token);
	tcase_add_test(tc, known_token_reads_back);
	tcase_add_test(tc, known_retry_mac);
	tcase_add_test(tc, length_and_prefix_are_exact);
	tcase_add_test(tc, no_second_spelling);
	tcase_add_test(tc, refusals_have_their_codes);
	tcase_add_test(tc, s_needs_the_seed_and_each_number);
	tcase_add_test(tc, keys_are_apart);
	tcase_add_test(tc, a_retired_key_still_reads);
	tcase_add_test(tc, one_secret_must_be_current);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
