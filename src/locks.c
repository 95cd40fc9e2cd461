/* locks.c: takes locks for the rest of a transaction that nobody else can take, and counts them. */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"

#include "locks.h"

#if PG_VERSION_NUM >= 170000
#define MY_TRANSACTION (MyProc->vxid.lxid)
#else
#define MY_TRANSACTION (MyProc->lxid)
#endif

/* How many this transaction has taken.  Savepoints that were rolled back still count. */
static int	taken = 0;

int
locks_taken(void)
{
	static LocalTransactionId transaction = InvalidLocalTransactionId;

	/* A new transaction begins at zero. */
	if (transaction != MY_TRANSACTION)
		taken = 0;
	transaction = MY_TRANSACTION;
	return taken;
}

/* After a rollback to a point where this many were taken. */
void
forget_locks(int kept)
{
	taken = kept;
}

/*
 * The 3 at the end is a class of advisory locks that no function in SQL takes, so nobody can
 * block us with pg_advisory_lock().
 */
static LOCKTAG
tag_of(uint64 key)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, 3);
	return tag;
}

static bool
is_held(uint64 key, LOCKMODE mode)
{
	LOCKTAG		tag = tag_of(key);

#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(&tag, mode, false);
#else
	return LockHeldByMe(&tag, mode);
#endif
}

static bool
acquire(uint64 key, LOCKMODE mode, bool no_wait)
{
	LOCKTAG		tag = tag_of(key);
	int			before = locks_taken();
	LockAcquireResult result = LockAcquire(&tag, mode, false, no_wait);

	/* Not if it was held already. */
	if (result == LOCKACQUIRE_OK)
		taken = before + 1;
	return result != LOCKACQUIRE_NOT_AVAIL;
}

void
library_lock(uint64 key, LOCKMODE mode)
{
	(void) acquire(key, mode, false);
}

/* The same without waiting; false if somebody else holds it. */
bool
library_try_lock(uint64 key, LOCKMODE mode)
{
	return acquire(key, mode, true);
}

/*
 * Locks one object of many, in ShareLock or ExclusiveLock.  Everybody takes the lock of them all,
 * too, in a weak mode, which conflicts only with a transaction that holds it in place of many
 * locks.  Such a transaction waits for it only once it has MOST_LOCKS, because others wait for
 * locks that it holds.  Nobody holds the weak mode while waiting for a first object.
 */
void
library_lock_one(uint64 all, uint64 key, LOCKMODE mode)
{
	int			held = locks_taken();

	if (is_held(all, mode) || is_held(key, mode))
		return;
	if (held >= MANY_LOCKS && acquire(all, mode, held < MOST_LOCKS))
		return;
	library_lock(key, mode);
	library_lock(all, mode == ShareLock ? RowShareLock : RowExclusiveLock);
}
