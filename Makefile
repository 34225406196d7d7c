# Gatepost.  `make`, `make check`, `make demo`: see README.md.
# Sources are found, not listed: a new file in a folder is built with its folder.
SHELL      := /bin/bash
CC         ?= gcc
BUILD      ?= build
PREFIX     ?= /usr
PKGS       := zlib libevent_core hiredis openssl yaml-0.1 libcares libidn2 ldap libclamav gmime-3.0 libarchive libpcre2-8 jansson libpsl libmaxminddb libcurl lua5.4 libsystemd libseccomp
PKG_CONFIG ?= pkg-config
VERSION    := 0.1.0

WARN       := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
OPT        ?= -O2 -g
HARDEN     := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
# SAN=1: AddressSanitizer and UndefinedBehaviorSanitizer, in a build folder of its own.
ifeq ($(SAN),1)
BUILD      := build/san
OPT        := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DGATEPOST_SANITIZED=1
HARDEN     := -fPIE
endif
ifneq ($(filter-out clean deps help check demo bench fuzz check-e2e,$(or $(MAKECMDGOALS),all)),)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
endif
# libclamav's and GMime's headers are not ours to warn about.
CPPFLAGS   += -I. -D_GNU_SOURCE -DGATEPOST_VERSION='"$(VERSION)"' $(patsubst -I%,-isystem %,$(PKG_CFLAGS))
CFLAGS     += -std=gnu11 $(WARN) $(OPT) $(HARDEN)
LDFLAGS    += -pie -Wl,--as-needed -Wl,-z,relro,-z,now
LDLIBS     += $(PKG_LIBS) -llber -lunistring -lm -lpthread

LIB_SRC    := $(shell find lib -name '*.c' | sort)
BINARIES   := gatepost-socketmapd gatepost-policyd gatepost-cfilter gatepostctl
DIR_gatepost-socketmapd := socketmapd
DIR_gatepost-policyd    := policyd
DIR_gatepost-cfilter    := cfilter
DIR_gatepostctl         := ctl
UNIT_SRC   := $(shell find tests/unit -name 'test_*.c' | sort)
FUZZ_SRC   := $(shell find fuzz -name 'fuzz_*.c' | sort)
BENCH_SRC  := $(shell find bench -maxdepth 1 -name '*.c' | sort)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
# all sources of a program's folder but its main file
parts = $(filter-out %/main.c %/gatepostctl.c,$(shell find $(1) -name '*.c' | sort))

LIB        := $(BUILD)/lib/libgatepost.a
PART_LIBS  := $(foreach d,socketmapd policyd cfilter ctl,$(BUILD)/lib/lib$(d).a)

.PHONY: all help deps check check-unit check-e2e demo bench fuzz install clean format lint
all: $(addprefix $(BUILD)/bin/,$(BINARIES))

help:
	@sed -n 's/^## //p' Makefile

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(call obj,$(LIB_SRC))
	@mkdir -p $(@D); rm -f $@
	@echo "  AR    $@"; ar rcs $@ $^

define part_lib
$(BUILD)/lib/lib$(1).a: $(call obj,$(call parts,$(1)))
	@mkdir -p $$(@D); rm -f $$@
	@echo "  AR    $$@"; ar rcs $$@ $$^
endef
$(foreach d,socketmapd policyd cfilter ctl,$(eval $(call part_lib,$(d))))

define binary
$(BUILD)/bin/$(1): $(call obj,$(firstword $(wildcard $(DIR_$(1))/main.c $(DIR_$(1))/gatepostctl.c))) $(BUILD)/lib/lib$(DIR_$(1)).a $(LIB)
	@mkdir -p $$(@D)
	@echo "  LD    $$@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $$@ $$^ $(LDLIBS)
endef
$(foreach b,$(BINARIES),$(eval $(call binary,$(b))))

## make              builds build/bin/
## make deps         installs what building and testing need (Debian packages; never another MTA, never a running service)
deps:
	@tests/deps.sh

