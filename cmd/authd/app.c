/*
 * Generations: from a configuration to the objects of the library, and the
 * counting of who still uses them. Knows no HTTP.
 */
#include "authd/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The keys of the configuration, and their names as the audit log has room for
 * them: what does not fit ends in dots.
 */
static enum app_result
load_keys(struct app *app, const struct config *config,
    enum keyfile_missing missing, struct authtok_keys *keys, char *why)
{
	enum keyfile_result result;
	struct text ids;

	text_init(&ids, app->key_ids, sizeof(app->key_ids));
	result = keys_load(config, missing, keys, &ids, why);
	if (ids.cut)
		memcpy(app->key_ids + sizeof(app->key_ids) - 4, "...", 4);
	if (result == KEYFILE_OK)
		return APP_OK;
	return result == KEYFILE_BAD ? APP_BAD_CONFIG : APP_FAILED;
}

static enum authtok_err
make_engines(struct app *app, const struct config *config,
    const struct authtok_keys *keys, struct authtok_revocations *revocations)
{
	struct authtok_config engine = AUTHTOK_CONFIG_INIT;
	enum authtok_err err;

	engine.issuer = config->issuer;
	engine.audience = config->audience;
	engine.lifetime = config->jwt_expiration;
	engine.expiry_leeway = config->expiry_leeway;
	engine.clock_leeway = config->clock_leeway;
	err = authtok_new(&engine, keys, &app->unrevoked);
	/* keys that only verify make an engine, but no server */
	if (err == AUTHTOK_OK && !authtok_can_issue(app->unrevoked))
		return AUTHTOK_EKEY;
	engine.revocations = revocations;
	if (err == AUTHTOK_OK)
		err = authtok_new(&engine, keys, &app->engine);
	return err;
}

static enum authtok_err
make_sessions(struct app *app, const struct config *config,
    const struct authtok_keys *keys, struct authtok_store *store)
{
	struct authtok_sessions_config sessions = AUTHTOK_SESSIONS_CONFIG_INIT;

	sessions.idle_lifetime = config->jwt_refresh_expiration;
	sessions.absolute_lifetime = config->session_expiration;
	sessions.leeway = config->refresh_leeway;
	sessions.rotation = config->rotation;
	sessions.max_per_user = (unsigned)config->max_sessions_per_user;
	sessions.audit = app->audit;
	return authtok_sessions_new(
	    &sessions, app->engine, keys, store, &app->sessions);
}

static enum app_result
fail(enum authtok_err err, char *why)
{
	snprintf(why, CONFIG_WHY_MAX, "authd: %s", authtok_strerror(err));
	return APP_FAILED;
}

/* All that holds keys. */
static enum app_result
make_signers(struct app *app, const struct config *config,
    const struct authtok_keys *keys, struct authtok_store *store,
    struct authtok_revocations *revocations, char *why)
{
	enum authtok_err err = make_engines(app, config, keys, revocations);
	enum keys_lack lack = KEYS_SIGNING;

	if (err == AUTHTOK_OK) {
		lack = KEYS_AUDIT;
		err = authtok_audit_new(keys, &app->audit);
	}
	if (err == AUTHTOK_OK) {
		lack = KEYS_REFRESH;
		err = make_sessions(app, config, keys, store);
	}
	if (err == AUTHTOK_EKEY) {
		keys_explain(config, lack, why);
		return APP_BAD_CONFIG;
	}
	return err == AUTHTOK_OK ? APP_OK : fail(err, why);
}

/* What others verify our tokens with, if it is public. */
static enum app_result
publish_keys(struct app *app, const struct authtok_keys *keys, char *why)
{
	char *text = malloc(AUTHTOK_PUBLIC_MAX);
	enum authtok_err err = AUTHTOK_ENOMEM;
	size_t len = 0;

	if (text != NULL)
		err = authtok_keys_public(keys, text, AUTHTOK_PUBLIC_MAX, &len);
	if (err == AUTHTOK_OK) {
		app->jwks =
		    strdup(text); /* which takes no more than it needs */
		app->jwks_len = len;
		err = app->jwks != NULL ? AUTHTOK_OK : AUTHTOK_ENOMEM;
	}
	free(text);
	return err == AUTHTOK_OK || err == AUTHTOK_EKEY ? APP_OK
							: fail(err, why);
}

static enum app_result
make_accounts(struct app *app, char *why)
{
	const struct config *config = app->config;
	struct authtok_accounts_config accounts = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	enum authtok_err err;

	accounts.roles = (const char *const *)config->roles;
	accounts.signup_roles = (const char *const *)config->signup_roles;
	accounts.hash_slots = (unsigned)config->hash_slots;
	/* who waits for a hash holds a thread: half of them stay free */
	if (accounts.hash_queue > (unsigned)config->threads / 2)
		accounts.hash_queue = (unsigned)config->threads / 2;
	accounts.throttle = config->throttle;
	accounts.free_pair = (unsigned)config->free_pair;
	accounts.free_account = (unsigned)config->free_account;
	accounts.free_prefix = (unsigned)config->free_prefix;
	accounts.delay_max = (unsigned)config->delay_max;
	accounts.audit = app->audit;
	err = authtok_accounts_new(
	    &accounts, app->engine, app->store, &app->accounts);
	return err == AUTHTOK_OK ? APP_OK : fail(err, why);
}

