/*
 * authd: the command line, the order of starting and stopping, the signals.
 * One thread does all of it; the server's threads only ever see routes.c.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <authtok.h>
#include <authtok/sqlite.h>

#include "authd/app.h"
#include "authd/banner.h"
#include "authd/config.h"
#include "authd/http.h"
#include "authd/keylog.h"
#include "authd/routes.h"
#include "authd/upkeep.h"

#define GRACE_MS        10000 /* for requests under way when we stop */
#define BODY_TIMEOUT_MS 10000
#define FILES_WANTED    65536 /* descriptors: one for each open connection */

struct options {
	const char *file;   /* NULL: defaults */
	const char *listen; /* NULL: as configured */
	const char *store;
	bool check;
};

struct server {
	struct options options;
	struct authtok_store *store;
	struct authtok_revocations *revocations; /* of all generations */
	struct current current;
	struct log_buffer *lines; /* likewise */
	struct upkeep *upkeep;
	struct http_server *http;
	char url[80];
};

static void
print_usage(FILE *to)
{
	fprintf(to,
	    "usage: authd [-t] [-c FILE] [--listen ADDRESS:PORT] "
	    "[--store URL]\n"
	    "       authd --help | --version\n"
	    "  -t                     check the configuration and exit\n"
	    "  -c, --config FILE      configuration; without: defaults\n"
	    "  --listen ADDRESS:PORT  instead of the configured address\n"
	    "  --store URL            instead of the configured database\n"
	    "Manual: authd(8), authd.conf(5).\n");
}

