import { define } from "../base/dom.js";
import { Stage } from "./stage.js";

/** @type {(component: StreamlitComponent) => Stage} */
const createStage = (component) => new Stage(
  (steps) => component.setTriggerValue("want", steps),
  (step) => component.setTriggerValue("moment", step),
  false,
  (step, index) => component.setTriggerValue("near", { step, index }),
);

export default define(createStage);
