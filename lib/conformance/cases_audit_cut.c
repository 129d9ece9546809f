/*
 * Cases: the old end of the audit log is cut, and where the log begins. May
 * know: store.h.
 */
#include "suite.h"

#include <string.h>

static bool
append(struct at_run *run, struct at_audited *audited, unsigned n)
{
	at_audited(audited, n);
	return EXPECT_ERR(run, AUTHTOK_OK, audit_append, &audited->act);
}

/* Records 1 to count; their places in ret_heads, from 0, which is none. */
static bool
fill(struct at_run *run, unsigned count, struct at_head *ret_heads)
{
	struct at_audited audited;
	unsigned n;

	memset(&ret_heads[0], 0, sizeof(ret_heads[0]));
	for (n = 1; n <= count; n++) {
		if (!append(run, &audited, n))
			return false;
		ret_heads[n] = ret_heads[n - 1];
		if (!EXPECT_NUM(run, 1, at_walk(run, &ret_heads[n]),
			"records after the last"))
			return false;
	}
	return true;
}

static void
expect_base(struct at_run *run, const struct at_head *want)
{
	struct at_head got;

	if (!at_base(run, &got))
		return;
	EXPECT_NUM(run, want->seq, got.seq, "seq of the base");
	EXPECT(run, memcmp(got.mac, want->mac, sizeof(got.mac)) == 0,
	    "the mac of the base differs");
}

static void
base_of_nothing(struct at_run *run)
{
	struct at_head heads[4];

	memset(heads, 0, sizeof(heads));
	expect_base(run, &heads[0]);
	if (fill(run, 3, heads))
		expect_base(run, &heads[0]);
}

/* Cut up to seq, with record n, for this answer. */
static bool
cut(struct at_run *run, enum authtok_err want, int64_t seq,
    struct at_audited *audited, unsigned n)
{
	at_audited(audited, n);
	return EXPECT_ERR(run, want, audit_cut, seq, &audited->act);
}

/* A cut that has no effect: the chain is not asked, no record is written. */
static void
cuts_nothing(
    struct at_run *run, enum authtok_err want, int64_t seq, size_t records)
{
	struct at_audited audited;

	if (!cut(run, want, seq, &audited, 77))
		return;
	EXPECT_NUM(run, 0, audited.link.calls, "calls of the chain");
	EXPECT_NUM(run, records, at_records(run), "records");
}

/* One that has: the record comes last, and hangs on the newest before it. */
static bool
cuts_and_says_so(
    struct at_run *run, int64_t seq, struct at_head *newest, unsigned n)
{
	struct at_audited audited;
	bool good;

	if (!cut(run, AUTHTOK_OK, seq, &audited, n))
		return false;
	good = EXPECT_NUM(run, 1, audited.link.calls, "calls of the chain") &&
	    EXPECT(run,
		memcmp(audited.link.previous, newest->mac, AUTHTOK_MAC_LEN) ==
		    0,
		"the record of a cut does not hang on the newest");
	return good &&
	    EXPECT_NUM(run, 1, at_walk(run, newest), "records for one cut") &&
	    EXPECT_NUM(run, newest->seq, audited.link.got.seq,
		"seq when the chain was called") &&
	    EXPECT_RECORD(run, &audited.record);
}

static void
cuts(struct at_run *run)
{
	struct authtok_audit_record first;
	struct at_head heads[9], newest;
	size_t n = 0;

	if (!fill(run, 8, heads))
		return;
	newest = heads[8];
	if (!cuts_and_says_so(run, 3, &newest, 20))
		return;
	expect_base(run, &heads[3]);
	EXPECT_NUM(run, 6, at_records(run), "records");
	EXPECT_ERR(run, AUTHTOK_OK, audit_list, 0, &first, 1, &n);
	if (EXPECT_NUM(run, 1, n, "records of a page"))
		EXPECT_NUM(run, 4, first.seq, "seq of the first");
	if (!cuts_and_says_so(run, 4, &newest, 21))
		return;
	expect_base(run, &heads[4]);
	if (!cuts_and_says_so(run, 8, &newest, 22))
		return;
	expect_base(run, &heads[8]);
	EXPECT_NUM(run, 3, at_records(run), "records");
}

/* What is left is the record of the cut. */
static void
cuts_all(struct at_run *run)
{
	struct at_head heads[4], before;
	unsigned n;

	if (!fill(run, 3, heads))
		return;
	for (n = 0; n < 3; n++) {
		before = heads[3];
		if (!cuts_and_says_so(run, before.seq, &heads[3], 30 + n))
			return;
		expect_base(run, &before);
		EXPECT_NUM(run, 1, at_records(run), "records");
	}
}

