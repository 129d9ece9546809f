/*
 * Audit records to store, a chain for them, and what a store says of its log.
 * May know: store.h.
 *
 * The chain mixes and keeps no secret: the suite asks whether a backend calls
 * it with the right things, not whether anybody could forge a record.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a: each byte counts, and its place. */
static uint64_t
mix(uint64_t state, const void *bytes, size_t len)
{
	const unsigned char *c = bytes;

	for (; len > 0; len--)
		state = (state ^ *c++) * UINT64_C(0x100000001b3);
	return state;
}

/* Texts with their NUL, so that none runs into the next. */
static uint64_t
mix_record(uint64_t state, const struct authtok_audit_record *r)
{
	const unsigned char has_sid = r->has_sid;

	state = mix(state, &r->seq, sizeof(r->seq));
	state = mix(state, &r->at, sizeof(r->at));
	state = mix(state, &r->user_id, sizeof(r->user_id));
	state = mix(state, &r->event, sizeof(r->event));
	state = mix(state, &r->count, sizeof(r->count));
	state = mix(state, &has_sid, sizeof(has_sid));
	state = mix(state, r->sid, sizeof(r->sid));
	state = mix(state, r->address, strlen(r->address) + 1);
	return mix(state, r->detail, strlen(r->detail) + 1);
}

void
at_mac(const uint8_t *previous, const struct authtok_audit_record *record,
    uint8_t *ret_mac)
{
	uint64_t state = UINT64_C(0xcbf29ce484222325);
	size_t i;

	state = mix(state, previous, AUTHTOK_MAC_LEN);
	state = mix_record(state, record);
	for (i = 0; i < AUTHTOK_MAC_LEN; i++) {
		ret_mac[i] = (uint8_t)(state >> 56);
		state = mix(state, &ret_mac[i], 1);
	}
}

enum authtok_err
at_chain(void *arg, const uint8_t previous[AUTHTOK_MAC_LEN],
    struct authtok_audit_record *record)
{
	struct at_link *link = arg;

	link->calls++;
	memcpy(link->previous, previous, AUTHTOK_MAC_LEN);
	link->got = *record;
	if (link->refuse && link->calls > link->well)
		return link->refuse;
	record->key = AT_KEY;
	if (link->mac)
		memcpy(record->mac, link->mac, AUTHTOK_MAC_LEN);
	else
		at_mac(previous, record, record->mac);
	return AUTHTOK_OK;
}

void
at_record(struct authtok_audit_record *record, unsigned n)
{
	memset(record, 0, sizeof(*record));
	record->at = AT_NOW + n;
	record->user_id = 1000 + n;
	record->event = 1 + n % 14;
	record->count = 1 + n / 7;
	record->has_sid = n % 2 == 0;
	if (record->has_sid)
		at_sid(record->sid, n);
	(void)snprintf(
	    record->address, sizeof(record->address), "192.0.2.%u", n % 256);
	(void)snprintf(
	    record->detail, sizeof(record->detail), "what happened, %u", n);
	/* the store and the chain replace these */
	record->seq = -77;
	record->key = 77;
	memset(record->mac, 0x77, sizeof(record->mac));
}

void
at_audited(struct at_audited *audited, unsigned n)
{
	memset(audited, 0, sizeof(*audited));
	at_record(&audited->record, n);
	audited->act = at_when;
	audited->act.record = &audited->record;
	audited->act.chain = at_chain;
	audited->act.chain_arg = &audited->link;
}

void
at_limited(struct at_audited *audited, unsigned n)
{
	at_audited(audited, n);
	at_record(&audited->limit, n + 1);
	/* the store puts in which session it was */
	audited->limit.has_sid = false;
	memset(audited->limit.sid, 0, sizeof(audited->limit.sid));
	audited->act.limit_record = &audited->limit;
}

const char *
at_record_differs(const struct authtok_audit_record *want,
    const struct authtok_audit_record *got)
{
	if (got->at != want->at)
		return "the record's at differs";
	if (got->user_id != want->user_id)
		return "the record's user_id differs";
	if (got->event != want->event)
		return "the record's event differs";
	if (got->count != want->count)
		return "the record's count differs";
	if (got->has_sid != want->has_sid)
		return "the record's has_sid differs";
	if (memcmp(got->sid, want->sid, AUTHTOK_SID_LEN) != 0)
		return "the record's sid differs";
	if (strcmp(got->address, want->address) != 0)
		return "the record's address differs";
	if (strcmp(got->detail, want->detail) != 0)
		return "the record's detail differs";
	return NULL;
}

bool
at_base(struct at_run *run, struct at_head *ret_head)
{
	memset(ret_head, 0, sizeof(*ret_head));
	return EXPECT_ERR(
	    run, AUTHTOK_OK, audit_base, &ret_head->seq, ret_head->mac);
}

/* One record after head, which moves on to it. */
static bool
step(struct at_run *run, struct at_head *head,
    const struct authtok_audit_record *record)
{
	uint8_t mac[AUTHTOK_MAC_LEN];

	if (!EXPECT_NUM(run, head->seq + 1, record->seq, "seq of a record"))
		return false;
	at_mac(head->mac, record, mac);
	if (!EXPECT(run, memcmp(mac, record->mac, sizeof(mac)) == 0,
		"a record does not hang on the one before it"))
		return false;
	head->seq = record->seq;
	memcpy(head->mac, record->mac, sizeof(head->mac));
	return EXPECT_NUM(run, AT_KEY, record->key, "key of a record");
}

size_t
at_walk(struct at_run *run, struct at_head *head)
{
	struct authtok_audit_record page[16];
	size_t i, n, found = 0;

	do {
		n = 0;
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, audit_list, head->seq, page, 16, &n))
			break;
		for (i = 0; i < n && i < 16; i++, found++)
			if (!step(run, head, &page[i]))
				return found;
	} while (n == 16);
	return found;
}

size_t
at_records(struct at_run *run)
{
	struct at_head head;

	return at_base(run, &head) ? at_walk(run, &head) : 0;
}

bool
at_last_record(struct at_run *run, struct authtok_audit_record *ret_record)
{
	struct at_head head;
	size_t n = 0;

	memset(ret_record, 0, sizeof(*ret_record));
	if (!at_base(run, &head) || at_walk(run, &head) == 0)
		return EXPECT(run, false, "there is no record");
	return EXPECT_ERR(run, AUTHTOK_OK, audit_list, head.seq - 1, ret_record,
		   1, &n) &&
	    EXPECT_NUM(run, 1, n, "records after the last but one");
}

bool
at_expect_record(struct at_run *run, const char *file, int line,
    const struct authtok_audit_record *want)
{
	struct authtok_audit_record got;
	const char *wrong;

	if (!at_last_record(run, &got))
		return false;
	wrong = at_record_differs(want, &got);
	if (wrong)
		at_fail(run, file, line, wrong);
	return !wrong;
}
