/* dashboard.c: course_progress() and continue_watching(), which a learner's own page lists. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "course.h"
#include "direct_courses.h"
#include "result.h"

static const LibraryQuery courses_of_learner = {
	" SELECT c.id, c.title, e.enrolled_at, e.completed_at,"
	"   c.is_sequential, " NO_ACCESS_SQL("$2")
	" FROM %1$s.enrollments AS e"
	" JOIN %1$s.courses AS c ON c.id = e.course_id"
	" WHERE e.user_id = $1"
	" ORDER BY e.enrolled_at, c.id",
	2, {UUIDOID, BOOLOID}
};

/*
 * Not sorted: only the next lesson of each course is wanted, and comparing finds it without
 * sorting them all.  So here every lesson is refused that has to wait for an earlier one.  OFFSET 0 makes the planner read the learner's progress at once,
 * because most of it is needed, and not lesson by lesson.
 */
static const LibraryQuery lessons_of_learner = {
	" SELECT e.course_id, " LESSON_PLACE_SQL("m", "l") ","
	"   " COUNTS_SQL("l") ", p.completed, p.last_watched,"
	"   CASE WHEN p.completed IS NOT TRUE THEN"
	"     " REFUSAL_SQL(NO_ACCESS_SQL("$2"), "p.lesson_id IS NOT NULL", "true") " END"
	" FROM %1$s.enrollments AS e"
	" JOIN %1$s.courses AS c ON c.id = e.course_id"
	" JOIN %1$s.modules AS m ON m.course_id = c.id"
	" JOIN %1$s.lessons AS l ON l.module_id = m.id"
	" LEFT JOIN ("
	"   SELECT p.lesson_id, p.completed, p.last_watched"
	"   FROM %1$s.content_progress AS p"
	"   WHERE p.user_id = $1 OFFSET 0) AS p"
	"   ON p.lesson_id = l.id"
	" WHERE e.user_id = $1",
	2, {UUIDOID, BOOLOID}
};

/*
 * Progress is sorted before lessons are looked up, which OFFSET 0 keeps so.  Then only the
 * rows that are returned need a look-up, even if the learner has begun many lessons.  $3
 * are the courses that the caller does not see.
 */
static const LibraryQuery begun_lessons = {
	" SELECT l.course_id, l.course_title, p.lesson_id, l.title, p.watched_pct,"
	"   l.position_seconds, l.duration_seconds, p.last_watched"
	" FROM (SELECT p.lesson_id, p.watched_pct, p.position_seconds, p.last_watched"
	"         FROM %1$s.content_progress AS p"
	"        WHERE p.user_id = $1 AND NOT p.completed"
	"        ORDER BY p.last_watched DESC, p.lesson_id OFFSET 0) AS p"
	" CROSS JOIN LATERAL ("
	"   SELECT c.id AS course_id, c.title AS course_title, l.title, l.duration_seconds,"
	"     " POSITION_SQL " AS position_seconds"
	"   FROM %1$s.lessons AS l"
	COURSE_OF_LESSON_SQL
	ENROLLMENT_SQL("$1")
	"   WHERE l.id = p.lesson_id AND l.is_published AND c.id <> ALL ($3)"
	"     AND " REFUSAL_SQL(NO_ACCESS_SQL("$4"), "true", "false") " IS NULL OFFSET 0) AS l"
	" ORDER BY p.last_watched DESC, p.lesson_id"
	" LIMIT $2",
	4, {UUIDOID, INT4OID, UUIDARRAYOID, BOOLOID}
};

/* How far a learner has got in a course. */
typedef struct Tally
{
	pg_uuid_t	course_id;		/* the hash key, so it must be first */
	int32		required;		/* lessons */
	int32		completed;		/* of the required lessons */
	bool		begun;			/* whether any lesson is */
	TimestampTz last_watched;	/* if begun */
	Datum	   *first;			/* the place of the first lesson left; NULL if none is */
	bool		waits;			/* whether that would wait for an earlier one, and no more */
	Datum	   *next;			/* the place of the first one that is open, or NULL */
} Tally;

/* The columns of lessons_of_learner.  ORDER stands for several. */
enum
{
	COURSE, ORDER, COUNTS = ORDER + PLACE_COLUMNS, COMPLETED, LAST_WATCHED, REFUSAL, LESSON_COLUMNS
};

static const Oid lesson_types[LESSON_COLUMNS] = {
	UUIDOID, INT4OID, TIMESTAMPTZOID, UUIDOID, INT4OID, TIMESTAMPTZOID, UUIDOID,
	BOOLOID, BOOLOID, TIMESTAMPTZOID, TEXTOID
};

