/*
 * The revocation set: a hash table that many threads read without a lock and
 * without a write, while one at a time adds to it.
 *
 * A place goes from empty to taken once; what it holds then only grows. What is
 * over goes when the table is full: the live entries are copied to the other
 * of two tables, and `turn` says which one counts. A reader that was overtaken
 * by that sees another turn after its search than before it, and searches
 * again. Memory that a reader might still look at is never freed before the
 * set; a table is replaced by one of at least twice its size, so what is kept
 * is less than four times the largest.
 *
 * Every load is an acquire and every store a release: whoever sees a place as a
 * rebuild left it sees the turn that came before that rebuild.
 */
#include "token/revocation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 1024 /* places; a power of two */

enum {
	KIND_SESSION = 1,
	KIND_USER = 2,
};

struct entry {
	_Atomic(uint64_t) key[2]; /* the sid; or the user, 0 */
	_Atomic(int64_t) epoch;   /* least one that is good, of a user */
	_Atomic(int64_t) until;
};

/*
 * The tags are apart, and one byte each: a search that finds nothing touches
 * hardly anything else.
 */
struct places {
	struct places *older;
	size_t capacity;
	_Atomic(uint8_t) *tags; /* 0: empty; kind in the lowest two bits */
	struct entry entries[];
};

struct authtok_revocations {
	_Atomic(uint64_t) turn;
	_Atomic(struct places *) tables[2];
	struct places *all; /* for free */

	pthread_mutex_t add; /* one adds */
	_Atomic(size_t) count;

	pthread_mutex_t pull; /* one pulls */
	int64_t cursor;
	int64_t pulled_at;
	_Atomic(int64_t) horizon;
};

struct key {
	uint64_t word[2];
	uint64_t hash;
	uint8_t tag;
};

/* Spread what may be small numbers (the finaliser of a 64-bit mixer). */
static uint64_t
mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

static struct key
make_key(uint64_t first, uint64_t second, unsigned kind)
{
	struct key key = { { first, second }, mix(first ^ second), 0 };

	key.tag = (uint8_t)(key.hash >> 58 << 2 | kind);
	return key;
}

static struct key
session_key(const uint8_t *sid)
{
	uint64_t word[2];

	memcpy(word, sid, sizeof(word));
	return make_key(word[0], word[1], KIND_SESSION);
}

static struct key
user_key(int64_t user_id)
{
	return make_key((uint64_t)user_id, 0, KIND_USER);
}

static struct places *
places_new(size_t capacity)
{
	struct places *p;

	p = calloc(1, sizeof(*p) + capacity * sizeof(p->entries[0]));
	if (p == NULL)
		return NULL;
	p->tags = calloc(capacity, sizeof(p->tags[0]));
	if (p->tags == NULL) {
		free(p);
		return NULL;
	}
	p->capacity = capacity;
	return p;
}

/*
 * The place of a key: where it is, or the empty one where it belongs. Half of the
 * places are empty, an eighth when there is no memory for more.
 */
static size_t
place_of(const struct places *p, const struct key *key, bool *ret_taken)
{
	size_t i = key->hash & (p->capacity - 1);
	const struct entry *e;
	uint8_t tag;

	for (;; i = (i + 1) & (p->capacity - 1)) {
		tag = atomic_load_explicit(&p->tags[i], memory_order_acquire);
		if (tag == 0)
			break;
		if (tag != key->tag)
			continue;
		e = &p->entries[i];
		if (atomic_load_explicit(&e->key[0], memory_order_acquire) ==
			key->word[0] &&
		    atomic_load_explicit(&e->key[1], memory_order_acquire) ==
			key->word[1])
			break;
	}
	*ret_taken = tag != 0;
	return i;
}

static bool
found(const struct places *p, const struct key *key, int64_t *ret_epoch)
{
	bool taken;
	size_t i = place_of(p, key, &taken);

	if (taken)
		*ret_epoch = atomic_load_explicit(
		    &p->entries[i].epoch, memory_order_acquire);
	return taken;
}

