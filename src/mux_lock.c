/* mux_lock.c: keeps video events and bindings of the same upload or asset apart. */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "storage/proc.h"

#include "content_library.h"
#include "mux_lock.h"

/*
 * An event excludes those that are about its upload or asset, and whoever binds
 * the upload; those who bind do not exclude each other.  A transaction that
 * takes many of these locks goes on with one for all: the server has room for
 * some thousands.  So each takes that one, too, in a mode that only such a
 * transaction of the other kind gets in the way of.
 */
#define ALL_KEY 1				/* no key of a learner can be had by wish */
#define MANY_KEYS 256

#if PG_VERSION_NUM >= 170000
#define MY_TRANSACTION (MyProc->vxid.lxid)
#else
#define MY_TRANSACTION (MyProc->lxid)
#endif

/* How many the transaction has taken; also those that a savepoint gave back since. */
static int	keys_taken = 0;

static bool
has_many(void)
{
	static LocalTransactionId transaction = InvalidLocalTransactionId;

	if (transaction != MY_TRANSACTION)
		keys_taken = 0;
	transaction = MY_TRANSACTION;
	return keys_taken >= MANY_KEYS;
}

/* After a rollback to where as many were taken. */
void
mux_lock_forget(int kept)
{
	keys_taken = kept;
}

int
mux_lock_count(void)
{
	return has_many() ? MANY_KEYS : keys_taken;
}

static uint64
key_of(MuxObject object, const text *id)
{
	return hash_bytes_extended((const unsigned char *) VARDATA_ANY(id),
							   VARSIZE_ANY_EXHDR(id), object);
}

void
mux_require_read_committed(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("the video of a lesson cannot change in a %s transaction",
						IsolationIsSerializable() ? "serializable" : "repeatable read"),
				 errdetail("An event that was committed since the transaction began would be overlooked."),
				 errhint("Use READ COMMITTED.")));
}

/* Never waits; false if somebody else holds it. */
bool
mux_lock_for_event(MuxObject object, const text *id)
{
	if (has_many())
		return library_try_lock(ALL_KEY, ExclusiveLock);
	keys_taken++;
	return library_try_lock(ALL_KEY, RowExclusiveLock) &&
		library_try_lock(key_of(object, id), ExclusiveLock);
}

/* Waits for events under way, which wait for nobody. */
void
mux_lock_for_binding(const text *upload_id)
{
	if (has_many())
	{
		library_lock(ALL_KEY, ShareLock);
		return;
	}
	keys_taken++;
	library_lock(ALL_KEY, RowShareLock);
	library_lock(key_of(MUX_UPLOAD, upload_id), ShareLock);
}
