/*
 * Cases: records of the audit log, what the chain is given, and how they are
 * read. May know: store.h.
 */
#include "suite.h"

#include <string.h>

/* Append record n, which must succeed. */
static bool
append(struct at_run *run, struct at_audited *audited, unsigned n)
{
	at_audited(audited, n);
	return EXPECT_ERR(run, AUTHTOK_OK, audit_append, &audited->act);
}

static bool
append_many(struct at_run *run, unsigned count)
{
	struct at_audited audited;
	unsigned n;

	for (n = 0; n < count; n++)
		if (!append(run, &audited, n))
			return false;
	return true;
}

/* ---- what comes back ----------------------------------------------------- */

static void
appends(struct at_run *run)
{
	struct at_audited audited;
	struct authtok_audit_record got;
	unsigned n;

	EXPECT_NUM(run, 0, at_records(run), "records of an empty log");
	for (n = 0; n < 20; n++) {
		if (!append(run, &audited, n))
			return;
		EXPECT_NUM(run, n + 1, at_records(run), "records");
		EXPECT_RECORD(run, &audited.record);
		if (at_last_record(run, &got))
			EXPECT_NUM(run, n + 1, got.seq, "its seq");
	}
}

/* Append what is in audited; it must come back whole, whatever the chain is. */
static void
expect_whole(struct at_run *run, struct at_audited *audited, int64_t seq)
{
	struct authtok_audit_record got;
	const char *wrong;
	size_t n = 0;

	memset(&got, 0, sizeof(got));
	if (!EXPECT_ERR(run, AUTHTOK_OK, audit_append, &audited->act) ||
	    !EXPECT_ERR(run, AUTHTOK_OK, audit_list, seq - 1, &got, 1, &n) ||
	    !EXPECT_NUM(run, 1, n, "records") ||
	    !EXPECT_NUM(run, seq, got.seq, "seq"))
		return;
	wrong = at_record_differs(&audited->record, &got);
	EXPECT(run, !wrong, wrong);
	EXPECT_NUM(run, AT_KEY, got.key, "key, which the chain has set");
	if (audited->link.mac)
		EXPECT(run,
		    memcmp(got.mac, audited->link.mac, AUTHTOK_MAC_LEN) == 0,
		    "the record's mac is not what the chain has set");
}

static void
extremes(struct at_run *run)
{
	static const int64_t numbers[] = { 0, 1, -1, INT64_MAX, INT64_MIN,
		INT64_C(1) << 53, -(INT64_C(1) << 32) };
	struct at_audited audited;
	unsigned i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		at_audited(&audited, i);
		audited.record.at = numbers[i];
		audited.record.user_id = i % 2 == 0 ? 0 : INT64_C(1) << 53;
		audited.record.event = (uint32_t)numbers[i];
		audited.record.count = (uint32_t)~numbers[i];
		expect_whole(run, &audited, i + 1);
	}
}

static void
long_texts(struct at_run *run)
{
	struct at_audited audited;
	unsigned i;

	at_audited(&audited, 1);
	memset(audited.record.address, 'f', AUTHTOK_ADDRESS_MAX);
	audited.record.address[AUTHTOK_ADDRESS_MAX] = '\0';
	for (i = 0; i < AUTHTOK_DETAIL_MAX; i++)
		audited.record.detail[i] = (char)(unsigned char)(1 + i);
	audited.record.detail[AUTHTOK_DETAIL_MAX] = '\0';
	expect_whole(run, &audited, 1);
	for (i = 0; i < AUTHTOK_DETAIL_MAX; i++)
		audited.record.detail[i] = (char)(unsigned char)(255 - i);
	expect_whole(run, &audited, 2);
}

static void
no_texts(struct at_run *run)
{
	struct at_audited audited;

	at_audited(&audited, 1);
	memset(audited.record.address, 'x', sizeof(audited.record.address));
	memset(audited.record.detail, 'y', sizeof(audited.record.detail));
	audited.record.address[0] = '\0';
	audited.record.detail[0] = '\0';
	expect_whole(run, &audited, 1);
	audited.record.detail[0] = 'y';
	audited.record.detail[1] = '\0';
	expect_whole(run, &audited, 2);
}

static void
every_sid(struct at_run *run)
{
	struct at_audited audited;
	unsigned i, k;

	for (i = 0; i < 256; i += AUTHTOK_SID_LEN) {
		at_audited(&audited, i);
		audited.record.has_sid = true;
		for (k = 0; k < AUTHTOK_SID_LEN; k++)
			audited.record.sid[k] = (uint8_t)(i + k);
		expect_whole(run, &audited, 1 + i / AUTHTOK_SID_LEN);
	}
	/* a sid of zero bytes is one, and none is none */
	at_audited(&audited, 1);
	audited.record.has_sid = true;
	memset(audited.record.sid, 0, AUTHTOK_SID_LEN);
	expect_whole(run, &audited, 17);
	audited.record.has_sid = false;
	expect_whole(run, &audited, 18);
}

