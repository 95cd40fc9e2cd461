/* direct_write.c: advances a row of progress that was just read, without SQL. */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "boundary.h"
#include "direct_write.h"

/*
 * An UPDATE does more than to write the row: it runs triggers, checks constraints and foreign
 * keys, and keeps indexes.  So the row is written directly only where all that has nothing to
 * do but to make entries in plain indexes.
 */
static const int written[] = {
	PROGRESS_WATCHED_PCT, PROGRESS_LAST_WATCHED, PROGRESS_POSITION_SECONDS, PROGRESS_STARTED_AT,
	PROGRESS_WATCHED
};

#define WRITTEN lengthof(written)

/* The CHECKs of the library, as the server shows them.  satisfies_checks() is the same in C. */
static const char *const our_checks[] = {
	"((watched_pct >= 0) AND (watched_pct <= 100))",
	"(position_seconds >= 0)"
};

static bool
is_written(AttrNumber number)
{
	for (int i = 0; i < WRITTEN; i++)
		if (direct_progress.numbers[written[i]] == number)
			return true;
	return false;
}

/*
 * Whether an update of these columns fires a trigger.  Those of foreign keys look at keys,
 * which are not written: see has_plain_keys() and has_plain_indexes().
 */
static bool
is_fired(const Trigger *trigger)
{
	if (!TRIGGER_FOR_UPDATE(trigger->tgtype) || trigger->tgenabled == TRIGGER_DISABLED ||
		(trigger->tgisinternal && RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_NONE))
		return false;
	for (int i = 0; i < trigger->tgnattr; i++)
		if (is_written(trigger->tgattr[i]))
			return true;
	return trigger->tgnattr == 0;
}

static bool
has_no_trigger(Relation relation)
{
	for (int i = 0; relation->trigdesc != NULL && i < relation->trigdesc->numtriggers; i++)
		if (is_fired(&relation->trigdesc->triggers[i]))
			return false;
	return true;
}

/* Whether no foreign key of the table is on a column that is written. */
static bool
has_plain_keys(Relation relation)
{
	ListCell   *cell;

	foreach(cell, RelationGetFKeyList(relation))
	{
		const ForeignKeyCacheInfo *key = lfirst(cell);

		for (int i = 0; i < key->nkeys; i++)
			if (is_written(key->conkey[i]))
				return false;
	}
	return true;
}

static bool
is_plain_index(Relation index)
{
	Form_pg_index form = index->rd_index;

	for (int i = 0; i < form->indnatts; i++)
		if (is_written(form->indkey.values[i]))
			return false;
	return index->rd_rel->relam == BTREE_AM_OID && form->indimmediate && !form->indisexclusion &&
		heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL) &&
		heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

/* So no column that a foreign key of another table refers to is written, either. */
static bool
has_plain_indexes(Relation relation)
{
	bool		plain = true;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		plain &= is_plain_index(index);
		index_close(index, NoLock);
	}
	return plain;
}

/* With a pinned search_path, an operator of another schema is shown with that. */
static bool
is_our_check(Relation relation, const ConstrCheck *check)
{
	Datum		shown = DirectFunctionCall2(pg_get_expr, CStringGetTextDatum(check->ccbin),
											ObjectIdGetDatum(RelationGetRelid(relation)));

	for (int i = 0; i < lengthof(our_checks); i++)
		if (strcmp(TextDatumGetCString(shown), our_checks[i]) == 0)
			return true;
	return false;
}

/* Whether all CHECKs are ours, and no column is computed. */
bool
has_plain_constraints(Relation relation)
{
	const TupleConstr *constraints = RelationGetDescr(relation)->constr;

	if (constraints == NULL)
		return true;
	if (has_generated(constraints))
		return false;
	for (int i = 0; i < constraints->num_check; i++)
		if (!is_our_check(relation, &constraints->check[i]))
			return false;
	return true;
}

/* Finds out whether the table may be written directly; see learn() in direct_tables.c. */
static bool
is_writable(Relation relation)
{
	if (!direct_progress.write_known)
		pin_search_path();
	for (int attempt = 0; !direct_progress.write_known && attempt < DIRECT_ATTEMPTS; attempt++)
	{
		int			changes = direct_progress.changes;

		direct_progress.writable = !relation->rd_rel->relhasrules &&
			has_no_trigger(relation) && has_plain_keys(relation) &&
			has_plain_indexes(relation) && has_plain_constraints(relation) &&
			pg_class_aclcheck(RelationGetRelid(relation), relation->rd_rel->relowner, ACL_UPDATE) == ACLCHECK_OK;
		direct_progress.write_known = direct_progress.changes == changes;
	}
	return direct_progress.write_known && direct_progress.writable;
}

