/* completion.c: completes a course once for each enrollment (R10), and recompute_completion(). */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "completion.h"
#include "course.h"
#include "locks.h"
#include "plans.h"
#include "result.h"
#include "staff.h"

/*
 * All who report, reset or delete take their locks in one order: the learner, courses,
 * lessons, the completion of courses, progress, enrollments.  Deleting a course locks the
 * course first, and then all below it.  Deleting a lesson locks the lesson and its progress,
 * and then the completion of its course: see after_statement() in table_changes.c.
 */
const LibraryQuery lock_course = {
	"SELECT FROM %1$s.courses AS c WHERE c.id = $1 FOR KEY SHARE",
	1, {UUIDOID}
};

/* The courses of several lessons, in the order of their ids. */
static const LibraryQuery lock_courses_of = {
	"SELECT l.id, c.id"
	"  FROM %1$s.lessons AS l"
	COURSE_OF_LESSON_SQL
	" WHERE l.id = ANY ($1)"
	" ORDER BY c.id FOR KEY SHARE OF c",
	1, {UUIDARRAYOID}
};

const LibraryQuery lock_lessons = {
	"SELECT FROM %1$s.lessons AS l"
	" WHERE l.id = ANY ($1)"
	" ORDER BY l.id FOR KEY SHARE",
	1, {UUIDARRAYOID}
};

/*
 * The enrollment, if it is to be completed, or might be dated earlier.  Otherwise there is
 * nothing to do, and it is not locked: a lock on a row is a write, too.
 */
static const LibraryQuery lock_due_enrollment = {
	"SELECT e.completed_at IS NULL FROM %1$s.enrollments AS e"
	" WHERE e.user_id = $1"
	"   AND e.course_id = $2"
	"   AND " ALL_COMPLETED_SQL
	"   AND (e.completed_at IS NULL OR e.completed_at > " COMPLETED_AT_SQL ")"
	"   FOR NO KEY UPDATE",
	2, {UUIDOID, UUIDOID}
};

/* Also when it is not completed: a report may be completing it just now. */
static const LibraryQuery lock_enrollment = {
	"SELECT FROM %1$s.enrollments AS e"
	" WHERE e.user_id = $1"
	"   AND e.course_id = $2 FOR NO KEY UPDATE",
	2, {UUIDOID, UUIDOID}
};

