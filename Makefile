# Millrace. `make demo` and `make test` are the two commands to know; `make help` lists the rest.
# Outside variables: CC, VARIANT (release, debug, asan, fuzz), BUILD, V=1 (show commands), ONLY (bench, test: prefix), BASELINE (bench),
# SECONDS, FROM, SEED, CAPSULE (swarm).

VARIANT ?= release
BUILD   ?= build
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
OUT     := $(BUILD)/$(VARIANT)
# The two programs of the release build lie where scripts expect them.
BIN     := $(if $(filter release,$(VARIANT)),$(BUILD),$(OUT))
ifeq ($(origin CC),default)
CC      := gcc
endif

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	   -Wcast-qual -Wwrite-strings -Wvla -Wundef -Werror
HARDEN  := -fstack-protector-strong -fPIE
opt_release := -O2 -g -D_FORTIFY_SOURCE=2
opt_debug   := -O0 -g
opt_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
opt_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
link_asan   := -fsanitize=address,undefined
link_fuzz   := -fsanitize=address,undefined
OPT     := $(opt_$(VARIANT))
ifeq ($(OPT),)
$(error VARIANT is release, debug, asan or fuzz, not "$(VARIANT)")
endif

PKGS    := libcrypto libssl sqlite3 yaml-0.1 jansson libnl-3.0 libnl-genl-3.0 lwip ncursesw panelw libqrencode libpng freetype2
# Other people's headers are not held to our warnings.
PKGDEF  := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
LIBS    := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpcap -lm -lpthread
CPPALL  := -I. $(PKGDEF) $(CPPFLAGS)
CSTATION := -std=gnu11 -D_GNU_SOURCE $(WARN) $(OPT) $(HARDEN) $(CFLAGS)
# Freestanding, but for MR_ASSERT: here it is the C library's.
CAGENT  := -std=c11 -pedantic -ffreestanding -include assert.h -DMR_ASSERT=assert $(WARN) $(OPT) $(HARDEN) $(CFLAGS)
LDALL   := -pie -Wl,-z,relro,-z,now $(link_$(VARIANT)) $(LDFLAGS)

# What a device carries; what the station is made of. Variants of one seam are chosen here, at link time.
AGENT_C := $(wildcard agent/wire/*.c agent/core/*.c)
SIM_C   := $(wildcard agent/port/sim/*.c)
CRYPTO_C := agent/port/linux/crypto_openssl.c agent/port/linux/crypto_wsc_openssl.c agent/port/linux/crypto_smart_openssl.c \
	    agent/port/linux/crypto_wac_openssl.c agent/port/linux/tls_openssl.c
LINUX_C := $(wildcard agent/port/linux/*.c)
DB_C    := $(wildcard db/*.c)
STATION_C := $(wildcard station/*/*.c)
MILLRACE_C := $(AGENT_C) $(SIM_C) $(CRYPTO_C) $(DB_C) $(STATION_C)

obj = $(patsubst %.c,$(OUT)/%.o,$(1))
MILLRACE_O := $(call obj,$(MILLRACE_C))
# What a device may carry. It carries what its table of methods names (agent/core/method.h), and the linker takes no more.
LIBMR := $(OUT)/agent/libmr.a
# Archives last: objects decide what is taken from them.
linked = $(filter-out %.a,$^) $(filter %.a,$^)

.PHONY: all demo test check-deps help clean fuzz-targets
all: check-deps $(BIN)/millrace $(BIN)/millrace-agent

$(BIN)/millrace: $(call obj,station/main.c) $(MILLRACE_O)
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDALL) -o $@ $^ $(LIBS)

$(BIN)/millrace-agent: $(call obj,$(LINUX_C)) $(LIBMR)
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDALL) -o $@ $(linked) $(LIBS)

