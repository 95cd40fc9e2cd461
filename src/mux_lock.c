/* mux_lock.c: keeps video events and bindings of the same upload, asset or lesson apart. */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"

#include "content_library.h"
#include "locks.h"
#include "mux_lock.h"

/*
 * An event excludes other events about its upload or asset, and those who bind one of them
 * to a lesson.  Those who bind do not exclude each other.
 *
 * All take ALL_VIDEOS, too, in a weak mode.  The weak mode conflicts only with a transaction
 * that holds it in place of many locks, and not if both bind uploads.
 */

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
	if (has_many_locks())
		return library_try_lock(ALL_VIDEOS, ExclusiveLock);
	return library_try_lock(ALL_VIDEOS, RowExclusiveLock) &&
		library_try_lock(key_of(object, id), ExclusiveLock);
}

/* Waits for events that hold the object.  That cannot be a deadlock, since events never wait. */
void
mux_lock_for_binding(MuxObject object, const text *id)
{
	if (has_many_locks())
	{
		library_lock(ALL_VIDEOS, ShareLock);
		return;
	}
	library_lock(ALL_VIDEOS, RowShareLock);
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
	if (!has_many_locks())
		mux_lock_for_binding(MUX_LESSON, id);
}
