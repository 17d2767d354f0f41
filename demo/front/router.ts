import type { Forge } from "./forge.ts";
import { listOf, type Json } from "./json.ts";
import { may, type Identity, type RepoState } from "./model.ts";

/** An answer of the API. `body` is JSON unless it is bytes. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal in GitHub's words. */
export class ApiFault extends Error {
  override readonly name = "ApiFault";
  readonly status: number;
  readonly errors: readonly unknown[] | undefined;

  constructor(status: number, message: string, errors?: readonly unknown[]) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

export interface Call {
  readonly forge: Forge;
  readonly identity: Identity;
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly body: Json;
  /** Asks the emulator as the same caller; defaults to the very same request. */
  upstream(change?: { method?: string; path?: string; body?: unknown }): Promise<Answer>;
}

export interface RepoCall extends Call {
  readonly repo: RepoState;
  readonly params: Readonly<Record<string, string>>;
}

type Handle<C> = (call: C) => Answer | Promise<Answer>;

export interface Route<C extends Call = Call> {
  readonly method: string;
  /** `:name` is one segment, `:name*` the rest of the path. */
  readonly path: string;
  /** The App permission this needs. People need to read or write. */
  readonly needs?: readonly [permission: string, level: "read" | "write"];
  readonly handle: Handle<C>;
}

/** Answered under `/repos/:owner/:repo`. */
export type RepoRoute = Route<RepoCall>;

export function compileRoutes<C extends Call>(routes: readonly Route<C>[]): readonly (Route<C> & { readonly pattern: RegExp })[] {
  return routes.map((route) => ({
    ...route,
    pattern: new RegExp(
      `^${route.path.replace(/:(\w+)(\*?)/g, (_all, name: string, rest: string) => `(?<${name}>${rest === "*" ? ".+" : "[^/]+"})`)}$`,
    ),
  }));
}

/** First match wins. */
export function matchRoute<C extends Call>(
  routes: readonly (Route<C> & { readonly pattern: RegExp })[],
  method: string,
  path: string,
): { readonly route: Route<C>; readonly params: Readonly<Record<string, string>> } | undefined {
  for (const route of routes) {
    if (route.method !== method) continue;
    const match = route.pattern.exec(path);
    if (match === null) continue;
    const params = Object.entries(match.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)] as const);
    return { route, params: Object.fromEntries(params) };
  }
  return undefined;
}

export function requirePermission(identity: Identity, repo: RepoState, [permission, level]: readonly [string, "read" | "write"]): void {
  if (may(identity, repo, permission, level)) return;
  // What is public is readable whatever a token was granted.
  if (level === "read" && !repo.isPrivate) return;
  if (identity.kind === "installation") throw new ApiFault(403, "Resource not accessible by integration");
  throw new ApiFault(403, "Must have write access to the repository.");
}

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

export function created(body: unknown): Answer {
  return { status: 201, body };
}

export const notFound = (): ApiFault => new ApiFault(404, "Not Found");

/** One page of a list, with the `Link` header clients follow. */
export function cutPage<T>(
  call: Call,
  items: readonly T[],
): { readonly items: readonly T[]; readonly headers: Readonly<Record<string, string>> } {
  const perPage = Math.min(100, Math.max(1, Number(call.query.get("per_page") ?? 30) || 30));
  const current = Math.max(1, Number(call.query.get("page") ?? 1) || 1);
  const last = Math.max(1, Math.ceil(items.length / perPage));
  const link = (number: number, rel: string): string => {
    const query = new URLSearchParams(call.query);
    query.set("page", String(number));
    return `<${call.forge.url}/api/v3${call.path}?${query.toString()}>; rel="${rel}"`;
  };
  const links = [
    ...(current > 1 ? [link(current - 1, "prev")] : []),
    ...(current < last ? [link(current + 1, "next"), link(last, "last")] : []),
    ...(current > 1 ? [link(1, "first")] : []),
  ];
  return { items: items.slice((current - 1) * perPage, current * perPage), headers: links.length > 0 ? { link: links.join(", ") } : {} };
}

/** Answers one page of a list. `wrap` puts it into an object. */
export function page(call: Call, list: readonly unknown[], wrap: (items: readonly unknown[]) => unknown = (items) => items): Answer {
  const { items, headers } = cutPage(call, list);
  return { status: 200, body: wrap(items), headers };
}

/** Every page of an emulator's list, for answers the front must change as a whole. */
export async function allPages(call: Call, path: string): Promise<readonly Json[]> {
  const items: Json[] = [];
  for (let number = 1; ; number += 1) {
    const answer = await call.upstream({ method: "GET", path: `${path}${path.includes("?") ? "&" : "?"}per_page=100&page=${number}` });
    if (answer.status !== 200) throw new ApiFault(answer.status, "Not Found");
    const batch = listOf(answer.body);
    items.push(...batch);
    if (batch.length < 100) return items;
  }
}
