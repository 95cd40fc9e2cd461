/* call.h: a call of one of our functions: who calls, and whose rows it is about. */
#ifndef CONTENT_LIBRARY_CALL_H
#define CONTENT_LIBRARY_CALL_H

#include "boundary.h"
#include "plans.h"

typedef struct Call
{
	Library		library;		/* the installation that was called */
	Boundary	boundary;		/* the way back to the caller */
	Datum		user_id;		/* whose rows it is about */
	bool		named;			/* user_id was given, and the caller acts for others */
} Call;

extern void call_begin(Call *call, FunctionCallInfo fcinfo);
extern void call_begin_as_user(Call *call, FunctionCallInfo fcinfo, int user_arg);
extern void call_begin_as_user_or_nobody(Call *call, FunctionCallInfo fcinfo, int user_arg);
extern void call_begin_as_operator(Call *call, FunctionCallInfo fcinfo);
pg_noreturn extern void refuse_nobody(void);
extern uint64 call_query_as_caller(Call *call, const LibraryQuery *query, Datum *values);
extern Oid	call_row_type(const Call *call);
extern void call_lock_user(const Call *call);
extern void call_end(Call *call);

#endif							/* CONTENT_LIBRARY_CALL_H */