bool
at_revoked(const struct authtok_revocations *set, const uint8_t *sid,
    int64_t user_id, int64_t epoch)
{
	const struct places *p;
	int64_t least = 0;
	struct key key;
	uint64_t turn;
	bool revoked;

	do {
		turn = atomic_load_explicit(&set->turn, memory_order_acquire);
		p = atomic_load_explicit(
		    &set->tables[turn & 1], memory_order_acquire);
		revoked = false;
		if (sid != NULL) {
			key = session_key(sid);
			revoked = found(p, &key, &least);
		}
		if (!revoked && user_id > 0) {
			key = user_key(user_id);
			revoked = found(p, &key, &least) && epoch < least;
		}
	} while (
	    turn != atomic_load_explicit(&set->turn, memory_order_acquire));
	return revoked;
}

/* ---- adding; the lock is held ------------------------------------------- */

/* Fill an empty place, the tag last: with it the entry is there. */
static void
fill(struct places *p, size_t i, const struct key *key, int64_t epoch,
    int64_t until)
{
	struct entry *e = &p->entries[i];

	atomic_store_explicit(&e->key[0], key->word[0], memory_order_release);
	atomic_store_explicit(&e->key[1], key->word[1], memory_order_release);
	atomic_store_explicit(&e->epoch, epoch, memory_order_release);
	atomic_store_explicit(&e->until, until, memory_order_release);
	atomic_store_explicit(&p->tags[i], key->tag, memory_order_release);
}

static void
raise_to(_Atomic(int64_t) *value, int64_t to)
{
	if (atomic_load_explicit(value, memory_order_relaxed) < to)
		atomic_store_explicit(value, to, memory_order_release);
}

static bool
live(const struct places *p, size_t i, int64_t now)
{
	return atomic_load_explicit(&p->tags[i], memory_order_relaxed) != 0 &&
	    atomic_load_explicit(&p->entries[i].until, memory_order_relaxed) >
	    now;
}

/* The table that does not count, empty, with room for need entries. */
static struct places *
other_table(struct authtok_revocations *set, uint64_t turn, size_t need)
{
	struct places *p = atomic_load(&set->tables[(turn + 1) & 1]);
	size_t capacity = FIRST_CAPACITY, i;

	while (capacity / 4 < need)
		capacity *= 2;
	if (p != NULL && p->capacity >= capacity) {
		for (i = 0; i < p->capacity; i++)
			atomic_store_explicit(
			    &p->tags[i], 0, memory_order_release);
		return p;
	}
	p = places_new(capacity);
	if (p == NULL)
		return NULL;
	p->older = set->all;
	set->all = p;
	atomic_store(&set->tables[(turn + 1) & 1], p);
	return p;
}

/* Copy what is live to the other table and let that one count. */
static enum authtok_err
rebuild(struct authtok_revocations *set, int64_t now)
{
	uint64_t turn = atomic_load(&set->turn);
	const struct places *from = atomic_load(&set->tables[turn & 1]);
	struct places *to;
	size_t i, n = 0;
	struct key key;
	bool taken;

	for (i = 0; i < from->capacity; i++)
		n += live(from, i, now);
	to = other_table(set, turn, n + 1);
	if (to == NULL)
		return AUTHTOK_ENOMEM;
	for (i = 0; i < from->capacity; i++) {
		const struct entry *e = &from->entries[i];

		if (!live(from, i, now))
			continue;
		key = make_key(e->key[0], e->key[1], from->tags[i] & 3);
		fill(to, place_of(to, &key, &taken), &key, e->epoch, e->until);
	}
	atomic_store(&set->turn, turn + 1);
	atomic_store(&set->count, n);
	return AUTHTOK_OK;
}

