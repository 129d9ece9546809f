/*
 * Reading a body against a deadline, from anything that reads like mg_read.
 */
#ifndef AUTHD_HTTP_BODY_H
#define AUTHD_HTTP_BODY_H

#include "authd/http.h"
#include "authd/http_guard.h"

struct http_source {
	/* bytes read; 0: the end if chunked, else none yet; < 0: no more */
	int (*read)(void *conn, void *buf, size_t len);
	void *conn;
	struct http_watch *watch;
	unsigned stall_ms; /* the reader itself gives up after this silence */
	bool chunked;
	unsigned long long length; /* when not chunked */
};

/* As http_read_body. */
enum http_body http_body_read(const struct http_source *source, size_t max,
    char **ret_body, size_t *ret_len);

#endif
