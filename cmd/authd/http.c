/*
 * The server: CivetWeb 1.15 behind http.h, and the only file that knows it.
 * Its begin_request callback sees every request first, so its own file
 * serving, redirects, forms, WebDAV, CGI and upgrades are never reached.
 */
#include "authd/http.h"
#include "authd/http_body.h"
#include "authd/http_check.h"
#include "authd/http_server.h"
#include "authd/http_text.h"

#include <civetweb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define REQUEST_TIMEOUT_MS   5000
#define REQUEST_TIMEOUT_TEXT "5000"
#define LINGER_MS            500
/* what the library says of a head that ends too early, or has a control */
#define UNFINISHED   "Malformed message"
#define BUFFER_ALIGN 16 /* what malloc gives at least */

/* What we remember of each of the library's threads. */
struct worker {
	struct http_watch watch;
	uintptr_t buffer; /* where its request buffer begins, 0 = not known */
};

/* One request under way. */
struct exchange {
	struct mg_connection *conn;
	struct http_server *server;
	struct worker *worker;
	const struct mg_request_info *info;
	bool body_tried;
	bool body_done; /* nothing of the request is left unread */
	struct http_head head;
};

/*
 * A connection's user data is no pointer, so that it needs no memory: whether
 * the current request was answered.
 */
static bool
was_answered(const struct mg_connection *conn)
{
	return mg_get_user_connection_data(conn) != NULL;
}

static void
set_answered(const struct mg_connection *conn, bool answered)
{
	static char yes;

	mg_set_user_connection_data(conn, answered ? &yes : NULL);
}

static struct http_server *
server_of(const struct mg_connection *conn)
{
	return mg_get_user_data(mg_get_context(conn));
}

static void
peer_of(const struct mg_request_info *info, struct http_peer *peer)
{
	snprintf(peer->addr, sizeof(peer->addr), "%s", info->remote_addr);
	peer->port = (unsigned)info->remote_port;
	peer->local_port = (unsigned)info->server_port;
}

/* ---- answering --------------------------------------------------------- */

/*
 * Formats and sends with one mg_write; falls back to 503 without memory. After
 * it the thread waits for the next request.
 */
static void
send_response(struct mg_connection *conn, struct http_response *res,
    struct http_wire *wire)
{
	struct worker *worker = mg_get_thread_pointer(conn);
	char small[4096];
	size_t len;
	char *out = http_format(res, wire, small, sizeof(small), &len);

	if (out == NULL) {
		http_refuse(res, 503);
		wire->close = true;
		out = http_format(res, wire, small, sizeof(small), &len);
	}
	if (wire->close)
		mg_disable_connection_keep_alive(conn);
	if (worker != NULL)
		http_watch_set(&worker->watch, HTTP_WRITING);
	/* after half an answer no other can follow */
	if (out == NULL || mg_write(conn, out, len) != (int)len)
		mg_disable_connection_keep_alive(conn);
	if (worker != NULL)
		http_watch_set(&worker->watch, HTTP_WAITING);
	if (out != small)
		free(out);
}

/*
 * What the client still sends is let in, so that it gets the answer; the guard
 * may end that.
 */
static void
linger(struct mg_connection *conn)
{
	struct worker *worker = mg_get_thread_pointer(conn);
	struct http_peer peer;
	int fd;

	if (worker != NULL)
		http_watch_set(&worker->watch, HTTP_LINGERING);
	peer_of(mg_get_request_info(conn), &peer);
	fd = http_socket_find(&peer);
	if (fd >= 0) {
		http_socket_linger(fd, LINGER_MS);
		close(fd);
	}
	if (worker != NULL)
		http_watch_set(&worker->watch, HTTP_WAITING);
}

/* What the handler never saw, it cannot log. */
static void
log_refusal(struct mg_connection *conn, int status)
{
	const struct http_server *server = server_of(conn);
	char line[128];

	if (server->options.log == NULL)
		return;
	snprintf(line, sizeof(line), "refused with %d: a request from %s",
	    status, mg_get_request_info(conn)->remote_addr);
	server->options.log(server->options.arg, line);
}

