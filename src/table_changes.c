/* table_changes.c: the trigger that keeps R8 and R10, whatever path leads to the tables. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "completion.h"
#include "members.h"
#include "result.h"
#include "rules.h"

/*
 * The courses whose learners may be done now, because lessons or modules have gone or have
 * changed.  old_rows and new_rows are all rows of the statement.  A course or module that is
 * deleted itself is not found.
 */
static const LibraryQuery courses_of_deleted_lessons = {
	"SELECT DISTINCT m.course_id"
	"  FROM old_rows AS l"
	"  JOIN %1$s.modules AS m ON m.id = l.module_id"
	" WHERE " COUNTS_SQL("l")
	" ORDER BY m.course_id",
	0, {InvalidOid}
};

/*
 * A lesson that counts in the same module before and after the change comes twice, and is left out.
 * A join would be slow: its plan may be kept from a small change.
 */
static const LibraryQuery courses_of_changed_lessons = {
	"SELECT DISTINCT m.course_id"
	"  FROM (SELECT b.module_id"
	"          FROM (SELECT l.id, l.module_id FROM old_rows AS l WHERE " COUNTS_SQL("l")
	"                UNION ALL"
	"                SELECT l.id, l.module_id FROM new_rows AS l WHERE " COUNTS_SQL("l") ") AS b"
	"         GROUP BY b.id, b.module_id"
	"        HAVING count(*) = 1) AS l"
	"  JOIN %1$s.modules AS m ON m.id = l.module_id"
	" ORDER BY m.course_id",
	0, {InvalidOid}
};

static const LibraryQuery courses_of_deleted_modules = {
	"SELECT DISTINCT c.id"
	"  FROM old_rows AS m"
	"  JOIN %1$s.courses AS c ON c.id = m.course_id"
	" ORDER BY c.id",
	0, {InvalidOid}
};

static const LibraryQuery courses_of_moved_modules = {
	"SELECT DISTINCT c.id"
	"  FROM (SELECT b.course_id"
	"          FROM (SELECT m.id, m.course_id FROM old_rows AS m"
	"                UNION ALL"
	"                SELECT m.id, m.course_id FROM new_rows AS m) AS b"
	"         GROUP BY b.id, b.course_id"
	"        HAVING count(*) = 1) AS m"
	"  JOIN %1$s.courses AS c ON c.id = m.course_id"
	" ORDER BY c.id",
	0, {InvalidOid}
};

static const LibraryQuery is_enrolled = {
	"SELECT FROM %1$s.enrollments AS e WHERE e.user_id = $1 AND e.course_id = $2",
	2, {UUIDOID, UUIDOID}
};

/* When somebody who enrolls in the course now loses access. */
static const LibraryQuery end_of_access = {
	"SELECT now(), " EXPIRES_AT_SQL " FROM %1$s.courses AS c WHERE c.id = $1",
	1, {UUIDOID}
};

/* Whether the trigger is on the table of that name. */
static bool
is_on(const TriggerData *trigger, const char *table)
{
	return strcmp(RelationGetRelationName(trigger->tg_relation), table) == 0;
}

/* A value of a row, or false if it is NULL. */
static bool
get_value(const TriggerData *trigger, HeapTuple row, const char *name, Oid type, Datum *value)
{
	bool		isnull;

	*value = SPI_getbinval(row, RelationGetDescr(trigger->tg_relation),
						   result_column(trigger->tg_relation, name, type), &isnull);
	return !isnull;
}

/* After a statement on lessons or modules: completes who is done now. */
static void
after_statement(Call *call, TriggerData *trigger)
{
	bool		deleted = TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	const LibraryQuery *query;
	Datum	   *courses;
	int			count;

	if (is_on(trigger, "lessons"))
		query = deleted ? &courses_of_deleted_lessons : &courses_of_changed_lessons;
	else
		query = deleted ? &courses_of_deleted_modules : &courses_of_moved_modules;
	SPI_register_trigger_data(trigger);
	count = (int) query_execute_latest(&call->library, query, NULL);
	courses = result_uuids(1);
	/* All locks first: a report on a moving lesson locks one of the two courses, and must not come between. */
	for (int i = 0; i < count; i++)
		lock_completion(courses[i], ExclusiveLock);
	for (int i = 0; i < count; i++)
	{
		/* SPI_finish() frees the memory of each course. */
		SPI_connect();
		claim_completions(&call->library, courses[i]);
		SPI_finish();
	}
}

/* The learner may have done everything before. */
static void
after_enrollment(Call *call, const TriggerData *trigger, HeapTuple row)
{
	Datum		course_id;
	Datum		completed_at;

	/* It may come with a date, as from an import. */
	if (get_value(trigger, row, "user_id", UUIDOID, &call->user_id) &&
		get_value(trigger, row, "course_id", UUIDOID, &course_id) &&
		!get_value(trigger, row, "completed_at", TIMESTAMPTZOID, &completed_at))
		claim_new_enrollment(call, course_id);
}

