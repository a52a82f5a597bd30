// Points and lines over two axes.

const WIDTH = 640, HEIGHT = 400;
const PLOT = { left: 64, right: 622, top: 12, bottom: 348 };
const MARKERS = [
  "M5,0A5,5 0 1 1 -5,0A5,5 0 1 1 5,0Z",
  "M-4.5,-4.5H4.5V4.5H-4.5Z",
  "M0,-6L5.5,4.5H-5.5Z",
  "M0,-6L6,0L0,6L-6,0Z",
  "M0,6L5.5,-4.5H-5.5Z",
  "M-2,-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
  "M-6,-4L-4,-6L0,-2L4,-6L6,-4L2,0L6,4L4,6L0,2L-4,6L-6,4L-2,0Z",
];

function markerOf(figure, shape) {
  const place = (data.order[figure.shape] || []).indexOf(shape);
  return MARKERS[Math.max(place, 0) % MARKERS.length];
}

// A scale: values to pixels, with its ticks.
function scaleOf(values, log, from, to) {
  let low = Math.min(...values), high = Math.max(...values);
  const useLog = log && low > 0;
  const forward = useLog ? Math.log10 : (v) => v;
  low = forward(low);
  high = forward(high);
  const margin = 0.06 * (high - low) || 0.1 * Math.abs(high) || 1;
  low -= margin;
  high += margin;
  const place = (value) => from + ((forward(value) - low) / (high - low)) * (to - from);
  const ticks = useLog ? logTicks(low, high) : linearTicks(low, high);
  return { place, ticks };
}

function linearTicks(low, high) {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

// 1, 2, 5 of each decade within; of a range with fewer than three, evenly spread ones.
function logTicks(low, high) {
  const ticks = [];
  for (let e = Math.floor(low); e <= Math.ceil(high); e++) {
    for (const m of [1, 2, 5]) {
      const tick = m * 10 ** e;
      if (Math.log10(tick) >= low && Math.log10(tick) <= high) ticks.push(tick);
    }
  }
  if (ticks.length > 2) return ticks.map((t) => Number(t.toPrecision(12)));
  return linearTicks(10 ** low, 10 ** high).filter((t) => t > 0);
}

function drawAxes(svg, figure, x, y) {
  for (const tick of x.ticks) {
    const at = x.place(tick);
    const line = { x1: at, x2: at, y1: PLOT.top, y2: PLOT.bottom, class: "grid" };
    const place = { x: at, y: PLOT.bottom + 18, "text-anchor": "middle" };
    svg.append(svgElement("line", line), svgElement("text", place, String(tick)));
  }
  for (const tick of y.ticks) {
    const at = y.place(tick);
    const line = { x1: PLOT.left, x2: PLOT.right, y1: at, y2: at, class: "grid" };
    const place = { x: PLOT.left - 8, y: at + 4, "text-anchor": "end" };
    svg.append(svgElement("line", line), svgElement("text", place, String(tick)));
  }
  const frame = `M${PLOT.left},${PLOT.top}V${PLOT.bottom}H${PLOT.right}`;
  svg.append(svgElement("path", { d: frame, fill: "none", class: "axis" }));
  const middle = (PLOT.left + PLOT.right) / 2;
  const below = { x: middle, y: HEIGHT - 12, "text-anchor": "middle" };
  svg.append(svgElement("text", below, figure.x));
  const turned = `translate(14,${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)`;
  const beside = { transform: turned, "text-anchor": "middle" };
  svg.append(svgElement("text", beside, figure.y));
}

function linesOf(figure) {
  if (figure.frontier) {
    const measured = figure.points.filter((p) => p.source === "measured" && isShown(p));
    const points = frontierOf(measured).map((p) => [p.x, p.y]);
    return [{ label: "optimality frontier", points, hue: null, dashed: false }];
  }
  // Fits are of all models.
  return figure.lines.filter((line) =>
    line.dashed ? !isFiltered() : line.models.every(isVisible));
}

function drawLine(figure, line, x, y) {
  const points = line.points.map(([a, b]) => `${x.place(a)},${y.place(b)}`).join(" ");
  const made = svgElement("polyline", { points, class: "line" });
  if (figure.frontier) made.classList.add("frontier");
  if (line.dashed) made.setAttribute("stroke-dasharray", "6 4");
  made.style.stroke = colourOf(figure, line.hue);
  made.append(svgElement("title", {}, line.label));
  return made;
}

function drawPoint(figure, point, x, y) {
  const colour = colourOf(figure, point.hue);
  const path = svgElement("path", { d: markerOf(figure, point.shape) });
  path.style.stroke = colour;
  path.style.fill = point.source === "published" ? "var(--paper)" : colour;
  const group = svgElement("g", {
    class: "point",
    transform: `translate(${x.place(point.x)},${y.place(point.y)})`,
    tabindex: 0,
    role: "img",
    "aria-label": `${point.label}: ${shown(point.x)}, ${shown(point.y)}`,
    "data-model": point.model || "",
  }, path);
  const values = [[figure.x, point.x], [figure.y, point.y]];
  withTooltip(group, point, values);
  return group;
}

function drawPlot(svg, figure) {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.replaceChildren();
  const ends = figure.frontier ? [] : figure.lines.flatMap((line) => line.points);
  const xs = [...figure.points.map((p) => p.x), ...ends.map((p) => p[0])];
  const ys = [...figure.points.map((p) => p.y), ...ends.map((p) => p[1])];
  const x = scaleOf(xs, figure.log_x, PLOT.left, PLOT.right);
  const y = scaleOf(ys, figure.log_y, PLOT.bottom, PLOT.top);
  drawAxes(svg, figure, x, y);
  svg.append(...linesOf(figure).map((line) => drawLine(figure, line, x, y)));
  const visible = figure.points.filter(isShown);
  svg.append(...visible.map((point) => drawPoint(figure, point, x, y)));
}

function key(path, colour, filled, text) {
  const svg = svgElement("svg", { viewBox: "-7 -7 14 14" });
  const mark = svgElement("path", { d: path, "stroke-width": 2 });
  mark.style.stroke = colour;
  mark.style.fill = filled ? colour : "none";
  svg.append(mark);
  return element("span", {}, svg, text);
}

function legendOf(figure) {
  const legend = element("div", { class: "legend" });
  const used = (field) => new Set(figure.points.map((p) => p[field]));
  const inOrder = (axis, field) =>
    (data.order[axis] || []).filter((value) => used(field).has(value));
  for (const hue of inOrder(figure.hue, "hue")) {
    const shape = figure.hue === figure.shape ? markerOf(figure, hue) : MARKERS[0];
    legend.append(key(shape, colourOf(figure, hue), true, hue));
  }
  if (figure.shape && figure.shape !== figure.hue) {
    for (const shape of inOrder(figure.shape, "shape").filter(Boolean)) {
      legend.append(key(markerOf(figure, shape), "var(--ink)", false, shape));
    }
  }
  if (figure.frontier) {
    legend.append(key("M-7,0H7", "var(--ink)", false, "optimality frontier"));
  }
  if (figure.lines.some((line) => line.dashed)) {
    legend.append(key("M-7,0H-2M2,0H7", "var(--ink)", false, "least squares"));
  }
  if (figure.points.some((p) => p.source === "published")) {
    legend.append(element("span", {}, "hollow: published"));
  }
  return legend;
}
