"""The style of what is handed on as one file, and of the report inside of the server's page.

Three parts: the colours, named as in the server's own style; the paper, for a page of its own; the
rules of what both show. Tests compute the contrast of what stands on what, light and dark.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COLOURS", "PAPER", "RULES"]

_LIGHT: Final = """\
    --page: #ffffff; --card: #f6f7f8; --text: #15181c; --faint: #525b66; --line: #cdd3da;
    --good: #0b6330; --good-card: #e9f6ee; --care: #7a4300; --care-card: #fff4df;
    --danger: #a3101a; --danger-card: #fdeeee;
    --real: #a3101a; --real-text: #ffffff; --practice: #1f5f5b; --practice-text: #ffffff;
"""

COLOURS: Final = f"""\
:root {{ color-scheme: light dark;
{_LIGHT}}}
@media (prefers-color-scheme: dark) {{ :root {{
    --page: #101418; --card: #191f26; --text: #e6eaee; --faint: #a5b0bc; --line: #38424e;
    --good: #7ddba0; --good-card: #14271c; --care: #f2bd6b; --care-card: #2b2213;
    --danger: #ff9d98; --danger-card: #331a1b;
    --real: #b3202a; --real-text: #ffffff; --practice: #1f6b66; --practice-text: #ffffff;
}} }}
@media print {{ :root {{ color-scheme: light;
{_LIGHT}}} }}
"""
"""Paper is white, whatever the screen is: what is printed has the light colours."""

PAPER: Final = """\
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans",
  sans-serif; }
header, main, footer { max-width: 50rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1rem; }
footer { color: var(--faint); font-size: 0.9em; padding-bottom: 2rem; }
h1 { margin: 0.25rem 0 0.75rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.2rem; border-bottom: 1px solid var(--line); }
p { margin: 0.5rem 0; }
ul, ol { margin: 0.4rem 0; padding-left: 1.3rem; }
.mono, .number { font-size: 0.92em;
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
.paper-bar { margin: 0; color: var(--faint); }
.mode { padding: 0.1rem 0.5rem; border-radius: 0.2rem; letter-spacing: 0.04em; }
.mode.real { background: var(--real); color: var(--real-text); }
.mode.practice { background: var(--practice); color: var(--practice-text); }
@page { margin: 16mm 15mm; }
@media print {
  html { font-size: 10pt; }
  header, main, footer { max-width: none; padding: 0; }
  h1 { font-size: 17pt; }
  h2 { font-size: 12.5pt; break-after: avoid; }
  .mode.real, .mode.practice { background: none; color: inherit; border: 1px solid; }
}
"""

RULES: Final = """\
.report .verdict { margin: 0.75rem 0; padding: 0.6rem 1rem; border-left: 0.4rem solid var(--line);
  background: var(--card); }
.report .verdict-line { margin: 0; font-size: 1.35rem; font-weight: 700; line-height: 1.3; }
.report .verdict.good { background: var(--good-card); border-color: var(--good); }
.report .verdict.care { background: var(--care-card); border-color: var(--care); }
.report .verdict.danger { background: var(--danger-card); border-color: var(--danger); }
.report .verdict.good .verdict-line { color: var(--good); }
.report .verdict.care .verdict-line { color: var(--care); }
.report .verdict.danger .verdict-line { color: var(--danger); }
.report .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr));
  gap: 0.5rem; margin: 0.75rem 0; }
.report .figures > div { border: 1px solid var(--line); border-radius: 0.3rem;
  padding: 0.4rem 0.7rem; }
.report .figures dt { color: var(--faint); font-size: 0.85em; }
.report .figures dd { margin: 0; font-size: 1.15rem; font-weight: 600; }
.report .lead, .report .small { color: var(--faint); }
.report .small { font-size: 0.85em; }
.report .entries { list-style: none; padding: 0; }
.report .entries > li { padding: 0.35rem 0; border-bottom: 1px solid var(--line); }
.report .entries > li:last-child { border-bottom: 0; }
.report .notes { color: var(--faint); font-size: 0.92em; }
.report .when { white-space: nowrap; color: var(--faint); }
.report .known { font-size: 0.8em; letter-spacing: 0.03em; border: 1px solid currentColor;
  border-radius: 0.2rem; padding: 0.05rem 0.35rem; white-space: nowrap; }
.report .known.good { color: var(--good); }
.report .known.care { color: var(--care); }
.report .known.danger { color: var(--danger); }
.report .timeline { display: block; width: 100%; max-width: 40rem; height: auto; margin: 0.5rem 0; }
.report .timeline text { fill: var(--text); font-size: 11px; font-family: inherit; }
.report .timeline .tick { fill: var(--faint); font-size: 10px; }
.report .timeline .tick.end { text-anchor: end; }
.report .timeline .number { font-size: 10px; font-weight: 700; text-anchor: middle;
  fill: var(--page); font-family: inherit; }
.report .timeline .sign { fill: var(--text); }
.report .timeline .ring { fill: none; stroke: var(--good); stroke-width: 2; }
.report .timeline .proved .sign { fill: var(--good); }
.report .timeline .axis { stroke: var(--text); stroke-width: 1.5; }
.report .timeline .ground { stroke: var(--line); stroke-width: 1; }
.report .timeline .bar { stroke: var(--text); stroke-width: 0.75; fill: var(--page); }
.report .timeline .bar.people { fill: var(--care-card); }
.report .timeline .bar.harm { fill: var(--danger-card); stroke: var(--danger); }
.report .timeline .fill { fill: none; stroke: var(--text); stroke-width: 1.4; }
.report .timeline .fill.people { stroke: var(--care); stroke-width: 3; stroke-linecap: round; }
.report .timeline .fill.harm { stroke: var(--danger); stroke-width: 0.8; }
.report .moments { list-style: none; padding: 0; }
.report .moments li { margin: 0.25rem 0; }
.report .at-sign { display: inline-block; min-width: 1.5rem; text-align: center; font-weight: 700;
  font-size: 0.8em; background: var(--text); color: var(--page); border-radius: 1rem; }
.report .at-sign.told { border-radius: 0.1rem; }
.report .at-sign.decided { border-radius: 0.6rem 0; }
.report .at-sign.proved { background: var(--good); }
.report .facts > div { display: grid; grid-template-columns: 8rem 1fr; gap: 0 0.75rem; }
.report .facts dt { color: var(--faint); grid-row: 1 / span 20; }
.report .facts dd { margin: 0; grid-column: 2; }
.report .anchor, .report .command { background: var(--card); border: 1px solid var(--line);
  border-radius: 0.2rem; padding: 0.4rem 0.6rem; }
.report table { border-collapse: collapse; width: 100%; font-size: 0.92em;
  overflow-wrap: break-word; }
@media screen and (max-width: 30rem) { .report table { font-size: 0.82em; } }
.report .steps th { white-space: nowrap; }
.report .steps td:last-child { overflow-wrap: anywhere; }
.report th { text-align: left; color: var(--faint); font-weight: 600; }
.report th, .report td { padding: 0.2rem 0.5rem 0.2rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); }
.report td.number { text-align: right; color: var(--faint); }
@media print {
  .report .verdict, .report .figures, .report .timeline, .report .entries > li,
  .report .moments li, .report .small, .report tr, .report .facts > div { break-inside: avoid; }
  .report .lead { break-after: avoid; }
  .report thead { display: table-header-group; }
  .report * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
