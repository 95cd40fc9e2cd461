/* check.c: content_library_check(), and its warning as soon as a column is changed. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "auth.h"
#include "call.h"
#include "members.h"
#include "result.h"
#include "rules.h"

PG_FUNCTION_INFO_V1(content_library_check);
PG_FUNCTION_INFO_V1(content_library_warn_of_columns);

/* The columns of a finding. */
enum
{
	SEVERITY = 1, OBJECT, PROBLEM, REMEDY
};

/* The columns that row_findings reads. */
static const struct
{
	const char *table;
	const char *name;
	Oid			type;
}			read_columns[] = {
	{"courses", "id", UUIDOID}, {"courses", "completion_threshold", INT4OID},
	{"courses", "is_published", BOOLOID}, {"courses", "tier_required", TEXTOID},
	{"courses", "progress_by", TEXTOID},
	{"course_prerequisites", "course_id", UUIDOID}, {"course_prerequisites", "required_course_id", UUIDOID},
	{"modules", "id", UUIDOID}, {"modules", "course_id", UUIDOID},
	{"modules", "sort_order", INT4OID}, {"modules", "created_at", TIMESTAMPTZOID},
	{"lessons", "id", UUIDOID}, {"lessons", "module_id", UUIDOID},
	{"lessons", "sort_order", INT4OID}, {"lessons", "created_at", TIMESTAMPTZOID},
	{"lessons", "completion_threshold", INT4OID}, {"lessons", "is_required", BOOLOID},
	{"lessons", "is_published", BOOLOID}, {"lessons", "mux_status", TEXTOID},
	{"lessons", "mux_upload_id", TEXTOID}, {"lessons", "mux_asset_id", TEXTOID},
	{"lessons", "mux_playback_id", TEXTOID}, {"lessons", "is_preview", BOOLOID},
	{"lessons", "unlock_at", TIMESTAMPTZOID}, {"lessons", "progress_by", TEXTOID},
	{"mux_events", "playback_ids", JSONBOID},
	{"modules", "unlock_at", TIMESTAMPTZOID},
	{"content_progress", "lesson_id", UUIDOID}, {"content_progress", "watched_pct", INT4OID},
	{"content_progress", "completed", BOOLOID},
	{"certificates", "course_id", UUIDOID}, {"certificates", "revoked_at", TIMESTAMPTZOID}
};

/*
 * What is wrong with rows: a sort_order that is used twice, progress that has reached its
 * threshold ($1 is the setting) and is not completed, and what nobody can complete: courses
 * that require each other, or one without a required lesson, and required lessons that never
 * open or have no video; videos of paid courses that whoever knows the playback id can watch.
 * Then what learners could forge certificates or progress (rule R13) with: direct writing ($2
 * is whether they may), and percentages that nobody checks.  It reads all of content_progress
 * and mux_events once; docs/reference.md says what that costs.  The comparison with the lowest
 * threshold follows from the one before, and keeps most rows out of the join.  Moving the last
 * module or lesson to the end numbers all of them, and keeps their order.
 */
