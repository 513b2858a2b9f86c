export default define(() => {
  const heading = new Heading();
  const plot = new Plot();
  return {
    root: make("div", {}, heading.root, plot.root),
    update: (data) => {
      heading.update(data.title, data.help);
      plot.root.style.height = `${data.height}px`;
      plot.give(data);
    },
    destroy: () => {
      heading.destroy();
      plot.destroy();
    },
  };
});
