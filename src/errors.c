/* errors.c: refuses arguments, and has the errors that several functions share. */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

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

void
check_watched_pct(int32 watched_pct)
{
	if (watched_pct < 0 || watched_pct > 100)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("watched_pct %d is outside the range 0..100", watched_pct)));
}

void
check_position(int32 position_seconds)
{
	if (position_seconds < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("position_seconds %d is negative", position_seconds)));
}

char *
uuid_text(Datum uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, uuid));
}

/* As much of a text as an error quotes: at most 60 whole characters. */
char *
quotable(const char *text, int len)
{
	return pnstrdup(text, pg_mbcharcliplen(text, len, 60));
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

void
missing_lesson(Datum lesson_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("lesson \"%s\" does not exist", uuid_text(lesson_id)),
			 errdetail("No published course has such a lesson.")));
}

/* The user may not watch this lesson (rule R8). */
void
not_enrolled(Datum user_id, Datum lesson_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("user \"%s\" is not enrolled in the course of lesson \"%s\"",
					uuid_text(user_id), uuid_text(lesson_id)),
			 errhint("Enroll the user first; only a preview lesson can be watched without.")));
}

/* Whether an error says that this foreign key is violated. */
static bool
is_violation(const ErrorData *error, const char *constraint)
{
	return error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION &&
		error->constraint_name != NULL &&
		strcmp(error->constraint_name, constraint) == 0;
}

/*
 * In PG_CATCH: puts the error of a foreign key into our words.  lesson_id is 0 if the
 * statement was not about one lesson.  Other errors stay as they are.
 */
void
rethrow_missing_key(MemoryContext context, Datum user_id, Datum lesson_id)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (lesson_id != 0 && is_violation(error, "content_progress_lesson_id_fkey"))
	{
		FlushErrorState();
		missing_lesson(lesson_id);
	}
	if (is_violation(error, "content_progress_user_id_fkey") ||
		is_violation(error, "enrollments_user_id_fkey"))
	{
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("user \"%s\" does not exist", uuid_text(user_id)),
				 errdetail("auth.users has no such id.")));
	}
	PG_RE_THROW();
}
