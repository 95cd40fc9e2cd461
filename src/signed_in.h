/* signed_in.h: the signed-in user, as auth.uid() says. */
#ifndef CONTENT_LIBRARY_SIGNED_IN_H
#define CONTENT_LIBRARY_SIGNED_IN_H

#include "content_library.h"

extern Datum signed_in_user(const Library *library, bool *isnull);

#endif							/* CONTENT_LIBRARY_SIGNED_IN_H */
