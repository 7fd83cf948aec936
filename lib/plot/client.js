// Runs in the reader's browser, inlined into pages and notebooks: wakes figures and 3-D views (client-view.js), sorts tables.
// A plain script without imports; everything it needs is in the page.
window.mdlabClient ??= (() => {
  const packed = {};
  const loading = {};

  async function unpack(name) {
    for (let tries = 0; !packed[name]; tries++) {
      if (tries === 300) throw new Error(`${name} is not in this page`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const bytes = Uint8Array.from(atob(packed[name]), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    const code = await new Response(stream).text();
    // Hidden from RequireJS, which classic notebooks have and which refuses anonymous modules.
    const run = new Function('define', 'module', 'exports', 'require', `${code}\n;return module.exports;`);
    const module = { exports: {} };
    const found = run.call(window, undefined, module, module.exports, undefined);
    return Object.keys(found).length ? found : (window.Plotly ?? window['3Dmol'] ?? window.$3Dmol);
  }

  function load(name) {
    loading[name] ??= unpack(name);
    return loading[name];
  }

  const dataOf = (place) => JSON.parse(place.querySelector('script[type="application/json"]').textContent);

  async function figure(place, library) {
    const plotly = await load(library);
    const { data, layout } = dataOf(place);
    const div = document.createElement('div');
    place.append(div);
    await plotly.newPlot(div, data, layout, { displaylogo: false, responsive: false });
    place.querySelector('img').style.display = 'none';
  }

  async function view(place) {
    const [library, viewer] = await Promise.all([load('3dmol'), load('viewer')]);
    viewer.show(place, dataOf(place), library);
  }

  function keyOf(cell) {
    const raw = cell.dataset.value ?? cell.textContent;
    return cell.classList.contains('n') ? (raw === '' ? Number.NaN : Number(raw)) : raw;
  }

  // Unequal kinds and NaN sort last, whichever way.
  function compare(a, b, down) {
    const lost = (v) => typeof v === 'number' && Number.isNaN(v);
    if (lost(a) || lost(b)) return lost(a) - lost(b);
    const order =
      typeof a === 'number' ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
    return down ? -order : order;
  }

  function table(place) {
    const element = place.querySelector('table');
    const body = element.tBodies[0];
    const heads = [...element.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.style.cursor = 'pointer';
      head.title = 'sort the rows shown';
      head.onclick = () => {
        const down = head.getAttribute('aria-sort') === 'ascending';
        for (const h of heads) h.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        const rows = [...body.rows].map((row) => ({ row, key: keyOf(row.cells[column]) }));
        rows.sort((a, b) => compare(a.key, b.key, down));
        body.append(...rows.map((r) => r.row));
      };
    });
    const copy = place.querySelector('button');
    const words = copy.textContent;
    copy.hidden = false;
    copy.onclick = async () => {
      const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const lines = [...element.rows].map((row) =>
        [...row.cells].map((c) => quoted(c.dataset.value ?? c.textContent)).join(','),
      );
      await writeClipboard(lines.join('\n'));
      copy.textContent = 'Copied';
      setTimeout(() => {
        copy.textContent = words;
      }, 1500);
    };
  }

  async function writeClipboard(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
  }

  const kinds = { figure, view, table };

  // Wakes every sleeping place of this id; a failure leaves its picture standing and says why in the console.
  function wake([id, kind, argument]) {
    for (const place of document.querySelectorAll(`[data-mdlab="${id}"]:not([data-awake])`)) {
      place.dataset.awake = 'yes';
      Promise.resolve()
        .then(() => kinds[kind](place, argument))
        .then(() => {
          place.dataset.live = 'yes';
          place.querySelector('.mdlab-dead')?.remove();
        })
        .catch((error) => console.warn(`mdlab ${kind}: ${error.message}`));
    }
  }

  const queue = window.mdlabQueue ?? [];
  window.mdlabQueue = { push: wake };
  setTimeout(() => queue.forEach(wake), 0);
  return {
    add: (name, code) => {
      packed[name] ??= code;
    },
    load,
  };
})();
