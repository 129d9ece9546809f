/*
 * Queries that share a round trip, in libpq's pipeline mode: what is queued
 * between two synchronisations is one transaction unless BEGIN is among it.
 * Values are only ever bound, and go in the binary format both ways.
 */
#include "store/pgsql_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
put(struct at_pg_params *params, const void *data, size_t len)
{
	int i = params->count++;

	/* NULL would be SQL's NULL */
	params->values[i] = len > 0 ? data : "";
	params->lengths[i] = (int)len;
	params->formats[i] = 1;
}

void
at_pg_int(struct at_pg_params *params, int64_t value)
{
	uint8_t *at = params->ints[params->count];

	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
	put(params, at, 8);
}

void
at_pg_bool(struct at_pg_params *params, bool value)
{
	uint8_t *at = params->ints[params->count];

	at[0] = value;
	put(params, at, 1);
}

void
at_pg_bytes(struct at_pg_params *params, const void *data, size_t len)
{
	put(params, data, len);
}

void
at_pg_text(struct at_pg_params *params, const char *text, size_t size)
{
	put(params, text, strnlen(text, size));
}

void
at_pg_null(struct at_pg_params *params)
{
	put(params, "", 0);
	params->values[params->count - 1] = NULL;
}

/* ---- sending ------------------------------------------------------------- */

void
at_pg_clear(struct at_pg_conn *conn)
{
	for (size_t i = 0; i < conn->count; i++)
		PQclear(conn->results[i]);
	conn->queued = conn->count = 0;
	conn->queue_err = AUTHTOK_OK;
	conn->ran = false;
}

static void
name_of(enum at_pg_stmt id, char out[8])
{
	(void)snprintf(out, 8, "at%u", (unsigned)id % 1000);
}

/* Note what was sent: a statement to prepare + 1, or 0. */
static void
note(struct at_pg_conn *conn, int sent, uint8_t preparing)
{
	if (sent != 1 && conn->queue_err == AUTHTOK_OK)
		conn->queue_err = at_pg_conn_lose(conn, false);
	if (conn->queue_err == AUTHTOK_OK)
		conn->preparing[conn->queued++] = preparing;
}

/* Room for a statement and its preparation. */
static bool
make_ready(struct at_pg_conn *conn)
{
	if (conn->ran)
		at_pg_clear(conn);
	if (conn->queued + 2 > AT_PG_BATCH_MAX)
		conn->queue_err = at_pg_conn_lose(conn, false);
	return conn->queue_err == AUTHTOK_OK;
}

void
at_pg_prepare(struct at_pg_conn *conn, enum at_pg_stmt id)
{
	char name[8];

	if (!make_ready(conn) || (conn->prepared >> id & 1) != 0)
		return;
	name_of(id, name);
	note(conn, PQsendPrepare(conn->pg, name, at_pg_stmt_sql(id), 0, NULL),
	    (uint8_t)(id + 1));
	/* known to what follows in this batch, forgotten if it fails */
	conn->prepared |= UINT64_C(1) << id;
}

size_t
at_pg_add(struct at_pg_conn *conn, enum at_pg_stmt id,
    const struct at_pg_params *params)
{
	char name[8];

	at_pg_prepare(conn, id);
	if (conn->queue_err != AUTHTOK_OK)
		return 0;
	name_of(id, name);
	note(conn,
	    PQsendQueryPrepared(conn->pg, name,
		params != NULL ? params->count : 0,
		params != NULL ? params->values : NULL,
		params != NULL ? params->lengths : NULL,
		params != NULL ? params->formats : NULL, 1),
	    0);
	return conn->count++;
}

size_t
at_pg_add_sql(struct at_pg_conn *conn, const char *sql)
{
	if (!make_ready(conn))
		return 0;
	note(conn,
	    PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 1), 0);
	return conn->count++;
}

/* ---- receiving ----------------------------------------------------------- */

/* What a failure means to callers, who read nothing of PostgreSQL. */
static enum authtok_err
meaning(struct at_pg_conn *conn, const char *state)
{
	static const char *const again[] = { "40001", "40P01", "23505" };
	static const char *const busy[] = { "55P03", "57014", "53300", "57P01",
		"57P02", "57P03", "57P05", "25P03" };

	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++)
		if (strcmp(state, again[i]) == 0) {
			conn->again = true;
			return AUTHTOK_EBUSY;
		}
	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++)
		if (strcmp(state, busy[i]) == 0)
			return AUTHTOK_EBUSY;
	/* a server that was set back to a standby: the next connection may
	 * find the one that took its place */
	if (strcmp(state, "25006") == 0)
		conn->lost = true;
	return AUTHTOK_ESTORE;
}

