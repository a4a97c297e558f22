// The page that `baton sweep plot` writes: styles and the script that draws; the data goes in
// between.
#include "control/sweep_plot.h"

namespace baton {

// Drawn with plain SVG, so that it needs nothing from elsewhere and prints well.
const char* const kPlotHead = R"page(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; --ink: #1d2330; --dim: #6a7285; --line: #d5d9e2; --back: #fff; --good: #0b6e4f; --bad: #b4bccb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf2; --dim: #98a1b5; --line: #394052; --back: #171a21; --good: #4fd6a5; --bad: #56607a; } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1rem; margin: 2rem 0 .3rem; } p { color: var(--dim); margin: .2rem 0; }
svg { width: 100%; height: auto; display: block; overflow: visible; }
text { fill: var(--dim); font-size: 11px; stroke: var(--back); stroke-width: 3; paint-order: stroke; stroke-linejoin: round; } text.name { fill: var(--ink); font-weight: 600; }
.axis { stroke: var(--line); } .best { stroke: var(--good); fill: none; stroke-width: 2; }
.trial { fill: none; stroke-width: 1.2; opacity: .55; } .trial.hot { stroke-width: 3; opacity: 1; }
circle { opacity: .75; } circle.beyond { fill: none; stroke-width: 1.5; } circle.hot { opacity: 1; stroke: var(--ink); stroke-width: 1.5; }
.slices { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 1rem; }
#tip { position: fixed; pointer-events: none; background: var(--back); border: 1px solid var(--line); border-radius: 4px; padding: .3rem .5rem; font-size: 12px; display: none; max-width: 24rem; }
</style>
)page";

const char* const kPlotScript = R"page(<script>
const data = JSON.parse(document.getElementById('data').textContent);
const trials = data.trials, dims = data.parameters, metric = data.metric || 'value';
const done = trials.filter(t => t.value !== null);
// Paused trials have no value, but what they have reported is shown beside those of the others.
const shown = trials.filter(t => t.value !== null || t.paused_at !== undefined);
// The largest numbers are drawn in a unit in which their differences are numbers too.
const unit = shown.some(t => Math.abs(t.value ?? t.paused_at) > 1e300) ? 1e301 : 1;
const worth = t => (t.value ?? t.paused_at) / unit;
const values = shown.map(worth);
// Not Math.min(...list): a call takes no hundred thousand arguments.
const smallest = list => list.reduce((a, b) => Math.min(a, b), Infinity), largest = list => list.reduce((a, b) => Math.max(a, b), -Infinity);
const low = smallest(values), high = largest(values);
const worstFirst = (a, b) => data.maximize ? a - b : b - a;
// Ranks, not values, are coloured: one far outlier would make all others look the same.
const sorted = [...values].sort(worstFirst), rank = new Map();
sorted.forEach((v, i) => { if (!rank.has(v)) rank.set(v, i); });
const shade = v => { const r = sorted.length > 1 ? rank.get(v) / (sorted.length - 1) : 1;
  return `color-mix(in oklab, var(--good) ${Math.round(r * 100)}%, var(--bad))`; };
const ns = 'http://www.w3.org/2000/svg';
const node = (tag, attributes, parent, text) => { const e = document.createElementNS(ns, tag);
  for (const k in attributes) e.setAttribute(k, attributes[k]); if (text !== undefined) e.textContent = text;
  parent.append(e); return e; };
const number = x => typeof x !== 'number' || !Number.isFinite(Number(x.toPrecision(4))) ? String(x) : x !== 0 && Math.abs(x) < 1e-3 ?
  Number(x.toPrecision(4)).toExponential() : String(Number(x.toPrecision(4)));
// In the unit of worth(), which can be too large for a number when written out.
const level = v => { if (unit === 1 || v === 0) return number(v);
  const [digits, power] = Number(v.toPrecision(4)).toExponential().split('e'); return `${digits}e+${Number(power) + 301}`; };
const canvas = (id, w, h) => node('svg', {viewBox: `0 0 ${w} ${h}`, role: 'img'}, document.getElementById(id));

// The scale of the values ends at round numbers. A run that diverged would flatten all others: what is far worse than
// the best three quarters stands at the edge.
const tidy = x => Number(x.toPrecision(12));
const stepOf = span => { const ten = 10 ** Math.floor(Math.log10(span / 4)), part = span / 4 / ten;
  return ten * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10); };
