// Dark or light before the first paint: what was chosen on a page of this server (theme.js), also in another tab,
// otherwise as the system.
(() => {
  const STORE = "orderfox.theme.v1";
  let chosen = null;
  try {
    chosen = localStorage.getItem(STORE);
  } catch {
    // a private window may refuse
  }
  const light = matchMedia("(prefers-color-scheme: light)");
  const follow = () => {
    const wanted = chosen === "dark" || chosen === "light" ? chosen : light.matches ? "light" : "dark";
    document.documentElement.dataset.ofTheme = wanted;
  };
  light.addEventListener("change", follow);
  addEventListener("storage", ({ key, newValue }) => {
    if (key !== STORE && key !== null) return; // without a key everything was removed
    chosen = newValue;
    follow();
  });
  follow();
})();
