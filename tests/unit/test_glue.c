/*
 * The small pure parts of authd: addresses, origins, where tokens stand, text,
 * log lines.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/access.h"
#include "authd/cors.h"
#include "authd/log.h"
#include "authd/net.h"
#include "authd/text.h"

static const char *
client(const char *peer, const char *forwarded)
{
	static char buf[NET_ADDRESS_SIZE];
	struct net_range trusted[2];

	ck_assert(net_range_parse("10.0.0.0/8", &trusted[0]));
	ck_assert(net_range_parse("fd00::/9", &trusted[1]));
	net_client(trusted, 2, peer, forwarded, buf);
	return buf;
}

START_TEST(clients_behind_proxies)
{
	ck_assert_str_eq(client("1.2.3.4", NULL), "1.2.3.4");
	ck_assert_str_eq(client("::ffff:1.2.3.4", NULL), "1.2.3.4");
	/* nobody believes a stranger */
	ck_assert_str_eq(client("1.2.3.4", "5.6.7.8"), "1.2.3.4");
	ck_assert_str_eq(client("10.1.1.1", "5.6.7.8"), "5.6.7.8");
	ck_assert_str_eq(client("fd00::1", "5.6.7.8"), "5.6.7.8");
	ck_assert_str_eq(client("fd80::1", "5.6.7.8"), "fd80::1");
	ck_assert_str_eq(client("10.1.1.1", "9.9.9.9, 5.6.7.8"), "5.6.7.8");
	ck_assert_str_eq(
	    client("10.1.1.1", "9.9.9.9,5.6.7.8 ,\t10.2.2.2 "), "5.6.7.8");
	ck_assert_str_eq(client("10.1.1.1", "::1"), "::1");
	ck_assert_str_eq(client("10.1.1.1", "10.3.3.3, 10.2.2.2"), "10.3.3.3");
	ck_assert_str_eq(client("10.1.1.1", ""), "10.1.1.1");
	ck_assert_str_eq(client("10.1.1.1", "unknown"), "10.1.1.1");
	ck_assert_str_eq(client("10.1.1.1", "9.9.9.9, "), "10.1.1.1");
	ck_assert_str_eq(client("10.1.1.1", "5.6.7.8:80"), "10.1.1.1");
	ck_assert_str_eq(
	    client("10.1.1.1", "9.9.9.9, x, 10.2.2.2"), "10.1.1.1");
	ck_assert_str_eq(
	    client(
		"10.1.1.1", "111111111111111111111111111111111111111111111111"),
	    "10.1.1.1");
	ck_assert_str_eq(client("odd", "5.6.7.8"), "odd");
}
END_TEST

START_TEST(only_trusted_addresses_lead_on)
{
	struct net_range trusted;
	char buf[NET_ADDRESS_SIZE];

	ck_assert(net_range_parse("10.0.0.0/8", &trusted));
	ck_assert(net_client(&trusted, 1, "10.1.1.1", "10.2.2.2", buf));
	ck_assert_str_eq(buf, "10.2.2.2");
	ck_assert(!net_client(&trusted, 1, "10.1.1.1", "5.6.7.8", buf));
	ck_assert(
	    !net_client(&trusted, 1, "10.1.1.1", "5.6.7.8, 10.2.2.2", buf));
	ck_assert(!net_client(&trusted, 1, "10.1.1.1", "x, 10.2.2.2", buf));
	ck_assert(!net_client(&trusted, 1, "10.1.1.1", "unknown", buf));
	ck_assert(!net_client(&trusted, 1, "10.1.1.1", NULL, buf));
	ck_assert(!net_client(&trusted, 1, "1.2.3.4", "10.2.2.2", buf));
}
END_TEST

START_TEST(ranges)
{
	static const char *const bad[] = { "", "x", "1.2.3", "1.2.3.4/33",
		"1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/+1", "::/129", "1.2.3.4/8x",
		"/8", "localhost" };
	struct net_range range;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!net_range_parse(bad[i], &range), "%s", bad[i]);
	ck_assert(net_range_parse("0.0.0.0/0", &range));
	ck_assert_uint_eq(range.bits, 96);
	ck_assert(net_range_parse("::/0", &range));
	ck_assert_uint_eq(range.bits, 0);
	ck_assert(net_range_parse("::1", &range));
	ck_assert_uint_eq(range.bits, 128);
}
END_TEST

START_TEST(listening)
{
	static const char *const bad[] = { "", "8080", ":8080", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
		"[::1]", "[127.0.0.1]:80", "localhost:80", "127.0.0.1:80 ",
		"[:80", "]:80" };
	bool loopback, any;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(
		    !net_listen_parse(bad[i], &loopback, &any), "%s", bad[i]);
	ck_assert(net_listen_parse("127.9.9.9:0", &loopback, &any));
	ck_assert(loopback && !any);
	ck_assert(net_listen_parse("[::1]:65535", &loopback, &any));
	ck_assert(loopback && !any);
	ck_assert(net_listen_parse("[::ffff:127.0.0.1]:1", &loopback, &any));
	ck_assert(loopback);
	ck_assert(net_listen_parse("128.0.0.1:1", &loopback, &any));
	ck_assert(!loopback && !any);
	ck_assert(net_listen_parse("0.0.0.0:1", &loopback, &any));
	ck_assert(!loopback && any);
	ck_assert(net_listen_parse("[::]:1", &loopback, &any));
	ck_assert(!loopback && any);
}
END_TEST