static enum authtok_err
add(struct authtok_revocations *set, const struct authtok_revocation *event,
    int64_t now)
{
	struct places *p;
	enum authtok_err err;
	struct key key;
	bool taken;
	size_t i;

	if (event->until <= now)
		return AUTHTOK_OK;
	key = event->user_id != 0 ? user_key(event->user_id)
				  : session_key(event->sid);
	p = atomic_load(&set->tables[atomic_load(&set->turn) & 1]);
	i = place_of(p, &key, &taken);
	if (taken) {
		raise_to(&p->entries[i].epoch, event->epoch);
		raise_to(&p->entries[i].until, event->until);
		return AUTHTOK_OK;
	}
	if (atomic_load(&set->count) >= p->capacity / 2) {
		err = rebuild(set, now);
		/* searches get longer without, but what is left out is good
		 * for whoever has it */
		if (err != AUTHTOK_OK &&
		    atomic_load(&set->count) >= p->capacity / 8 * 7)
			return err;
		p = atomic_load(&set->tables[atomic_load(&set->turn) & 1]);
		i = place_of(p, &key, &taken);
	}
	fill(p, i, &key, event->epoch, event->until);
	atomic_fetch_add(&set->count, 1);
	return AUTHTOK_OK;
}

enum authtok_err
authtok_revocations_add(struct authtok_revocations *revocations,
    const struct authtok_revocation *events, size_t count, int64_t now)
{
	enum authtok_err err = AUTHTOK_OK;
	size_t i;

	if (revocations == NULL || (events == NULL && count > 0))
		return AUTHTOK_EINVAL;
	pthread_mutex_lock(&revocations->add);
	for (i = 0; i < count && err == AUTHTOK_OK; i++)
		err = add(revocations, &events[i], now);
	pthread_mutex_unlock(&revocations->add);
	return err;
}

size_t
authtok_revocations_count(const struct authtok_revocations *revocations)
{
	return revocations != NULL ? atomic_load(&revocations->count) : 0;
}

enum authtok_err
authtok_revocations_new(struct authtok_revocations **ret_revocations)
{
	struct authtok_revocations *set;

	if (ret_revocations == NULL)
		return AUTHTOK_EINVAL;
	set = calloc(1, sizeof(*set));
	if (set == NULL)
		return AUTHTOK_ENOMEM;
	set->all = places_new(FIRST_CAPACITY);
	if (set->all == NULL) {
		free(set);
		return AUTHTOK_ENOMEM;
	}
	atomic_init(&set->tables[0], set->all);
	pthread_mutex_init(&set->add, NULL);
	pthread_mutex_init(&set->pull, NULL);
	*ret_revocations = set;
	return AUTHTOK_OK;
}

void
authtok_revocations_free(struct authtok_revocations *revocations)
{
	struct places *p;

	if (revocations == NULL)
		return;
	while ((p = revocations->all) != NULL) {
		revocations->all = p->older;
		free(p->tags);
		free(p);
	}
	pthread_mutex_destroy(&revocations->add);
	pthread_mutex_destroy(&revocations->pull);
	free(revocations);
}

void
at_revocations_bound(struct authtok_revocations *set, int64_t horizon)
{
	pthread_mutex_lock(&set->pull);
	if (atomic_load(&set->horizon) < horizon) {
		atomic_store(&set->horizon, horizon);
		set->cursor = 0;
	}
	pthread_mutex_unlock(&set->pull);
}

int64_t
at_revocations_horizon(const struct authtok_revocations *set)
{
	return atomic_load(&set->horizon);
}

void
at_revocations_pull_begin(struct authtok_revocations *set,
    const struct authtok *engine, int64_t *ret_now, int64_t *ret_cursor)
{
	pthread_mutex_lock(&set->pull);
	*ret_now = authtok_now(engine);
	if (*ret_now < set->pulled_at)
		set->cursor = 0;
	set->pulled_at = *ret_now;
	*ret_cursor = set->cursor;
}

void
at_revocations_pull_end(struct authtok_revocations *set, int64_t cursor)
{
	set->cursor = cursor;
	pthread_mutex_unlock(&set->pull);
}
