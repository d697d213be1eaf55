/*
 * The device's radio beyond action frames: stands as an access point, looks around, joins a network and comes back, so
 * that whoever told it to join can ask how it went. All of it at the pace of mr_agent_expire.
 */
#pragma once

#include "agent/core/agent.h"

/* After the agent has started: puts the access point up, if one is wanted. */
void mr_wifi_start(struct mr_agent *agent);
/* Will look around when the response has left, unless it did just now or is about to. `missed`: what was wanted is not
 * in the list, so it is made anew sooner. */
void mr_wifi_look(struct mr_agent *agent, bool missed);
/* Will join the committed network when the response has left; `bssid` NULL: any of its access points. */
void mr_wifi_join(struct mr_agent *agent, const uint8_t *bssid);
/* FINISH was carried out: the access point goes down when the response has left. */
void mr_wifi_finish(struct mr_agent *agent);
void mr_wifi_response_left(struct mr_agent *agent);
void mr_wifi_expire(struct mr_agent *agent);
uint64_t mr_wifi_deadline_us(const struct mr_agent *agent);
/* The radio is on another network: no action frame is heard or sent. */
bool mr_wifi_is_away(const struct mr_agent *agent);

/* In agent.c: the radio is back, tune it where it was; what was finished meanwhile goes silent. */
void mr_agent_radio_back(struct mr_agent *agent);
