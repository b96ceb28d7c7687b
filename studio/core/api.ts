// The studio's server. Errors come with what, where and how to mend it.

import { say } from "./say";
import type { Source } from "./trace";

export class Refusal extends Error {
  constructor(
    readonly what: string,
    readonly where: string,
    readonly fix: string,
    readonly status: number,
  ) {
    super(fix ? `${what}. ${fix}` : what);
  }
}

export class HttpSource implements Source {
  constructor(private readonly root = "/api/") {}

  async json(path: string): Promise<unknown> {
    return (await this.get(path)).json();
  }

  async bytes(path: string): Promise<ArrayBuffer> {
    return (await this.get(path)).arrayBuffer();
  }

  /**
   * Ask for something that needs the model, or that changes something.
   *
   * onpiece: takes each piece of an answer that comes line by line; the last line is the answer.
   */
  async post<T>(path: string, body: unknown, onpiece?: (piece: string) => void): Promise<T> {
    const form = body instanceof FormData;
    const answer = await this.fetch(path, {
      method: "POST",
      body: form ? body : JSON.stringify(body),
      ...(form ? {} : { headers: { "Content-Type": "application/json" } }),
    });
    if (!answer.headers.get("content-type")?.includes("ndjson")) return (await answer.json()) as T;
    let last = {} as Told;
    try {
      for await (const line of linesOf(answer.body!)) {
        last = JSON.parse(line) as Told;
        if (last.piece !== undefined) onpiece?.(last.piece);
      }
    } catch {
      throw lost(path);
    }
    if (last.error) throw new Refusal(last.error.what, last.error.where, last.error.fix, 400);
    if (last.piece !== undefined) throw lost(path); // the end never came
    return last as T;
  }

  url(path: string): string {
    return this.root + path;
  }

  private get(path: string): Promise<Response> {
    return this.fetch(path, {});
  }

  private async fetch(path: string, init: RequestInit): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(this.root + path, { credentials: "same-origin", ...init });
    } catch {
      throw lost(path);
    }
    if (answer.ok) return answer;
    throw await refusal(answer, path);
  }
}

interface Told {
  piece?: string;
  error?: { what: string; where: string; fix: string };
}

/** The lines of a stream, each as soon as it is whole. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const [reader, decoder] = [stream.getReader(), new TextDecoder()];
  let begun = "";
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (begun + decoder.decode(value, { stream: !done })).split("\n");
    begun = lines.pop()!;
    yield* lines;
    if (done) return;
  }
}

function lost(path: string): Refusal {
  return new Refusal(say("program.lost"), path, say("program.lost.fix"), 0);
}

async function refusal(answer: Response, path: string): Promise<Refusal> {
  try {
    const { error } = (await answer.json()) as { error: { what: string; where: string; fix: string } };
    return new Refusal(error.what, error.where, error.fix, answer.status);
  } catch {
    return new Refusal(say("program.answered", { status: String(answer.status) }), path, "", answer.status);
  }
}
