/* course_reports.c: course_report() and lesson_report(), which an instructor's page lists. */
#include "postgres.h"

#include "executor/tstoreReceiver.h"
#include "funcapi.h"

#include "course.h"

/*
 * required holds the required lessons of the course, and completed how many of them each
 * learner has completed.  Progress is counted in idx_content_progress_lesson_id alone,
 * which has all the columns that this needs.
 */
static const LibraryQuery learners_of_course = {
	" WITH required AS ("
	"   SELECT l.id"
	"   FROM %1$s.modules AS m"
	"   JOIN %1$s.lessons AS l ON l.module_id = m.id"
	"   WHERE m.course_id = $1"
	"     AND " COUNTS_SQL("l")
	" ),"
	" completed AS ("
	"   SELECT p.user_id, count(*) AS lessons"
	"   FROM required AS r"
	"   JOIN %1$s.content_progress AS p ON p.lesson_id = r.id"
	"   WHERE p.completed"
	"   GROUP BY p.user_id"
	" )"
	" SELECT e.user_id,"
	"   n.required::int4,"
	"   COALESCE(d.lessons, 0)::int4,"
	"   " PERCENTAGE_SQL(COALESCE(d.lessons, 0), n.required) ","
	"   e.enrolled_at, e.completed_at"
	" FROM %1$s.enrollments AS e"
	" CROSS JOIN (SELECT count(*) AS required FROM required) AS n"
	" LEFT JOIN completed AS d ON d.user_id = e.user_id"
	" WHERE e.course_id = $1"
	" ORDER BY e.enrolled_at, e.user_id",
	1, {UUIDOID}, .sizes_differ = true
};

/* Counts the progress on each lesson by itself, and so finds it by the lesson's index. */
static const LibraryQuery lessons_of_course = {
	" SELECT l.id, m.id, l.title, l.is_required, s.started, s.completed, s.average_pct"
	" FROM %1$s.modules AS m"
	" JOIN %1$s.lessons AS l ON l.module_id = m.id"
	" CROSS JOIN LATERAL ("
	"   SELECT count(*)::int4 AS started,"
	"     count(*) FILTER (WHERE p.completed)::int4 AS completed,"
	"     round(avg(p.watched_pct), 1) AS average_pct"
	"   FROM %1$s.content_progress AS p"
	"   WHERE p.lesson_id = l.id) AS s"
	" WHERE m.course_id = $1"
	" ORDER BY " LESSON_PLACE_SQL("m", "l"),
	1, {UUIDOID}, .sizes_differ = true
};

/*
 * Returns the rows of a query.  Without JIT: the planner overestimates the
 * lateral look-up, and compiling would cost more than the query.
 */
static void
return_rows(FunctionCallInfo fcinfo, const Call *call, const LibraryQuery *query,
			const Datum *values)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DestReceiver *receiver = CreateTuplestoreDestReceiver();

	InitMaterializedSRF(fcinfo, 0);
	SetTuplestoreDestReceiverParams(receiver, result->setResult,
									result->econtext->ecxt_per_query_memory,
									false, result->setDesc,
									"the tables of content_library were altered: see content_library_check()");
	set_until_caller("jit", "off");
	query_send(&call->library, query, values, receiver);
}

/* Returns the rows of a query about a course, argument 0, if the caller sees the course. */
static Datum
report(FunctionCallInfo fcinfo, const LibraryQuery *query)
{
	Datum		course_id = required_arg(fcinfo, 0, "course_id");
	Call		call;

	call_begin_as_operator(&call, fcinfo);
	require_course(&call, course_id);
	return_rows(fcinfo, &call, query, &course_id);
	call_end(&call);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(course_report);

Datum
course_report(PG_FUNCTION_ARGS)
{
	return report(fcinfo, &learners_of_course);
}

PG_FUNCTION_INFO_V1(lesson_report);

Datum
lesson_report(PG_FUNCTION_ARGS)
{
	return report(fcinfo, &lessons_of_course);
}
