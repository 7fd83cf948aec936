// The 3-D viewer in the reader's browser: plays frames, colours, measures. Packed beside 3Dmol, which draws.

const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** Words by particle. */
function decoded(list) {
  if (!list) return () => '';
  const index = new Uint16Array(bytesOf(list.index).buffer);
  return (atom) => list.words[index[atom]] ?? '';
}

/** Frames arrive as unsigned 16-bit integers on a grid over the bounding box: (frames, atoms, 3). */
function positionsOf(scene) {
  const grid = new Uint16Array(bytesOf(scene.frames).buffer);
  return (frame, atom, axis) =>
    scene.origin[axis] + scene.step * grid[(frame * scene.count + atom) * 3 + axis];
}

function buildModel(viewer, scene, at) {
  const [atomName, residue] = [decoded(scene.atomNames), decoded(scene.residues)];
  const atoms = Array.from({ length: scene.count }, (_, i) => {
    const [chain = 'A', resn = '', resi = i] = residue(i).split(' ');
    return {
      elem: 'C',
      atom: atomName(i),
      resn,
      resi: Number(resi),
      chain,
      serial: i,
      x: at(0, i, 0),
      y: at(0, i, 1),
      z: at(0, i, 2),
      bonds: [],
      bondOrder: [],
      properties: {},
    };
  });
  for (let b = 0; b < scene.bonds.length; b += 2) {
    const [i, j] = [scene.bonds[b], scene.bonds[b + 1]];
    atoms[i].bonds.push(j);
    atoms[i].bondOrder.push(1);
    atoms[j].bonds.push(i);
    atoms[j].bondOrder.push(1);
  }
  const model = viewer.addModel();
  model.addAtoms(atoms);
  return model;
}

/** Gives the function that styles the model: by size, and by the colouring at a frame. */
function styler(model, scene) {
  const indices = scene.colorings.map((c) => bytesOf(c.index));
  const sizes = new Map();
  for (const [i, r] of scene.radii.entries()) {
    if (!sizes.has(r)) sizes.set(r, []);
    sizes.get(r).push(i);
  }
  return (coloring, frame) => {
    const { palette } = scene.colorings[coloring];
    const index = indices[coloring];
    const start = index.length > scene.count ? frame * scene.count : 0;
    const colorfunc = (atom) => palette[index[start + atom.serial]];
    for (const [radius, serial] of sizes) {
      const style = scene.cartoon
        ? { cartoon: { style: 'trace', thickness: 0.6, colorfunc } }
        : { sphere: { radius, colorfunc } };
      if (scene.stick > 0 && !scene.cartoon) style.stick = { radius: scene.stick, colorfunc };
      model.setStyle({ serial }, style);
    }
  };
}

const point = ([x, y, z]) => ({ x, y, z });

function drawBox(viewer, edges, old) {
  for (const shape of old) viewer.removeShape(shape);
  return edges.map(([from, to]) =>
    viewer.addLine({ start: point(from), end: point(to), color: '#52606D', linewidth: 1 }),
  );
}

