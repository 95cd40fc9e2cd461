/* claims.h: finds the subject in a JWT's claims, where that is plain to see. */
#ifndef CONTENT_LIBRARY_CLAIMS_H
#define CONTENT_LIBRARY_CLAIMS_H

extern char *plain_subject(const char *claims);

#endif							/* CONTENT_LIBRARY_CLAIMS_H */
