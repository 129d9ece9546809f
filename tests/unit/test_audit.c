/*
 * The audit chain: what it covers, and what a verification says of a log that
 * is not as it was written. The log is an array here, so that anything can be
 * done to it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <authtok/audit.h>

#define LOG_MAX 120

struct log {
	struct authtok_store store;
	struct authtok_audit_record records[LOG_MAX];
	size_t n;
	int64_t base_seq;
	uint8_t base_mac[AUTHTOK_MAC_LEN];

	int lists, bases; /* calls */
	int fail_list;    /* so many calls go well before one fails; -1: all */
	int fail_base;
	int cut_at_list; /* in which call somebody cuts, 0: none */
	size_t cut;
};

static struct authtok_keys *keys; /* secrets 1 and 2; 2 is current */
static struct authtok_audit *audit;
static struct log lg;

static uint8_t secrets[3][32];

static void
cut(struct log *l, size_t records)
{
	if (records == 0)
		return;
	l->base_seq = l->records[records - 1].seq;
	memcpy(l->base_mac, l->records[records - 1].mac, AUTHTOK_MAC_LEN);
	l->n -= records;
	memmove(l->records, l->records + records, l->n * sizeof(l->records[0]));
}

static enum authtok_err
fake_list(void *ctx, int64_t after, struct authtok_audit_record *ret_records,
    size_t cap, size_t *ret_count)
{
	struct log *l = ctx;
	size_t n = 0;

	if (l->fail_list >= 0 && l->lists >= l->fail_list)
		return AUTHTOK_EBUSY;
	if (++l->lists == l->cut_at_list)
		cut(l, l->cut);
	for (size_t i = 0; i < l->n && n < cap; i++)
		if (l->records[i].seq > after)
			ret_records[n++] = l->records[i];
	*ret_count = n;
	return AUTHTOK_OK;
}

static enum authtok_err
fake_base(void *ctx, int64_t *ret_seq, uint8_t ret_mac[AUTHTOK_MAC_LEN])
{
	struct log *l = ctx;

	if (l->fail_base >= 0 && l->bases >= l->fail_base)
		return AUTHTOK_ESTORE;
	l->bases++;
	*ret_seq = l->base_seq;
	memcpy(ret_mac, l->base_mac, AUTHTOK_MAC_LEN);
	return AUTHTOK_OK;
}

static const struct authtok_store_ops fake_ops = {
	.version = AUTHTOK_STORE_VERSION,
	.audit_list = fake_list,
	.audit_base = fake_base,
};

/* Chain one more record, as a store does. */
static void
append(const struct authtok_audit *by, const struct authtok_audit_record *what)
{
	struct authtok_audit_record *r = &lg.records[lg.n];
	struct authtok_act act = { .now = 1 };

	authtok_audit_attach(by, what, &act);
	ck_assert_ptr_eq(act.record, what);
	*r = *act.record;
	r->seq = lg.n > 0 ? r[-1].seq + 1 : lg.base_seq + 1;
	ck_assert_int_eq(
	    act.chain(act.chain_arg, lg.n > 0 ? r[-1].mac : lg.base_mac, r),
	    AUTHTOK_OK);
	lg.n++;
}

/* Records that differ in all that they can. */
static struct authtok_audit_record
sample(size_t i)
{
	struct authtok_audit_record r;

	memset(&r, 0, sizeof(r));
	r.at = 1700000000 + (int64_t)i;
	r.user_id = (int64_t)i * 7;
	r.event = (uint32_t)i % 13 + 1;
	r.count = (uint32_t)i + 1;
	r.has_sid = i % 2 == 0;
	if (r.has_sid)
		memset(r.sid, (int)i + 1, sizeof(r.sid));
	snprintf(r.address, sizeof(r.address), "192.0.2.%zu", i);
	snprintf(r.detail, sizeof(r.detail), "detail %zu", i);
	return r;
}

static void
fill(size_t n)
{
	memset(&lg, 0, sizeof(lg));
	lg.store.ops = &fake_ops;
	lg.store.ctx = &lg;
	lg.fail_list = lg.fail_base = -1;
	for (size_t i = 0; i < n; i++) {
		struct authtok_audit_record r = sample(i);

		append(audit, &r);
	}
}

