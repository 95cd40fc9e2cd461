/* attach.c: makes the foreign keys and policies that need the schema auth. */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "commands/event_trigger.h"
#include "commands/policy.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "attachment.h"
#include "auth.h"
#include "boundary.h"
#include "members.h"

PG_FUNCTION_INFO_V1(content_library_attach);
PG_FUNCTION_INFO_V1(content_library_attach_when_ready);

/*
 * A table of the extension, found by the OID of its schema.  The schema's name is not
 * trusted: its owner can rename it and give the name to another schema.
 */
static Oid
library_table(const Library *library, const char *name)
{
	Oid			table = library_relation(library, name);

	if (!is_member(library, RelationRelationId, table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the table \"%s\" does not belong to content_library", name),
				 errhint("content_library_check() says what was changed.")));
	return table;
}

/*
 * The schema's name as it is now: the server's caches know it in every isolation level, and
 * a query does not.
 */
static const char *
schema_of(Oid table)
{
	const char *schema = get_namespace_name(get_rel_namespace(table));

	if (schema == NULL)
		elog(ERROR, "cache lookup failed for the schema of relation %u", table);
	return quote_identifier(schema);
}

/* One statement as a parse tree, so that its tables can be given by OID. */
static Node *
parse(const char *sql)
{
	return linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT))->stmt;
}

/* The name that the server itself would give to this key. */
static char *
key_name(Oid table)
{
	return psprintf("%s_user_id_fkey", get_rel_name(table));
}

static bool
has_key(Oid table)
{
	return OidIsValid(get_relation_constraint_oid(table, key_name(table), true));
}

/*
 * Adds the foreign key from a table to auth.users, in place of the old one.  The server
 * finds both tables by the OIDs that it is given here.  The names in the statement appear
 * only in its messages.
 */
static void
make_key(Oid table, Oid users, bool valid)
{
	char	   *name = key_name(table);
	char	   *sql = psprintf("ALTER TABLE %s.%s %s%s%s ADD CONSTRAINT %s " ATTACHED_KEY "%s",
							   schema_of(table), get_rel_name(table),
							   has_key(table) ? "DROP CONSTRAINT " : "",
							   has_key(table) ? name : "", has_key(table) ? "," : "",
							   name, valid ? "" : " NOT VALID");
	AlterTableStmt *statement = castNode(AlterTableStmt, parse(sql));
	AlterTableCmd *add = llast_node(AlterTableCmd, statement->cmds);
	AlterTableUtilityContext context = {0};

	castNode(Constraint, add->def)->old_pktable_oid = users;
	context.pstmt = makeNode(PlannedStmt);
	context.queryString = sql;
	context.relid = table;
	AlterTable(statement, AccessExclusiveLock, &context);
	CommandCounterIncrement();
}

/*
 * Makes a policy, in place of the old one.  The server can make one only by the table's
 * name, so another table may have that name by now.  That does no harm: the table must
 * belong to our tables' owner, making a policy runs no code of it, and the error at the end
 * undoes it.
 */
static void
make_policy(Oid table, const AttachedPolicy *policy)
{
	Oid			old = get_relation_policy_oid(table, policy->name, true);
	char	   *sql = psprintf("CREATE POLICY %s ON %s.%s %s", quote_identifier(policy->name),
							   schema_of(table), policy->table, policy->definition);
	ObjectAddress address;

	if (OidIsValid(old))
	{
		ObjectAddressSet(address, PolicyRelationId, old);
		performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
		CommandCounterIncrement();
	}
	address = CreatePolicy(castNode(CreatePolicyStmt, parse(sql)));
	CommandCounterIncrement();
	if (get_relation_policy_oid(table, policy->name, true) != address.objectId)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the schema of content_library has just been renamed"),
				 errhint("Try again.")));
}

/* The commands that validate the keys. */
static char *
validations(const char *schema)
{
	StringInfoData commands;

	initStringInfo(&commands);
	for (int i = 0; i < lengthof(attached_tables); i++)
		appendStringInfo(&commands, "%sALTER TABLE %s.%s VALIDATE CONSTRAINT %s_user_id_fkey;",
						 i == 0 ? "" : " ", schema, attached_tables[i], attached_tables[i]);
	return commands.data;
}

/*
 * Whether the keys may be validated now.  Validation plans a query on auth.users with the
 * rights of our tables' owner, and planning can already run code that belongs to
 * auth.users.  If that code is another role's, the keys stay NOT VALID and a warning says
 * why.
 */
static bool
is_trusted(Oid users, Oid owner, const char *schema)
{
	Oid			other = relation_owner(users);
	char	   *code;

	if (has_privs_of_role(other, owner))
		return true;
	code = auth_code(users);
	if (code == NULL)
		return true;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("content_library does not validate its foreign keys to auth.users"),
			 errdetail("It would run code of %s with the rights of %s: %s.",
					   GetUserNameFromId(other, false), GetUserNameFromId(owner, false), code),
			 errhint("New rows are checked all the same. Have that removed, then call content_library_attach() again. If you trust it: %s",
					 validations(schema))));
	return false;
}

/* Locks in the order in which deleting an account does, so that the two cannot deadlock. */
static void
lock_tables(Oid users, const Oid *tables)
{
	bool		drops = false;

	for (int i = 0; i < lengthof(attached_tables); i++)
		drops |= has_key(tables[i]);
	/* DROP CONSTRAINT takes this lock on both tables of the key. */
	LockRelationOid(users, drops ? AccessExclusiveLock : ShareRowExclusiveLock);
	for (int i = 0; i < lengthof(attached_tables); i++)
		LockRelationOid(tables[i], AccessExclusiveLock);
}

