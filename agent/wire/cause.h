/*
 * Why something ended: one closed table for the device, the station, the record and the screen.
 * The number goes over the air and into the database and is never reused; the name is kept for years.
 * A function that fails returns -(enum mr_cause).
 *
 * X(NAME, number, "name", CLASS, "sentence", "remedy")
 * CLASS decides what the line does next:
 *   AIR       retried by itself, back of the queue
 *   STATION   our own trouble: the unit is held, nothing counts against the product
 *   DEVICE    one more try, then quarantine
 *   SECURITY  never retried: quarantine at once. Only what the device has proved, or the record: whatever a
 *             neighbour can say in its place is of the air
 *   OPERATOR  a person did it
 *   POWER     power loss of either side: resumed
 */
#pragma once

enum mr_cause_class {
	MR_CLASS_NONE,
	MR_CLASS_AIR,
	MR_CLASS_STATION,
	MR_CLASS_DEVICE,
	MR_CLASS_SECURITY,
	MR_CLASS_OPERATOR,
	MR_CLASS_POWER
};

#define MR_CAUSES(X)                                                                                                   \
	X(OK, 0, "ok", NONE, "no cause", "nothing to do")                                                              \
	X(NO_ANSWER, 1, "no-answer", AIR, "the device stopped answering", "move it closer, check its power, retry")    \
	X(HANDSHAKE_TIMEOUT, 2, "handshake-timeout", AIR, "the device called but did not complete the handshake",      \
	  "move it closer, retry")                                                                                     \
	X(RSSI_LOW, 3, "rssi-low", AIR, "the device is heard too weakly for this job", "move it closer")               \
	X(LEASE_LOST, 4, "lease-lost", AIR, "the device gave the session up", "retry")                                 \
	X(ASSOCIATION_REFUSED, 5, "association-refused", AIR, "the device's access point refused the association",     \
	  "restart the device, retry")                                                                                 \
	X(LINK_LOST, 6, "link-lost", AIR, "the device ended the link", "move it closer, check its power, retry")       \
	X(ADDRESS_TIMEOUT, 7, "address-timeout", AIR, "the device gave no IP address", "restart the device, retry")    \
	X(CONNECT_FAILED, 8, "connect-failed", AIR, "the device's server did not take the connection",                 \
	  "restart the device, retry")                                                                                 \
	X(JOIN_TIMEOUT, 9, "join-timeout", AIR, "nobody saw the device join its network",                              \
	  "check that the network's access point is on and in reach, retry")                                           \
	X(BUSY, 12, "busy", AIR, "the device is busy with somebody else",                                              \
	  "disconnect phones and other clients from the device, retry")                                                \
	X(DISTURBED, 13, "disturbed", AIR, "somebody who is not the device answered in its place",                     \
	  "look for a stranger's radio in reach of the line, retry")                                                   \
	X(DUPLICATE_ADDRESS, 14, "duplicate-address", AIR, "two devices answer with one MAC address",                  \
	  "take one of the two away, retry; then give one of them another address")                                    \
	X(WPS_REFUSED, 15, "wps-refused", AIR, "the device ended the WPS exchange, and nobody signs that",             \
	  "compare the PIN of its label with the record, or press its button again; then retry")                       \
	X(WPS_OVERLAP, 16, "wps-overlap", AIR, "a second device has its WPS button pressed",                           \
	  "wait two minutes or find the other device, retry")                                                          \
	X(WPS_LOCKED, 17, "wps-locked", AIR,                                                                           \
	  "the device says that it is locked after wrong PINs, and nobody signs that",                                 \
	  "wait until its access point no longer says so; compare the PIN of its label with the record")               \
	X(NOT_HEARD, 18, "not-heard", AIR, "the device has not heard the broadcast of its network",                    \
	  "move it closer to the radio of its channel, look for others that keep the channel busy")                    \
	X(JOURNAL_UNAVAILABLE, 20, "journal-unavailable", STATION, "the database does not take records",               \
	  "free disk space or repair the database, then run the job again")                                            \
	X(SIGNER_UNAVAILABLE, 21, "signer-unavailable", STATION, "the CA does not sign",                               \
	  "check the CA key and its token, then run the job again")                                                    \
	X(POOL_EMPTY, 22, "pool-empty", STATION, "no serial number is left for this batch",                            \
	  "extend the serial list or pattern")                                                                         \
	X(RADIO_GONE, 23, "radio-gone", STATION, "the radio that served the device went away",                         \
	  "plug the adapter in again; its devices move to other radios")                                               \
	X(STATION_RESTARTED, 24, "station-restarted", POWER, "the station stopped in the middle of this attempt",      \
	  "none: the unit resumes where its record says")                                                              \
	X(CERTIFICATE_EXPIRED, 25, "ca-expired", STATION, "the issuing CA's certificate has expired",                  \
	  "make a new issuing CA with millrace ca new-issuing-ca")                                                     \
	X(NO_MEMORY, 26, "no-memory", STATION, "no memory is left for another device",                                 \
	  "lower admission.max_in_flight")                                                                             \
	X(LIMITS_UNKNOWN, 27, "limits-unknown", STATION,                                                               \
	  "no device so far reports a measurement that the job has limits for",                                        \
	  "compare the job's limits with what the self-test is seen to report; if it is this device alone, take it "   \
	  "away")                                                                                                      \
	X(SELFTEST_FAILED, 40, "selftest-failed", DEVICE, "the device's self-test failed", "repair or scrap the unit") \
	X(STORAGE_FAILED, 41, "storage-failed", DEVICE, "the device could not write its storage",                      \
	  "repair or scrap the unit")                                                                                  \
	X(BAD_REQUEST, 42, "bad-request", DEVICE, "the device refused a request as malformed",                         \
	  "check firmware and station versions")                                                                       \
	X(OUT_OF_ORDER, 43, "out-of-order", DEVICE, "the device refused a step in its present state",                  \
	  "check its record, rework the unit")                                                                         \
	X(TOO_LONG, 44, "too-long", DEVICE, "a value does not fit the device", "use a shorter certificate or name")    \
	X(CRYPTO_FAILED, 45, "crypto-failed", DEVICE, "the device's cryptography failed", "repair or scrap the unit")  \
	X(DIGEST_MISMATCH, 46, "digest-mismatch", DEVICE, "the device read back something else than was sent",         \
	  "repair or scrap the unit")                                                                                  \
	X(BAD_RESPONSE, 47, "bad-response", DEVICE, "the device's answer is malformed",                                \
	  "check firmware and station versions")                                                                       \
	X(LIMIT_EXCEEDED, 48, "limit-exceeded", DEVICE, "a measurement is outside the job's limits",                   \
	  "repair or scrap the unit")                                                                                  \
	X(TLS_FAILED, 49, "tls-failed", DEVICE, "the TLS handshake with the device failed",                            \
	  "check firmware and station versions")                                                                       \
	X(JOIN_FAILED, 50, "join-failed", DEVICE, "the device could not join its network",                             \
	  "check SSID, passphrase and security of the job, then the unit's radio")                                     \
	X(NETWORK_NOT_SEEN, 51, "network-not-seen", DEVICE, "the network of the job is not in the device's scan list", \
	  "check that the network's access point is on and in reach, then the unit's antenna")                         \
	X(UNSUPPORTED, 52, "unsupported", DEVICE, "the device cannot do what the job asks of it",                      \
	  "check firmware and job")                                                                                    \
	X(RECORD_REFUSED, 53, "record-refused", DEVICE, "what the device says of itself does not go on record",        \
	  "check its firmware: device id, names and measurements; docs/audit.md says what is taken")                   \
	X(FIRMWARE_OLD, 54, "firmware-old", DEVICE, "the device's firmware signs less than this station asks for",     \
	  "update the firmware: its agent is older than protocol 2")                                                   \
	X(NOT_MEASURED, 55, "not-measured", DEVICE,                                                                    \
	  "the device does not report a measurement that the job has limits for and other devices report",             \
	  "check its firmware against that of the others")                                                             \
	X(SEALED_ELSEWHERE, 56, "sealed-elsewhere", DEVICE,                                                            \
	  "the device is sealed with the network of another lot, and can be given no other",                           \
	  "put it with the goods of that lot; where it passed there, a lead's release says so again")                  \
	X(WRONG_PRODUCT, 60, "wrong-product", SECURITY, "the device is of another product than the job's",             \
	  "put it in the red bin")                                                                                     \
	X(DUPLICATE_KEY, 61, "duplicate-key", SECURITY,                                                                \
	  "the device's public key is already on record for another unit", "put it in the red bin")                    \
	X(KEY_CHANGED, 62, "key-changed", SECURITY, "the device came back with another key than its record says",      \
	  "put it in the red bin")                                                                                     \
	X(BAD_SIGNATURE, 63, "bad-signature", SECURITY, "a signature of the device does not verify",                   \
	  "put it in the red bin")                                                                                     \
	X(UNKNOWN_IDENTITY, 64, "unknown-identity", SECURITY, "the device carries an identity that is not on record",  \
	  "put it in the red bin")                                                                                     \
	X(DUPLICATE_DEVICE, 65, "duplicate-device", SECURITY, "two devices answer with one device id",                 \
	  "put both in the red bin")                                                                                   \
	X(NOT_EXPECTED, 66, "not-expected", SECURITY, "the device is not on the job's list",                           \
	  "put it aside, ask the lead")                                                                                \
	X(PASSPHRASE_REFUSED, 67, "passphrase-refused", AIR,                                                           \
	  "the access point would not go on after our key was shown, and nobody signs that",                           \
	  "compare its label with the record; if they agree, look for who disturbs the air, then retry")               \
	X(PIN_REFUSED, 68, "pin-refused", AIR, "who answers at its address does not know the PIN on record or label",  \
	  "compare its label with the record; if they agree, look for who disturbs the air, then retry")               \
	X(PIN_LOCKED, 69, "pin-locked", AIR,                                                                           \
	  "who answers at its address says that too many wrong PINs have locked it",                                   \
	  "compare its label with the record; a locked device needs a new identity")                                   \
	X(CERTIFICATE_REFUSED, 70, "certificate-refused", AIR,                                                         \
	  "who answers at its address shows a certificate that is not what the job demands",                           \
	  "compare its certificate with the record; if they agree, look for who disturbs the air, then retry")         \
	X(PIN_EXPOSED, 71, "pin-exposed", SECURITY,                                                                    \
	  "the device's WPS PIN was shown too often to somebody who did not prove to know it",                         \
	  "give it another PIN; look for who answers in its place")                                                    \
	X(STOPPED, 80, "stopped", OPERATOR, "the operator stopped the run", "run the job again to continue")           \
	X(PUT_ASIDE, 81, "put-aside", OPERATOR, "a person put the unit aside", "ask who did; a lead releases it")      \
	X(DEVICE_RESTARTED, 90, "device-restarted", POWER, "the device restarted in the middle of the attempt",        \
	  "none: the unit resumes")

enum mr_cause {
#define MR_CAUSE_ENUM(name, number, text, class, sentence, remedy) MR_CAUSE_##name = number,
	MR_CAUSES(MR_CAUSE_ENUM)
#undef MR_CAUSE_ENUM
};

/* Static text for a cause; unknown numbers (a newer peer) give "unknown" and MR_CLASS_DEVICE. */
const char *mr_cause_name(int cause);
const char *mr_cause_sentence(int cause);
const char *mr_cause_remedy(int cause);
enum mr_cause_class mr_cause_class(int cause);
const char *mr_cause_class_name(enum mr_cause_class class);
