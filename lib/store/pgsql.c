/*
 * The PostgreSQL backend: opening and closing a store, and the vtable. A pool
 * of connections, each made when it is first needed; no thread of its own.
 */
#include "store/pgsql_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
close_all(struct at_pgsql *db)
{
	for (unsigned i = 0; i < db->connection_count; i++)
		at_pg_conn_close(&db->conns[i]);
	free(db->conns);
	at_pg_lane_destroy(&db->finds);
	at_pg_lane_destroy(&db->swaps);
	at_pg_lane_destroy(&db->durable_swaps);
	at_pg_pool_destroy(&db->pool);
	pthread_mutex_destroy(&db->fault_lock);
	pthread_mutex_destroy(&db->sweep_lock);
	/* it may hold a password */
	explicit_bzero(db->conninfo, strlen(db->conninfo));
	free(db->conninfo);
	free(db);
}

static void
pgsql_close(void *ctx)
{
	close_all(ctx);
}

static const struct authtok_store_ops ops = {
	.version = AUTHTOK_STORE_VERSION,
	.close = pgsql_close,
	.user_create = at_pg_user_create,
	.user_find = at_pg_user_find,
	.user_find_name = at_pg_user_find_name,
	.user_find_email = at_pg_user_find_email,
	.user_update = at_pg_user_update,
	.user_delete = at_pg_user_delete,
	.user_list = at_pg_user_list,
	.session_create = at_pg_session_create,
	.session_find = at_pg_session_find,
	.session_update = at_pg_session_update,
	/* no session_change: see pgsql_sessions.c */
	.session_list = at_pg_session_list,
	.session_revoke = at_pg_session_revoke,
	.session_revoke_user = at_pg_session_revoke_user,
	.session_delete = at_pg_session_delete,
	.revoked_since = at_pg_revoked_since,
	.purge = at_pg_purge,
	.audit_append = at_pg_audit_append,
	.audit_list = at_pg_audit_list,
	.audit_base = at_pg_audit_base,
	.audit_cut = at_pg_audit_cut,
	.explain = at_pg_explain,
};

/* Locks and queues; false when there is no memory for one. */
static bool
init_locks(struct at_pgsql *db)
{
	if (!at_pg_lane_init(&db->finds, false, false))
		return false;
	if (!at_pg_lane_init(&db->swaps, true, false))
		goto out_finds;
	if (!at_pg_lane_init(&db->durable_swaps, true, true))
		goto out_swaps;
	if (!at_pg_pool_init(&db->pool))
		goto out_durable;
	if (pthread_mutex_init(&db->fault_lock, NULL) != 0)
		goto out_pool;
	if (pthread_mutex_init(&db->sweep_lock, NULL) == 0)
		return true;
	pthread_mutex_destroy(&db->fault_lock);
out_pool:
	at_pg_pool_destroy(&db->pool);
out_durable:
	at_pg_lane_destroy(&db->durable_swaps);
out_swaps:
	at_pg_lane_destroy(&db->swaps);
out_finds:
	at_pg_lane_destroy(&db->finds);
	return false;
}

static struct at_pgsql *
new_db(const struct authtok_pgsql_config *config)
{
	const char *conninfo = config->conninfo != NULL ? config->conninfo : "";
	struct at_pgsql *db = calloc(1, sizeof(*db));

	if (db == NULL)
		return NULL;
	db->timeout_ms =
	    config->timeout_ms > 0 ? config->timeout_ms : AT_PG_TIMEOUT_MS;
	db->connection_count =
	    config->connections > 0 ? config->connections : AT_PG_CONNECTIONS;
	db->conninfo = strdup(conninfo);
	db->conns = calloc(db->connection_count, sizeof(*db->conns));
	if (db->conninfo == NULL || db->conns == NULL || !init_locks(db)) {
		free(db->conninfo);
		free(db->conns);
		free(db);
		return NULL;
	}
	for (unsigned i = 0; i < db->connection_count; i++) {
		db->conns[i].db = db;
		at_pg_pool_put(&db->pool, &db->conns[i]);
	}
	return db;
}

static void
say(char *why, size_t why_len, const char *text)
{
	if (why != NULL && why_len > 0)
		(void)snprintf(why, why_len, "%s", text);
}

/* libpq's own words are not told: they have pieces of the text in them, of
 * which one may be a password. */
static enum authtok_err
check_conninfo(const char *conninfo, char *why, size_t why_len)
{
	PQconninfoOption *options;
	char *text = NULL;
	bool memory;

	options = PQconninfoParse(conninfo != NULL ? conninfo : "", &text);
	memory = options == NULL && text == NULL;
	PQconninfoFree(options);
	PQfreemem(text);
	if (options != NULL)
		return AUTHTOK_OK;
	say(why, why_len,
	    memory ? "no memory" : "libpq does not understand the conninfo");
	return memory ? AUTHTOK_ENOMEM : AUTHTOK_EINVAL;
}

static enum authtok_err
open_first(struct at_pgsql *db, char *why, size_t why_len)
{
	struct at_pg_conn *conn = at_pg_pool_get(&db->pool, 0);
	enum authtok_err err;

	conn->deadline = at_pg_deadline(db);
	err = at_pg_conn_open(conn);
	if (err == AUTHTOK_OK)
		err = at_pg_schema_open(conn, why, why_len);
	else
		say(why, why_len,
		    err == AUTHTOK_ENOMEM ? "no memory" : conn->fault);
	at_pg_release(conn, err);
	return err;
}

static bool
config_valid(const struct authtok_pgsql_config *config)
{
	return config != NULL && config->size >= sizeof(*config) &&
	    config->connections <= AUTHTOK_PGSQL_CONNECTIONS_MAX &&
	    config->timeout_ms <= AUTHTOK_PGSQL_TIMEOUT_MAX;
}

enum authtok_err
authtok_store_pgsql(const struct authtok_pgsql_config *config,
    struct authtok_store **ret_store, char *why, size_t why_len)
{
	struct authtok_store *store;
	struct at_pgsql *db;
	enum authtok_err err;

	/* whatever happens, what is printed is a text */
	say(why, why_len, "");
	if (!config_valid(config) || ret_store == NULL)
		return AUTHTOK_EINVAL;
	err = check_conninfo(config->conninfo, why, why_len);
	if (err != AUTHTOK_OK)
		return err;
	if (PQisthreadsafe() != 1) {
		say(why, why_len, "this libpq was built without threads");
		return AUTHTOK_ENOTSUP;
	}
	store = calloc(1, sizeof(*store));
	db = new_db(config);
	if (store == NULL || db == NULL) {
		say(why, why_len, "no memory");
		err = AUTHTOK_ENOMEM;
		goto out;
	}
	err = open_first(db, why, why_len);
	if (err != AUTHTOK_OK)
		goto out;
	store->ops = &ops;
	store->ctx = db;
	*ret_store = store;
	return AUTHTOK_OK;
out:
	if (db != NULL)
		close_all(db);
	free(store);
	return err;
}
