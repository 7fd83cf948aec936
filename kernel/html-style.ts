/** How an exported notebook looks, in light and dark. */
export const pageCss = `
:root{--ink:#1f2933;--soft:#616e7c;--paper:#fff;--code:#f5f7fa;--line:#e4e7eb;--accent:#0072b2;--bad:#b3261e;--badpaper:#fdf1f0;
--c:#7b8794;--s:#1a7f37;--n:#9a5b00;--k:#6f42c1;--t:#0b7285}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7eb;--soft:#9aa5b1;--paper:#14181d;--code:#1d232a;--line:#323f4b;--accent:#56b4e9;
--bad:#ff9b92;--badpaper:#2c1a19;--c:#7b8794;--s:#7ee787;--n:#f0b35a;--k:#c9a6ff;--t:#66d9e8}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 Inter,system-ui,'Segoe UI','Open Sans','Liberation Sans',Arial,sans-serif}
main{max-width:66rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
section{margin:1rem 0}
.text{max-width:54rem}
h1,h2,h3,h4{line-height:1.25;margin:1.8em 0 .6em;font-weight:650}
h1{font-size:2rem;margin-top:0}h2{font-size:1.45rem;padding-bottom:.25em;border-bottom:1px solid var(--line)}h3{font-size:1.15rem}
a{color:var(--accent)}
img,svg{max-width:100%}
img{height:auto;border-radius:4px}
pre,code{font-family:ui-monospace,'SF Mono','JetBrains Mono','DejaVu Sans Mono','Liberation Mono',monospace;font-size:.82rem}
p code,li code,td code{background:var(--code);padding:.1em .3em;border-radius:3px}
pre{margin:0;line-height:1.5;overflow-x:auto}
.text pre,.raw pre{background:var(--code);padding:.8rem 1rem;border-radius:6px}
blockquote{margin:1em 0;padding:0 1em;border-left:3px solid var(--line);color:var(--soft)}
.code{position:relative;background:var(--code);border:1px solid var(--line);border-radius:6px;padding:.7rem 1rem}
.count{position:absolute;right:100%;top:.75rem;margin-right:.6rem;color:var(--soft);font-size:.75rem}
@media (max-width:60rem){.count{display:none}}
.outputs{padding:.7rem 1rem .2rem;overflow-x:auto;margin-right:min(0px,calc((66rem - 100vw)/2 + 1.5rem))}
.outputs pre{white-space:pre-wrap;overflow-wrap:anywhere}
.outputs>*{margin:.35rem 0}
.outputs img{background:#fff}
.stderr{color:var(--soft)}
.error{background:var(--badpaper);padding:.7rem 1rem;border-radius:6px;border-left:3px solid var(--bad)}
table{border-collapse:collapse;font-size:.85rem;margin:.4rem 0}
th,td{padding:.28rem .5rem;border-bottom:1px solid var(--line)}
thead th{border-bottom:2px solid var(--line);font-weight:600;vertical-align:bottom}
.outputs th{white-space:normal!important}
tbody tr:hover{background:var(--code)}
button{font:inherit;color:inherit;background:var(--code);border:1px solid var(--line);border-radius:4px;padding:.05rem .6rem;cursor:pointer}
.code .c{color:var(--c);font-style:italic}.code .s{color:var(--s)}.code .n{color:var(--n)}.code .k{color:var(--k)}
.t1{font-weight:700}.t2{color:var(--soft)}.t31,.t91{color:var(--bad)}.t32,.t92{color:var(--s)}.t33,.t93{color:var(--n)}.t34,.t94{color:var(--accent)}.t35,.t95{color:var(--k)}
.t36,.t96{color:var(--t)}.t37,.t90{color:var(--soft)}
@media print{main{max-width:none;padding:0}.code{break-inside:avoid}.outputs{overflow:visible;margin-right:0}pre{white-space:pre-wrap;overflow-wrap:anywhere}
th,td{padding:.2rem .3rem;overflow-wrap:anywhere}table{font-size:.7rem}}
`;
