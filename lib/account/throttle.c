/*
 * Counting failed sign-ins in tables of fixed size. An entry is found by a
 * keyed hash of what it counts, so nobody outside can aim at one; a full bucket
 * gives up its least interesting entry. Entries exist for unknown names just
 * as for known ones. Time is an argument.
 *
 * An attempt counts as under way from its begin to its finish. When the
 * failures, together with the attempts under way, are more than are free, the
 * next one waits for those: many guesses at once get no further than one after
 * the other, and many honest sign-ins at once are not taken for failures.
 */
#include "account/throttle.h"

#include "account/names.h"
#include "account/network.h"
#include "account/password.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WAYS        8  /* entries of a bucket */
#define DOUBLINGS   10 /* failures beyond the free ones that are remembered */
#define DELAY_MAX   30
#define TIME_MAX    (INT64_C(1) << 53)
#define WAITERS_MAX 64

struct entry {
	uint64_t tag;   /* 0: nobody's */
	int64_t since;  /* the failures were as many at this time */
	int64_t closed; /* no attempt before this time */
	unsigned failures;
	unsigned under_way;
};

struct table {
	size_t buckets; /* a power of two */
	struct entry *entries;
	unsigned free;
	int64_t delay_max;
};

struct at_throttle {
	pthread_mutex_t lock;
	pthread_cond_t finished;
	unsigned waiting;
	uint8_t key[AT_KEY_LEN];
	struct table tables[AT_THROTTLE_KINDS];
};

enum authtok_err
at_throttle_new(const unsigned free_of[AT_THROTTLE_KINDS], unsigned delay_max,
    struct at_throttle **ret_throttle)
{
	static const size_t buckets[] = { 2048, 1024, 1024 };
	static const unsigned times[] = { AT_THROTTLE_PAIR_TIMES, 1,
		AT_THROTTLE_PREFIX_TIMES };
	struct at_throttle *throttle;
	struct table *table;
	size_t i;

	if (delay_max < 1 || delay_max > DELAY_MAX)
		return AUTHTOK_EINVAL;
	throttle = calloc(1, sizeof(*throttle));
	if (throttle == NULL)
		return AUTHTOK_ENOMEM;
	pthread_mutex_init(&throttle->lock, NULL);
	pthread_cond_init(&throttle->finished, NULL);
	at_random(throttle->key, sizeof(throttle->key));
	for (i = 0; i < AT_THROTTLE_KINDS; i++) {
		table = &throttle->tables[i];
		table->buckets = buckets[i];
		table->free = free_of[i];
		table->delay_max = (int64_t)delay_max * times[i];
		table->entries =
		    calloc(buckets[i] * WAYS, sizeof(struct entry));
		if (table->entries == NULL) {
			at_throttle_free(throttle);
			return AUTHTOK_ENOMEM;
		}
	}
	*ret_throttle = throttle;
	return AUTHTOK_OK;
}

void
at_throttle_free(struct at_throttle *throttle)
{
	size_t i;

	if (throttle == NULL)
		return;
	for (i = 0; i < AT_THROTTLE_KINDS; i++)
		free(throttle->tables[i].entries);
	pthread_cond_destroy(&throttle->finished);
	pthread_mutex_destroy(&throttle->lock);
	free(throttle);
}

/* ---- what is counted ---------------------------------------------------- */

/* Prefix, then folded name: each tag is a hash of one stretch of it. */
static void
make_ticket(const struct at_throttle *throttle, const char *name,
    const char *address, struct at_throttle_ticket *ret_ticket)
{
	/* one byte over the longest name: such names are all nobody's */
	uint8_t text[AT_NETWORK_LEN + AUTHTOK_NAME_MAX + 1];
	size_t len = strnlen(name, AUTHTOK_NAME_MAX + 1);
	uint64_t *tags = ret_ticket->tags;
	size_t i;

	at_network_of(address, text);
	for (i = 0; i < len; i++)
		text[AT_NETWORK_LEN + i] = at_fold((unsigned char)name[i]);
	tags[AT_THROTTLE_PAIR] =
	    at_keyed_hash(throttle->key, text, AT_NETWORK_LEN + len);
	tags[AT_THROTTLE_ACCOUNT] =
	    at_keyed_hash(throttle->key, text + AT_NETWORK_LEN, len);
	tags[AT_THROTTLE_PREFIX] =
	    at_keyed_hash(throttle->key, text, AT_NETWORK_LEN);
	for (i = 0; i < AT_THROTTLE_KINDS; i++)
		if (tags[i] == 0)
			tags[i] = 1;
}

/* ---- entries; the lock is held ------------------------------------------ */

/*
 * Forget: one failure for each longest delay that went by. A clock that was set
 * back neither forgets nor closes for longer than the longest delay.
 */
static void
let_time_pass(const struct table *table, struct entry *entry, int64_t now)
{
	int64_t steps;

	if (entry->closed > now + table->delay_max)
		entry->closed = now + table->delay_max;
	if (entry->since > now + table->delay_max)
		entry->since = now;
	if (now <= entry->since)
		return;
	steps = (now - entry->since) / table->delay_max;
	entry->since += steps * table->delay_max;
	if (steps >= entry->failures)
		entry->failures = 0;
	else
		entry->failures -= (unsigned)steps;
}

