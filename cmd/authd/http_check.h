/*
 * Is a request's head well formed? The library's parser is lenient where a
 * proxy in front may read the same bytes differently; this looks again.
 */
#ifndef AUTHD_HTTP_CHECK_H
#define AUTHD_HTTP_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HTTP_FIELDS_MAX 64 /* as many as the library keeps */

struct http_field {
	const char *name;
	const char *value;
	size_t name_len;
};

/*
 * A head after the library cut it up in place: the pointers lead into one
 * buffer, in which each separator became NUL. So what the parser skipped can
 * still be seen as gaps between them.
 */
struct http_head {
	const char *method;
	const char *target;  /* the request target, without the query */
	const char *query;   /* what followed the '?', or NULL */
	const char *version; /* "1.1" */
	size_t count;
	uint64_t lengths; /* http_length_bit of each name: most are not there */
	struct http_field fields[HTTP_FIELDS_MAX];
	/* how the body is framed, by http_check_head */
	bool chunked;
	unsigned long long length; /* when not chunked */
};

static inline uint64_t
http_length_bit(size_t name_len)
{
	return UINT64_C(1) << (name_len & 63);
}

/* 0 if the head is fine, else the status to refuse it with. */
int http_check_head(struct http_head *head);

/* The first field of that name, of len bytes, or NULL; how often it occurs. */
const char *http_head_find(const struct http_head *head, const char *name,
    size_t len, size_t *ret_count);

/* inline: most names are known to be absent by a length that is constant */
static inline const char *
http_head_field(
    const struct http_head *head, const char *name, size_t *ret_count)
{
	size_t len = strlen(name);

	if ((head->lengths & http_length_bit(len)) != 0)
		return http_head_find(head, name, len, ret_count);
	if (ret_count != NULL)
		*ret_count = 0;
	return NULL;
}

/*
 * Will the library keep the connection? It asks the first Connection header
 * for "keep-alive", and closes after any attempt at an upgrade.
 */
bool http_head_keeps(const struct http_head *head);

/* Does a comma separated list (RFC 9110 5.6.1) have this member? */
bool http_list_has(const char *list, const char *member);

/* Digits only, no sign, at most 18 of them: 0 to 10^18 - 1. */
bool http_parse_length(const char *text, unsigned long long *ret_length);

#endif