/* The exit status when there is nothing more to do, or -1. */
static int
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "listen", required_argument, NULL, 'l' },
		{ "store", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread is there yet */
	while ((c = getopt_long(argc, argv, "tc:h", names, NULL)) != -1) {
		if (c == 't')
			options->check = true;
		else if (c == 'c')
			options->file = optarg;
		else if (c == 'l')
			options->listen = optarg;
		else if (c == 's')
			options->store = optarg;
		else if (c == 'v')
			return printf("authd %s\n", authtok_version()) < 0;
		else {
			print_usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? APP_OK : APP_BAD_CONFIG;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "authd: unexpected argument: %s\n", argv[optind]);
	print_usage(stderr);
	return APP_BAD_CONFIG;
}

static void
warn_exposed(const struct app *app)
{
	if (app->config->secret_exposed)
		log_event(&app->log, "warn", "secret_exposed", "file",
		    app->config->file, "cause",
		    "everybody may read the file with the secret in it", NULL);
}

/* -t: build everything over a store in memory, write nothing. */
static int
check_only(const struct options *options)
{
	struct authtok_store *store = NULL;
	struct config *config;
	struct app *app;
	char why[CONFIG_WHY_MAX];

	if (!config_load(
		options->file, options->listen, options->store, &config, why)) {
		fprintf(stderr, "%s\n", why);
		return APP_BAD_CONFIG;
	}
	if (authtok_store_memory(&store) != AUTHTOK_OK) {
		config_free(config);
		fprintf(stderr, "authd: no memory\n");
		return APP_FAILED;
	}
	if (app_new(config, store, NULL, KEYFILE_PRETEND, &app, why) !=
	    APP_OK) {
		authtok_store_close(store);
		fprintf(stderr, "%s\n", why);
		return APP_BAD_CONFIG;
	}
	warn_exposed(app);
	app_free(app);
	authtok_store_close(store);
	printf("%s: ok\n", options->file != NULL ? options->file : "defaults");
	return APP_OK;
}

static void
log_library(void *arg, const char *message)
{
	struct current *current = arg;
	struct app *app = current_get(current);

	log_event(&app->log, "warn", "http", "cause", message, NULL);
	current_put(current, app);
}

/* A key file that is missing now is a mistake: new keys would sign everybody out. */
static bool
next_generation(struct server *server, const struct app *old, char kept[64],
    struct app **ret_next, char *why)
{
	const struct options *options = &server->options;
	struct config *config;
	enum authtok_err err;

	if (!config_load(
		options->file, options->listen, options->store, &config, why) ||
	    !config_keep(config, old->config, kept, 64, why) ||
	    app_new(config, server->store, server->revocations, KEYFILE_REFUSE,
		ret_next, why) != APP_OK)
		return false;
	(*ret_next)->log.buffer = server->lines;
	/* with a longer lifetime more of them matter than were kept */
	err = authtok_revocations_pull((*ret_next)->engine, server->store);
	if (err == AUTHTOK_OK)
		return true;
	snprintf(why, CONFIG_WHY_MAX, "cannot read revocations: %s",
	    authtok_strerror(err));
	app_free(*ret_next);
	return false;
}

/* SIGHUP: the next generation over the same store, or stay with this one. */
static void
reload(struct server *server)
{
	struct app *old = current_get(&server->current), *next;
	char why[CONFIG_WHY_MAX], kept[64];

	if (!next_generation(server, old, kept, &next, why)) {
		log_event(
		    &old->log, "error", "reload_failed", "cause", why, NULL);
		current_put(&server->current, old);
		return;
	}
	keylog_note(next);
	log_event(&next->log, "info", "reload", "restart_needed_for",
	    *kept != '\0' ? kept : NULL, NULL);
	warn_exposed(next);
	current_put(&server->current, old);
	current_swap(&server->current, next);
}

/* Until it is time to stop; returns the signal's name. */
static const char *
wait_for_signals(struct server *server, const sigset_t *signals)
{
	int number;

	for (;;) {
		if (sigwait(signals, &number) != 0)
			return "none";
		if (number != SIGHUP)
			return number == SIGTERM ? "SIGTERM" : "SIGINT";
		reload(server);
	}
}

/* The set is filled before the first token is looked at. */
static int
open_app(struct server *server, struct config *config)
{
	char why[CONFIG_WHY_MAX] = "authd: no memory";
	struct app *app = NULL;
	enum authtok_err err;
	int result = APP_FAILED;

	if (authtok_revocations_new(&server->revocations) != AUTHTOK_OK) {
		config_free(config);
		goto out;
	}
	result = (int)app_new(config, server->store, server->revocations,
	    KEYFILE_CREATE, &app, why);
	if (result != APP_OK)
		goto out;
	err = authtok_revocations_pull(app->engine, server->store);
	if (err != AUTHTOK_OK) {
		snprintf(why, sizeof(why), "authd: cannot read revocations: %s",
		    authtok_strerror(err));
		result = APP_FAILED;
		goto out;
	}
	warn_exposed(app);
	keylog_note(app);
	current_init(&server->current, app);
	return APP_OK;
out:
	fprintf(stderr, "%s\n", why);
	app_free(app);
	authtok_revocations_free(server->revocations);
	authtok_store_close(server->store);
	return result;
}

/* Keys looked at, store, first generation; the exit status. */
static int
open_all(struct server *server)
{
	const struct options *options = &server->options;
	struct config *config;
	char why[CONFIG_WHY_MAX];
	int result;

	if (!config_load(
		options->file, options->listen, options->store, &config, why)) {
		fprintf(stderr, "%s\n", why);
		return APP_BAD_CONFIG;
	}
	result = (int)app_check(config, why);
	if (result != APP_OK) {
		fprintf(stderr, "%s\n", why);
		config_free(config);
		return result;
	}
	/* nobody asks how much memory it has, and to count that takes a lock
	 * of the whole process at every allocation */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (authtok_store_sqlite(config->store_path, &server->store, why,
		sizeof(why)) != AUTHTOK_OK) {
		fprintf(stderr, "authd: %s\n", why);
		config_free(config);
		return APP_FAILED;
	}
	return open_app(server, config);
}

static bool
start_serving(struct server *server)
{
	const struct config *config = server->current.app->config;
	struct http_options http = {
		.listen = config->listen,
		.threads = (unsigned)config->threads,
		.body_timeout_ms = BODY_TIMEOUT_MS,
		.handler = routes_handle,
		.log = log_library,
		.arg = &server->current,
		.fixed_headers = "X-Content-Type-Options: nosniff\r\n",
	};
	char why[CONFIG_WHY_MAX] = "no thread for housekeeping";

	server->lines = log_buffer_new(STDERR_FILENO);
	server->current.app->log.buffer = server->lines;
	if (server->lines != NULL)
		server->upkeep = upkeep_start(&server->current);
	if (server->upkeep != NULL)
		server->http = http_start(&http, why, sizeof(why));
	if (server->http == NULL) {
		fprintf(stderr, "authd: %s\n", why);
		return false;
	}
	banner_url(
	    config, http_port(server->http), server->url, sizeof(server->url));
	return true;
}

static void
close_all(struct server *server)
{
	upkeep_stop(server->upkeep);
	current_put(&server->current, server->current.app);
	log_buffer_free(server->lines);
	authtok_revocations_free(server->revocations);
	authtok_store_close(server->store);
}

static void
serve(struct server *server, const sigset_t *signals)
{
	struct app *app = current_get(&server->current);
	const char *name;

	log_event(&app->log, "info", "start", "version", authtok_version(),
	    "url", server->url, "store", app->config->store_path, NULL);
	banner_print(app->config, server->url);
	current_put(&server->current, app);
	name = wait_for_signals(server, signals);
	app = current_get(&server->current);
	log_event(&app->log, "info", "stop", "signal", name, NULL);
	current_put(&server->current, app);
	http_stop(server->http, GRACE_MS);
}

/* What the whole process has: file modes, descriptors, signals. */
static void
prepare_process(sigset_t *signals)
{
	struct rlimit files;

	umask(077);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur < FILES_WANTED) {
		files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max
							       : FILES_WANTED;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* a client that goes away is an error of write(2), no more, and so is
	 * a file that may not grow */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* blocked before any thread begins, so that all of them inherit it */
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, signals, NULL);
}

int
main(int argc, char **argv)
{
	struct server server = { 0 };
	sigset_t signals;
	int result = parse_options(argc, argv, &server.options);

	if (result >= 0)
		return result;
	if (server.options.check)
		return check_only(&server.options);
	prepare_process(&signals);
	result = open_all(&server);
	if (result != APP_OK)
		return result;
	if (start_serving(&server))
		serve(&server, &signals);
	else
		result = APP_FAILED;
	close_all(&server);
	return result;
}
