# make agent-size: what the agent costs a device, for each image of tests/agent-size/image_*.c: the archive libmr.a is
# built with room for the image's states and linked to a board that does nothing. By the host's compiler, and by
# arm-none-eabi-gcc when there is one.
SIZE        := $(BUILD)/agent-size
SIZE_IMAGES := $(patsubst tests/agent-size/image_%.c,%,$(wildcard tests/agent-size/image_*.c))
SIZE_BOARD  := tests/agent-size/board.c tests/agent-size/crypto.c
SIZE_TARGETS = host $(if $(shell command -v arm-none-eabi-gcc),cortex-m3)
size_cc_host := $(CC)
size_cc_cortex-m3 := arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb
# Flags that gcc has and clang has not: its own figures of the stack; no memset made of the loop in memset.
size_knows   = $(shell $(size_cc_$(1)) $(2) -E -x c /dev/null >/dev/null 2>&1 && echo $(2))
size_gcc     = $(call size_knows,$(1),-fcallgraph-info=su) $(call size_knows,$(1),-fno-tree-loop-distribute-patterns)
size_says    = $(shell sed -n 's,^ \* $(2): *,,p' tests/agent-size/image_$(1).c)
SIZE_FLAGS  := -std=c11 -pedantic -ffreestanding $(WARN) -Os -ffunction-sections -fdata-sections -fno-pie \
	       -fno-stack-protector -fno-asynchronous-unwind-tables

define size_image	# TARGET IMAGE
size_room_$(1)_$(2) := -D'MR_ROOM(X)=$(foreach s,$(call size_says,$(2),room),X($(s)))' \
	-D'MR_NO_ROOM(X)=$(foreach s,$(call size_says,$(2),no room),X($(s)))'
size_own_$(1)_$(2) := $(patsubst %.c,$(SIZE)/$(1)/$(2)/%.o,$(SIZE_BOARD) tests/agent-size/image_$(2).c \
	tests/agent-size/server_$(call size_says,$(2),server).c)
$(SIZE)/$(1)/$(2)/%.o: %.c
	@mkdir -p $$(@D)
	$(Q)$(size_cc_$(1)) -I. $(SIZE_FLAGS) $(call size_gcc,$(1)) $$(size_room_$(1)_$(2)) -MMD -MP -c -o $$@ $$<
$(SIZE)/$(1)/$(2)/libmr.a: $(patsubst %.c,$(SIZE)/$(1)/$(2)/%.o,$(AGENT_C))
	$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
$(SIZE)/$(1)/$(2)/image.elf: $$(size_own_$(1)_$(2)) $(SIZE)/$(1)/$(2)/tests/agent-size/mem.o $(SIZE)/$(1)/$(2)/libmr.a
	@echo "  LINK    $$@"
	$(Q)$(size_cc_$(1)) -nostdlib -static -no-pie -Wl,--gc-sections,-e,main,--build-id=none,-Map=$$(@D)/image.map -o $$@ $$^ -lgcc
# The same image as a program of this machine: it ends with 0 when mr_agent_init takes its table.
$(SIZE)/$(1)/$(2)/image: $(SIZE)/$(1)/$(2)/image.elf
	$(Q)$(size_cc_$(1)) -no-pie -o $$@ $$(size_own_$(1)_$(2)) $(SIZE)/$(1)/$(2)/libmr.a
endef

SIZE_ELFS = $(foreach t,$(SIZE_TARGETS),$(foreach i,$(SIZE_IMAGES),$(SIZE)/$(t)/$(i)/image.elf))
.PHONY: agent-size agent-size-images
ifneq ($(filter agent-size agent-size-images $(SIZE)/%,$(MAKECMDGOALS)),)
$(foreach t,$(SIZE_TARGETS),$(foreach i,$(SIZE_IMAGES),$(eval $(call size_image,$(t),$(i)))))
-include $(shell find $(SIZE) -name '*.d' 2>/dev/null)
endif
agent-size-images: $(SIZE_ELFS) $(foreach i,$(SIZE_IMAGES),$(SIZE)/host/$(i)/image)
agent-size:
	@$(MAKE) --no-print-directory -j2 agent-size-images
	@tests/agent-size/report $(BUILD) "$(size_cc_host)" $(SIZE_TARGETS)
