/*
 * Counting failed sign-ins for the audit log. Guessing must not flood the log,
 * and a flood of made-up names must not hide the guesses at one that exists:
 * names that are not known to be a user's may fill half of the table, users
 * three quarters; then only networks are told apart, and at last nothing.
 * May know: no store and no clock. Typed names may be passwords by mistake, so
 * they are wiped.
 */
#include "account/failures.h"

#include "account/password.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct at_failure what;
	uint64_t count;
};

struct at_failures {
	pthread_mutex_t lock;
	pthread_mutex_t claim;
	size_t used;
	struct entry entries[AT_FAILURES_MAX]; /* oldest first */
};

enum authtok_err
at_failures_new(struct at_failures **ret_failures)
{
	struct at_failures *failures = calloc(1, sizeof(*failures));

	if (failures == NULL)
		return AUTHTOK_ENOMEM;
	pthread_mutex_init(&failures->lock, NULL);
	pthread_mutex_init(&failures->claim, NULL);
	*ret_failures = failures;
	return AUTHTOK_OK;
}

void
at_failures_free(struct at_failures *failures)
{
	if (failures == NULL)
		return;
	pthread_mutex_destroy(&failures->lock);
	pthread_mutex_destroy(&failures->claim);
	at_wipe(failures, sizeof(*failures));
	free(failures);
}

/* ---- entries; the lock is held ------------------------------------------ */

static bool
same(const struct at_failure *one, const struct at_failure *other)
{
	if (one->kind != other->kind)
		return false;
	if (one->kind == AT_FAILURE_OTHERS)
		return true;
	return one->minute == other->minute && one->user_id == other->user_id &&
	    memcmp(one->network, other->network, AT_NETWORK_LEN) == 0 &&
	    strcmp(one->name, other->name) == 0;
}

static struct entry *
find(struct at_failures *failures, const struct at_failure *what)
{
	size_t i;

	for (i = 0; i < failures->used; i++)
		if (same(&failures->entries[i].what, what))
			return &failures->entries[i];
	return NULL;
}

static void
drop(struct at_failures *failures, struct entry *entry)
{
	size_t i = (size_t)(entry - failures->entries);

	failures->used--;
	memmove(entry, entry + 1, (failures->used - i) * sizeof(*entry));
	at_wipe(&failures->entries[failures->used], sizeof(*entry));
}

/* Say less of what failed. */
static void
blur(struct at_failure *what)
{
	if (what->kind == AT_FAILURE_NOBODY) {
		what->kind = AT_FAILURE_OTHERS;
		memset(what->network, 0, AT_NETWORK_LEN);
		return;
	}
	what->kind = AT_FAILURE_NOBODY;
	what->user_id = 0;
	at_wipe(what->name, sizeof(what->name));
}

static struct entry *
find_or_make(struct at_failures *failures, struct at_failure *what)
{
	/* new entries of a kind while so many are in use; the last place is
	 * kept for the others */
	static const size_t room[] = {
		[AT_FAILURE_TYPED] = AT_FAILURES_MAX / 2,
		[AT_FAILURE_USER] = AT_FAILURES_MAX / 4 * 3,
		[AT_FAILURE_NOBODY] = AT_FAILURES_MAX - 1,
		[AT_FAILURE_OTHERS] = AT_FAILURES_MAX,
	};
	struct entry *entry;

	for (;; blur(what)) {
		entry = find(failures, what);
		if (entry != NULL)
			return entry;
		if (failures->used < room[what->kind])
			break;
	}
	entry = &failures->entries[failures->used++];
	entry->what = *what;
	entry->count = 0;
	return entry;
}

/* ---- counting and writing ----------------------------------------------- */

void
at_failures_count(struct at_failures *failures, const struct at_failure *what)
{
	struct at_failure which = *what;

	pthread_mutex_lock(&failures->lock);
	find_or_make(failures, &which)->count++;
	pthread_mutex_unlock(&failures->lock);
	at_wipe(&which, sizeof(which));
}

void
at_failures_claim(struct at_failures *failures)
{
	pthread_mutex_lock(&failures->claim);
}

void
at_failures_release(struct at_failures *failures)
{
	pthread_mutex_unlock(&failures->claim);
}

size_t
at_failures_size(struct at_failures *failures)
{
	size_t used;

	pthread_mutex_lock(&failures->lock);
	used = failures->used;
	pthread_mutex_unlock(&failures->lock);
	return used;
}

bool
at_failures_first(struct at_failures *failures, bool typed,
    struct at_failure *ret_what, uint64_t *ret_count)
{
	const struct entry *entry;
	bool found = false;
	size_t i;

	pthread_mutex_lock(&failures->lock);
	for (i = 0; i < failures->used && !found; i++) {
		entry = &failures->entries[i];
		if ((entry->what.kind == AT_FAILURE_TYPED) != typed)
			continue;
		*ret_what = entry->what;
		*ret_count = entry->count;
		found = true;
	}
	pthread_mutex_unlock(&failures->lock);
	return found;
}

void
at_failures_rename(struct at_failures *failures, const struct at_failure *from,
    const struct at_failure *to)
{
	struct entry *entry, *other;

	pthread_mutex_lock(&failures->lock);
	entry = find(failures, from);
	other = find(failures, to);
	if (entry != NULL && other == NULL) {
		entry->what = *to;
	} else if (entry != NULL && other != entry) {
		other->count += entry->count;
		drop(failures, entry);
	}
	pthread_mutex_unlock(&failures->lock);
}

void
at_failures_written(
    struct at_failures *failures, const struct at_failure *what, uint64_t count)
{
	struct entry *entry;

	pthread_mutex_lock(&failures->lock);
	entry = find(failures, what);
	if (entry != NULL) {
		entry->count -= count;
		if (entry->count == 0)
			drop(failures, entry);
	}
	pthread_mutex_unlock(&failures->lock);
}
