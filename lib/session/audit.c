/*
 * The chain of the audit log: each record's MAC covers the one before it and
 * all that the record says, in one fixed encoding,
 *
 *	mac = HMAC-SHA256(K, "art1 A" | previous mac | seq:8 | at:8 | user:8 |
 *	    event:4 | count:4 | key:4 | has_sid:1 | sid:16 |
 *	    length:2 | address | length:2 | detail)
 *
 * with big-endian integers. Known here: the derived keys and the records, of
 * the store how to read and how to cut them.
 */
#include <authtok/audit.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "session/derive.h"
#include "session/rotation.h"

#define INFO      "authtok audit v1"
#define LABEL     "art1 A"
#define LABEL_LEN 6
#define PAGE      32 /* records read at a time */

#define FIXED_LEN \
	(LABEL_LEN + AUTHTOK_MAC_LEN + 3 * 8 + 3 * 4 + 1 + AUTHTOK_SID_LEN)
#define ENCODED_MAX \
	(FIXED_LEN + 2 + AUTHTOK_ADDRESS_MAX + 2 + AUTHTOK_DETAIL_MAX)

struct authtok_audit {
	struct at_derived_set keys;
};

static const char *const event_names[] = {
	[AUTHTOK_EVENT_SIGNUP] = "signup",
	[AUTHTOK_EVENT_SIGNIN] = "signin",
	[AUTHTOK_EVENT_SIGNIN_FAILED] = "signin-failed",
	[AUTHTOK_EVENT_REUSE] = "reuse",
	[AUTHTOK_EVENT_FORWARD] = "forward",
	[AUTHTOK_EVENT_SIGNOUT] = "signout",
	[AUTHTOK_EVENT_REVOKE] = "revoke",
	[AUTHTOK_EVENT_PASSWORD] = "password",
	[AUTHTOK_EVENT_ROLES] = "roles",
	[AUTHTOK_EVENT_DISABLE] = "disable",
	[AUTHTOK_EVENT_ENABLE] = "enable",
	[AUTHTOK_EVENT_DELETE] = "delete",
	[AUTHTOK_EVENT_KEYS] = "keys",
	[AUTHTOK_EVENT_CUT] = "cut",
};

const char *
authtok_event_name(uint32_t event)
{
	if (event >= sizeof(event_names) / sizeof(event_names[0]) ||
	    event_names[event] == NULL)
		return "?";
	return event_names[event];
}

enum authtok_err
authtok_audit_new(
    const struct authtok_keys *keys, struct authtok_audit **ret_audit)
{
	struct authtok_audit *audit;
	enum authtok_err err;

	if (keys == NULL || ret_audit == NULL)
		return AUTHTOK_EINVAL;
	audit = calloc(1, sizeof(*audit));
	if (audit == NULL)
		return AUTHTOK_ENOMEM;
	err = at_derived_init(&audit->keys, keys, AT_AUDIT, INFO);
	if (err != AUTHTOK_OK) {
		free(audit);
		return err;
	}
	*ret_audit = audit;
	return AUTHTOK_OK;
}

void
authtok_audit_free(struct authtok_audit *audit)
{
	if (audit == NULL)
		return;
	at_derived_clear(&audit->keys);
	free(audit);
}

/* ---- one record ---------------------------------------------------------- */

static uint8_t *
put(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = bytes; i > 0; i--)
		*p++ = (uint8_t)(v >> (8 * (i - 1)));
	return p;
}

