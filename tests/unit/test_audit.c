/*
 * The audit chain: what it covers, and that whatever of it is altered shows.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "audit_log.h"

START_TEST(events_have_names)
{
	static const char *const names[] = { "?", "signup", "signin",
		"signin-failed", "reuse", "forward", "signout", "revoke",
		"password", "roles", "disable", "enable", "delete", "keys",
		"cut", "?" };

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_str_eq(authtok_event_name(i), names[i]);
	ck_assert_str_eq(authtok_event_name(UINT32_MAX), "?");
}
END_TEST

START_TEST(a_chain_needs_a_current_secret)
{
	struct authtok_audit *a = NULL;
	struct authtok_keys *k;

	ck_assert_int_eq(authtok_keys_new(&k), AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(k, &a), AUTHTOK_EKEY);
	ck_assert_int_eq(
	    authtok_keys_add_audit(k, 1, log_secrets[1], 32, false),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(k, &a), AUTHTOK_EKEY);
	/* those of another use are none */
	ck_assert_int_eq(
	    authtok_keys_add_refresh(k, 2, log_secrets[2], 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(k, &a), AUTHTOK_EKEY);
	ck_assert_int_eq(authtok_audit_new(NULL, &a), AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_audit_new(k, NULL), AUTHTOK_EINVAL);
	ck_assert_ptr_null(a);
	authtok_keys_free(k);
	authtok_audit_free(NULL);
}
END_TEST

START_TEST(without_audit_an_act_carries_nothing)
{
	struct authtok_audit_record r = log_sample(0);
	struct authtok_act act = { .now = 1 };

	authtok_audit_attach(log_audit, &r, &act);
	ck_assert_ptr_nonnull(act.chain);
	act.limit_record = &r;
	authtok_audit_attach(log_audit, &r, &act);
	ck_assert_ptr_eq(act.limit_record, &r);
	authtok_audit_attach(NULL, &r, &act);
	ck_assert_ptr_null(act.limit_record);
	ck_assert_ptr_null(act.record);
	ck_assert_ptr_null(act.chain);
	ck_assert_ptr_null(act.chain_arg);
	authtok_audit_attach(log_audit, NULL, &act);
	ck_assert_ptr_null(act.record);
	ck_assert_ptr_null(act.chain);
	authtok_audit_attach(log_audit, &r, NULL);
}
END_TEST

static void
hmac(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
    uint8_t *out)
{
	ck_assert_ptr_nonnull(
	    HMAC(EVP_sha256(), key, (int)key_len, data, len, out, NULL));
}

/* RFC 5869 and the encoding once more, by hand. */
START_TEST(the_mac_is_the_one_that_is_documented)
{
	static const uint8_t salt[32];
	static const uint8_t fixed[] = { 0, 0, 0, 0, 0, 0, 0, 1, /* seq */
		0, 0, 0, 0, 0x65, 0x53, 0xf1, 0x02,              /* at */
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,     /* user */
		0, 0, 0, 3, 0, 0, 1, 4, 0, 0, 0, 2, /* event, count, key */
		1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, /* sid */
		0, 3, ':', ':', '1', 0, 2, 'o', 'k' };
	uint8_t info[] = "authtok audit v1\2\1", prk[32], k[32], mac[32];
	uint8_t data[6 + 32 + sizeof(fixed)] = "art1 A";
	struct authtok_audit_record r;

	memset(&r, 0, sizeof(r));
	r.at = 1700000002;
	r.user_id = -254;
	r.event = 3;
	r.count = 260;
	r.has_sid = true;
	memset(r.sid, 5, sizeof(r.sid));
	memcpy(r.address, "::1\0left", 8); /* behind the NUL: not covered */
	memcpy(r.detail, "ok", 3);
	log_fill(0);
	log_append(log_audit, &r);

	hmac(salt, 32, log_secrets[2], 32, prk);
	hmac(prk, 32, info, sizeof(info) - 1, k);
	memset(data + 6, 0, 32); /* no record before the first */
	memcpy(data + 6 + 32, fixed, sizeof(fixed));
	hmac(k, 32, data, sizeof(data), mac);
	ck_assert_uint_eq(audit_log.records[0].key, 2);
	ck_assert_mem_eq(audit_log.records[0].mac, mac, sizeof(mac));
}
END_TEST