static const LibraryQuery row_findings = {
	"WITH RECURSIVE extension AS ("
	"   SELECT e.extnamespace::regnamespace::text AS schema"
	"   FROM pg_extension AS e"
	"   WHERE e.extname = 'content_library'"
	" ), thresholds AS MATERIALIZED ("
	"   SELECT l.id AS lesson_id, m.course_id, " THRESHOLD_SQL("$1") " AS threshold"
	"   FROM %1$s.lessons AS l"
	"   JOIN %1$s.modules AS m ON m.id = l.module_id"
	" ), due AS ("
	"   SELECT b.course_id, count(*) AS n"
	"   FROM %1$s.content_progress AS p"
	"   JOIN thresholds AS b ON b.lesson_id = p.lesson_id"
	"   WHERE NOT p.completed AND p.watched_pct >= b.threshold"
	"     AND p.watched_pct >= (SELECT min(threshold) FROM thresholds)"
	"   GROUP BY b.course_id"
	" ), crowded AS ("
	"   SELECT 'modules' AS children, 'course' AS parent, m.course_id AS id,"
	"     count(*) - count(DISTINCT m.sort_order) AS n,"
	"     format('move_module(%%L)',"
	"       (array_agg(m.id ORDER BY m.sort_order DESC, m.created_at DESC, m.id DESC))[1]) AS move"
	"   FROM %1$s.modules AS m"
	"   GROUP BY m.course_id"
	"   UNION ALL"
	"   SELECT 'lessons', 'module', l.module_id,"
	"     count(*) - count(DISTINCT l.sort_order),"
	"     format('move_lesson(%%L, %%L)',"
	"       (array_agg(l.id ORDER BY l.sort_order DESC, l.created_at DESC, l.id DESC))[1], l.module_id)"
	"   FROM %1$s.lessons AS l"
	"   GROUP BY l.module_id"
	" ), needed AS ("
	"   SELECT q.course_id, q.required_course_id FROM %1$s.course_prerequisites AS q"
	"   UNION"
	"   SELECT n.course_id, q.required_course_id"
	"   FROM needed AS n"
	"   JOIN %1$s.course_prerequisites AS q ON q.course_id = n.required_course_id"
	" ), stuck AS ("
	"   SELECT l.id, CASE"
	"       WHEN GREATEST(l.unlock_at, m.unlock_at) = 'infinity' THEN 'its unlock_at is infinity'"
	"       WHEN l.mux_status = 'error' THEN 'Mux could not make its video'"
	"       WHEN l.mux_status = 'pending' AND l.mux_upload_id IS NOT NULL"
	"       THEN 'its upload has not become a video'"
	"       WHEN l.mux_status = 'pending' AND l.mux_asset_id IS NOT NULL"
	"       THEN 'its asset has not become a video' END AS reason"
	"   FROM %1$s.lessons AS l"
	COURSE_OF_LESSON_SQL
	"   WHERE " COUNTS_SQL("l") " AND c.is_published"
	" ), open_to_all AS ("
	"   SELECT c.id AS course_id, count(*) AS n"
	"   FROM %1$s.lessons AS l"
	COURSE_OF_LESSON_SQL
	"   WHERE c.tier_required <> 'free' AND l.mux_status = 'ready' AND NOT l.is_preview"
	"     AND l.mux_playback_id IN ("
	"       SELECT p.id"
	"       FROM %1$s.mux_events AS e"
	"       CROSS JOIN LATERAL jsonb_to_recordset("
	"         CASE WHEN jsonb_typeof(e.playback_ids) = 'array' THEN e.playback_ids END)"
	"         AS p(id text, policy text)"
	"       WHERE p.policy = 'public')"
	"   GROUP BY c.id"
	" ), certified AS ("
	"   SELECT k.course_id, count(*) AS n"
	"   FROM %1$s.certificates AS k"
	"   WHERE k.revoked_at IS NULL"
	"   GROUP BY k.course_id"
	" ), finding(severity, object, problem, remedy) AS ("
	"   SELECT 'warning', format('course %%s', n.course_id),"
	"     'its prerequisites lead back to it, so nobody can enroll',"
	"     format('DELETE FROM %%s.course_prerequisites WHERE course_id = %%L;', x.schema, n.course_id)"
	"   FROM needed AS n"
	"   CROSS JOIN extension AS x"
	"   WHERE n.course_id = n.required_course_id"
	"   UNION ALL"
	"   SELECT 'warning', format('course %%s', q.course_id),"
	"     format('it requires course %%s, which nobody can complete: that has no required lesson', q.required_course_id),"
	"     format('DELETE FROM %%s.course_prerequisites WHERE course_id = %%L AND required_course_id = %%L;',"
	"       x.schema, q.course_id, q.required_course_id)"
	"   FROM %1$s.course_prerequisites AS q"
	"   CROSS JOIN extension AS x"
	"   WHERE NOT EXISTS ("
	"     SELECT FROM %1$s.modules AS m"
	"     JOIN %1$s.lessons AS l ON l.module_id = m.id"
	"     WHERE m.course_id = q.required_course_id AND " COUNTS_SQL("l") ")"
	"   UNION ALL"
	"   SELECT 'notice', format('lesson %%s', s.id),"
	"     format('learners cannot complete it, and so not its course: %%s', s.reason),"
	"     format('Correct that, or: UPDATE %%s.lessons SET is_required = false WHERE id = %%L;', x.schema, s.id)"
	"   FROM stuck AS s"
	"   CROSS JOIN extension AS x"
	"   WHERE s.reason IS NOT NULL"
	"   UNION ALL"
	"   SELECT 'notice', format('course %%s', o.course_id),"
	"     format('%%s of its lessons have a public playback id, so whoever reads it can watch without the tier', o.n),"
	"     'Give the assets a playback id of the policy signed at Mux, delete the public one, and create new assets with the policy signed.'"
	"   FROM open_to_all AS o"
	"   UNION ALL"
	"   SELECT 'notice', format('%%s %%s', c.parent, c.id),"
	"     format('%%s of its %%s have the sort_order of another: their age decides which is first', c.n, c.children),"
	"     format('SELECT %%s.%%s;', x.schema, c.move)"
	"   FROM crowded AS c"
	"   CROSS JOIN extension AS x"
	"   WHERE c.n > 0"
	"   UNION ALL"
	"   SELECT 'notice', 'strict mode',"
	"     format('it is off: learners can write directly what progress_by keeps from them (courses: %%s)', count(*)),"
	"     format('SELECT %%s.content_library_strict();', x.schema)"
	"   FROM %1$s.courses AS c"
	"   CROSS JOIN extension AS x"
	"   WHERE $2"
	"     AND (c.progress_by <> 'report'"
	"          OR EXISTS (SELECT FROM %1$s.modules AS m"
	"                     JOIN %1$s.lessons AS l ON l.module_id = m.id"
	"                     WHERE m.course_id = c.id AND l.progress_by <> 'report'))"
	"   GROUP BY x.schema"
	"   UNION ALL"
	"   SELECT 'notice', format('course %%s', d.course_id),"
	"     format('%%s rows of content_progress have reached the threshold and are not completed', d.n),"
	"     format('SELECT %%s.recompute_completion(%%L);', x.schema, d.course_id)"
	"   FROM due AS d"
	"   CROSS JOIN extension AS x"
	"   UNION ALL"
	"   SELECT 'notice', 'table certificates',"
	"     format('learners may write their own progress directly, and so forge what %%s certificates rest on', sum(k.n)),"
	"     format('SELECT %%s.content_library_strict();', x.schema)"
	"   FROM certified AS k"
	"   CROSS JOIN extension AS x"
	"   WHERE $2"
	"   GROUP BY x.schema"
	"   UNION ALL"
	"   SELECT 'notice', format('course %%s', c.id),"
	"     format('it has %%s certificates, and its progress is what players report, which nobody checks', k.n),"
	"     format('UPDATE %%s.courses SET progress_by = ''watch'' WHERE id = %%L;', x.schema, c.id)"
	"   FROM certified AS k"
	"   JOIN %1$s.courses AS c ON c.id = k.course_id"
	"   CROSS JOIN extension AS x"
	"   WHERE c.progress_by = 'report'"
	" )"
	" SELECT f.severity, f.object, f.problem, f.remedy"
	" FROM finding AS f"
	" ORDER BY f.object COLLATE \"C\", f.problem COLLATE \"C\"",
	2, {INT4OID, BOOLOID}, .sizes_differ = true
};

