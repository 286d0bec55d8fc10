/** The style of every report, without fonts, images or addresses to fetch. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1c2530;--quiet:#586473;--paper:#fff;--line:#dde2e8;--wash:#f5f7f9;--link:#0b5cad;
--component:#cfe0f3;--wheel:#d8ecd9;--bundle:#f3e3c3;--good:#1d6b34;--bad:#a32121}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ed;--quiet:#9aa7b5;--paper:#14181d;--line:#2c343d;--wash:#1b2127;--link:#7db8f5;
--component:#24405f;--wheel:#244a2d;--bundle:#574522;--good:#7fd096;--bad:#ff8f8a}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0 auto;max-width:72rem;padding:2rem 1.25rem 4rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.75rem;line-height:1.2;margin:0}
h2{font-size:1.2rem;margin:3rem 0 .75rem}
h3{font-size:1rem;margin:1.5rem 0 .5rem}
p{margin:.5rem 0}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
small{font-size:.85em;color:var(--quiet)}
code{font:0.85em ui-monospace,monospace}
nav{margin:1.25rem 0 0}
nav a{margin-right:1rem}
.lead{color:var(--quiet)}
dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem 1.5rem;margin:1.5rem 0}
dl.facts dt{color:var(--quiet);font-size:.85rem}
dl.facts dd{margin:0;font-size:1.15rem}
dl.digests dt{color:var(--quiet);font-size:.85rem;margin-top:.5rem}
dl.digests dd{margin:0}
.good strong{color:var(--good)}
.bad strong{color:var(--bad)}
.verdict{border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;margin:1.25rem 0}
.verdict p{margin:0 0 .5rem;font-size:1.1rem}
.verdict ul{display:flex;flex-wrap:wrap;gap:.25rem 1.75rem;list-style:none;margin:0;padding:0}
.dot{display:inline-block;width:.7em;height:.7em;border-radius:2px;margin-right:.5em;border:1px solid var(--line)}
.component{background:var(--component)}.wheel{background:var(--wheel)}.bundle{background:var(--bundle)}.rest{background:var(--wash)}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;color:var(--quiet);font-size:.9rem}
.treemap{position:relative;list-style:none;margin:.75rem 0;padding:0;aspect-ratio:16/9;width:100%}
.treemap li{position:absolute;overflow:hidden;border:1px solid var(--paper);container-type:size}
.treemap a{display:block;height:100%;padding:.2rem .35rem;color:var(--ink);text-decoration:none;font-size:.8rem;line-height:1.25;overflow:hidden;overflow-wrap:anywhere}
.treemap a:hover{text-decoration:underline}
.treemap a:focus-visible{outline-offset:-3px}
.treemap small{color:inherit;opacity:.8;white-space:nowrap}
@container (max-width:7.5rem){.treemap a{font-size:.7rem}}
@container (max-width:5rem){.treemap a{font-size:.66rem;padding:.1rem .2rem}}
@container (max-width:2rem) or (max-height:1.1rem){.treemap span,.treemap small{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}}
@container (max-height:2.9rem){.treemap small{display:none}}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px;margin:.75rem 0}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .75rem;border-top:1px solid var(--line);overflow-wrap:normal}
thead th{border-top:0;background:var(--wash);color:var(--quiet);font-weight:500;white-space:nowrap}
tbody th{font-weight:600;white-space:nowrap}
td code{overflow-wrap:anywhere}
.unit{display:none}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
tr:target>*{background:var(--wash)}
tr:target>th{box-shadow:inset 3px 0 var(--link)}
details ul{margin:.25rem 0;padding-left:1.25rem}
summary{cursor:pointer}
.tree,.tree ul{list-style:none;padding-left:1.25rem;margin:.25rem 0}
.tree{padding-left:0}
.tree li{margin:.15rem 0}
.tree li:not(:has(>details)){padding-left:1.05rem}
.graph{display:block;margin:.5rem}
.graph path{fill:none;stroke:var(--quiet);opacity:.55}
.graph marker path{fill:var(--quiet);stroke:none}
.graph rect{fill:var(--component);stroke:var(--line)}
.graph rect.linked{fill:var(--paper);stroke:var(--quiet);stroke-dasharray:4 3}
.graph text{fill:var(--ink);font-size:13px}
.graph a:focus-visible rect{stroke:var(--link);stroke-width:2}
.timeline{list-style:none;margin:.75rem 0;padding:0;font-size:.9rem}
.timeline li{display:grid;grid-template-columns:minmax(9rem,16rem) 1fr 12rem;gap:.75rem;align-items:center;padding:.15rem 0}
.timeline .bar{display:block;background:var(--wash);border-radius:3px}
.timeline .bar span{display:block;height:.9rem;min-width:2px;border-radius:3px;background:var(--component);border:1px solid var(--quiet)}
.timeline .bar .reused{background:none}
.timeline .bar .failed,.timeline .bar .interrupted{background:var(--bad)}
.timeline .time{white-space:nowrap;text-align:right;font-variant-numeric:tabular-nums}
footer{margin-top:3rem;color:var(--quiet);font-size:.9rem;border-top:1px solid var(--line);padding-top:1rem}
@media (max-width:40rem){body{padding:1.25rem .9rem 3rem}.treemap{aspect-ratio:3/4}.timeline li{grid-template-columns:1fr auto}.timeline .bar{grid-column:1/-1;grid-row:2}}
@media (max-width:40rem){table.parts,.parts tbody{display:block}.parts thead{position:absolute;clip-path:inset(50%)}
.parts tr{display:grid;grid-template-columns:1fr auto;gap:.1rem .75rem;padding:.5rem .75rem;border-top:1px solid var(--line)}
.parts tr>*{border:0;padding:0}.parts tr>:last-child{grid-column:1/-1}.parts td:nth-child(2){text-align:right}.parts td:nth-child(5){grid-area:3/2}.parts td:nth-child(6){grid-area:3/1}.parts tbody th{white-space:normal}
.parts .unit{display:inline}}
@media print{.scroll{overflow:visible}nav{display:none}}
`;