static uint8_t *
put_bytes(uint8_t *p, const void *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static uint8_t *
put_text(uint8_t *p, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	return put_bytes(put(p, len, 2), text, len);
}

/* All of the record but its mac, in at most ENCODED_MAX bytes. */
static size_t
encode(
    const uint8_t *previous, const struct authtok_audit_record *r, uint8_t *buf)
{
	uint8_t *p = buf;

	p = put_bytes(p, LABEL, LABEL_LEN);
	p = put_bytes(p, previous, AUTHTOK_MAC_LEN);
	p = put(p, (uint64_t)r->seq, 8);
	p = put(p, (uint64_t)r->at, 8);
	p = put(p, (uint64_t)r->user_id, 8);
	p = put(p, r->event, 4);
	p = put(p, r->count, 4);
	p = put(p, r->key, 4);
	p = put(p, r->has_sid, 1);
	p = put_bytes(p, r->sid, AUTHTOK_SID_LEN);
	p = put_text(p, r->address, AUTHTOK_ADDRESS_MAX);
	p = put_text(p, r->detail, AUTHTOK_DETAIL_MAX);
	return (size_t)(p - buf);
}

/* authtok_chain: called by the store in the middle of its transaction. */
static enum authtok_err
chain(void *arg, const uint8_t previous[AUTHTOK_MAC_LEN],
    struct authtok_audit_record *record)
{
	const struct authtok_audit *audit = arg;
	const struct at_derived *key = audit->keys.current;
	uint8_t data[ENCODED_MAX], mac[AT_MAC_MAX];
	size_t len;

	if (!record->has_sid)
		memset(record->sid, 0, sizeof(record->sid));
	record->key = key->number;
	len = encode(previous, record, data);
	if (!at_hmac_tag_once(&key->hmac, data, len, mac))
		return AUTHTOK_ECRYPTO;
	memcpy(record->mac, mac, sizeof(record->mac));
	return AUTHTOK_OK;
}

void
authtok_audit_attach(const struct authtok_audit *audit,
    const struct authtok_audit_record *record, struct authtok_act *act)
{
	bool carry = audit != NULL && record != NULL;

	if (act == NULL)
		return;
	act->record = carry ? record : NULL;
	if (!carry)
		act->limit_record = NULL;
	act->chain = carry ? chain : NULL;
	/* only read again, but the store's hands know void * alone */
	act->chain_arg = carry ? (void *)(uintptr_t)audit : NULL;
}

/* What the record of a cut says. */
static void
say_cut(int64_t seq, char detail[AUTHTOK_DETAIL_MAX + 1])
{
	(void)snprintf(detail, AUTHTOK_DETAIL_MAX + 1, "up to %" PRId64, seq);
}

enum authtok_err
authtok_audit_cut(const struct authtok_audit *audit,
    const struct authtok_store *store, int64_t seq, int64_t now)
{
	struct authtok_audit_record record = {
		.event = AUTHTOK_EVENT_CUT, .at = now, .count = 1
	};
	struct authtok_act act = { .now = now, .until = now };

	if (audit == NULL || store == NULL || now <= 0 ||
	    store->ops->version != AUTHTOK_STORE_VERSION)
		return AUTHTOK_EINVAL;
	say_cut(seq, record.detail);
	authtok_audit_attach(audit, &record, &act);
	return store->ops->audit_cut(store->ctx, seq, &act);
}

/* ---- the whole log ------------------------------------------------------- */

struct walk {
	const struct authtok_audit *audit;
	const struct authtok_store *store;
	const struct authtok_audit_head *known; /* or NULL */
	EVP_MD_CTX *scratch;
	struct authtok_audit_head base;
	struct authtok_audit_head head; /* the last that is good */
	int64_t checked;
	bool cut;      /* there is a record of a cut, and the newest of them */
	bool cut_here; /* says that the log begins where it does */
	int64_t bad_seq;
	const char *what;
};

static enum authtok_err
bad(struct walk *w, enum authtok_err err, int64_t seq, const char *what)
{
	w->bad_seq = seq;
	w->what = what;
	return err;
}

static enum authtok_err
read_base(struct walk *w, struct authtok_audit_head *ret_base)
{
	const struct authtok_store *store = w->store;
	enum authtok_err err =
	    store->ops->audit_base(store->ctx, &ret_base->seq, ret_base->mac);

	if (err == AUTHTOK_EUNKNOWN)
		return bad(w, AUTHTOK_ETAMPERED, 1,
		    "unknown, for where the log begins was removed");
	return err;
}

/* The known head, when the walk is where it should be. */
static enum authtok_err
check_known(struct walk *w)
{
	if (w->known == NULL || w->known->seq != w->head.seq ||
	    CRYPTO_memcmp(w->known->mac, w->head.mac, AUTHTOK_MAC_LEN) == 0)
		return AUTHTOK_OK;
	return bad(
	    w, AUTHTOK_ETAMPERED, w->known->seq, "cut off and written anew");
}

static enum authtok_err
check_mac(struct walk *w, const struct authtok_audit_record *r)
{
	const struct at_derived *key = at_derived_find(&w->audit->keys, r->key);
	uint8_t data[ENCODED_MAX];
	enum authtok_err err;

	/* no event is 0: somebody made it unreadable, its key number too */
	if (key == NULL && r->event == 0)
		return bad(w, AUTHTOK_ETAMPERED, r->seq, "altered or inserted");
	if (key == NULL)
		return bad(w, AUTHTOK_EKEY, r->seq, "of an unknown key");
	err = at_hmac_check(&key->hmac, w->scratch, data,
	    encode(w->head.mac, r, data), r->mac, sizeof(r->mac));
	if (err == AUTHTOK_ESIG)
		return bad(w, AUTHTOK_ETAMPERED, r->seq, "altered or inserted");
	return err;
}

/*
 * A record is missing; or the log was cut while we walked, and then it begins
 * later by now: ECHANGED.
 */
static enum authtok_err
missing(struct walk *w, const char *what)
{
	struct authtok_audit_head base;
	enum authtok_err err;

	err = read_base(w, &base);
	if (err != AUTHTOK_OK)
		return err;
	if (base.seq > w->base.seq && base.seq > w->head.seq)
		return AUTHTOK_ECHANGED;
	return bad(w, AUTHTOK_ETAMPERED, at_time_add(w->head.seq, 1), what);
}

static void
note_cut(struct walk *w, const struct authtok_audit_record *r)
{
	char detail[AUTHTOK_DETAIL_MAX + 1];

	if (r->event != AUTHTOK_EVENT_CUT)
		return;
	say_cut(w->base.seq, detail);
	w->cut = true;
	w->cut_here = strcmp(r->detail, detail) == 0;
}

static enum authtok_err
check_record(struct walk *w, const struct authtok_audit_record *r)
{
	enum authtok_err err;

	if (r->seq <= w->head.seq)
		return bad(w, AUTHTOK_ETAMPERED, r->seq, "out of order");
	if (r->seq > w->head.seq + 1)
		return missing(w, "removed");
	err = check_mac(w, r);
	if (err != AUTHTOK_OK)
		return err;
	/* good in itself, and the head even if it is not the known one */
	w->head.seq = r->seq;
	memcpy(w->head.mac, r->mac, sizeof(w->head.mac));
	w->checked++;
	note_cut(w, r);
	return check_known(w);
}

/* Where the log begins, which must not be behind the known head. */
static enum authtok_err
begin(struct walk *w)
{
	enum authtok_err err;

	w->checked = 0;
	w->cut = w->cut_here = false;
	err = read_base(w, &w->base);
	if (err != AUTHTOK_OK)
		return err;
	w->head = w->base;
	if (w->known != NULL && w->known->seq < w->base.seq)
		return bad(w, AUTHTOK_ETAMPERED, w->known->seq,
		    "before the log begins");
	return check_known(w);
}

/*
 * The base has no MAC. What proves it is the newest record of a cut, which is
 * always after it; unless the log was cut while we walked, and then it begins
 * later by now: ECHANGED.
 */
static enum authtok_err
check_beginning(struct walk *w)
{
	struct authtok_audit_head base;
	enum authtok_err err;

	if (w->base.seq == 0 ? !w->cut : w->cut_here)
		return AUTHTOK_OK;
	err = read_base(w, &base);
	if (err != AUTHTOK_OK)
		return err;
	if (base.seq > w->base.seq)
		return AUTHTOK_ECHANGED;
	return bad(w, AUTHTOK_ETAMPERED, at_time_add(w->base.seq, 1),
	    "the beginning was cut off");
}

/* What is not there any more at the end, or at the beginning. */
static enum authtok_err
finish(struct walk *w)
{
	bool reached = w->known == NULL || w->known->seq <= w->head.seq;

	/* a cut leaves its record */
	if (!reached || (w->base.seq != 0 && w->checked == 0))
		return missing(w, "cut off");
	return check_beginning(w);
}

static enum authtok_err
walk(struct walk *w, struct authtok_audit_record *page)
{
	const struct authtok_store *store = w->store;
	enum authtok_err err;
	size_t n;

	err = begin(w);
	if (err != AUTHTOK_OK)
		return err;
	do {
		err = store->ops->audit_list(
		    store->ctx, w->head.seq, page, PAGE, &n);
		for (size_t i = 0; err == AUTHTOK_OK && i < n; i++)
			err = check_record(w, &page[i]);
		if (err != AUTHTOK_OK)
			return err;
	} while (n == PAGE);
	return finish(w);
}

static void
fill_report(const struct walk *w, struct authtok_audit_report *ret_report)
{
	ret_report->checked = w->checked;
	ret_report->head = w->head;
	ret_report->bad_seq = w->bad_seq;
	ret_report->what = w->what;
}

enum authtok_err
authtok_audit_verify(const struct authtok_audit *audit,
    const struct authtok_store *store, const struct authtok_audit_head *known,
    struct authtok_audit_report *ret_report)
{
	struct walk w = { .audit = audit, .store = store, .known = known };
	struct authtok_audit_record *page;
	enum authtok_err err;

	if (audit == NULL || store == NULL || ret_report == NULL ||
	    ret_report->size < sizeof(*ret_report) ||
	    store->ops->version != AUTHTOK_STORE_VERSION ||
	    (known != NULL && known->seq < 0))
		return AUTHTOK_EINVAL;
	page = malloc(PAGE * sizeof(*page));
	w.scratch = at_scratch_new();
	err = AUTHTOK_ENOMEM;
	if (page == NULL || w.scratch == NULL)
		goto out;
	/* each cut takes records away: this comes to an end */
	do
		err = walk(&w, page);
	while (err == AUTHTOK_ECHANGED);
	if (err == AUTHTOK_OK || err == AUTHTOK_ETAMPERED ||
	    err == AUTHTOK_EKEY)
		fill_report(&w, ret_report);
out:
	at_scratch_free(w.scratch);
	free(page);
	return err;
}
