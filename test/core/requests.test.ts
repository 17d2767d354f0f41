import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Answer } from "../../src/core/answers.ts";
import { hashContent } from "../../src/core/approval.ts";
import { parseCommands, type Command } from "../../src/core/commands.ts";
import { respond, type Request, type Response, type Situation } from "../../src/core/requests.ts";
import type { End, Ledger } from "../../src/core/run.ts";
import { endRun, maxGuidance } from "../../src/core/run-steps.ts";
import { after, claimed, corrected, details, issue, landed, time, working } from "./example-observation.ts";

const comment = {
  id: 9,
  author: "bob",
  authorId: 3,
  authorIsBot: false,
  isOurs: false,
  isEdited: false,
  url: "https://forge.test/acme/api/issues/7#issuecomment-9",
  createdAt: time(100),
  issue: 7,
};
const status: Answer = { kind: "status", status: { kind: "about-to-start" } };
const explanation: Answer = { kind: "explanation", gates: [], isRunning: false };

/** Bob, who may write, comments at 100; AFK reads it at 130. */
function ask(body: string, change: Partial<Request> = {}, found: Partial<Situation> = {}): Response {
  const request: Request = {
    comment: { ...comment, body },
    commands: parseCommands(body),
    permission: "write",
    issue,
    editedSince: "unknown",
    details,
    answerComment: undefined,
    desk: undefined,
    ...change,
  };
  const situation: Situation = {
    ledger: undefined,
    isTurnLive: false,
    isReady: true,
    at: time(130),
    trustedBots: [],
    status,
    explanation,
    ...found,
  };
  return respond(request, situation);
}

const kindsOf = ({ answers }: Response) => answers.map(({ kind }) => kind);
const ended = (end: End, ledger: Ledger = landed): Ledger => endRun(ledger, end, time(90));
const handedOver = ended({ kind: "handed-over", reason: "ci-red", detail: "" });
const approvedByBob = { by: "bob", byId: 3, at: time(130), contentHash: hashContent(issue) };
const releasedByBob = { ...approvedByBob, byIsBot: false };

/** Where a command may meet an issue: while its run lives, and while it has none. */
const live: readonly (readonly [title: string, found: Partial<Situation>])[] = [
  ["a run just claimed", { ledger: claimed }],
  ["a run with a turn at work", { ledger: working, isTurnLive: true }],
  ["a run that backs off", { ledger: after({ kind: "failed", reason: "", tail: "" }) }],
  ["a run that is parked", { ledger: after({ kind: "limited", until: time(900), reason: "" }) }],
  ["a run that watches CI", { ledger: landed }],
  ["a run with a correction at work", { ledger: corrected({ kind: "unchanged" }), isTurnLive: true }],
];
const unfinished: readonly (readonly [title: string, change: Partial<Request>])[] = [
  ["a run that was handed over", { details: { ...details, previous: handedOver } }],
  ["a run that was cancelled", { details: { ...details, previous: ended({ kind: "cancelled", reason: "command" }) } }],
];
const finished: readonly (readonly [title: string, change: Partial<Request>])[] = [
  ["no run", {}],
  ["a run that is done", { details: { ...details, previous: ended({ kind: "closed" }) } }],
];
const runless = [...unfinished, ...finished];

const nothing = { ledger: undefined, takesContent: false, stopsTurn: false, release: undefined, withdraws: false };

describe("whoever may not write", () => {
  const commands = ["/afk help", "/afk status", "/afk explain", "/afk cancel", "/afk retry", "/afk fix", "/afk dance"];

  it.each(commands)("changes nothing by %s", (body) => {
    for (const permission of ["read", "none"] as const) {
      const refused = { ...nothing, isDone: false, answers: [{ kind: "not-allowed", by: "bob" }] };
      expect(ask(body, { permission })).toEqual(refused);
      expect(ask(body, { permission }, { ledger: working, isTurnLive: true })).toEqual({ ...refused, ledger: working });
    }
  });

  it("is told so once, however much is asked", () => {
    expect(kindsOf(ask(commands.join("\n"), { permission: "read" }))).toEqual(["not-allowed"]);
  });
});

