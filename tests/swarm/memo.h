/*
 * PBKDF2 is half of what a simulated lot costs, and it is asked the same again and again: by both ends of a link, and
 * in every life of the station. In this program OpenSSL's function remembers its answers, in memory that all lives of a
 * worker share.
 */
#pragma once

/* From now on, in this process and its children. */
void memo_open(void);
