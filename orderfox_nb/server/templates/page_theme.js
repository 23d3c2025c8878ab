// Dark or light before the first paint: what was chosen on a page of this server (theme.js), otherwise as the system.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("orderfox.theme.v1");
  } catch {
    // a private window may refuse
  }
  const light = matchMedia("(prefers-color-scheme: light)");
  const follow = () => {
    const wanted = chosen === "dark" || chosen === "light" ? chosen : light.matches ? "light" : "dark";
    document.documentElement.dataset.ofTheme = wanted;
  };
  light.addEventListener("change", follow);
  follow();
})();
