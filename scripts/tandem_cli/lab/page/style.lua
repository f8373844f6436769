--- The look of the page, in light and in dark.
--
-- The colours of the kinds differ in lightness too, so that they can be told
-- apart without seeing colours, and in print.
--
-- @module tandem_cli.lab.page.style
return [[
:root { color-scheme: light dark;
  --ground: #fcfcfa; --card: #ffffff; --ink: #1c1e21; --quiet: #62666d;
  --rule: #e3e3de; --axis: #8b8f96; --thread: #1d5fd1; --process: #b4540a;
  --one_lock: #7a3fb0; --serial: #6b7280; --waits: #bcd0f2;
  --partly: #e6e6e2; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #15171a; --card: #1d2024; --ink: #e8e8e4; --quiet: #a0a5ad;
  --rule: #33373d; --axis: #767c85; --thread: #78aaff; --process: #f0a35e;
  --one_lock: #c79bf2; --serial: #9aa1ac; --waits: #2f4770;
  --partly: #363a40; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 940px; padding: 32px 20px 64px;
  background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 44px 0 4px; overflow-wrap: anywhere; }
p { margin: 6px 0; }
figure p { font-size: 15px; margin: 10px 0 4px; }
.facts, .quiet { color: var(--quiet); }
figure { margin: 18px 0; padding: 14px 16px 10px; background: var(--card);
  border: 1px solid var(--rule); border-radius: 10px; }
figcaption { font-weight: 600; margin-bottom: 8px; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .quiet { fill: var(--quiet); }
svg .strong { font-weight: 600; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
.grid { stroke: var(--rule); }
.axis { stroke: var(--axis); }
.knee { stroke: var(--ink); stroke-dasharray: 2 3; }
.ideal { fill: none; stroke: var(--quiet); stroke-dasharray: 6 5; }
.curve { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.dot { stroke: var(--card); stroke-width: 1.5; }
.curve.thread { stroke: var(--thread); }
.curve.process { stroke: var(--process); stroke-dasharray: 9 3; }
.curve.one_lock { stroke: var(--one_lock); stroke-dasharray: 3 3; }
.dot.thread, .fill.thread { fill: var(--thread); }
.dot.process, .fill.process { fill: var(--process); }
.dot.one_lock, .fill.one_lock { fill: var(--one_lock); }
.fill.serial { fill: var(--serial); }
.computes { fill: var(--thread); }
.waits { fill: var(--waits); }
.partly { fill: var(--partly); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%;
  font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 6px 8px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
th { color: var(--quiet); font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
]]