/* Completes an enrollment.  One that is completed may be dated earlier, but never later. */
static const LibraryQuery complete_enrollment = {
	"WITH completed AS ("
	"  UPDATE %1$s.enrollments AS e"
	"     SET completed_at = " COMPLETED_AT_SQL
	"   WHERE e.user_id = $1"
	"     AND e.course_id = $2"
	"     AND " ALL_COMPLETED_SQL
	"     AND (e.completed_at IS NULL OR e.completed_at > " COMPLETED_AT_SQL ")"
	"  RETURNING e.course_id, e.user_id, e.completed_at)"
	" SELECT " COMPLETED_EVENT_SQL " FROM completed AS e",
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

static const LibraryQuery required_lessons = {
	"SELECT array_agg(r.id)"
	"  FROM (SELECT $1 AS course_id) AS e"
	" CROSS JOIN LATERAL (" REQUIRED_LESSONS_SQL ") AS r",
	1, {UUIDOID}
};

/*
 * Of these lessons the one that the fewest learners have started, and how many have: that is
 * counted in an index.  No more than $2 are counted, so a lesson that all have started costs
 * little.
 */
static const LibraryQuery rarest_lesson = {
	"SELECT r.id, n.learners"
	"  FROM unnest($1) AS r (id)"
	" CROSS JOIN LATERAL ("
	"   SELECT count(*) AS learners"
	"     FROM (SELECT FROM %1$s.content_progress AS p"
	"            WHERE p.lesson_id = r.id"
	"            LIMIT $2) AS counted) AS n"
	" ORDER BY n.learners, r.id"
	" LIMIT 1",
	2, {UUIDARRAYOID, INT8OID}
};

/*
 * The enrollments in course $1 that are to be completed, with their dates.  Only who has
 * completed lesson $2 is looked at, and OFFSET 0 keeps the planner from reading all
 * enrollments of the course.  $3 are the required lessons.
 */
#define REQUIRED "SELECT id FROM unnest($3) AS r (id)"
static const LibraryQuery due_enrollments = {
	"SELECT e.id, " COMPLETED_AT_OF_SQL(REQUIRED)
	"  FROM %1$s.content_progress AS d"
	" CROSS JOIN LATERAL ("
	"   SELECT e.* FROM %1$s.enrollments AS e"
	"    WHERE e.user_id = d.user_id AND e.course_id = $1"
	"      AND e.completed_at IS NULL OFFSET 0) AS e"
	" WHERE d.lesson_id = $2 AND d.completed"
	"   AND " ALL_COMPLETED_OF_SQL(REQUIRED),
	3, {UUIDOID, UUIDOID, UUIDARRAYOID}
};

/* In one order, so that two calls cannot deadlock. */
static const LibraryQuery lock_enrollments = {
	"SELECT FROM %1$s.enrollments AS e"
	" WHERE e.id = ANY ($1)"
	" ORDER BY e.user_id FOR NO KEY UPDATE",
	1, {UUIDARRAYOID}
};

static const LibraryQuery complete_enrollments = {
	"WITH completed AS ("
	"  UPDATE %1$s.enrollments AS e"
	"     SET completed_at = d.completed_at"
	"    FROM ROWS FROM (unnest($1), unnest($2)) AS d (id, completed_at)"
	"   WHERE e.id = d.id AND e.completed_at IS NULL"
	"  RETURNING e.course_id, e.user_id, e.completed_at)"
	" SELECT " COMPLETED_EVENT_SQL " FROM completed AS e",
	2, {UUIDARRAYOID, TIMESTAMPTZARRAYOID}
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

/* A column that the last query has read, as an array. */
static Datum
array_read(int column, Oid type)
{
	ArrayBuildState *array = initArrayResult(type, CurrentMemoryContext, false);

	for (uint64 i = 0; i < SPI_processed; i++)
		accumArrayResult(array, result_value(i, column, type), false, type, CurrentMemoryContext);
	return makeArrayResult(array, CurrentMemoryContext);
}

/*
 * Locks the completion of a course.  Reports and enrollments share the lock.  Who changes the
 * course for all its learners is alone: so one of the two sees what the other has done.
 */
void
lock_completion(Datum course_id, LOCKMODE mode)
{
	library_lock_one(ALL_COMPLETIONS,
					 hash_bytes_extended(DatumGetUUIDP(course_id)->data, UUID_LEN, COMPLETION_LOCK),
					 mode);
}

static bool
same_ids(const Datum *ids, int count, const Datum *others, int others_count)
{
	if (count != others_count)
		return false;
	for (int i = 0; i < count; i++)
		if (!same_uuid(ids[i], others[i]))
			return false;
	return true;
}

/*
 * To be called before the progress of these lessons is written, if that may complete one of
 * their courses.  Puts the lessons in the order of their courses, and returns how many there are;
 * course_ids are the courses.  While this waits for a lock, a lesson may be moved to another
 * course.  So it reads the courses until they stay the same.
 */
int
claim_begin(const Call *call, Datum **lesson_ids, int lessons, Datum **course_ids)
{
	Datum		array = uuid_array(*lesson_ids, lessons);
	Datum	   *locked = NULL;
	int			locked_count = 0;

	call_lock_user(call);
	for (;;)
	{
		int			count = (int) query_execute_latest(&call->library, &lock_courses_of, &array);

		*lesson_ids = result_uuids(1);
		*course_ids = result_uuids(2);
		if (same_ids(*course_ids, count, locked, locked_count))
			return count;
		query_execute_latest(&call->library, &lock_lessons, &array);
		for (int i = 0; i < count; i++)
			lock_completion((*course_ids)[i], ShareLock);
		locked = *course_ids;
		locked_count = count;
	}
}

/* To be called before the progress of a course is deleted. */
void
reopen_begin(const Call *call, Datum course_id)
{
	call_lock_user(call);
	query_execute_latest(&call->library, &lock_course, &course_id);
	lock_completion(course_id, ShareLock);
}

/*
 * Sets enrollments.completed_at and sends one event if a course is completed now.  The learner
 * is locked since claim_begin(), and it looks at what is committed by then.  So of two reports
 * at the same time the last one sees both, even in REPEATABLE READ.  Returns whether this call
 * has completed the course.
 */
bool
claim_completion(const Call *call, Datum course_id)
{
	Datum		values[] = {call->user_id, course_id};
	bool		open;

	/* No row: the learner is not enrolled or not done, or the course is completed already. */
	if (query_execute_latest(&call->library, &lock_due_enrollment, values) == 0)
		return false;
	open = result_bool(0, 1);
	/* A new snapshot: while it waited for the lock, anything may have changed. */
	if (query_execute_latest(&call->library, &complete_enrollment, values) == 0 || !open)
		return false;
	send_events();
	return true;
}

/* The same for an enrollment that is new, or another's before: the learner may have done all already. */
void
claim_new_enrollment(const Call *call, Datum course_id)
{
	Datum		values[] = {call->user_id, course_id};

	call_lock_user(call);
	lock_completion(course_id, ShareLock);
	query_execute_latest(&call->library, &complete_enrollment, values);
	send_events();
}

/*
 * The lesson that the fewest learners have started.  It counts further only as long as every
 * lesson has more learners than that.
 */
static Datum
find_rarest_lesson(const Library *library, Datum lessons)
{
	for (int64 limit = 64;; limit *= 4)
	{
		Datum		values[] = {lessons, Int64GetDatum(limit)};

		query_execute_latest(library, &rarest_lesson, values);
		if (DatumGetInt64(result_value(0, 2, INT8OID)) < limit)
			return result_value(0, 1, UUIDOID);
	}
}

/*
 * Completes the enrollments of a course that are due, when something has changed for all of
 * them.  The caller has locked the completion of the course after the change: so the reports that
 * began before it are seen.  The lock also keeps out who would reset progress.
 */
void
claim_completions(const Library *library, Datum course_id)
{
	Datum		values[] = {course_id, 0, 0};
	Datum		due[2];
	bool		none;

	/* Without JIT: the planner cannot know how few are looked at, and overestimates. */
	set_until_caller("jit", "off");
	query_execute_latest(library, &required_lessons, values);
	values[2] = result_nullable(0, 1, UUIDARRAYOID, &none);
	if (none)
		return;
	values[1] = find_rarest_lesson(library, values[2]);
	if (query_execute_latest(library, &due_enrollments, values) == 0)
		return;
	due[0] = array_read(1, UUIDOID);
	due[1] = array_read(2, TIMESTAMPTZOID);
	query_execute_latest(library, &lock_enrollments, due);
	query_execute_latest(library, &complete_enrollments, due);
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

	query_execute(&call->library, &lock_enrollment, values, NULL, false);
	query_execute_latest(&call->library, &reopen_enrollment, values);
}

PG_FUNCTION_INFO_V1(recompute_completion);

/* Only completes: what was completed under another threshold stays completed. */
Datum
recompute_completion(PG_FUNCTION_ARGS)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Datum		values[] = {
		course_id,
		Int32GetDatum(library_completion_threshold),
		TimestampTzGetDatum(GetCurrentTimestamp())
	};
	Call		call;
	uint64		completed;

	PreventCommandIfReadOnly("recompute_completion()");

	call_begin_as_staff(&call, fcinfo);
	require_staff(&call, course_id, STAFF_EDITOR);
	/* This lock comes before those on progress, and lessons before courses, which they complete. */
	lock_completion(course_id, ExclusiveLock);
	completed = query_execute(&call.library, &complete_lessons, values, NULL, false);
	claim_completions(&call.library, course_id);
	call_end(&call);

	PG_RETURN_INT32((int32) completed);
}
