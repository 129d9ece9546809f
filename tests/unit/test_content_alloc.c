/*
 * The content routes allocate nothing, from the bytes of a request to those of
 * its answer: counted are the allocations that our own objects ask for
 * (tests/flags.mk), not those inside of libraries.
 */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authd/app.h"
#include "authd/http.h"
#include "authd/routes.h"

static atomic_uint allocations;
/* the client's thread, whose allocations are those of the test */
static _Thread_local bool client;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static void
note(void)
{
	if (!client)
		atomic_fetch_add(&allocations, 1);
}

void *
__wrap_malloc(size_t size)
{
	note();
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	note();
	return __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	note();
	return __real_realloc(old, size);
}

static struct current current;
static struct authtok_store *store;
static struct http_server *server;
static char token[AUTHTOK_TOKEN_MAX + 1];

static void
issue(const struct app *app)
{
	static const char *const roles[] = { "user", "moderator", "admin" };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	size_t len;

	grant.user_id = 1;
	grant.roles = roles;
	grant.role_count = 3;
	ck_assert_int_eq(authtok_issue(app->engine, &grant, token,
			     sizeof(token), &len, NULL),
	    AUTHTOK_OK);
}

static void
setup(void)
{
	struct http_options options = { .listen = "127.0.0.1:0",
		.threads = 1,
		.body_timeout_ms = 10000,
		.handler = routes_handle,
		.arg = &current,
		.fixed_headers = "X-Content-Type-Options: nosniff\r\n" };
	char why[CONFIG_WHY_MAX];
	struct config *config;
	struct app *app;

	ck_assert_int_eq(authtok_store_memory(&store), AUTHTOK_OK);
	ck_assert_msg(
	    config_load(NULL, "127.0.0.1:0", NULL, &config, why), "%s", why);
	ck_assert_msg(
	    app_new(config, store, NULL, KEYFILE_PRETEND, &app, why) == APP_OK,
	    "%s", why);
	app->log.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	issue(app);
	current_init(&current, app);
	server = http_start(&options, why, sizeof(why));
	ck_assert_msg(server != NULL, "%s", why);
}

static void
teardown(void)
{
	http_stop(server, 1000);
	close(current.app->log.fd);
	current_put(&current, current.app);
	authtok_store_close(store);
}

static int
dial(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

/* One GET; the answer ends with the text. */
static void
get(int fd, const char *path, const char *text)
{
	char buf[8192];
	size_t len = 0;
	int n = snprintf(buf, sizeof(buf),
	    "GET %s HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\n"
	    "Authorization: Bearer %s\r\n\r\n",
	    path, token);

	ck_assert_int_eq(send(fd, buf, (size_t)n, MSG_NOSIGNAL), n);
	do {
		ssize_t got = recv(fd, buf + len, sizeof(buf) - 1 - len, 0);

		ck_assert_int_gt(got, 0);
		len += (size_t)got;
		buf[len] = '\0';
	} while (
	    len < strlen(text) || strcmp(buf + len - strlen(text), text) != 0);
	ck_assert_msg(strncmp(buf, "HTTP/1.1 200 ", 13) == 0, "%s", buf);
}

START_TEST(content_allocates_nothing)
{
	static const struct {
		const char *path, *text;
	} routes[] = { { "/api/test/all", "Public Content." },
		{ "/api/test/user", "User Content." },
		{ "/api/test/mod", "Moderator Content." },
		{ "/api/test/admin", "Admin Content." } };
	int fd = dial();
	unsigned before;

	client = true;
	/* the first makes the claims object that is kept */
	get(fd, routes[1].path, routes[1].text);
	before = atomic_load(&allocations);
	for (int i = 0; i < 40; i++)
		get(fd, routes[i % 4].path, routes[i % 4].text);
	ck_assert_uint_eq(atomic_load(&allocations), before);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("content_alloc");
	TCase *tc = tcase_create("content");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, content_allocates_nothing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
