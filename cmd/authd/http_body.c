/*
 * Bodies. The guard ends a read that takes too long, so a body that drips in
 * a byte at a time holds a thread no longer than the deadline.
 */
#include "authd/http_body.h"
#include "authd/steady.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CHUNKED_CAPACITY 4096

struct body {
	char *data;
	size_t len;
	size_t capacity; /* one more byte is allocated, for the NUL */
};

/* Makes room for a chunked body to grow, to at most max + 1 bytes. */
static bool
body_grow(struct body *body, size_t max)
{
	size_t capacity = body->capacity * 2;
	char *data;

	if (capacity > max + 1)
		capacity = max + 1;
	data = malloc(capacity + 1);
	if (data == NULL)
		return false;
	/* not realloc: a body may hold a password, so the old copy is wiped */
	memcpy(data, body->data, body->len);
	explicit_bzero(body->data, body->len);
	free(body->data);
	body->data = data;
	body->capacity = capacity;
	return true;
}

static int
read_some(const struct http_source *source, struct body *body)
{
	return source->read(
	    source->conn, body->data + body->len, body->capacity - body->len);
}

static enum http_body
read_known(const struct http_source *source, struct body *body)
{
	while (body->len < body->capacity) {
		int got = read_some(source, body);

		if (got < 0)
			return HTTP_BODY_BROKEN;
		body->len += (size_t)got;
		/* too slow in all, or the server stops */
		if (body->len < body->capacity &&
		    http_watch_expired(source->watch))
			return HTTP_BODY_TIMEOUT;
	}
	return HTTP_BODY_OK;
}

static enum http_body
read_chunked(const struct http_source *source, struct body *body, size_t max)
{
	for (;;) {
		int64_t began = steady_now_ms();
		int got;

		if (body->len > max)
			return HTTP_BODY_TOO_LARGE;
		if (body->len == body->capacity && !body_grow(body, max))
			return HTTP_BODY_NOMEM;
		got = read_some(source, body);
		if (got == 0)
			return HTTP_BODY_OK;
		if (got < 0) /* inside a chunk a stall cannot be resumed */
			return steady_now_ms() - began >= source->stall_ms
			    ? HTTP_BODY_TIMEOUT
			    : HTTP_BODY_BROKEN;
		body->len += (size_t)got;
	}
}

static enum http_body
read_guarded(const struct http_source *source, struct body *body, size_t max)
{
	enum http_body result;

	http_watch_set(source->watch, HTTP_READING);
	if (source->chunked)
		result = read_chunked(source, body, max);
	else
		result = read_known(source, body);
	http_watch_set(source->watch, HTTP_WORKING);
	if (result == HTTP_BODY_BROKEN && http_watch_expired(source->watch))
		result = HTTP_BODY_TIMEOUT;
	return result;
}

enum http_body
http_body_read(const struct http_source *source, size_t max, char **ret_body,
    size_t *ret_len)
{
	struct body body = { 0 };
	enum http_body result = HTTP_BODY_OK;

	body.capacity = (size_t)source->length;
	if (source->chunked)
		body.capacity = max < FIRST_CHUNKED_CAPACITY
		    ? max + 1
		    : FIRST_CHUNKED_CAPACITY;
	body.data = malloc(body.capacity + 1);
	if (body.data == NULL)
		return HTTP_BODY_NOMEM;
	if (body.capacity > 0)
		result = read_guarded(source, &body, max);
	if (result != HTTP_BODY_OK) {
		explicit_bzero(body.data, body.len);
		free(body.data);
		return result;
	}
	body.data[body.len] = '\0';
	*ret_body = body.data;
	*ret_len = body.len;
	return HTTP_BODY_OK;
}
