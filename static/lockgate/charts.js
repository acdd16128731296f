// Draws time series with uPlot. The canvas needs literal colours, so a change of theme draws anew.
const drawn = new Map();
const LINES = ["--lg-chart-1", "--lg-chart-2", "--lg-chart-3", "--lg-chart-4"];

const colour = (host, name) => {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  host.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
};

function options(host, chart) {
  const muted = colour(host, "--lg-chart-text");
  const grid = { stroke: colour(host, "--lg-chart-grid"), width: 1 };
  const font = "12px 'Inter Variable', system-ui, sans-serif";
  const axis = { stroke: muted, grid, ticks: { show: false }, font };
  const unit = chart.unit || "";
  const show = (value) => (value == null ? "—" : value.toLocaleString("en") + unit);
  const zone = chart.zone || "UTC";
  const stamp = { timeZone: zone, dateStyle: "medium", timeStyle: "short" };
  return {
    width: host.clientWidth || 600,
    height: chart.height || 260,
    padding: [12, 20, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), zone),
    cursor: { points: { size: 7 }, y: false },
    legend: { live: true },
    scales: { y: { range: (_, low, high) => bounds(chart, low, high) } },
    axes: [
      { ...axis, grid: { show: false }, space: 72, size: spansDays(chart.x) ? 30 : 46, values: (_, ticks, _axis, _space, step) => dates(ticks, step, zone) },
      { ...axis, size: 58, values: (_, ticks) => ticks.map(show) },
    ],
    series: [
      { value: (_, seconds) => (seconds == null ? "—" : new Intl.DateTimeFormat("en-GB", stamp).format(seconds * 1e3)) },
      ...chart.series.map((line, index) => ({
        label: line.label,
        stroke: colour(host, LINES[index % LINES.length]),
        fill: index === 0 && chart.series.length === 1 ? colour(host, "--lg-chart-fill") : undefined,
        width: 2,
        paths: uPlot.paths.spline(),
        points: { show: chart.x.length < 3 },
        value: (_, value) => show(value),
      })),
    ],
    hooks: { draw: [(plot) => target(plot, chart.target, colour(host, "--lg-chart-target"))] },
  };
}

const spansDays = (x) => x.length > 1 && x[x.length - 1] - x[0] > 4 * 86400;

function dates(ticks, step, zone) {
  const day = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short" });
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  let last = "";
  return ticks.map((seconds) => {
    const date = day.format(seconds * 1e3);
    const label = step >= 86400 ? date : clock.format(seconds * 1e3) + (date === last ? "" : `\n${date}`);
    last = date;
    return label;
  });
}

function bounds(chart, low, high) {
  const values = [low, high, chart.target].filter((value) => value != null);
  if (!values.length) return [0, 1];
  const bottom = chart.min ?? Math.min(0, ...values);
  const top = chart.max ?? Math.max(...values);
  return [Math.min(bottom, ...values), top === bottom ? bottom + 1 : top + (chart.max == null ? (top - bottom) * 0.06 : 0)];
}

function target(plot, value, stroke) {
  if (value == null) return;
  const y = Math.round(plot.valToPos(value, "y", true));
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

function draw(host) {
  const chart = JSON.parse(host.dataset.chart);
  drawn.get(host)?.destroy();
  drawn.set(host, new uPlot(options(host, chart), [chart.x, ...chart.series.map((line) => line.values)], host));
}

function drawAll() {
  for (const host of drawn.keys()) if (!host.isConnected) { drawn.get(host).destroy(); drawn.delete(host); }
  for (const host of document.querySelectorAll("[data-chart]")) {
    if (drawn.has(host)) continue;
    draw(host);
    new ResizeObserver(() => drawn.get(host)?.setSize({ width: host.clientWidth, height: drawn.get(host).height })).observe(host);
  }
}

// The font must be there before the canvas measures with it.
document.fonts.ready.then(drawAll);
document.addEventListener("htmx:after:swap", drawAll);
document.addEventListener("lockgate:theme", () => [...drawn.keys()].forEach(draw));