static void
setup(void)
{
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 32; j++)
			secrets[i][j] = (uint8_t)(i * 50 + j);
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_keys_add_refresh(keys, 1, secrets[1], 32, false),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_keys_add_refresh(keys, 2, secrets[2], 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(keys, &audit), AUTHTOK_OK);
	fill(5);
}

static void
teardown(void)
{
	authtok_audit_free(audit);
	authtok_keys_free(keys);
}

/* A key set of one secret. */
static struct authtok_audit *
one_key(unsigned number, const uint8_t *secret)
{
	struct authtok_keys *k;
	struct authtok_audit *a;

	ck_assert_int_eq(authtok_keys_new(&k), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_keys_add_refresh(k, number, secret, 32, true), AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(k, &a), AUTHTOK_OK);
	authtok_keys_free(k);
	return a;
}

static const struct authtok_audit_report untouched = { sizeof(untouched), 77,
	{ 78, { 79 } }, 80, "untouched" };

static struct authtok_audit_report
verify(enum authtok_err want, const struct authtok_audit_head *known)
{
	struct authtok_audit_report report = untouched;

	ck_assert_int_eq(
	    authtok_audit_verify(audit, &lg.store, known, &report), want);
	if (want != AUTHTOK_OK && want != AUTHTOK_ETAMPERED &&
	    want != AUTHTOK_EKEY)
		ck_assert_mem_eq(&report, &untouched, sizeof(report));
	return report;
}

static void
verify_good(const struct authtok_audit_head *known)
{
	struct authtok_audit_report report = verify(AUTHTOK_OK, known);

	ck_assert_int_eq(report.checked, (int64_t)lg.n);
	ck_assert_int_eq(report.bad_seq, 0);
	ck_assert_ptr_null(report.what);
	if (lg.n == 0) {
		ck_assert_int_eq(report.head.seq, lg.base_seq);
		ck_assert_mem_eq(report.head.mac, lg.base_mac, AUTHTOK_MAC_LEN);
		return;
	}
	ck_assert_int_eq(report.head.seq, lg.records[lg.n - 1].seq);
	ck_assert_mem_eq(
	    report.head.mac, lg.records[lg.n - 1].mac, AUTHTOK_MAC_LEN);
}

/* checked: records before it; they end with a good head. */
static void
verify_bad(const struct authtok_audit_head *known, int64_t bad_seq,
    int64_t checked, const char *what)
{
	struct authtok_audit_report report = verify(AUTHTOK_ETAMPERED, known);

	ck_assert_int_eq(report.bad_seq, bad_seq);
	ck_assert_int_eq(report.checked, checked);
	ck_assert_str_eq(report.what, what);
	ck_assert_int_eq(report.head.seq, lg.base_seq + checked);
}

static struct authtok_audit_head
head_at(size_t i)
{
	struct authtok_audit_head head = { lg.records[i].seq, { 0 } };

	memcpy(head.mac, lg.records[i].mac, sizeof(head.mac));
	return head;
}

START_TEST(events_have_names)
{
	static const char *const names[] = { "?", "signup", "signin",
		"signin-failed", "reuse", "forward", "signout", "revoke",
		"password", "roles", "disable", "enable", "delete", "keys",
		"?" };

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
	    authtok_keys_add_refresh(k, 1, secrets[1], 32, false), AUTHTOK_OK);
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
	struct authtok_audit_record r = sample(0);
	struct authtok_act act = { .now = 1 };

	authtok_audit_attach(audit, &r, &act);
	ck_assert_ptr_nonnull(act.chain);
	authtok_audit_attach(NULL, &r, &act);
	ck_assert_ptr_null(act.record);
	ck_assert_ptr_null(act.chain);
	ck_assert_ptr_null(act.chain_arg);
	authtok_audit_attach(audit, NULL, &act);
	ck_assert_ptr_null(act.record);
	ck_assert_ptr_null(act.chain);
	authtok_audit_attach(audit, &r, NULL);
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
	fill(0);
	append(audit, &r);

	hmac(salt, 32, secrets[2], 32, prk);
	hmac(prk, 32, info, sizeof(info) - 1, k);
	memset(data + 6, 0, 32); /* no record before the first */
	memcpy(data + 6 + 32, fixed, sizeof(fixed));
	hmac(k, 32, data, sizeof(data), mac);
	ck_assert_uint_eq(lg.records[0].key, 2);
	ck_assert_mem_eq(lg.records[0].mac, mac, sizeof(mac));
}
END_TEST

