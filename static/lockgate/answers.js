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

// A refusal says itself what was refused and why; only a fault needs our general sentence.
function sentenceOf(html) {
  const answer = new DOMParser().parseFromString(html || "", "text/html");
  const lines = answer.querySelectorAll(".refusal-body > p:not(.refusal-title)");
  return [...lines].map((line) => line.textContent.trim()).join(" ") || texts.errorText;
}

document.addEventListener("htmx:response:error", (event) => {
  const { response, text } = event.detail.ctx ?? {};
  const status = response?.status;
  if (status === 403 || status === 404 || status >= 500) complain(sentenceOf(text));
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