bool
satisfies_checks(const DirectProgress *row)
{
	int32		watched_pct = DatumGetInt32(row->values[PROGRESS_WATCHED_PCT]);

	return watched_pct >= 0 && watched_pct <= 100 &&
		(row->nulls[PROGRESS_POSITION_SECONDS] || DatumGetInt32(row->values[PROGRESS_POSITION_SECONDS]) >= 0);
}

/* Sets the columns that are written. */
static void
set_values(DirectProgress *row, const Advance *to)
{
	row->values[PROGRESS_WATCHED_PCT] = Int32GetDatum(to->watched_pct);
	row->values[PROGRESS_LAST_WATCHED] = TimestampTzGetDatum(to->last_watched);
	row->values[PROGRESS_POSITION_SECONDS] = Int32GetDatum(to->position);
	row->nulls[PROGRESS_POSITION_SECONDS] = !to->has_position;
	row->values[PROGRESS_STARTED_AT] = TimestampTzGetDatum(to->started_at);
	row->nulls[PROGRESS_STARTED_AT] = !to->has_started;
	if (to->watched != (Datum) 0)
		row->values[PROGRESS_WATCHED] = to->watched;
}

/* The new row; NULL if a constraint refuses it, which SQL says better. */
static HeapTuple
make_row(Relation relation, DirectProgress *row, const Advance *to)
{
	TupleDesc	desc = RelationGetDescr(relation);
	Datum		values[WRITTEN];
	bool		nulls[WRITTEN];
	int			numbers[WRITTEN];
	HeapTuple	new;

	set_values(row, to);
	if (!satisfies_checks(row))
		return NULL;
	for (int i = 0; i < WRITTEN; i++)
	{
		numbers[i] = direct_progress.numbers[written[i]];
		values[i] = row->values[written[i]];
		nulls[i] = row->nulls[written[i]];
	}
	new = heap_modify_tuple_by_cols(row->row, desc, WRITTEN, numbers, values, nulls);
	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->attnotnull && heap_attisnull(new, i + 1, desc))
			return NULL;
	return new;
}

/* Makes entries for a row that has not found room on its page.  Their columns are the same. */
static void
make_entries(Relation relation, TupleTableSlot *slot)
{
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);
		Datum		values[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		FormIndexDatum(info, slot, NULL, values, nulls);
		if (info->ii_ReadyForInserts)
			index_insert(index, values, nulls, &slot->tts_tid, relation,
						 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, true, info);
		index_close(index, NoLock);
	}
}

/* Writes the row; false if another transaction has changed or deleted it since it was read. */
static bool
update(Relation relation, HeapTuple old, HeapTuple new)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsHeapTuple);
	TM_FailureData failure;
	LockTupleMode lock;
	TU_UpdateIndexes indexes;
	bool		done;

	ExecStoreHeapTuple(new, slot, false);
	done = table_tuple_update(relation, &old->t_self, slot, GetCurrentCommandId(true),
							  GetActiveSnapshot(), InvalidSnapshot, true, &failure, &lock,
							  &indexes) == TM_Ok;
	if (done && indexes != TU_None)
		make_entries(relation, slot);
	ExecDropSingleTupleTableSlot(slot);
	return done;
}

/*
 * Advances the row as ADVANCE_SQL would; false where SQL must do.  That waits for another
 * transaction, too, or has the error of a higher isolation level.
 *
 * Between reading and writing the caller's own snapshot keeps the row where it is, and the
 * lock on the table keeps its columns.  The foreign keys of a row that this transaction has
 * made are still to be checked: that check would miss the new version.
 */
bool
direct_write_progress(const Library *library, DirectProgress *row, const Advance *advanced)
{
	DirectProgress after = *row;
	Relation	relation;
	HeapTuple	new = NULL;
	bool		done;

	if (!ActiveSnapshotSet() ||
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->row->t_data)))
		return false;
	relation = direct_table_open(&direct_progress, library, RowExclusiveLock);
	if (relation == NULL)
		return false;
	if (is_writable(relation))
		new = make_row(relation, &after, advanced);
	if (new != NULL)
		CheckCmdReplicaIdentity(relation, CMD_UPDATE);
	done = new != NULL && update(relation, row->row, new);
	table_close(relation, NoLock);
	if (done)
	{
		*row = after;
		CommandCounterIncrement();
	}
	return done;
}
