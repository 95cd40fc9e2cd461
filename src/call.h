/* call.h: a call of one of our functions: who calls, and whose rows it is about. */
#ifndef CONTENT_LIBRARY_CALL_H
#define CONTENT_LIBRARY_CALL_H

#include "boundary.h"
#include "plans.h"

typedef struct Call
{
	Library		library;		/* the installation that was called */
	Boundary	boundary;		/* the way back to the caller */
	Datum		user_id;		/* whose rows it is about; 0 if nobody's */
	bool		named;			/* user_id was given, and the caller acts for others */
	bool		is_operator;	/* the caller acts for others, and need not be staff */
	Datum		signed_in;		/* who has signed in; 0 if nobody has, or it was not asked */
} Call;

extern void call_begin(Call *call, FunctionCallInfo fcinfo);
extern void call_begin_as_user(Call *call, FunctionCallInfo fcinfo, int user_arg);
extern void call_begin_as_users(Call *call, FunctionCallInfo fcinfo, const Datum *users, int size);
extern void call_begin_as_user_or_nobody(Call *call, FunctionCallInfo fcinfo, int user_arg);
extern void call_begin_as_user_or_staff(Call *call, FunctionCallInfo fcinfo, int user_arg);
extern bool names_learner(const Call *call);
extern void call_begin_as_staff(Call *call, FunctionCallInfo fcinfo);
extern void call_begin_as_operator(Call *call, FunctionCallInfo fcinfo);
extern bool call_open_if_signed_in(Call *call, FunctionCallInfo fcinfo);
extern bool ends_with_query(FunctionCallInfo fcinfo);
pg_noreturn extern void refuse_nobody(void);
pg_noreturn extern void refuse_other_user(Datum user_id);
extern uint64 call_query_as_caller(Call *call, const LibraryQuery *query, Datum *values);
extern Oid	call_row_type(const Call *call);
extern void call_lock_user(const Call *call);
extern void call_lock_users(Call *call, const Datum *users, int size);
extern void call_end(Call *call);

#endif							/* CONTENT_LIBRARY_CALL_H */
