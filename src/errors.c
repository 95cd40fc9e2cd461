/* errors.c: refuses arguments, and has the errors that several functions share. */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "content_library.h"

/* An argument that must not be NULL. */
Datum
required_arg(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return PG_GETARG_DATUM(number);
}

/* A player's number, rounded down.  One that is not in the range, as NaN, is an error. */
static int32
whole_number(double value, const char *name, int32 max)
{
	double		whole = floor(value);

	if (!(whole >= 0 && whole <= max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s %s is outside the range 0..%d", name,
						DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(value))), max)));
	return (int32) whole;
}

/* Never rounded up: 99.9 percent is not all. */
int32
whole_percent(double watched_pct)
{
	return whole_number(watched_pct, "watched_pct", 100);
}

int32
whole_position(double position_seconds)
{
	return whole_number(position_seconds, "position_seconds", PG_INT32_MAX);
}

char *
uuid_text(Datum uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, uuid));
}

bool
same_uuid(Datum a, Datum b)
{
	return memcmp(DatumGetUUIDP(a), DatumGetUUIDP(b), UUID_LEN) == 0;
}

/* An array of uuids, for a query. */
Datum
uuid_array(Datum *uuids, int count)
{
	return PointerGetDatum(construct_array(uuids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

/* Of texts that may be missing, which is NULL. */
bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Whether a text is this word. */
bool
text_is(const text *value, const char *word)
{
	size_t		len = strlen(word);

	return VARSIZE_ANY_EXHDR(value) == len && memcmp(VARDATA_ANY(value), word, len) == 0;
}

/* As much of a text as an error quotes: at most 60 whole characters. */
char *
quotable(const char *text, int len)
{
	/* No character has less than a byte. */
	return pnstrdup(text, len <= 60 ? len : pg_mbcharcliplen(text, len, 60));
}

/* A course that a learner may not see has the same error as one that does not exist. */
void
missing_course(Datum course_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("course \"%s\" does not exist", uuid_text(course_id)),
			 errdetail("For a learner, an unpublished course does not exist.")));
}

/* prefix names the report of a batch, and is else empty. */
void
missing_lesson(const char *prefix, Datum lesson_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("%slesson \"%s\" does not exist", prefix, uuid_text(lesson_id)),
			 errdetail("No published course has such a lesson.")));
}

/* What an error says of a reason of REFUSAL_SQL. */
static const char *
refusal_detail(const char *reason, TimestampTz unlocks_at)
{
	if (strcmp(reason, "expired") == 0)
		return "The reason is \"expired\": the enrollment has ended.";
	if (strcmp(reason, "tier") == 0)
		return "The reason is \"tier\": the tier in the learner's JWT is too low for the course.";
	if (strcmp(reason, "date") == 0)
		return psprintf("The reason is \"date\": it opens at %s.", timestamptz_to_str(unlocks_at));
	if (strcmp(reason, "sequence") == 0)
		return "The reason is \"sequence\": an earlier lesson must be completed first.";
	return psprintf("The reason is \"%s\".", reason);
}

/* The user may not watch this lesson (rules R8, R12), for a reason of REFUSAL_SQL. */
void
refuse_lesson(const char *prefix, Datum user_id, Datum lesson_id, const char *reason,
			  TimestampTz unlocks_at)
{
	if (strcmp(reason, "not_enrolled") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%suser \"%s\" is not enrolled in the course of lesson \"%s\"",
						prefix, uuid_text(user_id), uuid_text(lesson_id)),
				 errhint("Enroll the user first; only a preview lesson can be watched without.")));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%slesson \"%s\" is closed to user \"%s\"",
					prefix, uuid_text(lesson_id), uuid_text(user_id)),
			 errdetail_internal("%s", refusal_detail(reason, unlocks_at))));
}

/* Whether an error says that this foreign key is violated. */
static bool
is_violation(const ErrorData *error, const char *constraint)
{
	return error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION &&
		error->constraint_name != NULL &&
		strcmp(error->constraint_name, constraint) == 0;
}

bool
is_missing_user(const ErrorData *error)
{
	return is_violation(error, "content_progress_user_id_fkey") ||
		is_violation(error, "enrollments_user_id_fkey");
}

/*
 * In PG_CATCH: puts the error of a foreign key into our words.  id is the lesson or course of the
 * statement; 0 if it was about several.  prefix names the report of a batch that names users, and
 * is else empty.  Other errors stay as they are.
 */
void
rethrow_missing_key(MemoryContext context, const char *prefix, Datum user_id, Datum id)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (id != 0 && is_violation(error, "content_progress_lesson_id_fkey"))
	{
		FlushErrorState();
		missing_lesson("", id);
	}
	if (id != 0 && is_violation(error, "enrollments_course_id_fkey"))
	{
		FlushErrorState();
		missing_course(id);
	}
	if (is_missing_user(error))
	{
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("%suser \"%s\" does not exist", prefix, uuid_text(user_id)),
				 errdetail("auth.users has no such id.")));
	}
	PG_RE_THROW();
}
