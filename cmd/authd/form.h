/*
 * HTML forms (the URL standard, application/x-www-form-urlencoded) as JSON.
 */
#ifndef AUTHD_FORM_H
#define AUTHD_FORM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Room for the JSON of a form of len bytes. The worst are one-byte fields: "a&"
 * becomes "a":"", and control characters: one byte becomes \u0001.
 */
#define FORM_JSON_SIZE(len) ((len)*7 + 64)

/*
 * Write the form's fields as members of one JSON object, all of them strings,
 * but roles (or roles[]), which may repeat, as an array. False for a bad
 * percent-encoding. Nothing else is checked: the scanner does that.
 */
bool form_to_json(
    const char *form, size_t len, char *json, size_t *ret_json_len);

#endif