describe("a question", () => {
  it.each([
    ["/afk help", { kind: "help" }, true],
    ["/afk", { kind: "help" }, true],
    ["/afk status", status, true],
    ["/afk explain", explanation, true],
    ["/afk dance", { kind: "unknown", word: "dance" }, false],
  ] as const)("%s is answered, and changes nothing", (body, answer, isDone) => {
    expect(ask(body)).toEqual({ ...nothing, isDone, answers: [answer] });
    expect(ask(body, {}, { ledger: working, isTurnLive: true })).toEqual({ ...nothing, ledger: working, isDone, answers: [answer] });
  });

  it("is answered on a closed issue and on one that is gone, too", () => {
    expect(ask("/afk status", { issue: { ...issue, isOpen: false } }).answers).toEqual([status]);
    expect(ask("/afk status", { issue: undefined }).answers).toEqual([status]);
  });
});

describe("/afk cancel", () => {
  it.each(live)("ends %s, which its end comment tells", (_title, found) => {
    const cancelled = endRun(found.ledger ?? claimed, { kind: "cancelled", reason: "command" }, time(130));
    expect(ask("/afk cancel", {}, found)).toEqual({ ...nothing, ledger: cancelled, isDone: true, answers: [] });
  });

  it.each(runless)("takes an issue with %s off the list while it waits", (_title, change) => {
    expect(ask("/afk cancel", change)).toEqual({ ...nothing, withdraws: true, isDone: true, answers: [{ kind: "withdrawn" }] });
  });

  it.each(runless)("has nothing to do on an issue with %s that nobody released", (_title, change) => {
    const answers = [{ kind: "nothing-to-do", command: "cancel", why: "no-run" }];
    expect(ask("/afk cancel", change, { isReady: false })).toEqual({ ...nothing, isDone: false, answers });
  });
});

describe("/afk retry", () => {
  it.each(live)("starts %s over, with the text as it is now", (_title, found) => {
    const response = ask("/afk retry use a Map", {}, found);
    expect(response).toMatchObject({ isDone: true, takesContent: true, stopsTurn: true, release: undefined, withdraws: false });
    const attempts = found.ledger?.landed === undefined ? 0 : 1;
    expect(response.ledger).toMatchObject({ attempts, retries: 0, parks: 0, approval: approvedByBob, asked: { guidance: "use a Map" } });
    expect(response.ledger?.landed).toEqual(found.ledger?.landed);
    expect(response.answers).toEqual([{ kind: "started-over", by: "bob" }]);
  });

  it.each(runless)("releases an issue with %s anew", (_title, change) => {
    for (const isReady of [true, false]) {
      const response = ask("/afk retry use a Map", change, { isReady });
      const release = { ...releasedByBob, continues: false, guidance: "use a Map" };
      expect(response).toEqual({ ...nothing, isDone: true, release, answers: [{ kind: "released", by: "bob" }] });
    }
  });

  it("without guidance asks for a turn without any", () => {
    expect(ask("/afk retry", {}, { ledger: working }).ledger?.asked).toEqual({});
    expect(ask("/afk retry").release).not.toHaveProperty("guidance");
  });

  it.each([
    ["closed", { ...issue, isOpen: false }],
    ["gone", undefined],
  ])("does nothing on an issue that is %s", (_title, shut) => {
    const answers = [{ kind: "nothing-to-do", command: "retry", why: "issue-closed" }];
    expect(ask("/afk retry", { issue: shut })).toEqual({ ...nothing, isDone: false, answers });
    expect(ask("/afk retry", { issue: shut }, { ledger: landed })).toEqual({ ...nothing, ledger: landed, isDone: false, answers });
  });
});

