import type { Repo } from "../../src/core/run.ts";
import { ForgeError } from "../../src/ports.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import type { Dice } from "./dice.ts";

/** What can become of one call between a process and what it speaks to. */
export const faultKinds = [
  "dies before it",
  "dies after it",
  "gets a 502 before it",
  "gets a 502 after it",
  "is rate limited at it",
  "waits long before it",
  "waits long for the answer",
  "times out, and it happens later",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Strikes after `skip` more calls that it fits. */
export interface Fault {
  readonly kind: FaultKind;
  readonly onlyWrites: boolean;
  readonly delayMs: number;
  skip: number;
}

export interface PortCall {
  readonly port: "forge" | "lock" | "executor";
  readonly method: string;
  readonly repo: Repo | undefined;
  readonly isWrite: boolean;
}

/** One process's connection to the world. */
export interface Line {
  readonly name: string;
  isAlive: boolean;
  /** Neither forge nor git is reached. */
  isCutOff: boolean;
  /** The forge answers 429 until then. */
  limitedUntilMs: number;
  faults: Fault[];
  readonly crash: () => void;
}

/** GitHub asks for a minute's silence. */
const quietMs = 60_000;
/** Git calls and requests that hang longer than that are given up by somebody on the way. */
export const longestHangMs = 400_000;
/** A request to the forge arrives within a tenth of the lease, or never. */
const longestRequestMs = 10_000;
/** A world that does not come to rest within so many calls never will. */
const restlessCalls = 4_000;

export interface NetworkDeps {
  readonly clock: ManualClock;
  readonly dice: Dice;
  readonly tell: (sentence: string) => void;
  /** A repo that the forge fails for, whatever is asked. */
  readonly isPoisoned: (repo: Repo) => boolean;
}

/** Every port call of every process passes here, one at a time, in an order that the dice choose. */
export interface Network {
  send<T>(line: Line, call: PortCall, act: () => Promise<T>): Promise<T>;
  /** Lets calls through until nothing moves any more. Throws when that does not come. */
  settle(): Promise<void>;
}

export function createNetwork(deps: NetworkDeps): Network {
  const waiting: { readonly line: Line; readonly go: () => void }[] = [];

  const admit = (line: Line): Promise<void> => new Promise((go) => void waiting.push({ line, go }));
  const pause = (ms: number): Promise<void> => new Promise((go) => void deps.clock.schedule(go, Math.min(ms, longestHangMs)));

  async function send<T>(line: Line, call: PortCall, act: () => Promise<T>): Promise<T> {
    if (!line.isAlive) return never();
    await admit(line);
    const fault = takeFault(line, call);
    if (fault !== undefined) deps.tell(`${line.name} ${fault.kind}: ${sayCall(call)}`);
    if (fault === undefined || call.port === "executor") failIfUnreachable(deps, line, call);
    return whileAlive(line, fault === undefined ? act() : suffer(line, call, act, fault));
  }

  async function suffer<T>(line: Line, call: PortCall, act: () => Promise<T>, { kind, delayMs }: Fault): Promise<T> {
    switch (kind) {
      case "dies before it":
        line.crash();
        return never();
      case "dies after it":
        await act();
        line.crash();
        return never();
      case "gets a 502 before it":
        throw new ForgeError(`${sayCall(call)}: bad gateway`, 502);
      case "gets a 502 after it":
        await act();
        throw new ForgeError(`${sayCall(call)}: bad gateway`, 502);
      case "is rate limited at it":
        line.limitedUntilMs = deps.clock.now() + quietMs;
        throw new ForgeError(`${sayCall(call)}: over the rate limit`, 429);
      case "waits long before it":
        await pause(call.port === "forge" ? Math.min(delayMs, longestRequestMs) : delayMs);
        return line.isAlive || call.port === "lock" ? act() : never();
      case "waits long for the answer": {
        const answer = await act();
        await pause(delayMs);
        return answer;
      }
      case "times out, and it happens later":
        // Nobody waits for it any more, so a refusal is heard by nobody.
        void pause(delayMs)
          .then(act)
          .catch(() => undefined);
        throw new ForgeError(`${sayCall(call)}: no answer`, undefined);
      default:
        return kind satisfies never;
    }
  }

  return {
    send,
    async settle() {
      let calls = 0;
      // A pass begins one turn of the event loop after its signal; four quiet ones mean that none is about to.
      for (let quiet = 0; quiet < 4;) {
        await new Promise((resolve) => setImmediate(resolve));
        const [next] = waiting.splice(deps.dice.below(waiting.length), 1);
        quiet = next === undefined ? quiet + 1 : 0;
        if (next?.line.isAlive === true) next.go();
        if (next !== undefined && (calls += 1) > restlessCalls) throw new Error("I11: AFK does not come to rest");
      }
    },
  };
}

export function sayCall({ method, repo }: PortCall): string {
  return repo === undefined ? method : `${method} in ${repo.name}`;
}

function failIfUnreachable({ clock, isPoisoned }: NetworkDeps, line: Line, call: PortCall): void {
  if (call.port === "executor") return;
  if (line.isCutOff) throw new ForgeError(`${sayCall(call)}: not reached`, undefined);
  if (call.port === "forge" && clock.now() < line.limitedUntilMs) throw new ForgeError(`${sayCall(call)}: over the rate limit`, 429);
  if (call.repo !== undefined && isPoisoned(call.repo)) throw new ForgeError(`${sayCall(call)}: bad gateway`, 502);
}

/** A dead process hears no answer. */
async function whileAlive<T>(line: Line, answering: Promise<T>): Promise<T> {
  try {
    const answer = await answering;
    return line.isAlive ? answer : await never();
  } catch (error) {
    if (line.isAlive) throw error;
    return never();
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}

function takeFault(line: Line, call: PortCall): Fault | undefined {
  const fault = line.faults.find((candidate) => fits(candidate, call));
  if (fault === undefined) return undefined;
  fault.skip -= 1;
  if (fault.skip >= 0) return undefined;
  line.faults = line.faults.filter((other) => other !== fault);
  return fault;
}

function fits({ kind, onlyWrites }: Fault, { port, method, isWrite }: PortCall): boolean {
  if (onlyWrites && !isWrite) return false;
  if (kind === "is rate limited at it") return port === "forge";
  // An HTTP request ends with its connection; a push may be in the forge's hands already.
  if (kind === "times out, and it happens later") return port === "lock" && method !== "prepare";
  // What stays on the machine only dies with it.
  return kind === "dies before it" || kind === "dies after it" || (port !== "executor" && method !== "prepare");
}
