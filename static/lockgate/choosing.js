// Rows to choose from: all shown at once, a range with shift, arrows between them, and "/" to the filter of this page.
const form = document.querySelector("form[data-choosing]");
const boxes = form ? [...form.querySelectorAll("input[data-choose]")] : [];
const all = form?.querySelector("input[data-choose-all]");
const told = form?.querySelector("[data-chosen]");
let last = null;

function tell() {
  const count = boxes.filter((box) => box.checked).length;
  if (told) told.textContent = count ? `${count} ${told.dataset.word}` : "";
  if (all) {
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }
}

function choose(box, range) {
  const here = boxes.indexOf(box);
  const from = range && last !== null ? boxes.indexOf(last) : here;
  for (const one of boxes.slice(Math.min(from, here), Math.max(from, here) + 1)) one.checked = box.checked;
  last = box;
  tell();
}

form?.addEventListener("click", (event) => {
  if (event.target.matches("input[data-choose]")) choose(event.target, event.shiftKey);
});
all?.addEventListener("change", () => {
  for (const box of boxes) box.checked = all.checked;
  tell();
});

form?.addEventListener("keydown", (event) => {
  if (!event.target.matches("input[data-choose]")) return;
  const here = boxes.indexOf(event.target);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && boxes[here + step]) {
    event.preventDefault();
    boxes[here + step].focus();
  }
  if (event.key === " " && event.shiftKey) {
    event.preventDefault();
    event.target.checked = !event.target.checked;
    choose(event.target, true);
  }
});

// Here "/" means the filter, before it means the search of every page.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog[open]")) return;
  const filter = document.querySelector(".filter-search input");
  if (!form || !filter) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  filter.focus();
  filter.select();
}, true);

tell();
