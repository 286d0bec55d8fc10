/** The style of every page, without fonts, images or addresses to fetch. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1c2530;--quiet:#586473;--paper:#fff;--line:#dde2e8;--wash:#f5f7f9;--link:#0b5cad}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ed;--quiet:#9aa7b5;--paper:#14181d;--line:#2c343d;--wash:#1b2127;--link:#7db8f5}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif;overflow-wrap:break-word}
a{color:var(--link)}
a:focus-visible,.scroll:focus-visible,pre:focus-visible{outline:2px solid var(--link);outline-offset:2px}
header{border-bottom:1px solid var(--line);padding:.75rem 1.25rem}
header a{color:var(--ink);font-weight:600;text-decoration:none}
.columns{max-width:110rem;margin:0 auto;padding:0 1.25rem 4rem}
main{min-width:0;max-width:52rem;padding-top:1.5rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 1rem}
main h2{font-size:1.25rem;margin:2.5rem 0 .75rem}
h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
h4{font-size:1rem;margin:1.25rem 0 .5rem}
.self{color:var(--quiet);text-decoration:none;font-weight:400;opacity:0}
:is(h2,h3,h4):hover .self,.self:focus-visible{opacity:1}
code{font:.85em ui-monospace,monospace;background:var(--wash);border-radius:3px;padding:.1em .25em;overflow-wrap:anywhere}
pre{background:var(--wash);border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;overflow-x:auto;line-height:1.45}
pre code{background:none;padding:0;overflow-wrap:normal}
.word{white-space:nowrap}
td code{overflow-wrap:normal}
.picture{display:block;overflow-x:auto}
img{display:block;width:100%;min-width:36rem;max-width:56rem;height:auto}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px;margin:1rem 0}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .75rem;border-top:1px solid var(--line);min-width:6rem}
thead th{border-top:0;background:var(--wash);color:var(--quiet);font-weight:500}
tbody tr:first-child td{border-top:0}
thead+tbody tr:first-child td{border-top:1px solid var(--line)}
blockquote{margin:1rem 0;padding-left:1rem;border-left:3px solid var(--line);color:var(--quiet)}
nav.site h2{font-size:.8rem;text-transform:uppercase;letter-spacing:.05em;color:var(--quiet);margin:1.25rem 0 .25rem}
nav ul{list-style:none;margin:0;padding:0}
nav.site a{display:block;padding:.15rem 0;text-decoration:none}
nav.site a[aria-current]{color:var(--ink);font-weight:600}
nav.site a.skip{position:absolute;left:-99rem}
nav.site a.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.25rem .5rem}
nav.outline{font-size:.9rem;border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;margin:0 0 1.5rem}
nav.outline ul{columns:16rem;column-gap:1.5rem;margin-top:.25rem}
nav.outline a{text-decoration:none}
nav.site{border-top:1px solid var(--line);margin-top:3rem}
@media (min-width:60rem){
.columns{display:grid;grid-template-columns:14rem minmax(0,1fr);gap:0 2.5rem}
nav.site{grid-column:1;grid-row:1;border-top:0;margin-top:.75rem;position:sticky;top:0;align-self:start;max-height:100vh;overflow-y:auto;padding-bottom:1rem}
main{grid-column:2}
}
@media (min-width:90rem){
.columns{grid-template-columns:15rem minmax(0,1fr)}
main{max-width:none;display:grid;grid-template-columns:minmax(0,60rem) 16rem;grid-template-rows:auto 1fr;gap:0 3rem}
h1,.text{grid-column:1;min-width:0}
nav.outline{grid-column:2;grid-row:1/span 2;border:0;border-left:1px solid var(--line);border-radius:0;position:sticky;top:1.5rem;align-self:start;max-height:calc(100vh - 3rem);overflow-y:auto}
nav.outline ul{columns:auto}
}
@media print{header,nav{display:none}}
`.trim();
