/*
 * The reference backend: its birth, its end and what its parts share. Also
 * authtok_store_close, which is the same for every backend. May know: store.h.
 */
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_CAP 8

void
at_memory_lock(struct memory *m)
{
	(void)pthread_mutex_lock(&m->mutex);
}

void
at_memory_unlock(struct memory *m)
{
	(void)pthread_mutex_unlock(&m->mutex);
}

/* Password hashes and seeds do not stay behind in freed memory. */
void
at_memory_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}

void *
at_memory_grow(void *old, size_t *cap, size_t need, size_t size)
{
	size_t more = *cap > 0 ? *cap : FIRST_CAP;
	void *p;

	if (need <= *cap)
		return old;
	while (more < need)
		more *= 2;
	p = reallocarray(old, more, size);
	if (p)
		*cap = more;
	return p;
}

static void
memory_free(struct memory *m)
{
	size_t i;

	for (i = 0; i < m->user_count; i++)
		at_memory_user_free(m->users[i]);
	free(m->users);
	free(m->events);
	free(m->audit);
	free(m->names.buckets);
	free(m->emails.buckets);
	free(m->sids.buckets);
	free(m);
}

static void
memory_close(void *ctx)
{
	struct memory *m = ctx;

	(void)pthread_mutex_destroy(&m->mutex);
	memory_free(m);
}

/* It is never busy and never breaks. */
static void
memory_explain(void *ctx, char *buf, size_t size)
{
	(void)ctx;
	(void)size;
	buf[0] = '\0';
}

static const struct authtok_store_ops memory_ops = {
	.version = AUTHTOK_STORE_VERSION,
	.close = memory_close,
	.user_create = at_memory_user_create,
	.user_find = at_memory_user_find,
	.user_find_name = at_memory_user_find_name,
	.user_find_email = at_memory_user_find_email,
	.user_update = at_memory_user_update,
	.user_delete = at_memory_user_delete,
	.user_list = at_memory_user_list,
	.session_create = at_memory_session_create,
	.session_find = at_memory_session_find,
	.session_update = at_memory_session_update,
	.session_change = at_memory_session_change,
	.session_list = at_memory_session_list,
	.session_revoke = at_memory_session_revoke,
	.session_revoke_user = at_memory_session_revoke_user,
	.session_delete = at_memory_session_delete,
	.revoked_since = at_memory_revoked_since,
	.purge = at_memory_purge,
	.audit_append = at_memory_audit_append,
	.audit_list = at_memory_audit_list,
	.audit_base = at_memory_audit_base,
	.audit_cut = at_memory_audit_cut,
	.explain = memory_explain,
};

static uint32_t
secret_point(const struct memory *m)
{
	uint32_t key;

	/* without the kernel's randomness the address, which is random too */
	if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key))
		key = (uint32_t)((uintptr_t)m >> 4);
	return key % (AT_MEMORY_PRIME - 1) + 1;
}

enum authtok_err
authtok_store_memory(struct authtok_store **ret_store)
{
	struct authtok_store *store;
	struct memory *m;

	if (!ret_store)
		return AUTHTOK_EINVAL;
	store = malloc(sizeof(*store));
	m = calloc(1, sizeof(*m));
	if (!store || !m)
		goto fail;
	m->hash_key = secret_point(m);
	if (!at_memory_table_init(&m->names) ||
	    !at_memory_table_init(&m->emails) ||
	    !at_memory_table_init(&m->sids) ||
	    pthread_mutex_init(&m->mutex, NULL) != 0)
		goto fail;
	store->ops = &memory_ops;
	store->ctx = m;
	*ret_store = store;
	return AUTHTOK_OK;
fail:
	if (m)
		memory_free(m);
	free(store);
	return AUTHTOK_ENOMEM;
}

void
authtok_store_explain(const struct authtok_store *store, char *buf, size_t size)
{
	if (!buf || size == 0)
		return;
	buf[0] = '\0';
	if (store)
		store->ops->explain(store->ctx, buf, size);
}

/* A constructor allocates the store itself apart from the context. */
void
authtok_store_close(struct authtok_store *store)
{
	if (!store)
		return;
	store->ops->close(store->ctx);
	free(store);
}
