/* plans.c: prepares, keeps and finds the plans of this library's queries. */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/snapmgr.h"

#include "plans.h"

/*
 * Far more than a pool uses; reached only by somebody who tries to.  None is
 * given up for another: it may be in use further up the stack.
 */
#define MAX_KEPT_PLANS 2048

/*
 * What a plan depends on.  The schema, by name as in the query's text: the
 * extension can be dropped and created elsewhere, and a schema be renamed,
 * within a backend's life.  The role and the search path: the server would
 * plan again each time either changes.  Nothing about a user.
 */
typedef struct PlanKey
{
	const LibraryQuery *query;
	Oid			role;
	uint32		search_path;	/* its hash */
	NameData	schema;
} PlanKey;

typedef struct KeptPlan
{
	PlanKey		key;			/* must be first */
	SPIPlanPtr	plan;
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

static char *
query_text(const LibraryQuery *query, const char *schema)
{
	return psprintf(query->sql, quote_identifier(schema));
}

/* A key look-up gains nothing from a plan made for its values. */
static SPIPlanPtr
prepare(const LibraryQuery *query, const char *schema)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(query_text(query, schema), query->nargs,
										  (Oid *) query->argtypes,
										  CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s",
			 SPI_result_code_string(SPI_result));
	return plan;
}

static SPIPlanPtr
find_plan(const LibraryQuery *query, const char *schema)
{
	PlanKey		key;
	KeptPlan   *kept;
	SPIPlanPtr	plan;

	if (kept_plans == NULL)
		kept_plans = make_kept_plans();

	memset(&key, 0, sizeof(key));	/* the hash covers padding, too */
	key.query = query;
	key.role = GetUserId();
	key.search_path = string_hash(namespace_search_path,
								  strlen(namespace_search_path) + 1);
	namestrcpy(&key.schema, schema);

	kept = hash_search(kept_plans, &key, HASH_FIND, NULL);
	if (kept != NULL)
		return kept->plan;

	/* With no room left, the plan ends with this call of SPI. */
	plan = prepare(query, schema);
	if (hash_get_num_entries(kept_plans) >= MAX_KEPT_PLANS)
		return plan;

	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	kept = hash_search(kept_plans, &key, HASH_ENTER, NULL);
	kept->plan = plan;
	return plan;
}

static uint64
execute(const LibraryQuery *query, const char *schema, Datum *values,
		const char *nulls, Snapshot snapshot, bool read_only)
{
	SPIPlanPtr	plan = find_plan(query, schema);
	int			code = SPI_execute_snapshot(plan, values, nulls, snapshot,
											InvalidSnapshot, read_only, true, 0);

	if (code < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(code));
	return SPI_processed;
}

/*
 * Runs a query of this library as the current role, inside SPI; returns the
 * number of rows, which are in SPI_tuptable.
 */
uint64
query_execute(const LibraryQuery *query, const char *schema,
			  Datum *values, const char *nulls, bool read_only)
{
	return execute(query, schema, values, nulls, InvalidSnapshot, read_only);
}

/* The same, seeing what is committed now, even in REPEATABLE READ. */
uint64
query_execute_latest(const LibraryQuery *query, const char *schema, Datum *values)
{
	return execute(query, schema, values, NULL, GetLatestSnapshot(), false);
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

/*
 * Runs a query that only reads, and gives its rows to a receiver, none of them
 * kept; planned for these values alone, where once is asked for.
 */
void
query_send(const LibraryQuery *query, const char *schema, const Datum *values,
		   bool once, DestReceiver *receiver)
{
	SPIExecuteOptions options = {
		.params = make_params(query, values), .read_only = true, .dest = receiver
	};
	int			code;

	if (once)
		code = SPI_execute_extended(query_text(query, schema), &options);
	else
		code = SPI_execute_plan_extended(find_plan(query, schema), &options);

	if (code < 0)
		elog(ERROR, "SPI cannot execute: %s", SPI_result_code_string(code));
}

/* The first column of the first row that the last query returned; never NULL. */
Datum
query_value(void)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
}
