"use strict";
// Lists: tables whose headings sort and whose rows open. The one with the identifier "list" has a filter, and its state
// (filter, order, open rows) stands behind the # of the address.
(() => {
  const COMPARISON = /^([A-Za-z_]\w*)(<=|>=|!=|=|<|>)(.*)$/;
  const CODE = /^[LCQ?][-CBMI?][-01nN?]([-LDCS?]([-C?][-M?]?)?)?$/;
  const CELLS = 44, INKS = ["--empty", "--row", "--hessian", "--product"];

  // ---- values -------------------------------------------------------------------------------------------------------

  function list(table) {
    const heads = [...table.tHead.rows[0].cells];
    const keys = heads.map((head) => head.dataset.key || "");
    const rows = [...table.tBodies].map((body) => {
      const cells = body.rows[0].cells, values = {};
      keys.forEach((key, k) => { if (key) values[key] = cells[k].dataset.v ?? cells[k].textContent; });
      Object.assign(values, JSON.parse(body.dataset.more ?? "{}"));
      const text = [body.dataset.name, body.dataset.words, ...Object.values(values)].join(" ").toLowerCase();
      return { body, values, text, name: body.dataset.name };
    });
    return { table, heads, keys, rows, by: "", down: false };
  }

  const number = (value) => (value === "" || value === null ? NaN : Number(value));

  function compared(a, b) {
    const x = number(a), y = number(b);
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function sort(one, by, down) {
    one.by = by;
    one.down = down;
    one.heads.forEach((head, k) => {
      if (by && one.keys[k] === by) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const missing = (row) => (row.values[by] ?? "") === "";
    const order = [...one.rows];
    if (by) {
      order.sort((a, b) => missing(a) - missing(b) ||
        (down ? -1 : 1) * compared(a.values[by], b.values[by]));
    }
    one.table.append(...order.map((row) => row.body));
  }

  // ---- filter -------------------------------------------------------------------------------------------------------

  const fits = (pattern, code) =>
    code.length >= pattern.length && [...pattern].every((letter, k) => letter === "?" || letter === code[k]);

  function equals(key, wanted, value) {
    if (key === "class") return fits(wanted, String(value));
    if (String(value) === wanted) return true;
    const x = number(wanted), y = number(value);
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x === y;
    const words = String(value).toLowerCase().split(/\s+/);
    return words.includes(wanted.toLowerCase()) || String(value).toLowerCase() === wanted.toLowerCase();
  }

  // Returns what a word asks of a row, or a sentence where it asks nothing that there is.
  function asked(word, names) {
    const parts = COMPARISON.exec(word);
    if (!parts) {
      const lower = word.toLowerCase();
      return (row) => row.text.includes(lower) || (CODE.test(word) && fits(word, String(row.values.class ?? "")));
    }
    const [, given, sign, wanted] = parts;
    const key = names.find((name) => name === given) || names.find((name) => name.toLowerCase() === given.toLowerCase());
    if (!key) return `there is no column ${given}; there are ${names.join(", ")}`;
    if (wanted === "") return () => true;
    if (sign === "=" || sign === "!=") {
      const any = wanted.split(",").filter(Boolean);
      return (row) => any.some((one) => equals(key, one, row.values[key] ?? "")) === (sign === "=");
    }
    const limit = Number(wanted);
    if (Number.isNaN(limit)) return `${given}${sign} wants a number, not ${wanted}`;
    return (row) => {
      const value = number(row.values[key] ?? "");
      return sign === "<" ? value < limit : sign === ">" ? value > limit : sign === "<=" ? value <= limit : value >= limit;
    };
  }

  function filter(one, text) {
    const names = [...new Set(one.rows.flatMap((row) => Object.keys(row.values)))];
    const tests = [], complaints = [];
    for (const word of text.split(/\s+/).filter(Boolean)) {
      const not = word.length > 1 && word[0] === "-";
      const test = asked(not ? word.slice(1) : word, names);
      if (typeof test === "string") complaints.push(test);
      else tests.push(not ? (row) => !test(row) : test);
    }
    let shown = 0;
    for (const row of one.rows) {
      row.body.hidden = complaints.length > 0 || !tests.every((test) => test(row));
      shown += !row.body.hidden;
    }
    document.getElementById("count").textContent = `${shown} of ${one.rows.length}`;
    document.getElementById("complaint").textContent = complaints.join("; ");
  }

  // ---- rows and pictures --------------------------------------------------------------------------------------------

  function open(row, is) {
    const inner = row.body.rows[1], button = row.body.querySelector("button.opens");
    if (!inner || !button) return;
    inner.hidden = !is;
    button.setAttribute("aria-expanded", String(is));
    if (is) inner.querySelectorAll("canvas[data-picture]").forEach(draw);
  }

  const isOpen = (row) => row.body.rows.length > 1 && !row.body.rows[1].hidden;

  function draw(canvas) {
    const [cells, left, top] = canvas.dataset.picture.split("|"), bytes = atob(cells);
    const style = getComputedStyle(canvas), inks = INKS.map((name) => style.getPropertyValue(name).trim());
    const pen = canvas.getContext("2d"), side = canvas.width / CELLS;
    pen.fillStyle = inks[0];
    pen.fillRect(0, 0, canvas.width, canvas.height);
    for (let k = 0; k < CELLS * CELLS; k++) {
      const kind = (bytes.charCodeAt(k >> 2) >> (2 * (k & 3))) & 3;
      if (!kind) continue;
      pen.fillStyle = inks[kind];
      pen.fillRect((k % CELLS) * side, Math.floor(k / CELLS) * side, side, side);
    }
    pen.fillStyle = style.getPropertyValue("--border").trim();
    const wide = Math.max(1, side / 2);
    if (+left > 0 && +left < CELLS) pen.fillRect(+left * side - wide / 2, 0, wide, canvas.height);
    if (+top > 0 && +top < CELLS) pen.fillRect(0, +top * side - wide / 2, canvas.width, wide);
  }

  // ---- the page -----------------------------------------------------------------------------------------------------

  const lists = [...document.querySelectorAll("table.list")].map(list);
  const main = lists.find((one) => one.table.id === "list");
  const box = document.getElementById("filter");

  function keep() {
    if (!main) return;
    const state = new URLSearchParams();
    if (box && box.value.trim()) state.set("q", box.value.trim());
    if (main.by) state.set("sort", (main.down ? "-" : "") + main.by);
    main.rows.filter(isOpen).forEach((row) => state.append("open", row.name));
    const text = state.toString();
    if (text !== location.hash.slice(1)) history.replaceState(null, "", `#${text}`);
  }

  function restore() {
    const anchor = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (anchor && anchor.id !== "list") {
      if (anchor.tagName === "DETAILS") anchor.open = true;
      anchor.scrollIntoView();
      return;
    }
    if (!main) return;
    const state = new URLSearchParams(location.hash.slice(1));
    if (box) {
      box.value = state.get("q") ?? "";
      filter(main, box.value);
    }
    const order = state.get("sort") ?? "", by = order.replace(/^-/, "");
    sort(main, main.keys.includes(by) ? by : "", order.startsWith("-"));
    const wanted = new Set(state.getAll("open"));
    main.rows.forEach((row) => open(row, wanted.has(row.name)));
    const first = main.rows.find((row) => wanted.has(row.name));
    if (first) first.body.scrollIntoView({ block: "nearest" });
  }

  for (const one of lists) {
    one.heads.forEach((head, k) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        sort(one, one.keys[k], one.by === one.keys[k] && !one.down);
        if (one === main) keep();
      });
    });
    for (const row of one.rows) {
      row.body.rows[0].addEventListener("click", (event) => {
        const own = event.target.closest("a, button");
        if ((own && !own.classList.contains("opens")) || String(getSelection())) return;
        open(row, !isOpen(row));
        if (one === main) keep();
      });
    }
  }
  if (main && box) {
    box.addEventListener("input", () => { filter(main, box.value); keep(); });
    document.getElementById("clear").addEventListener("click", () => {
      box.value = "";
      filter(main, "");
      keep();
      box.focus();
    });
  }
  const drawn = () => document.querySelectorAll("canvas[data-picture]").forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawn);
  addEventListener("hashchange", restore);
  restore();
  drawn();
})();
