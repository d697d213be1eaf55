# radios: 24; channels: 1; seconds: 480
# shellcheck shell=bash
# Access points as people have them, by hostapd: ciphers and keys. What none can be served with is refused with words. tests/lab/odd.sh
# has the meaning of the columns.
. tests/lab/odd.sh
first_client=13
odd_lot KEYS outside.first_attempt_keys <<'END'
PMF for who can            | udhcpd | wmm_enabled=1; ieee80211w=1 | |
PSK with SHA-256 too       | udhcpd | ieee80211w=1 | wpa_key_mgmt WPA-PSK WPA-PSK-SHA256 |
WPA3 in transition         | udhcpd | ieee80211w=1 | wpa_key_mgmt WPA-PSK SAE |
fast transition too        | udhcpd | mobility_domain=a1b2; nas_identifier=ap; ft_psk_generate_local=1 | wpa_key_mgmt WPA-PSK FT-PSK |
new group keys every 2 s   | udhcpd | wpa_group_rekey=2; wpa_strict_rekey=1 | |
stations kept apart        | udhcpd | ap_isolate=1 | |
WPS on offer               | udhcpd | eap_server=1; wps_state=2; ap_setup_locked=1 | |
TKIP group key, wpa=3      | udhcpd | | wpa 3; wpa_pairwise TKIP |
TKIP pairwise too, wpa=3   | udhcpd | | wpa 3; wpa_pairwise TKIP CCMP |
WPA alone                  | udhcpd | | wpa 1; wpa_pairwise TKIP | TKIP\|WPA
SAE alone                  | udhcpd | ieee80211w=2 | wpa_key_mgmt SAE | SAE\|AKM\|key management
END