START_TEST(a_good_log_is_good_whatever_its_length)
{
	static const size_t lengths[] = { 0, 1, 2, 31, 32, 33, 63, 64, 65,
		LOG_MAX };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		fill(lengths[i]);
		verify_good(NULL);
	}
}
END_TEST

START_TEST(a_known_head_is_found)
{
	struct authtok_audit_head empty = { 0 };

	fill(70);
	verify_good(&empty);
	for (size_t i = 0; i < lg.n; i++) {
		struct authtok_audit_head known = head_at(i);

		verify_good(&known);
	}
	fill(0);
	verify_good(&empty);
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
		fill(5);
		changes[_i](&lg.records[i]);
		verify_bad(
		    NULL, (int64_t)i + 1, (int64_t)i, "altered or inserted");
	}
}
END_TEST

START_TEST(any_byte_of_a_mac_that_is_altered_is_noticed)
{
	for (size_t i = 0; i < 5; i++)
		for (size_t bit = 0; bit < 8 * AUTHTOK_MAC_LEN; bit++) {
			fill(5);
			lg.records[i].mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
			verify_bad(NULL, (int64_t)i + 1, (int64_t)i,
			    "altered or inserted");
		}
}
END_TEST

START_TEST(a_number_that_is_altered_is_noticed)
{
	for (size_t i = 0; i < 5; i++) {
		fill(5);
		lg.records[i].seq = 100;
		/* a store lists by number: this one is seen as missing */
		for (size_t j = i; j < 4; j++) {
			struct authtok_audit_record r = lg.records[j];

			lg.records[j] = lg.records[j + 1];
			lg.records[j + 1] = r;
		}
		verify_bad(NULL, (int64_t)i + 1, (int64_t)i, "removed");
	}
	fill(5);
	lg.records[3].seq = INT64_MAX;
	verify_bad(NULL, 4, 3, "removed");
}
END_TEST

START_TEST(a_key_that_is_not_there_is_named)
{
	struct authtok_audit_report report;

	for (size_t i = 0; i < 5; i++) {
		fill(5);
		lg.records[i].key = i % 2 == 0 ? 3 : 258; /* 2 + 256 */
		report = verify(AUTHTOK_EKEY, NULL);
		ck_assert_int_eq(report.bad_seq, (int64_t)i + 1);
		ck_assert_int_eq(report.checked, (int64_t)i);
		ck_assert_int_eq(report.head.seq, (int64_t)i);
		ck_assert_ptr_nonnull(report.what);
	}
}
END_TEST

START_TEST(records_hang_on_the_secret_of_their_time)
{
	struct authtok_audit *old = one_key(1, secrets[1]), *both = audit;
	struct authtok_audit_record r = sample(0);
	struct authtok_audit_report report;

	fill(0);
	append(old, &r);
	append(old, &r);
	append(both, &r);
	ck_assert_uint_eq(lg.records[1].key, 1);
	ck_assert_uint_eq(lg.records[2].key, 2);
	verify_good(NULL);
	audit = old;
	report = verify(AUTHTOK_EKEY, NULL);
	ck_assert_int_eq(report.bad_seq, 3);
	audit = both;
	authtok_audit_free(old);
}
END_TEST

START_TEST(another_secret_forges_nothing)
{
	struct authtok_audit *forger = one_key(2, secrets[0]);
	struct authtok_audit_record r = sample(9);

	append(forger, &r);
	verify_bad(NULL, 6, 5, "altered or inserted");
	authtok_audit_free(forger);
}
END_TEST

/* ---- removed, inserted, moved -------------------------------------------- */

static void
remove_at(size_t i)
{
	lg.n--;
	memmove(&lg.records[i], &lg.records[i + 1],
	    (lg.n - i) * sizeof(lg.records[0]));
}

START_TEST(a_record_that_is_removed_is_noticed)
{
	for (size_t i = 0; i < 4; i++) {
		fill(5);
		remove_at(i);
		verify_bad(NULL, (int64_t)i + 1, (int64_t)i, "removed");
		/* and with the others counted anew */
		for (size_t j = i; j < lg.n; j++)
			lg.records[j].seq--;
		verify_bad(
		    NULL, (int64_t)i + 1, (int64_t)i, "altered or inserted");
	}
}
END_TEST