const minus = (a, b) => a.map((v, k) => v - b[k]);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const size = (a) => Math.sqrt(dot(a, a));
const degrees = (cosine) => (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI;

/** What two, three or four points measure, in words: distance, angle at the middle one, dihedral (IUPAC's sign). */
function measured(points) {
  const [a, b, c, d] = points;
  if (points.length === 2) return `${size(minus(b, a)).toFixed(3)} Å`;
  if (points.length === 3) {
    const [u, v] = [minus(a, b), minus(c, b)];
    return `${degrees(dot(u, v) / (size(u) * size(v))).toFixed(1)}°`;
  }
  if (points.length < 4) return '';
  const [u, v, w] = [minus(b, a), minus(c, b), minus(d, c)];
  const [m, n] = [cross(u, v), cross(v, w)];
  return `${((Math.atan2(size(v) * dot(u, n), dot(m, n)) * 180) / Math.PI).toFixed(1)}°`;
}

/** Clicked particles, up to four, with lines between them and what they measure; follows the frames. */
class Measurement {
  constructor(viewer, scene, at, say) {
    Object.assign(this, { viewer, scene, at, say, picked: [], shapes: [], frame: 0 });
    const [symbol, name, residue] = [scene.symbols, scene.atomNames, scene.residues].map(decoded);
    this.nameOf = (i) => [residue(i), name(i) || symbol(i), `#${i}`].filter(Boolean).join(' ');
  }

  pick(atom) {
    const held = this.picked.indexOf(atom);
    if (held >= 0) this.picked.splice(held, 1);
    else this.picked = this.picked.length === 4 ? [atom] : [...this.picked, atom];
    this.draw(this.frame);
    this.viewer.render();
  }

  clear() {
    this.picked = [];
    this.draw(this.frame);
    this.viewer.render();
  }

  draw(frame) {
    this.frame = frame;
    const { viewer, picked, at } = this;
    for (const remove of this.shapes) remove();
    this.shapes = [];
    const keep = (remove, what) => this.shapes.push(() => viewer[remove](what));
    const points = picked.map((i) => [0, 1, 2].map((k) => at(frame, i, k)));
    for (const [k, p] of points.entries()) {
      const radius = 1.25 * (this.scene.radii[picked[k]] || 0.4) + 0.05;
      const mark = { center: point(p), radius, color: '#FFB000', opacity: 0.55 };
      keep('removeShape', viewer.addSphere(mark));
      if (k === 0) continue;
      const line = {
        start: point(points[k - 1]),
        end: point(p),
        radius: 0.05,
        color: '#B25E00',
        dashed: true,
      };
      keep('removeShape', viewer.addCylinder(line));
    }
    const value = measured(points);
    if (value) {
      const middle = [0, 1, 2].map((k) => points.reduce((sum, p) => sum + p[k] / points.length, 0));
      const look = { fontSize: 13, fontColor: '#1F2933', backgroundColor: 'white', backgroundOpacity: 0.85 };
      keep('removeLabel', viewer.addLabel(value, { ...look, position: point(middle), inFront: true }));
    }
    const names = picked.map(this.nameOf).join(' – ');
    this.say(names ? `${names}${value ? `: ${value}` : ''}` : '', picked.length > 0);
  }
}

function element(name, css, properties = {}) {
  const made = document.createElement(name);
  made.style.cssText = css;
  return Object.assign(made, properties);
}

const barCss =
  'display:flex;gap:8px;align-items:center;flex-wrap:wrap;font:13px Inter,Arial,sans-serif;padding:4px 0;max-width:100%';

/** Play, slider and frame label. */
function player(scene, show) {
  const bar = element('div', `${barCss};width:${scene.width}px`);
  const button = element('button', 'width:6em', { textContent: '▶ Play' });
  const slider = element('input', 'flex:1', { type: 'range', min: 0, max: scene.frameCount - 1, value: 0 });
  slider.setAttribute('aria-label', 'frame');
  const label = element('span', 'min-width:13em;font-variant-numeric:tabular-nums', {
    textContent: scene.labels[0],
  });
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
  return bar;
}

/** What colours the particles, with the ends of its scale, and what is measured. */
function legend(scene, recolor, clear) {
  const bar = element('div', `${barCss};width:${scene.width}px;min-height:26px`);
  const choice = element('select', 'max-width:14em', { ariaLabel: 'colour by' });
  for (const [i, { name }] of scene.colorings.entries()) choice.add(new Option(`colour: ${name}`, i));
  const scale = element('span', 'display:none;align-items:center;gap:5px;font-variant-numeric:tabular-nums');
  const [low, high] = [element('span', ''), element('span', '')];
  const ramp = element('span', 'width:90px;height:9px;display:inline-block;border:1px solid #829AB1');
  scale.append(low, ramp, high);
  const words = element('span', 'font-variant-numeric:tabular-nums', { className: 'mdlab-measured' });
  const undo = element('button', 'display:none', { textContent: 'Clear', onclick: clear });
  bar.append(choice, scale, words, undo);
  const change = () => {
    const { range, palette } = scene.colorings[choice.value];
    scale.style.display = range ? 'inline-flex' : 'none';
    if (range) {
      [low.textContent, high.textContent] = range;
      const stops = [0, 0.25, 0.5, 0.75, 1].map(
        (t) => palette[Math.round(t * Math.min(254, palette.length - 1))],
      );
      ramp.style.background = `linear-gradient(to right, ${stops.join(', ')})`;
    }
    recolor(Number(choice.value));
  };
  choice.onchange = change;
  const hint = 'click particles to measure';
  const say = (text, picked) => {
    words.textContent = text || hint;
    words.style.opacity = text ? 1 : 0.6;
    undo.style.display = picked ? '' : 'none';
  };
  say('', false);
  return { bar, change, say };
}

/** Wakes a view: the picture gives way when all is drawn. */
function show(place, scene, library) {
  const at = positionsOf(scene);
  const size = `width:${scene.width}px;max-width:100%;height:${scene.height}px`;
  const div = element('div', `position:relative;${size}`);
  place.append(div);
  const viewer = library.createViewer(div, { backgroundColor: 'white', antialias: true });
  if (!viewer) throw new Error('no WebGL');
  const model = buildModel(viewer, scene, at);
  const style = styler(model, scene);
  const bar = legend(
    scene,
    (chosen) => {
      coloring = chosen;
      style(coloring, frame);
      viewer.render();
    },
    () => measurement.clear(),
  );
  const measurement = new Measurement(viewer, scene, at, bar.say);
  let [coloring, frame] = [0, 0];
  let box = drawBox(viewer, scene.box, []);
  viewer.setClickable({}, true, (atom) => measurement.pick(atom.serial));
  bar.change();
  viewer.setView(scene.view);
  viewer.zoomTo();
  // The whole of it fits whichever way it is turned; nearly that is a better use of the place.
  viewer.zoom(1.2);
  viewer.render();
  const go = (to) => {
    frame = to;
    for (const a of model.selectedAtoms({}))
      [a.x, a.y, a.z] = [at(frame, a.serial, 0), at(frame, a.serial, 1), at(frame, a.serial, 2)];
    style(coloring, frame);
    if (scene.boxes) box = drawBox(viewer, scene.boxes[frame], box);
    measurement.draw(frame);
    viewer.render();
    place.dataset.frame = frame;
  };
  if (scene.frameCount > 1) place.append(player(scene, go));
  place.append(bar.bar);
  place.querySelector('img').style.display = 'none';
  place.dataset.frame = 0;
  place.mdlabViewer = viewer;
}

module.exports = { show };
