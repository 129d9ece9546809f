/*
 * UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF.
 */
#ifndef AT_TOKEN_UTF8_H
#define AT_TOKEN_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool at_utf8_valid(const char *text, size_t len);

/* Bytes of the well-formed character that text begins with, or 0. */
size_t at_utf8_char(const char *text, size_t len);

#endif
