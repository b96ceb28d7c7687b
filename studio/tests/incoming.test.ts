import { expect, it } from "vitest";
import { incoming } from "../core/incoming";

it("takes together the weights of a column that enters as several numbers, the strongest first", () => {
  const terms = [
    { name: "area", of: "area", weight: -0.5, factor: 2 },
    { name: "town, 0", of: "town", weight: 3, factor: 1 },
    { name: "town, 1", of: "town", weight: 4, factor: NaN },
  ];
  expect(incoming(terms)).toEqual([
    { name: "town", weight: 5, adds: 3, count: 2 },
    { name: "area", weight: -0.5, adds: -1, count: 1 },
  ]);
});
