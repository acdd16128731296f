// Toasts can be dismissed; good news goes away by itself, bad news stays.
const SHOWN_MS = 6000;

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast]")?.remove();
});

function expire(toast) {
  if (toast.dataset.timed || !toast.matches(".notice-success, .notice-info")) return;
  toast.dataset.timed = "yes";
  let timer;
  const start = () => { timer = setTimeout(() => toast.remove(), SHOWN_MS); };
  const stop = () => clearTimeout(timer);
  toast.addEventListener("mouseenter", stop);
  toast.addEventListener("mouseleave", start);
  toast.addEventListener("focusin", stop);
  toast.addEventListener("focusout", start);
  start();
}

const box = document.getElementById("toasts");
if (box) {
  const look = () => box.querySelectorAll("[data-toast]").forEach(expire);
  new MutationObserver(look).observe(box, { childList: true, subtree: true });
  look();
}
