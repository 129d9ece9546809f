/*
 * Wrong audit logs: records that change, chains that are called with the wrong
 * things, and acts that are not one step with their record.
 */
#include "faults.h"

#include <string.h>

/* ---- records ------------------------------------------------------------- */

static enum authtok_err
append_nine(void *ctx, const struct authtok_act *act)
{
	static struct authtok_audit_record all[9];
	size_t n = 0;

	(void)right->audit_list(ctx, 0, all, 9, &n);
	return n < 9 ? right->audit_append(ctx, act) : AUTHTOK_OK;
}

#define WRONG_LIST(name, wrong)                                          \
	static enum authtok_err name(void *ctx, int64_t after,           \
	    struct authtok_audit_record *ret, size_t cap, size_t *ret_n) \
	{                                                                \
		enum authtok_err err =                                   \
		    right->audit_list(ctx, after, ret, cap, ret_n);      \
		size_t i;                                                \
                                                                         \
		for (i = 0; !err && i < *ret_n; i++)                     \
			wrong(&ret[i]);                                  \
		return err;                                              \
	}

static void
short_time(struct authtok_audit_record *record)
{
	record->at = (int32_t)(uint32_t)record->at;
}
WRONG_LIST(list_short_times, short_time)

static void
short_detail(struct authtok_audit_record *record)
{
	record->detail[AUTHTOK_DETAIL_MAX - 1] = '\0';
}
WRONG_LIST(list_short_details, short_detail)

static void
some_detail(struct authtok_audit_record *record)
{
	if (!record->detail[0])
		strcpy(record->detail, "-");
}
WRONG_LIST(list_some_details, some_detail)

static void
zero_is_none(struct authtok_audit_record *record)
{
	static const uint8_t zero[AUTHTOK_SID_LEN];

	record->has_sid = memcmp(record->sid, zero, sizeof(zero)) != 0;
}
WRONG_LIST(list_zero_is_none, zero_is_none)

static void
mac_to_nul(struct authtok_audit_record *record)
{
	uint8_t *nul = memchr(record->mac, 0, sizeof(record->mac));

	if (nul)
		memset(
		    nul, 0, sizeof(record->mac) - (size_t)(nul - record->mac));
}
WRONG_LIST(list_macs_to_nul, mac_to_nul)

static enum authtok_err
list_from_after(void *ctx, int64_t after, struct authtok_audit_record *ret,
    size_t cap, size_t *ret_count)
{
	return right->audit_list(
	    ctx, after > 0 ? after - 1 : after, ret, cap, ret_count);
}

static enum authtok_err
list_after_zero(void *ctx, int64_t after, struct authtok_audit_record *ret,
    size_t cap, size_t *ret_count)
{
	return right->audit_list(
	    ctx, after < 0 ? INT64_MAX : after, ret, cap, ret_count);
}

/* ---- the chain ----------------------------------------------------------- */

static enum authtok_err
chain_without_seq(
    void *arg, const uint8_t *previous, struct authtok_audit_record *record)
{
	const struct authtok_act *act = arg;
	int64_t seq = record->seq;
	enum authtok_err err;

	record->seq = 0;
	err = act->chain(act->chain_arg, previous, record);
	record->seq = seq;
	return err;
}

static enum authtok_err
chain_from_zero(
    void *arg, const uint8_t *previous, struct authtok_audit_record *record)
{
	static const uint8_t zero[AUTHTOK_MAC_LEN];
	const struct authtok_act *act = arg;

	(void)previous;
	return act->chain(act->chain_arg, zero, record);
}

static enum authtok_err
chain_that_must(
    void *arg, const uint8_t *previous, struct authtok_audit_record *record)
{
	const struct authtok_act *act = arg;

	(void)act->chain(act->chain_arg, previous, record);
	return AUTHTOK_OK;
}

static enum authtok_err
append_through(void *ctx, const struct authtok_act *act, authtok_chain *chain)
{
	struct authtok_act other = *act, inner = *act;

	other.chain = chain;
	other.chain_arg = &inner;
	return right->audit_append(ctx, &other);
}

static enum authtok_err
append_seq_last(void *ctx, const struct authtok_act *act)
{
	return append_through(ctx, act, chain_without_seq);
}

