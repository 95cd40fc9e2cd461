/* direct_tables.c: whether the tables that a report reads and writes are as we made them, and where their columns are. */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "direct_tables.h"
#include "members.h"

/*
 * A heartbeat needs a few rows by their keys, and most of what a query for these takes is
 * starting it.  So direct_read.c and direct_write.c do the same without a query.  They may do
 * so only where a query would do exactly that: the table is a plain one of ours, whose columns
 * have our types and whose key has a unique index.  All else is left to SQL.
 *
 * What is found out here is kept while the backend lives.  The server calls forget_table()
 * when something about a table or its index has changed, also if this backend has changed it.
 * It does so before it grants a lock.  So what is known is asked for again once the table is
 * locked, and from then on it cannot change.
 */
DirectTable direct_progress = {
	"content_progress", 10, {
		{"id", UUIDOID}, {"user_id", UUIDOID}, {"lesson_id", UUIDOID}, {"watched_pct", INT4OID},
		{"completed", BOOLOID}, {"last_watched", TIMESTAMPTZOID}, {"position_seconds", INT4OID},
		{"completed_at", TIMESTAMPTZOID}, {"started_at", TIMESTAMPTZOID},
		{"watched", INT4MULTIRANGEOID}
	},
	PROGRESS_USER_ID, 2
};
static DirectTable direct_lessons = {
	"lessons", 14, {
		{"id", UUIDOID}, {"module_id", UUIDOID}, {"completion_threshold", INT4OID}, {"progress_by", TEXTOID},
		{"duration_seconds", INT4OID}, {"mux_upload_id", TEXTOID}, {"mux_asset_id", TEXTOID},
		{"is_required", BOOLOID}, {"is_published", BOOLOID}, {"is_preview", BOOLOID},
		{"sort_order", INT4OID}, {"created_at", TIMESTAMPTZOID},
		{"unlock_at", TIMESTAMPTZOID}, {"unlock_after", INTERVALOID}
	},
	LESSON_ID, 1, LESSON_MODULE_ID
};
static DirectTable direct_modules = {
	"modules", 6, {
		{"id", UUIDOID}, {"course_id", UUIDOID}, {"sort_order", INT4OID}, {"created_at", TIMESTAMPTZOID},
		{"unlock_at", TIMESTAMPTZOID}, {"unlock_after", INTERVALOID}
	},
	MODULE_ID, 1, MODULE_COURSE_ID
};
static DirectTable direct_courses = {
	"courses", 6, {
		{"id", UUIDOID}, {"completion_threshold", INT4OID}, {"progress_by", TEXTOID},
		{"is_published", BOOLOID}, {"tier_required", TEXTOID}, {"is_sequential", BOOLOID}
	},
	COURSE_ID, 1
};
static DirectTable direct_enrollments = {
	"enrollments", 5, {
		{"user_id", UUIDOID}, {"course_id", UUIDOID}, {"expires_at", TIMESTAMPTZOID}, {"granted", BOOLOID},
		{"completed_at", TIMESTAMPTZOID}
	},
	ENROLLMENT_USER_ID, 2, ENROLLMENT_COURSE_ID, ENROLLMENT_COMPLETED_AT
};
/* Found by the first of its keys alone: see staff.c. */
static DirectTable direct_staff = {
	"course_staff", 3, {{"user_id", UUIDOID}, {"course_id", UUIDOID}, {"role", TEXTOID}}, STAFF_USER_ID, 2
};

DirectTable *const direct_tables[DIRECT_TABLES] = {
	[PROGRESS] = &direct_progress, [LESSONS] = &direct_lessons, [MODULES] = &direct_modules,
	[COURSES] = &direct_courses, [ENROLLMENTS] = &direct_enrollments,
	[STAFF] = &direct_staff
};

/* The server says that something about a relation has changed, or about all if it is 0. */
static void
forget_table(Datum arg, Oid relation)
{
	for (int i = 0; i < DIRECT_TABLES; i++)
	{
		DirectTable *table = direct_tables[i];

		if (OidIsValid(relation) && relation != table->relation && relation != table->index &&
			relation != table->parent_index)
			continue;
		table->known = table->write_known = table->insert_known = false;
		table->changes++;
	}
}

void
direct_tables_init(void)
{
	CacheRegisterRelcacheCallback(forget_table, (Datum) 0);
}

/* Whether the relation is a table of ours, and has no children whose rows a query would read. */
static bool
is_our_table(const DirectTable *table, const Library *library, Relation relation)
{
	Form_pg_class form = relation->rd_rel;

	return strcmp(NameStr(form->relname), table->name) == 0 &&
		form->relnamespace == library->schema &&
		form->relkind == RELKIND_RELATION &&
		relation->rd_tableam == GetHeapamTableAmRoutine() &&
		!form->relhassubclass && !form->relispartition &&
		is_member(library, RelationRelationId, RelationGetRelid(relation)) &&
		pg_class_aclcheck(RelationGetRelid(relation), form->relowner, ACL_SELECT) == ACLCHECK_OK;
}

/*
 * Finds the number of a column; false if it has another type.  Of texts the collation must be
 * the database's, because others may take different bytes as equal.
 */
static bool
find_column(TupleDesc desc, const DirectColumn *column, AttrNumber *number)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped || strcmp(NameStr(attribute->attname), column->name) != 0)
			continue;
		*number = attribute->attnum;
		return attribute->atttypid == column->type &&
			(column->type != TEXTOID || attribute->attcollation == DEFAULT_COLLATION_OID);
	}
	return false;
}

