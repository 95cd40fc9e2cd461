/* completion.c: completes a course, once for each enrollment (rule R10), and recompute_completion(). */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "completion.h"
#include "course.h"
#include "plans.h"
#include "result.h"
#include "threshold.h"

/* The enrollment e of user $1 in the course of lesson $2, while not completed. */
#define OPEN_ENROLLMENT_SQL \
	"  FROM %1$s.lessons AS l" \
	"  JOIN %1$s.modules AS m ON m.id = l.module_id" \
	"  JOIN %1$s.enrollments AS e ON e.course_id = m.course_id" \
	" WHERE l.id = $2" \
	"   AND e.user_id = $1" \
	"   AND e.completed_at IS NULL"

/* The required lessons of the course of enrollment e. */
#define REQUIRED_LESSONS_SQL \
	" SELECT rl.id" \
	"   FROM %1$s.modules AS rm" \
	"   JOIN %1$s.lessons AS rl ON rl.module_id = rm.id" \
	"  WHERE rm.course_id = e.course_id AND rl.is_required"

/*
 * Whether the learner of enrollment e has completed each required lesson there
 * is.  Mostly one is soon found that is not; the course's lessons come first,
 * by OFFSET 0, lest they be looked for among all.
 */
#define ALL_COMPLETED_SQL \
	" CASE WHEN NOT EXISTS (" \
	"   SELECT FROM (" \
	REQUIRED_LESSONS_SQL " OFFSET 0) AS r" \
	PROGRESS_BY_KEY_SQL("e.user_id", "r.id") \
	"   WHERE p.completed IS NOT TRUE)" \
	" THEN EXISTS (" \
	REQUIRED_LESSONS_SQL ")" \
	" ELSE false END"

#define COMPLETE_SQL(which) \
	"UPDATE %1$s.enrollments AS e" \
	"   SET completed_at = $2" \
	" WHERE " which " AND e.completed_at IS NULL AND " ALL_COMPLETED_SQL \
	" RETURNING json_build_object(" \
	"   'event', 'course_completed', 'course_id', e.course_id," \
	"   'user_id', e.user_id, 'completed_at', e.completed_at)::text"

static const LibraryQuery completed_enrollment = {
	"SELECT e.id" OPEN_ENROLLMENT_SQL " AND " ALL_COMPLETED_SQL,
	2, {UUIDOID, UUIDOID}
};

/*
 * A deletion of a course locks it before the enrollments and the progress that
 * go with it: so it and a claim never wait for each other.
 */
static const LibraryQuery lock_course = {
	"SELECT FROM %1$s.courses AS c WHERE c.id = $1 FOR KEY SHARE",
	1, {UUIDOID}
};

static const LibraryQuery lock_courses_of = {
	"SELECT FROM %1$s.courses AS c"
	" WHERE c.id = ANY (ARRAY("
	"   SELECT m.course_id"
	"     FROM %1$s.lessons AS l"
	"     JOIN %1$s.modules AS m ON m.id = l.module_id"
	"    WHERE l.id = ANY ($1)))"
	" ORDER BY c.id FOR KEY SHARE",
	1, {UUIDARRAYOID}
};

