/* direct_write.h: advances a row of progress without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_WRITE_H
#define CONTENT_LIBRARY_DIRECT_WRITE_H

#include "advance.h"
#include "direct_read.h"

extern bool direct_write_progress(const Library *library, const DirectProgress *read,
								  const Advance *advanced);

#endif							/* CONTENT_LIBRARY_DIRECT_WRITE_H */