/* What content_library_findings() says of definitions and rights. */
static Tuplestorestate *
findings(const Library *library, TupleDesc *desc)
{
	Oid			argtype = TEXTOID;
	char	   *missing = auth_missing();
	FmgrInfo	function;
	ReturnSetInfo rows = {.type = T_ReturnSetInfo};

	LOCAL_FCINFO(call, 1);

	fmgr_info(library_function(library, "content_library_findings", 1, &argtype), &function);
	rows.econtext = CreateStandaloneExprContext();
	rows.allowedModes = SFRM_ValuePerCall | SFRM_Materialize |
		SFRM_Materialize_Random | SFRM_Materialize_Preferred;
	InitFunctionCallInfoData(*call, &function, 1, InvalidOid, NULL, (fmNodePtr) &rows);
	call->args[0].isnull = missing == NULL;
	if (missing != NULL)
		call->args[0].value = CStringGetTextDatum(missing);
	(void) FunctionCallInvoke(call);

	/* Somebody can have replaced the function, so its answer is not trusted. */
	if (!function.fn_retset || rows.returnMode != SFRM_Materialize ||
		rows.setResult == NULL || rows.setDesc == NULL || rows.setDesc->natts != REMEDY)
		elog(ERROR, "content_library_findings() did not return findings");
	for (int i = 0; i < REMEDY; i++)
		if (TupleDescAttr(rows.setDesc, i)->atttypid != TEXTOID)
			elog(ERROR, "content_library_findings() did not return findings");
	*desc = rows.setDesc;
	return rows.setResult;
}

/* A column of a finding.  Ours are never NULL. */
static char *
finding_text(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? pstrdup("") : TextDatumGetCString(value);
}

/*
 * Whether the columns are there, in tables of ours that one role owns and may read.  If not,
 * reading would fail, and there is another finding that says why.
 */
