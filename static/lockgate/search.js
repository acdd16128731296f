// The search box of the frame: suggestions while one types, arrows and Enter to go there, recent pages before that.
const WAIT_MS = 120;
const RECENT = 6;
const box = document.getElementById("search");
const list = document.getElementById("found");
const say = document.getElementById("found-count");
const memory = `lockgate_recent_${document.body.dataset.person ?? ""}`;
let asked = 0;
let answered = 0;
let steps = 0;
let timer;

function recent() {
  try {
    return JSON.parse(sessionStorage.getItem(memory)) ?? [];
  } catch {
    return [];
  }
}

// Kept in this tab alone, for this person alone: another one at the same desk shall not read what was open.
function remember() {
  const here = { url: location.pathname, title: document.querySelector("h1")?.textContent.trim() };
  if (!here.title || here.url === "/" || document.body.dataset.person === undefined) return;
  const others = recent().filter((page) => page.url !== here.url);
  try {
    sessionStorage.setItem(memory, JSON.stringify([here, ...others].slice(0, RECENT + 1)));
  } catch {
    // A full or forbidden store only costs the recent pages.
  }
}

const options = () => [...list.querySelectorAll("[role=option]")];
const active = () => list.querySelector("[aria-selected=true]");

function choose(option) {
  active()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) box.setAttribute("aria-activedescendant", option.id);
  else box.removeAttribute("aria-activedescendant");
}

function open(shown) {
  list.hidden = !shown;
  box.setAttribute("aria-expanded", String(shown));
  if (!shown) choose(null);
}

function line(page, index) {
  const option = document.createElement("li");
  option.className = "found";
  option.id = `found-recent-${index}`;
  option.dataset.url = page.url;
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  const title = document.createElement("span");
  title.className = "found-title";
  title.textContent = page.title;
  option.append(title);
  return option;
}

function recentLines() {
  const pages = recent().filter((page) => page.url !== location.pathname).slice(0, RECENT);
  if (!pages.length) return [];
  const head = document.createElement("li");
  head.className = "found-kind";
  head.setAttribute("role", "presentation");
  head.textContent = list.dataset.recent;
  return [head, ...pages.map(line)];
}

async function suggest() {
  const turn = ++asked;
  const text = box.value.trim();
  let answer;
  try {
    answer = await fetch(`${list.dataset.source}?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" } });
  } catch {
    answered = turn;
    return open(false); // The page itself says when Lockgate does not answer; Enter still searches.
  }
  const found = answer.ok && !answer.redirected ? await answer.text() : "";
  if (turn !== asked || document.activeElement !== box) return;
  answered = turn;
  list.replaceChildren(...(text ? [] : recentLines()));
  list.insertAdjacentHTML("beforeend", found); // Our own page's fragment, escaped by the server.
  choose(null);
  open(list.children.length > 0);
  say.textContent = list.dataset.count.replace("{n}", String(options().length));
  for (; steps > 0; steps -= 1) move(1); // Whoever types and presses an arrow at once means the new list.
}

function move(step) {
  const all = options();
  if (!all.length) return;
  const at = all.indexOf(active());
  choose(all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length]);
}

function onKey(event) {
  if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    open(false);
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (asked !== answered) steps += event.key === "ArrowDown" ? 1 : 0;
    else if (list.hidden) suggest();
    else move(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && !list.hidden && active()) {
    event.preventDefault();
    location.assign(active().dataset.url);
  }
}

if (box && list) {
  box.addEventListener("focus", suggest);
  box.addEventListener("input", () => {
    clearTimeout(timer);
    asked += 1;
    steps = 0;
    choose(null);
    timer = setTimeout(suggest, WAIT_MS);
  });
  box.addEventListener("keydown", onKey);
  box.addEventListener("blur", () => open(false));
  // Before the box loses the focus, and with it the list.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) location.assign(option.dataset.url);
  });
  remember();
}
