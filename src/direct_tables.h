/* direct_tables.h: the tables that a report reads and writes without SQL, if they are as we made them. */
#ifndef CONTENT_LIBRARY_DIRECT_TABLES_H
#define CONTENT_LIBRARY_DIRECT_TABLES_H

#include "storage/lockdefs.h"
#include "utils/relcache.h"

#include "content_library.h"

#define DIRECT_MAX_COLUMNS 14

/* How often it is looked up what a table is like, while that changes, until SQL must do. */
#define DIRECT_ATTEMPTS 3

typedef struct DirectColumn
{
	const char *name;
	Oid			type;
} DirectColumn;

/* A table, and what is known of it: nothing that a user has written. */
typedef struct DirectTable
{
	const char *name;
	int			ncolumns;
	DirectColumn columns[DIRECT_MAX_COLUMNS];	/* those that are read or written */
	int			first_key;		/* of the columns that its unique index is on */
	int			nkeys;
	int			parent;			/* the column that another index is on, not unique; 0 for none */
	int			beside_parent;	/* the next column of that index; 0 for any */

	int			changes;		/* how often the server said that something has changed */
	bool		known;			/* whether what follows is true */
	bool		readable;		/* as we made it, for reading */
	bool		write_known;	/* the same for writing: see direct_write.c */
	bool		writable;
	bool		insert_known;	/* and for inserting: see direct_insert.c */
	bool		insertable;
	Oid			schema;
	Oid			relation;
	AttrNumber	numbers[DIRECT_MAX_COLUMNS];
	Oid			index;			/* the unique one; the last of them if there are more */
	int			keys;			/* how many are unique on the key, in any order */
	TransactionId index_xmin;	/* older snapshots must not use it; 0 for none */
	Oid			parent_index;	/* the other one; 0 if there is none */
	TransactionId parent_index_xmin;
} DirectTable;

/* The tables, first those of a report in the order in which they are read. */
enum
{
	PROGRESS, LESSONS, MODULES, COURSES, ENROLLMENTS, REPORT_TABLES, STAFF = REPORT_TABLES, DIRECT_TABLES
};
/* The columns of content_progress, first those of the type recorded_progress in its order. */
enum
{
	PROGRESS_ID, PROGRESS_USER_ID, PROGRESS_LESSON_ID, PROGRESS_WATCHED_PCT, PROGRESS_COMPLETED,
	PROGRESS_LAST_WATCHED, PROGRESS_POSITION_SECONDS, PROGRESS_COMPLETED_AT, PROGRESS_STARTED_AT,
	PROGRESS_WATCHED
};
enum
{
	LESSON_ID, LESSON_MODULE_ID, LESSON_THRESHOLD, LESSON_PROGRESS_BY, LESSON_DURATION,
	LESSON_MUX_UPLOAD, LESSON_MUX_ASSET, LESSON_REQUIRED, LESSON_PUBLISHED, LESSON_PREVIEW,
	LESSON_SORT_ORDER, LESSON_CREATED_AT,
	LESSON_UNLOCK_AT, LESSON_UNLOCK_AFTER
};
enum
{
	MODULE_ID, MODULE_COURSE_ID, MODULE_SORT_ORDER, MODULE_CREATED_AT, MODULE_UNLOCK_AT, MODULE_UNLOCK_AFTER
};
enum
{
	COURSE_ID, COURSE_THRESHOLD, COURSE_PROGRESS_BY, COURSE_PUBLISHED, COURSE_TIER, COURSE_SEQUENTIAL
};
enum
{
	ENROLLMENT_USER_ID, ENROLLMENT_COURSE_ID, ENROLLMENT_EXPIRES_AT, ENROLLMENT_GRANTED, ENROLLMENT_COMPLETED_AT
};
enum
{
	STAFF_USER_ID, STAFF_COURSE_ID, STAFF_ROLE
};

extern DirectTable *const direct_tables[DIRECT_TABLES];
extern DirectTable direct_progress;

extern void direct_tables_init(void);
extern bool direct_table_has_parent(const DirectTable *table);
extern Relation direct_table_open(DirectTable *table, const Library *library, LOCKMODE lock);
extern bool direct_tables_open(const Library *library, Relation *relations, int count);
extern void direct_tables_close(const Relation *relations, int count);

#endif							/* CONTENT_LIBRARY_DIRECT_TABLES_H */
