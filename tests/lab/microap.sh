# radios: 26; channels: 1; seconds: 420
# shellcheck shell=bash
# Twelve devices that are access points of hostapd's (and one ad-hoc network of the kernel's), millrace-agent behind each, in one
# job on one station radio. Each joins the network of the job with wpa_supplicant, and is seen to.
# wlan0: the station; wlan1: the network; then a device's access point at wlan2..., its client at wlan14...
. tests/lab/devices.sh
is "a factory makes its keys" factory /tmp/keys
is "the network of the job stands" hall 1 "lab hall" "the lab's own network"

labels=/tmp/tray.csv
label_list $labels
device 1 wpa2 "wheel of the mill 1"
device 2 wpa2 "wheel of the mill 2"
device 3 wpa2 "short 88"
device 4 wpa2 "sixty-three characters are the longest passphrase that WPA2 has"
device 5 wpa2 "with \"quotes\" and a #"
device 6 wpa2 "protected management" ieee80211w=2
device 7 wpa2 "hidden in the race" ignore_broadcast_ssid=1
device 8 wpa2 "it listens seldom" dtim_period=10
device 9 wpa2 "keys that change" wpa_group_rekey=2
device 10 pin 31946278
device 11 ibss 82940175
device 12 https ""
is "all twelve access points stand" within 60 all_stand 12

access_job /tmp/job.yaml TRAY 12 micro-ap $labels
"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/run.log /tmp/job.yaml > /out/run.json 2> /out/run.err
is "the batch ends with all well" test $? -eq 0
ask() { sqlite3 /tmp/lab.db "$1"; }
is "every one of the twelve units passed" test "$(count_of /out/run.json passed)" = 12
is "every device was told so" test "$(cat /out/device*.log | grep -c '^verdict pass')" -eq 12
is "each was reached by its own method" test "$(ask "SELECT group_concat(k) FROM (SELECT method || ' ' || count(DISTINCT unit) AS k
	FROM v_links GROUP BY method ORDER BY method)")" = "https 1,micro-ap 9,pin 2"
is "protected management frames were used where they are demanded" \
	test "$(ask "SELECT count(DISTINCT unit) FROM v_links WHERE security = 'wpa2+pmf'")" -eq 1
is "one was reached over an ad-hoc network" test "$(ask "SELECT count(DISTINCT unit) FROM v_links WHERE kind = 'ad-hoc'")" -eq 1
is "the certificate of the TLS server is on record" \
	test "$(ask "SELECT count(*) FROM v_links WHERE method = 'https' AND length(certificate_sha256) = 64")" -ge 1
is "each said in its own signed words that it joined" test "$(ask "SELECT count(DISTINCT unit) FROM v_networks WHERE reported")" -eq 12
is "most were seen to show the key" \
	test "$(ask "SELECT count(DISTINCT unit) FROM v_networks WHERE observed = 'key-verified'")" -ge 9
is "the network's own access point saw all twelve" test "$(grep -c 'AP-STA-CONNECTED' /out/hall.log)" -ge 12
is "the record holds together" "$BIN/millrace" audit verify --db /tmp/lab.db
is "no passphrase is in log, events or record" no_secret_in /out/run.log /out/run.json /out/run.err /tmp/lab.db
cp /tmp/lab.db $labels /out/