/* Answers what never became an exchange, and ends the connection. */
static void
send_refusal(struct mg_connection *conn, int status)
{
	struct http_wire wire = {
		.fixed_headers = server_of(conn)->fixed_headers,
		.close = true,
	};
	struct http_response res;

	http_response_init(&res);
	set_answered(conn, true);
	log_refusal(conn, status);
	http_refuse(&res, status);
	send_response(conn, &res, &wire);
	linger(conn);
}

static void
answer(struct exchange *ex, struct http_response *res)
{
	struct http_wire wire = { .fixed_headers = ex->server->fixed_headers };

	if (res->status < 200 || res->status > 599)
		http_refuse(res, 500);
	wire.head = strcmp(ex->head.method, "HEAD") == 0;
	/* chunked: the library may have left a trailer, so do not go on */
	wire.close = res->close || !ex->body_done || ex->head.chunked ||
	    !http_head_keeps(&ex->head) ||
	    http_watch_expired(&ex->worker->watch) ||
	    http_guard_turn_over(ex->server->guard, &ex->worker->watch);
	send_response(ex->conn, res, &wire);
	if (!ex->body_done)
		linger(ex->conn);
}

/* ---- requests ---------------------------------------------------------- */

static enum http_method
method_of(const char *name)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "DELETE",
		"OPTIONS" };
	static const enum http_method methods[] = { HTTP_GET, HTTP_HEAD,
		HTTP_POST, HTTP_DELETE, HTTP_OPTIONS };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return methods[i];
	return HTTP_OTHER;
}

/*
 * Does the request begin where the thread's buffer begins? After blank lines
 * the library takes the first of them for the whole head, yet goes on parsing
 * behind it: the body is then read from the wrong place, and what it parses
 * may even be left over from another client. The library hides the buffer,
 * but malloc aligned it, and requests begin at its start. One CRLF in front
 * is harmless, and allowed (RFC 9112 2.2).
 */
static bool
begins_at_start(struct worker *worker, const char *method)
{
	uintptr_t at = (uintptr_t)method;
	uintptr_t aligned = at & ~(uintptr_t)(BUFFER_ALIGN - 1);

	if (worker->buffer == 0 || aligned < worker->buffer)
		worker->buffer = aligned;
	at -= worker->buffer;
	return at == 0 || (at == 2 && method[-2] == '\r' && method[-1] == '\n');
}

/* The fields of the head that are there; the other places stay as they are. */
static void
exchange_init(struct exchange *ex, struct mg_connection *conn)
{
	const struct mg_request_info *info = mg_get_request_info(conn);

	ex->conn = conn;
	ex->server = info->user_data;
	ex->worker = mg_get_thread_pointer(conn);
	ex->info = info;
	ex->body_tried = false;
	ex->head.method = info->request_method;
	ex->head.target = info->request_uri;
	ex->head.query = info->query_string;
	ex->head.version = info->http_version;
	ex->head.count = (size_t)info->num_headers;
	ex->head.lengths = 0;
	for (size_t i = 0; i < ex->head.count; i++) {
		struct http_field *field = &ex->head.fields[i];

		field->name = info->http_headers[i].name;
		field->value = info->http_headers[i].value;
		field->name_len = strlen(field->name);
		ex->head.lengths |= http_length_bit(field->name_len);
	}
}

static void
run_handler(struct exchange *ex)
{
	struct http_response res;
	struct http_request req = {
		.method = method_of(ex->head.method),
		.method_name = ex->head.method,
		.path = ex->info->local_uri_raw,
		.peer = ex->info->remote_addr,
		.impl = ex,
	};

	http_response_init(&res);
	ex->server->options.handler(ex->server->options.arg, &req, &res);
	answer(ex, &res);
	http_response_clear(&res);
}

/* 0, or why the request does not get to the handler. */
static int
admit(struct exchange *ex)
{
	int refused = http_check_head(&ex->head);

	if (!begins_at_start(ex->worker, ex->head.method))
		return 400;
	if (refused == 0 &&
	    !http_guard_enter(ex->server->guard, &ex->worker->watch))
		return 503;
	return refused;
}

