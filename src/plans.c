/* plans.c: prepares, keeps and finds the plans of this library's queries, and sees that they touch nothing else. */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "members.h"
#include "plans.h"

/*
 * Far more than a pool uses; reached only by somebody who tries to.  None is
 * given up for another: it may be in use further up the stack.
 */
#define MAX_KEPT_PLANS 2048

/* No generation of a plan. */
#define UNCHECKED (-1)

/*
 * What a plan depends on.  The schema, by OID and by the name that the query's
 * text has: the extension can be dropped and made elsewhere, and a schema be
 * renamed, within a backend's life.  Inside the boundary role and search path
 * are always the same; outside, the server would plan again each time either
 * changes.  Nothing about a user.
 */
typedef struct PlanKey
{
	const LibraryQuery *query;
	Oid			schema;
	Oid			role;			/* outside the boundary */
	uint32		search_path;	/* its hash, likewise */
	NameData	schema_name;
} PlanKey;

typedef struct KeptPlan
{
	PlanKey		key;			/* must be first */
	SPIPlanPtr	plan;
	int			checked;		/* the generation of the plan that was checked */
} KeptPlan;

static HTAB *kept_plans = NULL;

static HTAB *
make_kept_plans(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(PlanKey);
	ctl.entrysize = sizeof(KeptPlan);
	return hash_create("content_library plans", 32, &ctl, HASH_ELEM | HASH_BLOBS);
}

/* A key look-up gains nothing from a plan made for its values. */
static SPIPlanPtr
prepare(const Library *library, const LibraryQuery *query)
{
	char	   *text = psprintf(query->sql, quote_identifier(library->schema_name));
	SPIPlanPtr	plan = SPI_prepare_cursor(text, query->nargs, (Oid *) query->argtypes,
										  query->sizes_differ ? CURSOR_OPT_CUSTOM_PLAN
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
 * Checks what a plan touches, again whenever the server has analyzed its query
 * again.  Getting the plan takes its locks; executing it takes no others, so
 * nothing can take the place of what was seen.
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
	kept->checked = UNCHECKED;
	return kept;
}

static SPIPlanPtr
find_plan(const Library *library, const LibraryQuery *query)
{
	PlanKey		key = make_key(library, query);
	KeptPlan   *kept;
	SPIPlanPtr	plan;
	int			checked = UNCHECKED;

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

	/* With no room left, the plan ends with this call of SPI. */
	plan = prepare(library, query);
	check_plan(library, query, plan, NULL, &checked);
	return plan;
}

static uint64
execute(const Library *library, const LibraryQuery *query, Datum *values,
		const char *nulls, Snapshot snapshot, bool read_only)
{
	SPIPlanPtr	plan = find_plan(library, query);
	int			code = SPI_execute_snapshot(plan, values, nulls, snapshot,
											InvalidSnapshot, read_only, true, 0);

	if (code < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(code));
	return SPI_processed;
}

/*
 * Runs a query of this library as the current role, inside SPI; returns the
 * number of rows, which are in SPI_tuptable: see result.h.
 */
uint64
query_execute(const Library *library, const LibraryQuery *query,
			  Datum *values, const char *nulls, bool read_only)
{
	return execute(library, query, values, nulls, InvalidSnapshot, read_only);
}

/* The same, seeing what is committed now, even in REPEATABLE READ. */
uint64
query_execute_latest(const Library *library, const LibraryQuery *query, Datum *values)
{
	return execute(library, query, values, NULL, GetLatestSnapshot(), false);
}

static ParamListInfo
make_params(const LibraryQuery *query, const Datum *values)
{
	ParamListInfo params = makeParamList(query->nargs);

	for (int i = 0; i < query->nargs; i++)
	{
		params->params[i] = (ParamExternData) {
			.value = values[i], .pflags = PARAM_FLAG_CONST, .ptype = query->argtypes[i]
		};
	}
	return params;
}

/* Runs a query that only reads, and gives its rows to a receiver, none of them kept. */
void
query_send(const Library *library, const LibraryQuery *query, const Datum *values,
		   DestReceiver *receiver)
{
	SPIExecuteOptions options = {
		.params = make_params(query, values), .read_only = true, .dest = receiver
	};
	int			code = SPI_execute_plan_extended(find_plan(library, query), &options);

	if (code < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(code));
}
