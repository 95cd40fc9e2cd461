/* owner.h: the one narrow place where this library acts as the owner of its tables. */
#ifndef CONTENT_LIBRARY_OWNER_H
#define CONTENT_LIBRARY_OWNER_H

/* Who the caller is, meanwhile. */
typedef struct Disguise
{
	Oid			caller;
	int			security;
	int			guc_level;
	bool		names_held;		/* no schema is renamed meanwhile */
} Disguise;

extern void act_as_owner(Disguise *disguise, const char *schema, Oid function);
extern void act_as_caller(Disguise *disguise);

#endif							/* CONTENT_LIBRARY_OWNER_H */
