/*
 * Log lines that may wait for each other: many requests share one write(2).
 */
#ifndef AUTHD_LOG_BUFFER_H
#define AUTHD_LOG_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_WAIT_MS 100 /* no line waits longer */

struct log_buffer;

/* A buffer before fd, with a thread of its own. NULL: no memory, no thread. */
struct log_buffer *log_buffer_new(int fd);

/*
 * A whole line, of at most PIPE_BUF bytes. In order: one that goes at once takes
 * with it what waits. Any thread.
 */
void log_buffer_put(
    struct log_buffer *buffer, const char *line, size_t len, bool at_once);

/* Writes what waits. NULL is allowed. */
void log_buffer_free(struct log_buffer *buffer);

#endif
