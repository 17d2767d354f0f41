/** AFK's three labels, by role. The operator chooses the names; they are distinct without regard to case. */
export interface LabelNames {
  readonly ready: string;
  readonly inProgress: string;
  readonly human: string;
}

export type LabelRole = keyof LabelNames;

/** How a label looks when AFK has to create it. `color` is six hex digits, as forges take it. */
export const labelLooks = {
  ready: { color: "0e8a16", description: "Released to AFK: an agent may work on this issue" },
  inProgress: { color: "fbca04", description: "AFK is working on this issue" },
  human: { color: "d93f0b", description: "AFK needs a human here" },
} as const satisfies Record<LabelRole, { readonly color: string; readonly description: string }>;

/** What an issue's labels should show: a run at work, or how it ended. */
export type LabelState = "running" | "closed" | "handed-over" | "cancelled";

/** A role that is in neither list is left as people set it. */
const rules = {
  running: { on: ["ready", "inProgress"], off: ["human"] },
  closed: { on: [], off: ["ready", "inProgress", "human"] },
  "handed-over": { on: ["human"], off: ["ready", "inProgress"] },
  cancelled: { on: [], off: ["ready", "inProgress"] },
} as const satisfies Record<LabelState, { readonly on: readonly LabelRole[]; readonly off: readonly LabelRole[] }>;

export interface LabelChange {
  readonly on: readonly string[];
  readonly off: readonly string[];
}

/** Which of AFK's labels an issue should and should not carry. */
export function labelsFor(state: LabelState, names: LabelNames): LabelChange {
  const { on, off } = rules[state];
  return { on: on.map((role) => names[role]), off: off.map((role) => names[role]) };
}

/** Forges compare label names without regard to case. */
export function isSameLabel(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** The part of `labelsFor` that is not yet so. */
export function labelChanges(state: LabelState, names: LabelNames, current: readonly string[]): LabelChange {
  const has = (name: string) => current.some((label) => isSameLabel(label, name));
  const wanted = labelsFor(state, names);
  return { on: wanted.on.filter((name) => !has(name)), off: wanted.off.filter(has) };
}

/** The look of one of AFK's labels, for creating it; `undefined` for a label that is not AFK's. */
export function lookOf(label: string, names: LabelNames): { readonly color: string; readonly description: string } | undefined {
  const roles = ["ready", "inProgress", "human"] as const;
  const role = roles.find((candidate) => isSameLabel(names[candidate], label));
  return role === undefined ? undefined : labelLooks[role];
}
