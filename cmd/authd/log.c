/*
 * Log lines. A line is built on the stack and leaves in one write(2), so that
 * lines of several threads do not mix.
 */
#include "authd/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authd/text.h"

#define LOG_LINE_MAX  2048
#define LOG_VALUE_MAX 256 /* bytes of a value that are shown */

static void
add_time(struct text *line)
{
	struct timespec now;
	struct tm tm;
	char stamp[80];
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp + len, sizeof(stamp) - len, ".%03dZ",
	    (int)(now.tv_nsec / 1000000));
	text_add(line, stamp);
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
		if (plain(s[i])) {
			text_bytes(line, value + i, 1);
			continue;
		}
		snprintf(escape, sizeof(escape), "%s\\x%02x", json ? "\\" : "",
		    (unsigned)s[i]);
		text_add(line, escape);
	}
	text_add(line, "\"");
}

/* Whether a value needs no quotes in key=value form. */
static bool
bare(const char *value)
{
	if (*value == '\0' || strlen(value) > LOG_VALUE_MAX)
		return false;
	for (; *value != '\0'; value++)
		if (!plain((unsigned char)*value) || *value == ' ' ||
		    *value == '=')
			return false;
	return true;
}

static void
add_pair(struct text *line, const char *name, const char *value, bool json)
{
	if (json) {
		text_add(line, ",\"");
		text_add(line, name);
		text_add(line, "\":");
		add_quoted(line, value, true);
		return;
	}
	text_add(line, " ");
	text_add(line, name);
	text_add(line, "=");
	if (bare(value))
		text_add(line, value);
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

void
log_event(const struct log *log, const char *level, const char *event, ...)
{
	char memory[LOG_LINE_MAX];
	struct text line;
	const char *name, *value;
	ssize_t put;
	va_list pairs;

	/* room stays for the end of the line: a pair that does not fit is
	 * dropped whole, so that JSON stays JSON */
	text_init(&line, memory, sizeof(memory) - 2);
	begin(&line, log, level, event);
	va_start(pairs, event);
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
	va_end(pairs);
	line.size = sizeof(memory);
	text_add(&line, log->json ? "}\n" : "\n");
	/* a log that cannot be written must not stop the service */
	put = write(log->fd, memory, line.len);
	(void)put;
}
