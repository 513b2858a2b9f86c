import assert from "node:assert/strict";
import test from "node:test";

import {
  bytesOf, clamp, define, Edits, emphasisParts, formatCount, formatSigned, placeBeside,
} from "./dom.js";

/** Edits, and the messages that they have sent. */
function editsAndMessages() {
  /** @type {any[]} */
  const messages = [];
  /** @type {Edits<number>} */
  const edits = new Edits({ setStateValue: (name, message) => messages.push(Object.assign({ name }, message)) });
  return { edits, messages };
}

test("each message has the next number, the whole value and the same client", () => {
  const { edits, messages } = editsAndMessages();
  edits.send(7);
  edits.send(8);
  assert.deepEqual(messages, [
    { name: "edit", client: edits.client, number: 1, value: 7, commands: [] },
    { name: "edit", client: edits.client, number: 2, value: 8, commands: [] },
  ]);
});

test("two mountings of a component are two clients", () => {
  assert.notEqual(editsAndMessages().edits.client, editsAndMessages().edits.client);
});

test("the first value that Python sends is taken, and the same revision not again", () => {
  const { edits } = editsAndMessages();
  assert.equal(edits.takes({ client: "", number: 0, revision: 0 }), true);
  assert.equal(edits.takes({ client: "", number: 0, revision: 0 }), false);
  assert.equal(edits.takes({ client: "", number: 0, revision: 1 }), true);
});

test("an answer that is older than the newest edit is not taken, whatever its revision", () => {
  const { edits } = editsAndMessages();
  edits.takes({ client: "", number: 0, revision: 0 });
  edits.send(1);
  edits.send(2);
  assert.equal(edits.takes({ client: edits.client, number: 1, revision: 5 }), false);
  assert.equal(edits.takes({ client: edits.client, number: 2, revision: 5 }), true);
});

test("an answer to an earlier mounting is not one to this one's edits", () => {
  const { edits } = editsAndMessages();
  edits.send(1);
  assert.equal(edits.takes({ client: "another", number: 9, revision: 5 }), false);
});

test("all that was sent has been heard once the newest number comes back", () => {
  const { edits } = editsAndMessages();
  assert.equal(edits.heard({ client: "", number: 0, revision: 0 }), true); // nothing was sent
  edits.send(1);
  edits.send(2);
  assert.equal(edits.heard({ client: edits.client, number: 1, revision: 0 }), false);
  assert.equal(edits.heard({ client: edits.client, number: 2, revision: 0 }), true);
  assert.equal(edits.heard({ client: edits.client, number: 3, revision: 0 }), true);
  assert.equal(edits.heard({ client: "another", number: 3, revision: 0 }), false);
});

test("a command goes with every message until Python has answered it", () => {
  const { edits, messages } = editsAndMessages();
  edits.send(7);
  edits.command("keep", { at: 1 });
  edits.command("keep", { at: 2 });
  edits.send(8);
  assert.equal(messages[1].value, 7);
  assert.deepEqual(messages.map((message) => message.commands.map((/** @type {any} */ c) => c.number)),
    [[], [2], [2, 3], [2, 3]]);
  assert.deepEqual(messages[1].commands, [{ number: 2, name: "keep", arguments: { at: 1 } }]);
  edits.takes({ client: "another", number: 9, revision: 0 });
  edits.takes({ client: edits.client, number: 2, revision: 0 });
  edits.send(9);
  assert.deepEqual(messages[4].commands, [{ number: 3, name: "keep", arguments: { at: 2 } }]);
});

test("a message that was sent does not change when another command is added", () => {
  const { edits, messages } = editsAndMessages();
  edits.command("keep", 1);
  edits.command("keep", 2);
  assert.equal(messages[0].commands.length, 1);
});

test("words become paragraphs with bold and italic parts", () => {
  assert.deepEqual(emphasisParts("Drag **any\npoint**\nup.\n\n*x* is 2 * 3"), [
    [{ tag: "", text: "Drag " }, { tag: "strong", text: "any\npoint" }, { tag: "", text: " up." }],
    [{ tag: "", text: "" }, { tag: "em", text: "x" }, { tag: "", text: " is 2 * 3" }],
  ]);
});

