# Makefile: builds, installs and checks content_library with PGXS.

EXTENSION = content_library
MODULE_big = content_library
DATA = content_library--1.0.sql content_library--plan.sql
DATA_built = content_library--plan--1.0.sql content_library--sql.sql content_library--sql--1.0.sql
OBJS = src/attach.o src/auth.o src/batch_reports.o src/boundary.o src/call.o src/certificates.o src/check.o src/claims.o src/completion.o \
	src/content_library.o src/copy_course.o src/course.o src/course_reports.o src/dashboard.o src/direct_completion.o \
	src/direct_courses.o src/direct_insert.o src/direct_learners.o src/direct_progress.o src/direct_read.o src/direct_reports.o \
	src/direct_scan.o src/direct_tables.o src/direct_write.o src/enrollment.o src/errors.o \
	src/locks.o src/members.o src/mux_binding.o src/mux_events.o src/mux_lock.o src/mux_playback.o src/mux_signature.o src/ordering.o \
	src/outline.o src/plans.o src/played.o src/progress_rules.o src/record_batch.o src/record_progress.o src/recording.o src/result.o \
	src/retention.o src/signed_in.o src/staff.o src/strict.o src/strict_reading.o src/table_changes.o src/threshold.o src/watching.o

# Another compiler may warn of more: only the project's own tests (WERROR=1) fail then.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
ifdef WERROR
PG_CFLAGS += -Werror
endif

# The tree, also where make runs in another folder (VPATH). PGXS says it only when it is included.
TREE = $(patsubst %/,%,$(firstword $(VPATH) $(dir $(firstword $(MAKEFILE_LIST)))))
names = $(sort $(basename $(notdir $(wildcard $(TREE)/$(1)))))

# setup comes first: it makes the database that the others share.
REGRESS = setup $(filter-out setup,$(call names,test/sql/*.sql))
REGRESS_OPTS = --inputdir=$(TREE)/test --outputdir=.
ISOLATION = $(call names,test/specs/*.spec)
ISOLATION_OPTS = --inputdir=$(TREE)/test --outputdir=. --use-existing
# The TAP tests start servers of their own and take many minutes, so they must be asked for: make installcheck TAP_TESTS=1
PROVE_TESTS = $(addprefix test/t/,$(addsuffix .pl,$(call names,test/t/*.pl)))

# The same tests on the SQL edition: make installcheck EDITION=sql
MIGRATION = supabase/migrations/20260225000010_content_library.sql
ifeq ($(EDITION),sql)
export CONTENT_LIBRARY_EDITION = sql
LEFT_OUT += $(shell cut -f 1 $(TREE)/test/extension_only)
REGRESS_OPTS += --launcher='sh $(TREE)/test/psql_without_context'
TAP_TESTS =
endif

# The same tests after content_library_strict(): make installcheck STRICT=1
ifdef STRICT
export CONTENT_LIBRARY_STRICT = 1
LEFT_OUT += $(shell cut -f 1 $(TREE)/test/open_only)
TAP_TESTS =
endif

# The same tests without the paths that reach rows without SQL: make installcheck DIRECT=off
ifdef DIRECT
export CONTENT_LIBRARY_DIRECT = $(DIRECT)
TAP_TESTS =
endif
REGRESS := $(filter-out $(LEFT_OUT),$(REGRESS))
ISOLATION := $(filter-out $(LEFT_OUT),$(ISOLATION))

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# prefix= is for servers that look for extensions elsewhere, since 18. PGXS knows it since then, too, but takes no notice of it
# where the server was configured with each folder by name, as Debian's is. The folders are those that PGXS would use.
ifeq ($(origin prefix),command line)
ifneq ($(filter 15 16 17,$(MAJORVERSION)),)
$(error prefix= needs PostgreSQL 18, and this is $(MAJORVERSION): leave it out, or make a tree to take elsewhere with DESTDIR=$(prefix))
endif
in_prefix := $(if $(findstring pgsql,$(prefix))$(findstring postgres,$(prefix)),,/postgresql)
override datadir := $(prefix)/share$(in_prefix)
override pkglibdir := $(prefix)/lib$(in_prefix)
endif

# The server's own flags and headers are written for GCC, which clang warns of.
ifneq ($(findstring clang,$(CC)),)
override CFLAGS += -Wno-unknown-warning-option -Wno-ignored-attributes -Wno-ignored-optimization-argument
endif

# The isolation tests use the database that the regression tests have set up.
ISOLATION_TESTDB = $(CONTRIB_TESTDB)

# pg_regress looks for the answers in the folder where it runs.
ifneq ($(TREE),.)
installcheck: answers
.PHONY: answers
answers:
	test -e expected || ln -s $(TREE)/expected expected
endif

# The SQL edition, the ways from and to it, and from the plan's tables. Hosted projects take the first from version control.
GENERATE = $(srcdir)/supabase/generate
SOURCES = $(addprefix $(srcdir)/,content_library--1.0.sql content_library--plan.sql supabase/plpgsql.sql src/attachment.h src/auth.c src/rules.h)
generated = perl $(GENERATE) $(1) $(SOURCES) >$@.new && mv $@.new $@
.PHONY: migration
migration: $(MIGRATION) supabase/to_extension.sql supabase/to_sql_edition.sql
$(MIGRATION): $(GENERATE) $(SOURCES)
	$(call generated,migration)
supabase/to_extension.sql: $(GENERATE) $(SOURCES)
	$(call generated,to_extension)
supabase/to_sql_edition.sql: $(GENERATE) $(SOURCES)
	$(call generated,to_sql_edition)
content_library--plan--1.0.sql: $(GENERATE) $(SOURCES)
	$(call generated,plan_update)
content_library--sql.sql: $(GENERATE) $(SOURCES)
	$(call generated,adoption)
content_library--sql--1.0.sql: $(GENERATE) $(SOURCES)
	$(call generated,update)

# What content_library_check() compares with, read from a fresh install in a cluster of its own.
.PHONY: expected
expected:
	scripts/expected
	$(MAKE) migration

# What can be found without running anything.
.PHONY: lint
lint:
	scripts/lint

# The archive for PGXN: what the last commit has.
DISTRIBUTION = content_library-$(shell sed -n 's/^  "version": "\(.*\)",$$/\1/p' $(TREE)/META.json)
.PHONY: dist
dist:
	git -C $(TREE) archive --format=zip --prefix=$(DISTRIBUTION)/ HEAD >$(DISTRIBUTION).zip

# PGXS tracks no headers.
$(OBJS): $(wildcard $(srcdir)/src/*.h)

# A build in a folder of its own (make -f .../Makefile) needs it for the objects.
$(shell mkdir -p src)
