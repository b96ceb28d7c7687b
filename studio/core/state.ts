// What is looked at, as the part of the address behind "#": copy it to share the exact view.
//   #/digits.run/prediction?t=412&x=3&l=file / stage 1 / activation&u=9&d=numbers

export const STATIONS = [
  "data", "layers", "features", "prediction", "loss", "blame", "update", "loop", "check", "explain",
] as const;
export const ROOMS = ["try", "iteration", "results", "compare", "findings", "diagnostics"] as const;
export const DEPTHS = ["story", "numbers", "math"] as const;

export type Station = (typeof STATIONS)[number];
export type Place = Station | (typeof ROOMS)[number];
export type Depth = (typeof DEPTHS)[number];

export interface View {
  /** Null: the home page. */
  run: string | null;
  place: Place;
  /** A recorded step; null: the newest one. */
  step: number | null;
  /** Which of the watched examples. */
  example: number;
  /** Name of a watched value or a parameter; null: the place chooses. */
  layer: string | null;
  unit: number | null;
  depth: Depth;
}

export const HOME: View = {
  run: null,
  place: "prediction",
  step: null,
  example: 0,
  layer: null,
  unit: null,
  depth: "story",
};

export function isStation(place: Place): place is Station {
  return (STATIONS as readonly string[]).includes(place);
}

export function writeHash(view: View): string {
  if (view.run === null) return "#/";
  const query = new URLSearchParams();
  if (view.step !== null) query.set("t", String(view.step));
  if (view.example) query.set("x", String(view.example));
  if (view.layer !== null) query.set("l", view.layer);
  if (view.unit !== null) query.set("u", String(view.unit));
  if (view.depth !== "story") query.set("d", view.depth);
  const tail = query.size ? `?${query}` : "";
  return `#/${encodeURIComponent(view.run)}/${view.place}${tail}`;
}

/** Whatever can't be read becomes the default: an old address still opens something. */
export function readHash(hash: string): View {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [run = "", place = ""] = path.split("/");
  const given = new URLSearchParams(query);
  return {
    run: decoded(run) || null,
    place: isPlace(place) ? place : HOME.place,
    step: whole(given.get("t")),
    example: whole(given.get("x")) ?? 0,
    layer: given.get("l"),
    unit: whole(given.get("u")),
    depth: DEPTHS.find((depth) => depth === given.get("d")) ?? "story",
  };
}

function isPlace(text: string): text is Place {
  return ([...STATIONS, ...ROOMS] as string[]).includes(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function whole(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}
