/*
 * Plugs hwsim radios in and out, as hands do with USB adapters: `hwsim del PHY-INDEX`, `hwsim new MAC`.
 * mac80211_hwsim's generic netlink family (Linux drivers/net/wireless/mac80211_hwsim.h): command and attribute numbers.
 */
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEW_RADIO = 4, DEL_RADIO = 5 };
enum { RADIO_NAME = 17, PERM_ADDR = 22 };

int main(int argc, char **argv)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct nl_msg *msg = nlmsg_alloc();
	unsigned m[6];
	int family, result;

	if (argc != 3 || !sock || !msg || genl_connect(sock) < 0 ||
	    (family = genl_ctrl_resolve(sock, "MAC80211_HWSIM")) < 0) {
		fprintf(stderr, "usage: hwsim del PHY | new MAC (with mac80211_hwsim loaded)\n");
		return 2;
	}
	if (strcmp(argv[1], "del") == 0) {
		char name[32];

		snprintf(name, sizeof(name), "phy%s", argv[2]);
		genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, NLM_F_ACK, DEL_RADIO, 1);
		nla_put(msg, RADIO_NAME, (int)strlen(name), name);
	} else {
		uint8_t mac[6];

		if (sscanf(argv[2], "%2x:%2x:%2x:%2x:%2x:%2x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
			return 2;
		for (size_t i = 0; i < 6; i++)
			mac[i] = (uint8_t)m[i];
		genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, NLM_F_ACK, NEW_RADIO, 1);
		nla_put(msg, PERM_ADDR, 6, mac);
	}
	result = nl_send_sync(sock, msg);
	nl_socket_free(sock);
	/* The answer to "new" is the number of the radio in place of an error. */
	if (result < 0 && strcmp(argv[1], "del") == 0) {
		fprintf(stderr, "hwsim %s %s: %s\n", argv[1], argv[2], nl_geterror(result));
		return 1;
	}
	return 0;
}
