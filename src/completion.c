/* completion.c: completes a course once for each enrollment (R10), and recompute_completion(). */
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

/* The enrollment e of user $1 in the course of lesson $2, if it is not completed yet. */
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
 * Whether the learner of enrollment e has completed every required lesson, and there is
 * one.  The search usually ends early, at a lesson that is not completed.  OFFSET 0 makes
 * the planner read the lessons of the course first, and not search for them among all
 * lessons.  CASE asks the second question only if the first has said yes.
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

/* Completes enrollments, and returns the text of one event for each. */
#define COMPLETE_SQL(which) \
	"UPDATE %1$s.enrollments AS e" \
	"   SET completed_at = $2" \
	" WHERE " which " AND e.completed_at IS NULL AND " ALL_COMPLETED_SQL \
	" RETURNING json_build_object(" \
	"   'event', 'course_completed', 'course_id', e.course_id," \
	"   'user_id', e.user_id, 'completed_at', e.completed_at)::text"

/* A row if all lessons are completed, but the enrollment does not say so yet. */
static const LibraryQuery completed_enrollment = {
	"SELECT e.id" OPEN_ENROLLMENT_SQL " AND " ALL_COMPLETED_SQL,
	2, {UUIDOID, UUIDOID}
};

/*
 * Deleting a course locks the course first, and then its enrollments and progress.  We also
 * lock the course first, so that neither waits for the other forever.
 */
static const LibraryQuery lock_course = {
	"SELECT FROM %1$s.courses AS c WHERE c.id = $1 FOR KEY SHARE",
	1, {UUIDOID}
};

/* The same for the courses of several lessons, in the order of their ids. */
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

/* Locked before the lessons are counted: see claim_completion(). */
static const LibraryQuery lock_enrollment = {
	"SELECT e.id" OPEN_ENROLLMENT_SQL " FOR NO KEY UPDATE OF e",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery complete_enrollment = {
	COMPLETE_SQL("e.id = $1"),
	2, {UUIDOID, TIMESTAMPTZOID}
};

/* Also when it is not completed: a report may be completing it just now. */
static const LibraryQuery lock_enrollment_in = {
	"SELECT FROM %1$s.enrollments AS e"
	" WHERE e.user_id = $1"
	"   AND e.course_id = $2 FOR NO KEY UPDATE",
	2, {UUIDOID, UUIDOID}
};

/* Not if all lessons are completed: then a later report has completed it again. */
static const LibraryQuery reopen_enrollment = {
	"UPDATE %1$s.enrollments AS e"
	"   SET completed_at = NULL"
	" WHERE e.user_id = $1"
	"   AND e.course_id = $2"
	"   AND e.completed_at IS NOT NULL AND NOT (" ALL_COMPLETED_SQL ")",
	2, {UUIDOID, UUIDOID}
};

/* In one order, so that two calls cannot deadlock. */
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

/*
 * due locks the rows first, in the order in which batches lock them.  An UPDATE alone would
 * lock them in an order of its own.
 */
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

/*
 * Sends the event that is in each row of the last query.  It goes out when the transaction
 * commits.
 */
static void
send_events(void)
{
	for (uint64 i = 0; i < SPI_processed; i++)
		Async_Notify("content_library",
					 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
}

/* Whether all required lessons are completed, but the enrollment does not say so yet. */
bool
completion_is_due(const Call *call, Datum lesson_id)
{
	Datum		values[] = {call->user_id, lesson_id};

	return query_execute(&call->library, &completed_enrollment, values, NULL, false) > 0;
}

/* Locks the learner, and then courses.  These locks come before all others. */
static void
lock_first(const Call *call, const LibraryQuery *courses, Datum value)
{
	call_lock_user(call);
	query_execute_latest(&call->library, courses, &value);
}

/*
 * To be called before the progress of these lessons is written, if that may complete a
 * course.  All who report, reset or delete take their locks in one order: learner, course,
 * progress, enrollment.
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
 * Sets enrollments.completed_at and sends one event if the course of a lesson is completed
 * now.  It looks at the lessons after it has locked the enrollment, and at what is
 * committed by then.  So of two reports at the same time the last one sees both, even in
 * REPEATABLE READ.
 */
void
claim_completion(const Call *call, Datum lesson_id, TimestampTz at)
{
	Datum		values[] = {call->user_id, lesson_id};

	/* No row: the learner is not enrolled, or the course is completed already. */
	if (query_execute(&call->library, &lock_enrollment, values, NULL, false) > 0)
	{
		/* A new snapshot, taken after the lock. */
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
 * Forgets that a course was completed, after its progress was deleted.  It locks first,
 * because a report may be completing the course just now.  A report that came after the
 * deletion and completed the course again is left alone.
 */
void
reopen_completion(const Call *call, Datum course_id)
{
	Datum		values[] = {call->user_id, course_id};

	query_execute(&call->library, &lock_enrollment_in, values, NULL, false);
	query_execute_latest(&call->library, &reopen_enrollment, values);
}

PG_FUNCTION_INFO_V1(recompute_completion);

/* Only completes: what was completed under another threshold stays completed. */
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
	/* Lessons first: they may complete the course. */
	completed = query_execute(&call.library, &complete_lessons, values, NULL, false);
	claim_completions(&call, course_id, now);
	call_end(&call);

	PG_RETURN_INT32((int32) completed);
}
