# radios: 28; channels: 1; seconds: 420; sample: 0
# shellcheck shell=bash
# Twelve micro access points, by the usual way on one radio and by ours on one radio, the same work: join, read the scan list, give
# credentials, ask for the status. The usual way at its best: wpa_supplicant with scan_freq and raw PSKs, a static address, short
# ARP retries, one connection of curl's; one device after another. Then the same with devices that answer 300 ms late (netem).
. tests/lab/devices.sh
race 12 "" 300ms