static void
every_mac(struct at_run *run)
{
	struct at_audited audited;
	uint8_t mac[AUTHTOK_MAC_LEN], before[AUTHTOK_MAC_LEN] = { 0 };
	unsigned i, k;

	for (i = 0; i < 256 / AUTHTOK_MAC_LEN; i++) {
		at_audited(&audited, i);
		for (k = 0; k < AUTHTOK_MAC_LEN; k++)
			mac[k] = (uint8_t)(i * AUTHTOK_MAC_LEN + k);
		audited.link.mac = mac;
		expect_whole(run, &audited, i + 1);
		EXPECT(run,
		    memcmp(audited.link.previous, before, sizeof(before)) == 0,
		    "the chain was not given the mac before");
		memcpy(before, mac, sizeof(before));
	}
}

/* ---- what the chain is given --------------------------------------------- */

static void
chain_sees_record(struct at_run *run)
{
	struct at_audited audited;
	const char *wrong;
	unsigned n;

	for (n = 0; n < 5; n++) {
		if (!append(run, &audited, n))
			return;
		EXPECT_NUM(run, 1, audited.link.calls, "calls of the chain");
		wrong = at_record_differs(&audited.record, &audited.link.got);
		EXPECT(run, !wrong, wrong);
		EXPECT_NUM(run, n + 1, audited.link.got.seq,
		    "seq when the chain was called");
	}
}

static void
chain_sees_previous(struct at_run *run)
{
	struct authtok_audit_record last;
	struct at_audited audited;
	unsigned n;

	memset(&last, 0, sizeof(last));
	for (n = 0; n < 5; n++) {
		if (!append(run, &audited, n))
			return;
		EXPECT(run,
		    memcmp(audited.link.previous, last.mac, AUTHTOK_MAC_LEN) ==
			0,
		    n == 0 ? "the chain began with other than zero bytes"
			   : "the chain was not given the mac before");
		if (!at_last_record(run, &last))
			return;
	}
}

static void
chain_refuses(struct at_run *run)
{
	struct at_audited audited, refused;
	struct authtok_audit_record last;

	at_audited(&refused, 9);
	refused.link.refuse = AUTHTOK_ECRYPTO;
	EXPECT_ERR(run, AUTHTOK_ECRYPTO, audit_append, &refused.act);
	EXPECT_NUM(run, 0, at_records(run), "records");
	if (!append(run, &audited, 1) || !at_last_record(run, &last))
		return;
	EXPECT_ERR(run, AUTHTOK_ECRYPTO, audit_append, &refused.act);
	EXPECT_NUM(run, 1, at_records(run), "records");
	if (!append(run, &audited, 2))
		return;
	EXPECT(run,
	    memcmp(audited.link.previous, last.mac, AUTHTOK_MAC_LEN) == 0,
	    "what was refused left something in the chain");
	EXPECT_NUM(run, 2, audited.link.got.seq, "seq after a refusal");
	EXPECT_NUM(run, 2, at_records(run), "records");
}

/* ---- how they are read --------------------------------------------------- */

/* Records first to last, one each, and nothing beyond them. */
static void
expect_page(
    struct at_run *run, int64_t after, size_t cap, int64_t first, size_t count)
{
	struct authtok_audit_record page[12];
	size_t i, n = 99;

	at_poison(page, sizeof(page));
	if (!EXPECT_ERR(run, AUTHTOK_OK, audit_list, after, page, cap, &n) ||
	    !EXPECT_NUM(run, count, n, "records of a page"))
		return;
	for (i = 0; i < n; i++)
		EXPECT_NUM(
		    run, first + (int64_t)i, page[i].seq, "seq in a page");
	EXPECT(run, at_poisoned(page + n, sizeof(page) - n * sizeof(page[0])),
	    "audit_list wrote beyond what it counted");
}

static void
lists_pages(struct at_run *run)
{
	int64_t after;

	if (!append_many(run, 10))
		return;
	for (after = 0; after < 9; after += 3)
		expect_page(run, after, 3, after + 1, 3);
	expect_page(run, 9, 3, 10, 1);
	expect_page(run, 0, 10, 1, 10);
	expect_page(run, 0, 12, 1, 10);
	expect_page(run, 4, 1, 5, 1);
}

static void
lists_edges(struct at_run *run)
{
	expect_page(run, 0, 12, 1, 0);
	if (!append_many(run, 3))
		return;
	expect_page(run, 3, 12, 4, 0);
	expect_page(run, 1000, 12, 4, 0);
	expect_page(run, INT64_MAX, 12, 4, 0);
	expect_page(run, -1, 12, 1, 3);
	expect_page(run, INT64_MIN, 12, 1, 3);
	expect_page(run, 0, 0, 1, 0);
}

const struct at_case at_cases_audit[] = {
	{ "audit_append", appends },
	{ "audit record: extreme numbers", extremes },
	{ "audit record: long texts", long_texts },
	{ "audit record: no texts", no_texts },
	{ "audit record: every byte value in sid", every_sid },
	{ "audit record: every byte value in mac", every_mac },
	{ "chain is given the whole record", chain_sees_record },
	{ "chain is given the mac before", chain_sees_previous },
	{ "audit_append refused by the chain", chain_refuses },
	{ "audit_list in pages", lists_pages },
	{ "audit_list at its edges", lists_edges },
	{ NULL, NULL },
};
