// "/" and Ctrl-K bring the reader to the search box.
const search = () => document.getElementById("search");
const typing = (element) => element.closest("input, textarea, select, [contenteditable], dialog[open]");

document.addEventListener("keydown", (event) => {
  const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target);
  const ctrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
  if (!(slash || ctrlK) || !search()) return;
  event.preventDefault();
  search().focus();
  search().select();
});
