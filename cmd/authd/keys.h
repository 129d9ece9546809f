/*
 * The keys that a configuration names, whichever way it does.
 */
#ifndef AUTHD_KEYS_H
#define AUTHD_KEYS_H

#include "authd/config.h"
#include "authd/keyfile.h"

/*
 * Add them to keys. On failure why (CONFIG_WHY_MAX bytes) is a line that says
 * what is wrong. ids may be NULL: it gets the ids of the keys, "a,refresh-1,audit-1".
 */
enum keyfile_result keys_load(const struct config *config,
    enum keyfile_missing missing, struct authtok_keys *keys, struct text *ids,
    char *why);

/* What a set lacks, or has two of: whose EKEY it was. */
enum keys_lack {
	KEYS_SIGNING, /* authtok_new */
	KEYS_REFRESH, /* authtok_sessions_new */
	KEYS_AUDIT,   /* authtok_audit_new */
};

/* Put a line into why (CONFIG_WHY_MAX bytes): the file, and what to add. */
void keys_explain(const struct config *config, enum keys_lack lack, char *why);

#endif
