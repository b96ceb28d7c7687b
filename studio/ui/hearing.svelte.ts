// The loss as a tone while time moves: pitch is the loss, a mark is a click. Off until asked for.

import { pitchOf, rangeOf } from "../core/pitch";
import { say } from "../core/say";
import { remember, remembered } from "./remembered";
import { studio } from "./studio.svelte";

const TONE_S = 0.09;
const CLICK_S = 0.02;
const CLICK_HZ = 2000;
const LOUDNESS = 0.07;
const APART_MS = 50;

class Hearing {
  on = $state(remembered("sound") === "on");
  private context: AudioContext | null = null;
  private last = 0;

  toggle(): void {
    this.on = !this.on;
    remember("sound", this.on ? "on" : null);
    studio.announcement = say(this.on ? "sound.on" : "sound.off");
    if (this.on) this.tell();
    else void this.context?.suspend();
  }

  /** Let the shown step be heard. */
  tell(): void {
    if (!this.on || studio.step === null || document.hidden || performance.now() - this.last < APART_MS) return;
    const row = studio.steps["step"]?.indexOf(Math.max(1, studio.step)) ?? -1;
    const range = rangeOf(studio.steps["loss"] ?? []);
    const pitch = row < 0 || !range ? null : pitchOf(studio.steps["loss"]![row]!, range);
    this.last = performance.now();
    if (pitch !== null) this.sound(pitch, TONE_S, "sine");
    if (studio.marks.some((mark) => mark.step === studio.step)) this.sound(CLICK_HZ, CLICK_S, "square");
  }

  private sound(pitch: number, seconds: number, type: OscillatorType): void {
    // A browser that can't or may not sound is no reason to fail.
    try {
      this.context ??= new AudioContext();
      const { context } = this;
      void context.resume();
      const [oscillator, loudness] = [new OscillatorNode(context, { type, frequency: pitch }), new GainNode(context, { gain: 0 })];
      const now = context.currentTime;
      // Up and down again without a crack.
      loudness.gain.linearRampToValueAtTime(LOUDNESS, now + 0.01);
      loudness.gain.linearRampToValueAtTime(0, now + seconds);
      oscillator.connect(loudness).connect(context.destination);
      oscillator.start(now);
      oscillator.stop(now + seconds);
    } catch {
      this.on = false;
    }
  }
}

export const hearing = new Hearing();
