#include <sys/prctl.h>

#include "station/command/command.h"

/* Passphrases, PINs and keys pass through this process: no dump of it is written, no debugger of the same user attaches. */
static void keep_memory_private(void)
{
#if !defined(__SANITIZE_ADDRESS__)	/* its leak checker attaches to the process */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int main(int argc, char **argv)
{
	keep_memory_private();
	return command_main(argc, argv);
}
