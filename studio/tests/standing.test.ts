import { expect, test } from "vitest";
import { lacking, standing } from "../core/standing";

test("a run that was stopped by hand is done, one that was killed is not", () => {
  expect(standing({ status: "done", alive: false, has: ["model"] })).toBe("done");
  expect(standing({ status: "interrupted", alive: false, has: ["model"] })).toBe("done");
  expect(standing({ status: "interrupted", alive: false, has: [] })).toBe("killed");
  expect(standing({ status: "paused", alive: true, has: [] })).toBe("paused");
  expect(standing({ status: "paused", alive: false, has: [] })).toBe("killed");
  expect(standing({ status: "failed", alive: false, has: [] })).toBe("failed");
});

test("only a finished run lacks something", () => {
  const kept = ["answers", "reference"] as const;
  expect(lacking({ status: "done", alive: false, has: ["model", "answers"] }, kept)).toEqual(["reference"]);
  expect(lacking({ status: "learning", alive: true, has: [] }, kept)).toEqual([]);
});
