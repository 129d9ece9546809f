/*
 * Loading the configuration: defaults, the file, the command line, and what
 * must hold between keys. The keys themselves are in config_keys.c.
 */
#include "authd/config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authd/config_keys.h"
#include "authd/config_text.h"

#define CONFIG_FILE_MAX  (1 << 20)
#define CONFIG_DEPTH_MAX 8

bool
config_fail(struct config_load *load, const char *format, ...)
{
	const char *file = load->config->file;
	size_t used = 0;
	va_list args;
	int len;

	if (file != NULL && load->text != NULL)
		snprintf(load->why, CONFIG_WHY_MAX, "%.256s:%zu: ", file,
		    config_text_line(load->text, load->at));
	else
		snprintf(load->why, CONFIG_WHY_MAX, "authd: ");
	used = strlen(load->why);
	if (load->key != NULL) {
		len = snprintf(load->why + used, CONFIG_WHY_MAX - used,
		    load->text != NULL ? "key \"%.64s\": " : "%.64s: ",
		    load->key);
		used += (size_t)len;
	}
	va_start(args, format);
	vsnprintf(load->why + used, CONFIG_WHY_MAX - used, format, args);
	va_end(args);
	return false;
}

void
config_fault(const struct config *config, size_t line, const char *key,
    const char *reason, char *why)
{
	if (config->file == NULL || line == 0)
		snprintf(why, CONFIG_WHY_MAX, "authd: %s: %s", key, reason);
	else
		snprintf(why, CONFIG_WHY_MAX, "%.256s:%zu: key \"%s\": %s",
		    config->file, line, key, reason);
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	if (config->secret != NULL)
		explicit_bzero(config->secret, config->secret_len);
	free(config->file);
	free(config->listen);
	free(config->store_path);
	free(config->keys_path);
	free(config->secret);
	free(config->refresh_path);
	free(config->issuer);
	free(config->audience);
	config_list_free(config->roles);
	config_list_free(config->signup_roles);
	config_list_free(config->cors_origins);
	free(config->trusted_proxies);
	free(config);
}

char **
config_list_new(size_t count)
{
	return calloc(count + 1, sizeof(char *));
}

void
config_list_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

bool
config_list_has(char *const *list, const char *text)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, text) == 0)
			return true;
	return false;
}

char *
config_path(const char *dir, const char *path)
{
	char *joined;

	if (path[0] == '/' || strcmp(dir, ".") == 0)
		return strdup(path);
	if (asprintf(&joined, "%s/%s", dir, path) < 0)
		return NULL;
	return joined;
}

/* The built-in values. False: no memory. */
static bool
set_defaults(struct config *config, const char *dir)
{
	config->listen = strdup("127.0.0.1:8080");
	config->store_path = config_path(dir, "authd.db");
	config->keys_path = config_path(dir, "authd.keys");
	config->issuer = strdup("authd");
	config->audience = strdup("authd");
	config->jwt_expiration = 3600;
	config->jwt_refresh_expiration = 86400;
	config->session_expiration = 2592000;
	config->refresh_leeway = 10;
	config->rotation = AUTHTOK_BALANCED;
	config->clock_leeway = 30;
	config->max_sessions_per_user = 100;
	config->roles = config_list_new(3);
	config->signup_roles = config_list_new(1);
	config->cors_origins = config_list_new(0);
	config->throttle = true;
	config->free_pair = 5;
	config->free_account = 20;
	config->free_prefix = 50;
	config->delay_max = 30;
	config->threads = 128;
	if (config->roles == NULL || config->signup_roles == NULL)
		return false;
	config->roles[0] = strdup("user");
	config->roles[1] = strdup("moderator");
	config->roles[2] = strdup("admin");
	config->signup_roles[0] = strdup("user");
	return config->listen != NULL && config->store_path != NULL &&
	    config->keys_path != NULL && config->issuer != NULL &&
	    config->audience != NULL && config->cors_origins != NULL &&
	    config->roles[0] != NULL && config->roles[1] != NULL &&
	    config->roles[2] != NULL && config->signup_roles[0] != NULL;
}

/* The folder that file is in; owned by the caller. */
static char *
folder_of(const char *file)
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (slash == NULL)
		return strdup(".");
	return strndup(file, slash == file ? 1 : (size_t)(slash - file));
}

/* Read all of fd, which is a regular file. NULL: errno says why. */
static char *
read_all(int fd, const struct stat *st, size_t *ret_len)
{
	size_t len = 0, size = (size_t)st->st_size;
	char *text = malloc(size + 1);

	if (text == NULL)
		return NULL;
	while (len < size) {
		ssize_t got = read(fd, text + len, size - len);

		if (got == 0)
			break;
		if (got < 0) {
			explicit_bzero(text, len);
			free(text);
			return NULL;
		}
		len += (size_t)got;
	}
	text[len] = '\0';
	*ret_len = len;
	return text;
}

/* The whole file; it may hold a secret, so the caller wipes it. */
static char *
read_file(struct config_load *load, size_t *ret_len, bool *ret_exposed)
{
	const char *file = load->config->file, *reason = NULL;
	struct stat st;
	char *text = NULL;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0)
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe */
		reason = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		reason = "not a regular file";
	else if (st.st_size > CONFIG_FILE_MAX)
		reason = "larger than 1 MiB";
	else if ((text = read_all(fd, &st, ret_len)) == NULL)
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe */
		reason = strerror(errno);
	else
		*ret_exposed = (st.st_mode & S_IROTH) != 0;
	if (reason != NULL)
		snprintf(load->why, CONFIG_WHY_MAX, "%.256s: %s", file, reason);
	if (fd >= 0)
		close(fd);
	return text;
}

