/*
 * Codes, classes, sentences: total, and in step with the header.
 */
#include "forge.h"

static const enum authtok_err codes[] = { AUTHTOK_EINVAL, AUTHTOK_ENOMEM,
	AUTHTOK_ENOTSUP, AUTHTOK_ENOSPC, AUTHTOK_EWEAK, AUTHTOK_ENAMEFMT,
	AUTHTOK_EMAILFMT, AUTHTOK_EPWSHORT, AUTHTOK_EPWLONG, AUTHTOK_EPWFORM,
	AUTHTOK_EPWCOMMON, AUTHTOK_ENOROLE, AUTHTOK_ENOUSER, AUTHTOK_ENEWER,
	AUTHTOK_ECRYPTO, AUTHTOK_ESTORE, AUTHTOK_EBUSY, AUTHTOK_EFORMAT,
	AUTHTOK_EALG, AUTHTOK_EKEY, AUTHTOK_ESIG, AUTHTOK_EEXPIRED,
	AUTHTOK_EEARLY, AUTHTOK_ECLAIM, AUTHTOK_EUNKNOWN, AUTHTOK_EREVOKED,
	AUTHTOK_EREUSED, AUTHTOK_EPASSWORD, AUTHTOK_EDISABLED,
	AUTHTOK_ETAMPERED, AUTHTOK_ENAME, AUTHTOK_EEMAIL, AUTHTOK_ESTALE,
	AUTHTOK_ECHANGED, AUTHTOK_EROLE, AUTHTOK_ESIGNUPROLE,
	AUTHTOK_ETHROTTLED };

#define COUNT (sizeof(codes) / sizeof(codes[0]))

START_TEST(every_code_has_its_class_and_sentence)
{
	size_t i, j;

	for (i = 0; i < COUNT; i++) {
		ck_assert_uint_eq(
		    authtok_err_class(codes[i]), (unsigned)codes[i] >> 8);
		ck_assert_str_ne(authtok_strerror(codes[i]), "unknown error");
		for (j = 0; j < i; j++)
			ck_assert_str_ne(authtok_strerror(codes[i]),
			    authtok_strerror(codes[j]));
	}
	ck_assert_int_eq(authtok_err_class(AUTHTOK_OK), AUTHTOK_CLASS_OK);
	ck_assert_str_eq(authtok_strerror(AUTHTOK_OK), "success");
}
END_TEST

START_TEST(the_classes_are_those_of_the_header)
{
	ck_assert_int_eq(
	    authtok_err_class(AUTHTOK_EWEAK), AUTHTOK_CLASS_CALLER);
	ck_assert_int_eq(
	    authtok_err_class(AUTHTOK_EBUSY), AUTHTOK_CLASS_SYSTEM);
	ck_assert_int_eq(
	    authtok_err_class(AUTHTOK_EPASSWORD), AUTHTOK_CLASS_DENIED);
	ck_assert_int_eq(
	    authtok_err_class(AUTHTOK_ESTALE), AUTHTOK_CLASS_CONFLICT);
	ck_assert_int_eq(
	    authtok_err_class(AUTHTOK_EROLE), AUTHTOK_CLASS_FORBIDDEN);
	ck_assert_int_eq(
	    authtok_err_class(AUTHTOK_ETHROTTLED), AUTHTOK_CLASS_THROTTLED);
}
END_TEST

START_TEST(no_other_number_is_a_code)
{
	size_t known = 0;
	int n;

	for (n = 1; n < 0x800; n++) {
		if (strcmp(authtok_strerror((enum authtok_err)n),
			"unknown error") != 0) {
			known++;
			continue;
		}
		ck_assert_int_eq(authtok_err_class((enum authtok_err)n),
		    AUTHTOK_CLASS_SYSTEM);
	}
	ck_assert_uint_eq(known, COUNT);
	ck_assert_int_eq(authtok_err_class((enum authtok_err)0x7fffffff),
	    AUTHTOK_CLASS_SYSTEM);
}
END_TEST

START_TEST(the_version_is_the_headers)
{
	ck_assert_str_eq(authtok_version(), AUTHTOK_VERSION);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("err");

	tcase_add_test(t, every_code_has_its_class_and_sentence);
	tcase_add_test(t, the_classes_are_those_of_the_header);
	tcase_add_test(t, no_other_number_is_a_code);
	tcase_add_test(t, the_version_is_the_headers);
	return forge_run(t);
}
