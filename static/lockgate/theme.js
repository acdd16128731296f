// Applies the theme before the first paint and keeps the choice in a cookie, so that the server renders it next time.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function apply(choice) {
    const theme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
    root.dataset.themeChoice = choice;
    if (root.dataset.bsTheme === theme) return;
    root.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("lockgate:theme", { detail: theme }));
  }

  function choose(choice) {
    const age = choice === "auto" ? 0 : 31536000;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `lockgate_theme=${choice}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
    apply(choice);
  }

  apply(root.dataset.themeChoice || "auto");
  dark.addEventListener("change", () => root.dataset.themeChoice === "auto" && apply("auto"));
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) choose(root.dataset.bsTheme === "dark" ? "light" : "dark");
    if (event.target.closest("[data-theme-auto]")) choose("auto");
  });
})();
