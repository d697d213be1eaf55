/*
 * PNG at the printer's resolution, one bit a dot: text by FreeType, without grey, as a thermal head would have it; the
 * file by libpng.
 */
#include <ft2build.h>
#include FT_FREETYPE_H
#include <openssl/crypto.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "station/label/layout.h"

#define DEFAULT_FONT "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"

struct bitmap {
	unsigned width, height, row_octets;
	uint8_t *octets; /* 1 is black; the leftmost dot in the highest bit */
};

static void set_black(struct bitmap *map, long x, long y)
{
	if (x >= 0 && y >= 0 && x < (long)map->width && y < (long)map->height)
		map->octets[(size_t)y * map->row_octets + (size_t)x / 8] |= (uint8_t)(0x80 >> x % 8);
}

static void fill(struct bitmap *map, long x, long y, long width, long height)
{
	for (long row = y; row < y + height; row++)
		for (long column = x; column < x + width; column++)
			set_black(map, column, row);
}

static void draw_code(struct bitmap *map, const struct layout_mark *mark)
{
	const struct label_code *code = &mark->code;

	for (unsigned row = 0; row < code->rows; row++)
		for (unsigned column = 0; column < code->columns; column++)
			if (code_is_black(code, column, row))
				fill(map, mark->x + column * mark->line, mark->y + row * mark->line, mark->line,
				     code->rows == 1 ? mark->height : mark->line);
}

static void draw_box(struct bitmap *map, const struct layout_mark *mark)
{
	fill(map, mark->x, mark->y, mark->width, mark->line);
	fill(map, mark->x, (long)mark->y + mark->height - mark->line, mark->width, mark->line);
	fill(map, mark->x, mark->y, mark->line, mark->height);
	fill(map, (long)mark->x + mark->width - mark->line, mark->y, mark->line, mark->height);
}

/* One character of UTF-8; what is none counts as U+FFFD. */
static unsigned long next_character(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	unsigned more = at[0] < 0x80		 ? 0
			: (at[0] & 0xe0) == 0xc0 ? 1
			: (at[0] & 0xf0) == 0xe0 ? 2
			: (at[0] & 0xf8) == 0xf0 ? 3
						 : 0;
	unsigned long c = more ? at[0] & (0x3fu >> more) : at[0] < 0x80 ? at[0] : 0xfffd;

	(*text)++;
	for (; more > 0; more--, (*text)++) {
		if (((unsigned char)**text & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | ((unsigned char)**text & 0x3f);
	}
	return c;
}

static void draw_glyph(struct bitmap *map, const FT_Bitmap *glyph, long x, long y)
{
	for (unsigned row = 0; row < glyph->rows; row++)
		for (unsigned column = 0; column < glyph->width; column++)
			if (glyph->buffer[(long)row * glyph->pitch + column / 8] & 0x80 >> column % 8)
				set_black(map, x + column, y + row);
}

static void draw_text(struct bitmap *map, FT_Face face, const struct layout_mark *mark)
{
	double x = mark->x, baseline = mark->y + LAYOUT_BASELINE_OF_LINE * mark->line;
	const char *at = mark->text;

	if (FT_Set_Char_Size(face, 0, (FT_F26Dot6)(64 * LAYOUT_EM_OF_LINE * mark->line), 72, 72) != 0)
		return;
	while (*at) {
		unsigned long c = next_character(&at);

		if (FT_Load_Char(face, c, FT_LOAD_RENDER | FT_LOAD_TARGET_MONO) == 0)
			draw_glyph(map, &face->glyph->bitmap, (long)(x + 0.5) + face->glyph->bitmap_left,
				   (long)(baseline + 0.5) - face->glyph->bitmap_top);
		x += LAYOUT_ADVANCE_OF_LINE * mark->line;
	}
}

static bool draw(struct bitmap *map, const struct label_layout *layout, const char *font, char *error, size_t error_len)
{
	FT_Library library = NULL;
	FT_Face face = NULL;
	bool good = FT_Init_FreeType(&library) == 0 && FT_New_Face(library, font, 0, &face) == 0;

	if (!good)
		snprintf(error, error_len,
			 "the font %s cannot be read; install fonts-dejavu-core, or name another with --font", font);
	for (size_t i = 0; good && i < layout->count; i++)
		switch (layout->marks[i].item->kind) {
		case ITEM_TEXT: draw_text(map, face, &layout->marks[i]); break;
		case ITEM_QR:
		case ITEM_CODE128: draw_code(map, &layout->marks[i]); break;
		case ITEM_BOX: draw_box(map, &layout->marks[i]); break;
		}
	if (face)
		FT_Done_Face(face);
	if (library)
		FT_Done_FreeType(library);
	return good;
}

static void on_octets(png_structp png, png_bytep octets, size_t len)
{
	struct label_buffer *out = png_get_io_ptr(png);

	buffer_add(out, octets, len);
	if (out->bad)
		png_error(png, "no memory is left");
}

static void on_flush(png_structp png) { (void)png; }
static void on_warning(png_structp png, png_const_charp words) { (void)png, (void)words; }
static void on_error(png_structp png, png_const_charp words)
{
	(void)words;
	png_longjmp(png, 1);
}

static bool encode(const struct bitmap *map, unsigned dots_per_mm, struct label_buffer *out)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;

	if (!info || setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, info ? &info : NULL);
		return false;
	}
	png_set_write_fn(png, out, on_octets, on_flush);
	png_set_IHDR(png, info, map->width, map->height, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_pHYs(png, info, 1000 * dots_per_mm, 1000 * dots_per_mm, PNG_RESOLUTION_METER);
	png_write_info(png, info);
	png_set_invert_mono(png);
	for (unsigned y = 0; y < map->height; y++)
		png_write_row(png, map->octets + (size_t)y * map->row_octets);
	png_write_end(png, NULL);
	png_destroy_write_struct(&png, &info);
	return true;
}

bool layout_png(const struct label_layout *layout, const char *font, struct label_buffer *out, char *error,
		size_t error_len)
{
	struct bitmap map = { .width = layout->width, .height = layout->height, .row_octets = (layout->width + 7) / 8 };
	size_t len = (size_t)map.row_octets * map.height;
	bool good;

	map.octets = calloc(1, len);
	good = map.octets && draw(&map, layout, font ? font : DEFAULT_FONT, error, error_len);
	if (!map.octets || (good && !encode(&map, layout->template->dots_per_mm, out))) {
		snprintf(error, error_len, "no memory is left");
		good = false;
	}
	if (map.octets)
		OPENSSL_cleanse(map.octets, len);
	free(map.octets);
	return good;
}
