/* boundary.h: where a call stops being the caller and works as the owner of the tables. */
#ifndef CONTENT_LIBRARY_BOUNDARY_H
#define CONTENT_LIBRARY_BOUNDARY_H

#include "content_library.h"

/* What become_caller() gives back. */
typedef struct Boundary
{
	Oid			caller;			/* the role that called */
	int			security;		/* its security context */
	int			guc_level;		/* before any setting was changed */
} Boundary;

extern void require_owner(const Library *library, const char *function);
extern void become_owner(Boundary *boundary, const Library *library);
extern void pin_search_path(void);
extern void set_until_caller(const char *name, const char *value);
extern void become_caller(const Boundary *boundary);

#endif							/* CONTENT_LIBRARY_BOUNDARY_H */
