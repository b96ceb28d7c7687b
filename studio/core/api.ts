// The studio's server. Errors come with what, where and how to mend it.

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

  /** Ask for something that needs the model, or that changes something. */
  async post<T>(path: string, body: unknown): Promise<T> {
    const form = body instanceof FormData;
    const answer = await this.fetch(path, {
      method: "POST",
      body: form ? body : JSON.stringify(body),
      ...(form ? {} : { headers: { "Content-Type": "application/json" } }),
    });
    return (await answer.json()) as T;
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
      throw new Refusal("Lost contact with the program", path, "Is it still running?", 0);
    }
    if (answer.ok) return answer;
    throw await refusal(answer, path);
  }
}

async function refusal(answer: Response, path: string): Promise<Refusal> {
  try {
    const { error } = (await answer.json()) as { error: { what: string; where: string; fix: string } };
    return new Refusal(error.what, error.where, error.fix, answer.status);
  } catch {
    return new Refusal(`The program answered ${answer.status}`, path, "", answer.status);
  }
}
