"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // The theme: the system's, until somebody chooses. Where files may keep nothing, the choice lasts as long as the page.
  const theme = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const showTheme = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Use the ${isDark() ? "light" : "dark"} page`);
  };
  try {
    const kept = localStorage.getItem("gilcheck-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch { /* nothing is kept for this page */ }
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("gilcheck-theme", root.dataset.theme); } catch { /* as above */ }
    showTheme();
  });
  dark.addEventListener("change", showTheme);
  theme.hidden = false;
  showTheme();

  const table = byId("table");
  if (!table) return;
  const checks = all("tbody.check", table);

  // Sorting. What has no value comes last, in both directions.
  const valueOf = (check, column) => check.rows[0].cells[column].dataset.v;
  const sortBy = (heading) => {
    const column = heading.cellIndex;
    const isUp = heading.getAttribute("aria-sort") !== "ascending";
    const isNumber = heading.classList.contains("number");
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    const order = new Intl.Collator(undefined, { numeric: true });
    const keyed = checks.map((check, index) => ({ check, index, value: valueOf(check, column) }));
    keyed.sort((a, b) => {
      if (!a.value !== !b.value) return a.value ? -1 : 1;
      const by = isNumber ? Number(a.value) - Number(b.value) : order.compare(a.value, b.value);
      return (isUp ? by : -by) || a.index - b.index;
    });
    const fragment = document.createDocumentFragment();
    for (const { check } of keyed) fragment.append(check);
    table.append(fragment);
  };
  for (const button of all(".sort", table)) button.addEventListener("click", () => sortBy(button.closest("th")));

  // Finding and filtering.
  const find = byId("find");
  const filters = all(".filter");
  const texts = new Map(checks.map((check) => [check, check.rows[0].cells[0].textContent.toLowerCase()]));
  const show = () => {
    const wanted = find.value.trim().toLowerCase();
    const words = new Set(filters.filter((filter) => filter.checked).map((filter) => filter.value));
    let n = 0;
    for (const check of checks) {
      check.hidden = !(words.has(check.dataset.word) && texts.get(check).includes(wanted));
      n += !check.hidden;
    }
    byId("shown").textContent = n === checks.length ? "" : `${n} of ${checks.length} shown`;
  };
  find.addEventListener("input", show);
  for (const filter of filters) filter.addEventListener("change", show);
  for (const tools of all(".tools")) tools.hidden = false;

  // Details.
  const toggle = (button, isOpen) => {
    const detail = byId(button.getAttribute("aria-controls"));
    button.setAttribute("aria-expanded", String(isOpen));
    button.closest("tbody").classList.toggle("is-open", isOpen);
    detail.hidden = !isOpen;
    if (isOpen) for (const place of all(".timeline:empty", detail)) new Timeline(place);
  };
  for (const button of all(".open", table)) {
    button.addEventListener("click", () => toggle(button, button.getAttribute("aria-expanded") !== "true"));
  }
  const openLinked = () => {
    const check = /^#check-\d+$/.test(location.hash) && byId(location.hash.slice(1));
    if (check) { toggle(check.querySelector(".open"), true); check.scrollIntoView(); }
  };

  // Timelines.
  let data;
  const recorded = (number) => (data ??= JSON.parse(byId("timelines").textContent))[number];
  const WORDS = { H: "held", r: "released", w: "waiting", m: "mixed" };
  const SAID = { H: "held the GIL", r: "released", w: "waiting for the GIL", m: "several short ones" };
  // Height tells the states apart as well as colour does: top and height as parts of a lane.
  const SHAPE = { H: [0, 1], r: [0.75, 0.25], w: [0.4, 0.6], m: [0.15, 0.85] };
  const LANE = 26, GAP = 8, LEFT = 92, RIGHT = 8, AXIS = 20;
  const duration = (ns) => {
    for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
      if (ns >= size * 0.9995) return `${Number((ns / size).toPrecision(3))} ${unit}`;
    }
    return `${Number(ns.toPrecision(3))} ns`;
  };
  // A position needs as many digits as tell it from its neighbours at this zoom.
  const position = (ns, step) => {
    for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
      if (ns >= size) return `${(ns / size).toFixed(Math.min(9, Math.max(0, Math.ceil(Math.log10(size / step)))))} ${unit}`;
    }
    return `${Math.round(ns)} ns`;
  };
  const svg = (name, attributes = {}, text = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };
  const parsed = (text) => {
    // "H1200r30?7m500:12:3": a letter and nanoseconds; of mixed ones also how many of them are held, and waited.
    let at = 0;
    const intervals = [];
    for (const [, letter, length, held, waited] of text.matchAll(/([Hrwm?])(\d+)(?::(\d+):(\d+))?/g)) {
      const start = at;
      at += Number(length);
      if (letter !== "?") intervals.push({ letter, start, end: at, held: Number(held), waited: Number(waited) });
    }
    return intervals;
  };

  class Timeline {
    constructor(place) {
      const { span, threads } = recorded(place.dataset.check);
      this.span = this.to = span;
      this.from = 0;
      this.threads = threads.map(([name, text]) => ({ name, intervals: parsed(text) }));
      this.every = this.threads.flatMap((thread) => thread.intervals.map((one) => ({ ...one, thread })));
      this.chosen = -1;
      const zoom = document.createElement("div");
      zoom.className = "zoom";
      const button = (text, label, act) => {
        const made = document.createElement("button");
        made.type = "button";
        made.textContent = text;
        made.setAttribute("aria-label", label);
        made.addEventListener("click", act);
        zoom.append(made);
        return made;
      };
      button("+", "Zoom in", () => this.zoom(0.5));
      this.out = button("−", "Zoom out", () => this.zoom(2));
      this.whole = button("Whole call", "Show the whole call", () => this.look(0, this.span));
      this.said = document.createElement("output");
      zoom.append(this.said);
      this.lanes = document.createElement("div");
      this.lanes.className = "lanes";
      this.lanes.tabIndex = 0;
      this.lanes.setAttribute("role", "group");
      this.lanes.setAttribute("aria-roledescription", "timeline");
      this.lanes.setAttribute("aria-label",
        `Timeline of ${place.dataset.name}. Left and right step through the intervals, plus and minus zoom, 0 shows the whole call, shift with left and right moves.`);
      place.append(zoom, this.lanes);
      this.lanes.addEventListener("keydown", (event) => this.key(event));
      this.lanes.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.lanes.addEventListener("pointerdown", (event) => this.drag(event));
      this.lanes.addEventListener("pointermove", (event) => this.point(event));
      this.lanes.addEventListener("dblclick", (event) => this.zoom(0.25, this.timeAt(event)));
      new ResizeObserver(() => this.draw()).observe(this.lanes);
      this.tell(`Whole call: ${duration(span)}. Ctrl and the wheel zoom; drag to move.`);
    }

    get width() { return Math.max(60, this.lanes.clientWidth - LEFT - RIGHT); }
    timeAt(event) {
      const x = event.clientX - this.lanes.getBoundingClientRect().left - LEFT;
      return this.from + (Math.min(Math.max(x, 0), this.width) / this.width) * (this.to - this.from);
    }
    look(from, to) {
      const least = Math.min(this.span, 20);
      const length = Math.min(this.span, Math.max(least, to - from));
      this.from = Math.min(Math.max(0, from), this.span - length);
      this.to = this.from + length;
      this.draw();
    }
    zoom(factor, around = (this.from + this.to) / 2) {
      this.look(around - (around - this.from) * factor, around + (this.to - around) * factor);
      this.tell(`${position(this.from, this.to - this.from)} to ${position(this.to, this.to - this.from)}`);
    }
    tell(text) { this.said.textContent = text; }
    describe(one) {
      const parts = one.letter === "m"
        ? ` (held ${duration(one.held)}, waiting ${duration(one.waited)} of it)` : "";
      return `${one.thread.name}: ${SAID[one.letter]} for ${duration(one.end - one.start)}${parts}, from ${position(one.start, one.end - one.start)}`;
    }
    choose(index) {
      this.chosen = Math.min(Math.max(index, 0), this.every.length - 1);
      const one = this.every[this.chosen];
      if (!one) return;
      const length = this.to - this.from;
      if (one.end <= this.from || one.start >= this.to) this.look((one.start + one.end - length) / 2, (one.start + one.end + length) / 2);
      else this.draw();
      this.tell(this.describe(one));
    }
    key(event) {
      const step = (this.to - this.from) / 4;
      const acts = {
        "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), "0": () => this.look(0, this.span),
        ArrowRight: () => (event.shiftKey ? this.look(this.from + step, this.to + step) : this.choose(this.chosen + 1)),
        ArrowLeft: () => (event.shiftKey ? this.look(this.from - step, this.to - step) : this.choose(this.chosen - 1)),
        Home: () => this.choose(0), End: () => this.choose(this.every.length - 1),
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
      event.preventDefault();
      acts[event.key]();
    }
    wheel(event) {
      if (!event.ctrlKey) return;  // else the page could not be scrolled across
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(event));
    }
    drag(event) {
      if (event.button) return;
      const { clientX } = event, { from, to } = this;
      this.lanes.setPointerCapture(event.pointerId);
      const move = (moved) => {
        const by = ((clientX - moved.clientX) / this.width) * (to - from);
        this.look(from + by, to + by);
      };
      this.lanes.addEventListener("pointermove", move);
      this.lanes.addEventListener("lostpointercapture", () => this.lanes.removeEventListener("pointermove", move), { once: true });
    }
    point(event) {
      if (event.buttons) return;
      const number = event.target.dataset?.n;
      if (number !== undefined) this.tell(this.describe(this.every[number]));
    }
    draw() {
      const height = this.threads.length * (LANE + GAP) + GAP + AXIS;
      const drawing = svg("svg", { height, "aria-hidden": "true" });
      const scale = this.width / (this.to - this.from);
      const x = (ns) => LEFT + (ns - this.from) * scale;
      const bottom = height - AXIS;
      for (let n = 0; n <= 4; n += 1) {
        const at = this.from + ((this.to - this.from) * n) / 4;
        drawing.append(svg("line", { class: "tick", x1: x(at), x2: x(at), y1: 0, y2: bottom }));
        const anchor = n === 4 ? "end" : n ? "middle" : "start";
        drawing.append(svg("text", { x: x(at), y: height - 6, "text-anchor": anchor }, position(at, (this.to - this.from) / 100)));
      }
      let number = -1;
      for (const [row, thread] of this.threads.entries()) {
        const top = GAP + row * (LANE + GAP);
        drawing.append(svg("text", { x: 6, y: top + LANE / 2 + 4 }, thread.name));
        drawing.append(svg("rect", { class: "lane", x: LEFT, y: top, width: this.width, height: LANE }));
        for (const one of thread.intervals) {
          number += 1;
          if (one.end <= this.from || one.start >= this.to) continue;
          const left = Math.max(LEFT, x(one.start)), right = Math.min(LEFT + this.width, x(one.end));
          const [y, part] = SHAPE[one.letter];
          drawing.append(svg("rect", {
            class: `${WORDS[one.letter]}${number === this.chosen ? " chosen" : ""}`, "data-n": number,
            x: left, y: top + y * LANE, width: Math.max(0.75, right - left), height: part * LANE,
          }));
        }
      }
      this.lanes.replaceChildren(drawing);
      this.out.disabled = this.whole.disabled = this.to - this.from >= this.span;
    }
  }
  openLinked();
  addEventListener("hashchange", openLinked);
})();
