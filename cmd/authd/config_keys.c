/*
 * The table of configuration keys. A new key is a line in it; keys that the
 * design knows and this version does not are refused by name.
 */
#include "authd/config_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/config_text.h"

#define LIST_MAX   64 /* items of a list */
#define ONE_YEAR   31536000
#define TEN_YEARS  315360000
#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define FIELD(f)   offsetof(struct config, f)
#define STORE_HINT "must be \"sqlite:PATH\": this version stores in SQLite only"

struct key;
typedef bool take_fn(
    struct config_load *load, const struct key *key, const cJSON *value);

struct key {
	const char *name;
	take_fn *take;
	size_t field;     /* of struct config, for the simple kinds */
	int64_t min, max; /* of a number, or of a text's length */
};

static void *
field(struct config_load *load, const struct key *key)
{
	return (char *)load->config + key->field;
}

static bool
replace(struct config_load *load, char **where, char *text)
{
	if (text == NULL)
		return config_fail(load, "no memory");
	free(*where);
	*where = text;
	return true;
}

static bool
take_number(struct config_load *load, const struct key *key, const cJSON *value)
{
	double number = value->valuedouble;
	int64_t *where = field(load, key);

	/* cJSON's valueint saturates; every range here is exact in a double */
	if (!cJSON_IsNumber(value) || !(number >= (double)key->min) ||
	    !(number <= (double)key->max) || (double)(int64_t)number != number)
		return config_fail(load,
		    "must be a whole number from %lld to %lld",
		    (long long)key->min, (long long)key->max);
	*where = (int64_t)number;
	return true;
}

static bool
take_bool(struct config_load *load, const struct key *key, const cJSON *value)
{
	bool *where = field(load, key);

	if (!cJSON_IsBool(value))
		return config_fail(load, "must be true or false");
	*where = cJSON_IsTrue(value);
	return true;
}

/* Issuer and audience go into tokens: what authtok_new accepts. */
static bool
take_name(struct config_load *load, const struct key *key, const cJSON *value)
{
	const char *s = value->valuestring;
	bool good = cJSON_IsString(value) && *s != '\0' && strlen(s) <= 128;

	for (size_t i = 0; good && s[i] != '\0'; i++)
		good = s[i] >= 0x20 && s[i] < 0x7f &&
		    strchr(">?~\"\\", s[i]) == NULL;
	if (!good)
		return config_fail(load,
		    "must be 1 to 128 printable ASCII characters "
		    "without > ? ~ \" and \\");
	return replace(load, field(load, key), strdup(s));
}

bool
config_take_listen(struct config_load *load, const char *listen)
{
	bool loopback, any;

	if (!net_listen_parse(listen, &loopback, &any))
		return config_fail(load,
		    "must be ADDRESS:PORT with a numeric address, such as "
		    "127.0.0.1:8080 or [::1]:8080");
	return replace(load, &load->config->listen, strdup(listen));
}

static bool
take_listen(struct config_load *load, const struct key *key, const cJSON *value)
{
	(void)key;
	load->config->lines.listen = config_text_line(load->text, load->at);
	if (!cJSON_IsString(value))
		return config_fail(load, "must be a string");
	return config_take_listen(load, value->valuestring);
}

bool
config_take_store(struct config_load *load, const char *store)
{
	static const char sqlite[] = "sqlite:";
	const char *path = store + strlen(sqlite);

	/* names with a leading colon are no files to SQLite */
	if (strncmp(store, sqlite, strlen(sqlite)) != 0 || *path == '\0' ||
	    *path == ':')
		return config_fail(load, STORE_HINT);
	return replace(
	    load, &load->config->store_path, config_path(load->dir, path));
}

static bool
take_store(struct config_load *load, const struct key *key, const cJSON *value)
{
	(void)key;
	if (!cJSON_IsString(value))
		return config_fail(load, STORE_HINT);
	return config_take_store(load, value->valuestring);
}

static bool
take_keys(struct config_load *load, const struct key *key, const cJSON *value)
{
	(void)key;
	load->config->lines.keys = config_text_line(load->text, load->at);
	if (!cJSON_IsString(value) || *value->valuestring == '\0')
		return config_fail(load, "must be the path of a JWK Set file");
	return replace(load, &load->config->keys_path,
	    config_path(load->dir, value->valuestring));
}

