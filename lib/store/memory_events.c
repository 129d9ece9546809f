/*
 * The revocations of the reference backend, in an array by seq. May know:
 * store.h.
 */
#include "store/memory.h"

#include <string.h>

bool
at_memory_events_reserve(struct memory *m, size_t n)
{
	struct authtok_revocation *events = at_memory_grow(
	    m->events, &m->event_cap, m->event_count + n, sizeof(*m->events));

	if (!events)
		return false;
	m->events = events;
	return true;
}

static struct authtok_revocation *
event_add(struct memory *m, const struct authtok_act *act)
{
	struct authtok_revocation *event = &m->events[m->event_count++];

	memset(event, 0, sizeof(*event));
	event->seq = ++m->last_seq;
	event->at = act->now;
	event->until = act->until;
	return event;
}

void
at_memory_event_user(struct memory *m, int64_t user_id, int64_t epoch,
    const struct authtok_act *act)
{
	struct authtok_revocation *event = event_add(m, act);

	event->user_id = user_id;
	event->epoch = epoch;
}

void
at_memory_event_session(
    struct memory *m, const uint8_t *sid, const struct authtok_act *act)
{
	memcpy(event_add(m, act)->sid, sid, AUTHTOK_SID_LEN);
}

size_t
at_memory_events_purge(struct memory *m, int64_t now, size_t limit)
{
	size_t i, kept = 0, gone;

	for (i = 0; i < m->event_count; i++) {
		if (m->events[i].until <= now && i - kept < limit)
			continue;
		m->events[kept++] = m->events[i];
	}
	gone = m->event_count - kept;
	m->event_count = kept;
	return gone;
}

/* Index of the first event with seq > after. */
static size_t
first_after(const struct memory *m, int64_t after)
{
	size_t low = 0, high = m->event_count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (m->events[mid].seq > after)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

enum authtok_err
at_memory_revoked_since(void *ctx, int64_t after,
    struct authtok_revocation *ret_events, size_t cap, size_t *ret_count)
{
	struct memory *m = ctx;
	size_t first, n;

	at_memory_lock(m);
	first = first_after(m, after);
	n = m->event_count - first;
	if (n > cap)
		n = cap;
	if (n > 0)
		memcpy(ret_events, m->events + first, n * sizeof(*ret_events));
	*ret_count = n;
	at_memory_unlock(m);
	return AUTHTOK_OK;
}
