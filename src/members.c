/* members.c: makes sure that a query touches only what belongs to the library. */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "members.h"

/*
 * Whether an object is the server's own or belongs to the extension.  A query's text names
 * our schema, and the schema's owner can rename it at any moment and give its name to
 * another one.  So what the server has found by the names is compared with what the
 * extension owns.
 */
bool
is_member(const Library *library, Oid class, Oid object)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, library->function);

	return object < FirstNormalObjectId ||
		(OidIsValid(extension) && getExtensionOfObject(class, object) == extension);
}

/*
 * Another function of this extension.  It is never called by name: since the query took its
 * snapshot, the schema can have been renamed and another one put in its place.
 */
Oid
library_function(const Library *library, const char *name, int nargs, const Oid *argtypes)
{
	oidvector  *types = buildoidvector(argtypes, nargs);
	Oid			function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
										   CStringGetDatum(name), PointerGetDatum(types),
										   ObjectIdGetDatum(library->schema));

	if (!OidIsValid(function) || !is_member(library, ProcedureRelationId, function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the function %s is not in the extension any more", name),
				 errhint("Put it back, with ALTER EXTENSION content_library ADD FUNCTION.")));
	return function;
}

static void
refuse(const char *kind, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s \"%s\" is not content_library's own", kind, name ? name : "?"),
			 errdetail("A schema or table of the extension was renamed or replaced, or a rule was added to one."),
			 errhint("Try again; if it stays so, content_library_check() says what was changed.")));
}

/* For check_functions_in_node(), which goes on while this returns false. */
static bool
refuse_function(Oid function, void *library)
{
	if (!is_member(library, ProcedureRelationId, function))
		refuse("function", get_func_name(function));
	return false;
}

/*
 * Refuses any relation but a plain table of ours.  A view in its place could run other code.
 * Since 16 a view is a subquery here that has the view's OID.  The rows EXCLUDED of an INSERT
 * are those of its table, but have another kind.
 */
static void
check_relation(const Library *library, const RangeTblEntry *entry, bool is_excluded)
{
	/* Other subqueries, functions and the like are looked into by check_node(). */
	if (entry->rtekind == RTE_SUBQUERY && OidIsValid(entry->relid))
		refuse("relation", get_rel_name(entry->relid));
	if (entry->rtekind == RTE_RELATION &&
		((entry->relkind != RELKIND_RELATION && !is_excluded) ||
		 !is_member(library, RelationRelationId, entry->relid)))
		refuse("relation", get_rel_name(entry->relid));
}

static void
check_relations(const Library *library, const Query *query)
{
	int			excluded = query->onConflict != NULL ? query->onConflict->exclRelIndex : 0;
	int			number = 0;
	ListCell   *cell;

	foreach(cell, query->rtable)
		check_relation(library, lfirst(cell), ++number == excluded);
}

static void check_query(const Library *library, Query *query);

/* Walks through a query with all its subqueries and expressions. */
static bool
check_node(Node *node, void *library)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		check_query(library, (Query *) node);
		return false;
	}
	check_functions_in_node(node, refuse_function, library);
	return expression_tree_walker(node, tree_walker(check_node), library);
}

/*
 * Checks a query.  The target list of an INSERT is left out: it has the defaults of the
 * table, and its owner may have chosen other functions for these.
 */
static void
check_query(const Library *library, Query *query)
{
	Query		checked = *query;

	if (query->commandType == CMD_INSERT)
		checked.targetList = NIL;
	check_relations(library, &checked);
	query_tree_walker(&checked, tree_walker(check_node), (void *) library, 0);
}

/*
 * Refuses queries that touch anything else.  Of a query as the caller, only the table that
 * it names is checked.  The policies of a platform on that table may read other tables, but
 * they have only the caller's own rights.
 */
void
check_members(const Library *library, List *queries, bool as_caller)
{
	ListCell   *cell;

	foreach(cell, queries)
	{
		Query	   *query = lfirst_node(Query, cell);

		if (!as_caller)
			check_query(library, query);
		else if (query->rtable != NIL)
			check_relation(library, linitial(query->rtable), false);
	}
}
