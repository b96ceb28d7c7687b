// The example that somebody tries: what was entered, and what the model says to it. One question at
// a time; what was entered meanwhile is asked next, and nothing in between.

import type { Explained } from "../../core/explanation";
import { bodyOf, thin, tooLarge, type Cells, type Predicted } from "../../core/trying";
import { studio } from "../../ui/studio.svelte";
import { Working } from "../shared/working.svelte";

export interface Upload {
  blob: Blob;
  name: string;
}

const MOST_STEPS = 24;
const SETTLED_MS = 220;

export class Trial {
  cells = $state.raw<Cells>({});
  /** Column, or "file" for a whole table -> what was drawn, recorded or chosen. */
  files = $state.raw<Record<string, Upload>>({});
  found = $state.raw<Predicted | null>(null);
  /** Whether the answer that is shown belongs to what was entered before. */
  late = $state(false);
  explained = $state.raw<Explained | null>(null);
  readonly work = new Working();
  readonly why = new Working();
  /** What was entered is for the run that was open then, and for no other one. */
  private readonly run = studio.view.run;
  private busy = false;
  private again = false;
  private entered = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Whether there is anything to answer. */
  get given(): boolean {
    return Object.keys(this.files).length > 0 || Object.values(this.cells).some((cell) => cell !== null && cell !== "");
  }

  set(column: string, value: unknown): void {
    this.cells = { ...this.cells, [column]: value };
    this.changed();
  }

  put(column: string, file: Upload | null): void {
    const files = { ...this.files };
    delete files["file"];
    if (file) files[column] = file;
    else delete files[column];
    this.files = column === "file" && file ? { file } : files;
    if (column === "file" && file) this.cells = {};
    this.changed();
  }

  fill(cells: Cells): void {
    this.cells = cells;
    this.files = {};
    this.changed();
  }

  clear(): void {
    clearTimeout(this.timer);
    this.cells = {};
    this.files = {};
    this.found = this.explained = null;
    this.work.forget();
    this.why.forget();
    this.again = this.late = false;
  }

  private changed(): void {
    this.explained = null;
    this.late = true;
    this.entered++;
    this.why.forget();
    clearTimeout(this.timer);
    if (!this.given) {
      this.found = null;
      return;
    }
    this.timer = setTimeout(() => void this.send(), SETTLED_MS);
  }

  private async send(): Promise<void> {
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.again) {
        this.again = false;
        const answered = await this.ask(false);
        // The way through time takes longer: only once nothing more is entered.
        if (answered && !this.again) await this.ask(true);
      }
    } finally {
      this.busy = false;
    }
  }

  private async ask(through: boolean): Promise<boolean> {
    if (!this.given || studio.view.run !== this.run) return false;
    const large = tooLarge(this.files);
    if (large) {
      this.found = null;
      this.work.refuse(large);
      return false;
    }
    const kept = studio.manifest?.weight_steps ?? [];
    if (through && (!kept.length || this.found?.rows !== 1)) return false;
    const { entered } = this;
    const more = through ? { steps: thin(kept, MOST_STEPS) } : {};
    const found = await this.work.ask<Predicted>("predict", bodyOf(this.cells, this.files, more));
    // An answer to something else must not stand beside what was refused.
    if (!found && this.work.problem) this.found = null;
    if (!found || this.again) return false;
    this.found = found;
    this.late = entered !== this.entered;
    return found.answers[0] !== undefined && !found.answers[0].error;
  }

  async explain(): Promise<void> {
    this.explained = await this.why.ask<Explained>("explain", bodyOf(this.cells, this.files, {}));
  }
}
