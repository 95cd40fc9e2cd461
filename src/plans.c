/* plans.c: prepares and keeps the plans of our queries, and checks what they touch. */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "boundary.h"
#include "members.h"
#include "plans.h"

/*
 * Far more than a pool of connections uses; only somebody who tries reaches it.  No plan is
 * removed to make room for another one, because a caller up the stack may be using it.
 */
#define MAX_KEPT_PLANS 2048

/* No plan has this generation: the plan was not checked yet. */
#define UNCHECKED (-1)

/*
 * What a plan depends on.  The schema is here by OID and by name, which is in the query's
 * text: while a backend lives, the extension can be dropped and made in another schema, and
 * a schema can be renamed.  Inside the boundary, role and search_path are always the same.
 * Outside they are part of the key, because the server would plan again each time one of
 * them changes.  No plan depends on a user.
 */
typedef struct PlanKey
{
	const LibraryQuery *query;
	Oid			schema;
	Oid			role;			/* only for queries as the caller */
	uint32		search_path;	/* its hash, likewise */
	NameData	schema_name;
} PlanKey;

typedef struct KeptPlan
{
	PlanKey		key;			/* the hash key, so it must be first */
	SPIPlanPtr	plan;
	int			checked;		/* the generation of the plan that was checked */
} KeptPlan;

/* They live as long as the backend. */
static HTAB *kept_plans = NULL;

/* The keys are hashed as bytes: see make_key(). */
static HTAB *
make_kept_plans(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(PlanKey);
	ctl.entrysize = sizeof(KeptPlan);
	return hash_create("content_library plans", 32, &ctl, HASH_ELEM | HASH_BLOBS);
}

/*
 * Most queries look up a few keys, and a plan made for their values would be no better.  Where
 * sizes differ, parallel workers may read what is large.
 */
static SPIPlanPtr
prepare(const Library *library, const LibraryQuery *query)
{
	char	   *text = psprintf(query->sql, quote_identifier(library->schema_name));
	SPIPlanPtr	plan = SPI_prepare_cursor(text, query->nargs, (Oid *) query->argtypes,
										  query->sizes_differ ? CURSOR_OPT_CUSTOM_PLAN | CURSOR_OPT_PARALLEL_OK
										  : CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s",
			 SPI_result_code_string(SPI_result));
	return plan;
}

static PlanKey
make_key(const Library *library, const LibraryQuery *query)
{
	PlanKey		key;

	memset(&key, 0, sizeof(key));	/* the hash covers padding, too */
	key.query = query;
	key.schema = library->schema;
	namestrcpy(&key.schema_name, library->schema_name);
	if (query->as_caller)
	{
		key.role = GetUserId();
		key.search_path = string_hash(namespace_search_path,
									  strlen(namespace_search_path) + 1);
	}
	return key;
}

/*
 * Checks what a plan touches, each time the server has analyzed its query again.  Getting
 * the plan locks all tables in it, and executing it locks no others.  So nothing can be
 * exchanged between the check and the execution.  The loop ends when the plan that was
 * checked is still the current one.
 */
static void
check_plan(const Library *library, const LibraryQuery *query, SPIPlanPtr plan,
		   ResourceOwner owner, int *checked)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

	for (;;)
	{
		CachedPlan *current = SPI_plan_get_cached_plan(plan);
		int			generation = current->generation;

		ReleaseCachedPlan(current, owner);
		if (generation == *checked)
			return;
		/* The query after name resolution: it has the OIDs of all that it touches. */
		check_members(library, source->query_list, query->as_caller);
		*checked = generation;
	}
}

/* Prepares a plan and keeps it; NULL when there is no room left. */
static KeptPlan *
keep_plan(const Library *library, const LibraryQuery *query, const PlanKey *key)
{
	SPIPlanPtr	plan;
	KeptPlan   *kept;

	if (hash_get_num_entries(kept_plans) >= MAX_KEPT_PLANS)
		return NULL;
	plan = prepare(library, query);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	kept = hash_search(kept_plans, key, HASH_ENTER, NULL);
	kept->plan = plan;
	kept->checked = UNCHECKED;	/* find_plan() checks it */
	return kept;
}

/* The checked plan of a query, kept or new. */
static SPIPlanPtr
find_plan(const Library *library, const LibraryQuery *query)
{
	PlanKey		key = make_key(library, query);
	KeptPlan   *kept;
	SPIPlanPtr	plan;
	int			checked = UNCHECKED;

	if (!query->as_caller)
		pin_search_path();
	if (kept_plans == NULL)
		kept_plans = make_kept_plans();
	kept = hash_search(kept_plans, &key, HASH_FIND, NULL);
	if (kept == NULL)
		kept = keep_plan(library, query, &key);
	if (kept != NULL)
	{
		check_plan(library, query, kept->plan, CurrentResourceOwner, &kept->checked);
		return kept->plan;
	}

	/* No room left: this plan ends when the call closes SPI. */
	plan = prepare(library, query);
	check_plan(library, query, plan, NULL, &checked);
	return plan;
}

static uint64
execute(const Library *library, const LibraryQuery *query, Datum *values,
		const char *nulls, Snapshot snapshot, Snapshot crosscheck, bool read_only)
{
	SPIPlanPtr	plan = find_plan(library, query);
	int			code = SPI_execute_snapshot(plan, values, nulls, snapshot,
											crosscheck, read_only, true, 0);

	if (code < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(code));
	return SPI_processed;
}

/*
 * Runs a query as the current role, inside SPI; returns the number of rows.  result.h reads
 * the rows, which are in SPI_tuptable.
 */
uint64
query_execute(const Library *library, const LibraryQuery *query,
			  Datum *values, const char *nulls, bool read_only)
{
	return execute(library, query, values, nulls, InvalidSnapshot, InvalidSnapshot, read_only);
}

/* The same, but it sees what is committed by now, even in REPEATABLE READ. */
uint64
query_execute_latest(const Library *library, const LibraryQuery *query, Datum *values)
{
	return execute(library, query, values, NULL, GetLatestSnapshot(), InvalidSnapshot, false);
}

/*
 * The same, but in REPEATABLE READ it does not overwrite what others have changed since the
 * transaction began.  That is the server's error 40001, as for any other UPDATE.
 */
uint64
query_write_latest(const Library *library, const LibraryQuery *query, Datum *values)
{
	return execute(library, query, values, NULL, GetLatestSnapshot(),
				   IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : InvalidSnapshot, false);
}

/* Parameters are constants to the planner, as sizes_differ needs. */
static ParamListInfo
make_params(const LibraryQuery *query, const Datum *values, const char *nulls)
{
	ParamListInfo params = makeParamList(query->nargs);

	for (int i = 0; i < query->nargs; i++)
	{
		params->params[i] = (ParamExternData) {
			.value = values[i], .isnull = nulls != NULL && nulls[i] == 'n',
			.pflags = PARAM_FLAG_CONST, .ptype = query->argtypes[i]
		};
	}
	return params;
}

/* Runs a query that only reads, and sends its rows to a receiver without keeping them. */
void
query_send(const Library *library, const LibraryQuery *query, const Datum *values,
		   const char *nulls, DestReceiver *receiver)
{
	SPIExecuteOptions options = {
		.params = make_params(query, values, nulls), .read_only = true, .dest = receiver
	};
	int			code = SPI_execute_plan_extended(find_plan(library, query), &options);

	if (code < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(code));
}
