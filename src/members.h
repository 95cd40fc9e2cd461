/* members.h: whether a query touches nothing but what belongs to the library. */
#ifndef CONTENT_LIBRARY_MEMBERS_H
#define CONTENT_LIBRARY_MEMBERS_H

#include "nodes/pg_list.h"

#include "content_library.h"

extern bool is_member(const Library *library, Oid class, Oid object);
extern Oid	library_function(const Library *library, const char *name, int nargs,
							 const Oid *argtypes);
extern void check_members(const Library *library, List *queries, bool as_caller);

#endif							/* CONTENT_LIBRARY_MEMBERS_H */
