// A question to the model that takes a while: asked once at a time, and how far it has come.

import { api, asRefusal, studio } from "../../ui/studio.svelte";
import type { Refusal } from "../../core/api";

export class Working {
  busy = $state(false);
  problem = $state.raw<Refusal | null>(null);
  /** In words, and how much of how much. */
  what = $state("");
  done = $state(0);
  total = $state(0);
  private number = 0;

  /** null: it was refused, or something else was asked in the meantime. onpiece: see `api.post`. */
  async ask<T>(path: string, body: unknown, onpiece?: (piece: string) => void): Promise<T | null> {
    const run = studio.view.run;
    if (run === null) return null;
    const mine = ++this.number;
    this.busy = true;
    this.problem = null;
    [this.what, this.done, this.total] = ["", 0, 0];
    const unfollow = this.follow(run, mine);
    try {
      const found = await api.post<T>(`runs/${encodeURIComponent(run)}/${path}`, body, (piece) => mine === this.number && onpiece?.(piece));
      return mine === this.number ? found : null;
    } catch (error) {
      if (mine === this.number) this.problem = asRefusal(error);
      return null;
    } finally {
      unfollow();
      if (mine === this.number) this.busy = false;
    }
  }

  /** It is not even asked, for this reason. */
  refuse(problem: Refusal): void {
    this.forget();
    this.problem = problem;
  }

  /** What was asked before is of no interest any more. */
  forget(): void {
    this.number++;
    this.busy = false;
    this.problem = null;
  }

  /** Quick answers need no telling: the stream opens only after a moment. */
  private follow(run: string, mine: number): () => void {
    let stream: EventSource | null = null;
    const timer = setTimeout(() => {
      stream = new EventSource(`/api/runs/${encodeURIComponent(run)}/live`);
      stream.addEventListener("work", (event) => {
        const told = JSON.parse((event as MessageEvent<string>).data) as { what: string | null; done?: number; total?: number };
        if (mine === this.number) [this.what, this.done, this.total] = [told.what ?? "", told.done ?? 0, told.total ?? 0];
      });
      stream.addEventListener("bye", () => stream?.close());
    }, 600);
    return () => {
      clearTimeout(timer);
      stream?.close();
    };
  }
}
