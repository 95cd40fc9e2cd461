/* result.c: reads what a query returned, never as another type than it has. */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "result.h"

/*
 * Refuses to read another type than is expected.  A Datum has no type of its own: read as the
 * wrong one, it can be any address in memory.
 */
static void
check_found(Oid found, Oid type)
{
	if (found != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("content_library reads %s where it expects %s",
						OidIsValid(found) ? format_type_be(found) : "nothing", format_type_be(type)),
				 errdetail("A column of its tables was altered, or one of its functions."),
				 errhint("content_library_check() says which, and how to bring it back.")));
}

static void
check_type(TupleDesc desc, int column, Oid type)
{
	check_found(column <= desc->natts ? SPI_gettypeid(desc, column) : InvalidOid, type);
}

/* The number of a column of a trigger's table. */
int
result_column(Relation table, const char *name, Oid type)
{
	int			number = SPI_fnumber(RelationGetDescr(table), name);

	if (number <= 0 || SPI_gettypeid(RelationGetDescr(table), number) != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("content_library finds no column \"%s\" of type %s in \"%s\"",
						name, format_type_be(type), RelationGetRelationName(table)),
				 errdetail("The table was altered."),
				 errhint("content_library_check() says how to bring it back.")));
	return number;
}

static void
refuse_null(TupleDesc desc, int column)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("content_library reads NULL in \"%s\", where it expects a value",
					NameStr(TupleDescAttr(desc, column - 1)->attname)),
			 errdetail("A column of its tables was altered to accept NULL."),
			 errhint("content_library_check() says which, and how to bring it back.")));
}

/* A value that may be NULL. */
Datum
result_nullable(uint64 row, int column, Oid type, bool *isnull)
{
	if (row >= SPI_processed)
		elog(ERROR, "a query of content_library has returned no row");
	check_type(SPI_tuptable->tupdesc, column, type);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

/* A value that is never NULL. */
Datum
result_value(uint64 row, int column, Oid type)
{
	bool		isnull;
	Datum		value = result_nullable(row, column, type, &isnull);

	if (isnull)
		refuse_null(SPI_tuptable->tupdesc, column);
	return value;
}

/* A column of uuids, of all rows. */
Datum *
result_uuids(int column)
{
	Datum	   *uuids = palloc(SPI_processed * sizeof(Datum));

	for (uint64 row = 0; row < SPI_processed; row++)
		uuids[row] = result_value(row, column, UUIDOID);
	return uuids;
}

static void
check_types(TupleDesc desc, int columns, const Oid *types)
{
	for (int i = 0; i < columns; i++)
		check_type(desc, i + 1, types[i]);
	if (desc->natts != columns)
		elog(ERROR, "a query of content_library returns %d columns in place of %d",
			 desc->natts, columns);
}

/* Room for rows whose columns must have these types. */
static ResultRow
make_row(TupleDesc desc, int columns, const Oid *types)
{
	ResultRow	row = {desc, palloc(columns * sizeof(Datum)), palloc(columns * sizeof(bool))};

	check_types(desc, columns, types);
	return row;
}

/* Room for the rows of the last query. */
ResultRow
result_row(int columns, const Oid *types)
{
	return make_row(SPI_tuptable->tupdesc, columns, types);
}

ResultRow
result_record(Datum record, int columns, const Oid *types)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(record);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	ResultRow	row = make_row(lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
													  HeapTupleHeaderGetTypMod(header)),
							   columns, types);

	heap_deform_tuple(&tuple, row.desc, row.values, row.nulls);
	return row;
}

ResultRow
result_call(Oid function, Datum arg, int columns, const Oid *types)
{
	check_found(get_func_rettype(function), RECORDOID);
	return result_record(OidFunctionCall1(function, arg), columns, types);
}

void
result_record_end(ResultRow *row)
{
	ReleaseTupleDesc(row->desc);
}

void
result_row_read(ResultRow *row, uint64 number)
{
	heap_deform_tuple(SPI_tuptable->vals[number], row->desc, row->values, row->nulls);
}

/* A value of the row, if it is never NULL. */
Datum
result_row_value(const ResultRow *row, int column)
{
	if (row->nulls[column])
		refuse_null(row->desc, column + 1);
	return row->values[column];
}

static void
begin_rows(DestReceiver *self, int operation, TupleDesc desc)
{
	ResultReceiver *receiver = (ResultReceiver *) self;

	check_types(desc, receiver->columns, receiver->types);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	ResultReceiver *receiver = (ResultReceiver *) self;
	ResultRow	row;

	slot_getallattrs(slot);
	row = (ResultRow) {slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull};
	receiver->receive(receiver->to, &row);
	return true;
}

/* There is nothing to end and nothing to free. */
static void
do_nothing(DestReceiver *self)
{
}

ResultReceiver
result_receiver(int columns, const Oid *types, void (*receive) (void *to, const ResultRow *row), void *to)
{
	return (ResultReceiver) {
		{receive_row, begin_rows, do_nothing, do_nothing, DestNone}, columns, types, receive, to
	};
}

/*
 * Returns all rows of the last query.  They must have the columns that the called function
 * returns.
 */
void
result_return(ReturnSetInfo *to)
{
	for (int i = 0; i < to->setDesc->natts; i++)
		check_type(SPI_tuptable->tupdesc, i + 1, TupleDescAttr(to->setDesc, i)->atttypid);
	for (uint64 row = 0; row < SPI_processed; row++)
		tuplestore_puttuple(to->setResult, SPI_tuptable->vals[row]);
}
