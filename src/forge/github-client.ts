import type { ProbotOctokit } from "probot";
import { z } from "zod";
import { repoKey, slugOf, type Repo } from "../core/run.ts";
import { ForgeError, type Clock, type Log } from "../ports.ts";
import { installationAnswer } from "./github-answers.ts";
import { defaultRetryDelaysMs, parseAnswer, quietTimeMs, send, sendRepeatedly, type Answer, type Call } from "./github-exchange.ts";
import { createAnswerMemory } from "./github-memory.ts";
import { createServerClock } from "./server-clock.ts";

/** Lists longer than this are refused rather than read without end: 10,000 entries. */
const maxPages = 100;
const perPage = 100;
/**
 * What is remembered of answers, in characters of JSON: so much that a sweep over 1,000 idle repos is answered "not changed" throughout. Such
 * a repo takes up to 40 kB, nearly all of it the page of its 100 newest comments.
 */
const maxRememberedChars = 64 * 1024 * 1024;

/** A list that is not read to its end, because it has none worth waiting for. */
export class TooLongError extends ForgeError {}

export interface GitHubClientDeps {
  /** Probot's `app.auth`: a client for one installation, or for the app itself. */
  readonly auth: (installationId?: number) => Promise<ProbotOctokit>;
  readonly log: Log;
  /** How long to wait before each repetition of a call that may be repeated. Default 0.5 s, then 2 s. */
  readonly retryDelaysMs?: readonly number[];
}

export type Installation = z.infer<typeof installationAnswer>;

interface Page<T> {
  readonly data: T;
  readonly hasNext: boolean;
  readonly isRemembered: boolean;
}

/**
 * GitHub's API in the name of the installation that owns a repo; `{owner}` and `{repo}` of a route are filled in. Reads are conditional (an
 * unchanged answer is free) and repeated a little. Every failure is a `ForgeError`; being over a rate limit is one with status 429, and
 * until the forge allows it again nothing more is sent.
 */
export interface GitHubClient extends Clock {
  /** `undefined`: the app is not installed there. */
  installation(repo: Repo): Promise<Installation | undefined>;
  /** Looks the installation up anew at the next call. */
  forgetInstallation(repo: Repo): void;
  /** `undefined` for what does not exist, is gone, or may not be seen (404, 410). */
  read<T>(repo: Repo, call: Call, shape: z.ZodType<T>): Promise<T | undefined>;
  /** Page by page, for as long as the caller goes on; none at all of what does not exist. */
  readPages<T>(repo: Repo, call: Call, shape: z.ZodType<readonly T[]>): AsyncIterable<readonly T[]>;
  /** To the last page. */
  readAll<P, T>(repo: Repo, call: Call, shape: z.ZodType<P>, itemsOf: (page: P) => readonly T[]): Promise<readonly T[] | undefined>;
  /** Where the forge sends whoever asks; nobody goes there. `undefined`: nowhere. */
  locate(repo: Repo, call: Call): Promise<string | undefined>;
  /** `undefined`: this forge has no GraphQL, or it does not answer this query. */
  query<T>(repo: Repo, query: string, variables: Readonly<Record<string, unknown>>, shape: z.ZodType<T>): Promise<T | undefined>;
  /** A call that may safely arrive twice. */
  write<T>(repo: Repo, call: Call, shape: z.ZodType<T>): Promise<T>;
  /** A call that must not arrive twice: sent once. */
  create<T>(repo: Repo, call: Call, shape: z.ZodType<T>): Promise<T>;
  /** A call in the name of the app itself. */
  asApp<T>(call: Call, shape: z.ZodType<T>): Promise<T>;
}