static enum authtok_err
append_alone(void *ctx, const struct authtok_act *act)
{
	return append_through(ctx, act, chain_from_zero);
}

static enum authtok_err
append_anyway(void *ctx, const struct authtok_act *act)
{
	return append_through(ctx, act, chain_that_must);
}

/* ---- base and cut -------------------------------------------------------- */

static enum authtok_err
append_alone_after_cut(void *ctx, const struct authtok_act *act)
{
	uint8_t mac[AUTHTOK_MAC_LEN];
	int64_t seq = 0;

	(void)right->audit_base(ctx, &seq, mac);
	return seq > 0 ? append_alone(ctx, act) : right->audit_append(ctx, act);
}

static enum authtok_err
base_of_first(void *ctx, int64_t *ret_seq, uint8_t *ret_mac)
{
	struct authtok_audit_record first;
	size_t n = 0;

	if (right->audit_list(ctx, 0, &first, 1, &n) != AUTHTOK_OK || n == 0)
		return right->audit_base(ctx, ret_seq, ret_mac);
	*ret_seq = first.seq;
	memcpy(ret_mac, first.mac, AUTHTOK_MAC_LEN);
	return AUTHTOK_OK;
}

static enum authtok_err
cut_below(void *ctx, int64_t seq, const struct authtok_act *act)
{
	return right->audit_cut(ctx, seq - 1, act);
}

static int64_t
seq_of_base(void *ctx)
{
	uint8_t mac[AUTHTOK_MAC_LEN];
	int64_t base = 0;

	(void)right->audit_base(ctx, &base, mac);
	return base;
}

static enum authtok_err
cut_knows_the_base(void *ctx, int64_t seq, const struct authtok_act *act)
{
	return seq > 0 && seq <= seq_of_base(ctx)
	    ? AUTHTOK_EUNKNOWN
	    : right->audit_cut(ctx, seq, act);
}

static enum authtok_err
cut_says_nothing_too(void *ctx, int64_t seq, const struct authtok_act *act)
{
	if (act && act->record && seq <= seq_of_base(ctx))
		return right->audit_append(ctx, act);
	return right->audit_cut(ctx, seq, act);
}

static enum authtok_err
cut_up_to_newest(void *ctx, int64_t seq, const struct authtok_act *act)
{
	enum authtok_err err = right->audit_cut(ctx, seq, act);

	if (err == AUTHTOK_EUNKNOWN)
		err = right->audit_cut(ctx, seq - 1, act);
	return err;
}

static enum authtok_err
cut_keeps_newest(void *ctx, int64_t seq, const struct authtok_act *act)
{
	struct authtok_audit_record next;
	size_t n = 0;

	(void)right->audit_list(ctx, seq, &next, 1, &n);
	return n == 0 && seq > seq_of_base(ctx)
	    ? AUTHTOK_EINVAL
	    : right->audit_cut(ctx, seq, act);
}

static enum authtok_err
cut_through(
    void *ctx, int64_t seq, const struct authtok_act *act, authtok_chain *chain)
{
	struct authtok_act other = { .now = 1 }, inner;
	static const struct authtok_audit_record none;

	if (act)
		other = *act;
	inner = other;
	if (!other.record)
		other.record = &none;
	other.chain = chain;
	other.chain_arg = &inner;
	return right->audit_cut(ctx, seq, &other);
}

static enum authtok_err
mac_of_nothing(
    void *arg, const uint8_t *previous, struct authtok_audit_record *record)
{
	const struct authtok_act *act = arg;

	memset(record->mac, 0, sizeof(record->mac));
	return act->chain ? act->chain(act->chain_arg, previous, record)
			  : AUTHTOK_OK;
}

static enum authtok_err
cut_without_words(void *ctx, int64_t seq, const struct authtok_act *act)
{
	return cut_through(ctx, seq, act, mac_of_nothing);
}

static enum authtok_err
cut_anyway(void *ctx, int64_t seq, const struct authtok_act *act)
{
	return act && act->record ? cut_through(ctx, seq, act, chain_that_must)
				  : right->audit_cut(ctx, seq, act);
}

