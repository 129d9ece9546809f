/*
 * Cross-origin requests (the Fetch standard, "HTTP CORS protocol").
 */
#ifndef AUTHD_CORS_H
#define AUTHD_CORS_H

#include <stdbool.h>

#include "authd/http.h"

/*
 * Add the headers that every answer carries, errors too, when origins (ends
 * with NULL) is not empty. origin is what the client sent, or NULL. True when
 * it is listed.
 */
bool cors_answer(
    char *const *origins, const char *origin, struct http_response *res);

/* Add what a preflight from a listed origin asks for. */
void cors_preflight(const char *methods, struct http_response *res);

#endif
