#include "station/line/phase.h"

static const struct {
	enum mr_operation operation;
	enum job_step step;
	const char *name;
} phases[PHASE_COUNT] = {
#define PHASE_ROW(NAME, operation, step, words) [PHASE_##NAME] = { (operation), (step), (words) },
	PHASES(PHASE_ROW)
#undef PHASE_ROW
};

enum mr_operation phase_operation(enum phase phase) { return phases[phase].operation; }
enum job_step phase_step(enum phase phase) { return phases[phase].step; }
const char *phase_name(enum phase phase) { return phases[phase].name; }

bool phase_waits_for_us(enum phase phase)
{
	return phase == PHASE_SIGNING || phase == PHASE_RECORDING_IDENTITY || phase == PHASE_RECORDING_CREDENTIALS ||
	       phase == PHASE_AWAITING_TURN || phase == PHASE_RECORDING_SEAL || phase == PHASE_RECORDING_OUTCOME;
}
