/* direct_insert.c: inserts a row of progress, without SQL. */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "boundary.h"
#include "direct_insert.h"
#include "direct_write.h"
#include "members.h"

/*
 * An INSERT finds defaults, checks constraints, keeps indexes and runs triggers.  The last two
 * are left to the server's own functions here.  So it is done directly where the columns and
 * the CHECKs are ours alone, and where nothing comes before the row or after the statement.
 * ON CONFLICT would mind every unique index on the key, so there is one.
 */
static const char *const default_of_id = "gen_random_uuid()";

/* Whether a trigger is a foreign key's or ours, or has nothing to do with an INSERT. */
static bool
is_expected(const Library *library, const Trigger *trigger)
{
	if (!TRIGGER_FOR_INSERT(trigger->tgtype) || trigger->tgenabled == TRIGGER_DISABLED)
		return true;
	return TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_AFTER(trigger->tgtype) &&
		is_member(library, ProcedureRelationId, trigger->tgfoid);
}

static bool
has_expected_triggers(const Library *library, Relation relation)
{
	for (int i = 0; relation->trigdesc != NULL && i < relation->trigdesc->numtriggers; i++)
		if (!is_expected(library, &relation->trigdesc->triggers[i]))
			return false;
	return true;
}

static bool
is_known_column(AttrNumber number)
{
	for (int i = 0; i < direct_progress.ncolumns; i++)
		if (direct_progress.numbers[i] == number)
			return true;
	return false;
}

static bool
has_no_other_column(TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped && !is_known_column(i + 1))
			return false;
	return true;
}

/* Whether the id has our default.  About search_path see direct_write.c. */
static bool
has_our_default(Relation relation)
{
	const TupleConstr *constraints = RelationGetDescr(relation)->constr;

	for (int i = 0; constraints != NULL && i < constraints->num_defval; i++)
	{
		const AttrDefault *found = &constraints->defval[i];
		Datum		shown;

		if (found->adnum != direct_progress.numbers[PROGRESS_ID])
			continue;
		shown = DirectFunctionCall2(pg_get_expr, CStringGetTextDatum(found->adbin),
									ObjectIdGetDatum(RelationGetRelid(relation)));
		return strcmp(TextDatumGetCString(shown), default_of_id) == 0;
	}
	return false;
}

/* Finds out whether the table may be inserted into directly; see learn() in direct_tables.c. */
static bool
is_insertable(const Library *library, Relation relation)
{
	for (int attempt = 0; !direct_progress.insert_known && attempt < DIRECT_ATTEMPTS; attempt++)
	{
		int			changes = direct_progress.changes;

		direct_progress.insertable = !relation->rd_rel->relhasrules && direct_progress.keys == 1 &&
			has_expected_triggers(library, relation) && has_no_other_column(RelationGetDescr(relation)) &&
			has_plain_constraints(relation) && has_our_default(relation) &&
			pg_class_aclcheck(RelationGetRelid(relation), relation->rd_rel->relowner, ACL_INSERT) == ACLCHECK_OK;
		direct_progress.insert_known = direct_progress.changes == changes;
	}
	return direct_progress.insert_known && direct_progress.insertable;
}

/* The row in a slot; NULL if a constraint refuses it, which SQL says better. */
static TupleTableSlot *
make_slot(Relation relation, const DirectProgress *row)
{
	TupleDesc	desc = RelationGetDescr(relation);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	bool		refused = !satisfies_checks(row);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, desc->natts * sizeof(bool));
	for (int i = 0; i < direct_progress.ncolumns; i++)
	{
		int			column = direct_progress.numbers[i] - 1;

		slot->tts_values[column] = row->values[i];
		slot->tts_isnull[column] = row->nulls[i];
	}
	ExecStoreVirtualTuple(slot);
	for (int i = 0; i < desc->natts; i++)
		refused |= TupleDescAttr(desc, i)->attnotnull && slot->tts_isnull[i];
	if (!refused)
		return slot;
	ExecDropSingleTupleTableSlot(slot);
	return NULL;
}

/* Inserts the row as ON CONFLICT DO NOTHING does; false if there is one with its key. */
static bool
insert(EState *estate, ResultRelInfo *result, TupleTableSlot *slot)
{
	List	   *key = list_make1_oid(direct_progress.index);
	Relation	relation = result->ri_RelationDesc;
	ItemPointerData tid;
	bool		conflict = false;
	List	   *unchecked;
	uint32		token;

	ItemPointerSetInvalid(&tid);
	if (!check_index_constraints(result, slot, estate, &tid, key))
		return false;
	token = SpeculativeInsertionLockAcquire(GetCurrentTransactionId());
	table_tuple_insert_speculative(relation, slot, GetCurrentCommandId(true), 0, NULL, token);
	unchecked = insert_index_tuples(result, slot, estate, &conflict, key);
	table_tuple_complete_speculative(relation, slot, token, !conflict);
	SpeculativeInsertionLockRelease(GetCurrentTransactionId());
	if (!conflict)
		ExecARInsertTriggers(estate, result, slot, unchecked, NULL);
	return !conflict;
}

/* Inserts the row, and runs the triggers. */
static bool
insert_with_triggers(Relation relation, TupleTableSlot *slot)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);
	bool		done;

	InitResultRelInfo(result, relation, 1, NULL, 0);
	estate->es_opened_result_relations = list_make1(result);
	ExecOpenIndices(result, true);
	AfterTriggerBeginQuery();
	done = insert(estate, result, slot);
	AfterTriggerEndQuery(estate);
	ExecCloseIndices(result);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
	return done;
}

/*
 * Inserts a row, whose id is not set; false where SQL must do, as where somebody else has
 * inserted it.  The queries of foreign keys are planned again when search_path changes, so it is
 * the same as around SQL.
 */
bool
direct_insert_progress(const Library *library, DirectProgress *row)
{
	Relation	relation = direct_table_open(&direct_progress, library, RowExclusiveLock);
	TupleTableSlot *slot = NULL;
	bool		done = false;

	if (relation == NULL)
		return false;
	pin_search_path();
	if (is_insertable(library, relation))
	{
		row->values[PROGRESS_ID] = OidFunctionCall0(F_GEN_RANDOM_UUID);
		row->nulls[PROGRESS_ID] = false;
		slot = make_slot(relation, row);
	}
	if (slot != NULL)
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		done = insert_with_triggers(relation, slot);
		PopActiveSnapshot();
		ExecDropSingleTupleTableSlot(slot);
		CommandCounterIncrement();
	}
	table_close(relation, NoLock);
	return done;
}