function ends(min, max) {
  const step = stepOf(max - min);
  return [tidy(Math.floor(min / step) * step), tidy(Math.ceil(max / step) * step)];
}
function scale() {
  const best = data.maximize ? high : low, reach = 4 * Math.abs(sorted[Math.floor(sorted.length / 4)] - best);
  const near = values.filter(v => reach === 0 || Math.abs(v - best) <= reach);
  let [min, max] = ends(smallest(near), largest(near));
  // Also where they differ by less than the digits of an axis tell.
  if (!(max > min)) { const around = Math.abs(best) > 1e-300 ? Math.abs(best) / 10 : 1; [min, max] = ends(best - around, best + around); }
  return {name: metric, label: level, min, max};
}
const value = shown.length ? scale() : null;
const beyond = t => worth(t) < value.min || worth(t) > value.max;

// A value's place in [0, 1] along its dimension; unused (conditional) parameters have none.
function place(d, v) {
  if (v === undefined) return null;
  if (d.choices) return (d.choices.findIndex(c => c === v) + .5) / d.choices.length;
  const p = d.log ? Math.log(v / d.min) / Math.log(d.max / d.min) : (v - d.min) / (d.max - d.min);
  return Math.min(1, Math.max(0, p));
}
// Both ends, and round numbers between them that keep away from the ends.
function ticks(d) {
  if (d.choices) return d.choices.map((c, i) => [(i + .5) / d.choices.length, String(c)]);
  const inner = [];
  if (d.log) { const first = Math.ceil(Math.log10(d.min)), last = Math.floor(Math.log10(d.max)), skip = Math.ceil((last - first) / 6) || 1;
    for (let e = first; e <= last; e += skip) inner.push(Number('1e' + e)); }
  else { const step = Math.max(stepOf(d.max - d.min), d.whole ? 1 : 0), first = Math.ceil(d.min / step);
    // A step is a quarter of the range or more. Counted, as beyond 2 ** 53 adding 1 to a number changes nothing.
    for (let k = 0; k < 6 && (first + k) * step <= d.max; k++) inner.push(tidy((first + k) * step)); }
  return [d.min, ...inner.filter(v => place(d, v) > .07 && place(d, v) < .93), d.max].map(v => [place(d, v), (d.label || number)(v)]);
}
// Cut to about so many pixels; the whole text shows when pointed at.
function label(attributes, parent, text, width) {
  const most = Math.max(3, Math.floor(width / 6)), short = text.length > most;
  const e = node('text', attributes, parent, short ? text.slice(0, most - 1) + '…' : text);
  if (short) node('title', {}, e, text);
}
const tip = document.getElementById('tip');
const marks = new Map();
function mark(element, trial) {
  if (!marks.has(trial.trial)) marks.set(trial.trial, []);
  marks.get(trial.trial).push(element);
  element.addEventListener('pointerenter', event => { marks.get(trial.trial).forEach(e => e.classList.add('hot'));
    tip.textContent = `trial ${trial.trial}: ${trial.value !== null ? metric + ' ' + number(trial.value) :
      trial.state + (trial.paused_at !== undefined ? ' at ' + metric + ' ' + number(trial.paused_at) : '')} — ` +
      Object.entries(trial.params).map(([k, v]) => `${k}=${number(v)}`).join(' ');
    tip.style.display = 'block'; tip.style.left = Math.min(event.clientX + 12, innerWidth - 260) + 'px'; tip.style.top = event.clientY + 12 + 'px'; });
  element.addEventListener('pointerleave', () => { marks.get(trial.trial).forEach(e => e.classList.remove('hot')); tip.style.display = 'none'; });
}

