/*
 * Operations of one statement, by many threads: those that wait share a round
 * trip and a commit. Whoever comes when fewer than AT_PG_LANES groups are under
 * way leads one, of himself; the others queue, and each leader that is done
 * makes the one that has waited longest lead all that have come meanwhile. The
 * rows are locked in the order of their sid. When a row is held by somebody
 * else for long, or one statement fails, nothing of the group remains and each
 * goes alone.
 */
#include "store/pgsql_internal.h"

#include <string.h>

bool
at_pg_lane_init(struct at_pg_lane *lane, bool writes, bool durable)
{
	if (pthread_mutex_init(&lane->lock, NULL) != 0)
		return false;
	lane->first = NULL;
	lane->last = &lane->first;
	lane->running = 0;
	lane->writes = writes;
	lane->durable = durable;
	return true;
}

void
at_pg_lane_destroy(struct at_pg_lane *lane)
{
	pthread_mutex_destroy(&lane->lock);
}

static void
leave_queue(struct at_pg_lane *lane, struct at_pg_job *job)
{
	struct at_pg_job **at = &lane->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (job->next == NULL)
		lane->last = at;
}

/* Take up to GROUP_MAX out of the queue, in the order of their sid. */
static struct at_pg_job *
gather(struct at_pg_lane *lane, struct at_pg_job *self)
{
	struct at_pg_job *group = self, *job, **at;
	size_t count = 1;

	self->next = NULL;
	for (; lane->first != NULL && count < AT_PG_GROUP_MAX; count++) {
		job = lane->first;
		leave_queue(lane, job);
		for (at = &group; *at != NULL; at = &(*at)->next)
			if (memcmp(job->sid, (*at)->sid, AUTHTOK_SID_LEN) < 0)
				break;
		job->next = *at;
		*at = job;
	}
	return group;
}

/* Also one alone is not to hold up a lane. */
static enum authtok_err
run_group(struct at_pg_conn *conn, const struct at_pg_lane *lane,
    struct at_pg_job *group)
{
	struct at_pg_params params = { .count = 0 };
	struct at_pg_job *job;
	enum authtok_err err;
	size_t i = 0;

	if (lane->writes) {
		at_pg_bool(&params, lane->durable);
		i = at_pg_add(conn, AT_PG_GROUP, &params) + 1;
	}
	for (job = group; job != NULL; job = job->next)
		(void)at_pg_add(conn, job->stmt, job->params);
	err = at_pg_run(conn);
	for (job = group; err == AUTHTOK_OK && job != NULL; job = job->next)
		job->result = at_pg_take(conn, i++);
	return err;
}

/* Whether each may do its own again, for it is certain what has become of it. */
static bool
may_go_alone(const struct at_pg_lane *lane, const struct at_pg_conn *conn)
{
	if (conn->late)
		return false;
	return !conn->lost || !lane->writes;
}

/*
 * Who leads came first, so that nobody's time is over before the leader's. When
 * it is before anything was sent, the others still have theirs.
 */
static void
lead(struct at_pgsql *db, const struct at_pg_lane *lane,
    struct at_pg_job *group, const struct at_pg_job *self)
{
	struct at_pg_conn *conn;
	struct at_pg_job *job;
	enum authtok_err err = at_pg_lease(db, self->deadline, &conn);
	bool sent = err == AUTHTOK_OK, apart = err == AUTHTOK_EBUSY;

	if (sent) {
		err = run_group(conn, lane, group);
		apart = err != AUTHTOK_OK && may_go_alone(lane, conn);
		at_pg_release(conn, err);
	}
	for (job = group; job != NULL; job = job->next) {
		job->err = err;
		job->alone = apart && (sent || job != self);
	}
}

/* Tell the others, and let the next one lead if there is one. */
static void
hand_over(
    struct at_pg_lane *lane, struct at_pg_job *group, struct at_pg_job *self)
{
	struct at_pg_job *job, *next;

	pthread_mutex_lock(&lane->lock);
	for (job = group; job != NULL; job = next) {
		next = job->next;
		job->done = true;
		if (job != self)
			pthread_cond_signal(&job->wake);
	}
	job = lane->first;
	if (job != NULL) {
		leave_queue(lane, job);
		job->leads = true;
		pthread_cond_signal(&job->wake);
	} else {
		lane->running--;
	}
	pthread_mutex_unlock(&lane->lock);
}

/* False when it took too long before anybody took the job. */
static bool
wait_for_turn(struct at_pg_lane *lane, struct at_pg_job *job)
{
	struct at_pg_job *queued;
	bool in_time = true;

	job->next = NULL;
	*lane->last = job;
	lane->last = &job->next;
	while (!job->done && !job->leads) {
		if (in_time) {
			in_time = at_pg_cond_wait(
			    &job->wake, &lane->lock, job->deadline);
			continue;
		}
		for (queued = lane->first; queued != NULL && queued != job;
		     queued = queued->next)
			;
		if (queued == job) {
			leave_queue(lane, job);
			return false;
		}
		/* somebody has it, and has a deadline too */
		pthread_cond_wait(&job->wake, &lane->lock);
	}
	return true;
}

static enum authtok_err
alone(struct at_pg_conn *conn, void *arg)
{
	struct at_pg_job *job = arg;
	size_t i = at_pg_add(conn, job->stmt, job->params);
	enum authtok_err err = at_pg_run(conn);

	if (err == AUTHTOK_OK)
		job->result = at_pg_take(conn, i);
	return err;
}

static enum authtok_err
go_alone(
    struct at_pgsql *db, const struct at_pg_lane *lane, struct at_pg_job *job)
{
	if (lane->writes && !lane->durable)
		job->stmt = AT_PG_SESSION_UPDATE_ASYNC;
	return at_pg_attempt(db, alone, job, !lane->writes, job->deadline);
}

enum authtok_err
at_pg_job_run(
    struct at_pgsql *db, struct at_pg_lane *lane, struct at_pg_job *job)
{
	struct at_pg_job *group;
	bool turn = true;

	job->done = job->leads = job->alone = false;
	job->result = NULL;
	job->deadline = at_pg_deadline(db);
	if (!at_pg_cond_init(&job->wake))
		return AUTHTOK_ENOMEM;
	pthread_mutex_lock(&lane->lock);
	if (lane->running < AT_PG_LANES) {
		lane->running++;
		job->leads = true;
	} else {
		turn = wait_for_turn(lane, job);
	}
	group = turn && !job->done ? gather(lane, job) : NULL;
	pthread_mutex_unlock(&lane->lock);
	if (group != NULL) {
		lead(db, lane, group, job);
		hand_over(lane, group, job);
	}
	pthread_cond_destroy(&job->wake);
	if (!turn) {
		at_pg_fault(db, "waited too long for a connection");
		return AUTHTOK_EBUSY;
	}
	return job->alone ? go_alone(db, lane, job) : job->err;
}
