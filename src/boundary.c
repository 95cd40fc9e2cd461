/* boundary.c: where a call stops being the caller and works as the owner of the tables. */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "boundary.h"

#define PINNED_SEARCH_PATH "pg_catalog, pg_temp"

/* Refuses a caller who could not do the same without us. */
void
require_owner(const Library *library, const char *function)
{
	if (!has_privs_of_role(GetUserId(), library->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s needs the rights of the owner of the tables", function),
				 errhint("Call it as %s.", GetUserNameFromId(library->owner, false))));
}

/* Changes a setting; become_caller() gives the old value back. */
void
set_until_caller(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Works as the owner of the tables from here on, as the server does for its foreign keys.
 *
 * Triggers of the tables' owner may run in here.  In a security-restricted operation they
 * cannot leave anything in the session that the caller would run later.
 * SECURITY_NOFORCE_RLS is for tables with FORCE ROW LEVEL SECURITY, which would hide rows
 * from their owner.  The search_path is still the caller's: see pin_search_path().
 *
 * After an error nothing has to be done here: the server restores the user and the settings
 * when it aborts the transaction or the subtransaction.
 */
void
become_owner(Boundary *boundary, const Library *library)
{
	GetUserIdAndSecContext(&boundary->caller, &boundary->security);
	boundary->guc_level = NewGUCNestLevel();
	SetUserIdAndSecContext(library->owner,
						   boundary->security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
}

/*
 * To be called inside the boundary before any SQL: then names and operators in it are the
 * server's own.  A heartbeat often needs no SQL, and setting the path would be a tenth of it.
 * A trigger may have changed the path since the last query, so it is asked each time.  The
 * level is new because within one level the server saves a value only once.
 */
void
pin_search_path(void)
{
	if (strcmp(namespace_search_path, PINNED_SEARCH_PATH) == 0)
		return;
	(void) NewGUCNestLevel();
	set_until_caller("search_path", PINNED_SEARCH_PATH);
}

/* Gives the caller's role and search path back. */
void
become_caller(const Boundary *boundary)
{
	AtEOXact_GUC(true, boundary->guc_level);
	SetUserIdAndSecContext(boundary->caller, boundary->security);
}
