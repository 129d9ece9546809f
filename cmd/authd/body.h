/*
 * Request bodies: JSON or a form becomes one flat object of members. The
 * limits of rest.md part 2 are applied here; nothing else parses a body.
 */
#ifndef AUTHD_BODY_H
#define AUTHD_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#define BODY_MAX       65536
#define BODY_DEPTH_MAX 32
#define BODY_WHY_MAX   128

enum body_type {
	BODY_NONE, /* no Content-Type at all */
	BODY_JSON,
	BODY_FORM,
	BODY_OTHER,
};

enum body_result {
	BODY_OK,
	BODY_BAD,   /* why says it to the client */
	BODY_MEDIA, /* there is a body, and no type */
	BODY_NOMEM,
};

/* What a Content-Type value means; NULL is BODY_NONE. */
enum body_type body_type(const char *value);

/*
 * Take a body of that type (not BODY_OTHER) apart into an object, to be freed
 * by body_free. An empty body has no members. why holds BODY_WHY_MAX bytes.
 */
enum body_result body_parse(enum body_type type, const char *text, size_t len,
    cJSON **ret_body, char *why);

/* Wipes the texts in it too. */
void body_free(cJSON *body);

enum body_member {
	BODY_FOUND,
	BODY_MISSING, /* or null */
	BODY_WRONG,   /* another type */
};

/* A text, lent by body. */
enum body_member body_string(
    const cJSON *body, const char *name, const char **ret_text);

/* A truth value; of a form, which has texts alone, "true" or "false". */
enum body_member body_bool(const cJSON *body, const char *name, bool *ret_bool);

/*
 * An array of texts, lent by body, into list of cap places; *ret_count may be
 * larger than cap, what is beyond is not stored.
 */
enum body_member body_strings(const cJSON *body, const char *name,
    const char **list, size_t cap, size_t *ret_count);

#endif
