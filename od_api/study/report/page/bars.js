// Horizontal bars, in groups, with error bars.

const ROW = 16, GAP = 10;

function drawBars(svg, figure) {
  svg.replaceChildren();
  const bars = figure.bars.filter((bar) => isVisible(bar.model));
  const groups = [...new Set(bars.map((bar) => bar.group))];
  const series = seriesOf(figure);
  const height = groups.length * (series.length * ROW + GAP);
  const longest = Math.max(0, ...groups.map((group) => group.length));
  const left = Math.min(430, 14 + 6.6 * longest);
  const box = { left, right: left + 420, bottom: 8 + height };
  svg.setAttribute("viewBox", `0 0 ${box.right + 20} ${box.bottom + 48}`);
  if (!bars.length) return;
  const top = Math.max(...figure.bars.map((bar) => Math.max(bar.value, bar.high ?? 0)));
  const scale = (value) => box.left + (value / (1.04 * top || 1)) * 420;
  for (const tick of linearTicks(0, 1.04 * top || 1)) {
    const at = scale(tick);
    const line = { x1: at, x2: at, y1: 4, y2: box.bottom, class: "grid" };
    const place = { x: at, y: box.bottom + 16, "text-anchor": "middle" };
    svg.append(svgElement("line", line), svgElement("text", place, String(tick)));
  }
  const below = { x: box.left + 210, y: box.bottom + 38, "text-anchor": "middle" };
  svg.append(svgElement("text", below, figure.x));
  groups.forEach((group, i) => {
    const start = 8 + i * (series.length * ROW + GAP);
    const place = { x: box.left - 8, y: start + (series.length * ROW) / 2 + 4 };
    svg.append(svgElement("text", { ...place, "text-anchor": "end" }, group));
    for (const bar of bars.filter((b) => b.group === group)) {
      svg.append(drawBar(figure, bar, scale, start + series.indexOf(bar.series) * ROW));
    }
  });
}

function drawBar(figure, bar, scale, y) {
  const size = { x: scale(0), y, width: scale(bar.value) - scale(0), height: ROW - 2 };
  const rect = svgElement("rect", size);
  rect.style.fill = colourOf(figure, bar.series);
  const group = svgElement("g", { class: "bar", tabindex: 0 }, rect);
  if (bar.low !== null) {
    const middle = y + ROW / 2 - 1;
    const [low, high] = [scale(bar.low), scale(bar.high)];
    const d = `M${low},${middle}H${high}M${low},${y + 3}v8M${high},${y + 3}v8`;
    group.append(svgElement("path", { d, class: "error" }));
  }
  const values = [[`${bar.series} (${figure.x})`, bar.value]];
  if (bar.low !== null) values.push(["least", bar.low], ["most", bar.high]);
  withTooltip(group, { label: bar.group, model: bar.model }, values);
  return group;
}

function legendOfBars(figure) {
  const legend = element("div", { class: "legend" });
  const series = seriesOf(figure);
  for (const name of series.length > 1 ? series : []) {
    legend.append(key("M-5,-5H5V5H-5Z", colourOf(figure, name), true, name));
  }
  return legend;
}