## make check-unit   unit tests, plain and under ASan+UBSan (seconds)
UNIT_BIN   := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
# A test under tests/unit/<folder>/ is linked with that folder's parts, if it has any.
$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(LIB) $(PART_LIBS)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(filter $(BUILD)/lib/lib$(firstword $(subst /, ,$*)).a,$(PART_LIBS)) $(LIB) -lcmocka $(LDLIBS)

# A fuzz target with a driver that runs its seeds: the seeds are ordinary tests.
SEED_BIN   := $(patsubst fuzz/%.c,$(BUILD)/seeds/%,$(FUZZ_SRC))
$(BUILD)/seeds/%: $(BUILD)/obj/fuzz/%.o $(BUILD)/obj/fuzz/run_seeds.o $(LIB) $(PART_LIBS)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(PART_LIBS) $(LIB) $(LDLIBS)

.PHONY: unit-binaries
unit-binaries: $(UNIT_BIN) $(SEED_BIN)

check-unit:
	@$(MAKE) --no-print-directory unit-binaries
	@$(MAKE) --no-print-directory SAN=1 unit-binaries
	@tests/run_unit.py build build/san

## make check        everything: unit tests, seeds, end-to-end tests with real servers, plain and under sanitizers; installs what is missing
check: deps
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory SAN=1 all
	@$(MAKE) --no-print-directory unit-binaries
	@$(MAKE) --no-print-directory SAN=1 unit-binaries
	@tests/run_all.sh

## make check-e2e    the end-to-end tests alone; E2E=test_name picks one file
check-e2e: deps
	@$(MAKE) --no-print-directory all
	@python3 tests/run_e2e.py $(E2E)

## make demo         a real Postfix with the three daemons on loopback; KEEP=1 leaves it running
demo: deps
	@$(MAKE) --no-print-directory all
	@if [ "$$(id -u)" = 0 ]; then KEEP=$(KEEP) python3 demo/demo.py; \
	else sudo KEEP=$(KEEP) python3 demo/demo.py; fi

## make bench        throughput and CPU beside bare servers and other filters, as ratios inside one run; BENCH=cfilter, mime, policyd or socketmapd picks one
BENCH_BIN  := $(patsubst bench/%.c,$(BUILD)/bench/%,$(BENCH_SRC))
BENCH_PARTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard bench/parts/*.c))
$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(BENCH_PARTS) $(BUILD)/lib/libcfilter.a $(LIB)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

.PHONY: bench-binaries
bench-binaries: $(BENCH_BIN)

bench:
	@DEPS_BENCH=1 tests/deps.sh
	@$(MAKE) --no-print-directory all bench-binaries
	@python3 bench/run.py $(BENCH)

## make fuzz         every fuzz target for FUZZ_SECONDS (default 60) each, under ASan and UBSan
FUZZ_SECONDS ?= 60
fuzz: deps
	@fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ)

## make install      installs into DESTDIR: binaries, units, manual pages, example configuration
SYSTEMD_UNITS := $(wildcard systemd/*.service systemd/*.socket)
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/gatepost/postfix $(DESTDIR)$(PREFIX)/share/gatepost/sendmail $(DESTDIR)$(PREFIX)/lib/systemd/system \
	    $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d $(DESTDIR)/etc/gatepost \
	    $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 755 $(addprefix $(BUILD)/bin/,$(BINARIES)) $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 config/postfix/* $(DESTDIR)$(PREFIX)/share/gatepost/postfix/
	install -m 644 config/sendmail/* $(DESTDIR)$(PREFIX)/share/gatepost/sendmail/
	install -m 644 config/gatepost.yaml $(DESTDIR)$(PREFIX)/share/gatepost/gatepost.yaml
	[ -e $(DESTDIR)/etc/gatepost/gatepost.yaml ] || install -m 640 config/gatepost-minimal.yaml $(DESTDIR)/etc/gatepost/gatepost.yaml
	install -m 644 $(SYSTEMD_UNITS) $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -m 644 systemd/gatepost.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/gatepost.conf
	install -m 644 systemd/gatepost.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/gatepost.conf
	for page in man/*.[578]; do install -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/; done

format:
	clang-format -i $(LIB_SRC)

clean:
	rm -rf build

.PRECIOUS: $(BUILD)/obj/%.o
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