static bool
take_secret(struct config_load *load, const struct key *key, const cJSON *value)
{
	struct config *config = load->config;
	struct authtok_keys *trial = NULL;
	enum authtok_err err;
	size_t len;

	(void)key;
	config->lines.secret = config_text_line(load->text, load->at);
	if (!cJSON_IsString(value))
		return config_fail(load, "must be a string");
	len = strlen(value->valuestring);
	if (len < 32 || len > 1024)
		return config_fail(load, "must be 32 to 1024 bytes");
	err = authtok_keys_new(&trial);
	if (err == AUTHTOK_OK)
		err = authtok_keys_add_hmac(trial, "secret", AUTHTOK_HS256,
		    value->valuestring, len, true);
	authtok_keys_free(trial);
	if (err != AUTHTOK_OK)
		return config_fail(load, "%s", authtok_strerror(err));
	config->secret_len = len;
	return replace(load, &config->secret, strdup(value->valuestring));
}

static bool
take_rotation(
    struct config_load *load, const struct key *key, const cJSON *value)
{
	const char *s = cJSON_IsString(value) ? value->valuestring : "";

	(void)key;
	if (strcmp(s, "balanced") != 0 && strcmp(s, "strict") != 0)
		return config_fail(load, "must be \"balanced\" or \"strict\"");
	load->config->rotation = *s == 's' ? AUTHTOK_STRICT : AUTHTOK_BALANCED;
	return true;
}

static bool
take_log(struct config_load *load, const struct key *key, const cJSON *value)
{
	const char *s = cJSON_IsString(value) ? value->valuestring : "";

	(void)key;
	if (strcmp(s, "text") != 0 && strcmp(s, "json") != 0)
		return config_fail(load, "must be \"text\" or \"json\"");
	load->config->log_json = *s == 'j';
	return true;
}

/* An array of strings, each of which item takes at its index. */
static bool
take_items(struct config_load *load, const cJSON *value,
    bool (*item)(struct config_load *, const char *, size_t))
{
	size_t array, i = 0;
	const cJSON *one;

	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > LIST_MAX)
		return config_fail(
		    load, "must be an array of at most %d strings", LIST_MAX);
	array = config_text_value(load->text, load->at);
	cJSON_ArrayForEach(one, value)
	{
		load->at = config_text_item(load->text, array, i);
		if (!cJSON_IsString(one))
			return config_fail(load, "must be an array of strings");
		if (!item(load, one->valuestring, i))
			return false;
		i++;
	}
	return true;
}

/* Add a copy of text to a list that has room for it. */
static bool
append(struct config_load *load, char **list, const char *text)
{
	while (*list != NULL)
		list++;
	return replace(load, list, strdup(text));
}

static bool
role_item(struct config_load *load, const char *role, size_t i)
{
	(void)i;
	if (!authtok_role_valid(role))
		return config_fail(load,
		    "a role is 1 to 32 of a-z, 0-9, _ and -, and begins "
		    "with a letter");
	if (config_list_has(load->config->roles, role))
		return true;
	return append(load, load->config->roles, role);
}

/* The three built-in roles stay whatever else is defined. */
static bool
take_roles(struct config_load *load, const struct key *key, const cJSON *value)
{
	struct config *config = load->config;
	char **list = config_list_new(LIST_MAX + 3);

	(void)key;
	if (list == NULL)
		return config_fail(load, "no memory");
	for (size_t i = 0; config->roles[i] != NULL; i++)
		list[i] = config->roles[i];
	free(config->roles);
	config->roles = list;
	return take_items(load, value, role_item);
}

static bool
signup_item(struct config_load *load, const char *role, size_t i)
{
	(void)i;
	return append(load, load->config->signup_roles, role);
}

static bool
take_signup(struct config_load *load, const struct key *key, const cJSON *value)
{
	char **list = config_list_new(LIST_MAX);

	(void)key;
	if (list == NULL)
		return config_fail(load, "no memory");
	config_list_free(load->config->signup_roles);
	load->config->signup_roles = list;
	load->config->lines.signup_roles =
	    config_text_line(load->text, load->at);
	return take_items(load, value, signup_item);
}

/* scheme://host[:port] as browsers send it (RFC 6454 section 6.2). */
static bool
origin_valid(const char *s)
{
	size_t scheme = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
	const char *host = s + scheme + 3;
	size_t len;

	if (scheme == 0 || strncmp(s + scheme, "://", 3) != 0)
		return false;
	len = strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-._:[]");
	return len > 0 && len <= 255 && host[len] == '\0';
}

static bool
origin_item(struct config_load *load, const char *origin, size_t i)
{
	(void)i;
	if (strchr(origin, '*') != NULL)
		return config_fail(load, "\"*\" is refused: list each origin");
	if (!origin_valid(origin))
		return config_fail(load,
		    "an origin is scheme://host or scheme://host:port in "
		    "small letters, without a path");
	return append(load, load->config->cors_origins, origin);
}

static bool
take_origins(
    struct config_load *load, const struct key *key, const cJSON *value)
{
	char **list = config_list_new(LIST_MAX);