describe("/afk fix", () => {
  it.each(live)("asks %s for a further turn", (_title, found) => {
    const response = ask("/afk fix use a Map", {}, found);
    const ledger = { ...found.ledger, asked: { guidance: "use a Map" } };
    const when = found.isTurnLive === true ? "next-turn" : "now";
    expect(response).toEqual({ ...nothing, ledger, isDone: true, answers: [{ kind: "taken-up", when }] });
  });

  it.each(unfinished)("releases an issue with %s for one more turn", (_title, change) => {
    const release = { ...releasedByBob, continues: true, guidance: "use a Map" };
    expect(ask("/afk fix use a Map", change)).toEqual({
      ...nothing,
      isDone: true,
      release,
      answers: [{ kind: "continued", by: "bob" }],
    });
  });

  it.each(finished)("has nothing to do on an issue with %s", (_title, change) => {
    const answers = [{ kind: "nothing-to-do", command: "fix", why: "no-run" }];
    expect(ask("/afk fix", change)).toEqual({ ...nothing, isDone: false, answers });
  });

  it.each<[string, Partial<Request>, Partial<Situation>]>([
    ["of a live run", {}, { ledger: landed }],
    ["of a run that was handed over", { details: { ...details, previous: handedOver } }, {}],
    ["without a run", {}, {}],
  ])("does nothing on a closed issue %s", (_title, change, found) => {
    for (const shut of [{ ...issue, isOpen: false }, undefined]) {
      const response = ask("/afk fix", { ...change, issue: shut }, found);
      expect(response.answers).toEqual([{ kind: "nothing-to-do", command: "fix", why: "issue-closed" }]);
      expect(response).toMatchObject({ ...nothing, isDone: false, ledger: found.ledger });
    }
  });

  it("without guidance asks for a turn without any", () => {
    expect(ask("/afk fix", {}, { ledger: working }).ledger?.asked).toEqual({});
  });
});

describe("the text that a command releases", () => {
  const byStranger = { details: { ...details, authorPermission: "none" } } as const;
  const commands = ["/afk retry", "/afk fix"] as const;
  const previous = { previous: handedOver };

  it.each(commands)("by a stranger counts for %s when nobody edited it since the comment", (body) => {
    const change = { details: { ...byStranger.details, ...previous }, editedSince: "no" } as const;
    expect(ask(body, change).release).toMatchObject(releasedByBob);
  });

  it.each([
    ["yes", "edited-since"],
    ["unknown", "edits-unknown"],
  ] as const)("by a stranger is not released when it was edited since: %s", (editedSince, why) => {
    for (const body of commands) {
      const change = { details: { ...byStranger.details, ...previous }, editedSince };
      const answers = [{ kind: "not-released", why, by: "bob" }];
      expect(ask(body, change)).toEqual({ ...nothing, isDone: false, answers });
    }
    const kept = ask("/afk retry", { ...byStranger, editedSince }, { ledger: landed });
    expect(kept).toMatchObject({ ledger: landed, takesContent: false, stopsTurn: false, isDone: false });
  });

  it("by somebody who may write is trusted as it stands", () => {
    expect(ask("/afk retry", { editedSince: "yes" }).release).toMatchObject(releasedByBob);
  });

  it("is not what /afk fix is about while a run lives: that works from the text it has", () => {
    const response = ask("/afk fix", { ...byStranger, editedSince: "yes" }, { ledger: landed });
    expect(response).toMatchObject({ isDone: true, takesContent: false, ledger: { approval: landed.approval } });
  });

  const byBot = { comment: { ...comment, author: "helper[bot]", authorIsBot: true, body: "/afk retry" } };

  it("is released by a bot only when the operator named it", () => {
    expect(kindsOf(ask("/afk retry", byBot))).toEqual(["not-released"]);
    expect(ask("/afk retry", byBot, { trustedBots: ["helper"] }).release).toMatchObject({ by: "helper[bot]", byIsBot: true });
  });
});

