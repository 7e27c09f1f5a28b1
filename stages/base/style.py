"""How every page of HTML looks, on a phone and in the dark too."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --soft: #5f6368; --line: #d9dce0;
        --paper: #ffffff; --stripe: #f5f6f8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8ea; --soft: #a0a4aa; --line: #3a3d42; --paper: #17181b; --stripe: #1f2125 }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; color: var(--ink); background: var(--paper);
       font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0.5rem 0 } h2 { font-size: 1.15rem; margin: 2.2rem 0 0.3rem }
p, ul { margin: 0.3rem 0; color: var(--soft); max-width: 46rem } ul { padding-left: 1.1rem }
nav { margin: 0.8rem 0; line-height: 2 } nav a { margin-right: 1rem; color: inherit; white-space: nowrap }
.scroll { overflow-x: auto; margin: 0.7rem 0 }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums }
th, td { padding: 0.32rem 0.6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line) }
th { vertical-align: bottom; white-space: normal } th:first-child, td:first-child { text-align: left }
tbody tr:nth-child(even) { background: var(--stripe) }
figure { margin: 0.8rem 0; padding: 0.4rem; background: #ffffff; border: 1px solid var(--line); border-radius: 6px;
         width: fit-content; max-width: 100%; overflow-x: auto }
img { display: block; max-width: 100%; height: auto }
details { margin: 0.5rem 0; border-top: 1px solid var(--line); padding-top: 0.5rem } summary { cursor: pointer }
"""
