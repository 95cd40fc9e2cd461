/* caller.h: a call of one of our functions, and whose rows it is about. */
#ifndef CONTENT_LIBRARY_CALLER_H
#define CONTENT_LIBRARY_CALLER_H

#include "fmgr.h"

#define NO_USER_ARG (-1)

typedef struct Call
{
	Oid			function;		/* the one of ours that was called */
	const char *schema;			/* the extension's, unquoted */
	Datum		user_id;		/* whose rows */
	bool		for_other;		/* named by a role that acts for others */
	int			guc_level;
} Call;

extern void call_begin(Call *call, FunctionCallInfo fcinfo, int user_arg);
extern void call_lock_user(const Call *call);
extern void call_end(Call *call);

#endif							/* CONTENT_LIBRARY_CALLER_H */
