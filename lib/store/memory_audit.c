/*
 * The audit log of the reference backend, in an array by seq without a gap.
 * May know: store.h.
 *
 * Nothing but audit_cut ever takes records away, so a log that is never cut
 * grows without bound, by the size of one record an event. What a cut frees
 * is used for the records that come.
 */
#include "store/memory.h"

#include <string.h>

static const uint8_t *
last_mac(const struct memory *m)
{
	return m->audit_count > 0 ? m->audit[m->audit_count - 1].mac
				  : m->audit_base_mac;
}

/* A slot for one more record, in which it is made; NULL when out of memory. */
static struct authtok_audit_record *
next_slot(struct memory *m)
{
	struct authtok_audit_record *audit = at_memory_grow(
	    m->audit, &m->audit_cap, m->audit_count + 1, sizeof(*m->audit));

	if (!audit)
		return NULL;
	m->audit = audit;
	return &audit[m->audit_count];
}

static enum authtok_err
close_slot(struct memory *m, const struct authtok_act *act,
    struct authtok_audit_record *slot)
{
	enum authtok_err err;

	slot->seq = m->audit_base + (int64_t)m->audit_count + 1;
	err = act->chain(act->chain_arg, last_mac(m), slot);
	if (!err)
		m->audit_count++;
	return err;
}

static enum authtok_err
append(struct memory *m, const struct authtok_act *act, int64_t user_id)
{
	struct authtok_audit_record *slot = next_slot(m);

	if (!slot)
		return AUTHTOK_ENOMEM;
	*slot = *act->record;
	slot->user_id = user_id;
	return close_slot(m, act, slot);
}

enum authtok_err
at_memory_audit_act(struct memory *m, const struct authtok_act *act)
{
	if (!act || !act->record)
		return AUTHTOK_OK;
	return append(m, act, act->record->user_id);
}

enum authtok_err
at_memory_audit_act_of(
    struct memory *m, const struct authtok_act *act, int64_t user_id)
{
	return act && act->record ? append(m, act, user_id) : AUTHTOK_OK;
}

enum authtok_err
at_memory_audit_limit(
    struct memory *m, const struct authtok_act *act, const uint8_t *sid)
{
	struct authtok_audit_record *slot;

	if (!act->limit_record)
		return AUTHTOK_OK;
	slot = next_slot(m);
	if (!slot)
		return AUTHTOK_ENOMEM;
	*slot = *act->limit_record;
	slot->has_sid = true;
	memcpy(slot->sid, sid, sizeof(slot->sid));
	return close_slot(m, act, slot);
}

enum authtok_err
at_memory_audit_append(void *ctx, const struct authtok_act *act)
{
	struct memory *m = ctx;
	enum authtok_err err;

	if (!act || !act->record)
		return AUTHTOK_EINVAL;
	at_memory_lock(m);
	err = append(m, act, act->record->user_id);
	at_memory_unlock(m);
	return err;
}

enum authtok_err
at_memory_audit_list(void *ctx, int64_t after,
    struct authtok_audit_record *ret_records, size_t cap, size_t *ret_count)
{
	struct memory *m = ctx;
	size_t first, n;

	at_memory_lock(m);
	if (after < m->audit_base)
		after = m->audit_base;
	if (after - m->audit_base < (int64_t)m->audit_count)
		first = (size_t)(after - m->audit_base);
	else
		first = m->audit_count;
	n = m->audit_count - first;
	if (n > cap)
		n = cap;
	if (n > 0)
		memcpy(ret_records, m->audit + first, n * sizeof(*ret_records));
	*ret_count = n;
	at_memory_unlock(m);
	return AUTHTOK_OK;
}

enum authtok_err
at_memory_audit_base(void *ctx, int64_t *ret_seq, uint8_t *ret_mac)
{
	struct memory *m = ctx;

	at_memory_lock(m);
	*ret_seq = m->audit_base;
	memcpy(ret_mac, m->audit_base_mac, AUTHTOK_MAC_LEN);
	at_memory_unlock(m);
	return AUTHTOK_OK;
}

static enum authtok_err
cut(struct memory *m, int64_t seq, const struct authtok_act *act)
{
	enum authtok_err err;
	size_t n;

	if (seq <= m->audit_base)
		return AUTHTOK_OK;
	if (seq - m->audit_base > (int64_t)m->audit_count)
		return AUTHTOK_EUNKNOWN;
	/* it hangs on the newest record, which may be one that goes */
	err = append(m, act, act->record->user_id);
	if (err)
		return err;
	n = (size_t)(seq - m->audit_base);
	m->audit_base = seq;
	memcpy(m->audit_base_mac, m->audit[n - 1].mac, AUTHTOK_MAC_LEN);
	m->audit_count -= n;
	memmove(m->audit, m->audit + n, m->audit_count * sizeof(*m->audit));
	return AUTHTOK_OK;
}

enum authtok_err
at_memory_audit_cut(void *ctx, int64_t seq, const struct authtok_act *act)
{
	struct memory *m = ctx;
	enum authtok_err err;

	if (!act || !act->record)
		return AUTHTOK_EINVAL;
	at_memory_lock(m);
	err = cut(m, seq, act);
	at_memory_unlock(m);
	return err;
}