test("texts from plain_text are shown as they are", () => {
  assert.deepEqual(emphasisParts("*Name*\\: \\*\\*a\\*\\*:color[\\:]b&#10;\\\\"), [[
    { tag: "", text: "" }, { tag: "em", text: "Name" }, { tag: "", text: ": **a**:b\n\\" },
  ]]);
});

test("one asterisk alone is a character", () => {
  assert.deepEqual(emphasisParts("*"), [[{ tag: "", text: "*" }]]);
});

const WINDOW = { innerWidth: 1000, innerHeight: 500 };
const BOX = { width: 200, height: 100 };

test("a box goes below an element, centred", () => {
  const at = { left: 400, top: 40, bottom: 60, width: 20 };
  assert.deepEqual(placeBeside(at, BOX, WINDOW), { left: 310, top: 66 });
});

test("a box goes above an element where there is no room below", () => {
  const at = { left: 400, top: 440, bottom: 460, width: 20 };
  assert.deepEqual(placeBeside(at, BOX, WINDOW), { left: 310, top: 334 });
  assert.equal(placeBeside({ left: 400, top: 375, bottom: 395, width: 20 }, BOX, WINDOW).top, 269);
});

test("a box goes below where it fits exactly, and where there is no room above either", () => {
  const exact = { left: 400, top: 374, bottom: 394, width: 20 };
  assert.equal(placeBeside(exact, BOX, WINDOW).top, 400);
  const neither = { left: 400, top: 105, bottom: 460, width: 20 };
  assert.equal(placeBeside(neither, BOX, WINDOW).top, 466);
  const justAbove = { left: 400, top: 106, bottom: 460, width: 20 };
  assert.equal(placeBeside(justAbove, BOX, WINDOW).top, 0);
});

test("a box stays eight pixels inside the window", () => {
  const at = { top: 40, bottom: 60, width: 20 };
  assert.equal(placeBeside({ ...at, left: 0 }, BOX, WINDOW).left, 8);
  assert.equal(placeBeside({ ...at, left: 980 }, BOX, WINDOW).left, 792);
  // In a window narrower than the box, the beginning of the box is visible.
  assert.equal(placeBeside({ ...at, left: 50 }, BOX, { ...WINDOW, innerWidth: 100 }).left, 8);
});

test("numbers are written with thousands apart, two decimals and a true minus sign", () => {
  assert.equal(formatCount(1250000), "1,250,000");
  assert.equal(formatSigned(-0.254), "−0.25");
  assert.equal(formatSigned(3), "3.00");
});

test("a value is kept between two bounds", () => {
  assert.deepEqual([-1, 0.5, 2].map((value) => clamp(value, 0, 1)), [0, 0.5, 1]);
});

test("base64 text is read as bytes", () => {
  assert.deepEqual([...bytesOf("AP8B")], [0, 255, 1]);
});

/** A component's element on a page, and a view that records its events. */
function placeAndView() {
  /** @type {string[]} */
  const events = [];
  const place = { isConnected: true, replaceChildren: () => events.push("shown") };
  const view = {
    root: { remove: () => events.push("removed") },
    update: (/** @type {any} */ data) => events.push(`update ${data}`),
    destroy: () => events.push("destroyed"),
  };
  return { events, place, view };
}

const later = () => new Promise((resolve) => { setTimeout(resolve, 5); });

test("a view is made once for its place, and ends when the place has left the page", async () => {
  const { events, place, view } = placeAndView();
  const show = /** @type {any} */ (define)((/** @type {any} */ _, /** @type {any} */ data) => {
    events.push(`create ${data}`);
    return view;
  });
  const first = show({ parentElement: place }, 1);
  const second = show({ parentElement: place }, 2);
  first(); // clean-up of the older call while the component still exists
  await later();
  assert.deepEqual(events, ["create 1", "shown", "update 1", "update 2"]);
  place.isConnected = false;
  second();
  await later();
  assert.deepEqual(events.slice(4), ["destroyed", "removed"]);
  first(); // its view has already ended
  await later();
  assert.deepEqual(events.slice(4), ["destroyed", "removed"]);
});

test("data that is given as bytes is read as JSON", () => {
  const { events, place, view } = placeAndView();
  const show = /** @type {any} */ (define)(() => view);
  show({ parentElement: place, data: new TextEncoder().encode('"ü"') });
  assert.equal(events.at(-1), "update ü");
});
