/*
 * Log lines. A line is built on the stack and leaves as a whole, so that lines of
 * several threads do not mix.
 */
#include "authd/log.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authd/text.h"

#define LOG_LINE_MAX  2048
#define LOG_VALUE_MAX 256 /* bytes of a value that are shown */

_Static_assert(LOG_LINE_MAX <= PIPE_BUF, "a line fits into a log_buffer");

/* The second is made once by each thread that logs in it. */
static void
add_time(struct text *line)
{
	static _Thread_local char stamp[80];
	static _Thread_local time_t made = -1;
	struct timespec now;
	struct tm tm;
	char ms[5] = ".";

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != made) {
		gmtime_r(&now.tv_sec, &tm);
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
		made = now.tv_sec;
	}
	text_add(line, stamp);
	ms[1] = (char)('0' + now.tv_nsec / 100000000);
	ms[2] = (char)('0' + now.tv_nsec / 10000000 % 10);
	ms[3] = (char)('0' + now.tv_nsec / 1000000 % 10);
	ms[4] = 'Z';
	text_bytes(line, ms, sizeof(ms));
}

/* Bytes that stand for themselves in both forms, inside quotes. */
static bool
plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/*
 * A value in quotes. Everything but printable ASCII becomes \xHH, in JSON with
 * the backslash doubled: a log line never depends on what a client sent.
 */
static void
add_quoted(struct text *line, const char *value, bool json)
{
	const unsigned char *s = (const unsigned char *)value;
	char escape[8];

	text_add(line, "\"");
	for (size_t i = 0; i < LOG_VALUE_MAX && s[i] != '\0'; i++) {
		size_t run = 0;

		while (i + run < LOG_VALUE_MAX && plain(s[i + run]))
			run++;
		if (run > 0) {
			text_bytes(line, value + i, run);
			i += run - 1;
			continue;
		}
		snprintf(escape, sizeof(escape), "%s\\x%02x", json ? "\\" : "",
		    (unsigned)s[i]);
		text_add(line, escape);
	}
	text_add(line, "\"");
}

/* Whether a value needs no quotes in key=value form; its length. */
static bool
bare(const char *value, size_t *ret_len)
{
	size_t len = 0;

	while (plain((unsigned char)value[len]) && value[len] != ' ' &&
	    value[len] != '=')
		len++;
	*ret_len = len;
	return value[len] == '\0' && len > 0 && len <= LOG_VALUE_MAX;
}

static void
add_pair(struct text *line, const char *name, const char *value, bool json)
{
	size_t len;

	if (json) {
		text_add(line, ",\"");
		text_add(line, name);
		text_add(line, "\":");
		add_quoted(line, value, true);
		return;
	}
	text_bytes(line, " ", 1);
	text_add(line, name);
	text_bytes(line, "=", 1);
	if (bare(value, &len))
		text_bytes(line, value, len);
	else
		add_quoted(line, value, false);
}

static void
begin(struct text *line, const struct log *log, const char *level,
    const char *event)
{
	text_add(line, log->json ? "{\"time\":\"" : "");
	add_time(line);
	if (log->json) {
		text_add(line, "\"");
		add_pair(line, "level", level, true);
		add_pair(line, "event", event, true);
		return;
	}
	text_add(line, " ");
	text_add(line, level);
	text_add(line, " event=");
	text_add(line, event);
}

/* The line of an event; its length. */
static size_t
build(const struct log *log, char memory[LOG_LINE_MAX], const char *level,
    const char *event, va_list pairs)
{
	struct text line;
	const char *name, *value;

	/* room stays for the end of the line: a pair that does not fit is
	 * dropped whole, so that JSON stays JSON */
	text_init(&line, memory, LOG_LINE_MAX - 2);
	begin(&line, log, level, event);
	while ((name = va_arg(pairs, const char *)) != NULL) {
		size_t before = line.len;

		value = va_arg(pairs, const char *);
		if (value == NULL)
			continue;
		add_pair(&line, name, value, log->json);
		if (line.cut) {
			line.len = before;
			line.cut = false;
		}
	}
	line.size = LOG_LINE_MAX;
	text_add(&line, log->json ? "}\n" : "\n");
	return line.len;
}

static void
put(const struct log *log, const char *line, size_t len, bool at_once)
{
	ssize_t written;

	if (log->buffer != NULL) {
		log_buffer_put(log->buffer, line, len, at_once);
		return;
	}
	/* a log that cannot be written must not stop the service */
	written = write(log->fd, line, len);
	(void)written;
}

void
log_event(const struct log *log, const char *level, const char *event, ...)
{
	char line[LOG_LINE_MAX];
	va_list pairs;
	size_t len;

	va_start(pairs, event);
	len = build(log, line, level, event, pairs);
	va_end(pairs);
	put(log, line, len, true);
}

void
log_often(const struct log *log, const char *level, const char *event, ...)
{
	char line[LOG_LINE_MAX];
	va_list pairs;
	size_t len;

	va_start(pairs, event);
	len = build(log, line, level, event, pairs);
	va_end(pairs);
	put(log, line, len, false);
}
