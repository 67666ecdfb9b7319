// How high the document of a frame is, told to the page whenever that has changed.

/** Tells the height from now on; what it returns tells it at once, if it is another one. */
export function watchHeight(tell: (height: number) => void): () => void {
  let last = -1;
  const measure = () => {
    const height = document.body.offsetHeight;
    if (height === last) return;
    last = height;
    tell(height);
  };
  new ResizeObserver(measure).observe(document.body);
  return measure;
}