	(void)key;
	if (list == NULL)
		return config_fail(load, "no memory");
	config_list_free(load->config->cors_origins);
	load->config->cors_origins = list;
	return take_items(load, value, origin_item);
}

static bool
proxy_item(struct config_load *load, const char *range, size_t i)
{
	if (!net_range_parse(range, &load->config->trusted_proxies[i]))
		return config_fail(load,
		    "must be addresses or ranges, such as 10.0.0.0/8 or "
		    "fd00::/8");
	load->config->trusted_count = i + 1;
	return true;
}

static bool
take_proxies(
    struct config_load *load, const struct key *key, const cJSON *value)
{
	struct config *config = load->config;

	(void)key;
	config->trusted_proxies =
	    calloc(LIST_MAX, sizeof(*config->trusted_proxies));
	if (config->trusted_proxies == NULL)
		return config_fail(load, "no memory");
	return take_items(load, value, proxy_item);
}

static bool
take_unsupported(
    struct config_load *load, const struct key *key, const cJSON *value)
{
	(void)key;
	(void)value;
	return config_fail(load, "not supported by this version");
}

static bool take_members(struct config_load *load, const struct key *keys,
    size_t count, const cJSON *object, size_t at);

static bool
take_throttle(
    struct config_load *load, const struct key *key, const cJSON *value)
{
	static const struct key members[] = {
		{ "freePair", take_number, FIELD(free_pair), 0, 1000000 },
		{ "freeAccount", take_number, FIELD(free_account), 0, 1000000 },
		{ "freePrefix", take_number, FIELD(free_prefix), 0, 1000000 },
		{ "delayMax", take_number, FIELD(delay_max), 1, 30 },
	};

	(void)key;
	load->config->throttle = !cJSON_IsFalse(value);
	if (cJSON_IsFalse(value))
		return true;
	if (!cJSON_IsObject(value))
		return config_fail(load, "must be false or an object");
	return take_members(load, members, COUNT(members), value,
	    config_text_value(load->text, load->at));
}

static const struct key keys[] = {
	{ "listen", take_listen, 0, 0, 0 },
	{ "store", take_store, 0, 0, 0 },
	{ "keys", take_keys, 0, 0, 0 },
	{ "secret", take_secret, 0, 0, 0 },
	{ "issuer", take_name, FIELD(issuer), 0, 0 },
	{ "audience", take_name, FIELD(audience), 0, 0 },
	{ "jwtExpiration", take_number, FIELD(jwt_expiration), 1, 86400 },
	{ "jwtRefreshExpiration", take_number, FIELD(jwt_refresh_expiration), 1,
	    ONE_YEAR },
	{ "sessionExpiration", take_number, FIELD(session_expiration), 1,
	    TEN_YEARS },
	{ "refreshLeeway", take_number, FIELD(refresh_leeway), 0, 300 },
	{ "rotation", take_rotation, 0, 0, 0 },
	{ "clockLeeway", take_number, FIELD(clock_leeway), 0, 300 },
	{ "expiryLeeway", take_number, FIELD(expiry_leeway), 0, 300 },
	{ "maxSessionsPerUser", take_number, FIELD(max_sessions_per_user), 0,
	    100000 },
	{ "roles", take_roles, 0, 0, 0 },
	{ "signupRoles", take_signup, 0, 0, 0 },
	{ "uniformErrors", take_bool, FIELD(uniform_errors), 0, 0 },
	{ "corsOrigins", take_origins, 0, 0, 0 },
	{ "trustedProxies", take_proxies, 0, 0, 0 },
	{ "throttle", take_throttle, 0, 0, 0 },
	{ "hashSlots", take_number, FIELD(hash_slots), 0, 256 },
	{ "threads", take_number, FIELD(threads), 1, 4096 },
	{ "log", take_log, 0, 0, 0 },
	{ "metricsListen", take_unsupported, 0, 0, 0 },
	{ "tls", take_unsupported, 0, 0, 0 },
	{ "insecure", take_bool, FIELD(insecure), 0, 0 },
};

static const struct key *
find_key(const struct key *table, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static bool
take_members(struct config_load *load, const struct key *table, size_t count,
    const cJSON *object, size_t at)
{
	const cJSON *member;
	size_t i = 0;

	cJSON_ArrayForEach(member, object)
	{
		const struct key *key = find_key(table, count, member->string);

		load->key = member->string;
		load->at = config_text_item(load->text, at, i++);
		if (key == NULL)
			return config_fail(load, "unknown key");
		if (!key->take(load, key, member))
			return false;
	}
	return true;
}

bool
config_take(struct config_load *load, const cJSON *object)
{
	return take_members(load, keys, COUNT(keys), object, 0);
}
