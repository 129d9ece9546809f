/*
 * The log of audit_log.h. Knows public headers only.
 */
#include "audit_log.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

struct audit_log audit_log;
struct authtok_audit *log_audit;
uint8_t log_secrets[3][32];
static struct authtok_keys *keys;

void
log_lose(size_t records)
{
	struct audit_log *l = &audit_log;

	if (records == 0)
		return;
	l->base_seq = l->records[records - 1].seq;
	memcpy(l->base_mac, l->records[records - 1].mac, AUTHTOK_MAC_LEN);
	l->n -= records;
	memmove(l->records, l->records + records, l->n * sizeof(l->records[0]));
}

struct authtok_audit_record
log_said(const char *detail)
{
	struct authtok_audit_record r;

	memset(&r, 0, sizeof(r));
	r.at = 1700000000;
	r.event = AUTHTOK_EVENT_CUT;
	r.count = 1;
	snprintf(r.detail, sizeof(r.detail), "%s", detail);
	return r;
}

void
log_cut(size_t records)
{
	struct authtok_audit_record r;
	char detail[32];

	if (records == 0)
		return;
	snprintf(detail, sizeof(detail), "up to %lld",
	    (long long)audit_log.records[records - 1].seq);
	r = log_said(detail);
	log_append(log_audit, &r);
	log_lose(records);
}

static enum authtok_err
fake_list(void *ctx, int64_t after, struct authtok_audit_record *ret_records,
    size_t cap, size_t *ret_count)
{
	struct audit_log *l = ctx;
	size_t n = 0;

	if (l->fail_list >= 0 && l->lists >= l->fail_list)
		return AUTHTOK_EBUSY;
	if (++l->lists == l->cut_at_list)
		(l->unsaid ? log_lose : log_cut)(l->cut);
	for (size_t i = 0; i < l->n && n < cap; i++)
		if (l->records[i].seq > after)
			ret_records[n++] = l->records[i];
	*ret_count = n;
	return AUTHTOK_OK;
}

static enum authtok_err
fake_base(void *ctx, int64_t *ret_seq, uint8_t ret_mac[AUTHTOK_MAC_LEN])
{
	struct audit_log *l = ctx;

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

void
log_append(
    const struct authtok_audit *by, const struct authtok_audit_record *what)
{
	struct authtok_audit_record *r = &audit_log.records[audit_log.n];
	struct authtok_act act = { .now = 1 };

	authtok_audit_attach(by, what, &act);
	ck_assert_ptr_eq(act.record, what);
	*r = *act.record;
	r->seq = audit_log.n > 0 ? r[-1].seq + 1 : audit_log.base_seq + 1;
	ck_assert_int_eq(
	    act.chain(act.chain_arg,
		audit_log.n > 0 ? r[-1].mac : audit_log.base_mac, r),
	    AUTHTOK_OK);
	audit_log.n++;
}

struct authtok_audit_record
log_sample(size_t i)
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

void
log_fill(size_t n)
{
	memset(&audit_log, 0, sizeof(audit_log));
	audit_log.store.ops = &fake_ops;
	audit_log.store.ctx = &audit_log;
	audit_log.fail_list = audit_log.fail_base = -1;
	for (size_t i = 0; i < n; i++) {
		struct authtok_audit_record r = log_sample(i);

		log_append(log_audit, &r);
	}
}

void
log_setup(void)
{
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 32; j++)
			log_secrets[i][j] = (uint8_t)(i * 50 + j);
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_keys_add_audit(keys, 1, log_secrets[1], 32, false),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_keys_add_audit(keys, 2, log_secrets[2], 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(keys, &log_audit), AUTHTOK_OK);
	log_fill(5);
}

void
log_teardown(void)
{
	authtok_audit_free(log_audit);
	authtok_keys_free(keys);
}

struct authtok_audit *
log_one_key(unsigned number, const uint8_t *secret)
{
	struct authtok_keys *k;
	struct authtok_audit *a;

	ck_assert_int_eq(authtok_keys_new(&k), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_keys_add_audit(k, number, secret, 32, true), AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(k, &a), AUTHTOK_OK);
	authtok_keys_free(k);
	return a;
}

const struct authtok_audit_report log_untouched = { sizeof(log_untouched), 77,
	{ 78, { 79 } }, 80, "untouched" };

struct authtok_audit_report
log_verify(enum authtok_err want, const struct authtok_audit_head *known)
{
	struct authtok_audit_report report = log_untouched;

	ck_assert_int_eq(
	    authtok_audit_verify(log_audit, &audit_log.store, known, &report),
	    want);
	if (want != AUTHTOK_OK && want != AUTHTOK_ETAMPERED &&
	    want != AUTHTOK_EKEY)
		ck_assert_mem_eq(&report, &log_untouched, sizeof(report));
	return report;
}

void
log_good(const struct authtok_audit_head *known)
{
	struct authtok_audit_report report = log_verify(AUTHTOK_OK, known);

	ck_assert_int_eq(report.checked, (int64_t)audit_log.n);
	ck_assert_int_eq(report.bad_seq, 0);
	ck_assert_ptr_null(report.what);
	if (audit_log.n == 0) {
		ck_assert_int_eq(report.head.seq, audit_log.base_seq);
		ck_assert_mem_eq(
		    report.head.mac, audit_log.base_mac, AUTHTOK_MAC_LEN);
		return;
	}
	ck_assert_int_eq(
	    report.head.seq, audit_log.records[audit_log.n - 1].seq);
	ck_assert_mem_eq(report.head.mac,
	    audit_log.records[audit_log.n - 1].mac, AUTHTOK_MAC_LEN);
}

void
log_bad(const struct authtok_audit_head *known, int64_t bad_seq,
    int64_t checked, const char *what)
{
	struct authtok_audit_report report =
	    log_verify(AUTHTOK_ETAMPERED, known);

	ck_assert_int_eq(report.bad_seq, bad_seq);
	ck_assert_int_eq(report.checked, checked);
	ck_assert_str_eq(report.what, what);
	ck_assert_int_eq(report.head.seq, audit_log.base_seq + checked);
}

struct authtok_audit_head
log_head(size_t i)
{
	struct authtok_audit_head head = { audit_log.records[i].seq, { 0 } };

	memcpy(head.mac, audit_log.records[i].mac, sizeof(head.mac));
	return head;
}
