/* content_library.c: settings, the installation that a call belongs to, and locks. */
#include "postgres.h"

#include <float.h>
#include <limits.h>

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "direct_tables.h"

PG_MODULE_MAGIC;

int			library_completion_threshold = 90;
int			library_heartbeat_interval = 15;
double		library_max_playback_rate = 2.5;
int			library_watch_grace = 30;
char	   *library_mux_playback_policies = NULL;
bool		library_direct_paths = true;

void		_PG_init(void);

/* The names in a list of Mux's playback policies; NIL if one of them is unknown. */
List *
library_mux_policies(const char *setting)
{
	List	   *policies;
	ListCell   *cell;

	if (!SplitIdentifierString(pstrdup(setting), ',', &policies))
		return NIL;
	foreach(cell, policies)
	{
		const char *policy = lfirst(cell);

		if (strcmp(policy, "public") != 0 && strcmp(policy, "signed") != 0 &&
			strcmp(policy, "drm") != 0)
			return NIL;
	}
	return policies;
}

/* The check hook of the setting. */
static bool
check_mux_playback_policies(char **newval, void **extra, GucSource source)
{
	if (library_mux_policies(*newval) != NIL)
		return true;
	GUC_check_errdetail("It is a list of at least one of: public, signed, drm.");
	return false;
}

void
_PG_init(void)
{
	/* PGC_SUSET for all: learners must not lower the percentage that they have to watch. */
	DefineCustomIntVariable("content_library.completion_threshold",
							"Percentage of a lesson that must be watched to complete it.",
							"Applies where neither the lesson nor its course has a threshold of its own.",
							&library_completion_threshold,
							90, 1, 100,
							PGC_SUSET, 0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("content_library.heartbeat_interval",
							"Time within which a report that changes nothing else is not written.",
							"0 writes every report.",
							&library_heartbeat_interval,
							15, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomRealVariable("content_library.max_playback_rate",
							 "Seconds of a video that can be watched in one second of the clock.",
							 "Applies to lessons with progress_by 'watch'; 0 for no bound.",
							 &library_max_playback_rate,
							 2.5, 0, DBL_MAX,
							 PGC_SUSET, 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("content_library.watch_grace",
							"Seconds of a video that can be watched beyond what the clock allows.",
							"Applies to lessons with progress_by 'watch'.",
							&library_watch_grace,
							30, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomStringVariable("content_library.mux_playback_policies",
							   "Playback policies of Mux that a lesson may use, the preferred first.",
							   "An asset without a playback id of one of them cannot be played.",
							   &library_mux_playback_policies,
							   "public,signed",
							   PGC_SUSET, GUC_LIST_INPUT,
							   check_mux_playback_policies, NULL, NULL);

	/* For tests: what a direct path does, SQL must do as well. */
	DefineCustomBoolVariable("content_library.direct_paths",
							 "Whether rows are reached without SQL where that is the same.",
							 NULL,
							 &library_direct_paths,
							 true,
							 PGC_SUSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);

	/* A misspelled name of a setting is an error from here on. */
	MarkGUCPrefixReserved("content_library");

	direct_tables_init();
}

/* A table of the library, found by its name in the library's schema. */
Oid
library_relation(const Library *library, const char *name)
{
	Oid			relation = get_relname_relid(name, library->schema);

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the table \"%s\" of content_library does not exist", name),
				 errhint("It was renamed or moved: give it back its name.")));
	return relation;
}

/* The role that owns a table. */
Oid
relation_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Finds the installation that a called function belongs to. */
void
library_find(Library *library, Oid function)
{
	library->function = function;
	library->schema = get_func_namespace(library->function);
	library->schema_name = get_namespace_name(library->schema);
	if (library->schema_name == NULL)
		elog(ERROR, "cache lookup failed for function %u", library->function);
	/* One role owns all tables; if not, content_library_check() says so. */
	library->owner = relation_owner(library_relation(library, "content_progress"));
}