/* CivetWeb: a request was read. Never returns 0: that would let it go on. */
static int
on_request(struct mg_connection *conn)
{
	struct exchange ex;
	int refused;

	exchange_init(&ex, conn);
	set_answered(conn, true);
	refused = ex.worker != NULL ? admit(&ex) : 503;
	if (refused == 0) {
		ex.body_done = !ex.head.chunked && ex.head.length == 0;
		run_handler(&ex);
	} else {
		send_refusal(conn, refused);
	}
	return refused == 0 ? 200 : refused;
}

/*
 * CivetWeb: it refuses a request itself. Its text goes no further. 411 (it means a
 * malformed Content-Length) and 505 become 400: all are malformed requests.
 */
static int
on_error(struct mg_connection *conn, int status, const char *text)
{
	const struct worker *worker = mg_get_thread_pointer(conn);

	/* the guard ended the reading of a head that was not whole yet */
	if (status == 400 && strcmp(text, UNFINISHED) == 0 && worker != NULL &&
	    http_watch_expired(&worker->watch))
		status = 408;
	else if (status == 413 || status == 414)
		status = 431;
	else if (status < 500 || status == 505)
		status = 400;
	else if (status != 503)
		status = 500;
	send_refusal(conn, status);
	return 0;
}

/*
 * The library promises not to be written to where it hands out a pointer to
 * const, yet some requests it drops without an answer or a callback before
 * that: "OPTIONS *", an absolute URI with another port, no memory.
 */
static struct mg_connection *
writable(const struct mg_connection *conn)
{
	struct mg_connection *same;

	memcpy(&same, &conn, sizeof(same));
	return same;
}

/* CivetWeb: it is done with a request. */
static void
on_end(const struct mg_connection *conn, int status)
{
	(void)status;
	if (!was_answered(conn))
		send_refusal(writable(conn), 503);
	set_answered(conn, false);
}

/* CivetWeb: a thread took a connection. */
static int
on_open(const struct mg_connection *conn, void **ret_data)
{
	struct worker *worker = mg_get_thread_pointer(conn);

	*ret_data = NULL;
	if (worker != NULL)
		http_guard_open(server_of(conn)->guard, &worker->watch, conn);
	return 0;
}

/* CivetWeb: the connection is about to be closed. */
static void
on_close(const struct mg_connection *conn)
{
	const struct mg_request_info *info = mg_get_request_info(conn);
	struct worker *worker = mg_get_thread_pointer(conn);

	if (info != NULL && info->request_uri != NULL &&
	    info->local_uri == NULL && !was_answered(conn))
		send_refusal(writable(conn), 400);
	if (worker != NULL)
		http_guard_close(server_of(conn)->guard, &worker->watch);
}

static int
on_log(const struct mg_connection *conn, const char *message)
{
	struct http_server *server = server_of(conn);

	if (server->options.log != NULL)
		server->options.log(server->options.arg, message);
	return 1;
}

/* CivetWeb: one of its threads begins (0 is the accepting one). */
static void *
on_thread(const struct mg_context *ctx, int type)
{
	struct http_server *server = mg_get_user_data(ctx);
	struct worker *worker;

	http_gate_thread(&server->gate);
	if (type != 1)
		return NULL;
	worker = aligned_alloc(_Alignof(struct worker), sizeof(*worker));
	if (worker == NULL)
		return NULL;
	memset(worker, 0, sizeof(*worker));
	http_guard_add(server->guard, &worker->watch);
	return worker;
}

static void
on_thread_exit(const struct mg_context *ctx, int type, void *arg)
{
	const struct http_server *server = mg_get_user_data(ctx);
	struct worker *worker = arg;

	if (type != 1 || worker == NULL)
		return;
	http_guard_remove(server->guard, &worker->watch);
	free(worker);
}

/* ---- bodies ------------------------------------------------------------ */