/* Remembers the place of a lesson if it comes before the one that is remembered. */
static bool
keep_earlier(Datum **place, const Datum *other)
{
	if (*place != NULL && compare_places(other, *place, PLACE_COLUMNS) >= 0)
		return false;
	if (*place == NULL)
		*place = palloc(PLACE_COLUMNS * sizeof(Datum));
	memcpy(*place, other, PLACE_COLUMNS * sizeof(Datum));
	return true;
}

/* Adds a lesson to the tally of its course. */
static void
tally_lesson(Tally *tally, const LearnerLesson *lesson)
{
	if (lesson->begun && (!tally->begun || lesson->last_watched > tally->last_watched))
		tally->last_watched = lesson->last_watched;
	tally->begun |= lesson->begun;
	if (!lesson->counts)
		return;
	tally->required++;
	tally->completed += lesson->completed;
	if (lesson->completed)
		return;
	if (keep_earlier(&tally->first, lesson->place))
		tally->waits = lesson->waits;
	if (lesson->is_open)
		(void) keep_earlier(&tally->next, lesson->place);
}

/* Whether a lesson is refused only because of the lessons before it. */
static bool
is_sequence(const ResultRow *row)
{
	return !row->nulls[REFUSAL] &&
		strcmp(TextDatumGetCString(row->values[REFUSAL]), "sequence") == 0;
}

/* A row of lessons_of_learner. */
static LearnerLesson
lesson_from_row(const ResultRow *row)
{
	LearnerLesson lesson = {.place = row->values + ORDER, .begun = !row->nulls[COMPLETED]};

	/* Refuses a NULL, which compare_places() could not read. */
	for (int i = ORDER; i < COUNTS; i++)
		(void) result_row_value(row, i);
	lesson.counts = DatumGetBool(result_row_value(row, COUNTS));
	lesson.completed = lesson.begun && DatumGetBool(row->values[COMPLETED]);
	if (lesson.begun)
		lesson.last_watched = DatumGetTimestampTz(result_row_value(row, LAST_WATCHED));
	lesson.is_open = row->nulls[REFUSAL];
	lesson.waits = is_sequence(row);
	return lesson;
}

/*
 * The next lesson of a course; NULL if none is left that may be watched.  Nothing is left
 * before the first one, so that one need not wait.
 */
static Datum *
next_lesson_of(const Tally *tally)
{
	if (tally->waits && (tally->next == NULL || compare_places(tally->first, tally->next, PLACE_COLUMNS) < 0))
		return tally->first;
	return tally->next;
}

/* Tallies a lesson; to are the tallies of the learner's courses. */
static void
receive_lesson(void *to, Datum course_id, const LearnerLesson *lesson)
{
	bool		found;
	Tally	   *tally = hash_search(to, DatumGetPointer(course_id), HASH_ENTER, &found);

	/* The key stays, all else begins at zero. */
	if (!found)
		memset((char *) tally + sizeof(pg_uuid_t), 0, sizeof(Tally) - sizeof(pg_uuid_t));
	tally_lesson(tally, lesson);
}

