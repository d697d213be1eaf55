/*
 * MR_ASSERT: what must be true of the agent's own state, whatever comes from outside. It stays in release builds. A
 * board that has something better to do than to trap defines it on the command line, as the builds for Linux do with
 * the C library's assert. The condition has no side effects.
 */
#pragma once

#ifndef MR_ASSERT
#define MR_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#endif
