// What is shown: the data of the report, and the values that filters have switched off.

const data = JSON.parse(document.getElementById("data").textContent);
const hidden = Object.fromEntries(data.axes.map((axis) => [axis, new Set()]));
let publishedHidden = false;
// Called after every change of a filter.
const redraw = [];

function isFiltered() {
  return publishedHidden || Object.values(hidden).some((values) => values.size > 0);
}

// Whether a model passes the filters; what is about no model always does.
function isVisible(name) {
  const model = name === null ? undefined : data.models[name];
  return !model || data.axes.every((axis) => !hidden[axis].has(String(model[axis])));
}

function isShown(point) {
  return point.source === "published" ? !publishedHidden : isVisible(point.model);
}

// The points that no other one beats: no slower and more accurate (frontier.py).
function frontierOf(points) {
  const best = [];
  for (const point of [...points].sort((a, b) => a.x - b.x || b.y - a.y)) {
    if (!best.length || point.y > best[best.length - 1].y) best.push(point);
  }
  return best;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function svgElement(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A number with so many decimals, as the Markdown report writes it.
function fixed(value, places) {
  if (typeof value !== "number") return shown(value);
  const settings = { minimumFractionDigits: places, maximumFractionDigits: places };
  const rounded = Number(value.toFixed(places)) + 0;
  return rounded.toLocaleString("en-US", {
    ...settings,
    useGrouping: Math.abs(value) >= 10000,
  });
}

// Four digits of what is not whole.
function shown(value) {
  if (value === null || value === undefined) return "-";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) {
    return Math.abs(value) >= 10000 ? value.toLocaleString("en-US") : String(value);
  }
  const digits = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
  const places = Math.min(digits, 6);
  const settings = { minimumFractionDigits: places, maximumFractionDigits: places };
  return value.toLocaleString("en-US", settings);
}

function colourOf(figure, hue) {
  const order = figure.bars.length ? seriesOf(figure) : data.order[figure.hue] || [];
  const place = order.indexOf(hue);
  return place < 0 ? "var(--ink)" : `var(--hue-${place % 10})`;
}

function seriesOf(figure) {
  return [...new Set(figure.bars.map((bar) => bar.series))];
}
