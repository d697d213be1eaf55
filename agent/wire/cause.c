#include "agent/wire/cause.h"

#include <stddef.h>

struct row {
	int number;
	enum mr_cause_class class;
	const char *name, *sentence, *remedy;
};

static const struct row rows[] = {
#define MR_CAUSE_ROW(name, number, text, class, sentence, remedy) { number, MR_CLASS_##class, text, sentence, remedy },
	MR_CAUSES(MR_CAUSE_ROW)
#undef MR_CAUSE_ROW
};

static const struct row unknown = { -1, MR_CLASS_DEVICE, "unknown", "a cause that this version does not know",
				    "look it up in a newer version" };

static const struct row *find(int cause)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].number == cause)
			return &rows[i];
	return &unknown;
}

const char *mr_cause_name(int cause) { return find(cause)->name; }
const char *mr_cause_sentence(int cause) { return find(cause)->sentence; }
const char *mr_cause_remedy(int cause) { return find(cause)->remedy; }
enum mr_cause_class mr_cause_class(int cause) { return find(cause)->class; }

const char *mr_cause_class_name(enum mr_cause_class class)
{
	switch (class) {
	case MR_CLASS_NONE: return "none";
	case MR_CLASS_AIR: return "air";
	case MR_CLASS_STATION: return "station";
	case MR_CLASS_DEVICE: return "device";
	case MR_CLASS_SECURITY: return "security";
	case MR_CLASS_OPERATOR: return "operator";
	case MR_CLASS_POWER: return "power";
	}
	return "unknown";
}