static bool
find_columns(DirectTable *table, Relation relation)
{
	for (int i = 0; i < table->ncolumns; i++)
		if (!find_column(RelationGetDescr(relation), &table->columns[i], &table->numbers[i]))
			return false;
	return true;
}

/* Whether an index finds the rows that have these in its first columns, as uuids are compared by the server. */
static bool
finds_by(const DirectTable *table, Relation index, int first, int count)
{
	Form_pg_index form = index->rd_index;

	if (index->rd_rel->relam != BTREE_AM_OID || form->indnkeyatts < count ||
		!form->indisvalid || !form->indisready ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL) ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		return false;
	for (int i = 0; i < count; i++)
		if (form->indkey.values[i] != table->numbers[first + i] ||
			index->rd_opcintype[i] != UUIDOID ||
			index_getprocid(index, i + 1, BTORDER_PROC) != F_UUID_CMP)
			return false;
	return true;
}

/* Whether it is unique and on the columns of the key, in any order. */
static bool
is_on_key(const DirectTable *table, Relation index)
{
	Form_pg_index form = index->rd_index;
	bool		on_key = form->indisunique && form->indnkeyatts == table->nkeys;

	for (int i = 0; on_key && i < table->nkeys; i++)
	{
		on_key = false;
		for (int j = 0; j < table->nkeys; j++)
			on_key |= form->indkey.values[i] == table->numbers[table->first_key + j];
	}
	return on_key;
}

/* Whether it finds the one row that has the key. */
static bool
is_key(const DirectTable *table, Relation index)
{
	Form_pg_index form = index->rd_index;

	return form->indisunique && form->indimmediate && form->indnkeyatts == table->nkeys &&
		finds_by(table, index, table->first_key, table->nkeys);
}

/* Whether it finds the rows of a parent. */
static bool
is_of_parent(const DirectTable *table, Relation index)
{
	Form_pg_index form = index->rd_index;

	return table->parent != 0 && finds_by(table, index, table->parent, 1) &&
		(table->beside_parent == 0 ||
		 (form->indnatts > 1 && form->indkey.values[1] == table->numbers[table->beside_parent]));
}

static void
take_index(Relation index, Oid *taken, TransactionId *xmin)
{
	*taken = RelationGetRelid(index);
	*xmin = index->rd_index->indcheckxmin ?
		HeapTupleHeaderGetXmin(index->rd_indextuple->t_data) : InvalidTransactionId;
}

/* Finds the indexes; false if there is none on the key. */
static bool
find_indexes(DirectTable *table, Relation relation)
{
	ListCell   *cell;

	table->index = InvalidOid;
	table->keys = 0;
	table->parent_index = InvalidOid;
	foreach(cell, RelationGetIndexList(relation))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		table->keys += is_on_key(table, index);
		if (is_key(table, index))
			take_index(index, &table->index, &table->index_xmin);
		if (is_of_parent(table, index))
			take_index(index, &table->parent_index, &table->parent_index_xmin);
		index_close(index, NoLock);
	}
	return OidIsValid(table->index);
}

/*
 * Finds out about a table that is locked; false if it cannot be said.  Looking it up may bring
 * word of a further change, as from a vacuum that has just ended, and then it is looked up again.
 */
static bool
learn(DirectTable *table, const Library *library, Relation relation)
{
	for (int attempt = 0; !table->known && attempt < DIRECT_ATTEMPTS; attempt++)
	{
		int			changes = table->changes;

		table->readable = is_our_table(table, library, relation) &&
			find_columns(table, relation) && find_indexes(table, relation);
		table->known = table->changes == changes;
	}
	return table->known;
}

/* Whether the snapshots of this transaction may use an index: see the server's planner. */
static bool
is_old(TransactionId index_xmin)
{
	return !TransactionIdIsValid(index_xmin) || TransactionIdPrecedes(index_xmin, TransactionXmin);
}

/* Whether the rows of an open table can be found by its column "parent" as well. */
bool
direct_table_has_parent(const DirectTable *table)
{
	return OidIsValid(table->parent_index) && is_old(table->parent_index_xmin);
}

/*
 * Opens a table for a direct path; NULL where SQL must do.  The owner is asked each time: a
 * query works as the owner of content_progress, whom the policies of other owners' tables
 * would bind.
 */
Relation
direct_table_open(DirectTable *table, const Library *library, LOCKMODE lock)
{
	Relation	relation;

	if (!library_direct_paths)
		return NULL;
	if (!table->known || table->schema != library->schema)
	{
		table->known = table->write_known = table->insert_known = false;
		table->schema = library->schema;
		table->relation = get_relname_relid(table->name, library->schema);
	}
	/* The server has an error for what is no table at all. */
	if (!OidIsValid(table->relation) || get_rel_relkind(table->relation) != RELKIND_RELATION)
		return NULL;
	relation = try_table_open(table->relation, lock);
	if (relation == NULL)
		return NULL;
	if ((table->known || learn(table, library, relation)) && table->readable &&
		relation->rd_rel->relowner == library->owner && is_old(table->index_xmin))
		return relation;
	table_close(relation, lock);
	return NULL;
}

/* Closes the first of the tables.  Their locks stay until the transaction ends, as after SQL. */
void
direct_tables_close(const Relation *relations, int count)
{
	for (int i = 0; i < count; i++)
		table_close(relations[i], NoLock);
}

/* Opens the first so many tables for reading: false where SQL must do. */
bool
direct_tables_open(const Library *library, Relation *relations, int count)
{
	for (int i = 0; i < count; i++)
	{
		relations[i] = direct_table_open(direct_tables[i], library, AccessShareLock);
		if (relations[i] != NULL)
			continue;
		direct_tables_close(relations, i);
		return false;
	}
	return true;
}
