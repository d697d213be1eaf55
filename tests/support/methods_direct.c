/* A board whose image carries action frames and nothing else. */
#include "agent/core/method.h"
#include "tests/support/board.h"

const struct mr_method *const board_methods[] = { &mr_method_direct, NULL };
