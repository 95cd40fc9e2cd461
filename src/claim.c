/* claim.c: claims the completion of a course, once for each enrollment (rule R10). */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "claim.h"
#include "owner.h"
#include "plans.h"

/* The enrollment e of user $1 in the course of lesson $2, while not completed. */
#define OPEN_ENROLLMENT_SQL \
	"  FROM %1$s.lessons AS l" \
	"  JOIN %1$s.modules AS m ON m.id OPERATOR(pg_catalog.=) l.module_id" \
	"  JOIN %1$s.enrollments AS e ON e.course_id OPERATOR(pg_catalog.=) m.course_id" \
	" WHERE l.id OPERATOR(pg_catalog.=) $2" \
	"   AND e.user_id OPERATOR(pg_catalog.=) $1" \
	"   AND e.completed_at IS NULL"

/* Whether the learner of enrollment e has completed each required lesson there is. */
#define ALL_COMPLETED_SQL \
	" EXISTS (" \
	"   SELECT FROM %1$s.modules AS rm" \
	"   JOIN %1$s.lessons AS rl ON rl.module_id OPERATOR(pg_catalog.=) rm.id" \
	"   WHERE rm.course_id OPERATOR(pg_catalog.=) e.course_id AND rl.is_required)" \
	" AND NOT EXISTS (" \
	"   SELECT FROM %1$s.modules AS rm" \
	"   JOIN %1$s.lessons AS rl ON rl.module_id OPERATOR(pg_catalog.=) rm.id" \
	"   WHERE rm.course_id OPERATOR(pg_catalog.=) e.course_id AND rl.is_required" \
	"     AND NOT EXISTS (" \
	"       SELECT FROM %1$s.content_progress AS p" \
	"        WHERE p.user_id OPERATOR(pg_catalog.=) e.user_id" \
	"          AND p.lesson_id OPERATOR(pg_catalog.=) rl.id" \
	"          AND p.completed))"

#define COMPLETE_SQL(which) \
	"UPDATE %1$s.enrollments AS e" \
	"   SET completed_at = $2" \
	" WHERE " which " AND e.completed_at IS NULL AND " ALL_COMPLETED_SQL \
	" RETURNING pg_catalog.json_build_object(" \
	"   'event', 'course_completed', 'course_id', e.course_id," \
	"   'user_id', e.user_id, 'completed_at', e.completed_at)::pg_catalog.text"

static const LibraryQuery completed_enrollment = {
	"SELECT e.id" OPEN_ENROLLMENT_SQL " AND " ALL_COMPLETED_SQL,
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery lock_enrollment = {
	"SELECT e.id::pg_catalog.uuid" OPEN_ENROLLMENT_SQL " FOR NO KEY UPDATE OF e",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery complete_enrollment = {
	COMPLETE_SQL("e.id OPERATOR(pg_catalog.=) $1"),
	2, {UUIDOID, TIMESTAMPTZOID}
};

static const LibraryQuery lock_enrollment_in = {
	"SELECT FROM %1$s.enrollments AS e"
	" WHERE e.user_id OPERATOR(pg_catalog.=) $1"
	"   AND e.course_id OPERATOR(pg_catalog.=) $2 FOR NO KEY UPDATE",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery reopen_enrollment = {
	"UPDATE %1$s.enrollments AS e"
	"   SET completed_at = NULL"
	" WHERE e.user_id OPERATOR(pg_catalog.=) $1"
	"   AND e.course_id OPERATOR(pg_catalog.=) $2"
	"   AND e.completed_at IS NOT NULL AND NOT (" ALL_COMPLETED_SQL ")",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery lock_enrollments = {
	"SELECT FROM %1$s.enrollments AS e"
	" WHERE e.course_id OPERATOR(pg_catalog.=) $1 AND e.completed_at IS NULL"
	" ORDER BY e.user_id FOR NO KEY UPDATE",
	1, {UUIDOID}
};

static const LibraryQuery complete_enrollments = {
	COMPLETE_SQL("e.course_id OPERATOR(pg_catalog.=) $1"),
	2, {UUIDOID, TIMESTAMPTZOID}
};

/* Sends the event in each row of the last query. */
static void
send_events(void)
{
	for (uint64 i = 0; i < SPI_processed; i++)
		Async_Notify("content_library",
					 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
}

/*
 * The rows of the learner's devices are written in any order and at once: each
 * locks the enrollment before it looks, so that the last one sees them all,
 * whatever snapshot its transaction has.
 */
static void
lock_and_complete(const char *schema, Datum user_id, Datum lesson_id, TimestampTz at)
{
	Datum		values[] = {user_id, lesson_id};

	if (query_execute(&lock_enrollment, schema, values, NULL, false) == 0)
		return;

	values[0] = query_value();
	values[1] = TimestampTzGetDatum(at);
	query_execute_latest(&complete_enrollment, schema, values);
	send_events();
}

/*
 * Sets enrollments.completed_at and sends one event if the course of a lesson
 * is completed now.
 *
 * A report that has just completed a lesson takes the lock at once; any other
 * looks first, and mostly finds nothing to do.
 */
void
claim_completion(const char *schema, Datum user_id, Datum lesson_id,
				 TimestampTz at, bool lesson_just_completed)
{
	Datum		values[] = {user_id, lesson_id};
	Disguise	disguise;

	act_as_owner(&disguise, schema);
	if (lesson_just_completed ||
		query_execute(&completed_enrollment, schema, values, NULL, false) > 0)
		lock_and_complete(schema, user_id, lesson_id, at);
	act_as_caller(&disguise);
}

/* The same for every enrollment of a course, with the rights that the caller has. */
void
claim_completions(const char *schema, Datum course_id, TimestampTz at)
{
	Datum		values[] = {course_id, TimestampTzGetDatum(at)};

	query_execute(&lock_enrollments, schema, values, NULL, false);
	query_execute_latest(&complete_enrollments, schema, values);
	send_events();
}

/*
 * Forgets that a course was completed, after its progress was deleted.  Locks
 * first: a report may be completing it just now, and one that came after the
 * deletion and completed it anew is left alone.
 */
void
reopen_completion(const char *schema, Datum user_id, Datum course_id)
{
	Datum		values[] = {user_id, course_id};
	Disguise	disguise;

	act_as_owner(&disguise, schema);
	query_execute(&lock_enrollment_in, schema, values, NULL, false);
	query_execute_latest(&reopen_enrollment, schema, values);
	act_as_caller(&disguise);
}
