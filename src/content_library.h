/* content_library.h: what all files share: settings, installation, arguments, errors. */
#ifndef CONTENT_LIBRARY_H
#define CONTENT_LIBRARY_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/uuid.h"

/* Times and counts outlive the rows that they were read from, as Datums. */
#ifndef USE_FLOAT8_BYVAL
#error "content_library needs a PostgreSQL of 64 bits"
#endif

/* Since 16 the macros for variable-length values are in a header of their own. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Before PostgreSQL 18 the server has only pg_attribute_noreturn(). */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* Before 16 the server has one such function for each catalog. */
#if PG_VERSION_NUM < 160000
#define object_aclcheck(classid, objectid, roleid, mode) pg_proc_aclcheck(objectid, roleid, mode)
#endif

/* Since 18 an index scan is told where to count. */
#if PG_VERSION_NUM >= 180000
#define begin_index_scan(table, index, snapshot, nkeys) index_beginscan(table, index, snapshot, NULL, nkeys, 0)
#else
#define begin_index_scan(table, index, snapshot, nkeys) index_beginscan(table, index, snapshot, nkeys, 0)
#endif

/* Before 16 an update says yes or no to whether it needs entries in indexes. */
#if PG_VERSION_NUM < 160000
#define TU_UpdateIndexes bool
#define TU_None false
#endif

/* Since 18 a check for conflicts may leave out a row; none has an invalid tid. */
#if PG_VERSION_NUM >= 180000
#define check_index_constraints(result, slot, estate, tid, indexes) \
	ExecCheckIndexConstraints(result, slot, estate, tid, tid, indexes)
#else
#define check_index_constraints(result, slot, estate, tid, indexes) \
	ExecCheckIndexConstraints(result, slot, estate, tid, indexes)
#endif

/* Since 16 there are indexes that only summarize. */
#if PG_VERSION_NUM >= 160000
#define insert_index_tuples(result, slot, estate, conflict, indexes) \
	ExecInsertIndexTuples(result, slot, estate, false, true, conflict, indexes, false)
#else
#define insert_index_tuples(result, slot, estate, conflict, indexes) \
	ExecInsertIndexTuples(result, slot, estate, false, true, conflict, indexes)
#endif

/* Since 18 there are generated columns that are not stored. */
#if PG_VERSION_NUM >= 180000
#define has_generated(constr) ((constr)->has_generated_stored || (constr)->has_generated_virtual)
#else
#define has_generated(constr) ((constr)->has_generated_stored)
#endif

/* Before 16 the server declares a walker without its arguments, which C23 reads as none. */
#if PG_VERSION_NUM < 160000
#define tree_walker(function) ((bool (*) ()) (void (*) (void)) (function))
#else
#define tree_walker(function) (function)
#endif

/* settings: content_library.c */
extern int	library_completion_threshold;	/* percent */
extern int	library_heartbeat_interval; /* seconds */
extern double library_max_playback_rate;	/* 0 for no bound */
extern int	library_watch_grace;	/* seconds */
extern bool library_direct_paths;	/* a developer's */
extern char *library_mux_playback_policies; /* a list, the best first */
extern List *library_mux_policies(const char *setting);

/*
 * The installation that a called function belongs to.  All is found by OIDs, beginning with
 * the function's own: a schema can be renamed, and another one can get its name.
 */
typedef struct Library
{
	Oid			function;		/* the one that was called */
	Oid			schema;
	const char *schema_name;	/* not quoted */
	Oid			owner;			/* of the tables */
} Library;

/* the installation: content_library.c */
extern void library_find(Library *library, Oid function);
extern Oid	library_relation(const Library *library, const char *name);
extern Oid	relation_owner(Oid relation);

/* whether learners write progress directly: strict.c */
extern bool may_write_progress(const Library *library);

/* arguments: errors.c */
extern Datum required_arg(FunctionCallInfo fcinfo, int number, const char *name);
extern int32 whole_percent(double watched_pct);
extern int32 whole_position(double position_seconds);
extern char *uuid_text(Datum uuid);
extern bool same_uuid(Datum a, Datum b);
extern Datum uuid_array(Datum *uuids, int count);
extern bool same_text(const char *a, const char *b);
extern bool text_is(const text *value, const char *word);
extern char *quotable(const char *text, int len);

/* errors that several functions have: errors.c */
pg_noreturn extern void missing_course(Datum course_id);
pg_noreturn extern void missing_lesson(const char *prefix, Datum lesson_id);
pg_noreturn extern void refuse_lesson(const char *prefix, Datum user_id, Datum lesson_id,
									  const char *reason, TimestampTz unlocks_at);
pg_noreturn extern void rethrow_missing_key(MemoryContext context, const char *prefix,
											Datum user_id, Datum id);
extern bool is_missing_user(const ErrorData *error);

#endif							/* CONTENT_LIBRARY_H */
