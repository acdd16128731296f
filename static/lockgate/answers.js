// What happens with answers that are not swapped in: errors become a toast, the sign-in page becomes the page.
const box = document.getElementById("toasts");
const texts = document.body.dataset;

function complain(text) {
  if (!box || [...box.querySelectorAll(".notice-text")].some((shown) => shown.textContent === text)) return;
  const toast = document.createElement("div");
  toast.className = "notice notice-error";
  toast.dataset.toast = "";
  toast.setAttribute("role", "alert");
  const line = document.createElement("div");
  line.className = "notice-text";
  line.textContent = text;
  const close = document.createElement("button");
  close.className = "btn-plain";
  close.type = "button";
  close.dataset.dismiss = "";
  close.textContent = "×";
  close.setAttribute("aria-label", texts.dismissLabel || "Dismiss");
  toast.append(line, close);
  box.append(toast);
}

document.addEventListener("htmx:response:error", (event) => {
  const status = event.detail.ctx?.response?.status;
  if (status === 403 || status === 404 || status >= 500) complain(texts.errorText);
});

document.addEventListener("htmx:error", (event) => {
  if (!event.detail.ctx?.response) complain(texts.offlineText);
});

document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  const answer = ctx?.response;
  if (!(answer?.status < 400) || !ctx.text?.slice(0, 2000).includes("data-plain-page")) return;
  event.preventDefault();
  if (answer.raw?.redirected) location.assign(answer.raw.url);
  else location.reload();
});
