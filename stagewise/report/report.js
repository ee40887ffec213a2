"use strict";

// The table of test videos: rows are columns of values in a JSON block, of which a page at a time becomes HTML.
// Names of videos are anybody's text: they enter the page as textContent alone.

const ROWS_A_PAGE = 50;
const ANSWERS = ["flowing", "stalled"];

function answersTable(data) {
  const box = document.getElementById("answers");
  const [search, answer, previous, next, place] =
    ["search", "answer", "previous", "next", "place"].map((id) => document.getElementById(id));
  const body = box.querySelector("tbody");
  const last = data.columns.length - 1;
  const scale = 10 ** data.decimals;
  const collator = new Intl.Collator("en", { numeric: true });
  const state = { column: 0, ascending: true, page: 0, rows: [] };

  const heads = data.names.map((name, column) => {
    const head = document.createElement("th");
    const button = document.createElement("button");
    head.scope = "col";
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => {
      state.ascending = state.column === column ? !state.ascending : true;
      state.column = column;
      update();
    });
    head.append(button);
    return head;
  });
  box.querySelector("thead tr").append(...heads);

  function compare(one, other) {
    const values = data.columns[state.column];
    const [a, b] = [values[one], values[other]];
    if (a === null || b === null) return (a === null) - (b === null) || one - other; // not asked: at the end, always
    const order = state.column === 0 ? collator.compare(a, b) : a - b;
    return (state.ascending ? order : -order) || one - other;
  }

  function update() {
    const wanted = search.value.trim().toLowerCase();
    state.rows = data.columns[0]
      .map((name, row) => row)
      .filter((row) => data.columns[0][row].toLowerCase().includes(wanted))
      .filter((row) => answer.value === "" || String(data.columns[last][row]) === answer.value)
      .sort(compare);
    state.page = 0;
    heads.forEach((head, column) => {
      const sorted = state.ascending ? "ascending" : "descending";
      head.setAttribute("aria-sort", column === state.column ? sorted : "none");
    });
    show();
  }

  function show() {
    const start = state.page * ROWS_A_PAGE;
    const shown = state.rows.slice(start, start + ROWS_A_PAGE);
    body.replaceChildren(...shown.map(rowOf));
    const range = shown.length ? `${start + 1} to ${start + shown.length} of ` : "";
    place.textContent = `${range}${state.rows.length.toLocaleString("en")} videos`;
    previous.disabled = state.page === 0;
    next.disabled = start + ROWS_A_PAGE >= state.rows.length;
  }

  function rowOf(row) {
    const line = document.createElement("tr");
    data.columns.forEach((values, column) => {
      const cell = document.createElement(column === 0 ? "th" : "td");
      const value = values[row];
      if (column === 0) {
        cell.scope = "row";
        cell.textContent = value;
      } else if (column === last) {
        cell.textContent = ANSWERS[value] ?? "not answered"; // null
        cell.className = ANSWERS[value] ?? "";
      } else {
        cell.textContent = value === null ? "–" : (value / scale).toFixed(data.decimals);
        if (column === last - 1 && value !== null) {
          cell.className = "bar";
          cell.style.setProperty("--share", value / scale);
        }
      }
      line.append(cell);
    });
    return line;
  }

  function turn(pages) {
    state.page += pages;
    show();
  }

  search.addEventListener("input", update);
  answer.addEventListener("change", update);
  previous.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  update();
  box.hidden = false;
}

function clipsButton(button) {
  const clips = [...document.querySelectorAll("video")];
  let playing = true;
  function set(play) {
    playing = play;
    clips.forEach((clip) => (play ? clip.play().catch(() => {}) : clip.pause()));
    button.textContent = play ? "Pause the clips" : "Play the clips";
  }
  button.addEventListener("click", () => set(!playing));
  button.hidden = clips.length === 0;
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) set(false);
}

const block = document.getElementById("answers-data");
if (block) answersTable(JSON.parse(block.textContent));
const button = document.getElementById("play");
if (button) clipsButton(button);
