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
#include "boundary.h"
#include "members.h"

PG_FUNCTION_INFO_V1(content_library_check);
PG_FUNCTION_INFO_V1(content_library_warn_of_columns);

/* The columns that each part of the check returns. */
enum
{
	SEVERITY = 1, OBJECT, PROBLEM, REMEDY
};

/* The tables whose rows the third part reads. */
static const char *const read_tables[] = {
	"courses", "modules", "lessons", "content_progress"
};

/* What is missing of auth, as the argument of the first part. */
static NullableDatum
missing_auth(void)
{
	char	   *missing = auth_missing();
	NullableDatum answer = {.isnull = missing == NULL};

	if (missing != NULL)
		answer.value = CStringGetTextDatum(missing);
	return answer;
}

/* Calls a part of the check, which has one argument or none, and returns its rows. */
static Tuplestorestate *
findings(const Library *library, const char *name, int nargs, NullableDatum argument, TupleDesc *desc)
{
	Oid			argtypes[] = {TEXTOID};
	FmgrInfo	function;
	ReturnSetInfo rows = {.type = T_ReturnSetInfo};

	LOCAL_FCINFO(call, 1);

	fmgr_info(library_function(library, name, nargs, argtypes), &function);
	rows.econtext = CreateStandaloneExprContext();
	rows.allowedModes = SFRM_ValuePerCall | SFRM_Materialize |
		SFRM_Materialize_Random | SFRM_Materialize_Preferred;
	InitFunctionCallInfoData(*call, &function, nargs, InvalidOid, NULL, (fmNodePtr) &rows);
	call->args[0] = argument;
	(void) FunctionCallInvoke(call);

	/* Somebody can have replaced the function, so its answer is not trusted. */
	if (!function.fn_retset || rows.returnMode != SFRM_Materialize ||
		rows.setResult == NULL || rows.setDesc == NULL || rows.setDesc->natts != REMEDY)
		elog(ERROR, "%s() did not return findings", name);
	for (int i = 0; i < REMEDY; i++)
		if (TupleDescAttr(rows.setDesc, i)->atttypid != TEXTOID)
			elog(ERROR, "%s() did not return findings", name);
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
 * Whether one role owns all these tables and may read them.  If not, reading would fail,
 * and the second part of the check has a finding about it.
 */
static bool
may_read_rows(const Library *library)
{
	for (int i = 0; i < lengthof(read_tables); i++)
	{
		Oid			relation = get_relname_relid(read_tables[i], library->schema);

		if (!OidIsValid(relation) || relation_owner(relation) != library->owner ||
			pg_class_aclcheck(relation, library->owner, ACL_SELECT) != ACLCHECK_OK)
			return false;
	}
	return true;
}

/* Adds the findings of a severity to the answer. */
static void
add_findings(ReturnSetInfo *answer, Tuplestorestate *rows, TupleDesc desc, const char *severity)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
		if (strcmp(finding_text(slot, SEVERITY), severity) == 0)
			tuplestore_puttupleslot(answer->setResult, slot);
	ExecDropSingleTupleTableSlot(slot);
}

/* The worst findings come first, and within a severity those of the first part. */
Datum
content_library_check(PG_FUNCTION_ARGS)
{
	static const char *const severities[] = {"error", "warning", "notice"};
	bool		with_rows = DatumGetBool(required_arg(fcinfo, 0, "rows"));
	NullableDatum none = {0, true};
	Tuplestorestate *parts[3];
	TupleDesc	descs[3];
	int			nparts = 0;
	Library		library;
	Boundary	boundary;

	InitMaterializedSRF(fcinfo, 0);
	library_find(&library, fcinfo->flinfo->fn_oid);
	become_owner(&boundary, &library);
	parts[nparts] = findings(&library, "content_library_check_definitions", 1,
							 missing_auth(), &descs[nparts]);
	nparts++;
	parts[nparts] = findings(&library, "content_library_check_rights", 0, none, &descs[nparts]);
	nparts++;
	/* content_library_check(false) leaves out the part that reads whole tables. */
	if (with_rows && may_read_rows(&library))
	{
		parts[nparts] = findings(&library, "content_library_check_rows", 0, none, &descs[nparts]);
		nparts++;
	}
	become_caller(&boundary);

	/* Three passes are simpler than a sort, and the answer is small. */
	for (int i = 0; i < lengthof(severities); i++)
		for (int part = 0; part < nparts; part++)
			add_findings((ReturnSetInfo *) fcinfo->resultinfo, parts[part], descs[part],
						 severities[i]);
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
		rows = findings(&library, "content_library_check_definitions", 1, missing_auth(), &desc);
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
