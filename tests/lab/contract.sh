# radios: 3; channels: 1 2; seconds: 180
# shellcheck shell=bash
# The radio seam on hwsim radios, by tests/lab/contract.c; with one and with two channel contexts.
export MILLRACE_LAB_HWSIM=$OUT/tests/lab/hwsim
MILLRACE_LAB_A_MAC=$(cat /sys/class/ieee80211/phy0/macaddress)
export MILLRACE_LAB_A_MAC
# The first radio is named by its address: unplugged and plugged in again its interface has another name.
export MILLRACE_LAB_A=$MILLRACE_LAB_A_MAC MILLRACE_LAB_B=wlan1
# facts of kernel 6.1: an idle managed interface beside the monitor is deaf where there are channel contexts
if [ "$CHANNELS" -gt 1 ]; then export MILLRACE_LAB_RUNGS="active anchor"; else export MILLRACE_LAB_RUNGS="active anchor companion"; fi
export CMOCKA_MESSAGE_OUTPUT=TAP
reports "$OUT/tests/lab/contract"