START_TEST(a_good_log_is_good_whatever_its_length)
{
	static const size_t lengths[] = { 0, 1, 2, 31, 32, 33, 63, 64, 65,
		LOG_MAX };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		log_fill(lengths[i]);
		log_good(NULL);
	}
}
END_TEST

START_TEST(a_known_head_is_found)
{
	struct authtok_audit_head empty = { 0 };

	log_fill(70);
	log_good(&empty);
	for (size_t i = 0; i < audit_log.n; i++) {
		struct authtok_audit_head known = log_head(i);

		log_good(&known);
	}
	log_fill(0);
	log_good(&empty);
}
END_TEST

/* ---- altered ------------------------------------------------------------- */

typedef void change(struct authtok_audit_record *r);

static void
change_at(struct authtok_audit_record *r)
{
	r->at++;
}
static void
change_at_high(struct authtok_audit_record *r)
{
	r->at |= INT64_C(1) << 62;
}
static void
change_user(struct authtok_audit_record *r)
{
	r->user_id ^= 1;
}
static void
change_user_high(struct authtok_audit_record *r)
{
	r->user_id |= INT64_C(1) << 40;
}
static void
change_event(struct authtok_audit_record *r)
{
	r->event ^= 1;
}
static void
change_count(struct authtok_audit_record *r)
{
	r->count ^= 0x1000000;
}
static void
change_key(struct authtok_audit_record *r)
{
	r->key = 1;
}
static void
change_has(struct authtok_audit_record *r)
{
	r->has_sid = !r->has_sid;
}
static void
change_sid(struct authtok_audit_record *r)
{
	r->sid[0] ^= 1;
}
static void
change_sid_end(struct authtok_audit_record *r)
{
	r->sid[AUTHTOK_SID_LEN - 1] ^= 0x80;
}
static void
change_address(struct authtok_audit_record *r)
{
	r->address[0] = '2';
}
static void
no_address(struct authtok_audit_record *r)
{
	r->address[0] = 0;
}
static void
longer_address(struct authtok_audit_record *r)
{
	memset(r->address, '1', AUTHTOK_ADDRESS_MAX);
	r->address[AUTHTOK_ADDRESS_MAX] = 0;
}
static void
change_detail(struct authtok_audit_record *r)
{
	r->detail[strlen(r->detail) - 1]++;
}
static void
no_detail(struct authtok_audit_record *r)
{
	r->detail[0] = 0;
}
/* the same bytes one after the other, parted elsewhere */
static void
move_text(struct authtok_audit_record *r)
{
	size_t len = strlen(r->address);

	memmove(r->detail + 1, r->detail, strlen(r->detail) + 1);
	r->detail[0] = r->address[len - 1];
	r->address[len - 1] = 0;
}

static change *const changes[] = { change_at, change_at_high, change_user,
	change_user_high, change_event, change_count, change_key, change_has,
	change_sid, change_sid_end, change_address, no_address, longer_address,
	change_detail, no_detail, move_text };
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

START_TEST(any_field_that_is_altered_is_noticed)
{
	for (size_t i = 0; i < 5; i++) {
		log_fill(5);
		changes[_i](&audit_log.records[i]);
		log_bad(
		    NULL, (int64_t)i + 1, (int64_t)i, "altered or inserted");
	}
}
END_TEST

START_TEST(any_byte_of_a_mac_that_is_altered_is_noticed)
{
	for (size_t i = 0; i < 5; i++)
		for (size_t bit = 0; bit < 8 * AUTHTOK_MAC_LEN; bit++) {
			log_fill(5);
			audit_log.records[i].mac[bit / 8] ^=
			    (uint8_t)(1 << bit % 8);
			log_bad(NULL, (int64_t)i + 1, (int64_t)i,
			    "altered or inserted");
		}
}
END_TEST

