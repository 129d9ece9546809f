/*
 * Passwords that everybody tries first (NIST SP 800-63B section 5.1.1.2).
 */
#ifndef AT_ACCOUNT_BLOCKLIST_H
#define AT_ACCOUNT_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>

#define AT_COMMON_WIDTH 16 /* bytes of the longest entry, with its NUL */

/* Sorted bytewise, lower case, each of AUTHTOK_PASSWORD_MIN bytes or more. */
extern const char at_common_passwords[][AT_COMMON_WIDTH];
extern const size_t at_common_password_count;

/*
 * Whether a password of len bytes is a common one, is built from nothing but a
 * simple pattern, or is the user's name or e-mail address (either may be
 * NULL). Case does not matter.
 */
bool at_password_common(
    const char *password, size_t len, const char *name, const char *email);

#endif