/* The record first, then the cut: two steps, and another record. */
static enum authtok_err
cut_twice_said(void *ctx, int64_t seq, const struct authtok_act *act)
{
	if (act && act->record && seq > seq_of_base(ctx))
		(void)right->audit_append(ctx, act);
	return right->audit_cut(ctx, seq, act);
}

static enum authtok_err
purge_cuts(void *ctx, int64_t now, int64_t idle_before, size_t limit,
    size_t *ret_count, bool *ret_more)
{
	(void)cut_through(ctx, 1, NULL, mac_of_nothing);
	return right->purge(ctx, now, idle_before, limit, ret_count, ret_more);
}

/* ---- acts ---------------------------------------------------------------- */

static struct authtok_act
bare(const struct authtok_act *act)
{
	struct authtok_act other = { .now = 1, .until = 2 };

	if (act)
		other = *act;
	other.record = NULL;
	return other;
}

static enum authtok_err
append(void *ctx, const struct authtok_act *act)
{
	return act && act->record ? right->audit_append(ctx, act) : AUTHTOK_OK;
}

/*
 * Three wrong forms of an operation: one forgets its record, one writes it when
 * all else is done already, one whether or not anything was done.
 */
#define WRONG_ACTS(op, params, ...)                            \
	static enum authtok_err op##_forgets params            \
	{                                                      \
		const struct authtok_act alone = bare(act);    \
                                                               \
		return right->op(__VA_ARGS__);                 \
	}                                                      \
	static enum authtok_err op##_then_appends params       \
	{                                                      \
		const struct authtok_act alone = bare(act);    \
		enum authtok_err err = right->op(__VA_ARGS__); \
                                                               \
		return err ? err : append(ctx, act);           \
	}                                                      \
	static enum authtok_err op##_always_appends params     \
	{                                                      \
		const struct authtok_act alone = bare(act);    \
		enum authtok_err err = right->op(__VA_ARGS__); \
                                                               \
		(void)append(ctx, act);                        \
		return err;                                    \
	}

WRONG_ACTS(user_create,
    (void *ctx, const struct authtok_user *user, const struct authtok_act *act,
	int64_t *ret_id),
    ctx, user, &alone, ret_id)
WRONG_ACTS(user_update,
    (void *ctx, const struct authtok_user *user, enum authtok_end end,
	const uint8_t *keep, const struct authtok_act *act),
    ctx, user, end, keep, &alone)
WRONG_ACTS(user_delete, (void *ctx, int64_t id, const struct authtok_act *act),
    ctx, id, &alone)
WRONG_ACTS(session_create,
    (void *ctx, const struct authtok_session *session, int64_t version,
	unsigned max_live, const struct authtok_act *act),
    ctx, session, version, max_live, &alone)
WRONG_ACTS(session_update,
    (void *ctx, const struct authtok_session *next, uint32_t gen,
	uint32_t branch, bool durable, const struct authtok_act *act),
    ctx, next, gen, branch, durable, &alone)
WRONG_ACTS(session_revoke,
    (void *ctx, const uint8_t *sid, const struct authtok_act *act), ctx, sid,
    &alone)
WRONG_ACTS(session_revoke_user,
    (void *ctx, int64_t user_id, const uint8_t *keep,
	const struct authtok_act *act, size_t *ret_count),
    ctx, user_id, keep, &alone, ret_count)

/* ---- max_live ------------------------------------------------------------ */

static enum authtok_err
limit_forgets(void *ctx, const struct authtok_session *session, int64_t version,
    unsigned max_live, const struct authtok_act *act)
{
	struct authtok_act other = *act;

	other.limit_record = NULL;
	return right->session_create(ctx, session, version, max_live, &other);
}

static enum authtok_err
limit_needs_record(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *act)
{
	return act->record
	    ? right->session_create(ctx, session, version, max_live, act)
	    : limit_forgets(ctx, session, version, max_live, act);
}

static enum authtok_err
append_limit(void *ctx, const struct authtok_act *act)
{
	struct authtok_act other = *act;

	other.record = act->limit_record;
	return append(ctx, &other);
}

