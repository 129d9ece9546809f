/* How a response is put into bytes. Nothing of sockets or of the library. */
#ifndef AUTHD_HTTP_TEXT_H
#define AUTHD_HTTP_TEXT_H

#include "authd/http.h"

/* What the wire form depends on besides the response itself. */
struct http_wire {
	const char *fixed_headers; /* may be NULL */
	bool head;                 /* the request was HEAD: no body follows */
	bool close;
};

/*
 * The whole response in one piece: in buf when it fits there, else malloc'd.
 * Returns NULL when there is no memory; *ret_len is the number of bytes.
 */
char *http_format(const struct http_response *res, const struct http_wire *wire,
    char *buf, size_t buf_len, size_t *ret_len);

/* An answer that http.c gives itself; what it replaces is freed. */
void http_refuse(struct http_response *res, int status);

/* An empty response; the room for headers is left as it is. */
void http_response_init(struct http_response *res);
/* Frees the body if the response owns it. */
void http_response_clear(struct http_response *res);

#endif