const char *
http_header(const struct http_request *req, const char *name, size_t *ret_count)
{
	const struct exchange *ex = req->impl;

	return http_head_field(&ex->head, name, ret_count);
}

const char *
http_header_at(const struct http_request *req, const char *name, size_t index)
{
	const struct exchange *ex = req->impl;

	for (size_t i = 0; i < ex->head.count; i++)
		if (strcasecmp(ex->head.fields[i].name, name) == 0 &&
		    index-- == 0)
			return ex->head.fields[i].value;
	return NULL;
}

/* RFC 9110 10.1.1; the check of the head let nothing else through. */
static void
send_continue(struct exchange *ex)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (http_head_field(&ex->head, "Expect", NULL) != NULL &&
	    strcmp(ex->head.version, "1.1") == 0)
		mg_write(ex->conn, go_on, sizeof(go_on) - 1);
}

static int
read_conn(void *conn, void *buf, size_t len)
{
	return mg_read(conn, buf, len);
}

enum http_body
http_read_body(
    struct http_request *req, size_t max, char **ret_body, size_t *ret_len)
{
	struct exchange *ex = req->impl;
	struct http_source source = {
		.read = read_conn,
		.conn = ex->conn,
		.watch = &ex->worker->watch,
		.stall_ms = REQUEST_TIMEOUT_MS,
		.chunked = ex->head.chunked,
		.length = ex->head.length,
	};
	enum http_body result;

	if (ex->body_tried)
		return HTTP_BODY_BROKEN;
	ex->body_tried = true;
	if (!ex->head.chunked && ex->head.length > max)
		return HTTP_BODY_TOO_LARGE;
	if (!ex->body_done)
		send_continue(ex);
	result = http_body_read(&source, max, ret_body, ret_len);
	if (result == HTTP_BODY_OK)
		ex->body_done = true;
	return result;
}

/* ---- the library -------------------------------------------------------- */

bool
http_library_ipv6(void)
{
	return mg_check_feature(MG_FEATURES_IPV6) != 0;
}

bool
http_library_start(
    struct http_server *server, const char *listen, char *why, size_t why_len)
{
	const struct mg_callbacks callbacks = {
		.begin_request = on_request,
		.end_request = on_end,
		.log_message = on_log,
		.init_connection = on_open,
		.connection_close = on_close,
		.http_error = on_error,
		.init_thread = on_thread,
		.exit_thread = on_thread_exit,
	};
	char threads[16];
	const char *settings[] = { "listening_ports", listen, "num_threads",
		threads, "tcp_nodelay", "1", "max_request_size", "16384",
		"connection_queue", HTTP_QUEUE_TEXT, "listen_backlog", "4096",
		"enable_keep_alive", "yes", "keep_alive_timeout_ms", "500",
		"request_timeout_ms", REQUEST_TIMEOUT_TEXT, "decode_url", "no",
		"enable_auth_domain_check", "no", "enable_directory_listing",
		"no", "index_files", "", "cgi_pattern", "", "ssi_pattern", "",
		"allow_sendfile_call", "no", NULL };
	struct mg_init_data init = { &callbacks, server, settings };
	struct mg_error_data error = { NULL, why, why_len };

	snprintf(threads, sizeof(threads), "%u", server->options.threads);
	mg_init_library(0);
	server->ctx = mg_start2(&init, &error);
	if (server->ctx == NULL)
		mg_exit_library();
	return server->ctx != NULL;
}

unsigned
http_library_port(const struct http_server *server)
{
	struct mg_server_port port = { 0 };

	if (mg_get_server_ports(server->ctx, 1, &port) != 1)
		return 0;
	return (unsigned)port.port;
}

void
http_library_stop(struct http_server *server)
{
	if (server->ctx == NULL)
		return;
	mg_stop(server->ctx);
	mg_exit_library();
}

bool
http_library_peer(const void *conn, struct http_peer *peer)
{
	const struct mg_request_info *info = mg_get_request_info(conn);

	if (info != NULL)
		peer_of(info, peer);
	return info != NULL;
}
