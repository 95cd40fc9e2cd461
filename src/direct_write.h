/* direct_write.h: advances a row of progress without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_WRITE_H
#define CONTENT_LIBRARY_DIRECT_WRITE_H

#include "advance.h"
#include "direct_read.h"

extern bool has_plain_constraints(Relation relation);
extern bool satisfies_checks(const DirectProgress *row);
extern bool direct_write_progress(const Library *library, DirectProgress *row,
								  const Advance *advanced);

#endif							/* CONTENT_LIBRARY_DIRECT_WRITE_H */
