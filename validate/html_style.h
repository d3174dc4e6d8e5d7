// The style sheet of the HTML report, written into the page. Internal to validate/.
#pragma once
#include <string_view>

namespace mlctl::validate {

inline constexpr std::string_view html_style = R"css(
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--text:#1d2329;--soft:#5b6570;--line:#dfe3e7;--grid:#eceff1;
--c:#1f5fd0;--b:#b4540a;--good:#1a7f4b;--bad:#c4232b;--open:#8a5a00;--none:#5b6570;--goodbg:#e3f4ea;--badbg:#fde8e8;--openbg:#fdf1d8;--nonebg:#edf0f2;--allowed:#e9f6ee}
@media (prefers-color-scheme:dark){:root{--bg:#14181c;--card:#1b2025;--text:#e6e9ec;--soft:#9aa5b1;--line:#323a42;--grid:#272e35;
--c:#7db0ff;--b:#f0a35a;--good:#5fd39a;--bad:#ff8a8a;--open:#f0c060;--none:#9aa5b1;--goodbg:#173527;--badbg:#43201f;--openbg:#3c3015;--nonebg:#2a3138;--allowed:#1a3226}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:.1rem 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:3rem 0 .8rem;padding-bottom:.35rem;border-bottom:1px solid var(--line);display:flex;flex-wrap:wrap;gap:.3rem .8rem;align-items:center}
h3{font-size:1rem;margin:1.8rem 0 .5rem}
p{margin:.4rem 0}
.kicker{color:var(--soft);margin:0;font-size:.95rem}
.summary{font-size:1.1rem;max-width:48rem}
.verdict{display:inline-flex;align-items:center;gap:.4em;border-radius:1em;padding:.1em .75em;font-size:.85rem;font-weight:600;white-space:nowrap;line-height:1.6}
.verdict.big{font-size:1.05rem}
.pass{color:var(--good);background:var(--goodbg)}.fail{color:var(--bad);background:var(--badbg)}
.inconclusive,.error{color:var(--open);background:var(--openbg)}.skipped,.waiting{color:var(--none);background:var(--nonebg)}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;margin:1.2rem 0 0;font-size:.95rem}
dl.facts dt{color:var(--soft)}dl.facts dd{margin:0;overflow-wrap:anywhere}
code,.mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.88em}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.94rem}
th{text-align:left;font-weight:600;color:var(--soft);font-size:.83rem;padding:.55rem .8rem;border-bottom:1px solid var(--line);white-space:nowrap}
td{padding:.55rem .8rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.name{font-weight:600;min-width:8rem}
td .note,.note{color:var(--soft);font-size:.88rem;font-weight:400}
figure{margin:0;padding:1rem 1rem .6rem}
figcaption{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;font-size:.9rem;color:var(--soft);margin-bottom:.5rem;align-items:center}
figcaption b{color:var(--text)}
.key{display:inline-flex;align-items:center;gap:.45rem}.key svg{width:30px;height:8px}
svg.plot{display:block;width:100%;height:auto}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;fill:var(--soft)}
svg .label{font-size:12.5px}
.grid{stroke:var(--grid)}.axis{stroke:var(--soft)}
.line{fill:none;stroke-width:2.4;stroke-linejoin:round;stroke-linecap:round}
.line.c{stroke:var(--c)}.line.b{stroke:var(--b);stroke-dasharray:7 5}.line.thin{stroke-width:1.3;opacity:.75}
.limit{stroke:var(--bad);stroke-width:1.4;stroke-dasharray:2 3}
svg .limit-label{fill:var(--bad);font-weight:600}
svg.interval{width:260px;height:26px;display:block}
.interval .allowed{fill:var(--allowed)}.interval .limit{stroke:var(--soft);stroke-dasharray:none}
.interval .range{stroke-width:2.4}.good .range{stroke:var(--good)}.bad .range{stroke:var(--bad)}.open .range{stroke:var(--open)}
.good .value,.good .arrow{fill:var(--good)}.bad .value,.bad .arrow{fill:var(--bad)}.open .value,.open .arrow{fill:var(--open)}
.place.inside{color:var(--good)}.place.outside{color:var(--bad)}.place.crosses{color:var(--open)}
ul.findings{list-style:none;margin:0;padding:0}
ul.findings li{padding:.8rem 1rem;border-bottom:1px solid var(--line)}ul.findings li:last-child{border-bottom:0}
ul.findings p{margin:.25rem 0 0;overflow-wrap:anywhere}
.critical,.high{color:var(--bad);background:var(--badbg)}.medium{color:var(--open);background:var(--openbg)}.low{color:var(--none);background:var(--nonebg)}
footer{margin-top:3.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.88rem}
@media (max-width:40rem){main{padding:1.4rem .8rem 3rem}dl.facts{grid-template-columns:1fr;gap:0}dl.facts dd{margin-bottom:.5rem}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--text:#000;--soft:#444;--line:#bbb;--grid:#e4e4e4;--c:#1f5fd0;--b:#b4540a;--good:#1a7f4b;--bad:#c4232b;--open:#8a5a00;--none:#444;
--goodbg:#fff;--badbg:#fff;--openbg:#fff;--nonebg:#fff;--allowed:#eef6f0}
body{font-size:10.5pt}main{max-width:none;padding:0}.verdict{border:1px solid currentColor}.card{overflow:visible}
figure,tr,li,h2,h3{break-inside:avoid}h2,h3{break-after:avoid}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)css";

}  // namespace mlctl::validate