static void
free_signers(struct app *app)
{
	authtok_sessions_free(app->sessions);
	authtok_audit_free(app->audit);
	authtok_free(app->engine);
	authtok_free(app->unrevoked);
}

enum app_result
app_check(const struct config *config, char *why)
{
	enum app_result result = APP_FAILED;
	struct app app = { .config = NULL };
	struct authtok_store *store = NULL;
	struct authtok_keys *keys = NULL;

	snprintf(why, CONFIG_WHY_MAX, "authd: no memory");
	if (authtok_keys_new(&keys) != AUTHTOK_OK ||
	    authtok_store_memory(&store) != AUTHTOK_OK)
		goto out;
	result = load_keys(&app, config, KEYFILE_PRETEND, keys, why);
	if (result == APP_OK)
		result = make_signers(&app, config, keys, store, NULL, why);
out:
	free_signers(&app);
	authtok_store_close(store);
	authtok_keys_free(keys);
	return result;
}

enum app_result
app_new(struct config *config, struct authtok_store *store,
    struct authtok_revocations *revocations, enum keyfile_missing missing,
    struct app **ret_app, char *why)
{
	enum app_result result = APP_FAILED;
	struct authtok_keys *keys = NULL;
	struct app *app = calloc(1, sizeof(*app));

	snprintf(why, CONFIG_WHY_MAX, "authd: no memory");
	if (app == NULL) {
		config_free(config);
		return APP_FAILED;
	}
	pthread_mutex_init(&app->lock, NULL);
	app->config = config;
	app->store = store;
	app->log.fd = STDERR_FILENO;
	app->log.json = config->log_json;
	app->refs = 1;
	if (authtok_keys_new(&keys) != AUTHTOK_OK)
		goto out;
	result = load_keys(app, config, missing, keys, why);
	if (result == APP_OK)
		result =
		    make_signers(app, config, keys, store, revocations, why);
	if (result == APP_OK)
		result = publish_keys(app, keys, why);
	if (result == APP_OK)
		result = make_accounts(app, why);
	if (result == APP_OK) {
		*ret_app = app;
		app = NULL;
	}
out:
	authtok_keys_free(keys);
	app_free(app);
	return result;
}

void
app_flush(const struct app *app)
{
	enum authtok_err err = authtok_accounts_flush(app->accounts);

	if (err != AUTHTOK_OK)
		log_event(&app->log, "error", "audit_failed", "cause",
		    authtok_strerror(err), NULL);
}

void
app_free(struct app *app)
{
	struct app_slot *slot;

	if (app == NULL)
		return;
	while ((slot = app->idle) != NULL) {
		app->idle = slot->next;
		authtok_claims_free(slot->claims);
		free(slot);
	}
	if (app->accounts != NULL)
		app_flush(app);
	authtok_accounts_free(app->accounts);
	free_signers(app);
	free(app->jwks);
	config_free(app->config);
	pthread_mutex_destroy(&app->lock);
	free(app);
}

struct app_slot *
app_take_claims(struct app *app)
{
	struct app_slot *slot;

	pthread_mutex_lock(&app->lock);
	slot = app->idle;
	if (slot != NULL)
		app->idle = slot->next;
	pthread_mutex_unlock(&app->lock);
	if (slot != NULL)
		return slot;
	slot = calloc(1, sizeof(*slot));
	if (slot == NULL)
		return NULL;
	if (authtok_claims_new(&slot->claims) != AUTHTOK_OK) {
		free(slot);
		return NULL;
	}
	return slot;
}

void
app_give_claims(struct app *app, struct app_slot *slot)
{
	pthread_mutex_lock(&app->lock);
	slot->next = app->idle;
	app->idle = slot;
	pthread_mutex_unlock(&app->lock);
}

/*
 * Removes a session that cannot be there: ids are random. That takes the
 * writer's way and the lock of the database, and writes nothing.
 */
static enum authtok_err
write_nothing(struct authtok_store *store)
{
	static const uint8_t nobody[AUTHTOK_SID_LEN] = { 0 };
	enum authtok_err err =
	    store->ops->session_delete(store->ctx, nobody, 0, 0);

	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_OK : err;
}

enum authtok_err
app_probe(struct app *app)
{
	enum authtok_err err;
	struct timespec now;
	bool mine;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&app->lock);
	err = app->probed;
	mine = !app->probing && app->probed_at != now.tv_sec;
	if (mine)
		app->probing = true;
	pthread_mutex_unlock(&app->lock);
	if (!mine)
		return err;
	err = write_nothing(app->store);
	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&app->lock);
	app->probing = false;
	app->probed_at = now.tv_sec;
	app->probed = err;
	pthread_mutex_unlock(&app->lock);
	return err;
}

void
current_init(struct current *current, struct app *app)
{
	pthread_mutex_init(&current->lock, NULL);
	current->app = app;
}

struct app *
current_get(struct current *current)
{
	struct app *app;

	pthread_mutex_lock(&current->lock);
	app = current->app;
	app->refs++;
	pthread_mutex_unlock(&current->lock);
	return app;
}

void
current_put(struct current *current, struct app *app)
{
	bool last;

	pthread_mutex_lock(&current->lock);
	last = --app->refs == 0;
	pthread_mutex_unlock(&current->lock);
	if (last)
		app_free(app);
}

void
current_swap(struct current *current, struct app *next)
{
	struct app *old;

	pthread_mutex_lock(&current->lock);
	old = current->app;
	current->app = next;
	pthread_mutex_unlock(&current->lock);
	current_put(current, old);
}
