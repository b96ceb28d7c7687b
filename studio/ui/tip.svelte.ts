// One small note beside the pointer: the number under it.

export const tip = $state({ text: "", x: 0, y: 0 });

/** Show what `read` says about the place under the pointer, in pixels of the element. */
export function tipOver(element: HTMLElement, read: (x: number, y: number) => string | null): () => void {
  const move = (event: PointerEvent) => {
    const box = element.getBoundingClientRect();
    tip.text = read(event.clientX - box.left, event.clientY - box.top) ?? "";
    tip.x = event.clientX;
    tip.y = event.clientY;
  };
  const leave = () => (tip.text = "");
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerleave", leave);
  return () => {
    element.removeEventListener("pointermove", move);
    element.removeEventListener("pointerleave", leave);
    leave();
  };
}