static enum authtok_err
judge(struct at_pg_conn *conn, const PGresult *result)
{
	const char *state, *text;

	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
		return AUTHTOK_OK;
	case PGRES_PIPELINE_ABORTED:
		return AUTHTOK_ESTORE; /* for the one before it */
	default:
		break;
	}
	state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (state == NULL) /* libpq's own */
		return at_pg_conn_lose(conn, false);
	/* the primary message only: others have values in them */
	text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	(void)snprintf(conn->fault, sizeof(conn->fault), "%s (SQLSTATE %s)",
	    text != NULL ? text : "failed", state);
	return meaning(conn, state);
}

/* The result of what was queued, and the NULL behind it. */
static PGresult *
receive(struct at_pg_conn *conn)
{
	PGresult *result, *more;

	if (!at_pg_conn_await(conn))
		return NULL;
	result = PQgetResult(conn->pg);
	if (result == NULL) {
		(void)at_pg_conn_lose(conn, false);
		return NULL;
	}
	do {
		if (!at_pg_conn_await(conn)) {
			PQclear(result);
			return NULL;
		}
		more = PQgetResult(conn->pg);
		PQclear(more);
	} while (more != NULL);
	return result;
}

/* The end of the batch: the connection is ready for the next one. */
static enum authtok_err
receive_sync(struct at_pg_conn *conn)
{
	PGresult *result;
	bool good;

	if (!at_pg_conn_await(conn))
		return AUTHTOK_ESTORE;
	result = PQgetResult(conn->pg);
	good = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
	PQclear(result);
	return good ? AUTHTOK_OK : at_pg_conn_lose(conn, false);
}

static enum authtok_err
receive_all(struct at_pg_conn *conn)
{
	enum authtok_err err = AUTHTOK_OK, one;
	PGresult *result;
	size_t n = 0;

	for (size_t i = 0; i < conn->queued; i++) {
		uint8_t preparing = conn->preparing[i];

		result = receive(conn);
		if (result == NULL)
			return conn->late ? AUTHTOK_EBUSY : AUTHTOK_ESTORE;
		one = judge(conn, result);
		if (one != AUTHTOK_OK && preparing > 0)
			conn->prepared &= ~(UINT64_C(1) << (preparing - 1));
		if (err == AUTHTOK_OK)
			err = one;
		if (preparing > 0)
			PQclear(result);
		else
			conn->results[n++] = result;
		if (conn->lost)
			return err;
	}
	one = receive_sync(conn);
	return err != AUTHTOK_OK ? err : one;
}

enum authtok_err
at_pg_run(struct at_pg_conn *conn)
{
	enum authtok_err err = conn->queue_err;

	for (size_t i = 0; i < conn->count; i++)
		conn->results[i] = NULL;
	conn->ran = true;
	if (err == AUTHTOK_OK && PQpipelineSync(conn->pg) != 1)
		err = at_pg_conn_lose(conn, false);
	return err == AUTHTOK_OK ? receive_all(conn) : err;
}

PGresult *
at_pg_result(const struct at_pg_conn *conn, size_t i)
{
	return conn->results[i];
}

PGresult *
at_pg_take(struct at_pg_conn *conn, size_t i)
{
	PGresult *result = conn->results[i];

	conn->results[i] = NULL;
	return result;
}

/* ---- reading ------------------------------------------------------------- */

size_t
at_pg_rows(const PGresult *result)
{
	return (size_t)PQntuples(result);
}

size_t
at_pg_changed(PGresult *result)
{
	return (size_t)strtoul(PQcmdTuples(result), NULL, 10);
}

bool
at_pg_is_null(const PGresult *result, size_t row, int column)
{
	return PQgetisnull(result, (int)row, column) == 1;
}

bool
at_pg_read_int(const PGresult *result, size_t row, int column, int64_t *out)
{
	uint8_t bytes[8];
	uint64_t value = 0;

	if (!at_pg_get_bytes(result, row, column, bytes, sizeof(bytes)))
		return false;
	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	*out = (int64_t)value;
	return true;
}

bool
at_pg_read_bool(const PGresult *result, size_t row, int column, bool *out)
{
	uint8_t byte;

	if (!at_pg_get_bytes(result, row, column, &byte, 1))
		return false;
	*out = byte != 0;
	return true;
}

int64_t
at_pg_get_int(const PGresult *result, size_t row, int column)
{
	int64_t value;

	return at_pg_read_int(result, row, column, &value) ? value : 0;
}

bool
at_pg_get_bool(const PGresult *result, size_t row, int column)
{
	bool value;

	return at_pg_read_bool(result, row, column, &value) && value;
}

bool
at_pg_get_bytes(
    const PGresult *result, size_t row, int column, void *out, size_t len)
{
	if (at_pg_is_null(result, row, column) ||
	    PQgetlength(result, (int)row, column) != (int)len)
		return false;
	memcpy(out, PQgetvalue(result, (int)row, column), len);
	return true;
}

bool
at_pg_get_text(
    const PGresult *result, size_t row, int column, char *out, size_t size)
{
	size_t len = (size_t)PQgetlength(result, (int)row, column);
	const char *text = PQgetvalue(result, (int)row, column);

	if (len >= size || memchr(text, 0, len) != NULL)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}
