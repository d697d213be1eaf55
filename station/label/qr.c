#include <openssl/crypto.h>
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#include "station/label/code.h"

bool code_qr(struct label_code *code, const char *text, enum code_correction correction)
{
	static const QRecLevel levels[] = { QR_ECLEVEL_L, QR_ECLEVEL_M, QR_ECLEVEL_Q, QR_ECLEVEL_H };
	/* Version 0: the smallest that holds it. QR_MODE_8: no guesses at Kanji. */
	QRcode *qr = *text ? QRcode_encodeString(text, 0, levels[correction], QR_MODE_8, 1) : NULL;
	size_t count;

	*code = (struct label_code){ 0 };
	if (!qr)
		return false;
	count = (size_t)qr->width * (size_t)qr->width;
	code->columns = code->rows = (unsigned)qr->width;
	code->quiet = 4;
	code->black = malloc(count);
	for (size_t i = 0; code->black && i < count; i++)
		code->black[i] = qr->data[i] & 1;
	OPENSSL_cleanse(qr->data, count);
	QRcode_free(qr);
	return code->black != NULL;
}

void code_wipe(struct label_code *code)
{
	if (code->black)
		OPENSSL_cleanse(code->black, (size_t)code->columns * code->rows);
	free(code->black);
	*code = (struct label_code){ 0 };
}