static struct entry *
bucket_of(const struct table *table, uint64_t tag)
{
	return table->entries + (size_t)(tag & (table->buckets - 1)) * WAYS;
}

static struct entry *
find(const struct table *table, uint64_t tag)
{
	struct entry *bucket = bucket_of(table, tag);
	size_t i;

	for (i = 0; i < WAYS; i++)
		if (bucket[i].tag == tag)
			return &bucket[i];
	return NULL;
}

/*
 * The entry of a tag; a new one takes the place of that with the fewest
 * failures. NULL when all of the bucket are under way.
 */
static struct entry *
find_or_make(const struct table *table, uint64_t tag, int64_t now)
{
	struct entry *bucket = bucket_of(table, tag);
	struct entry *least = NULL;
	size_t i;

	for (i = 0; i < WAYS; i++) {
		let_time_pass(table, &bucket[i], now);
		if (bucket[i].tag == tag)
			return &bucket[i];
		if (bucket[i].under_way == 0 &&
		    (least == NULL || bucket[i].failures < least->failures))
			least = &bucket[i];
	}
	if (least != NULL)
		*least = (struct entry){ .tag = tag, .since = now };
	return least;
}

static void
count_failure(const struct table *table, struct entry *entry, int64_t now)
{
	unsigned beyond;
	int64_t delay;

	if (entry->failures == 0)
		entry->since = now;
	if (entry->failures < table->free + DOUBLINGS)
		entry->failures++;
	if (entry->failures <= table->free)
		return;
	beyond = entry->failures - table->free;
	delay = INT64_C(1) << (beyond - 1);
	if (delay > table->delay_max)
		delay = table->delay_max;
	if (entry->closed < now + delay)
		entry->closed = now + delay;
}

/* ---- attempts ----------------------------------------------------------- */

/* A clock out of its mind must not overflow the sums. */
static int64_t
sane(int64_t now)
{
	return now < 0 ? 0 : now > TIME_MAX ? TIME_MAX : now;
}

/*
 * One look at the three entries. ETHROTTLED: one is closed. EBUSY: one has so
 * many attempts under way that this one must wait.
 */
static enum authtok_err
look(const struct at_throttle *throttle, const uint64_t *tags, int64_t now,
    struct entry **entries, unsigned *ret_wait)
{
	const struct table *table;
	int64_t wait = 0;
	bool crowded = false;
	size_t i;

	for (i = 0; i < AT_THROTTLE_KINDS; i++) {
		table = &throttle->tables[i];
		entries[i] = find_or_make(table, tags[i], now);
		if (entries[i] == NULL)
			return AUTHTOK_EBUSY;
		if (entries[i]->closed - now > wait)
			wait = entries[i]->closed - now;
		if (entries[i]->under_way > 0 &&
		    entries[i]->failures + entries[i]->under_way > table->free)
			crowded = true;
	}
	if (wait > 0) {
		*ret_wait = (unsigned)wait;
		return AUTHTOK_ETHROTTLED;
	}
	return crowded ? AUTHTOK_EBUSY : AUTHTOK_OK;
}

enum authtok_err
at_throttle_begin(struct at_throttle *throttle, const char *name,
    const char *address, int64_t now, struct at_throttle_ticket *ret_ticket,
    unsigned *ret_wait)
{
	struct entry *entries[AT_THROTTLE_KINDS];
	struct at_throttle_ticket ticket;
	enum authtok_err err;
	size_t i;

	now = sane(now);
	make_ticket(throttle, name, address, &ticket);
	pthread_mutex_lock(&throttle->lock);
	for (;;) {
		err = look(throttle, ticket.tags, now, entries, ret_wait);
		if (err != AUTHTOK_EBUSY || throttle->waiting >= WAITERS_MAX)
			break;
		throttle->waiting++;
		pthread_cond_wait(&throttle->finished, &throttle->lock);
		throttle->waiting--;
	}
	if (err == AUTHTOK_OK) {
		for (i = 0; i < AT_THROTTLE_KINDS; i++)
			entries[i]->under_way++;
		*ret_ticket = ticket;
	}
	pthread_mutex_unlock(&throttle->lock);
	return err;
}

void
at_throttle_finish(struct at_throttle *throttle,
    const struct at_throttle_ticket *ticket, int64_t now,
    enum at_throttle_end end)
{
	struct entry *entry;
	size_t i;

	now = sane(now);
	pthread_mutex_lock(&throttle->lock);
	for (i = 0; i < AT_THROTTLE_KINDS; i++) {
		/* entries under way stay where they are */
		entry = find(&throttle->tables[i], ticket->tags[i]);
		entry->under_way--;
		if (end == AT_THROTTLE_FAILED)
			count_failure(&throttle->tables[i], entry, now);
		else if (end == AT_THROTTLE_PASSED && i == AT_THROTTLE_PAIR)
			entry->failures = 0;
	}
	pthread_cond_broadcast(&throttle->finished);
	pthread_mutex_unlock(&throttle->lock);
}