/* Whether or not a session ended. */
static enum authtok_err
limit_always(void *ctx, const struct authtok_session *session, int64_t version,
    unsigned max_live, const struct authtok_act *act)
{
	enum authtok_err err =
	    right->session_create(ctx, session, version, max_live, act);

	if (!err && act->limit_record && max_live != 1)
		(void)append_limit(ctx, act);
	return err;
}

static enum authtok_err
limit_of_a_try(void *ctx, const struct authtok_session *session,
    int64_t version, unsigned max_live, const struct authtok_act *act)
{
	enum authtok_err err =
	    right->session_create(ctx, session, version, max_live, act);

	if (err == AUTHTOK_EINVAL && act->limit_record)
		(void)append_limit(ctx, act);
	return err;
}

/* Its own record is in a second step. */
static enum authtok_err
limit_first(void *ctx, const struct authtok_session *session, int64_t version,
    unsigned max_live, const struct authtok_act *act)
{
	struct authtok_act alone = bare(act);
	enum authtok_err err =
	    right->session_create(ctx, session, version, max_live, &alone);

	return err ? err : append(ctx, act);
}

static enum authtok_err
touch_forgets(void *ctx, const struct authtok_user *user, enum authtok_end end,
    const uint8_t *keep, const struct authtok_act *act)
{
	return end == AUTHTOK_END_NONE
	    ? user_update_forgets(ctx, user, end, keep, act)
	    : right->user_update(ctx, user, end, keep, act);
}

static enum authtok_err
soon_forgets(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	return durable
	    ? right->session_update(ctx, next, gen, branch, durable, act)
	    : session_update_forgets(ctx, next, gen, branch, durable, act);
}

static enum authtok_err
soon_then_appends(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	return durable
	    ? right->session_update(ctx, next, gen, branch, durable, act)
	    : session_update_then_appends(ctx, next, gen, branch, durable, act);
}

static enum authtok_err
chain_of_its_own(
    void *arg, const uint8_t *previous, struct authtok_audit_record *record)
{
	(void)arg;
	memcpy(record->mac, previous, AUTHTOK_MAC_LEN);
	return AUTHTOK_OK;
}

static enum authtok_err
delete_has_its_own(void *ctx, int64_t id, const struct authtok_act *act)
{
	static const struct authtok_audit_record gone = { .at = 1 };
	struct authtok_act other = *act;

	other.record = &gone;
	other.chain = chain_of_its_own;
	return right->user_delete(ctx, id, act->record ? act : &other);
}

