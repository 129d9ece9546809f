/*
 * Forms of user names and e-mail addresses (design section 8).
 */
#ifndef AT_ACCOUNT_NAMES_H
#define AT_ACCOUNT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* [A-Za-z0-9._@+-]{1,64} */
bool at_name_valid(const char *name);

/* 1 to 254 characters 0x21 to 0x7e with one @ that has text on both sides. */
bool at_email_valid(const char *email);

/* Lower case of ASCII letters, whatever the locale says. */
unsigned char at_fold(unsigned char c);

/* Whether len bytes of text are the string other, without ASCII case. */
bool at_fold_equal(const char *text, size_t len, const char *other);

#endif
