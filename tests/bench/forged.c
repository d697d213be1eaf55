/*
 * The share of single changes to a record that verify notices: up to four other values in each column of each table,
 * in its first and its last row; each row taken away, all of them, one added; the record cut back to each of its
 * commits, with the lock and heads out of the forger's reach. Triggers, checks and references are out of his way. `make
 * bench`; forged OUT.json [PREFIX]: appends. record.noticed_values   of values changed, and how many those were
 *   record.noticed_rows     of rows taken or added
 *   record.noticed_older    of older states put in its place
 */
#include "tests/support/figures.h"
#include "tests/unit/forged.h"

static double share(const struct forger *forger) { return forger->tried ? (double)forger->noticed / forger->tried : 0; }

static void bench_older(struct figures *figures, struct tried *tried)
{
	unsigned count = 0, noticed = 0;
	char older[40][140];

	for (; count < 40; count++) {
		struct journal *journal = opened_lot(tried->place, "A");

		snprintf(older[count], sizeof(older[count]), "%s/older-%u", tried->place->dir, count);
		put_passing_unit(journal, 100 + count, 100 + count);
		journal_close(journal);
		forger_copy(tried->place->path, older[count]);
	}
	for (unsigned i = 0; i + 1 < count; i++) {
		forger_copy(older[i], tried->place->path);
		noticed += notices(tried, older[i]);
	}
	figures_report(figures, "record.noticed_older", (double)noticed / (count - 1), "share", 1, false);
}

int main(int argc, char **argv)
{
	static struct told told;
	struct figures figures;
	struct tried tried;
	void *state = NULL;

	if (argc < 2) {
		fputs("usage: forged OUT.json [PREFIX]\n", stderr);
		return 2;
	}
	figures_go_on(&figures, argv[1], argc > 2 ? argv[2] : "");
	if (!figures_wanted(&figures, "record.noticed"))
		return figures_end(&figures) ? 0 : 2;
	if (place_set_up(&state) != 0)
		return 2;
	begin(&tried, state, &told);
	forger_values(&tried.forger, 4, true);
	figures_report(&figures, "record.noticed_values", share(&tried.forger), "share", 1, false);
	figures_report(&figures, "record.noticed_values_tried", tried.forger.tried, "changes", -1, false);
	figures_report(&figures, "record.noticed_columns_tried", tried.forger.columns, "columns", -1, false);
	tried.forger.tried = tried.forger.noticed = 0;
	forger_rows(&tried.forger);
	figures_report(&figures, "record.noticed_rows", share(&tried.forger), "share", 1, false);
	forger_copy(tried.good, tried.place->path);
	bench_older(&figures, &tried);
	EVP_PKEY_free(told.key);
	place_tear_down(&state);
	return figures_end(&figures) ? 0 : 2;
}
