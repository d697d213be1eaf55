/*
 * config/labels/serial.yaml as octets of the program (the assembler's .incbin, as in db/sql.c).
 */
#include <string.h>

#include "station/label/template.h"

__asm__(".pushsection .rodata.labels,\"a\",@progbits\n"
	".globl label_serial_yaml\n.hidden label_serial_yaml\nlabel_serial_yaml:\n.incbin "
	"\"config/labels/serial.yaml\"\n"
	".byte 0\n"
	".popsection\n");
extern const char label_serial_yaml[];

struct label_template *template_built_in(void)
{
	struct job_errors errors;

	return template_parse("serial (built in)", label_serial_yaml, strlen(label_serial_yaml), &errors);
}
