// The page: filters, analyses, the tooltip.

const tooltip = document.getElementById("tooltip");

function withTooltip(target, point, values) {
  const show = (x, y) => {
    tooltip.replaceChildren(element("strong", {}, point.label), details(point, values));
    tooltip.hidden = false;
    const box = tooltip.getBoundingClientRect();
    const left = Math.min(x + 14, window.innerWidth - box.width - 8);
    const below = y + 14 + box.height < window.innerHeight;
    tooltip.style.left = `${Math.max(8, left)}px`;
    tooltip.style.top = `${Math.max(8, below ? y + 14 : y - box.height - 14)}px`;
  };
  const hide = () => { tooltip.hidden = true; };
  target.addEventListener("pointerenter", (event) => show(event.clientX, event.clientY));
  target.addEventListener("pointerleave", hide);
  target.addEventListener("focus", () => {
    const box = target.getBoundingClientRect();
    show(box.right, box.bottom);
  });
  target.addEventListener("blur", hide);
}

// The values of a point, and the config of its model.
function details(point, values) {
  const list = element("dl");
  const add = (name, value) =>
    list.append(element("dt", {}, name), element("dd", {}, shown(value)));
  values.forEach(([name, value]) => add(name, value));
  const model = point.model ? data.models[point.model] : undefined;
  if (model) {
    add("cell", point.model);
    for (const axis of data.axes) {
      if (model[axis] !== null) add(axis, model[axis]);
    }
  }
  return list;
}

function redrawAll() {
  tooltip.hidden = true;
  redraw.forEach((draw) => draw());
}

function checkbox(text, axis, change) {
  const input = element("input", { type: "checkbox", checked: "" });
  input.dataset.axis = axis;
  input.dataset.value = text;
  input.addEventListener("change", () => {
    change(input.checked);
    redrawAll();
  });
  return element("label", {}, input, ` ${text}`);
}

function makeFilters() {
  const filters = document.getElementById("filters");
  for (const axis of data.axes) {
    const values = new Set(Object.values(data.models).map((m) => m[axis]));
    // What is not known of a model that failed is no value to choose.
    const optional = axis === "stride" || axis === "proposals";
    if (!optional) values.delete(null);
    if (values.size < 2) continue;
    const group = element("fieldset", {}, element("legend", {}, axis));
    const order = (a, b) =>
      typeof a === "number" && typeof b === "number" ? a - b : a === null ? -1 : b === null ? 1
        : String(a).localeCompare(String(b));
    for (const value of [...values].sort(order)) {
      const name = String(value);
      const box = checkbox(value === null ? "none" : name, axis, (on) =>
        on ? hidden[axis].delete(name) : hidden[axis].add(name));
      group.append(box);
    }
    filters.append(group);
  }
  const hasPublished = data.analyses.some((a) =>
    a.tables.some((t) => t.columns.includes("source")
      && t.rows.some((r) => r.some((v) => String(v).startsWith("published")))));
  if (hasPublished) {
    const group = element("fieldset", {}, element("legend", {}, "source"));
    group.append(checkbox("published", "source", (on) => { publishedHidden = !on; }));
    filters.append(group);
  }
}

function makeFigure(figure) {
  const svg = svgElement("svg", { role: "group", "aria-label": figure.title });
  const draw = figure.bars.length ? drawBars : drawPlot;
  const legend = figure.bars.length ? legendOfBars(figure) : legendOf(figure);
  redraw.push(() => draw(svg, figure));
  draw(svg, figure);
  const caption = element("figcaption", {}, figure.title);
  const kind = figure.bars.length ? "bars" : "plot";
  const name = { id: `figure-${figure.key}`, class: kind };
  return element("figure", name, caption, svg, legend);
}

function makeAnalysis(analysis) {
  const section = element("section", { id: analysis.key });
  section.append(element("h2", {}, analysis.title), element("p", {}, analysis.text));
  if (analysis.findings.length) {
    section.append(element("ul", {}, ...analysis.findings.map((f) => element("li", {}, f))));
  }
  section.append(element("div", { class: "figures" }, ...analysis.figures.map(makeFigure)));
  for (const table of analysis.tables) {
    section.append(element("h3", {}, table.title), makeTable(table));
  }
  return section;
}

document.getElementById("summary").append(...data.summary.map((s) => element("p", {}, s)));
makeFilters();
for (const analysis of data.analyses) {
  const link = element("a", { href: `#${analysis.key}` }, analysis.title);
  document.getElementById("contents").append(link);
  document.getElementById("analyses").append(makeAnalysis(analysis));
}
