/**
 * The few parts of git's push protocol the front reads and writes: the commands of a push, the report of receive-pack, a refusal.
 * See gitprotocol-pack(5): a pkt-line is four hex digits of length (themselves included) and a payload; `0000` is a flush.
 */

/** One line of a push: move `ref` from `before` to `after`. */
export interface RefCommand {
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

export interface CommandSection {
  /** Every byte read so far, to be handed on to receive-pack unchanged. */
  readonly head: Buffer;
  readonly commands: readonly RefCommand[];
  readonly capabilities: ReadonlySet<string>;
}

interface Pkt {
  /** `undefined` is a flush. */
  readonly payload: Buffer | undefined;
  readonly end: number;
}

const commandLine = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ([^\0\n]+)(?:\0([^\n]*))?\n?$/;

/** Reads a push up to the flush after its commands. A body that ends earlier gives what it had. */
export async function commandSection(body: AsyncIterator<Buffer>): Promise<CommandSection> {
  let head: Buffer = Buffer.alloc(0);
  let offset = 0;
  const commands: RefCommand[] = [];
  const capabilities = new Set<string>();
  for (;;) {
    const pkt = readPkt(head, offset);
    if (pkt === undefined) {
      const next = await body.next();
      if (next.done === true) return { head, commands, capabilities };
      head = Buffer.concat([head, next.value]);
      continue;
    }
    offset = pkt.end;
    if (pkt.payload === undefined) return { head, commands, capabilities };
    const match = commandLine.exec(pkt.payload.toString("utf8"));
    if (match === null) continue;
    const [, before = "", after = "", ref = "", caps = ""] = match;
    commands.push({ ref, before, after });
    for (const capability of caps.split(" ")) if (capability !== "") capabilities.add(capability);
  }
}

/** The refs that receive-pack reports as moved (`ok <ref>`). */
export function readReportStatus(answer: Buffer, capabilities: ReadonlySet<string>): ReadonlySet<string> {
  const report = capabilities.has("side-band-64k")
    ? Buffer.concat([...payloads(answer)].filter((p) => p[0] === 1).map((p) => p.subarray(1)))
    : answer;
  const moved = new Set<string>();
  for (const payload of payloads(report)) {
    const ref = /^ok ([^\n]+)\n?$/.exec(payload.toString("utf8"))?.[1];
    if (ref !== undefined) moved.add(ref);
  }
  return moved;
}

/** The answer of a server that refuses a push before receive-pack: a `remote:` message and a report naming every ref. */
export function encodeRefusal(
  commands: readonly RefCommand[],
  refused: readonly { readonly ref: string; readonly reason: string; readonly message: string }[],
  capabilities: ReadonlySet<string>,
): Buffer {
  const reasons = new Map(refused.map(({ ref, reason }) => [ref, reason]));
  const lines = ["unpack ok\n", ...commands.map(({ ref }) => `ng ${ref} ${reasons.get(ref) ?? "another ref of this push was refused"}\n`)];
  const report = Buffer.concat([...lines.map((line) => encodePkt(Buffer.from(line))), flush]);
  if (!capabilities.has("side-band-64k")) return report;
  const messages = refused.map(({ message }) => encodePkt(Buffer.from(`\x02${message}\n`)));
  return Buffer.concat([...messages, encodePkt(Buffer.concat([Buffer.from([1]), report])), flush]);
}

const flush = Buffer.from("0000");

function encodePkt(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from((payload.length + 4).toString(16).padStart(4, "0")), payload]);
}

function* payloads(buffer: Buffer): Generator<Buffer> {
  for (let pkt = readPkt(buffer, 0); pkt !== undefined; pkt = readPkt(buffer, pkt.end)) {
    if (pkt.payload !== undefined) yield pkt.payload;
  }
}

function readPkt(buffer: Buffer, offset: number): Pkt | undefined {
  if (buffer.length < offset + 4) return undefined;
  const length = Number.parseInt(buffer.toString("latin1", offset, offset + 4), 16);
  if (Number.isNaN(length)) return undefined;
  if (length < 4) return { payload: undefined, end: offset + 4 };
  if (buffer.length < offset + length) return undefined;
  return { payload: buffer.subarray(offset + 4, offset + length), end: offset + length };
}
