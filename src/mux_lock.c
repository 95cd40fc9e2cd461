/* mux_lock.c: content_library_mux_lock(), which keeps video events and bindings apart. */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"

#include "library.h"

/* No key of a learner can be had by wish, so a small one may stand for this. */
#define MUX_LOCK 1

PG_FUNCTION_INFO_V1(content_library_mux_lock);

Datum
content_library_mux_lock(PG_FUNCTION_ARGS)
{
	bool		for_event = DatumGetBool(required_arg(fcinfo, 0, "for_event"));

	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("the video of a lesson cannot change in a %s transaction",
						IsolationIsSerializable() ? "serializable" : "repeatable read"),
				 errdetail("An event that was committed since the transaction began would be overlooked."),
				 errhint("Use READ COMMITTED.")));
	library_lock(MUX_LOCK, for_event ? ExclusiveLock : ShareLock);
	PG_RETURN_VOID();
}