static bool
can_read_rows(const Library *library)
{
	for (int i = 0; i < lengthof(read_columns); i++)
	{
		Oid			relation = get_relname_relid(read_columns[i].table, library->schema);

		if (!OidIsValid(relation) || get_rel_relkind(relation) != RELKIND_RELATION ||
			!is_member(library, RelationRelationId, relation) ||
			relation_owner(relation) != library->owner ||
			pg_class_aclcheck(relation, library->owner, ACL_SELECT) != ACLCHECK_OK ||
			get_atttype(relation, get_attnum(relation, read_columns[i].name)) != read_columns[i].type)
			return false;
	}
	return true;
}

/* Adds findings to the answer. */
static void
add_findings(ReturnSetInfo *answer, Tuplestorestate *rows, TupleDesc desc)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	while (tuplestore_gettupleslot(rows, true, false, slot))
		tuplestore_puttupleslot(answer->setResult, slot);
	ExecDropSingleTupleTableSlot(slot);
}

/* The worst findings come first.  Those about rows come last: all of them are notices. */
Datum
content_library_check(PG_FUNCTION_ARGS)
{
	bool		with_rows = DatumGetBool(required_arg(fcinfo, 0, "rows"));
	ReturnSetInfo *answer = (ReturnSetInfo *) fcinfo->resultinfo;
	Tuplestorestate *rows;
	TupleDesc	desc;
	Call		call;

	InitMaterializedSRF(fcinfo, 0);
	call_begin(&call, fcinfo);
	rows = findings(&call.library, &desc);
	add_findings(answer, rows, desc);
	/* content_library_check(false) leaves out what reads whole tables. */
	if (with_rows && can_read_rows(&call.library))
	{
		Datum		values[] = {
			Int32GetDatum(library_completion_threshold),
			BoolGetDatum(may_write_progress(&call.library))
		};

		query_execute(&call.library, &row_findings, values, NULL, true);
		result_return(answer);
	}
	call_end(&call);
	return (Datum) 0;
}

/*
 * The tables of this extension that the command altered; none if a script of an extension
 * did it.  All names are qualified, because the query runs with the user's search_path.
 */
static List *
altered_tables(const Library *library)
{
	const char *sql =
		"SELECT DISTINCT c.objid"
		"  FROM pg_catalog.pg_event_trigger_ddl_commands() AS c"
		" WHERE c.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
		"   AND NOT c.in_extension";
	List	   *tables = NIL;

	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "the commands of the event cannot be read");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		relation = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull && is_member(library, RelationRelationId, DatumGetObjectId(relation)))
			tables = list_append_unique_oid(tables, DatumGetObjectId(relation));
	}
	return tables;
}

/*
 * Whether a finding, and not a mere notice, is about a column whose label begins like this,
 * or about something of one: "column courses.x", "default of column courses.x".
 */
static bool
about_column(TupleTableSlot *slot, const char *column)
{
	const char *object = finding_text(slot, OBJECT);
	const char *found = strstr(object, column);

	return found != NULL && strcmp(finding_text(slot, SEVERITY), "notice") != 0 &&
		(found == object || found[-1] == ' ');
}

/* Raises what the check says of the columns of a table. */
static void
warn_of(Tuplestorestate *rows, TupleDesc desc, Oid relation)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	char	   *column = psprintf("column %s.", quote_identifier(get_rel_name(relation)));

	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
		if (about_column(slot, column))
			ereport(WARNING,
					(errmsg("%s: %s", finding_text(slot, OBJECT), finding_text(slot, PROBLEM)),
					 errhint("%s", finding_text(slot, REMEDY))));
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * Warns of the columns of the tables that the command altered.  Other tables cost only one
 * query.
 */
static void
warn_of_columns(Oid function)
{
	List	   *tables;
	ListCell   *cell;
	Tuplestorestate *rows;
	TupleDesc	desc;
	Library		library;
	Boundary	boundary;

	library_find(&library, function);
	SPI_connect();
	tables = altered_tables(&library);
	if (tables != NIL)
	{
		become_owner(&boundary, &library);
		pin_search_path();
		rows = findings(&library, &desc);
		foreach(cell, tables)
			warn_of(rows, desc, lfirst_oid(cell));
		become_caller(&boundary);
	}
	SPI_finish();
}

/*
 * The event trigger: says at once what the check would say of a column.  Only a cancelled
 * query's error leaves it, so that it can never make a command fail.  It reads the newest
 * catalogs, even if the transaction has an older snapshot.
 */
Datum
content_library_warn_of_columns(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("content_library_warn_of_columns() is for an event trigger")));

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		PushActiveSnapshot(GetLatestSnapshot());
		warn_of_columns(fcinfo->flinfo->fn_oid);
		PopActiveSnapshot();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (geterrcode() == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	PG_RETURN_NULL();
}