START_TEST(a_number_that_is_altered_is_noticed)
{
	for (size_t i = 0; i < 5; i++) {
		log_fill(5);
		audit_log.records[i].seq = 100;
		/* a store lists by number: this one is seen as missing */
		for (size_t j = i; j < 4; j++) {
			struct authtok_audit_record r = audit_log.records[j];

			audit_log.records[j] = audit_log.records[j + 1];
			audit_log.records[j + 1] = r;
		}
		log_bad(NULL, (int64_t)i + 1, (int64_t)i, "removed");
	}
	log_fill(5);
	audit_log.records[3].seq = INT64_MAX;
	log_bad(NULL, 4, 3, "removed");
}
END_TEST

START_TEST(a_key_that_is_not_there_is_named)
{
	struct authtok_audit_report report;

	for (size_t i = 0; i < 5; i++) {
		log_fill(5);
		audit_log.records[i].key = i % 2 == 0 ? 3 : 258; /* 2 + 256 */
		report = log_verify(AUTHTOK_EKEY, NULL);
		ck_assert_int_eq(report.bad_seq, (int64_t)i + 1);
		ck_assert_int_eq(report.checked, (int64_t)i);
		ck_assert_int_eq(report.head.seq, (int64_t)i);
		ck_assert_ptr_nonnull(report.what);
	}
}
END_TEST

/* A store that cannot read a record gives zeros, the number of no key. */
START_TEST(a_record_that_is_unreadable_was_altered)
{
	for (size_t i = 0; i < 5; i++) {
		log_fill(5);
		memset(&audit_log.records[i], 0, sizeof(audit_log.records[i]));
		audit_log.records[i].seq = (int64_t)i + 1;
		log_bad(
		    NULL, (int64_t)i + 1, (int64_t)i, "altered or inserted");
	}
}
END_TEST

START_TEST(records_hang_on_the_secret_of_their_time)
{
	struct authtok_audit *old = log_one_key(1, log_secrets[1]),
			     *both = log_audit;
	struct authtok_audit_record r = log_sample(0);
	struct authtok_audit_report report;

	log_fill(0);
	log_append(old, &r);
	log_append(old, &r);
	log_append(both, &r);
	ck_assert_uint_eq(audit_log.records[1].key, 1);
	ck_assert_uint_eq(audit_log.records[2].key, 2);
	log_good(NULL);
	log_audit = old;
	report = log_verify(AUTHTOK_EKEY, NULL);
	ck_assert_int_eq(report.bad_seq, 3);
	log_audit = both;
	authtok_audit_free(old);
}
END_TEST

START_TEST(another_secret_forges_nothing)
{
	struct authtok_audit *forger = log_one_key(2, log_secrets[0]);
	struct authtok_audit_record r = log_sample(9);

	log_append(forger, &r);
	log_bad(NULL, 6, 5, "altered or inserted");
	authtok_audit_free(forger);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("audit");
	TCase *tc = tcase_create("chain");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, log_setup, log_teardown);
	tcase_add_test(tc, events_have_names);
	tcase_add_test(tc, a_chain_needs_a_current_secret);
	tcase_add_test(tc, without_audit_an_act_carries_nothing);
	tcase_add_test(tc, the_mac_is_the_one_that_is_documented);
	tcase_add_test(tc, a_good_log_is_good_whatever_its_length);
	tcase_add_test(tc, a_known_head_is_found);
	tcase_add_loop_test(
	    tc, any_field_that_is_altered_is_noticed, 0, (int)CHANGES);
	tcase_add_test(tc, any_byte_of_a_mac_that_is_altered_is_noticed);
	tcase_add_test(tc, a_number_that_is_altered_is_noticed);
	tcase_add_test(tc, a_key_that_is_not_there_is_named);
	tcase_add_test(tc, a_record_that_is_unreadable_was_altered);
	tcase_add_test(tc, records_hang_on_the_secret_of_their_time);
	tcase_add_test(tc, another_secret_forges_nothing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