static const LibraryQuery lock_enrollment = {
	"SELECT e.id" OPEN_ENROLLMENT_SQL " FOR NO KEY UPDATE OF e",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery complete_enrollment = {
	COMPLETE_SQL("e.id = $1"),
	2, {UUIDOID, TIMESTAMPTZOID}
};

static const LibraryQuery lock_enrollment_in = {
	"SELECT FROM %1$s.enrollments AS e"
	" WHERE e.user_id = $1"
	"   AND e.course_id = $2 FOR NO KEY UPDATE",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery reopen_enrollment = {
	"UPDATE %1$s.enrollments AS e"
	"   SET completed_at = NULL"
	" WHERE e.user_id = $1"
	"   AND e.course_id = $2"
	"   AND e.completed_at IS NOT NULL AND NOT (" ALL_COMPLETED_SQL ")",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery lock_enrollments = {
	"SELECT FROM %1$s.enrollments AS e"
	" WHERE e.course_id = $1 AND e.completed_at IS NULL"
	" ORDER BY e.user_id FOR NO KEY UPDATE",
	1, {UUIDOID}
};

static const LibraryQuery complete_enrollments = {
	COMPLETE_SQL("e.course_id = $1"),
	2, {UUIDOID, TIMESTAMPTZOID}
};

/* Rows are locked in the order that batches of reports lock them in. */
static const LibraryQuery complete_lessons = {
	"WITH due AS ("
	"  SELECT p.id"
	"    FROM %1$s.modules AS m"
	"    JOIN %1$s.lessons AS l ON l.module_id = m.id"
	"    JOIN %1$s.content_progress AS p ON p.lesson_id = l.id"
	"   WHERE m.course_id = $1 AND NOT p.completed"
	"     AND p.watched_pct >= " THRESHOLD_SQL("$2")
	"   ORDER BY p.user_id, p.lesson_id"
	"     FOR NO KEY UPDATE OF p)"
	" UPDATE %1$s.content_progress AS p"
	"    SET completed = true, completed_at = COALESCE(p.completed_at, $3)"
	"   FROM due AS d"
	"  WHERE p.id = d.id AND NOT p.completed",
	3, {UUIDOID, INT4OID, TIMESTAMPTZOID}
};

/* Sends the event in each row of the last query. */
static void
send_events(void)
{
	for (uint64 i = 0; i < SPI_processed; i++)
		Async_Notify("content_library",
					 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
}

/* Whether the course of a lesson is completed already, and only not claimed. */
bool
completion_is_due(const Call *call, Datum lesson_id)
{
	Datum		values[] = {call->user_id, lesson_id};

	return query_execute(&call->library, &completed_enrollment, values, NULL, false) > 0;
}

/* A learner, then courses: the first of the locks. */
static void
lock_first(const Call *call, const LibraryQuery *courses, Datum value)
{
	call_lock_user(call);
	query_execute_latest(&call->library, courses, &value);
}

/*
 * To be called before the progress of these lessons is written, where that may
 * complete a course: learner, course, progress, enrollment is the one order in
 * which all that report, reset or delete take their locks.
 */
void
claim_begin(const Call *call, Datum *lesson_ids, int lessons)
{
	lock_first(call, &lock_courses_of,
			   PointerGetDatum(construct_array(lesson_ids, lessons, UUIDOID,
											   UUID_LEN, false, TYPALIGN_CHAR)));
}

/* To be called before the progress of a course is deleted. */
void
reopen_begin(const Call *call, Datum course_id)
{
	lock_first(call, &lock_course, course_id);
}

/*
 * Sets enrollments.completed_at and sends one event if the course of a lesson
 * is completed now.  Looks only once the enrollment is locked, so that whoever
 * comes last sees the rows of all, whatever snapshot its transaction has.
 */
void
claim_completion(const Call *call, Datum lesson_id, TimestampTz at)
{
	Datum		values[] = {call->user_id, lesson_id};

	if (query_execute(&call->library, &lock_enrollment, values, NULL, false) > 0)
	{
		values[0] = result_value(0, 1, UUIDOID);
		values[1] = TimestampTzGetDatum(at);
		query_execute_latest(&call->library, &complete_enrollment, values);
		send_events();
	}
}

/* The same for every enrollment of a course. */
static void
claim_completions(const Call *call, Datum course_id, TimestampTz at)
{
	Datum		values[] = {course_id, TimestampTzGetDatum(at)};

	query_execute(&call->library, &lock_enrollments, values, NULL, false);
	query_execute_latest(&call->library, &complete_enrollments, values);
	send_events();
}

/*
 * Forgets that a course was completed, after its progress was deleted.  Locks
 * first: a report may be completing it just now, and one that came after the
 * deletion and completed it anew is left alone.
 */
void
reopen_completion(const Call *call, Datum course_id)
{
	Datum		values[] = {call->user_id, course_id};

	query_execute(&call->library, &lock_enrollment_in, values, NULL, false);
	query_execute_latest(&call->library, &reopen_enrollment, values);
}

PG_FUNCTION_INFO_V1(recompute_completion);

Datum
recompute_completion(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[] = {
		course_id,
		Int32GetDatum(library_completion_threshold),
		TimestampTzGetDatum(now)
	};
	Call		call;
	uint64		completed;

	PreventCommandIfReadOnly("recompute_completion()");

	call_begin_as_operator(&call, fcinfo);
	require_course(&call, course_id);
	completed = query_execute(&call.library, &complete_lessons, values, NULL, false);
	claim_completions(&call, course_id, now);
	call_end(&call);

	PG_RETURN_INT32((int32) completed);
}
