import { describe, expect, it } from "vitest";
import { createRedactor } from "../../src/executor/redactor.ts";

const own = "an-operators-own-secret";
const redact = createRedactor(() => [own]);
const token = `ghp_${"a1B2".repeat(9)}`;

describe("the redactor", () => {
  it("leaves ordinary text as it is", async () => {
    expect(await redact("not ok 1 - adds\n  expected 4, got 5\n")).toBe("not ok 1 - adds\n  expected 4, got 5\n");
  });

  it("takes out AFK's own secrets, as they stand and in base64", async () => {
    const text = await redact(`${own} ${Buffer.from(own).toString("base64")}`);
    expect(text).toMatch(/^\[secret\] \[secret\]/);
  });

  it("takes out everything shaped like a credential, wherever it stands", async () => {
    expect(await redact(`one ${token} two\n${token}\n`)).toBe("one [secret] two\n[secret]\n");
  });

  it("is not switched off by the text", async () => {
    const text = await redact(`// secretlint-disable\n${token}\n`);
    expect(text).not.toContain(token);
  });
});