const struct fault audit_faults[] = {
	{ "the log has room for nine", "audit_append",
	    { .audit_append = append_nine } },
	{ "times have 32 bits", "audit record: extreme numbers",
	    { .audit_list = list_short_times } },
	{ "a detail is cut", "audit record: long texts",
	    { .audit_list = list_short_details } },
	{ "no detail is some detail", "audit record: no texts",
	    { .audit_list = list_some_details } },
	{ "a sid of zero bytes is none",
	    "audit record: every byte value in sid",
	    { .audit_list = list_zero_is_none } },
	{ "a mac ends at a NUL", "audit record: every byte value in mac",
	    { .audit_list = list_macs_to_nul } },
	{ "seq comes after the chain", "chain is given the whole record",
	    { .audit_append = append_seq_last } },
	{ "records do not hang together", "chain is given the mac before",
	    { .audit_append = append_alone } },
	{ "a record is written without a mac",
	    "audit_append refused by the chain",
	    { .audit_append = append_anyway } },
	{ "a page begins with the last of before", "audit_list in pages",
	    { .audit_list = list_from_after } },
	{ "nothing comes after -1", "audit_list at its edges",
	    { .audit_list = list_after_zero } },
	{ "the base is the first record",
	    "audit_base of a log that was never cut",
	    { .audit_base = base_of_first } },
	{ "a cut leaves seq", "audit_cut", { .audit_cut = cut_below } },
	{ "a cut is said twice", "audit_cut", { .audit_cut = cut_twice_said } },
	{ "the newest record stays", "audit_cut of all",
	    { .audit_cut = cut_keeps_newest } },
	{ "a cut of nothing is recorded", "audit_cut of what is gone",
	    { .audit_cut = cut_says_nothing_too } },
	{ "a cut is not recorded", "audit_cut without a record",
	    { .audit_cut = cut_without_words } },
	{ "a record is written without a mac", "audit_cut refused by the chain",
	    { .audit_cut = cut_anyway } },
	{ "what is gone cannot be cut", "audit_cut of what is gone",
	    { .audit_cut = cut_knows_the_base } },
	{ "more is cut than may be", "audit_cut of too much",
	    { .audit_cut = cut_up_to_newest } },
	{ "a cut log begins anew", "audit_cut: the chain goes on",
	    { .audit_append = append_alone_after_cut } },
	{ "a purge cuts the log", "purge leaves the audit log",
	    { .purge = purge_cuts } },
	{ "a record is forgotten", "user_create writes its record, with the id",
	    { .user_create = user_create_forgets } },
	{ "a record has no id", "user_create writes its record, with the id",
	    { .user_create = user_create_then_appends } },
	{ "a record is forgotten", "user_update writes its record",
	    { .user_update = user_update_forgets } },
	{ "no change is no act", "user_update of nothing writes its record",
	    { .user_update = touch_forgets } },
	{ "a record is forgotten", "user_delete writes its record",
	    { .user_delete = user_delete_forgets } },
	{ "a record is forgotten", "session_create writes its record",
	    { .session_create = session_create_forgets } },
	{ "a record is forgotten", "session_update writes its record",
	    { .session_update = session_update_forgets } },
	{ "a record is forgotten",
	    "session_update, not durable, writes its record",
	    { .session_update = soon_forgets } },
	{ "a record is forgotten", "session_revoke writes its record",
	    { .session_revoke = session_revoke_forgets } },
	{ "a record is forgotten", "session_revoke_user writes its record",
	    { .session_revoke_user = session_revoke_user_forgets } },
	{ "a store has records of its own", "acts without a record write none",
	    { .user_delete = delete_has_its_own } },
	{ "a record comes too late", "user_create refused by the chain",
	    { .user_create = user_create_then_appends } },
	{ "a record comes too late", "user_update refused by the chain",
	    { .user_update = user_update_then_appends } },
	{ "a record comes too late", "user_delete refused by the chain",
	    { .user_delete = user_delete_then_appends } },
	{ "a record comes too late", "session_create refused by the chain",
	    { .session_create = session_create_then_appends } },
	{ "a record comes too late", "session_update refused by the chain",
	    { .session_update = session_update_then_appends } },
	{ "a record comes too late",
	    "session_update, not durable, refused by the chain",
	    { .session_update = soon_then_appends } },
	{ "a record comes too late", "session_revoke refused by the chain",
	    { .session_revoke = session_revoke_then_appends } },
	{ "a record comes too late", "session_revoke_user refused by the chain",
	    { .session_revoke_user = session_revoke_user_then_appends } },
	{ "a try is recorded", "user_create without effect, no record",
	    { .user_create = user_create_always_appends } },
	{ "a try is recorded", "user_update without effect, no record",
	    { .user_update = user_update_always_appends } },
	{ "a try is recorded", "user_delete without effect, no record",
	    { .user_delete = user_delete_always_appends } },
	{ "a try is recorded", "session_create without effect, no record",
	    { .session_create = session_create_always_appends } },
	{ "a try is recorded", "session_update without effect, no record",
	    { .session_update = session_update_always_appends } },
	{ "a try is recorded", "session_revoke without effect, no record",
	    { .session_revoke = session_revoke_always_appends } },
	{ "a try is recorded", "session_revoke_user without effect, no record",
	    { .session_revoke_user = session_revoke_user_always_appends } },
	{ "the limit has no record", "max_live writes a record for each",
	    { .session_create = limit_forgets } },
	{ "the limit has a record with another only",
	    "max_live writes its record alone",
	    { .session_create = limit_needs_record } },
	{ "the limit has a record too many", "max_live not reached, no record",
	    { .session_create = limit_always } },
	{ "a record comes too late", "max_live refused by the chain",
	    { .session_create = limit_first } },
	{ "a try is recorded", "max_live without effect, no record",
	    { .session_create = limit_of_a_try } },
	{ NULL, NULL, { 0 } },
};
