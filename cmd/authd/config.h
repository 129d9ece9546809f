/*
 * The configuration of authd: one JSON file with comments, or none. What may
 * be known here: names, types and ranges of the keys; nothing is opened but
 * that file, nothing is created.
 */
#ifndef AUTHD_CONFIG_H
#define AUTHD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <authtok/session.h>

#include "authd/net.h"

#define CONFIG_WHY_MAX 512 /* room for a message that names a fault */

/* The line, from 1, on which a key stands; 0: it does not. */
struct config_lines {
	size_t listen, keys, secret, signup_roles;
};

/* Immutable once loaded. Numbers are in range; lists end with NULL. */
struct config {
	char *file; /* NULL: defaults only */
	char *listen;
	bool listen_any; /* on every address of the machine */
	char *store_path;
	char *keys_path;
	char *secret; /* instead of the keys file, or NULL */
	size_t secret_len;
	bool secret_exposed; /* everybody may read the file it stands in */
	char *refresh_path;  /* where the refresh secret is, with secret */
	char *issuer;
	char *audience;
	int64_t jwt_expiration;
	int64_t jwt_refresh_expiration;
	int64_t session_expiration;
	int64_t refresh_leeway;
	enum authtok_rotation rotation;
	int64_t clock_leeway;
	int64_t expiry_leeway;
	int64_t max_sessions_per_user;
	char **roles;
	char **signup_roles;
	bool uniform_errors;
	char **cors_origins;
	struct net_range *trusted_proxies;
	size_t trusted_count;
	bool throttle;
	int64_t free_pair, free_account, free_prefix, delay_max;
	int64_t hash_slots; /* 0: processors */
	int64_t threads;
	bool log_json;
	bool insecure;
	struct config_lines lines;
};

/*
 * Read and check. file may be NULL: defaults. listen and store are what the
 * command line says instead, or NULL. On failure why (CONFIG_WHY_MAX bytes) is
 * one line, `FILE:LINE: key "x": reason` where there is a file.
 */
bool config_load(const char *file, const char *listen, const char *store,
    struct config **ret_config, char *why);
void config_free(struct config *config);

/*
 * For a reload: config gets what only a restart can change from old. kept (size
 * bytes) names the keys that differed. On failure (no memory) config is freed.
 */
bool config_keep(struct config *config, const struct config *old, char *kept,
    size_t size, char *why);

/*
 * A fault of the key that stands on line, for those who find it later.
 */
void config_fault(const struct config *config, size_t line, const char *key,
    const char *reason, char *why);

#endif
