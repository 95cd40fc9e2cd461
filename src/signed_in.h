/* signed_in.h: the signed-in user, as auth.uid() says. */
#ifndef CONTENT_LIBRARY_SIGNED_IN_H
#define CONTENT_LIBRARY_SIGNED_IN_H

#include "content_library.h"

/* What Supabase's auth.uid() reads. */
#define SUBJECT_SETTING "request.jwt.claim.sub"
#define CLAIMS_SETTING "request.jwt.claims"

extern Datum signed_in_user(const Library *library, bool *isnull);
extern Datum signed_in_user_by(const Library *library, bool *isnull, bool *by_settings);

#endif							/* CONTENT_LIBRARY_SIGNED_IN_H */
