// Runs in the reader's browser, inlined into pages and notebooks: wakes figures and 3-D views (client-view.js), sorts tables.
// A plain script without imports; everything it needs is in the page.
window.mdlabClient ??= (() => {
  const packed = {};
  const loading = {};

  function unzip(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
  }

  async function unpack(name) {
    for (let tries = 0; !packed[name]; tries++) {
      if (tries === 300) throw new Error(`${name} is not in this page`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const code = await unzip(packed[name]);
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

  // Empty numbers and NaN sort last, whichever way.
  function compare(a, b, down) {
    const lost = (v) => typeof v === 'number' && Number.isNaN(v);
    if (lost(a) || lost(b)) return lost(a) - lost(b);
    const order = typeof a === 'number' ? a - b : words.compare(a, b);
    return down ? -order : order;
  }
  const words = new Intl.Collator(undefined, { numeric: true });

  // A row is a list of cells, a cell its text, with the exact value where that reads otherwise. Those beyond what the page
  // shows are packed beside it.
  async function rowsOf(place) {
    const seen = [...place.querySelector('table').tBodies[0].rows].map((row) =>
      [...row.cells].map((c) =>
        c.dataset.value === undefined ? c.textContent : [c.textContent, c.dataset.value],
      ),
    );
    if (!place.querySelector('script[type="application/json"]')) return seen;
    return [...seen, ...JSON.parse(await unzip(dataOf(place)))];
  }
  const exact = (cell) => (Array.isArray(cell) ? cell[1] : cell);

  function table(place) {
    const element = place.querySelector('table');
    const body = element.tBodies[0];
    const heads = [...element.tHead.rows[0].cells];
    let rows;
    const allRows = async () => (rows ??= await rowsOf(place));
    const keyOf = (value, numeric) => (numeric ? (value === '' ? Number.NaN : Number(value)) : value);

    heads.forEach((head, column) => {
      head.style.cursor = 'pointer';
      head.title ||= 'sort';
      head.onclick = async () => {
        const numeric = head.classList.contains('n');
        const keyed = (await allRows()).map((row) => ({ row, key: keyOf(exact(row[column]), numeric) }));
        const down = head.getAttribute('aria-sort') === 'ascending';
        for (const h of heads) h.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        keyed.sort((a, b) => compare(a.key, b.key, down));
        rows = keyed.map((r) => r.row);
        for (const [i, row] of [...body.rows].entries()) fill(row, rows[i]);
      };
    });
    const copy = place.querySelector('button');
    const label = copy.textContent;
    copy.hidden = false;
    copy.onclick = async () => {
      const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const lines = [heads.map((h) => h.textContent), ...(await allRows())].map((row) =>
        row.map((cell) => quoted(exact(cell))).join(','),
      );
      await writeClipboard(lines.join('\n'));
      copy.textContent = `Copied ${lines.length - 1} rows`;
      setTimeout(() => {
        copy.textContent = label;
      }, 1500);
    };
  }

  function fill(row, cells) {
    cells.forEach((cell, i) => {
      const place = row.cells[i];
      place.textContent = Array.isArray(cell) ? cell[0] : cell;
      if (Array.isArray(cell)) place.dataset.value = cell[1];
      else delete place.dataset.value;
    });
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

  const style = document.createElement('style');
  const arrow = (order, sign) =>
    `.mdlab-table th[aria-sort=${order}]::after{content:' ${sign}';font-size:.7em}`;
  style.textContent = arrow('ascending', '\\25b2') + arrow('descending', '\\25bc');
  document.head.append(style);

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
