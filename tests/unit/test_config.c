/*
 * The configuration file: defaults, every key, and the line of every fault.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authd/config.h"
#include "authd/config_text.h"

static char folder[64];
static char path[128];
static char why[CONFIG_WHY_MAX];

static void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/authd-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.conf", folder);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(folder);
}

static void
write_file(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

static struct config *
load(const char *text)
{
	struct config *config = NULL;

	write_file(text, strlen(text));
	ck_assert_msg(config_load(path, NULL, NULL, &config, why), "%s", why);
	return config;
}

/* The fault is on that line, of that key, and its reason has that text. */
static void
refused(const char *text, int line, const char *key, const char *reason)
{
	struct config *config = NULL;
	char begin[256];

	write_file(text, strlen(text));
	ck_assert_msg(
	    !config_load(path, NULL, NULL, &config, why), "taken: %s", text);
	ck_assert_ptr_null(config);
	if (key != NULL)
		snprintf(begin, sizeof(begin), "%s:%d: key \"%s\": ", path,
		    line, key);
	else
		snprintf(begin, sizeof(begin), "%s:%d: ", path, line);
	ck_assert_msg(strncmp(why, begin, strlen(begin)) == 0,
	    "%s: no %s in front of: %s", text, begin, why);
	ck_assert_msg(strstr(why + strlen(begin), reason) != NULL,
	    "no \"%s\" in: %s", reason, why);
}

START_TEST(defaults_without_a_file)
{
	struct config *c = NULL;

	ck_assert(config_load(NULL, NULL, NULL, &c, why));
	ck_assert_str_eq(c->listen, "127.0.0.1:8080");
	ck_assert(!c->listen_any);
	ck_assert_str_eq(c->store_path, "authd.db");
	ck_assert_str_eq(c->keys_path, "authd.keys");
	ck_assert_str_eq(c->refresh_path, "authd.db.refresh");
	ck_assert_ptr_null(c->secret);
	ck_assert_str_eq(c->issuer, "authd");
	ck_assert_str_eq(c->audience, "authd");
	ck_assert_int_eq(c->jwt_expiration, 3600);
	ck_assert_int_eq(c->jwt_refresh_expiration, 86400);
	ck_assert_int_eq(c->session_expiration, 2592000);
	ck_assert_int_eq(c->refresh_leeway, 10);
	ck_assert_int_eq(c->rotation, AUTHTOK_BALANCED);
	ck_assert_int_eq(c->clock_leeway, 30);
	ck_assert_int_eq(c->expiry_leeway, 0);
	ck_assert_int_eq(c->max_sessions_per_user, 100);
	ck_assert_str_eq(c->roles[0], "user");
	ck_assert_str_eq(c->roles[1], "moderator");
	ck_assert_str_eq(c->roles[2], "admin");
	ck_assert_ptr_null(c->roles[3]);
	ck_assert_str_eq(c->signup_roles[0], "user");
	ck_assert_ptr_null(c->signup_roles[1]);
	ck_assert_ptr_null(c->cors_origins[0]);
	ck_assert_uint_eq(c->trusted_count, 0);
	ck_assert(c->throttle && !c->uniform_errors && !c->insecure);
	ck_assert_int_eq(c->free_pair, 5);
	ck_assert_int_eq(c->free_account, 20);
	ck_assert_int_eq(c->free_prefix, 50);
	ck_assert_int_eq(c->delay_max, 30);
	ck_assert_int_eq(c->threads, 128);
	ck_assert_int_eq(c->hash_slots, 0);
	ck_assert(!c->log_json);
	config_free(c);
}
END_TEST

