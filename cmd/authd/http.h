/*
 * HTTP for authd: the wall between the routes and the web server library.
 * http.c is the only file that knows CivetWeb; everything here is plain C.
 *
 * The server calls one handler for every request that is well formed as HTTP.
 * Requests that are not (two Content-Lengths, no Host, ...) never reach it:
 * http.c answers them with 400 and closes the connection.
 */
#ifndef AUTHD_HTTP_H
#define AUTHD_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEADERS_MAX 2048 /* bytes of extra response headers */

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_OTHER,
};

/* One request; everything is lent until the handler returns. */
struct http_request {
	enum http_method method;
	const char *method_name; /* as sent */
	const char *path;        /* as sent, without the query, not decoded */
	const char *peer;        /* address of the other end, text */
	void *impl;              /* http.c's own */
};

/* What reading a body can come to. */
enum http_body {
	HTTP_BODY_OK,
	HTTP_BODY_TOO_LARGE, /* more than max bytes: answer 413 */
	HTTP_BODY_TIMEOUT,   /* not whole before the deadline: answer 408 */
	HTTP_BODY_BROKEN, /* the client went away or the chunks are bad: 400 */
	HTTP_BODY_NOMEM,  /* answer 503 */
};

/* One response. The handler fills it; http.c sends it in a single write. */
struct http_response {
	int status;
	const char
	    *type; /* Content-Type, or NULL for a response without body */
	const char *body; /* body_len bytes, lent until the handler returned and
			      the response was sent; freed with free() when
			      body_owned */
	size_t body_len;
	bool body_owned;
	bool close; /* end the connection after this response */
	size_t headers_len;
	char headers[HTTP_HEADERS_MAX]; /* "Name: value\r\n"..., use http_add */
};

/* Called on a worker thread, any number at once. */
typedef void http_handler(
    void *arg, struct http_request *req, struct http_response *res);

/* One line of the server library's own diagnostics. */
typedef void http_log(void *arg, const char *message);

struct http_options {
	const char *listen; /* "127.0.0.1:8080", "[::1]:0"; port 0 takes a free
			       one; IPv6 needs a library built with it, which
			       Debian 12's is not */
	unsigned threads;
	unsigned body_timeout_ms; /* a whole body must arrive within this */
	http_handler *handler;
	http_log *log;
	void *arg;
	/* extra headers for the answers http.c gives itself (nosniff ...) */
	const char *fixed_headers;
};

struct http_server;

/*
 * Start serving. On failure returns NULL and puts a sentence that names the
 * address and the reason into why (why_len bytes).
 */
struct http_server *http_start(
    const struct http_options *options, char *why, size_t why_len);

/* The port that is really listened on. */
unsigned http_port(const struct http_server *server);

/*
 * Stop accepting, let the requests under way finish (at most grace_ms), and
 * free the server.
 */
void http_stop(struct http_server *server, unsigned grace_ms);

/*
 * The value of a request header, or NULL. ret_count (may be NULL) gets the
 * number of times the header occurs. Names compare without regard to case.
 */
const char *http_header(
    const struct http_request *req, const char *name, size_t *ret_count);

/* The same for the header's occurrence index, from 0. */
const char *http_header_at(
    const struct http_request *req, const char *name, size_t index);

/*
 * Read the whole body, at most max bytes, against the deadline. *ret_body is
 * malloc'd, NUL-terminated, owned by the caller, also when empty; untouched
 * unless HTTP_BODY_OK is returned. Once per request: a second call is BROKEN.
 * A request whose body was not read whole ends its connection.
 */
enum http_body http_read_body(
    struct http_request *req, size_t max, char **ret_body, size_t *ret_len);

/*
 * Add one response header. Values with control characters are refused and a
 * header that does not fit is too: returns false.
 */
bool http_add(struct http_response *res, const char *name, const char *value);

/* The standard reason phrase of a status. */
const char *http_reason(int status);

#endif
