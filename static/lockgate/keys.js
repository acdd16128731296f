// Keys everywhere: "/" and Ctrl-K search, "?" shows the keys, "g" and a letter go to a page.
const search = () => document.getElementById("search") ?? document.querySelector(".filter-search input");
const typing = (element) => element.closest("input, textarea, select, [contenteditable], dialog[open]");
const GO_MS = 1200;
let went = 0;

function toSearch() {
  const box = search();
  box?.focus();
  box?.select();
  return Boolean(box);
}

function toPage(letter) {
  const link = document.querySelector(`[data-go="${CSS.escape(letter)}"]`);
  if (link) location.assign(link.href);
  return Boolean(link);
}

function handled(event) {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) return toSearch();
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return false;
  const going = Date.now() - went < GO_MS;
  went = 0;
  if (going) return toPage(event.key);
  if (event.key === "/") return toSearch();
  if (event.key === "?") {
    document.getElementById("keys")?.showModal();
    return true;
  }
  if (event.key === "g") went = Date.now();
  return false;
}

document.addEventListener("keydown", (event) => {
  if (handled(event)) event.preventDefault();
});
