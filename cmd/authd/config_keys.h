/*
 * The keys of the configuration file and how each is taken.
 */
#ifndef AUTHD_CONFIG_KEYS_H
#define AUTHD_CONFIG_KEYS_H

#include <cjson/cJSON.h>

#include "authd/config.h"

/* A configuration being loaded. */
struct config_load {
	struct config *config;
	const char *dir;  /* relative paths begin here; "." or a path */
	const char *text; /* the file without its comments, or NULL */
	const char *key;  /* being taken, or NULL */
	size_t at;        /* where it, or the part at fault, stands */
	char *why;
};

/* Say why, with the file, the line and the key. Always false. */
bool config_fail(struct config_load *load, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Take every member of the configuration object that begins at text[0]. */
bool config_take(struct config_load *load, const cJSON *object);

/* The values of single keys, also from the command line. */
bool config_take_listen(struct config_load *load, const char *listen);
bool config_take_store(struct config_load *load, const char *store);

/* A copy of path that begins in dir when it is relative; NULL: no memory. */
char *config_path(const char *dir, const char *path);

/* An empty list of room for count texts, and its end. */
char **config_list_new(size_t count);
void config_list_free(char **list);
bool config_list_has(char *const *list, const char *text);

#endif
