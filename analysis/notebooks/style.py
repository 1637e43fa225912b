"""How what pages say is set: the style sheet of everything inside `class="sift"`."""

STYLE = """<style>
.sift{--quiet:#5c6570;--line:#e4e7ea;--fill:#0072b2;--track:#e4e7ea;--warn:#8a4b00;--ink:#1f2328;--link:#0068a3;
--raised:#fff;font:.95rem/1.5 "Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;color:var(--ink)}
.dark .sift,.sift-dark .sift{--quiet:#a3abb5;--line:#2f3533;--fill:#56b4e9;--track:#363c3a;--warn:#f5b971;--ink:#e8eaed;
--link:#6fc0ee;--raised:#1e2321}
.sift .quiet{color:var(--quiet);margin:.2em 0} .sift .warn{color:var(--warn);margin:.2em 0}
.sift .small{font-size:.87rem;overflow-wrap:anywhere}
.sift h1{font-size:1.5rem;line-height:1.3;margin:.1em 0 .4em;font-weight:600;text-wrap:pretty}
.sift h2{font-size:1.05rem;font-weight:600;margin:.6em 0 .3em}
.sift h3{font-size:.95rem;font-weight:600;margin:.4em 0 .1em}
.sift .hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.sift ul{margin:0;padding-left:1.2em;color:var(--quiet);list-style:disc}
.sift a{color:var(--link);text-decoration:underline;text-underline-offset:2px}
.sift a:focus-visible,.sift summary:focus-visible,.sift .scroll:focus-visible{outline:2px solid var(--link);
outline-offset:2px;border-radius:2px}
.sift progress{appearance:none;width:100%;height:6px;border:0;border-radius:3px;background:var(--track);display:block}
.sift progress::-webkit-progress-bar{background:var(--track);border-radius:3px}
.sift progress::-webkit-progress-value{background:var(--fill);border-radius:3px}
.sift progress::-moz-progress-bar{background:var(--fill);border-radius:3px}
.sift .scroll{overflow-x:auto} .sift .scroll.tall{max-height:26rem;overflow-y:auto}
.sift table{font-size:.9rem;border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin:0}
.sift th,.sift td{padding:.4em .9em .4em 0;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap;
vertical-align:baseline}
.sift td.wide{white-space:normal;min-width:16em} .sift td.num,.sift th.num{text-align:right}
.sift th{color:var(--quiet);font-weight:600;background:var(--paper,transparent)}
.sift footer{color:var(--quiet);font-size:.87rem;overflow-wrap:anywhere}
.sift pre{font:.8rem/1.5 "Fira Mono",ui-monospace,Menlo,Consolas,"Liberation Mono",monospace;max-height:22rem;
overflow:auto;border:1px solid var(--line);border-radius:6px;padding:.7em .9em;margin:.3em 0;white-space:pre;
color:var(--ink);background:none}
.sift .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,27rem),1fr));gap:0 1.5rem}
.sift .grid.small{grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr))} .sift .grid>*{min-width:0}
.sift dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.7rem 1.2rem;margin:.5em 0}
.sift dt{color:var(--quiet);font-size:.82rem} .sift dd{margin:0;overflow-wrap:anywhere}
.sift details{margin:.4em 0} .sift summary{cursor:pointer;color:var(--quiet);width:fit-content}
.sift .key{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;list-style:none;padding:0;font-size:.87rem;font-weight:600}
.sift .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));gap:1rem;padding:0;
list-style:none;margin:.6em 0}
.sift .card{border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;height:100%;display:flex;
flex-direction:column;gap:.35rem;background:var(--raised);color:var(--ink)}
.sift .card header{display:flex;gap:.6rem;align-items:baseline;justify-content:space-between}
.sift .card h2{margin:0} .sift .card h2 a{color:var(--ink);text-decoration:none}
.sift .card h2 a:hover{text-decoration:underline}
.sift .card progress{flex:none}
.sift .card p{margin:0;font-size:.9rem} .sift .card .answer{font-size:.95rem;text-wrap:pretty}
.sift .card footer{display:flex;flex-wrap:wrap;gap:.2rem .9rem;justify-content:space-between;margin-top:auto;
padding-top:.5rem}
.sift .links{display:flex;gap:.9rem}
.sift .badge{font-size:.78rem;white-space:nowrap;border:1px solid var(--line);border-radius:99px;padding:.05rem .6rem;
color:var(--quiet)}
.sift .badge.running,.sift .badge.stopping{color:var(--link);border-color:currentColor}
.sift .badge.failed{color:var(--warn);border-color:currentColor}
</style>"""