START_TEST(origins)
{
	char a[] = "https://a", b[] = "http://b:1";
	char *none[] = { NULL }, *list[] = { a, b, NULL };
	static const char *const others[] = { "https://A", "https://a:443",
		"https://a.evil", "https://", "http://a", "null", "*", "" };
	struct http_response res = { 0 };

	ck_assert(!cors_answer(none, "https://a", &res));
	ck_assert_uint_eq(res.headers_len, 0);
	ck_assert(cors_answer(list, b, &res));
	ck_assert_str_eq(res.headers,
	    "Vary: Origin\r\n"
	    "Access-Control-Allow-Origin: http://b:1\r\n"
	    "Access-Control-Expose-Headers: Authtok-Refresh, Retry-After, "
	    "WWW-Authenticate\r\n");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		res.headers_len = 0;
		ck_assert_msg(
		    !cors_answer(list, others[i], &res), "%s", others[i]);
		ck_assert_str_eq(res.headers, "Vary: Origin\r\n");
	}
	res.headers_len = 0;
	ck_assert(!cors_answer(list, NULL, &res));
}
END_TEST

START_TEST(tokens_on_requests)
{
	static const struct {
		const char *x, *authorization;
		enum access_found found;
		const char *token;
		bool bearer;
	} cases[] = {
		{ NULL, NULL, ACCESS_NONE, "", false },
		{ "", NULL, ACCESS_NONE, "", false },
		{ "t", NULL, ACCESS_ONE, "t", false },
		{ NULL, "Bearer t", ACCESS_ONE, "t", true },
		{ NULL, "bEARER   t", ACCESS_ONE, "t", true },
		{ NULL, "Bearer", ACCESS_NONE, "", true },
		{ NULL, "Bearer ", ACCESS_NONE, "", true },
		{ NULL, "Bearert", ACCESS_NONE, "", false },
		{ NULL, "Basic t", ACCESS_NONE, "", false },
		{ "t", "Basic u", ACCESS_ONE, "t", false },
		{ "t", "Bearer t", ACCESS_ONE, "t", true },
		{ "t", "Bearer u", ACCESS_CONFLICT, "t", true },
		{ "t", "Bearer T", ACCESS_CONFLICT, "t", true },
		{ "", "Bearer u", ACCESS_ONE, "u", true },
		{ "t", "Bearer", ACCESS_ONE, "t", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct access found;

		ck_assert_int_eq(
		    access_find(cases[i].x, cases[i].authorization, &found),
		    cases[i].found);
		ck_assert_str_eq(found.token, cases[i].token);
		ck_assert_uint_eq(found.len, strlen(cases[i].token));
		ck_assert_int_eq(found.bearer, cases[i].bearer);
	}
}
END_TEST

START_TEST(json_text)
{
	char memory[64], small[8];
	struct text text;

	text_init(&text, memory, sizeof(memory));
	text_json(&text, "a\"\\\n\x01/\x7f\xc3\xa9");
	ck_assert_str_eq(memory, "\"a\\\"\\\\\\u000a\\u0001/\\u007f\xc3\xa9\"");
	ck_assert(!text.cut);
	text_init(&text, small, sizeof(small));
	text_int(&text, INT64_C(9007199254740992));
	ck_assert(text.cut);
	ck_assert_str_eq(small, "9007199");
}
END_TEST

START_TEST(prefixes_cut_no_character)
{
	ck_assert_uint_eq(text_prefix("abc", 3), 3);
	ck_assert_uint_eq(text_prefix("abcd", 3), 3);
	ck_assert_uint_eq(text_prefix("a\xc3\xa9", 2), 1);
	ck_assert_uint_eq(text_prefix("a\xc3\xa9", 3), 3);
	ck_assert_uint_eq(text_prefix("\xf0\x9f\x98\x80", 3), 0);
}
END_TEST

/* One event through a pipe, without its time. */
static const char *
logged(bool json, const char *value)
{
	static char line[8192];
	int ends[2];
	struct log log = { .json = json };
	ssize_t len;

	ck_assert_int_eq(pipe(ends), 0);
	log.fd = ends[1];
	log_event(
	    &log, "info", "e", "k", value, "absent", NULL, "z", "1", NULL);
	len = read(ends[0], line, sizeof(line) - 1);
	ck_assert_int_gt(len, 0);
	line[len] = '\0';
	close(ends[0]);
	close(ends[1]);
	return line +
	    (json ? strlen("{\"time\":\"2026-01-01T00:00:00.000Z\",")
		  : strlen("2026-01-01T00:00:00.000Z "));
}

START_TEST(log_lines)
{
	char longest[20000];

	ck_assert_str_eq(logged(false, "v"), "info event=e k=v z=1\n");
	ck_assert_str_eq(logged(false, "a b"), "info event=e k=\"a b\" z=1\n");
	ck_assert_str_eq(logged(false, ""), "info event=e k=\"\" z=1\n");
	ck_assert_str_eq(logged(false, "a\n\"=\\\xc3"),
	    "info event=e k=\"a\\x0a\\x22=\\x5c\\xc3\" z=1\n");
	ck_assert_str_eq(logged(true, "a\n\""),
	    "\"level\":\"info\",\"event\":\"e\",\"k\":\"a\\\\x0a\\\\x22\","
	    "\"z\":\"1\"}\n");
	memset(longest, '\n', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_uint_lt(strlen(logged(true, longest)), 2048);
	ck_assert_ptr_nonnull(strstr(logged(true, longest), "\"z\":\"1\"}\n"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("glue");
	TCase *tcase = tcase_create("glue");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, clients_behind_proxies);
	tcase_add_test(tcase, only_trusted_addresses_lead_on);
	tcase_add_test(tcase, ranges);
	tcase_add_test(tcase, listening);
	tcase_add_test(tcase, origins);
	tcase_add_test(tcase, tokens_on_requests);
	tcase_add_test(tcase, json_text);
	tcase_add_test(tcase, prefixes_cut_no_character);
	tcase_add_test(tcase, log_lines);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
