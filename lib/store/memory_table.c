/*
 * The hash tables of the reference backend. May know: store.h.
 *
 * The hash is a polynomial in a secret point modulo the prime 2^31 - 1: who
 * chooses names cannot know which of them meet in a bucket.
 */
#include "store/memory.h"

#include <stdlib.h>

#define FIRST_BUCKETS 64

bool
at_memory_table_init(struct memory_table *table)
{
	table->buckets = calloc(FIRST_BUCKETS, sizeof(*table->buckets));
	table->bucket_count = table->buckets ? FIRST_BUCKETS : 0;
	return table->buckets;
}

/* ASCII only, whatever the locale says. */
static unsigned char
fold(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? (unsigned char)(u + ('a' - 'A')) : u;
}

bool
at_memory_same_text(const char *a, const char *b)
{
	for (; fold(*a) == fold(*b); a++, b++)
		if (!*a)
			return true;
	return false;
}

static uint32_t
hash_step(const struct memory *m, uint32_t hash, unsigned char c)
{
	/* + 1: no byte, not even a NUL, is nothing */
	return (
	    uint32_t)(((uint64_t)hash * m->hash_key + c + 1) % AT_MEMORY_PRIME);
}

uint32_t
at_memory_hash_text(const struct memory *m, const char *text)
{
	uint32_t hash = 0;

	for (; *text; text++)
		hash = hash_step(m, hash, fold(*text));
	return hash;
}

uint32_t
at_memory_hash_sid(const struct memory *m, const uint8_t *sid)
{
	uint32_t hash = 0;
	size_t i;

	for (i = 0; i < AUTHTOK_SID_LEN; i++)
		hash = hash_step(m, hash, sid[i]);
	return hash;
}

static struct memory_link **
bucket(const struct memory_table *table, uint32_t hash)
{
	return &table->buckets[hash & (table->bucket_count - 1)];
}

static void
grow(struct memory_table *table)
{
	struct memory_table bigger = { NULL, table->bucket_count * 2,
		table->count };
	struct memory_link *link, *next, **at;
	size_t i;

	bigger.buckets = calloc(bigger.bucket_count, sizeof(*bigger.buckets));
	if (!bigger.buckets)
		return;
	for (i = 0; i < table->bucket_count; i++) {
		for (link = table->buckets[i]; link; link = next) {
			next = link->next;
			at = bucket(&bigger, link->hash);
			link->next = *at;
			*at = link;
		}
	}
	free(table->buckets);
	*table = bigger;
}

void
at_memory_table_add(struct memory_table *table, struct memory_link *link,
    uint32_t hash, void *row)
{
	struct memory_link **at;

	if (table->count >= table->bucket_count)
		grow(table);
	at = bucket(table, hash);
	link->hash = hash;
	link->row = row;
	link->next = *at;
	*at = link;
	table->count++;
}

void
at_memory_table_remove(
    struct memory_table *table, const struct memory_link *link)
{
	struct memory_link **at = bucket(table, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	table->count--;
}

struct memory_link *
at_memory_table_next(const struct memory_table *table,
    const struct memory_link *link, uint32_t hash)
{
	struct memory_link *next = link ? link->next : *bucket(table, hash);

	while (next && next->hash != hash)
		next = next->next;
	return next;
}
