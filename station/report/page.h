/* The page around the sections of a report in HTML. Only station/report looks inside. */
#pragma once

#include "station/report/report.h"

void page_head(const struct report *report, FILE *to);
void page_foot(const struct report *report, FILE *to);
