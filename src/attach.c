/* attach.c: content_library_attach(), which attaches to auth with the rights of the tables' owner. */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"

#include "boundary.h"

PG_FUNCTION_INFO_V1(content_library_attach);

/*
 * A foreign key reads both tables when it is made, and with that may run what
 * their owners hung on them: an index on an expression, a cast.  The script of
 * a trusted extension and an event trigger run as superuser, so the owner's
 * rights are put on here, as the server does for CREATE INDEX.
 */
Datum
content_library_attach(PG_FUNCTION_ARGS)
{
	Library		library;
	Boundary	boundary;
	char	   *sql;

	library_find(&library, fcinfo);
	sql = psprintf("SELECT %s.content_library_attach_as_owner()",
				   quote_identifier(library.schema_name));
	become_owner(&boundary, &library);
	SPI_connect();
	if (SPI_execute(sql, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "content_library_attach_as_owner() failed");
	SPI_finish();
	become_caller(&boundary);

	PG_RETURN_VOID();
}
