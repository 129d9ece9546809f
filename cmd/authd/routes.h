/*
 * The routes of authd: from a request to an answer.
 */
#ifndef AUTHD_ROUTES_H
#define AUTHD_ROUTES_H

#include "authd/app.h"
#include "authd/http.h"
#include "authd/reply.h"

/* An http_handler; arg is a struct current. */
void routes_handle(
    void *arg, struct http_request *req, struct http_response *res);

/* routes_auth.c */
void route_signup(struct call *call);
void route_signin(struct call *call);
void route_refresh(struct call *call);

/* routes_session.c */
void route_signout(struct call *call);
void route_sessions(struct call *call);
void route_session_end(struct call *call);
void route_password(struct call *call);
void route_me(struct call *call);

#endif
