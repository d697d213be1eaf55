/* IPv4 addresses, host order, in texts: printf("... " DOTTED " ...", DOTTED_OF(address)). */
#pragma once

#define DOTTED "%u.%u.%u.%u"
#define DOTTED_OF(address) (address) >> 24, (address) >> 16 & 255, (address) >> 8 & 255, (address)&255
