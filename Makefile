# Makefile: builds, installs and checks content_library with PGXS.

EXTENSION = content_library
MODULE_big = content_library
DATA = content_library--1.0.sql
OBJS = src/library.o src/plans.o src/caller.o src/threshold.o src/completion.o src/progress.o

PG_CFLAGS = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS tracks no headers.
$(OBJS): $(wildcard src/*.h)