function dot(parent, t, x, y, r) {
  // Hollow where it stands for a worse value, or where the trial is paused.
  const hollow = beyond(t) || t.value === null, colour = shade(worth(t));
  mark(node('circle', {cx: x, cy: y, r, ...(hollow ? {class: 'beyond', style: `stroke: ${colour}`} : {fill: colour})}, parent), t);
}
function overTime() {
  if (!done.length) return;
  const w = 1000, h = 290, s = canvas('time', w, h), x = i => 75 + (done.length > 1 ? i / (done.length - 1) : .5) * (w - 100);
  const y = v => 30 + (1 - place(value, v)) * (h - 75);
  node('text', {x: 0, y: 12, class: 'name'}, s, metric);
  for (const [p, t] of ticks(value)) { const yy = 30 + (1 - p) * (h - 75);
    node('line', {x1: 60, x2: w - 10, y1: yy, y2: yy, class: 'axis'}, s); node('text', {x: 54, y: yy + 4, 'text-anchor': 'end'}, s, t); }
  for (const i of new Set([0, done.length - 1])) node('text', {x: x(i), y: h - 26, 'text-anchor': 'middle'}, s, String(i + 1));
  const order = [...done].sort((a, b) => a.closed < b.closed ? -1 : a.closed > b.closed ? 1 : a.trial - b.trial);
  let best = null, path = '';
  order.forEach((t, i) => { best = best === null ? worth(t) : data.maximize ? Math.max(best, worth(t)) : Math.min(best, worth(t));
    path += i ? `H${x(i)}V${y(best)}` : `M${x(i)} ${y(best)}`; });
  node('path', {d: path, class: 'best'}, s);
  order.forEach((t, i) => dot(s, t, x(i), y(worth(t)), 3.5));
  const far = done.filter(beyond).length;
  node('text', {x: w / 2, y: h - 6, 'text-anchor': 'middle'}, s, 'trials with a value, in the order in which they ended; the line is the best so far' +
    (far ? `; ${far} far worse, at the edge` : ''));
}
function parallel() {
  const axes = [...dims, value], w = 1000, h = 340, s = canvas('parallel', w, h);
  const gap = (w - 130) / Math.max(1, axes.length - 1), x = i => 50 + i * gap, y = p => 35 + (1 - p) * (h - 60);
  const order = [...shown].sort((a, b) => worstFirst(worth(a), worth(b)));
  for (const t of order) {
    let path = '', over = '', last = null, skipped = false;
    axes.forEach((d, i) => { const p = place(d, d === value ? worth(t) : t.params[d.name]);
      if (p === null) { skipped = true; return; }
      const here = `${x(i)} ${y(p)}`;
      if (skipped && last) over += `M${last}L${here}`;  // past axes that the trial has no value on
      path += `${last && !skipped ? 'L' : 'M'}${here}`; last = here; skipped = false; });
    const stroke = `stroke: ${shade(worth(t))}`;
    mark(node('path', {d: path, class: 'trial', style: stroke, ...(t.value === null && {'stroke-dasharray': '8 3'})}, s), t);
    if (over) mark(node('path', {d: over, class: 'trial', style: stroke, 'stroke-dasharray': '2 4'}, s), t);
  }
  axes.forEach((d, i) => { node('line', {x1: x(i), x2: x(i), y1: y(0), y2: y(1), class: 'axis'}, s);
    label({x: x(i), y: 18, 'text-anchor': 'middle', class: 'name'}, s, d.name, gap - 8);
    for (const [p, t] of ticks(d)) label({x: x(i) + 5, y: y(p) + 4}, s, t, gap - 12); });
}
function slices() {
  for (const d of dims) {
    const w = 260, h = 205, s = node('svg', {viewBox: `0 0 ${w} ${h}`, role: 'img'}, document.getElementById('slices'));
    const x = p => 50 + p * (w - 70), y = v => 24 + (1 - place(value, v)) * (h - 68);
    node('path', {d: `M42 16V${h - 38}H${w - 12}`, fill: 'none', class: 'axis'}, s);
    label({x: 0, y: 10}, s, metric, 200);
    label({x: w / 2, y: h - 4, 'text-anchor': 'middle', class: 'name'}, s,
      d.name + (d.share !== undefined ? ` (${Math.round(d.share * 100)} %)` : ''), 240);
    const all = ticks(d), most = d.choices ? 5 : 3;
    const central = [...all].sort((a, b) => Math.abs(a[0] - .5) - Math.abs(b[0] - .5))[0];
    const few = all.length > most ? [all[0], central, all[all.length - 1]] : all;
    for (const [p, t] of few) label({x: x(p), y: h - 22, 'text-anchor': 'middle'}, s, t, (w - 70) / few.length - 4);
    for (const v of [value.min, value.max]) node('text', {x: 38, y: y(v) + 4, 'text-anchor': 'end'}, s, level(v));
    for (const t of shown) { const p = place(d, t.params[d.name]);
      // Choices are spread a little, so that trials do not hide each other.
      if (p !== null) dot(s, t, x(p) + (d.choices ? (t.trial * 7919 % 17 - 8) * Math.min(1, 8 / d.choices.length) : 0), y(worth(t)), 3); }
  }
}
if (shown.length) { overTime(); parallel(); slices(); }
else document.getElementById('time').textContent = 'No trial has a value yet.';
</script>
</body></html>
)page";

}  // namespace baton