START_TEST(every_key)
{
	struct config *c;
	char expected[128];

	c = load("// c\n{\"listen\":\"0.0.0.0:0\",/* \"x\" */\"insecure\":true,"
		 "\"store\":\"sqlite:x.db\",\"keys\":\"/k\","
		 "\"issuer\":\"i // not a comment\",\"audience\":\"a\","
		 "\"jwtExpiration\":1,\"jwtRefreshExpiration\":2,"
		 "\"sessionExpiration\":3,\"refreshLeeway\":0,"
		 "\"rotation\":\"strict\",\"clockLeeway\":4,"
		 "\"expiryLeeway\":5,\"maxSessionsPerUser\":0,"
		 "\"roles\":[\"editor\",\"admin\"],"
		 "\"signupRoles\":[\"user\",\"editor\"],"
		 "\"uniformErrors\":true,"
		 "\"corsOrigins\":[\"http://a:1\",\"https://b\"],"
		 "\"trustedProxies\":[\"10.0.0.0/8\",\"::1\"],"
		 "\"throttle\":{\"freePair\":1,\"freeAccount\":2,"
		 "\"freePrefix\":3,\"delayMax\":4},"
		 "\"hashSlots\":1,\"threads\":9,\"log\":\"json\"}");
	ck_assert(c->listen_any);
	snprintf(expected, sizeof(expected), "%s/x.db", folder);
	ck_assert_str_eq(c->store_path, expected);
	ck_assert_str_eq(c->keys_path, "/k");
	ck_assert_str_eq(c->issuer, "i // not a comment");
	ck_assert_int_eq(c->jwt_expiration, 1);
	ck_assert_int_eq(c->jwt_refresh_expiration, 2);
	ck_assert_int_eq(c->session_expiration, 3);
	ck_assert_int_eq(c->refresh_leeway, 0);
	ck_assert_int_eq(c->rotation, AUTHTOK_STRICT);
	ck_assert_int_eq(c->clock_leeway, 4);
	ck_assert_int_eq(c->expiry_leeway, 5);
	ck_assert_int_eq(c->max_sessions_per_user, 0);
	ck_assert_str_eq(c->roles[2], "admin");
	ck_assert_str_eq(c->roles[3], "editor");
	ck_assert_ptr_null(c->roles[4]);
	ck_assert_str_eq(c->signup_roles[1], "editor");
	ck_assert_str_eq(c->cors_origins[1], "https://b");
	ck_assert_uint_eq(c->trusted_count, 2);
	ck_assert(c->throttle && c->uniform_errors && c->log_json);
	ck_assert_int_eq(c->free_pair, 1);
	ck_assert_int_eq(c->free_account, 2);
	ck_assert_int_eq(c->free_prefix, 3);
	ck_assert_int_eq(c->delay_max, 4);
	ck_assert_int_eq(c->hash_slots, 1);
	ck_assert_int_eq(c->threads, 9);
	config_free(c);
	c = load("{\"throttle\":false,\"secret\":"
		 "\"0123456789abcdef0123456789abcdef\"}");
	ck_assert(!c->throttle);
	ck_assert_uint_eq(c->secret_len, 32);
	snprintf(expected, sizeof(expected), "%s/authd.db.refresh", folder);
	ck_assert_str_eq(c->refresh_path, expected);
	config_free(c);
}
END_TEST

START_TEST(the_command_line_wins)
{
	struct config *c = NULL;
	const char *text = "{\"listen\":\"0.0.0.0:1\",\"store\":\"sqlite:a\"}";

	write_file(text, strlen(text));
	ck_assert(config_load(path, "[::1]:7", "sqlite:here.db", &c, why));
	ck_assert_str_eq(c->listen, "[::1]:7");
	ck_assert_str_eq(c->store_path, "here.db");
	config_free(c);
	c = NULL;
	ck_assert(!config_load(path, "0.0.0.0:7", NULL, &c, why));
	ck_assert(!config_load(path, "nonsense", NULL, &c, why));
	ck_assert_ptr_nonnull(strstr(why, "--listen"));
	ck_assert(!config_load(NULL, NULL, "mysql://x", &c, why));
	ck_assert_ptr_nonnull(strstr(why, "--store"));
	ck_assert_ptr_nonnull(strstr(why, "sqlite:PATH"));
}
END_TEST

START_TEST(faults_name_line_and_key)
{
	refused("{\n\"listen\": 1}", 2, "listen", "string");
	refused("{\"listen\": \"localhost:1\"}", 1, "listen", "ADDRESS:PORT");
	refused("{\"listen\": \"0.0.0.0:1\"}", 1, "listen", "insecure");
	refused("{\"store\": \"postgresql://x\"}", 1, "store", "sqlite:PATH");
	refused("{\"store\": \"sqlite:\"}", 1, "store", "sqlite:PATH");
	refused("{\"store\": \"sqlite::memory:\"}", 1, "store", "sqlite:PATH");
	refused("{\"keys\": \"\"}", 1, "keys", "path");
	refused("{\"secret\": \"short\"}", 1, "secret", "32 to 1024");
	refused("{\"secret\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", 1,
	    "secret", "");
	refused("{\"keys\":\"k\",\n\"secret\":"
		"\"0123456789abcdef0123456789abcdef\"}",
	    2, "secret", "together");
	refused("{\"issuer\": \"a>b\"}", 1, "issuer", "printable");
	refused("{\"jwtExpiration\": 0}", 1, "jwtExpiration", "1 to 86400");
	refused("{\"jwtExpiration\": 86401}", 1, "jwtExpiration", "1 to");
	refused("{\"jwtExpiration\": 1.5}", 1, "jwtExpiration", "whole");
	refused("{\"jwtExpiration\": \"1\"}", 1, "jwtExpiration", "whole");
	refused("{\"jwtExpiration\": 1e400}", 1, "jwtExpiration", "whole");
	refused("{\"rotation\": \"s\"}", 1, "rotation", "strict");
	refused("{\"log\": 1}", 1, "log", "json");
	refused("{\"uniformErrors\": 1}", 1, "uniformErrors", "true");
	refused("{\"roles\": [\n\"a\",\n\"B\"]}", 3, "roles", "a-z");
	refused("{\"roles\": \"a\"}", 1, "roles", "array");
	refused("{\"roles\": [1]}", 1, "roles", "strings");
	refused("{\n\n\"signupRoles\": [\"x\"]}", 3, "signupRoles", "\"x\"");
	refused("{\"corsOrigins\": [\"http://a\", \n\"*\"]}", 2, "corsOrigins",
	    "refused");
	refused(
	    "{\"corsOrigins\": [\"http://a/\"]}", 1, "corsOrigins", "origin");
	refused("{\"corsOrigins\": [\"http://A\"]}", 1, "corsOrigins", "small");
	refused("{\"corsOrigins\": [\"null\"]}", 1, "corsOrigins", "origin");
	refused("{\"trustedProxies\": [\"x\"]}", 1, "trustedProxies", "such");
	refused("{\"throttle\": true}", 1, "throttle", "false or");
	refused(
	    "{\"throttle\": {\n\"delayMax\": 31}}", 2, "delayMax", "1 to 30");
	refused("{\"throttle\": {\n\n\"x\": 1}}", 3, "x", "unknown");
	refused("{\"tls\": {}}", 1, "tls", "not supported");
	refused(
	    "{\"metricsListen\": \"\"}", 1, "metricsListen", "not supported");
	refused("/*\n*/{\"listen\":\"127.0.0.1:1\",\n \"lissen\": 1}", 3,
	    "lissen", "unknown");
	refused("{\"log\":\"text\",\n\"log\":\"text\"}", 2, "log", "twice");
	refused("{\"threads\": 0}", 1, "threads", "1 to 4096");
}
END_TEST

