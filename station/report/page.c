#include "station/report/page.h"

#include <math.h>
#include <string.h>

#include "station/base/log.h"
#include "station/report/sheet.h"

/* Light and dark by the reader's choice, black on white on paper. Never colour alone: every figure has its number
 * beside it. */
static const char style[] =
	":root{color-scheme:light "
	"dark;--paper:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--bar:#2f6db5;--mark:#9a4b00;--good:#1a6b35;"
	"--bad:#b3261e}\n"
	"@media "
	"(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ec;--soft:#9aa4ae;--line:#394049;--bar:#6aa6ea;--"
	"mark:#f0b060;"
	"--good:#66c88a;--bad:#ff8a80}}\n"
	"*{box-sizing:border-box}body{margin:0 auto;padding:2rem "
	"1.25rem;max-width:62rem;background:var(--paper);color:var(--ink);"
	"font:16px/1.5 system-ui,'DejaVu Sans',sans-serif}\n"
	"h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem;border-bottom:1px solid "
	"var(--line);padding-bottom:.25rem}\n"
	".sub{color:var(--soft);margin:.2rem 0 0}.flag{display:inline-block;border:2px solid "
	"var(--mark);color:var(--mark);font-weight:700;"
	"padding:0 .5rem;border-radius:.25rem;margin-left:.6rem;font-size:1rem;vertical-align:.25rem}\n"
	"dl.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.6rem,1fr));gap:.6rem;margin:1.4rem 0}\n"
	"dl.cards div{border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem}dl.cards "
	"dt{color:var(--soft);font-size:.85rem}\n"
	"dl.cards "
	"dd{margin:0;font-size:1.5rem;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums}dl.cards "
	"small{display:block;font-size:.8rem;"
	"font-weight:400;color:var(--soft)}\n"
	"dl.pairs{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0}dl.pairs "
	"dt{color:var(--soft)}dl.pairs dd{margin:0;"
	"overflow-wrap:anywhere}\n"
	".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;width:"
	"100%}\n"
	"caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\n"
	"th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid "
	"var(--line);white-space:nowrap}th{color:var(--soft);"
	"font-weight:600}.n{text-align:right}\n"
	"figure{margin:.8rem 0 "
	"1.2rem}figcaption{color:var(--soft);font-size:.88rem}svg{width:100%;height:auto;display:block;font-size:12px}"
	"\n"
	"svg text{fill:var(--ink)}svg "
	".axis{fill:var(--soft)}.bar{fill:var(--bar)}.mark{stroke:var(--mark);stroke-width:2;fill:none}\n"
	".grid{stroke:var(--line);stroke-width:1}.verdict{font-weight:700}.good{color:var(--good)}.bad{color:var(--bad)"
	"}\n"
	"code{font-family:'DejaVu Sans Mono',monospace;font-size:.85rem;overflow-wrap:anywhere}\n"
	"@media "
	"print{:root{--paper:#fff;--ink:#000;--soft:#444;--line:#999;--bar:#555;--mark:#000;--good:#000;--bad:#000}"
	"body{max-width:none;"
	"padding:0;font-size:10pt}section,figure,dl.cards{break-inside:avoid}h2{break-after:avoid}th,td{padding:.15rem "
	".35rem;white-space:normal}"
	".wide{overflow:visible}@page{margin:14mm}}\n";

static void card(FILE *to, const char *name, const char *format, double value, const char *more)
{
	fprintf(to, "<div><dt>%s</dt><dd>", name);
	if (isnan(value))
		fputs("&ndash;", to);
	else
		fprintf(to, format, value);
	fprintf(to, "%s%s%s</dd></div>\n", *more ? " <small>" : "", more, *more ? "</small>" : "");
}

void page_head(const struct report *report, FILE *to)
{
	char lot[160], more[80];

	log_escape(lot, sizeof(lot), report->lot, strlen(report->lot));
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	      "content=\"width=device-width, "
	      "initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'\">\n"
	      "<title>Shift report, lot ",
	      to);
	sheet_html_text(to, lot);
	fprintf(to, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header>\n<h1>Lot ", style);
	sheet_html_text(to, lot);
	if (report->simulated || report->test)
		fprintf(to, "<span class=\"flag\">%s</span>", report->simulated ? "SIMULATED" : "TEST");
	fputs("</h1>\n<p class=\"sub\">", to);
	sheet_html_text(to, report->product);
	fprintf(to, ", %s; report made %s</p>\n</header>\n<main>\n<dl class=\"cards\">\n", report->state, report->made);
	snprintf(more, sizeof(more), "of %ld", report->quantity);
	card(to, "Passed", "%.0f", (double)report->passed, more);
	card(to, "First pass yield", "%.1f %%", 100 * report->fpy, "");
	card(to, "Clean pass", "%.1f %%", 100 * report->clean_pass, "");
	card(to, "Final yield", "%.1f %%", 100 * report->final_yield, "");
	snprintf(more, sizeof(more), "and %ld quarantined", report->quarantined);
	card(to, "Failed", "%.0f", (double)report->failed, more);
	card(to, "Cadence", "%.2f s", report->cadence_s, "a unit");
	*more = '\0';
	if (report->bound_s > 0 && !isnan(report->makespan_s))
		snprintf(more, sizeof(more), "%.2f times the bound", report->makespan_s / report->bound_s);
	card(to, "Makespan", "%.1f s", report->makespan_s, more);
	fputs("</dl>\n", to);
}

void page_foot(const struct report *report, FILE *to)
{
	const struct report_chain *chain = &report->chain;

	fputs("<section id=\"chain\"><h2>Record</h2>\n<p>", to);
	if (chain->good)
		fprintf(to,
			"<span class=\"verdict good\">It holds together.</span> %u certificates and %u receipts were "
			"looked at%s.",
			chain->certificates, chain->receipts,
			chain->signatures ? ", and all signatures"
					  : "; the signatures of CA and station were not (<code>--keys</code>)");
	else {
		fprintf(to,
			"<span class=\"verdict bad\">WRONG: %u thing%s not what the station wrote.</span> The first: ",
			chain->findings, chain->findings == 1 ? " is" : "s are");
		sheet_html_text(to, chain->first);
	}
	fprintf(to,
		"</p>\n<dl class=\"pairs\"><dt>rows of the chain</dt><dd>%llu</dd><dt>signed up to "
		"row</dt><dd>%llu</dd><dt>head</dt><dd>"
		"<code>%s</code></dd></dl>\n</section>\n</main>\n</body>\n</html>\n",
		chain->rows, chain->anchored, chain->head);
}