$(LIBMR): $(call obj,$(AGENT_C))
	@echo "  AR      $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(OUT)/agent/port/linux/%.o: agent/port/linux/%.c
	@mkdir -p $(@D); echo "  CC      $<"
	$(Q)$(CC) $(CPPALL) -D_GNU_SOURCE $(CAGENT) -MMD -MP -c -o $@ $<
$(OUT)/agent/%.o: agent/%.c
	@mkdir -p $(@D); echo "  CC      $<"
	$(Q)$(CC) $(CPPALL) $(CAGENT) -MMD -MP -c -o $@ $<
$(OUT)/%.o: %.c
	@mkdir -p $(@D); echo "  CC      $<"
	$(Q)$(CC) $(CPPALL) $(CSTATION) -MMD -MP -c -o $@ $<

# The SQL texts are part of the program (.incbin in db/sql.c).
$(OUT)/db/sql.o: $(wildcard db/*.sql db/*/*.sql)
# So is the built-in label.
$(OUT)/station/label/built_in.o: config/labels/serial.yaml

# Each unit test names the files it links in a comment: ` * links: agent/wire/noise.c ...`; agent/libmr.a is the archive above,
# `all` what the station is made of.
# Tests of whole batches (tests/line) and benchmarks link everything but main.c, and what such a line names.
UNIT_C  := $(wildcard tests/unit/*.c)
LINE_C  := $(wildcard tests/line/*.c)
BENCH_C := $(wildcard tests/bench/*.c)
FUZZ_C  := $(wildcard tests/fuzz/*.c)
UNIT    := $(patsubst tests/%.c,$(OUT)/tests/%,$(UNIT_C))
LINE    := $(patsubst tests/%.c,$(OUT)/tests/%,$(LINE_C))
BENCH   := $(patsubst tests/%.c,$(OUT)/tests/%,$(BENCH_C))
FUZZ    := $(patsubst tests/%.c,$(OUT)/tests/%,$(FUZZ_C))
links    = $(patsubst %.a,$(OUT)/%.a,$(call obj,$(patsubst all,$(MILLRACE_C),$(shell sed -n 's,^ \* links: *,,p' tests/$(1).c))))
# A test that stands between the program and some functions names them likewise: ` * wraps: wpa_ptk ...` (ld's --wrap).
wraps    = $(patsubst %,-Wl$(comma)--wrap=%,$(shell sed -n 's,^ \* wraps: *,,p' tests/$(1).c))
comma   := ,

.SECONDEXPANSION:
$(UNIT): $(OUT)/tests/%: $(OUT)/tests/%.o $$(call links,$$*)
	@mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(LDALL) -o $@ $(linked) $(LIBS) -lcmocka
$(FUZZ): $(OUT)/tests/%: $(OUT)/tests/%.o $$(call links,$$*)
	@mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) -fsanitize=fuzzer $(LDALL) -o $@ $(linked) $(LIBS) -lcmocka
$(LINE) $(BENCH): $(OUT)/tests/%: $(OUT)/tests/%.o $$(call links,$$*) $(MILLRACE_O)
	@mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(LDALL) $(call wraps,$*) -o $@ $^ $(LIBS) -lcmocka

SWARM_C := $(wildcard tests/swarm/*.c)
SWARM   := $(OUT)/tests/swarm/swarm
$(SWARM): $(call obj,$(SWARM_C) tests/support/figures.c) $(MILLRACE_O)
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDALL) -o $@ $^ $(LIBS)

$(BENCH): $(call obj,tests/support/figures.c)
$(OUT)/tests/bench/scans: $(call obj,tests/support/scans.c)
$(OUT)/tests/bench/record_scale: $(call obj,tests/support/large_record.c)
$(OUT)/tests/bench/forged: $(call obj,tests/support/forger.c)

# --- for people ---
.PHONY: run-demo units test-units test-line test-docs test-asan fuzz fuzz-run bench lint install
demo: deps-build
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory run-demo
run-demo:
	@mkdir -p $(BUILD)/demo && rm -rf $(BUILD)/demo/*
	@echo "millrace run config/jobs/demo.yaml --db $(BUILD)/demo/millrace.db"
	@$(BIN)/millrace run config/jobs/demo.yaml --db $(BUILD)/demo/millrace.db; s=$$?; \
	test $$s -le 1 || exit $$s; echo "(exit status $$s: the job has faulty devices on purpose)"

deps-%:
	@config/install-deps $*

test: deps-test
	@$(MAKE) --no-print-directory -j2 all units
	@tests/run $(BUILD) $(OUT) $(ONLY)

units: $(UNIT) $(LINE) $(SWARM)

# The same tests under AddressSanitizer and UndefinedBehaviorSanitizer.
test-asan: deps-test
	@$(MAKE) --no-print-directory -j2 VARIANT=asan all units
	@tests/run $(BUILD) $(BUILD)/asan $(ONLY)

# Short fuzz runs of every target; FUZZ_SECONDS each.
FUZZ_SECONDS ?= 10
fuzz: deps-ci
	@$(MAKE) --no-print-directory -j2 VARIANT=fuzz CC=clang fuzz-targets
	@tests/fuzz/run $(BUILD)/fuzz/tests/fuzz $(FUZZ_SECONDS)
fuzz-targets: $(FUZZ)

# Lots drawn from seeds on a failing disk: those that ever failed, then new ones for SECONDS (from the seed FROM on). SEED=N: that one
# alone; CAPSULE=FILE: those of a file. docs/testing.md is the manual.
.PHONY: swarm
swarm: deps-test
	@$(MAKE) --no-print-directory -j2 $(SWARM)
	@mkdir -p $(BUILD)/swarm
	@$(SWARM) $(if $(CAPSULE),--capsule "$(CAPSULE)",$(if $(SEED),--seed "$(SEED)",--list tests/swarm/seeds.txt \
		--out $(BUILD)/swarm --seconds "$(or $(SECONDS),60)" $(if $(FROM),--from "$(FROM)")))

# ONLY=radio, microap or outside boots the lab, ONLY=main or outside.hostile leaves it out.
bench: deps-test
	@$(MAKE) --no-print-directory -j2 all $(BENCH) $(SWARM)
	@case "$(ONLY)" in "" | radio* | microap | microap.l* | outside | outside.f*) $(MAKE) --no-print-directory lab-figures || echo "bench: the lab failed" >&2 ;; esac
	@$(OUT)/tests/bench/main $(BUILD)/bench.json "$(ONLY)" $(OUT)/lab
	@MILLRACE_BIN=$(BIN)/millrace $(OUT)/tests/bench/operator $(BUILD)/bench.json "$(ONLY)"
	@$(OUT)/tests/bench/scans $(BUILD)/bench.json "$(ONLY)"
	@MILLRACE_BIN=$(BIN)/millrace $(OUT)/tests/bench/record_scale $(BUILD)/bench.json "$(ONLY)"
	@$(OUT)/tests/bench/forged $(BUILD)/bench.json "$(ONLY)"
	@case "$(ONLY)" in "" | record | record.s*) $(SWARM) --seconds 60 --figures $(BUILD)/bench.json || \
		echo "bench: the swarm found something" >&2 ;; esac
	@$(OUT)/tests/bench/wps $(BUILD)/bench.json "$(ONLY)"
	@$(OUT)/tests/bench/wac $(BUILD)/bench.json "$(ONLY)"
	@$(OUT)/tests/bench/sniffer $(BUILD)/bench.json "$(ONLY)"
	@$(OUT)/tests/bench/sealed $(BUILD)/bench.json "$(ONLY)"
	@MILLRACE_BIN=$(BIN)/millrace BASELINE="$(BASELINE)" $(OUT)/tests/bench/house $(BUILD)/bench.json "$(ONLY)"

# Which planted faults do the tests notice (tests/mutate/run)? Takes minutes for each that they do not; no part of `make test`.
.PHONY: mutate
mutate: deps-test
	@CC="$(CC)" MUTATE=$(BUILD)/mutate tests/mutate/run "$(or $(FOLDER),station/line)" "$(or $(COUNT),20)" "$(or $(SEED),1)"

lint: deps-ci
	@tests/lint

# .clang-format, which lint holds; a comment that it would spoil is put between clang-format off and on.
.PHONY: format
format: deps-ci
	@git ls-files '*.c' '*.h' | xargs clang-format -i

-include tests/lab/lab.mk
-include tests/agent-size/size.mk

check-deps:
	@pkg-config --exists $(PKGS) || { echo "libraries are missing; run: config/install-deps build" >&2; exit 2; }

# Nothing of this takes effect by itself: units wait to be enabled, and of config/ come copies (docs/hardware.md says where they
# belong). Documents and examples lie to each other as they do here, so their links hold.
prefix  ?= /usr/local
bindir  ?= $(prefix)/bin
datadir ?= $(prefix)/share
unitdir ?= $(prefix)/lib/systemd/system
DOC     := $(DESTDIR)$(datadir)/doc/millrace
CONFIG  := station.yaml millrace-agent.conf $(patsubst config/%,%,$(wildcard config/jobs/* config/labels/* config/udev/* config/NetworkManager/*))
install: all
	install -d $(addprefix $(DESTDIR),$(bindir) $(datadir)/man/man1 $(datadir)/bash-completion/completions $(unitdir)) $(DOC)/docs
	install -m 755 $(BIN)/millrace $(BIN)/millrace-agent $(DESTDIR)$(bindir)
	install -m 644 docs/millrace.1 $(DESTDIR)$(datadir)/man/man1
	install -m 644 config/completions/millrace.bash $(DESTDIR)$(datadir)/bash-completion/completions/millrace
	for unit in config/systemd/*.service; do \
		sed 's,/usr/local/bin/,$(bindir)/,' "$$unit" > "$(DESTDIR)$(unitdir)/$${unit##*/}" || exit 1; \
		chmod 644 "$(DESTDIR)$(unitdir)/$${unit##*/}" || exit 1; \
	done
	install -m 644 README.md LICENSE $(DOC)
	install -m 644 $(wildcard docs/*.md) $(DOC)/docs
	for file in $(CONFIG); do install -D -m 644 "config/$$file" "$(DOC)/config/$$file" || exit 1; done

help:
	@echo "make demo       install what is missing, build, provision 200 simulated devices"
	@echo "make test       install what is missing, build, run the tests (ONLY=prefix: a part)"
	@echo "make            build $(BUILD)/millrace and $(BUILD)/millrace-agent"
	@echo "make bench      measure, in the lab too; writes $(BUILD)/bench.json (ONLY=main: without the lab, ONLY=radio: the lab)"
	@echo "make agent-size what the agent costs a device, by the methods that it carries; writes $(BUILD)/agent-size.json"
	@echo "make test-asan  the tests under AddressSanitizer and UBSan"
	@echo "make fuzz       short runs of all fuzz targets (FUZZ_SECONDS=10)"
	@echo "make mutate     plants faults and asks which of them the tests notice (FOLDER=station/line COUNT=20 SEED=1)"
	@echo "make swarm      random lots, faults, kills and disks for SECONDS=60; SEED=N, CAPSULE=FILE: one of them again"
	@echo "make test-lab   the kernel's 802.11 in a virtual machine with mac80211_hwsim (ONLY=prefix: a suite; KERNEL=6.12)"
	@echo "make lint       builds with clang and without optimisation, cppcheck, shellcheck, the house's own rules, manual page"
	@echo "make format     the house style on all C files"
	@echo "make install    programs, manual page, completion, units, examples (prefix=/usr/local, DESTDIR, bindir, datadir, unitdir)"

clean:
	rm -rf $(BUILD)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
