/* mux_lock.c: keeps video events and bindings of the same upload, asset or lesson apart. */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "storage/proc.h"

#include "content_library.h"
#include "mux_lock.h"

/*
 * An event excludes other events about its upload or asset, and those who bind one of them
 * to a lesson.  Those who bind do not exclude each other.
 *
 * The server has room for a few thousand locks.  So a transaction that has taken MANY_KEYS
 * takes one lock in place of all further ones: ALL_KEY.  All others take ALL_KEY, too, in a
 * weak mode.  The weak mode conflicts only with a transaction that holds ALL_KEY for many
 * keys, and not if both bind uploads.
 */
#define ALL_KEY 1				/* other keys are 64-bit hashes: very unlikely to be 1 */
#define MANY_KEYS 256

#if PG_VERSION_NUM >= 170000
#define MY_TRANSACTION (MyProc->vxid.lxid)
#else
#define MY_TRANSACTION (MyProc->lxid)
#endif

/* How many keys this transaction has taken.  Savepoints that were rolled back still count. */
static int	keys_taken = 0;

/* Whether this transaction has taken many keys.  A new transaction begins at zero. */
static bool
has_many(void)
{
	static LocalTransactionId transaction = InvalidLocalTransactionId;

	if (transaction != MY_TRANSACTION)
		keys_taken = 0;
	transaction = MY_TRANSACTION;
	return keys_taken >= MANY_KEYS;
}

/* After a rollback to a point where this many keys were taken. */
void
mux_lock_forget(int kept)
{
	keys_taken = kept;
}

/* How many keys were taken so far, for mux_lock_forget(). */
int
mux_lock_count(void)
{
	return has_many() ? MANY_KEYS : keys_taken;
}

/* The kind of object is part of the hash: an upload and an asset may have the same id. */
static uint64
key_of(MuxObject object, const text *id)
{
	return hash_bytes_extended((const unsigned char *) VARDATA_ANY(id),
							   VARSIZE_ANY_EXHDR(id), object);
}

/* An older snapshot would not show what another transaction has just committed. */
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

/* Locks an object for an event, without waiting; false if somebody else holds it. */
bool
mux_lock_for_event(MuxObject object, const text *id)
{
	if (has_many())
		return library_try_lock(ALL_KEY, ExclusiveLock);
	keys_taken++;
	return library_try_lock(ALL_KEY, RowExclusiveLock) &&
		library_try_lock(key_of(object, id), ExclusiveLock);
}

/* Waits for events that hold the object.  That cannot be a deadlock, since events never wait. */
void
mux_lock_for_binding(MuxObject object, const text *id)
{
	if (has_many())
	{
		library_lock(ALL_KEY, ShareLock);
		return;
	}
	keys_taken++;
	library_lock(ALL_KEY, RowShareLock);
	library_lock(key_of(object, id), ShareLock);
}

/*
 * Waits for events of an asset that names this lesson.  A transaction that makes many
 * lessons does without, because it would keep up all events: hardly any asset names a
 * lesson that is just being made.
 */
void
mux_lock_new_lesson(const text *id)
{
	if (!has_many())
		mux_lock_for_binding(MUX_LESSON, id);
}