START_TEST(records_that_are_swapped_are_noticed)
{
	for (size_t i = 0; i < 4; i++) {
		struct authtok_audit_record first;

		fill(5);
		first = lg.records[i];
		lg.records[i] = lg.records[i + 1];
		lg.records[i + 1] = first;
		verify_bad(NULL, (int64_t)i + 1, (int64_t)i, "removed");
		/* and with their numbers put right */
		lg.records[i].seq--;
		lg.records[i + 1].seq++;
		verify_bad(
		    NULL, (int64_t)i + 1, (int64_t)i, "altered or inserted");
	}
}
END_TEST

START_TEST(a_record_that_is_inserted_is_noticed)
{
	for (size_t i = 0; i < 6; i++) {
		fill(5);
		memmove(&lg.records[i + 1], &lg.records[i],
		    (lg.n - i) * sizeof(lg.records[0]));
		lg.records[i] = sample(20);
		lg.records[i].key = 2;
		lg.records[i].seq = (int64_t)i + 1;
		lg.n++;
		for (size_t j = i + 1; j < lg.n; j++)
			lg.records[j].seq++;
		verify_bad(
		    NULL, (int64_t)i + 1, (int64_t)i, "altered or inserted");
	}
}
END_TEST

START_TEST(a_record_that_is_there_twice_is_noticed)
{
	for (size_t i = 0; i < 5; i++) {
		fill(5);
		memmove(&lg.records[i + 1], &lg.records[i],
		    (lg.n - i) * sizeof(lg.records[0]));
		lg.n++;
		verify_bad(
		    NULL, (int64_t)i + 1, (int64_t)i + 1, "out of order");
	}
}
END_TEST

/* ---- cut ----------------------------------------------------------------- */

START_TEST(a_tail_that_is_cut_off_needs_the_known_head)
{
	struct authtok_audit_head known = head_at(4);

	for (size_t left = 0; left < 5; left++) {
		fill(5);
		lg.n = left;
		verify_good(NULL);
		verify_bad(&known, (int64_t)left + 1, (int64_t)left, "cut off");
	}
}
END_TEST

START_TEST(a_tail_that_is_written_anew_is_not_the_known_one)
{
	struct authtok_audit_head known = head_at(3);
	struct authtok_audit_record r = sample(50);

	lg.n = 2; /* then the service went on */
	for (int i = 0; i < 4; i++)
		append(audit, &r);
	verify_good(NULL);
	verify_bad(&known, 4, 4, "cut off and written anew");
}
END_TEST

START_TEST(a_log_that_was_cut_properly_is_good)
{
	for (size_t i = 0; i < 5; i++) {
		struct authtok_audit_head at_base, last, before;

		fill(5);
		before = head_at(0);
		at_base = head_at(i > 0 ? i - 1 : 0);
		last = head_at(4);
		cut(&lg, i);
		verify_good(NULL);
		verify_good(&last);
		verify_good(&at_base);
		if (i > 1)
			verify_bad(&before, 1, 0, "before the log begins");
	}
}
END_TEST

START_TEST(a_base_that_was_made_up_is_noticed)
{
	struct authtok_audit_head known = head_at(1);

	cut(&lg, 2);
	lg.base_mac[5] ^= 1;
	verify_bad(NULL, 3, 0, "altered or inserted");
	verify_bad(&known, 2, 0, "cut off and written anew");
	fill(5);
	cut(&lg, 2);
	lg.base_seq++;
	verify_bad(NULL, 4, 0, "altered or inserted");
	fill(5);
	cut(&lg, 2);
	lg.base_seq--;
	verify_bad(NULL, 2, 0, "removed");
}
END_TEST

START_TEST(a_cut_never_leaves_nothing)
{
	cut(&lg, 4);
	verify_good(NULL);
	lg.n = 0;
	verify_bad(NULL, 5, 0, "cut off");
	lg.base_seq = INT64_MAX;
	verify_bad(NULL, INT64_MAX, 0, "cut off");
}
END_TEST

