// Single keys. They do nothing while somebody types, and can be switched off.

import { DEPTHS, STATIONS } from "../core/state";
import { say } from "../core/say";
import { hearing } from "./hearing.svelte";
import { now } from "./now";
import { studio } from "./studio.svelte";

export const KEYS: [string[], string][] = [
  [["←", "→"], say("keys.step")],
  [["Shift", "← →"], say("keys.ten")],
  [["Home", "End"], say("keys.ends")],
  [["[", "]"], say("keys.marks")],
  [["Space"], say("keys.play")],
  [["L"], say("keys.live")],
  [["1", "…", "0"], say("keys.chapters")],
  [["N", "P"], say("keys.example")],
  [["H"], say("keys.sound")],
  [["D"], say("keys.depth")],
  [["?"], say("keys.this")],
];

type Act = () => void;

/** Move, and say where that led: whoever does not see the time bar hears it. */
function told(act: Act): Act {
  return () => {
    act();
    studio.announcement = now().words;
  };
}

function example(by: number): void {
  studio.nextExample(by);
  studio.announcement = say("example.now", { example: studio.example + 1, examples: studio.examples, place: studio.probe?.places[studio.example] ?? "" });
}

function deeper(): void {
  const depth = DEPTHS[(DEPTHS.indexOf(studio.view.depth) + 1) % DEPTHS.length]!;
  studio.go({ depth });
  studio.announcement = say("depth.now", { depth });
}

const ACTS: Record<string, Act> = {
  ArrowLeft: told(() => studio.move(-1)),
  ArrowRight: told(() => studio.move(1)),
  Home: told(() => studio.toIndex(0)),
  End: told(() => studio.toIndex(studio.recorded.length - 1)),
  "[": () => studio.toMark(-1),
  "]": () => studio.toMark(1),
  " ": () => (studio.playing = !studio.playing),
  l: () => studio.go({ step: null }),
  h: () => hearing.toggle(),
  n: () => example(1),
  p: () => example(-1),
  d: deeper,
};

/** Do what a key stands for. */
export function pressed(event: KeyboardEvent, help: Act): void {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target, event.key)) return;
  if (event.key === "?") return done(event, help);
  if (studio.view.run === null) return;
  if (event.shiftKey && event.key === "ArrowLeft") return done(event, told(() => studio.move(-10)));
  if (event.shiftKey && event.key === "ArrowRight") return done(event, told(() => studio.move(10)));
  if (/^\d$/.test(event.key)) {
    const place = STATIONS[(Number(event.key) + 9) % 10]!;
    return done(event, () => studio.go({ place, layer: null, unit: null }));
  }
  const act = ACTS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) done(event, act);
}

function done(event: KeyboardEvent, act: Act): void {
  event.preventDefault();
  act();
}

/** Whether the key belongs to the element that has the focus. */
function typing(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  if (target instanceof HTMLInputElement) {
    if (target.type === "range" || target.type === "radio") return key.startsWith("Arrow") || key === "Home" || key === "End";
    return target.type !== "checkbox" || key === " ";
  }
  const presses = key === " " || key === "Enter";
  return presses && (target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement);
}
