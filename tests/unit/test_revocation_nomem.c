/*
 * The revocation set without memory for a larger table: it takes what it has
 * room for, says what it cannot take, and forgets nothing. Memory is there when
 * a test says so (tests/flags.mk).
 */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include <authtok.h>

#include "token/revocation.h"

#define NOW  1000
#define ROOM 1024 /* places that a set has at first */

static bool scarce;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
	return scarce ? NULL : __real_calloc(count, size);
}

static enum authtok_err
add(struct authtok_revocations *set, int64_t user_id)
{
	const struct authtok_revocation event = {
		.user_id = user_id, .epoch = 5, .until = NOW + 3600
	};

	return authtok_revocations_add(set, &event, 1, NOW);
}

static void
expect_up_to(const struct authtok_revocations *set, int64_t last)
{
	ck_assert_uint_eq(authtok_revocations_count(set), (size_t)last);
	for (int64_t id = 1; id <= last + 100; id++)
		ck_assert_msg(at_revoked(set, NULL, id, 4) == (id <= last),
		    "user %lld", (long long)id);
}

START_TEST(takes_what_it_has_room_for)
{
	struct authtok_revocations *set = NULL;
	const int64_t last = ROOM / 8 * 7;

	ck_assert_int_eq(authtok_revocations_new(&set), AUTHTOK_OK);
	scarce = true;
	for (int64_t id = 1; id <= last; id++)
		ck_assert_int_eq(add(set, id), AUTHTOK_OK);
	ck_assert_int_eq(add(set, last + 1), AUTHTOK_ENOMEM);
	expect_up_to(set, last);
	scarce = false;
	for (int64_t id = last + 1; id <= ROOM; id++)
		ck_assert_int_eq(add(set, id), AUTHTOK_OK);
	expect_up_to(set, ROOM);
	authtok_revocations_free(set);
}
END_TEST

START_TEST(is_not_there_without)
{
	struct authtok_revocations *set = NULL;

	scarce = true;
	ck_assert_int_eq(authtok_revocations_new(&set), AUTHTOK_ENOMEM);
	ck_assert_ptr_null(set);
	scarce = false;
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("revocation_nomem");
	TCase *tc = tcase_create("nomem");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, takes_what_it_has_room_for);
	tcase_add_test(tc, is_not_there_without);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
