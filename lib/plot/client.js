// Runs in the reader's browser, inlined into pages and notebooks: wakes figures and 3-D views, sorts tables.
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

  // Frames arrive as unsigned 16-bit integers on a grid over the bounding box: (frames, atoms, 3).
  function positionsOf(scene) {
    const bytes = Uint8Array.from(atob(scene.frames), (c) => c.charCodeAt(0));
    const grid = new Uint16Array(bytes.buffer);
    return (frame, atom, axis) =>
      scene.origin[axis] + scene.step * grid[(frame * scene.count + atom) * 3 + axis];
  }

  function buildModel(viewer, scene, at) {
    const model = viewer.addModel();
    const atoms = Array.from({ length: scene.count }, (_, i) => ({
      elem: 'C',
      atom: scene.names?.[i] ?? '',
      resn: scene.residueNames?.[i] ?? '',
      resi: scene.residueIds?.[i] ?? i,
      chain: scene.chains?.[i] ?? 'A',
      serial: i,
      x: at(0, i, 0),
      y: at(0, i, 1),
      z: at(0, i, 2),
      bonds: [],
      bondOrder: [],
      properties: {},
    }));
    for (let b = 0; b < scene.bonds.length; b += 2) {
      const [i, j] = [scene.bonds[b], scene.bonds[b + 1]];
      atoms[i].bonds.push(j);
      atoms[i].bondOrder.push(1);
      atoms[j].bonds.push(i);
      atoms[j].bondOrder.push(1);
    }
    model.addAtoms(atoms);
    return model;
  }

  function styleModel(model, scene) {
    const color = (atom) => scene.palette[scene.colors[atom.serial]];
    const groups = new Map();
    for (const [i, r] of scene.radii.entries()) {
      if (!groups.has(r)) groups.set(r, []);
      groups.get(r).push(i);
    }
    for (const [radius, serial] of groups) {
      const style = scene.cartoon ? {} : { sphere: { radius, colorfunc: color } };
      if (scene.stick > 0 && !scene.cartoon) style.stick = { radius: scene.stick, colorfunc: color };
      if (scene.cartoon) style.cartoon = { style: 'trace', thickness: 0.6, colorfunc: color };
      model.setStyle({ serial }, style);
    }
  }

  function drawBox(viewer, edges) {
    viewer.removeAllShapes();
    for (const [from, to] of edges) {
      const point = ([x, y, z]) => ({ x, y, z });
      viewer.addLine({ start: point(from), end: point(to), color: '#52606D', linewidth: 1 });
    }
  }

  function controls(scene, show) {
    const bar = document.createElement('div');
    bar.style.cssText =
      'display:flex;gap:8px;align-items:center;font:13px Inter,Arial,sans-serif;padding:4px 0';
    const button = document.createElement('button');
    button.textContent = '▶ Play';
    button.style.width = '6em';
    const slider = document.createElement('input');
    Object.assign(slider, { type: 'range', min: 0, max: scene.frameCount - 1, value: 0 });
    slider.style.flex = '1';
    slider.setAttribute('aria-label', 'frame');
    const label = document.createElement('span');
    label.style.cssText = 'min-width:13em;font-variant-numeric:tabular-nums';
    bar.append(button, slider, label);
    const go = (frame) => {
      slider.value = frame;
      label.textContent = scene.labels[frame];
      show(frame);
    };
    let timer;
    const stop = () => {
      clearInterval(timer);
      timer = undefined;
      button.textContent = '▶ Play';
    };
    button.onclick = () => {
      if (timer) return stop();
      button.textContent = '❚❚ Pause';
      timer = setInterval(() => {
        if (!bar.isConnected) return stop();
        go((Number(slider.value) + 1) % scene.frameCount);
      }, 60);
    };
    slider.oninput = () => go(Number(slider.value));
    label.textContent = scene.labels[0];
    return bar;
  }

  async function view(place) {
    const library = await load('3dmol');
    const scene = dataOf(place);
    const at = positionsOf(scene);
    const div = document.createElement('div');
    div.style.cssText = `position:relative;width:${scene.width}px;max-width:100%;height:${scene.height}px`;
    place.append(div);
    const viewer = library.createViewer(div, { backgroundColor: 'white', antialias: true });
    if (!viewer) throw new Error('no WebGL');
    const model = buildModel(viewer, scene, at);
    styleModel(model, scene);
    drawBox(viewer, scene.box);
    viewer.setView(scene.view);
    viewer.zoomTo();
    viewer.render();
    const show = (frame) => {
      for (const a of model.selectedAtoms({})) {
        a.x = at(frame, a.serial, 0);
        a.y = at(frame, a.serial, 1);
        a.z = at(frame, a.serial, 2);
      }
      styleModel(model, scene);
      if (scene.boxes) drawBox(viewer, scene.boxes[frame]);
      viewer.render();
      place.dataset.frame = frame;
    };
    if (scene.frameCount > 1) place.append(controls(scene, show));
    place.querySelector('img').style.display = 'none';
    place.dataset.frame = 0;
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
    copy.hidden = false;
    copy.onclick = async () => {
      const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const lines = [...element.rows].map((row) =>
        [...row.cells].map((c) => quoted(c.dataset.value ?? c.textContent)).join(','),
      );
      await writeClipboard(lines.join('\n'));
      copy.textContent = 'Copied';
      setTimeout(() => {
        copy.textContent = 'Copy as CSV';
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
