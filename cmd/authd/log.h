/*
 * The log: one line an event on standard error, written at once, or within
 * LOG_WAIT_MS together with others.
 * Callers never hand it a secret: no token, no password, no body.
 */
#ifndef AUTHD_LOG_H
#define AUTHD_LOG_H

#include <stdbool.h>

#include "authd/log_buffer.h"

struct log {
	int fd;
	bool json; /* one JSON object a line instead of key=value */
	struct log_buffer *buffer; /* before fd; NULL: every line at once */
};

/*
 * Write one line. After the event come pairs of name and value, both text, and
 * a final NULL; a pair whose value is NULL is left out. Values are escaped and
 * cut, so they may come from a client.
 */
void log_event(const struct log *log, const char *level, const char *event, ...)
    __attribute__((sentinel));

/* The same for what is often: it may wait for other lines. */
void log_often(const struct log *log, const char *level, const char *event, ...)
    __attribute__((sentinel));

#endif
