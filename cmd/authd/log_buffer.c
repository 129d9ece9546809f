/*
 * The lines of LOG_WAIT_MS leave in one write(2), or as many of them as a pipe
 * takes in one piece. The thread sleeps until a line waits.
 */
#include "authd/log_buffer.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/steady.h"

struct log_buffer {
	int fd;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* the first line, or the end; CLOCK_MONOTONIC */
	bool stop;
	bool asleep; /* the thread, until a line comes */
	size_t len;
	char lines[PIPE_BUF];
};

/* The lock is held. A log that cannot be written must not stop the service. */
static void
flush(struct log_buffer *buffer)
{
	ssize_t put;

	if (buffer->len == 0)
		return;
	put = write(buffer->fd, buffer->lines, buffer->len);
	(void)put;
	buffer->len = 0;
}

static void
wait_for_more(struct log_buffer *buffer)
{
	const struct timespec until = steady_in(LOG_WAIT_MS);

	while (!buffer->stop &&
	    pthread_cond_timedwait(&buffer->wake, &buffer->lock, &until) !=
		ETIMEDOUT)
		;
}

static void *
run(void *arg)
{
	struct log_buffer *buffer = arg;

	pthread_mutex_lock(&buffer->lock);
	while (!buffer->stop) {
		if (buffer->len == 0) {
			buffer->asleep = true;
			pthread_cond_wait(&buffer->wake, &buffer->lock);
			continue;
		}
		wait_for_more(buffer);
		flush(buffer);
	}
	pthread_mutex_unlock(&buffer->lock);
	return NULL;
}

struct log_buffer *
log_buffer_new(int fd)
{
	struct log_buffer *buffer = malloc(sizeof(*buffer));

	if (buffer == NULL)
		return NULL;
	buffer->fd = fd;
	buffer->stop = false;
	buffer->asleep = false;
	buffer->len = 0;
	pthread_mutex_init(&buffer->lock, NULL);
	steady_cond_init(&buffer->wake);
	if (pthread_create(&buffer->thread, NULL, run, buffer) == 0)
		return buffer;
	pthread_cond_destroy(&buffer->wake);
	pthread_mutex_destroy(&buffer->lock);
	free(buffer);
	return NULL;
}

void
log_buffer_put(
    struct log_buffer *buffer, const char *line, size_t len, bool at_once)
{
	bool wake;

	pthread_mutex_lock(&buffer->lock);
	if (len > sizeof(buffer->lines) - buffer->len)
		flush(buffer);
	memcpy(buffer->lines + buffer->len, line, len);
	buffer->len += len;
	if (at_once)
		flush(buffer);
	wake = buffer->asleep && buffer->len > 0;
	if (wake)
		buffer->asleep = false;
	pthread_mutex_unlock(&buffer->lock);
	if (wake)
		pthread_cond_signal(&buffer->wake);
}

void
log_buffer_free(struct log_buffer *buffer)
{
	if (buffer == NULL)
		return;
	pthread_mutex_lock(&buffer->lock);
	buffer->stop = true;
	pthread_cond_signal(&buffer->wake);
	pthread_mutex_unlock(&buffer->lock);
	pthread_join(buffer->thread, NULL);
	flush(buffer);
	pthread_cond_destroy(&buffer->wake);
	pthread_mutex_destroy(&buffer->lock);
	free(buffer);
}
