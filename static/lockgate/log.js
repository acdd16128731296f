// A log follows its tail until the reader scrolls up, and hides the lines that do not hold the searched text.
const NEAR_END_PX = 24;

function begin(card) {
  if (card.dataset.logReady) return;
  card.dataset.logReady = "yes";
  const view = card.querySelector(".log");
  const follow = card.querySelector("[data-log-follow]");
  const search = card.querySelector("[data-log-search]");
  const toEnd = () => { if (follow.checked) view.scrollTop = view.scrollHeight; };
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    for (const line of view.querySelectorAll(".log-line")) {
      line.hidden = wanted !== "" && !line.textContent.toLowerCase().includes(wanted);
    }
  };
  view.addEventListener("scroll", () => {
    follow.checked = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR_END_PX;
  });
  follow.addEventListener("change", toEnd);
  search.addEventListener("input", () => { filter(); toEnd(); });
  new MutationObserver(() => { if (search.value) filter(); toEnd(); }).observe(view, { childList: true, subtree: true });
  toEnd();
}

const beginAll = () => document.querySelectorAll("[data-log]").forEach(begin);
beginAll();
document.addEventListener("htmx:after:swap", beginAll);