/* Makes all keys and policies.  Runs as the owner of the tables. */
static void
make_all(const Library *library)
{
	Oid			users = auth_users();
	Oid			tables[lengthof(attached_tables)];
	bool		valid;

	for (int i = 0; i < lengthof(attached_tables); i++)
		tables[i] = library_table(library, attached_tables[i]);
	/* A role that may not refer to auth.users must not be able to lock it either. */
	(void) LookupExplicitNamespace("auth", false);
	if (pg_class_aclcheck(users, library->owner, ACL_REFERENCES) != ACLCHECK_OK &&
		pg_attribute_aclcheck(users, get_attnum(users, "id"), library->owner, ACL_REFERENCES) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, "users");

	lock_tables(users, tables);
	/* Looked up again under the lock: before, another table could take the name. */
	if (users != auth_users())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("auth.users has just been replaced"),
				 errhint("Try again.")));
	valid = is_trusted(users, library->owner, schema_of(tables[0]));

	/* All are made again each time, so that another call repairs what was dropped. */
	for (int i = 0; i < lengthof(attached_tables); i++)
		make_key(tables[i], users, valid);
	for (int i = 0; i < lengthof(attached_policies); i++)
		make_policy(library_table(library, attached_policies[i].table), &attached_policies[i]);
}

/*
 * Makes everything with the rights of the tables' owner.  A new foreign key reads both
 * tables, and that can run code of their owners.  The extension's script and most event
 * triggers run as superuser, and such code must not.  After an error the server restores
 * the caller's rights.
 */
static void
attach(const Library *library)
{
	char	   *missing = auth_missing();
	Boundary	boundary;

	if (missing != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("content_library cannot attach to auth: %s not found", missing),
				 errhint("Create what is missing, then call content_library_attach() again.")));

	become_owner(&boundary, library);
	pin_search_path();
	/* The server collects commands for event triggers by their statement; these have none. */
	EventTriggerInhibitCommandCollection();
	PG_TRY();
	{
		make_all(library);
	}
	PG_FINALLY();
	{
		EventTriggerUndoInhibitCommandCollection();
	}
	PG_END_TRY();
	become_caller(&boundary);
}

/* Only for those who have the owner's rights, because it acts as the owner. */
Datum
content_library_attach(PG_FUNCTION_ARGS)
{
	Library		library;

	library_find(&library, fcinfo->flinfo->fn_oid);
	require_owner(&library, "content_library_attach()");
	/* The server makes this check earlier than the functions that are called here. */
	PreventCommandIfReadOnly("content_library_attach()");
	attach(&library);
	PG_RETURN_VOID();
}

/* Our event triggers: those that call this function. */
static List *
triggers_of(Oid function)
{
	Relation	catalog = table_open(EventTriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	List	   *found = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_event_trigger trigger = (Form_pg_event_trigger) GETSTRUCT(tuple);

		if (trigger->evtfoid == function)
			found = lappend_oid(found, trigger->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/*
 * Removes our event triggers.  False if another transaction has removed them before: then
 * it has attached, too.
 */
static bool
remove_event_triggers(Oid function)
{
	bool		removed = false;
	ListCell   *cell;

	foreach(cell, triggers_of(function))
	{
		ObjectAddress address;

		ObjectAddressSet(address, EventTriggerRelationId, lfirst_oid(cell));
		/* Waits for a transaction that is removing it, and then looks whether it is gone. */
		LockDatabaseObject(address.classId, address.objectId, 0, AccessExclusiveLock);
		if (!SearchSysCacheExists1(EVENTTRIGGEROID, ObjectIdGetDatum(address.objectId)))
			continue;
		/* A member of an extension cannot be dropped, so it first stops being one. */
		deleteDependencyRecordsForClass(address.classId, address.objectId,
										ExtensionRelationId, DEPENDENCY_EXTENSION);
		CommandCounterIncrement();
		performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
		CommandCounterIncrement();
		removed = true;
	}
	return removed;
}

/*
 * Whether the command can have made what was missing: one on the schema auth or something
 * in it, or a GRANT, which names no object.
 */
static bool
is_about_auth(void)
{
	bool		found;

	SPI_connect();
	if (SPI_execute("SELECT FROM pg_event_trigger_ddl_commands() AS c "
					"WHERE c.schema_name = 'auth' OR c.object_identity = 'auth' OR c.command_tag = 'GRANT'",
					false, 1) != SPI_OK_SELECT)
		elog(ERROR, "cannot read the commands of the event trigger");
	found = SPI_processed > 0;
	SPI_finish();
	return found;
}

/* Turns an error into a warning.  A cancelled query stays an error. */
static void
warn_not_attached(ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("content_library is not attached to auth: %s", error->message),
			 errhint("The tables stay locked for learners. Remove the cause, then call content_library_attach().")));
}

/*
 * The event trigger.  A cancelled query stays an error.  Every other error becomes a
 * warning, so that this can never make a command fail.
 */
Datum
content_library_attach_when_ready(PG_FUNCTION_ARGS)
{
	Library		library;
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner resources = CurrentResourceOwner;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("content_library_attach_when_ready() is for an event trigger")));

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		/* The event trigger is removed first, so that attaching cannot fire it again. */
		library_find(&library, fcinfo->flinfo->fn_oid);
		if (is_about_auth() && auth_missing() == NULL && remove_event_triggers(library.function))
			attach(&library);
		PopActiveSnapshot();
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = resources;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = resources;
		warn_not_attached(error);
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}
