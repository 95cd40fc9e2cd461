/* boundary.c: where a call stops being the caller and works as the owner of the tables. */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "boundary.h"

/*
 * As the server does for its foreign keys: in a security-restricted operation,
 * so that triggers of the tables' owner, which run in here, cannot leave traps
 * in the session; and with a search path that nobody chose, so that names and
 * operators in our queries are the server's own.
 *
 * An error needs nothing of us: the server gives back the user and the settings
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
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Gives the caller's role and search path back. */
void
become_caller(const Boundary *boundary)
{
	AtEOXact_GUC(true, boundary->guc_level);
	SetUserIdAndSecContext(boundary->caller, boundary->security);
}
