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

static void
cuts(struct at_run *run)
{
	struct authtok_audit_record first;
	struct at_head heads[9];
	size_t n = 0;

	if (!fill(run, 8, heads))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 3);
	expect_base(run, &heads[3]);
	EXPECT_NUM(run, 5, at_records(run), "records");
	EXPECT_ERR(run, AUTHTOK_OK, audit_list, 0, &first, 1, &n);
	if (EXPECT_NUM(run, 1, n, "records of a page"))
		EXPECT_NUM(run, 4, first.seq, "seq of the first");
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 4);
	expect_base(run, &heads[4]);
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 7);
	expect_base(run, &heads[7]);
	EXPECT_NUM(run, 1, at_records(run), "records");
}

static void
cuts_again(struct at_run *run)
{
	struct at_head heads[5];

	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 0);
	if (!fill(run, 4, heads))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 0);
	EXPECT_NUM(run, 4, at_records(run), "records");
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 3);
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 3);
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 1);
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 0);
	expect_base(run, &heads[3]);
	EXPECT_NUM(run, 1, at_records(run), "records");
}

static void
cuts_too_much(struct at_run *run)
{
	struct at_head heads[4];

	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, audit_cut, 1);
	if (!fill(run, 3, heads))
		return;
	EXPECT_ERR(run, AUTHTOK_EINVAL, audit_cut, 3);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, audit_cut, 4);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, audit_cut, INT64_MAX);
	expect_base(run, &heads[0]);
	EXPECT_NUM(run, 3, at_records(run), "records");
	EXPECT_ERR(run, AUTHTOK_OK, audit_cut, 2);
	EXPECT_ERR(run, AUTHTOK_EINVAL, audit_cut, 3);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, audit_cut, 4);
	expect_base(run, &heads[2]);
	EXPECT_NUM(run, 1, at_records(run), "records");
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
		EXPECT_ERR(run, AUTHTOK_OK, audit_cut, n - 2);
		if (!append(run, &audited, n))
			return;
		EXPECT_NUM(run, n, audited.link.got.seq, "seq after a cut");
		EXPECT(run,
		    memcmp(audited.link.previous, heads[4].mac,
			AUTHTOK_MAC_LEN) == 0,
		    "the chain does not go on after a cut");
		EXPECT_NUM(run, 1, at_walk(run, &heads[4]), "records after it");
		EXPECT_NUM(run, 2, at_records(run), "records");
	}
}

static void
purge_leaves_it(struct at_run *run)
{
	struct at_head heads[4];
	size_t n = 0;

	if (!fill(run, 3, heads))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, purge, INT64_MAX, INT64_MAX, 100, &n);
	EXPECT_NUM(run, 0, n, "rows that were purged");
	expect_base(run, &heads[0]);
	EXPECT_NUM(run, 3, at_records(run), "records");
}

const struct at_case at_cases_audit_cut[] = {
	{ "audit_base of a log that was never cut", base_of_nothing },
	{ "audit_cut", cuts },
	{ "audit_cut of what is gone", cuts_again },
	{ "audit_cut of too much", cuts_too_much },
	{ "audit_cut: the chain goes on", goes_on },
	{ "purge leaves the audit log", purge_leaves_it },
	{ NULL, NULL },
};
