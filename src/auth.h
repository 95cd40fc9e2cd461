/* auth.h: what this library needs of the schema auth, and whether it may trust it. */
#ifndef CONTENT_LIBRARY_AUTH_H
#define CONTENT_LIBRARY_AUTH_H

extern Oid	auth_users(void);
extern bool auth_has_uid(void);
extern char *auth_missing(void);
extern char *auth_code(Oid users);

#endif							/* CONTENT_LIBRARY_AUTH_H */