static HTAB *
make_tallies(void)
{
	HASHCTL		ctl = {.keysize = sizeof(pg_uuid_t), .entrysize = sizeof(Tally), .hcxt = CurrentMemoryContext};

	return hash_create("courses of a learner", 32, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The tallies of all of a learner's courses, by a query.  The result of the last query stays. */
static HTAB *
query_tallies(const Call *call)
{
	HTAB	   *tallies = make_tallies();
	SPITupleTable *last_table = SPI_tuptable;
	uint64		last_processed = SPI_processed;
	Datum		values[] = {call->user_id, BoolGetDatum(call->named)};
	ResultRow	row;

	query_execute(&call->library, &lessons_of_learner, values, NULL, true);
	row = result_row(LESSON_COLUMNS, lesson_types);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		LearnerLesson lesson;

		result_row_read(&row, i);
		lesson = lesson_from_row(&row);
		receive_lesson(tallies, result_row_value(&row, COURSE), &lesson);
	}
	SPI_tuptable = last_table;
	SPI_processed = last_processed;
	return tallies;
}

/* The columns of courses_of_learner. */
enum
{
	COURSE_ID, TITLE, ENROLLED_AT, COMPLETED_AT, IS_SEQUENTIAL, NO_ACCESS, COURSE_COLUMNS
};

/* Returns a row of course_progress().  The columns are those of its RETURNS TABLE. */
static void
return_tally(ReturnSetInfo *result, const Tally *tally, const ResultRow *course)
{
	const Datum *next = next_lesson_of(tally);
	Datum		values[] = {
		course->values[COURSE_ID], course->values[TITLE],
		Int32GetDatum(tally->required), Int32GetDatum(tally->completed), 0,
		TimestampTzGetDatum(tally->last_watched),
		next != NULL ? next[PLACE_COLUMNS - 1] : (Datum) 0,
		course->values[ENROLLED_AT], course->values[COMPLETED_AT]
	};
	bool		nulls[] = {
		false, course->nulls[TITLE], false, false, false,
		!tally->begun, next == NULL, course->nulls[ENROLLED_AT], course->nulls[COMPLETED_AT]
	};

	values[4] = course_percentage(tally->completed, tally->required, &nulls[4]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* For each row of the last query: whether the caller sees its course, the first column. */
static bool *
courses_seen(Call *call)
{
	int			count = (int) SPI_processed;
	bool	   *seen = palloc(count * sizeof(bool));

	see_courses(call, result_uuids(1), count, seen);
	return seen;
}

/* A date of enrolling that is missing opens nothing later: no more does one that is long ago. */
static LearnerCourse
course_from_row(const ResultRow *row)
{
	return (LearnerCourse) {
		.id = result_row_value(row, COURSE_ID),
		.enrolled_at = row->nulls[ENROLLED_AT] ? DT_NOBEGIN : DatumGetTimestampTz(row->values[ENROLLED_AT]),
		.is_completed = !row->nulls[COMPLETED_AT],
		.is_sequential = !row->nulls[IS_SEQUENTIAL] && DatumGetBool(row->values[IS_SEQUENTIAL]),
		.is_closed = !row->nulls[NO_ACCESS]
	};
}

/*
 * The tallies of the courses of the last query that the caller sees.  A course without
 * lessons has none.
 */
static HTAB *
tally_courses(const Call *call, ResultRow *row, const bool *seen)
{
	HTAB	   *tallies = make_tallies();
	LearnerCourse *courses = palloc(SPI_processed * sizeof(LearnerCourse));
	int			count = 0;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		if (!seen[i])
			continue;
		result_row_read(row, i);
		courses[count++] = course_from_row(row);
	}
	if (direct_read_courses(&call->library, call->user_id, courses, count, receive_lesson, tallies))
		return tallies;
	return query_tallies(call);
}

PG_FUNCTION_INFO_V1(course_progress);

/* Courses are queried, and the tallies of their lessons are put to them by the course's id. */
Datum
course_progress(PG_FUNCTION_ARGS)
{
	static const Tally no_lessons;
	static const Oid course_types[COURSE_COLUMNS] = {
		UUIDOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, TEXTOID
	};
	Call		call;
	HTAB	   *tallies;
	ResultRow	course;
	bool	   *seen;

	call_begin_as_user(&call, fcinfo, 0);
	InitMaterializedSRF(fcinfo, 0);
	query_execute(&call.library, &courses_of_learner,
				  (Datum[]) {call.user_id, BoolGetDatum(call.named)}, NULL, true);
	course = result_row(COURSE_COLUMNS, course_types);
	seen = courses_seen(&call);
	tallies = tally_courses(&call, &course, seen);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		const Tally *tally;

		if (!seen[i])
			continue;
		result_row_read(&course, i);
		/* Courses without lessons have no tally. */
		tally = hash_search(tallies, DatumGetPointer(course.values[COURSE_ID]), HASH_FIND, NULL);
		return_tally((ReturnSetInfo *) fcinfo->resultinfo,
					 tally != NULL ? tally : &no_lessons, &course);
	}
	call_end(&call);
	return (Datum) 0;
}

/*
 * Adds the courses of the last query that the caller does not see; returns whether there
 * were any.
 */
static bool
add_hidden(ArrayBuildState *hidden, const bool *seen)
{
	bool		found = false;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		if (seen[i])
			continue;
		accumArrayResult(hidden, result_value(i, 1, UUIDOID), false, UUIDOID, CurrentMemoryContext);
		found = true;
	}
	return found;
}

/*
 * Queries the lessons that a learner has begun, of courses that the caller sees.  A hidden
 * course is rare.  So the query first runs as if there were none, and again without those
 * that it has met.
 */
static void
query_begun_lessons(Call *call, Datum max_rows)
{
	ArrayBuildState *hidden = initArrayResult(UUIDOID, CurrentMemoryContext, false);

	do
	{
		Datum		values[] = {
			call->user_id, max_rows, makeArrayResult(hidden, CurrentMemoryContext),
			BoolGetDatum(call->named)
		};

		query_execute(&call->library, &begun_lessons, values, NULL, true);
	} while (add_hidden(hidden, courses_seen(call)));
}

PG_FUNCTION_INFO_V1(continue_watching);

Datum
continue_watching(PG_FUNCTION_ARGS)
{
	Datum		max_rows = required_arg(fcinfo, 0, "max_rows");
	Call		call;

	if (DatumGetInt32(max_rows) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_rows %d is not positive", DatumGetInt32(max_rows))));

	call_begin_as_user(&call, fcinfo, 1);
	InitMaterializedSRF(fcinfo, 0);
	query_begun_lessons(&call, max_rows);
	result_return((ReturnSetInfo *) fcinfo->resultinfo);
	call_end(&call);
	return (Datum) 0;
}
