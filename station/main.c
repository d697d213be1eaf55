#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "agent/port/crypto.h"
#include "station/command/command.h"
#include "station/identity/identity.h"

/* Passphrases, PINs and keys pass through this process: no dump of it is written, no debugger of the same user
 * attaches. */
static void keep_memory_private(void)
{
#if !defined(__SANITIZE_ADDRESS__) /* its leak checker attaches to the process */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Labels that are scanned back come as JSON and may say a PIN; jansson copies texts and frees them as they are. */
static void wipe_and_free(void *at)
{
	if (at)
		explicit_bzero(at, malloc_usable_size(at));
	free(at);
}

/* This program, whatever became of its file since it was started. */
const char *signer_program(void) { return "/proc/self/exe"; }

int main(int argc, char **argv)
{
	keep_memory_private();
	if (argc > 1 && strcmp(argv[1], SIGNER_WORD) == 0) /* no command: our own child, which holds the keys */
		return signer_main();
	json_set_alloc_funcs(malloc, wipe_and_free);
	(void)mr_crypto_wipe_freed();
	return command_main(argc, argv);
}