/* The application itself may have marked a lesson as completed. */
static void
after_progress(Call *call, const TriggerData *trigger, HeapTuple row)
{
	Datum		lesson_id;
	Datum	   *lesson = &lesson_id;
	Datum	   *courses;

	if (!get_value(trigger, row, "user_id", UUIDOID, &call->user_id) ||
		!get_value(trigger, row, "lesson_id", UUIDOID, &lesson_id))
		return;
	if (claim_begin(call, &lesson, 1, &courses) > 0)
		(void) claim_completion(call, courses[0]);
}

/* Whether an uuid of a row is another one after an update. */
static bool
changes(const TriggerData *trigger, const char *name)
{
	Datum		before;
	Datum		after;

	return !get_value(trigger, trigger->tg_trigtuple, name, UUIDOID, &before) ||
		!get_value(trigger, trigger->tg_newtuple, name, UUIDOID, &after) ||
		!same_uuid(before, after);
}

/* Whether a learner has completed a lesson by the statement: the row may have been another's. */
static bool
becomes_completed(const TriggerData *trigger, HeapTuple row)
{
	Datum		completed;

	if (!get_value(trigger, row, "completed", BOOLOID, &completed) || !DatumGetBool(completed))
		return false;
	return TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ||
		!get_value(trigger, trigger->tg_trigtuple, "completed", BOOLOID, &completed) ||
		!DatumGetBool(completed) || changes(trigger, "user_id") || changes(trigger, "lesson_id");
}

/* There are two triggers before an INSERT into enrollments.  The one that locks has an argument. */
static bool
is_lock(const TriggerData *trigger)
{
	return trigger->tg_trigger->tgnargs > 0;
}

/*
 * Whether nothing is to be done for a row.  A dump sets row_security to off for its restore: its
 * rows are as they were.  Reports complete courses themselves, inside the boundary.
 */
static bool
needs_nothing(const TriggerData *trigger, HeapTuple row)
{
	if (TRIGGER_FIRED_BEFORE(trigger->tg_event) && !is_lock(trigger))
		return false;
	if (!row_security)
		return true;
	if (is_on(trigger, "enrollments"))
		return false;
	return InNoForceRLSOperation() || !becomes_completed(trigger, row);
}

/*
 * Before an INSERT into enrollments.  The learner's lock comes before that of the row, for which
 * enroll() may wait.  Not if the row is there, as ON CONFLICT allows, or comes with a date: then
 * nothing is claimed.
 */
static void
lock_learner(Call *call, const TriggerData *trigger)
{
	HeapTuple	row = trigger->tg_trigtuple;
	Datum		key[2];
	Datum		completed_at;

	if (get_value(trigger, row, "user_id", UUIDOID, &key[0]) &&
		get_value(trigger, row, "course_id", UUIDOID, &key[1]) &&
		!get_value(trigger, row, "completed_at", TIMESTAMPTZOID, &completed_at) &&
		query_execute(&call->library, &is_enrolled, key, NULL, false) == 0)
	{
		call->user_id = key[0];
		call_lock_user(call);
	}
}

/*
 * Before a learner's own INSERT into enrollments: access begins now, and ends as the course
 * says.  The trigger is not for those who may write expires_at.
 */
static HeapTuple
begin_access(Call *call, const TriggerData *trigger)
{
	int			columns[] = {
		result_column(trigger->tg_relation, "enrolled_at", TIMESTAMPTZOID),
		result_column(trigger->tg_relation, "expires_at", TIMESTAMPTZOID)
	};
	Datum		values[2];
	bool		nulls[2] = {false, false};
	Datum		course_id;

	if (!get_value(trigger, trigger->tg_trigtuple, "course_id", UUIDOID, &course_id) ||
		query_execute(&call->library, &end_of_access, &course_id, NULL, false) == 0)
		return trigger->tg_trigtuple;
	values[0] = result_value(0, 1, TIMESTAMPTZOID);
	values[1] = result_nullable(0, 2, TIMESTAMPTZOID, &nulls[1]);
	return heap_modify_tuple_by_cols(trigger->tg_trigtuple, RelationGetDescr(trigger->tg_relation),
									 2, columns, values, nulls);
}

/* Does what a change asks for; returns the row that a BEFORE trigger is to insert. */
static HeapTuple
on_change(FunctionCallInfo fcinfo, TriggerData *trigger, HeapTuple row)
{
	Call		call;

	call_begin(&call, fcinfo);
	if (!is_member(&call.library, RelationRelationId, RelationGetRelid(trigger->tg_relation)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("\"%s\" is no table of content_library",
						RelationGetRelationName(trigger->tg_relation))));
	if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
		after_statement(&call, trigger);
	else if (TRIGGER_FIRED_BEFORE(trigger->tg_event) && is_lock(trigger))
		lock_learner(&call, trigger);
	else if (TRIGGER_FIRED_BEFORE(trigger->tg_event))
		row = SPI_copytuple(begin_access(&call, trigger));
	else if (is_on(trigger, "enrollments"))
		after_enrollment(&call, trigger, row);
	else
		after_progress(&call, trigger, row);
	call_end(&call);
	return row;
}

PG_FUNCTION_INFO_V1(content_library_on_change);

Datum
content_library_on_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple	row;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("content_library_on_change() is a trigger")));
	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event) && needs_nothing(trigger, row))
		return PointerGetDatum(row);
	return PointerGetDatum(on_change(fcinfo, trigger, row));
}
