import { define } from "./shared.js";
import { Strip } from "./sprite.js";
import { Stage } from "./stage.js";

/**
 * @typedef {(import("./sprite.js").StripData & { kind: "strip" })
 *   | (import("./stage.js").StageData & { kind: "stage" })} StageOrStripData
 */

/** @type {(component: StreamlitComponent, data: StageOrStripData) => ComponentView<any>} */
const createStage = (component, data) => (
  data.kind === "strip"
    ? new Strip()
    : new Stage((steps) => component.setTriggerValue("want", steps),
      (step) => component.setTriggerValue("moment", step))
);

export default define(createStage);
