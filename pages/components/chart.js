export default define(() => {
  const plot = new Plot();
  return {
    root: plot.root,
    update: (data) => {
      plot.root.style.height = `${data.height}px`;
      plot.give(data);
    },
    destroy: () => plot.destroy(),
  };
});