static void
cuts_again(struct at_run *run)
{
	struct at_head heads[5], newest;

	cuts_nothing(run, AUTHTOK_OK, 0, 0);
	if (!fill(run, 4, heads))
		return;
	cuts_nothing(run, AUTHTOK_OK, 0, 4);
	cuts_nothing(run, AUTHTOK_OK, -1, 4);
	cuts_nothing(run, AUTHTOK_OK, INT64_MIN, 4);
	newest = heads[4];
	if (!cuts_and_says_so(run, 3, &newest, 20))
		return;
	cuts_nothing(run, AUTHTOK_OK, 3, 2);
	cuts_nothing(run, AUTHTOK_OK, 1, 2);
	cuts_nothing(run, AUTHTOK_OK, 0, 2);
	expect_base(run, &heads[3]);
}

static void
cuts_too_much(struct at_run *run)
{
	struct at_head heads[4], newest;

	cuts_nothing(run, AUTHTOK_EUNKNOWN, 1, 0);
	if (!fill(run, 3, heads))
		return;
	cuts_nothing(run, AUTHTOK_EUNKNOWN, 4, 3);
	cuts_nothing(run, AUTHTOK_EUNKNOWN, INT64_MAX, 3);
	expect_base(run, &heads[0]);
	newest = heads[3];
	if (!cuts_and_says_so(run, 2, &newest, 20))
		return;
	cuts_nothing(run, AUTHTOK_EUNKNOWN, 5, 2);
	cuts_nothing(run, AUTHTOK_EUNKNOWN, INT64_MAX, 2);
	expect_base(run, &heads[2]);
}

static void
cuts_unsaid(struct at_run *run)
{
	struct at_head heads[4];

	if (!fill(run, 3, heads))
		return;
	EXPECT_ERR(run, AUTHTOK_EINVAL, audit_cut, 2, NULL);
	EXPECT_ERR(run, AUTHTOK_EINVAL, audit_cut, 2, &at_when);
	expect_base(run, &heads[0]);
	EXPECT_NUM(run, 3, at_records(run), "records");
}

static void
cut_refused(struct at_run *run)
{
	struct at_audited audited;
	struct at_head heads[4];

	if (!fill(run, 3, heads))
		return;
	at_audited(&audited, 9);
	audited.link.refuse = AUTHTOK_ECRYPTO;
	EXPECT_ERR(run, AUTHTOK_ECRYPTO, audit_cut, 2, &audited.act);
	EXPECT_ERR(run, AUTHTOK_ECRYPTO, audit_cut, 3, &audited.act);
	expect_base(run, &heads[0]);
	EXPECT_NUM(run, 3, at_records(run), "records");
	if (cuts_and_says_so(run, 2, &heads[3], 10))
		expect_base(run, &heads[2]);
}

static void
goes_on(struct at_run *run)
{
	struct at_head heads[5];
	struct at_audited audited;
	unsigned n;

	if (!fill(run, 4, heads))
		return;
	for (n = 5; n < 9; n++) {
		if (!cuts_and_says_so(run, heads[4].seq - 1, &heads[4], 40) ||
		    !append(run, &audited, n))
			return;
		EXPECT_NUM(run, heads[4].seq + 1, audited.link.got.seq,
		    "seq after a cut");
		EXPECT(run,
		    memcmp(audited.link.previous, heads[4].mac,
			AUTHTOK_MAC_LEN) == 0,
		    "the chain does not go on after a cut");
		EXPECT_NUM(run, 1, at_walk(run, &heads[4]), "records after it");
		EXPECT_NUM(run, 3, at_records(run), "records");
	}
}

static void
purge_leaves_it(struct at_run *run)
{
	struct at_head heads[4];
	size_t n = 0;

	if (!fill(run, 3, heads))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, purge, INT64_MAX, INT64_MAX, 100, &n,
	    &(bool){ false });
	EXPECT_NUM(run, 0, n, "rows that were purged");
	expect_base(run, &heads[0]);
	EXPECT_NUM(run, 3, at_records(run), "records");
}

const struct at_case at_cases_audit_cut[] = {
	{ "audit_base of a log that was never cut", base_of_nothing },
	{ "audit_cut", cuts },
	{ "audit_cut of all", cuts_all },
	{ "audit_cut of what is gone", cuts_again },
	{ "audit_cut of too much", cuts_too_much },
	{ "audit_cut without a record", cuts_unsaid },
	{ "audit_cut refused by the chain", cut_refused },
	{ "audit_cut: the chain goes on", goes_on },
	{ "purge leaves the audit log", purge_leaves_it },
	{ NULL, NULL },
};
