/*
 * The greeting on standard output: for a person at a terminal.
 */
#include "authd/banner.h"

#include <authtok.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
banner_url(const struct config *config, unsigned port, char *url, size_t size)
{
	const char *colon = strrchr(config->listen, ':');
	int len = (int)(colon - config->listen);

	/* nobody can connect to "every address" */
	if (!config->listen_any)
		snprintf(
		    url, size, "http://%.*s:%u", len, config->listen, port);
	else if (config->listen[0] == '[')
		snprintf(url, size, "http://[::1]:%u", port);
	else
		snprintf(url, size, "http://127.0.0.1:%u", port);
}

static void
print_path(const char *what, const char *path)
{
	char *full = realpath(path, NULL);

	printf("%-10s%s\n", what, full != NULL ? full : path);
	free(full);
}

void
banner_print(const struct config *config, const char *url)
{
	static const char json[] = "-H 'Content-Type: application/json'";
	static const char pass[] = "\"password\":\"correct horse battery\"";

	printf("authd %s serves %s\n", authtok_version(), url);
	print_path("database", config->store_path);
	print_path("keys",
	    config->secret != NULL ? config->refresh_path : config->keys_path);
	printf("\nTry it: sign up, sign in, read a board.\n\n");
	printf("curl -s %s/api/auth/signup %s "
	       "-d '{\"username\":\"ann\",\"email\":\"ann@example.org\",%s}'; "
	       "echo\n\n",
	    url, json, pass);
	printf("curl -s %s/api/auth/signin %s "
	       "-d '{\"username\":\"ann\",%s}'; echo\n\n",
	    url, json, pass);
	printf("TOKEN=$(curl -s %s/api/auth/signin %s "
	       "-d '{\"username\":\"ann\",%s}' | "
	       "sed -n 's/.*\"accessToken\":\"\\([^\"]*\\)\".*/\\1/p'); "
	       "curl -s %s/api/test/user -H \"x-access-token: $TOKEN\"; "
	       "echo\n\n",
	    url, json, pass, url);
	fflush(stdout);
}
