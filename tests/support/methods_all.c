/* A board whose image carries everything. */
#include "agent/core/method.h"
#include "tests/support/board.h"

const struct mr_method *const board_methods[] = MR_METHODS_ALL;
