/* plans.h: the queries of this library and the plans kept for them. */
#ifndef CONTENT_LIBRARY_PLANS_H
#define CONTENT_LIBRARY_PLANS_H

#include "executor/spi.h"

#include "content_library.h"

#define QUERY_MAX_ARGS 9

/* A query; its %1$s stands for the quoted name of the extension's schema. */
typedef struct LibraryQuery
{
	const char *sql;
	int			nargs;
	Oid			argtypes[QUERY_MAX_ARGS];
	bool		as_caller;		/* run outside the boundary: names and operators are qualified */
	bool		sizes_differ;	/* planned for its values each time: some courses are large */
} LibraryQuery;

extern uint64 query_execute(const Library *library, const LibraryQuery *query,
							Datum *values, const char *nulls, bool read_only);
extern uint64 query_execute_latest(const Library *library, const LibraryQuery *query,
								   Datum *values);
extern void query_send(const Library *library, const LibraryQuery *query,
					   const Datum *values, DestReceiver *receiver);

#endif							/* CONTENT_LIBRARY_PLANS_H */
