/* direct_insert.h: inserts a row of progress without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_INSERT_H
#define CONTENT_LIBRARY_DIRECT_INSERT_H

#include "direct_read.h"

extern bool direct_insert_progress(const Library *library, DirectProgress *row);

#endif							/* CONTENT_LIBRARY_DIRECT_INSERT_H */
