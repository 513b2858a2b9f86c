// What the browser remembers between visits.

const PREFIX = "wgan-";

/**
 * Store a value. Without it, a browser that forbids storage only forgets.
 * @param {string} name
 * @param {unknown} value
 * @param {Pick<Storage, "setItem">} [storage]
 */
export function remember(name, value, storage) {
  try {
    (storage ?? localStorage).setItem(PREFIX + name, JSON.stringify(value));
  } catch { /* storage is forbidden or full */ }
}

/**
 * The stored value; undefined if there is none, or if it cannot be read.
 * @param {string} name
 * @param {Pick<Storage, "getItem">} [storage]
 * @returns {unknown}
 */
export function recall(name, storage) {
  try {
    return JSON.parse((storage ?? localStorage).getItem(PREFIX + name) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}
