/* advance.c: what C and SQL each make of a row and a report; built and loaded by test/t/053_direct_paths.pl. */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "../../src/advance.h"
#include "../../src/rules.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(advance_sql);

/* The rule in SQL, for a table whose columns r_* are the report. */
Datum
advance_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text("UPDATE pairs AS p"
									 ADVANCE_SQL("p.r_pct", "p.r_at", "p.r_position") START_SQL("p.r_at")));
}

PG_FUNCTION_INFO_V1(advance_c);

/* The rule in C: watched_pct, last_watched, position_seconds, started_at, and the report. */
Datum
advance_c(PG_FUNCTION_ARGS)
{
	Advance		row = {
		.watched_pct = PG_GETARG_INT32(0), .last_watched = PG_GETARG_TIMESTAMPTZ(1),
		.position = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2), .has_position = !PG_ARGISNULL(2),
		.started_at = PG_ARGISNULL(3) ? 0 : PG_GETARG_TIMESTAMPTZ(3), .has_started = !PG_ARGISNULL(3)
	};
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "advance_c returns a row");
	row = advance(row, PG_GETARG_INT32(4), PG_GETARG_TIMESTAMPTZ(5), !PG_ARGISNULL(6),
				  PG_ARGISNULL(6) ? 0 : PG_GETARG_INT32(6), PG_GETARG_TIMESTAMPTZ(5));
	values[0] = Int32GetDatum(row.watched_pct);
	values[1] = TimestampTzGetDatum(row.last_watched);
	values[2] = Int32GetDatum(row.position);
	values[3] = TimestampTzGetDatum(row.started_at);
	nulls[2] = !row.has_position;
	nulls[3] = !row.has_started;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

PG_FUNCTION_INFO_V1(other_heap);

/* A table access method that does what the heap's does, and is another one. */
Datum
other_heap(PG_FUNCTION_ARGS)
{
	static TableAmRoutine routine;

	routine = *GetHeapamTableAmRoutine();
	PG_RETURN_POINTER(&routine);
}
