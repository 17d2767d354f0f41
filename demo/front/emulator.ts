import { createSign, generateKeyPair, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { createEmulator } from "emulate";

/** What goes to and comes from the emulator: JSON as text, so that nothing is lost on the way. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly token: string | undefined;
  readonly body?: string | undefined;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly text: string;
  readonly link: string | null;
}

export interface EmulatorSeed {
  readonly users: readonly string[];
  readonly repos: readonly { readonly owner: string; readonly name: string; readonly isPrivate: boolean; readonly branch: string }[];
  readonly app: {
    readonly id: number;
    readonly slug: string;
    readonly name: string;
    readonly permissions: Readonly<Record<string, string>>;
  };
  readonly installations: readonly { readonly id: number; readonly owner: string }[];
  /** The front, as clients see it: no answer names the emulator's own host. */
  readonly frontUrl: string;
  readonly webhookUrl: string;
}

export interface Emulator {
  readonly privateKey: string;
  request(request: UpstreamRequest): Promise<UpstreamAnswer>;
  /** A token the emulator knows this person by. */
  tokenOf(login: string): string;
  /** Signs a token as the App does for itself. */
  appJwt(): string;
  rewrite(text: string): string;
  close(): Promise<void>;
}

/**
 * The emulator refuses a token after 5,000 requests, and counts what GitHub answers for nothing (304). Benches go further, so
 * a person has several tokens and they take turns.
 */
const tokensPerPerson = 40;
const requestsPerToken = 4_900;

export async function startEmulator(seed: EmulatorSeed): Promise<Emulator> {
  const keys = await promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const privateKey = keys.privateKey;
  const tokens = new Map(
    seed.users.map((login) => [login, Array.from({ length: tokensPerPerson }, () => randomBytes(20).toString("hex"))]),
  );
  const emulator = await createEmulator({
    service: "github",
    port: 0,
    seed: {
      tokens: Object.fromEntries([...tokens].flatMap(([login, list]) => list.map((token) => [token, { login, scopes: ["repo", "user"] }]))),
      github: {
        users: seed.users.map((login) => ({ login })),
        // The emulator opens pull requests only between branches of its own; what it says of them is replaced by what git says.
        repos: seed.repos.map(({ owner, name, isPrivate, branch }) => ({
          owner,
          name,
          private: isPrivate,
          default_branch: branch,
          auto_init: true,
        })),
        apps: [
          {
            app_id: seed.app.id,
            slug: seed.app.slug,
            name: seed.app.name,
            private_key: privateKey,
            permissions: seed.app.permissions,
            events: ["*"],
            webhook_url: seed.webhookUrl,
            installations: seed.installations.map(({ id, owner }) => ({
              installation_id: id,
              account: owner,
              repository_selection: "all",
            })),
          },
        ],
      },
    },
  });
  const named = emulator.url.replace(/\/$/, "");
  const origin = named.replace("//localhost:", "//127.0.0.1:");
  const namedHost = new URL(named).host;
  const frontHost = new URL(seed.frontUrl).host;
  const used = new Map<string, number>();
  const rewrite = (text: string): string =>
    text
      .replaceAll(`_url":"${named}/repos/`, `_url":"${seed.frontUrl}/api/v3/repos/`)
      .replaceAll(`"html_url":"${named}/`, `"html_url":"${seed.frontUrl}/`)
      .replaceAll(`"clone_url":"${named}/`, `"clone_url":"${seed.frontUrl}/`)
      .replaceAll(`"svn_url":"${named}/`, `"svn_url":"${seed.frontUrl}/`)
      .replaceAll(`git://${namedHost}/`, `git://${frontHost}/`)
      .replaceAll(`git@${namedHost}:`, `git@${frontHost}:`)
      .replaceAll(named, `${seed.frontUrl}/api/v3`)
      .replaceAll(origin, `${seed.frontUrl}/api/v3`);

  return {
    privateKey,
    tokenOf(login) {
      const count = used.get(login) ?? 0;
      used.set(login, count + 1);
      const token = tokens.get(login)?.[Math.floor(count / requestsPerToken) % tokensPerPerson];
      if (token === undefined) throw new Error(`no such user: ${login}`);
      return token;
    },
    async request({ method, path, token, body }) {
      const response = await fetch(`${origin}${path}`, {
        method,
        headers: {
          accept: "application/vnd.github+json",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined || method === "GET" || method === "HEAD" ? {} : { body }),
      });
      const link = response.headers.get("link");
      return { status: response.status, text: rewrite(await response.text()), link: link === null ? null : rewrite(link) };
    },
    appJwt: () => signJwt(seed.app.id, privateKey),
    rewrite,
    close: () => emulator.close(),
  };
}

function signJwt(appId: number, privateKey: string): string {
  const now = Math.floor(Date.now() / 1000);
  const text = `${jwtPart({ alg: "RS256", typ: "JWT" })}.${jwtPart({ iat: now - 30, exp: now + 300, iss: String(appId) })}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey, "base64url")}`;
}

function jwtPart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
