/*
 * The revocation set, for the engine that asks it and for the session service
 * that fills it from a store.
 */
#ifndef AT_TOKEN_REVOCATION_H
#define AT_TOKEN_REVOCATION_H

#include <authtok.h>

/*
 * Whether a token of this session (AUTHTOK_SID_LEN bytes, or NULL) and this
 * user (0: none) and epoch is revoked. Takes no lock and writes nothing.
 */
bool at_revoked(const struct authtok_revocations *set, const uint8_t *sid,
    int64_t user_id, int64_t epoch);

/* The set that the engine was given, or NULL. */
struct authtok_revocations *at_engine_revocations(const struct authtok *engine);

/*
 * An engine with this horizon asks the set from now on. The set remembers for
 * the longest horizon of those it has heard of; a longer one than before has
 * the next pull read everything again.
 */
void at_revocations_bound(struct authtok_revocations *set, int64_t horizon);
int64_t at_revocations_horizon(const struct authtok_revocations *set);

/*
 * One pull from a store at a time: begin waits for the one under way and tells
 * where it came to, end says how far this one came. When the clock went back
 * since, what was taken for over may not be: begin tells the beginning.
 */
void at_revocations_pull_begin(struct authtok_revocations *set,
    const struct authtok *engine, int64_t *ret_now, int64_t *ret_cursor);
void at_revocations_pull_end(struct authtok_revocations *set, int64_t cursor);

#endif