describe("several commands in one comment", () => {
  it("are carried out and answered in order", () => {
    expect(kindsOf(ask("/afk status\n/afk help\n/afk dance\n/afk explain"))).toEqual(["status", "help", "unknown", "explanation"]);
  });

  it("are done only when each of them is", () => {
    expect(ask("/afk help\n/afk dance\n/afk help").isDone).toBe(false);
  });

  it("cancel, then retry: the run starts over", () => {
    const response = ask("/afk cancel\n/afk retry use a Map", {}, { ledger: working, isTurnLive: true });
    expect(response.ledger).toMatchObject({ attempts: 0, asked: { guidance: "use a Map" } });
    expect(response.ledger).not.toHaveProperty("end");
    expect([response.stopsTurn, response.release]).toEqual([true, undefined]);
  });

  it("cancel, then fix: the run goes on for one more turn", () => {
    const response = ask("/afk cancel\n/afk fix use a Map", {}, { ledger: landed });
    expect(response).toMatchObject({ ledger: { ...landed, asked: { guidance: "use a Map" } }, release: undefined });
    expect(response.ledger).not.toHaveProperty("end");
  });

  it("retry, then cancel: the run ends", () => {
    expect(ask("/afk retry\n/afk cancel", {}, { ledger: landed }).ledger?.end).toMatchObject({ kind: "cancelled", reason: "command" });
  });

  it("cancel, then retry without a run: the issue stays released", () => {
    expect(ask("/afk cancel\n/afk retry")).toMatchObject({ withdraws: false, release: { by: "bob" } });
  });

  it("retry, then cancel without a run: the issue is withdrawn", () => {
    expect(ask("/afk retry\n/afk cancel", {}, { isReady: false })).toMatchObject({ withdraws: true, release: undefined });
  });

  it("cancel twice: the run ends once", () => {
    const response = ask("/afk cancel\n/afk cancel", {}, { ledger: working });
    expect([response.ledger?.end?.at, kindsOf(response), response.isDone]).toEqual([time(130), [], true]);
  });

  it.each<[string, Partial<Request>, Partial<Situation>]>([
    ["of a live run", {}, { ledger: { ...landed, asked: { guidance: "zero" } } }],
    ["of a run to be continued", { details: { ...details, previous: handedOver } }, {}],
  ])("fix, then fix: the guidance %s is joined", (_title, change, found) => {
    const { ledger, release } = ask("/afk fix one\n\n/afk fix two", change, found);
    const earlier = found.ledger === undefined ? "" : "zero\n\n";
    expect((release ?? ledger?.asked)?.guidance).toBe(`${earlier}one\n\ntwo`);
  });

  it("retry, then fix: the guidance of both counts", () => {
    expect(ask("/afk retry one\n\n/afk fix two", {}, { ledger: landed }).ledger?.asked).toEqual({ guidance: "one\n\ntwo" });
  });

  it("fix, then retry: the guidance of both counts", () => {
    expect(ask("/afk fix one\n\n/afk retry two", {}, { ledger: landed }).ledger?.asked).toEqual({ guidance: "one\n\ntwo" });
  });
});

describe("guidance", () => {
  it("is bounded, and its last words are kept", () => {
    const long = `${"x".repeat(3_995)} one`;
    const body = `/afk fix ${long}\n\n/afk fix two`;
    for (const response of [ask(body, {}, { ledger: landed }), ask(body, { details: { ...details, previous: handedOver } })]) {
      const guidance = (response.release ?? response.ledger?.asked)?.guidance ?? "";
      expect([guidance.length, guidance.endsWith("one\n\ntwo")]).toEqual([maxGuidance, true]);
    }
  });
});

describe("responding", () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constantFrom("retry", "fix"), guidance: fc.option(fc.string(), { nil: undefined }) }),
    fc.record({ kind: fc.constantFrom("cancel", "status", "explain", "help") }),
    fc.record({ kind: fc.constant("unknown"), word: fc.string() }),
  ) as fc.Arbitrary<Command>;
  const found = fc.constantFrom(...live.map(([, situation]) => situation), { isReady: false }, {});
  const met = fc.constantFrom(...runless.map(([, change]) => change), { issue: undefined }, { permission: "read" } as const);

  it("always comes to one thing: a run that goes on or ends, a release or a withdrawal", () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 10 }), found, met, (commands, situation, change) => {
        const response = ask("", { ...change, commands }, situation);
        expect(response.withdraws && response.release !== undefined).toBe(false);
        expect(response.release !== undefined && response.ledger !== undefined && response.ledger.end === undefined).toBe(false);
        expect(response.answers.length).toBeLessThanOrEqual(commands.length);
        expect(response.ledger === undefined).toBe(situation.ledger === undefined);
        expect(response.ledger?.landed).toEqual(situation.ledger?.landed);
        const guidance = response.release?.guidance ?? response.ledger?.asked?.guidance ?? "";
        expect(guidance.length).toBeLessThanOrEqual(maxGuidance);
      }),
      { numRuns: 500 },
    );
  });
});