export function createGitHubClient(deps: GitHubClientDeps): GitHubClient {
  const retryDelaysMs = deps.retryDelaysMs ?? defaultRetryDelaysMs;
  const clock = createServerClock();
  const installations = new Map<string, Promise<Installation | undefined>>();
  const clients = new Map<number, Promise<ProbotOctokit>>();
  const remembered = createAnswerMemory(maxRememberedChars);
  /** By installation, on the monotonic clock: nothing is sent before. */
  const quietUntilMs = new Map<number, number>();

  async function lookUpInstallation(repo: Repo): Promise<Installation | undefined> {
    const route = "GET /repos/{owner}/{repo}/installation";
    const call = { route, params: { owner: repo.owner, repo: repo.name } };
    const answer = await sendRepeatedly(await deps.auth(), call, clock, retryDelaysMs);
    const found = answer.status === 404 ? undefined : parseAnswer(answer, route, installationAnswer);
    return found?.suspended_at == null ? found : undefined;
  }

  function installation(repo: Repo): Promise<Installation | undefined> {
    const key = repoKey(repo);
    const known = installations.get(key);
    if (known !== undefined) return known;
    const found = lookUpInstallation(repo);
    installations.set(key, found);
    const forget = (): void => void installations.delete(key);
    found.then((it) => it ?? forget(), forget);
    return found;
  }

  function clientOf({ id }: Installation): Promise<ProbotOctokit> {
    const known = clients.get(id);
    if (known !== undefined) return known;
    const client = deps.auth(id);
    clients.set(id, client);
    return client;
  }

  async function sendAs(found: Installation, repo: Repo, call: Call, isRepeatable: boolean): Promise<Answer> {
    if ((quietUntilMs.get(found.id) ?? 0) > clock.monotonicMs()) throw new ForgeError(`${call.route}: over the rate limit`, 429);
    const client = await clientOf(found);
    const addressed = withAddress(call, repo, client);
    const answer = await (isRepeatable ? sendRepeatedly(client, addressed, clock, retryDelaysMs) : send(client, addressed, clock));
    const quietMs = quietTimeMs(answer, clock.now());
    if (quietMs === undefined) return answer;
    quietUntilMs.set(found.id, clock.monotonicMs() + quietMs);
    deps.log.warn({ repo: slugOf(repo), route: call.route, status: answer.status, quietMs }, "over the forge's rate limit");
    throw new ForgeError(`${call.route}: over the rate limit`, 429, answer.cause);
  }

  /** A 401 says that the token was revoked or the app installed anew; nothing was done, so even a creating call may be sent again, once. */
  async function sendFor(repo: Repo, call: Call, isRepeatable: boolean): Promise<Answer> {
    const found = await installation(repo);
    if (found === undefined) return notInstalled;
    const answer = await sendAs(found, repo, call, isRepeatable);
    // Refused: the permissions, too, may no longer be what they were.
    if (answer.status === 401 || answer.status === 403) installations.delete(repoKey(repo));
    if (answer.status !== 401) return answer;
    const again = await installation(repo);
    if (again === undefined) return notInstalled;
    if (again.id === found.id) await mintAnew(again, answer);
    return sendAs(again, repo, call, isRepeatable);
  }

  async function mintAnew(found: Installation, answer: Answer): Promise<void> {
    const client = await clientOf(found);
    await client.auth({ type: "installation", refresh: true }).catch((cause: unknown) => {
      throw new ForgeError("no installation token to be had", answer.status, cause);
    });
  }

  async function readPage<T>(repo: Repo, call: Call, shape: z.ZodType<T>): Promise<Page<T> | undefined> {
    const key = JSON.stringify([repoKey(repo), call.route, call.params]);
    const known = remembered.get(key);
    const answer = await sendFor(repo, known === undefined ? call : { ...call, headers: { "if-none-match": known.etag } }, true);
    if (answer.status === 304 && known !== undefined) {
      remembered.set(key, known);
      return { data: shape.parse(JSON.parse(known.text)), hasNext: known.hasNext, isRemembered: true };
    }
    remembered.delete(key);
    if (answer.status === 404 || answer.status === 410) return undefined;
    const data = parseAnswer(answer, call.route, shape);
    const hasNext = (answer.headers["link"] ?? "").includes('rel="next"');
    const etag = answer.headers["etag"];
    if (etag !== undefined) remembered.set(key, { etag, text: JSON.stringify(data), hasNext });
    return { data, hasNext, isRemembered: false };
  }

  async function* readPages<P, T>(repo: Repo, call: Call, shape: z.ZodType<P>, itemsOf: (page: P) => readonly T[]) {
    for (let page = 1; page <= maxPages; page += 1) {
      const answer = await readPage(repo, { ...call, params: { ...call.params, per_page: perPage, page } }, shape);
      if (answer === undefined) return;
      const found = itemsOf(answer.data);
      yield found;
      // A remembered page cannot know of a next one that came since; if it is full there may be one.
      if (!answer.hasNext && !(answer.isRemembered && found.length >= perPage)) return;
    }
    throw new TooLongError(`${call.route}: more than ${maxPages} pages`, undefined);
  }

  return {
    now: () => clock.now(),
    installation,
    forgetInstallation: (repo) => void installations.delete(repoKey(repo)),
    read: async (repo, call, shape) => (await readPage(repo, call, shape))?.data,

    readPages: (repo, call, shape) => readPages(repo, call, shape, (page) => page),

    async readAll<P, T>(repo: Repo, call: Call, shape: z.ZodType<P>, itemsOf: (page: P) => readonly T[]) {
      const pages: (readonly T[])[] = [];
      for await (const page of readPages(repo, call, shape, itemsOf)) pages.push(page);
      return pages.length === 0 ? undefined : pages.flat();
    },

    async locate(repo, call) {
      const answer = await sendFor(repo, { ...call, isUnfollowed: true }, true);
      if (answer.data instanceof ReadableStream) await answer.data.cancel();
      const isRedirect = answer.status !== undefined && answer.status >= 300 && answer.status < 400;
      if (!isRedirect) parseAnswer(answer, call.route, z.unknown());
      return answer.headers["location"];
    },

    async query(repo, query, variables, shape) {
      const route = "POST /graphql";
      const answer = await sendFor(repo, { route, params: { query, variables } }, true);
      if (answer.status !== undefined && answer.status >= 400 && answer.status < 500) return undefined;
      const { data, errors } = parseAnswer(answer, route, graphqlAnswer);
      if (errors?.some(({ type }) => type === "RATE_LIMITED")) throw new ForgeError(`${route}: over the rate limit`, 429);
      return errors === undefined ? shape.safeParse(data).data : undefined;
    },

    write: async (repo, call, shape) => parseAnswer(await sendFor(repo, call, true), call.route, shape),
    create: async (repo, call, shape) => parseAnswer(await sendFor(repo, call, false), call.route, shape),
    asApp: async (call, shape) => parseAnswer(await sendRepeatedly(await deps.auth(), call, clock, retryDelaysMs), call.route, shape),
  };
}

const notInstalled: Answer = { status: 404, headers: {}, data: undefined, cause: new Error("the app is not installed in this repository") };

const graphqlAnswer = z.object({ data: z.unknown().optional(), errors: z.array(z.object({ type: z.string().optional() })).optional() });

/** GraphQL lives beside the REST API on an enterprise server: `/api/graphql`, not `/api/v3/graphql`. */
function withAddress(call: Call, repo: Repo, client: ProbotOctokit): Call {
  if (call.route === "POST /graphql") {
    return { ...call, params: { ...call.params, baseUrl: client.request.endpoint.DEFAULTS.baseUrl.replace(/\/api\/v3$/, "/api") } };
  }
  return { ...call, params: { owner: repo.owner, repo: repo.name, ...call.params } };
}
