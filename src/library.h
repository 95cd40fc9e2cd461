/* library.h: what the files of this library share: settings, schema, arguments. */
#ifndef CONTENT_LIBRARY_H
#define CONTENT_LIBRARY_H

#include "fmgr.h"
#include "utils/uuid.h"

/* settings: library.c */
extern int	library_completion_threshold;
extern int	library_heartbeat_interval;

/* the extension's schema: library.c */
extern char *library_schema(FunctionCallInfo fcinfo);

/* arguments: library.c */
extern Datum required_arg(FunctionCallInfo fcinfo, int number, const char *name);
extern char *uuid_text(Datum uuid);

#endif							/* CONTENT_LIBRARY_H */
