# radios: 24; channels: 1; seconds: 480; sample: 0
# shellcheck shell=bash
# Access points as people have them, by hostapd: rates, intervals, elements, limits. tests/lab/odd.sh has the meaning of the columns.
. tests/lab/odd.sh
first_client=13
odd_lot AIR outside.first_attempt_air <<'END'
802.11n with WMM           | udhcpd | wmm_enabled=1; ieee80211n=1 | |
802.11n, 40 MHz, short GI  | udhcpd | wmm_enabled=1; ieee80211n=1; ht_capab=[HT40-][SHORT-GI-20][SHORT-GI-40] | |
WMM with power saving      | udhcpd | wmm_enabled=1; uapsd_advertisement_enabled=1 | |
rates of 802.11b only      | udhcpd | supported_rates=10 20 55 110; basic_rates=10 20 | |
beacons every 400 TU       | udhcpd | beacon_int=400 | |
beacons every 1000 TU      | udhcpd | beacon_int=1000 | |
hidden, of zeros           | udhcpd | ignore_broadcast_ssid=2 | |
one station at most        | udhcpd | max_num_sta=1 | |
802.11d, k, v, u           | udhcpd | country_code=DE; ieee80211d=1; rrm_neighbor_report=1; bss_transition=1; time_advertisement=2; interworking=1 | |
elements of vendors        | udhcpd | vendor_elements=dd0411223300dd05aabbcc0102; assocresp_elements=dd04112233ff | |
fragments of 256 octets    | udhcpd | fragm_threshold=256 | |
END
