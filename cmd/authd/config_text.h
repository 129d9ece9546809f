/*
 * JSON with comments: blank the comments out, and find where things stand, for
 * messages that name a line.
 */
#ifndef AUTHD_CONFIG_TEXT_H
#define AUTHD_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Turn comments, both kinds, outside of strings into blanks, in place; line
 * ends stay. False for a comment without end, *ret_at is where it begins.
 */
bool config_text_strip(char *text, size_t len, size_t *ret_at);

/* The number, from 1, of the line that byte at stands on. */
size_t config_text_line(const char *text, size_t at);

/*
 * In valid JSON: where item n of the object or array that begins at `at`
 * (blanks may come before it) begins; for a member that is its name.
 */
size_t config_text_item(const char *text, size_t at, size_t n);

/* In valid JSON: where the value of the member at `at` begins. */
size_t config_text_value(const char *text, size_t at);

#endif
