// The step of a run that the visitor looks at, which its timeline and its charts share.

/** @typedef {"shown" | "pointed"} Kind shown: by the timeline; pointed: at on a chart */

/** @type {Record<Kind, Map<string, number>>} */
const steps = { shown: new Map(), pointed: new Map() };
const changes = new EventTarget();

/**
 * Announce the step of a run that the visitor looks at to all views of the run.
 * @param {Kind} kind
 * @param {string} run
 * @param {number | undefined} step undefined: none, or the newest
 */
export function tellMoment(kind, run, step) {
  if (steps[kind].get(run) === step) return;
  if (step === undefined) steps[kind].delete(run);
  else steps[kind].set(run, step);
  changes.dispatchEvent(new CustomEvent(kind, { detail: { run, step } }));
}

/**
 * Return the step of a run that the visitor looks at; undefined if there is none.
 * @param {Kind} kind
 * @param {string} run
 */
export const momentOf = (kind, run) => steps[kind].get(run);

/**
 * Call `act` whenever a step of any run is announced.
 * @param {Kind} kind
 * @param {(run: string, step: number | undefined) => void} act
 * @returns {() => void} ends it
 */
export function onMoment(kind, act) {
  /** @param {Event} event */
  const listener = (event) => {
    const { run, step } = /** @type {CustomEvent} */ (event).detail;
    act(run, step);
  };
  changes.addEventListener(kind, listener);
  return () => changes.removeEventListener(kind, listener);
}
