/*
 * Request bodies. The strict scanner says whether a text is acceptable JSON,
 * then cJSON makes the tree; members are looked up by their exact name. Pure:
 * knows no connection.
 */
#include "authd/body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <authtok.h>

#include "authd/form.h"

/* ---- content types (RFC 9110 section 8.3.1) ----------------------------- */

static const char *
skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* charset=utf-8, with or without quotes. */
static bool
charset_good(const char *value, size_t len)
{
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	return len == 5 && strncasecmp(value, "utf-8", len) == 0;
}

/* The parameters after the type; all of them but charset mean nothing. */
static bool
parameters_good(const char *s)
{
	static const char charset[] = "charset=";

	for (s = skip_blanks(s); *s == ';'; s = skip_blanks(s)) {
		size_t len;

		s = skip_blanks(s + 1);
		len = strcspn(s, "; \t");
		if (strncasecmp(s, charset, strlen(charset)) == 0 &&
		    !charset_good(s + strlen(charset), len - strlen(charset)))
			return false;
		s += len;
	}
	return *s == '\0';
}

enum body_type
body_type(const char *value)
{
	static const char json[] = "application/json";
	static const char form[] = "application/x-www-form-urlencoded";
	size_t len;

	if (value == NULL)
		return BODY_NONE;
	value = skip_blanks(value);
	len = strcspn(value, "; \t");
	if (!parameters_good(value + len))
		return BODY_OTHER;
	if (len == strlen(json) && strncasecmp(value, json, len) == 0)
		return BODY_JSON;
	if (len == strlen(form) && strncasecmp(value, form, len) == 0)
		return BODY_FORM;
	return BODY_OTHER;
}

/* ---- parsing ------------------------------------------------------------ */

static enum body_result
parse_json(const char *text, size_t len, cJSON **ret_body, char *why)
{
	size_t at = 0;
	cJSON *body;

	if (authtok_json_check(text, len, BODY_DEPTH_MAX, NULL, &at) !=
	    AUTHTOK_OK) {
		snprintf(why, BODY_WHY_MAX,
		    "The body is not acceptable JSON (byte %zu)", at);
		return BODY_BAD;
	}
	body = cJSON_ParseWithLength(text, len);
	if (body == NULL)
		return BODY_NOMEM;
	if (!cJSON_IsObject(body)) {
		cJSON_Delete(body);
		snprintf(why, BODY_WHY_MAX, "The body must be a JSON object");
		return BODY_BAD;
	}
	*ret_body = body;
	return BODY_OK;
}

/*
 * A form becomes JSON text first, so that the scanner judges its names, its
 * UTF-8 and its size as it does for JSON.
 */
static enum body_result
parse_form(const char *form, size_t len, cJSON **ret_body, char *why)
{
	size_t json_len = 0;
	char *json = malloc(FORM_JSON_SIZE(len));
	enum body_result result;

	if (json == NULL)
		return BODY_NOMEM;
	if (form_to_json(form, len, json, &json_len))
		result = parse_json(json, json_len, ret_body, why);
	else
		result = BODY_BAD;
	if (result == BODY_BAD)
		snprintf(why, BODY_WHY_MAX, "The body is not a valid form");
	explicit_bzero(json, json_len);
	free(json);
	return result;
}

enum body_result
body_parse(enum body_type type, const char *text, size_t len, cJSON **ret_body,
    char *why)
{
	if (len == 0) {
		cJSON *body = cJSON_CreateObject();

		if (body == NULL)
			return BODY_NOMEM;
		*ret_body = body;
		return BODY_OK;
	}
	if (type == BODY_JSON)
		return parse_json(text, len, ret_body, why);
	if (type == BODY_FORM)
		return parse_form(text, len, ret_body, why);
	return BODY_MEDIA;
}

void
body_free(cJSON *body)
{
	cJSON *member;

	if (body == NULL)
		return;
	cJSON_ArrayForEach(member, body) if (cJSON_IsString(member))
	    explicit_bzero(member->valuestring, strlen(member->valuestring));
	cJSON_Delete(body);
}

/* ---- members ------------------------------------------------------------ */

enum body_member
body_string(const cJSON *body, const char *name, const char **ret_text)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(body, name);

	if (member == NULL || cJSON_IsNull(member))
		return BODY_MISSING;
	if (!cJSON_IsString(member))
		return BODY_WRONG;
	*ret_text = member->valuestring;
	return BODY_FOUND;
}

enum body_member
body_bool(const cJSON *body, const char *name, bool *ret_bool)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(body, name);
	const char *text = cJSON_GetStringValue(member);
	bool yes = text != NULL && strcmp(text, "true") == 0;
	bool no = text != NULL && strcmp(text, "false") == 0;

	if (member == NULL || cJSON_IsNull(member))
		return BODY_MISSING;
	if (!cJSON_IsBool(member) && !yes && !no)
		return BODY_WRONG;
	*ret_bool = yes || cJSON_IsTrue(member);
	return BODY_FOUND;
}

enum body_member
body_strings(const cJSON *body, const char *name, const char **list, size_t cap,
    size_t *ret_count)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(body, name);
	const cJSON *item;
	size_t count = 0;

	if (member == NULL || cJSON_IsNull(member))
		return BODY_MISSING;
	if (!cJSON_IsArray(member))
		return BODY_WRONG;
	cJSON_ArrayForEach(item, member)
	{
		if (!cJSON_IsString(item))
			return BODY_WRONG;
		if (count < cap)
			list[count] = item->valuestring;
		count++;
	}
	*ret_count = count;
	return BODY_FOUND;
}
