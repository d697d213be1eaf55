# radios: 22; channels: 1; seconds: 420
# shellcheck shell=bash
# DHCP servers as devices have them, beside busybox' that gives at once: dnsmasq and ISC's dhcpd as Debian packs them, servers that
# first look who has the address, that answer late, by broadcast, or name another gateway than themselves. In 802.11n networks with WMM.
. tests/lab/odd.sh
first_client=12
odd_lot SERVE outside.first_attempt_dhcp <<'END'
udhcpd that looks first    | slow | wmm_enabled=1; ieee80211n=1 | |
dnsmasq as it comes        | dnsmasq | wmm_enabled=1; ieee80211n=1 | |
dnsmasq at once            | dnsmasq; --no-ping | wmm_enabled=1; ieee80211n=1 | |
dnsmasq, 3 s late          | dnsmasq; --no-ping; --dhcp-reply-delay=3 | | |
dnsmasq by broadcast       | dnsmasq; --no-ping; --dhcp-broadcast | | |
dnsmasq, another gateway   | dnsmasq; --no-ping; --dhcp-option=3,192.168.4.254 | | |
dnsmasq without a gateway  | dnsmasq; --no-ping; --dhcp-option=3 | | |
dnsmasq, crowded options   | dnsmasq; --no-ping; --dhcp-option-force=224,0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789; --dhcp-option-force=225,0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789; --dhcp-option-force=226,0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789 | | |
ISC as it comes            | isc | | |
ISC at once, a gateway     | isc; ping-check false; option routers 192.168.4.254 | | |
END
