// The browser's history: each action of the visitor adds at most one entry.
//
// Streamlit adds an entry for every change of the address. Without this module, a page that
// completes its address while it is drawn has two or three entries, and as many presses of Back lead
// to the page before. `page_html.py` loads it before Streamlit's scripts.

/**
 * Let `history.pushState` add an entry only for the first change of the address after an action of
 * the visitor. Later changes replace that entry.
 * @param {Pick<History, "pushState" | "replaceState">} history
 * @param {Pick<EventTarget, "addEventListener">} events receives the events of the whole page
 */
export function onePerAction(history, events) {
  let acted = false;
  const push = history.pushState.bind(history);
  /** @type {History["pushState"]} */
  history.pushState = (state, unused, url) => {
    if (acted) push(state, unused, url);
    else history.replaceState(state, unused, url);
    acted = false;
  };
  for (const name of ["pointerdown", "keydown", "click"]) {
    events.addEventListener(name, () => void (acted = true), { capture: true });
  }
  // After Back or Forward, an entry that exists is shown.
  events.addEventListener("popstate", () => void (acted = false), { capture: true });
}

onePerAction(history, window);