/* The scanner's fault; at the name of a member, such as one given twice, it is
 * named. */
static bool
fail_json(struct config_load *load, const char *reason)
{
	const char *name = load->text + load->at;
	char key[64];
	size_t len;

	if (*name++ == '"') {
		len = strcspn(name, "\"\\\n");
		if (len < sizeof(key) && name[len] == '"') {
			memcpy(key, name, len);
			key[len] = '\0';
			load->key = key;
		}
	}
	config_fail(load, "%s", reason);
	load->key = NULL;
	return false;
}

/* One parsed text: comments away, strict check, tree, keys. */
static bool
take_text(struct config_load *load, char *text, size_t len)
{
	const char *reason = NULL;
	cJSON *object;
	bool ok;

	load->text = text;
	load->at = 0;
	if (!config_text_strip(text, len, &load->at))
		return config_fail(load, "comment without end");
	if (authtok_json_check(
		text, len, CONFIG_DEPTH_MAX, &reason, &load->at) != AUTHTOK_OK)
		return fail_json(load, reason);
	object = cJSON_ParseWithLength(text, len);
	if (object == NULL)
		return config_fail(load, "no memory");
	ok = cJSON_IsObject(object)
	    ? config_take(load, object)
	    : config_fail(load, "must be one object: { ... }");
	if (load->config->secret != NULL) {
		char *copy = cJSON_GetObjectItemCaseSensitive(object, "secret")
				 ->valuestring;

		explicit_bzero(copy, strlen(copy));
	}
	cJSON_Delete(object);
	return ok;
}

static bool
take_file(struct config_load *load)
{
	bool exposed = false, ok;
	size_t len = 0;
	char *text = read_file(load, &len, &exposed);

	if (text == NULL)
		return false;
	ok = take_text(load, text, len);
	explicit_bzero(text, len);
	free(text);
	load->text = NULL;
	load->key = NULL;
	load->config->secret_exposed = load->config->secret != NULL && exposed;
	return ok;
}

/* What must hold between keys, once all of them are known. */
static bool
check_together(struct config_load *load)
{
	struct config *config = load->config;
	bool loopback = false;

	if (config->lines.keys != 0 && config->lines.secret != 0) {
		config_fault(config, config->lines.secret, "secret",
		    "cannot be given together with \"keys\"", load->why);
		return false;
	}
	for (size_t i = 0; config->signup_roles[i] != NULL; i++) {
		char reason[128];

		if (config_list_has(config->roles, config->signup_roles[i]))
			continue;
		snprintf(reason, sizeof(reason),
		    "role \"%s\" is not one of \"roles\"",
		    config->signup_roles[i]);
		config_fault(config, config->lines.signup_roles, "signupRoles",
		    reason, load->why);
		return false;
	}
	net_listen_parse(config->listen, &loopback, &config->listen_any);
	if (!loopback && !config->insecure) {
		config_fault(config, config->lines.listen, "listen",
		    "plain HTTP on an address that other machines reach is "
		    "refused; set \"insecure\": true if a proxy with TLS "
		    "stands in front",
		    load->why);
		return false;
	}
	return true;
}

/* The command line wins over the file. */
static bool
take_options(struct config_load *load, const char *listen, const char *store)
{
	load->key = "--listen";
	if (listen != NULL && !config_take_listen(load, listen))
		return false;
	if (listen != NULL)
		load->config->lines.listen = 0;
	load->key = "--store";
	load->dir = ".";
	return store == NULL || config_take_store(load, store);
}

bool
config_load(const char *file, const char *listen, const char *store,
    struct config **ret_config, char *why)
{
	struct config *config = calloc(1, sizeof(*config));
	char *dir = folder_of(file);
	struct config_load load = { .config = config, .dir = dir, .why = why };
	bool ok = false;

	snprintf(why, CONFIG_WHY_MAX, "authd: no memory");
	if (config == NULL || dir == NULL || !set_defaults(config, dir))
		goto out;
	if (file != NULL && (config->file = strdup(file)) == NULL)
		goto out;
	if (file != NULL && !take_file(&load))
		goto out;
	if (!take_options(&load, listen, store) || !check_together(&load))
		goto out;
	if (asprintf(&config->refresh_path, "%s.refresh", config->store_path) <
	    0) {
		config->refresh_path = NULL;
		goto out;
	}
	*ret_config = config;
	config = NULL;
	ok = true;
out:
	config_free(config);
	free(dir);
	return ok;
}

/* Put a copy of value in the place of *text. */
static bool
keep_text(char **text, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return false;
	free(*text);
	*text = copy;
	return true;
}

bool
config_keep(struct config *config, const struct config *old, char *kept,
    size_t size, char *why)
{
	snprintf(kept, size, "%s%s%s",
	    strcmp(config->listen, old->listen) != 0 ? "listen " : "",
	    strcmp(config->store_path, old->store_path) != 0 ? "store " : "",
	    config->threads != old->threads ? "threads " : "");
	if (*kept != '\0')
		kept[strlen(kept) - 1] = '\0';
	config->threads = old->threads;
	config->listen_any = old->listen_any;
	if (keep_text(&config->listen, old->listen) &&
	    keep_text(&config->store_path, old->store_path) &&
	    keep_text(&config->refresh_path, old->refresh_path))
		return true;
	config_free(config);
	snprintf(why, CONFIG_WHY_MAX, "authd: no memory");
	return false;
}
