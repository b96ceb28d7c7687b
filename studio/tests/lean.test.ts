// What a built page makes of its messages: the same words, where they are said.

import { describe, expect, it } from "vitest";
import { plainMessages } from "../lean";

const plugin = plainMessages() as unknown as { buildStart: () => void; transform: (code: string, id: string) => { code: string } | null };
plugin.buildStart();
const built = (code: string) => plugin.transform(`import { say } from "../core/say";\n${code}`, "stations/Some.svelte")?.code.split("\n").slice(1).join("\n");

describe("messages of a built page", () => {
  it("stand where they are said", () => {
    expect(built('const title = say("label.loss.loss");')).toBe('const title = "Loss";');
    expect(built('<Figure title={say("label.loss.loss")}>{say("label.loss.loss")}</Figure>')).toBe('<Figure title="Loss">Loss</Figure>');
  });

  it("have their gaps filled there", () => {
    expect(built('const a = say("label.sure", { share: percent(one.share) });')).toBe("const a = `${put_(percent(one.share))} sure`;");
    expect(built('<p>{say("label.over", { y, x: at("}", 1) })}</p>')).toBe('<p>{`${put_(y)} over ${put_(at("}", 1))}`}</p>');
    expect(built('x = say("label.and", { one: say("label.sure", { share }), other: `${say("word.best")}` });')).toBe('x = `${put_(`${put_(share)} sure`)} and ${put_(`${"best"}`)}`;');
  });

  it("come with what fills them", () => {
    const code = plugin.transform('  import { ordinal, say } from "../../core/say";\nsay("label.sure", { share });', "stations/a/Some.svelte")!.code;
    expect(code).toContain('import { ordinal, say, put as put_ } from "../../core/say";');
    expect(() => plugin.transform('say("label.sure", { share });', "stations/Some.svelte")).toThrow("not imported");
  });

  it("are chosen there", () => {
    expect(built('say(over ? "check.never" : "check.none");')).toMatch(/^\(over \? `Learning ended [^`]+` : `Nothing was measured [^`]+`\);$/);
    expect(built('say(one ? "label.alike.alike_similarity_another" : "label.alike.alike_similarity", { similarity });')).toBe(
      "(one ? `alike ${put_(similarity)}, another answer` : `alike ${put_(similarity)}`);",
    );
  });

  it("stay in the list where nothing is known of them, or they choose by number", () => {
    expect(built("say(id, { lower });")).toBeUndefined();
    expect(built('say("label.others", { others: 3 });')).toBeUndefined();
    expect(built('say("label.sure", { ...values });')).toBeUndefined();
  });
});
