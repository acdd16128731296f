// "/" and Ctrl-K bring the reader to the search box of the frame; where there is none, to that of the list.
const search = () => document.getElementById("search") ?? document.querySelector(".filter-search input");
const typing = (element) => element.closest("input, textarea, select, [contenteditable], dialog[open]");

document.addEventListener("keydown", (event) => {
  const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target);
  const ctrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
  if (!(slash || ctrlK) || !search()) return;
  event.preventDefault();
  search().focus();
  search().select();
});
