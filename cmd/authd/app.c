/*
 * Generations: from a configuration to the objects of the library, and the
 * counting of who still uses them. Knows no HTTP.
 */
#include "authd/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The keys of the configuration. */
static enum app_result
load_keys(const struct config *config, enum keyfile_missing missing,
    struct authtok_keys *keys, char *why)
{
	enum keyfile_result result;
	enum authtok_err err;

	if (config->secret != NULL) {
		err = authtok_keys_add_hmac(keys, "secret", AUTHTOK_HS256,
		    config->secret, config->secret_len, true);
		if (err != AUTHTOK_OK) {
			config_fault(config, config->lines.secret, "secret",
			    authtok_strerror(err), why);
			return APP_BAD_CONFIG;
		}
		result = keyfile_load(
		    keys, config->refresh_path, KEYFILE_REFRESH, missing, why);
	} else {
		result = keyfile_load(
		    keys, config->keys_path, KEYFILE_SET, missing, why);
	}
	if (result == KEYFILE_OK)
		return APP_OK;
	return result == KEYFILE_BAD ? APP_BAD_CONFIG : APP_FAILED;
}

static enum authtok_err
make_engine(struct app *app, const struct config *config,
    const struct authtok_keys *keys)
{
	struct authtok_config engine = AUTHTOK_CONFIG_INIT;

	engine.issuer = config->issuer;
	engine.audience = config->audience;
	engine.lifetime = config->jwt_expiration;
	engine.expiry_leeway = config->expiry_leeway;
	engine.clock_leeway = config->clock_leeway;
	return authtok_new(&engine, keys, &app->engine);
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
	return authtok_sessions_new(
	    &sessions, app->engine, keys, store, &app->sessions);
}

static enum app_result
fail(enum authtok_err err, char *why)
{
	snprintf(why, CONFIG_WHY_MAX, "authd: %s", authtok_strerror(err));
	return APP_FAILED;
}

/* Engine, sessions; a key set without a signing key is EKEY here. */
static enum app_result
make_signers(struct app *app, const struct config *config,
    const struct authtok_keys *keys, struct authtok_store *store, char *why)
{
	enum authtok_err err = make_engine(app, config, keys);

	if (err == AUTHTOK_OK)
		err = make_sessions(app, config, keys, store);
	if (err == AUTHTOK_EKEY) {
		snprintf(why, CONFIG_WHY_MAX,
		    "%.256s: must have exactly one key that signs and one "
		    "current refresh secret",
		    config->secret != NULL ? config->refresh_path
					   : config->keys_path);
		return APP_BAD_CONFIG;
	}
	return err == AUTHTOK_OK ? APP_OK : fail(err, why);
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
	err = authtok_accounts_new(
	    &accounts, app->engine, app->store, &app->accounts);
	return err == AUTHTOK_OK ? APP_OK : fail(err, why);
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
	result = load_keys(config, KEYFILE_PRETEND, keys, why);
	if (result == APP_OK)
		result = make_signers(&app, config, keys, store, why);
out:
	authtok_sessions_free(app.sessions);
	authtok_free(app.engine);
	authtok_store_close(store);
	authtok_keys_free(keys);
	return result;
}

enum app_result
app_new(struct config *config, struct authtok_store *store,
    enum keyfile_missing missing, struct app **ret_app, char *why)
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
	result = load_keys(config, missing, keys, why);
	if (result == APP_OK)
		result = make_signers(app, config, keys, store, why);
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
	authtok_accounts_free(app->accounts);
	authtok_sessions_free(app->sessions);
	authtok_free(app->engine);
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
