export default define(() => {
  const plot = new Plot();
  return {
    root: plot.root,
    update: (data) => plot.give(data),
    destroy: () => plot.destroy(),
  };
});
