/* claim.c: claims the completion of a course, once for each enrollment (rule R10). */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "claim.h"
#include "plans.h"

/* The enrollment e of user $1 in the course of lesson $2, while not completed. */
#define OPEN_ENROLLMENT_SQL \
	"  FROM %1$s.lessons AS l" \
	"  JOIN %1$s.modules AS m ON m.id OPERATOR(pg_catalog.=) l.module_id" \
	"  JOIN %1$s.enrollments AS e ON e.course_id OPERATOR(pg_catalog.=) m.course_id" \
	" WHERE l.id OPERATOR(pg_catalog.=) $2" \
	"   AND e.user_id OPERATOR(pg_catalog.=) $1" \
	"   AND e.completed_at IS NULL"

/* Whether the learner of enrollment e has completed each required lesson there is. */
#define ALL_COMPLETED_SQL \
	" EXISTS (" \
	"   SELECT FROM %1$s.modules AS rm" \
	"   JOIN %1$s.lessons AS rl ON rl.module_id OPERATOR(pg_catalog.=) rm.id" \
	"   WHERE rm.course_id OPERATOR(pg_catalog.=) e.course_id AND rl.is_required)" \
	" AND NOT EXISTS (" \
	"   SELECT FROM %1$s.modules AS rm" \
	"   JOIN %1$s.lessons AS rl ON rl.module_id OPERATOR(pg_catalog.=) rm.id" \
	"   WHERE rm.course_id OPERATOR(pg_catalog.=) e.course_id AND rl.is_required" \
	"     AND NOT EXISTS (" \
	"       SELECT FROM %1$s.content_progress AS p" \
	"        WHERE p.user_id OPERATOR(pg_catalog.=) e.user_id" \
	"          AND p.lesson_id OPERATOR(pg_catalog.=) rl.id" \
	"          AND p.completed))"

static const LibraryQuery completed_enrollment = {
	"SELECT e.id" OPEN_ENROLLMENT_SQL " AND " ALL_COMPLETED_SQL,
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery lock_enrollment = {
	"SELECT e.id" OPEN_ENROLLMENT_SQL " FOR NO KEY UPDATE OF e",
	2, {UUIDOID, UUIDOID}
};

static const LibraryQuery complete_enrollment = {
	"UPDATE %1$s.enrollments AS e"
	"   SET completed_at = $2"
	" WHERE e.id OPERATOR(pg_catalog.=) $1 AND e.completed_at IS NULL AND " ALL_COMPLETED_SQL
	" RETURNING pg_catalog.json_build_object("
	"   'event', 'course_completed', 'course_id', e.course_id,"
	"   'user_id', e.user_id, 'completed_at', e.completed_at)::pg_catalog.text",
	2, {UUIDOID, TIMESTAMPTZOID}
};

/* The role that owns the enrollments. */
static Oid
enrollments_owner(const char *schema)
{
	Oid			relation = get_relname_relid("enrollments", get_namespace_oid(schema, false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for the table enrollments");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * The rows of the learner's devices are written in any order and at once: each
 * locks the enrollment before it looks, so that the last one sees them all,
 * whatever snapshot its transaction has.
 */
static void
lock_and_complete(const char *schema, Datum user_id, Datum lesson_id, TimestampTz at)
{
	Datum		values[] = {user_id, lesson_id};
	Datum		event;
	bool		isnull;

	if (query_execute(&lock_enrollment, schema, values, NULL, false) == 0)
		return;

	values[0] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	values[1] = TimestampTzGetDatum(at);
	if (query_execute_latest(&complete_enrollment, schema, values) == 0)
		return;

	event = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	Async_Notify("content_library", TextDatumGetCString(event));
}

/*
 * Sets enrollments.completed_at and sends one event if the course of a lesson
 * is completed now.  A learner may not write there, so this acts as the owner
 * of the table, as the server's own foreign keys do, in a security-restricted
 * operation and with a search path that the learner does not choose: triggers
 * that the owner has put on enrollments run here.
 *
 * A report that has just completed a lesson takes the lock at once; any other
 * looks first, and mostly finds nothing to do.
 */
void
claim_completion(const char *schema, Datum user_id, Datum lesson_id,
				 TimestampTz at, bool lesson_just_completed)
{
	Datum		values[] = {user_id, lesson_id};
	int			guc_level = NewGUCNestLevel();
	int			security;
	Oid			caller;

	GetUserIdAndSecContext(&caller, &security);
	SetUserIdAndSecContext(enrollments_owner(schema),
						   security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);

	if (lesson_just_completed ||
		query_execute(&completed_enrollment, schema, values, NULL, false) > 0)
		lock_and_complete(schema, user_id, lesson_id, at);

	AtEOXact_GUC(true, guc_level);
	SetUserIdAndSecContext(caller, security);
}