START_TEST(faults_without_a_key)
{
	struct config *config = NULL;

	refused("{\n", 2, NULL, "ends");
	refused("", 1, NULL, "ends");
	refused("[]", 1, NULL, "object");
	refused("{}\n/* no end", 2, NULL, "comment");
	refused("{}\n x", 2, NULL, "");
	write_file("{}\0", 3);
	ck_assert(!config_load(path, NULL, NULL, &config, why));
	unlink(path);
	ck_assert(!config_load(path, NULL, NULL, &config, why));
	ck_assert_ptr_nonnull(strstr(why, path));
	ck_assert(!config_load(folder, NULL, NULL, &config, why));
	ck_assert_ptr_nonnull(strstr(why, "regular"));
}
END_TEST

START_TEST(an_exposed_secret_is_noticed)
{
	const char *text = "{\"secret\": \"0123456789abcdef0123456789abcdef\"}";
	struct config *c;

	write_file(text, strlen(text));
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert(config_load(path, NULL, NULL, &c, why));
	ck_assert(c->secret_exposed);
	config_free(c);
	ck_assert_int_eq(chmod(path, 0640), 0);
	ck_assert(config_load(path, NULL, NULL, &c, why));
	ck_assert(!c->secret_exposed);
	config_free(c);
}
END_TEST

START_TEST(a_reload_keeps_what_needs_a_restart)
{
	struct config *old, *c;
	char kept[64];

	old = load("{}");
	c = load("{\"listen\":\"127.0.0.1:9\",\"store\":\"sqlite:y\","
		 "\"threads\":5,\"jwtExpiration\":7}");
	ck_assert(config_keep(c, old, kept, sizeof(kept), why));
	ck_assert_str_eq(kept, "listen store threads");
	ck_assert_str_eq(c->listen, old->listen);
	ck_assert_str_eq(c->store_path, old->store_path);
	ck_assert_str_eq(c->refresh_path, old->refresh_path);
	ck_assert_int_eq(c->threads, 128);
	ck_assert_int_eq(c->jwt_expiration, 7);
	config_free(c);
	c = load("{}");
	ck_assert(config_keep(c, old, kept, sizeof(kept), why));
	ck_assert_str_eq(kept, "");
	config_free(c);
	config_free(old);
}
END_TEST

START_TEST(comments_become_blanks)
{
	char text[] = "a//b\n\"/*\\\"//\"/*\n*/c/";
	size_t at = 0;

	ck_assert(config_text_strip(text, strlen(text), &at));
	ck_assert_str_eq(text, "a   \n\"/*\\\"//\"  \n  c/");
}
END_TEST

START_TEST(items_are_found)
{
	const char *text = " { \"a{\" : [1, {\"b\":2}] , \"c\":3}";

	ck_assert_uint_eq(config_text_item(text, 0, 0), 3);
	ck_assert_uint_eq(config_text_item(text, 0, 1), 25);
	ck_assert_uint_eq(config_text_value(text, 3), 10);
	ck_assert_uint_eq(config_text_item(text, 10, 1), 14);
	ck_assert_uint_eq(config_text_line("\n\n", 1), 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("config");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, defaults_without_a_file);
	tcase_add_test(tcase, every_key);
	tcase_add_test(tcase, the_command_line_wins);
	tcase_add_test(tcase, faults_name_line_and_key);
	tcase_add_test(tcase, faults_without_a_key);
	tcase_add_test(tcase, an_exposed_secret_is_noticed);
	tcase_add_test(tcase, a_reload_keeps_what_needs_a_restart);
	tcase_add_test(tcase, comments_become_blanks);
	tcase_add_test(tcase, items_are_found);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
