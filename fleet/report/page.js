"use strict";
// Draws the figures of this page, in the reader's theme, and marks one node in all of them.
(() => {
  const page = JSON.parse(document.getElementById("run-data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 600px)");
  const chooser = document.getElementById("chooser");
  const select = document.getElementById("chosen");
  let chosen = null;
  let printing = false;

  // '@name' becomes the colour of that name in the theme in force; paper is always light.
  function coloured(value) {
    if (typeof value === "string" && value[0] === "@") {
      return page.palette[value.slice(1)][dark.matches && !printing ? 1 : 0];
    }
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item)]));
    }
    return value;
  }

  const nodeOf = (trace, index) => (trace.customdata ? trace.customdata[index]?.[0] : trace.meta?.node);

  // The trace as it looks while a node is chosen: its own line is strong, other bars and marks are pale.
  function marked(trace, ink) {
    if (chosen === null) return trace;
    if (trace.meta && trace.meta.node === chosen) {
      return { ...trace, opacity: 1, line: { ...trace.line, color: ink, width: 3 } };
    }
    if (trace.customdata && (trace.type === "bar" || trace.mode === "markers")) {
      const own = trace.customdata.map((cell) => cell[0] === chosen);
      const line = { ...trace.marker.line, width: own.map((mine) => (mine ? 1.5 : 0)) };
      return { ...trace, marker: { ...trace.marker, opacity: own.map((mine) => (mine ? 1 : 0.3)), line } };
    }
    return trace;
  }

  function compact(layout) {
    const margin = { ...layout.margin, l: Math.min(layout.margin.l, 40), r: Math.min(layout.margin.r, 96) };
    const notes = (layout.annotations || []).map((note) => ({ ...note, font: { ...note.font, size: 10 } }));
    return { ...layout, margin, annotations: notes, font: { ...layout.font, size: 11 } };
  }

  const settings = { responsive: true, displayModeBar: false };

  function draw(name) {
    const figure = page.figures[name];
    const place = document.getElementById(name);
    let layout = coloured(figure.layout);
    if (narrow.matches) layout = compact(layout);
    layout.dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom"; // a finger scrolls the page
    if (printing) layout.width = Math.min(place.clientWidth, 660);
    const ink = coloured("@ink");
    const traces = coloured(figure.data).map((trace) => marked(trace, ink));
    return Plotly.react(place, traces, layout, settings);
  }

  const drawAll = () => Object.keys(page.figures).forEach(draw);

  function choose(node) {
    chosen = node === chosen ? null : node;
    select.value = chosen === null ? "" : String(chosen);
    chooser.classList.toggle("on", chosen !== null);
    drawAll();
  }

  function clicked(event) {
    const point = event.points[0];
    const node = nodeOf(point.data, point.pointIndex ?? point.pointNumber);
    if (node !== undefined && node !== null) choose(node);
  }

  const quoted = (cell) => (/[",\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell));

  function saveTable(name) {
    const text = page.figures[name].csv.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = `${page.run}-${name}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function saveDrawing(name) {
    const { clientWidth: width, clientHeight: height } = document.getElementById(name);
    Plotly.downloadImage(name, { format: "svg", width, height, filename: `${page.run}-${name}` });
  }

  for (const [node, person] of page.nodes) select.add(new Option(person, String(node)));
  select.addEventListener("change", () => choose(select.value === "" ? chosen : Number(select.value)));
  document.addEventListener("click", ({ target }) => {
    if (target.dataset.save === "svg") saveDrawing(target.dataset.of);
    if (target.dataset.save === "csv") saveTable(target.dataset.of);
  });
  drawAll();
  for (const name of Object.keys(page.figures)) document.getElementById(name).on("plotly_click", clicked);
  dark.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  // Paper cannot unfold anything and is white.
  function print(begins) {
    printing = begins;
    for (const folded of document.querySelectorAll(begins ? "details:not([open])" : "details[data-unfolded]")) {
      folded.open = begins;
      folded.toggleAttribute("data-unfolded", begins);
    }
    drawAll();
  }
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  document.documentElement.dataset.drawn = "yes";
})();
