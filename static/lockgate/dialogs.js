// Opens and closes <dialog> elements: data-dialog="<id>" opens, data-close or a click beside it closes.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  const dialog = event.target.closest("dialog");
  if (dialog && event.target.closest("[data-close]")) dialog.close();
  if (event.target === dialog && !insideOf(dialog, event)) dialog.close();
});

function insideOf(dialog, { clientX, clientY }) {
  const box = dialog.getBoundingClientRect();
  // A click made by the keyboard has no place.
  if (clientX === 0 && clientY === 0) return true;
  return clientX >= box.left && clientX <= box.right && clientY >= box.top && clientY <= box.bottom;
}

// After a refused form the reader starts at the summary of what is wrong.
const focusSummary = (root) => root.querySelector?.("[data-focus]")?.focus();
focusSummary(document);
document.addEventListener("htmx:after:swap", (event) => focusSummary(event.target));
