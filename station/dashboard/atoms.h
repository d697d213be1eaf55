/*
 * Texts of few values (steps, causes, sentences), kept once: rows of a hundred thousand devices point at them. Up to
 * 4096 of up to 240 octets; whoever sends more gets "?" for them.
 */
#pragma once

struct atoms;

struct atoms *atoms_create(void); /* NULL: no memory */
void atoms_destroy(struct atoms *atoms);
/* The one text like this, cut at 240 octets; it lives as long as the atoms do. Equal texts are one pointer. */
const char *atoms_get(struct atoms *atoms, const char *text);
