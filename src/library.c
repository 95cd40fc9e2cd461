/* library.c: loading, settings, and what every function asks about its call. */
#include "postgres.h"

#include <limits.h>

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "library.h"

PG_MODULE_MAGIC;

int			library_completion_threshold = 90;
int			library_heartbeat_interval = 15;
char	   *library_mux_playback_policies = NULL;

void		_PG_init(void);

/* The names in a list of Mux's playback policies; NIL if it is not one. */
List *
library_mux_policies(const char *setting)
{
	List	   *policies;
	ListCell   *cell;

	if (!SplitIdentifierString(pstrdup(setting), ',', &policies))
		return NIL;
	foreach(cell, policies)
	{
		const char *policy = lfirst(cell);

		if (strcmp(policy, "public") != 0 && strcmp(policy, "signed") != 0 &&
			strcmp(policy, "drm") != 0)
			return NIL;
	}
	return policies;
}

static bool
check_mux_playback_policies(char **newval, void **extra, GucSource source)
{
	if (library_mux_policies(*newval) != NIL)
		return true;
	GUC_check_errdetail("It is a list of at least one of: public, signed, drm.");
	return false;
}

void
_PG_init(void)
{
	/* PGC_SUSET: a learner must not lower the bar. */
	DefineCustomIntVariable("content_library.completion_threshold",
							"Percentage of a lesson that must be watched to complete it.",
							"Applies where neither the lesson nor its course has a threshold of its own.",
							&library_completion_threshold,
							90, 1, 100,
							PGC_SUSET, 0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("content_library.heartbeat_interval",
							"Time within which a report that changes nothing else is not written.",
							"0 writes every report.",
							&library_heartbeat_interval,
							15, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomStringVariable("content_library.mux_playback_policies",
							   "Playback policies of Mux that a lesson may use, the preferred first.",
							   "An asset without a playback id of one of them cannot be played.",
							   &library_mux_playback_policies,
							   "public,signed",
							   PGC_SUSET, GUC_LIST_INPUT,
							   check_mux_playback_policies, NULL, NULL);

	MarkGUCPrefixReserved("content_library");
}

/* A table of the library, by its name in the library's schema. */
Oid
library_relation(const Library *library, const char *name)
{
	Oid			relation = get_relname_relid(name, library->schema);

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the table \"%s\" of content_library does not exist", name),
				 errhint("It was renamed or moved: give it back its name.")));
	return relation;
}

Oid
relation_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Finds the installation that a called function belongs to. */
void
library_find(Library *library, Oid function)
{
	library->function = function;
	library->schema = get_func_namespace(library->function);
	library->schema_name = get_namespace_name(library->schema);
	if (library->schema_name == NULL)
		elog(ERROR, "cache lookup failed for function %u", library->function);
	library->owner = relation_owner(library_relation(library, "content_progress"));
}

/*
 * Takes a lock for the rest of the transaction, of a class of advisory locks
 * that no function in SQL can take: nobody holds it up by hand.
 */
void
library_lock(uint64 key, LOCKMODE mode)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, 3);
	(void) LockAcquire(&tag, mode, false, false);
}

/* The same, without waiting; false if somebody else holds it. */
bool
library_try_lock(uint64 key, LOCKMODE mode)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, 3);
	return LockAcquire(&tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

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

/* As much of a text as an error quotes: 60 characters. */
char *
quotable(const char *text, int len)
{
	return pnstrdup(text, pg_mbcharcliplen(text, len, 60));
}

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

void
not_enrolled(Datum user_id, Datum lesson_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("user \"%s\" is not enrolled in the course of lesson \"%s\"",
					uuid_text(user_id), uuid_text(lesson_id)),
			 errhint("Enroll the user first; only a preview lesson can be watched without.")));
}

static bool
is_violation(const ErrorData *error, const char *constraint)
{
	return error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION &&
		error->constraint_name != NULL &&
		strcmp(error->constraint_name, constraint) == 0;
}

/* In PG_CATCH: says in our words what a foreign key found missing. */
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
