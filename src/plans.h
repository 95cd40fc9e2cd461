/* plans.h: the queries of this library, and how they are run. */
#ifndef CONTENT_LIBRARY_PLANS_H
#define CONTENT_LIBRARY_PLANS_H

#include "executor/spi.h"

#include "content_library.h"

#define QUERY_MAX_ARGS 10

/* A query.  %1$s in it stands for the quoted name of the extension's schema. */
typedef struct LibraryQuery
{
	const char *sql;
	int			nargs;
	Oid			argtypes[QUERY_MAX_ARGS];
	bool		as_caller;		/* with the caller's search_path, so all names are qualified */
	bool		sizes_differ;	/* planned each time, because courses differ much in size */
} LibraryQuery;

extern uint64 query_execute(const Library *library, const LibraryQuery *query,
							Datum *values, const char *nulls, bool read_only);
extern uint64 query_execute_latest(const Library *library, const LibraryQuery *query,
								   Datum *values);
extern uint64 query_write_latest(const Library *library, const LibraryQuery *query,
								 Datum *values);
extern void query_send(const Library *library, const LibraryQuery *query,
					   const Datum *values, const char *nulls, DestReceiver *receiver);

#endif							/* CONTENT_LIBRARY_PLANS_H */
