/* retention.c: lesson_retention(): how many learners have seen each part of a lesson. */
#include "postgres.h"

#include "funcapi.h"

#include "played.h"
#include "result.h"
#include "staff.h"

/* Of a video of a day, at a step of a second, there are 86,400. */
#define MAX_STEPS 1000000

/* The course of lesson $1, and how long its video is. */
static const LibraryQuery length_of_lesson = {
	"SELECT m.course_id, l.duration_seconds"
	"  FROM %1$s.lessons AS l"
	"  JOIN %1$s.modules AS m ON m.id = l.module_id"
	" WHERE l.id = $1",
	1, {UUIDOID}
};

/* What each learner who is enrolled in course $2 has seen of lesson $1. */
static const LibraryQuery seen_of_lesson = {
	"SELECT p.watched"
	"  FROM %1$s.content_progress AS p"
	"  JOIN %1$s.enrollments AS e ON e.course_id = $2 AND e.user_id = p.user_id"
	" WHERE p.lesson_id = $1",
	2, {UUIDOID, UUIDOID}, .sizes_differ = true
};

/* How many more learners have seen a step than the one before it. */
typedef struct Sweep
{
	int32		duration;
	int32		step;
	int32		steps;
	int32	   *changes;
	TypeCacheEntry *range_type;
} Sweep;

/* A sweep without learners yet, over as many steps as the video has; none if its length is not known. */
static Sweep
begin_sweep(int32 duration, int32 step)
{
	Sweep		sweep = {duration, step, duration > 0 ? (duration - 1) / step + 1 : 0};

	if (sweep.steps > MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("step_seconds %d makes %d steps of the lesson", step, sweep.steps),
				 errdetail("At most %d are counted.", MAX_STEPS)));
	sweep.changes = palloc0((sweep.steps + 1) * sizeof(int32));
	sweep.range_type = lookup_type_cache(INT4MULTIRANGEOID, TYPECACHE_MULTIRANGE_INFO)->rngtype;
	return sweep;
}

/* Counts a learner once at each step that the ranges touch.  They are in order, without overlaps. */
static void
add_ranges(Sweep *sweep, const MultirangeType *seen)
{
	int32		next = 0;		/* the first step that has not counted this learner */

	for (uint32 i = 0; i < seen->rangeCount; i++)
	{
		Range		range = range_of(sweep->range_type, seen, i);
		int32		from = Max(range.start, 0);
		int32		to = Min(range.end, sweep->duration);

		if (from >= to)
			continue;
		from = Max(from / sweep->step, next);
		next = (to - 1) / sweep->step + 1;
		if (from >= next)
			continue;
		sweep->changes[from]++;
		sweep->changes[next]--;
	}
}

/* A course may have more learners than there is memory for, so nothing is kept of a row. */
static void
add_learner(void *to, const ResultRow *row)
{
	Datum		datum = result_row_value(row, 0);
	MultirangeType *seen = DatumGetMultirangeTypeP(datum);

	add_ranges(to, seen);
	if (PointerGetDatum(seen) != datum)
		pfree(seen);			/* it was compressed or packed */
}

static void
return_steps(const Sweep *sweep, ReturnSetInfo *to)
{
	int32		learners = 0;

	for (int32 i = 0; i < sweep->steps; i++)
	{
		Datum		values[] = {Int32GetDatum(i * sweep->step), 0};
		bool		nulls[] = {false, false};

		learners += sweep->changes[i];
		values[1] = Int32GetDatum(learners);
		tuplestore_putvalues(to->setResult, to->setDesc, values, nulls);
	}
}

/* The course of a lesson; the caller must be of its staff.  The duration is left to be read. */
static Datum
course_of(const Call *call, Datum lesson_id)
{
	Datum		course_id;

	if (query_execute(&call->library, &length_of_lesson, &lesson_id, NULL, true) == 0)
	{
		if (!call->is_operator)
			refuse_staff(call, STAFF_VIEWER, OF_LESSON, lesson_id);
		missing_lesson("", lesson_id);
	}
	course_id = result_value(0, 1, UUIDOID);
	require_staff_of(call, course_id, STAFF_VIEWER, OF_LESSON, lesson_id);
	return course_id;
}

PG_FUNCTION_INFO_V1(lesson_retention);

Datum
lesson_retention(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {INT4MULTIRANGEOID};
	Datum		lesson_id = required_arg(fcinfo, 0, "lesson_id");
	int32		step = DatumGetInt32(required_arg(fcinfo, 1, "step_seconds"));
	Datum		values[] = {lesson_id, 0};
	Datum		duration;
	bool		unknown;
	Sweep		sweep;
	ResultReceiver receiver = result_receiver(lengthof(types), types, add_learner, &sweep);
	Call		call;

	if (step < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("step_seconds %d is not positive", step)));
	call_begin_as_staff(&call, fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	values[1] = course_of(&call, lesson_id);
	duration = result_nullable(0, 2, INT4OID, &unknown);
	sweep = begin_sweep(unknown ? 0 : DatumGetInt32(duration), step);
	set_until_caller("jit", "off");
	query_send(&call.library, &seen_of_lesson, values, NULL, &receiver.dest);
	return_steps(&sweep, (ReturnSetInfo *) fcinfo->resultinfo);
	call_end(&call);
	return (Datum) 0;
}
