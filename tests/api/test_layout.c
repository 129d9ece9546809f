/*
 * The layout of the vtable and of the records, pinned to their version: who
 * changes one without bumping AUTHTOK_STORE_VERSION fails here.
 */
#include <authtok/account.h>
#include <authtok/session.h>
#include <authtok/store.h>

#include <check.h>
#include <stdlib.h>

START_TEST(vtable_is_pinned_to_its_version)
{
	ck_assert_uint_eq(AUTHTOK_STORE_VERSION, 4);
	ck_assert_uint_eq(
	    sizeof(struct authtok_store_ops), 24 * sizeof(void *));
	ck_assert_uint_eq(offsetof(struct authtok_store_ops, version), 0);
	ck_assert_uint_eq(
	    offsetof(struct authtok_store_ops, close), sizeof(void *));
	ck_assert_uint_eq(offsetof(struct authtok_store_ops, session_update),
	    11 * sizeof(void *));
	ck_assert_uint_eq(offsetof(struct authtok_store_ops, session_change),
	    12 * sizeof(void *));
	ck_assert_uint_eq(
	    offsetof(struct authtok_store_ops, purge), 18 * sizeof(void *));
	ck_assert_uint_eq(offsetof(struct authtok_store_ops, audit_append),
	    19 * sizeof(void *));
	ck_assert_uint_eq(
	    offsetof(struct authtok_store_ops, explain), 23 * sizeof(void *));
}
END_TEST

START_TEST(records_are_pinned_to_their_version)
{
	ck_assert_uint_eq(sizeof(struct authtok_user), 1280);
	ck_assert_uint_eq(sizeof(struct authtok_session), 504);
	ck_assert_uint_eq(sizeof(struct authtok_owner), 552);
	ck_assert_uint_eq(sizeof(struct authtok_revocation), 56);
	ck_assert_uint_eq(sizeof(struct authtok_audit_record), 296);
	ck_assert_uint_eq(sizeof(struct authtok_act), 48);
	ck_assert_uint_eq(sizeof(struct authtok_change), 24);
}
END_TEST

START_TEST(error_values_are_abi)
{
	ck_assert_int_eq(AUTHTOK_EINVAL, 0x101);
	ck_assert_int_eq(AUTHTOK_ENEWER, 0x10e);
	ck_assert_int_eq(AUTHTOK_EBUSY, 0x203);
	ck_assert_int_eq(AUTHTOK_EDISABLED, 0x30c);
	ck_assert_int_eq(AUTHTOK_ECHANGED, 0x404);
	ck_assert_int_eq(AUTHTOK_ESIGNUPROLE, 0x502);
	ck_assert_int_eq(AUTHTOK_ETHROTTLED, 0x601);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("layout");
	TCase *tcase = tcase_create("layout");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, vtable_is_pinned_to_its_version);
	tcase_add_test(tcase, records_are_pinned_to_their_version);
	tcase_add_test(tcase, error_values_are_abi);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
