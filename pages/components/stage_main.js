export default define((component) => (
  component.data.kind === "strip"
    ? new Strip()
    : new Stage((steps) => component.setTriggerValue("want", steps),
      (step) => component.setTriggerValue("moment", step))
));