/* The operator exports and cuts while somebody verifies. */
START_TEST(a_cut_meanwhile_is_no_alarm)
{
	fill(100);
	lg.cut_at_list = 1;
	lg.cut = 50;
	verify_good(NULL);
	fill(100);
	lg.cut_at_list = 2;
	lg.cut = 99;
	verify_good(NULL);
	ck_assert_int_eq(lg.lists, 3);
	/* but what is missing behind it still is */
	fill(100);
	lg.cut_at_list = 2;
	lg.cut = 40;
	remove_at(60);
	verify_bad(NULL, 61, 20, "removed");
}
END_TEST

/* ---- the rest ------------------------------------------------------------ */

START_TEST(a_store_that_fails_is_no_verdict)
{
	fill(70);
	for (lg.fail_list = 0; lg.fail_list < 3; lg.fail_list++) {
		lg.lists = 0;
		verify(AUTHTOK_EBUSY, NULL);
	}
	lg.lists = 0;
	verify_good(NULL);
	lg.fail_list = -1;
	lg.fail_base = 0;
	verify(AUTHTOK_ESTORE, NULL);
	/* nor when a gap is looked into */
	lg.bases = 0;
	lg.fail_base = 1;
	verify_good(NULL);
	lg.bases = 0;
	remove_at(10);
	verify(AUTHTOK_ESTORE, NULL);
}
END_TEST

START_TEST(wrong_arguments)
{
	struct authtok_audit_head negative = { -1, { 0 } };
	struct authtok_audit_report r = untouched, small = untouched;
	struct authtok_store_ops other = fake_ops;
	struct authtok_store old = { &other, &lg };

	small.size--;
	other.version--;
	ck_assert_int_eq(
	    authtok_audit_verify(NULL, &lg.store, NULL, &r), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_verify(audit, NULL, NULL, &r), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_verify(audit, &old, NULL, &r), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_audit_verify(audit, &lg.store, NULL, NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_audit_verify(audit, &lg.store, NULL, &small),
	    AUTHTOK_EINVAL);
	verify(AUTHTOK_EINVAL, &negative);
	ck_assert_int_eq(lg.lists + lg.bases, 0);
}
END_TEST

START_TEST(the_memory_store_keeps_a_good_log)
{
	struct authtok_audit_report report = AUTHTOK_AUDIT_REPORT_INIT;
	struct authtok_store *store;

	ck_assert_int_eq(authtok_store_memory(&store), AUTHTOK_OK);
	for (size_t i = 0; i < 40; i++) {
		struct authtok_audit_record r = sample(i);
		struct authtok_act act = { .now = 1 + (int64_t)i };

		memset(r.sid, 3, sizeof(r.sid)); /* also without has_sid */
		authtok_audit_attach(audit, &r, &act);
		ck_assert_int_eq(
		    store->ops->audit_append(store->ctx, &act), AUTHTOK_OK);
	}
	ck_assert_int_eq(
	    authtok_audit_verify(audit, store, NULL, &report), AUTHTOK_OK);
	ck_assert_int_eq(report.checked, 40);
	ck_assert_int_eq(report.head.seq, 40);
	ck_assert_int_eq(store->ops->audit_cut(store->ctx, 33), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_audit_verify(audit, store, &report.head, &report),
	    AUTHTOK_OK);
	ck_assert_int_eq(report.checked, 7);
	authtok_store_close(store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("audit");
	TCase *tc = tcase_create("chain");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
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
	tcase_add_test(tc, records_hang_on_the_secret_of_their_time);
	tcase_add_test(tc, another_secret_forges_nothing);
	tcase_add_test(tc, a_record_that_is_removed_is_noticed);
	tcase_add_test(tc, records_that_are_swapped_are_noticed);
	tcase_add_test(tc, a_record_that_is_inserted_is_noticed);
	tcase_add_test(tc, a_record_that_is_there_twice_is_noticed);
	tcase_add_test(tc, a_tail_that_is_cut_off_needs_the_known_head);
	tcase_add_test(tc, a_tail_that_is_written_anew_is_not_the_known_one);
	tcase_add_test(tc, a_log_that_was_cut_properly_is_good);
	tcase_add_test(tc, a_base_that_was_made_up_is_noticed);
	tcase_add_test(tc, a_cut_never_leaves_nothing);
	tcase_add_test(tc, a_cut_meanwhile_is_no_alarm);
	tcase_add_test(tc, a_store_that_fails_is_no_verdict);
	tcase_add_test(tc, wrong_arguments);
	tcase_add_test(tc, the_memory_store_keeps_a_good_log);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
