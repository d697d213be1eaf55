# The lab: tests on the kernel's own 802.11 stack, in a VM (tests/lab/vm). Included by the Makefile.
# ONLY=contract runs the suites whose name begins so, ONLY=links,nuisance both; KERNEL=6.12 on that kernel of Debian's in place of the
# release's; SAMPLE=1 leaves out what CI has no time for (the first lines of the suites say what).
LAB_RADIO_C := $(wildcard station/radio/*.c) station/base/loop.c station/base/log.c \
	       agent/wire/cause.c agent/wire/channel.c
LAB     := $(OUT)/tests/lab/contract $(OUT)/tests/lab/hwsim $(OUT)/tests/lab/flood $(OUT)/tests/lab/links \
	   $(OUT)/tests/lab/listener $(OUT)/tests/lab/app

$(OUT)/tests/lab/contract: $(call obj,tests/lab/contract.c $(LAB_RADIO_C))
$(OUT)/tests/lab/hwsim: $(call obj,tests/lab/hwsim.c)
$(OUT)/tests/lab/flood: $(call obj,tests/lab/flood.c $(LAB_RADIO_C))
$(OUT)/tests/lab/links: $(call obj,tests/lab/links.c $(LAB_RADIO_C) $(addprefix station/wifi/,tkip.c sta.c sta_send.c \
	sta_receive.c defragment.c wpa.c wpa_sta.c eapol.c ccmp.c aes.c ieee80211.c) station/base/entropy.c)
SMART_C := $(addprefix agent/wire/,overheard.c smartconfig.c smartconfig_send.c esptouch1.c esptouch2.c airkiss.c cc3000.c ezconnect.c crc.c) \
	   $(wildcard agent/port/linux/crypto*.c)
$(OUT)/tests/lab/listener: $(call obj,tests/lab/listener.c $(LAB_RADIO_C) $(SMART_C))
$(OUT)/tests/lab/app: $(call obj,tests/lab/app.c $(SMART_C))
$(LAB):
	@mkdir -p $(@D); echo "  LINK    $@"
	$(Q)$(CC) $(LDALL) -o $@ $^ $(LIBS) -lcmocka

.PHONY: test-lab lab-figures
test-lab: deps-lab all $(LAB)
	$(Q)BUILD=$(BUILD) OUT=$(OUT) BIN=$(BIN) ONLY=$(ONLY) KERNEL=$(KERNEL) SAMPLE=$(SAMPLE) tests/lab/run
# The suites that measure: their figures are $(OUT)/lab/*/figures, which `make bench` collects.
lab-figures: deps-lab all $(LAB)
	$(Q)rm -f $(OUT)/lab/*/figures
	$(Q)BUILD=$(BUILD) OUT=$(OUT) BIN=$(BIN) ONLY= FIGURES=1 tests/lab/run
