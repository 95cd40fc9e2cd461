/* plans.h: the queries of this library and the plans kept for them. */
#ifndef CONTENT_LIBRARY_PLANS_H
#define CONTENT_LIBRARY_PLANS_H

#include "executor/spi.h"

#define QUERY_MAX_ARGS 9

/* A query; its %1$s stands for the quoted name of the extension's schema. */
typedef struct LibraryQuery
{
	const char *sql;
	int			nargs;
	Oid			argtypes[QUERY_MAX_ARGS];
} LibraryQuery;

extern uint64 query_execute(const LibraryQuery *query, const char *schema,
							Datum *values, const char *nulls, bool read_only);
extern uint64 query_execute_latest(const LibraryQuery *query, const char *schema,
								   Datum *values);
extern void query_send(const LibraryQuery *query, const char *schema, const Datum *values,
					   bool once, DestReceiver *receiver);
extern Datum query_value(void);

#endif							/* CONTENT_LIBRARY_PLANS_H */
