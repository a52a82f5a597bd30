// Tables: a click on a column's name sorts by it, a second one the other way round.

function makeTable(table) {
  const state = { column: null, down: false };
  const head = element("tr");
  const body = element("tbody");
  // Made once: a table of classes has thousands of cells.
  const rows = table.rows.map((_, i) => rowOf(table, i));
  const draw = () => {
    [...head.children].forEach((cell, i) => {
      const order = state.down ? "descending" : "ascending";
      cell.setAttribute("aria-sort", i === state.column ? order : "none");
    });
    body.replaceChildren(...sortedRows(table, state).map((i) => rows[i]));
  };
  table.columns.forEach((name, i) => {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      state.down = state.column === i && !state.down;
      state.column = i;
      draw();
    });
    head.append(element("th", { scope: "col" }, button));
  });
  redraw.push(draw);
  draw();
  const made = element("table", { id: `table-${table.key}` }, element("thead", {}, head));
  made.append(body);
  return element("div", { class: "scroll", tabindex: 0 }, made);
}

// Positions of the visible rows in their order; what is not known comes last.
function sortedRows(table, { column, down }) {
  const about = (i) => (table.models.length ? table.models[i] : null);
  const source = table.columns.indexOf("source");
  const isPublished = (i) => source >= 0 && table.rows[i][source].startsWith("published");
  const visible = [...table.rows.keys()].filter((i) =>
    isPublished(i) ? !publishedHidden : isVisible(about(i)));
  if (column === null) return visible;
  const compare = (i, j) => {
    const a = table.rows[i][column], b = table.rows[j][column];
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true });
    return down ? -order : order;
  };
  return visible.sort(compare);
}

function rowOf(table, i) {
  const row = element("tr");
  const source = table.columns.indexOf("source");
  if (source >= 0 && table.rows[i][source].startsWith("published")) {
    row.className = "published";
  }
  table.rows[i].forEach((value, column) => {
    const places = table.places[column];
    const cell = element("td", {}, places === null ? shown(value) : fixed(value, places));
    if (places !== null) cell.className = "number";
    else if (cell.textContent.length < 70) cell.className = "short";
    row.append(cell);
  });
  return row;
}
