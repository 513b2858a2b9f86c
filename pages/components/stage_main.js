import { define } from "./shared.js";
import { Strip } from "./sprite.js";
import { Stage } from "./stage.js";

export default define((component, data) => (
  data.kind === "strip"
    ? new Strip()
    : new Stage((steps) => component.setTriggerValue("want", steps),
      (step) => component.setTriggerValue("moment", step))
));
