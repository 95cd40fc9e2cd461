/* locks.h: locks for the rest of a transaction that nobody else can take. */
#ifndef CONTENT_LIBRARY_LOCKS_H
#define CONTENT_LIBRARY_LOCKS_H

#include "storage/lockdefs.h"

/* What a lock is for is the seed of the hash that is its key. */
#define USER_LOCK 0
#define COMPLETION_LOCK 1

/*
 * Locks of many objects, in place of a lock for each.  Other keys are 64-bit hashes, which
 * are very unlikely to be one of these.
 */
#define ALL_VIDEOS 1
#define ALL_USERS 2
#define ALL_COMPLETIONS 3

/*
 * The server has room for a few thousand locks in all.  So a transaction that has taken this
 * many takes one lock in place of all further ones of a kind.
 */
#define MANY_LOCKS 512

/* With so many it waits for that lock, although two that do may be a deadlock. */
#define MOST_LOCKS 2048

extern void library_lock(uint64 key, LOCKMODE mode);
extern bool library_try_lock(uint64 key, LOCKMODE mode);
extern void library_lock_one(uint64 all, uint64 key, LOCKMODE mode);
extern int	locks_taken(void);
extern void forget_locks(int kept);

static inline bool
has_many_locks(void)
{
	return locks_taken() >= MANY_LOCKS;
}

#endif							/* CONTENT_LIBRARY_LOCKS_H */
