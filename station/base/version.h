/*
 * What this program says that it is: `millrace --version`, and on record beside each run.
 */
#pragma once

#define MILLRACE_VERSION "0.1.0"
