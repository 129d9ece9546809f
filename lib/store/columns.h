/*
 * What the backends that store in SQL put into one column: what a refresh
 * changes of a session, and the roles of a user. Each of their libraries has
 * this file in it.
 */
#ifndef AT_STORE_COLUMNS_H
#define AT_STORE_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include <authtok/store.h>

/*
 * The column rotation, big-endian, always of one length, so that a refresh
 * fits where the row was: SQLite's integers grow with their value.
 *
 *   gen:4 | branch:4 | parent:4 | forwarded_gen:4 | forwarded_at:8 |
 *   retry_count:1 | 8 * (gen:4 | mac:8)
 */
#define AT_ROTATION_LEN \
	(4 * 4 + 8 + 1 + AUTHTOK_RETRIES_MAX * (4 + AUTHTOK_RETRY_LEN))
#define AT_CAS_LEN 8 /* gen and branch: what the compare-and-swap compares */

void at_pack_cas(uint32_t gen, uint32_t branch, uint8_t out[AT_CAS_LEN]);
void at_pack_rotation(
    const struct authtok_session *s, uint8_t out[AT_ROTATION_LEN]);
/* AT_ROTATION_LEN bytes at at; false: nothing that we wrote. */
bool at_unpack_rotation(const uint8_t *at, struct authtok_session *s);

/* Roles are stored by name, with a space between two. */
#define AT_ROLES_TEXT (AUTHTOK_ROLES_MAX * (AUTHTOK_ROLE_MAX + 1))

/* False: too many, or one that is no name. */
bool at_join_roles(const struct authtok_user *user, char out[AT_ROLES_TEXT]);
bool at_split_roles(
    const char *text, size_t *ret_count, char (*roles)[AUTHTOK_ROLE_MAX + 1]);

#endif
