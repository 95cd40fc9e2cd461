/* result.h: reads what a query returned, never as another type than it has. */
#ifndef CONTENT_LIBRARY_RESULT_H
#define CONTENT_LIBRARY_RESULT_H

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/execnodes.h"

/*
 * A column counts from 1.  The owner of the tables may have altered them: a
 * value of another type, or a NULL where none is expected, is an error.
 */
extern Datum result_value(uint64 row, int column, Oid type);
extern Datum result_nullable(uint64 row, int column, Oid type, bool *isnull);
extern Datum *result_uuids(int column);

/* The number of a column in the rows of a trigger. */
extern int	result_column(Relation table, const char *name, Oid type);

/* All columns of a row at once.  Here they count from 0. */
typedef struct ResultRow
{
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;
} ResultRow;

extern ResultRow result_row(int columns, const Oid *types);
extern void result_row_read(ResultRow *row, uint64 number);
extern Datum result_row_value(const ResultRow *row, int column);

/* The same of a composite value; result_record_end() comes after it. */
extern ResultRow result_record(Datum record, int columns, const Oid *types);
extern void result_record_end(ResultRow *row);

/* And of the answer of one of our functions, which may have been replaced. */
extern ResultRow result_call(Oid function, Datum arg, int columns, const Oid *types);

/*
 * For query_send(): gives each row to a function while the query runs, and keeps none.  The
 * values last as long as that function, and what it allocates as long as the query.
 */
typedef struct ResultReceiver
{
	DestReceiver dest;			/* first, because the server knows nothing else */
	int			columns;
	const Oid  *types;
	void		(*receive) (void *to, const ResultRow *row);
	void	   *to;
} ResultReceiver;

extern ResultReceiver result_receiver(int columns, const Oid *types,
									  void (*receive) (void *to, const ResultRow *row), void *to);

/* Returns all rows as those of the called function. */
extern void result_return(ReturnSetInfo *to);

static inline int32
result_int32(uint64 row, int column)
{
	return DatumGetInt32(result_value(row, column, INT4OID));
}

static inline bool
result_bool(uint64 row, int column)
{
	return DatumGetBool(result_value(row, column, BOOLOID));
}

#endif							/* CONTENT_LIBRARY_RESULT_H */
