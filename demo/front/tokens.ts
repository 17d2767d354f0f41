import { createPublicKey, createVerify, randomBytes } from "node:crypto";
import type { Emulator } from "./emulator.ts";
import { listOf, objectOf, parseObject, textOf, type Json } from "./json.ts";
import type { Identity, Installation } from "./model.ts";

interface MintedToken {
  readonly installation: Installation;
  /** The narrowing that was asked for, to mint the emulator's own token again when its 5,000 requests are used. */
  readonly request: string | undefined;
  upstream: string;
  used: number;
}

/** The tokens the front knows. Anything else is 401: the emulator would take an unknown token for its first user. */
export class Tokens {
  readonly #appId: number;
  readonly #emulator: Emulator;
  readonly #people = new Map<string, string>();
  readonly #minted = new Map<string, MintedToken>();

  constructor(appId: number, emulator: Emulator, logins: readonly string[]) {
    this.#appId = appId;
    this.#emulator = emulator;
    for (const login of logins) this.#people.set(`person-${login}-${randomBytes(12).toString("hex")}`, login);
  }

  tokenOf(login: string): string {
    for (const [token, owner] of this.#people) if (owner === login) return token;
    throw new Error(`no such user: ${login}`);
  }

  /** `undefined` for a token nobody has issued, one that has run out, or an App's JWT that does not verify. */
  identify(token: string | undefined): Identity | undefined {
    if (token === undefined) return { kind: "anonymous" };
    const login = this.#people.get(token);
    if (login !== undefined) return { kind: "person", login };
    const minted = this.#minted.get(token)?.installation;
    if (minted !== undefined) return Date.parse(minted.expiresAt) > Date.now() ? minted : undefined;
    return this.#isAppJwt(token) ? { kind: "app" } : undefined;
  }

  /** Remembers what `POST /app/installations/:id/access_tokens` has answered. */
  remember(installationId: number, owner: string, request: string | undefined, answer: Json): void {
    const token = textOf(answer["token"]);
    this.#minted.set(token, {
      request,
      upstream: token,
      used: 0,
      installation: {
        kind: "installation",
        id: installationId,
        owner,
        repositories: answer["repositories"] === undefined ? "all" : listOf(answer["repositories"]).map(({ name }) => textOf(name)),
        permissions: Object.fromEntries(Object.entries(objectOf(answer["permissions"])).map(([name, level]) => [name, textOf(level)])),
        expiresAt: textOf(answer["expires_at"]),
      },
    });
  }

  /** Makes every installation token invalid at once, as a suspension or an hour does. */
  expireInstallationTokens(): void {
    this.#minted.clear();
  }

  /** Every installation token that holds now. */
  minted(): readonly string[] {
    return [...this.#minted.keys()];
  }

  /** The token to show the emulator for a client's one. */
  async upstreamFor(token: string | undefined): Promise<string | undefined> {
    if (token === undefined) return undefined;
    const login = this.#people.get(token);
    if (login !== undefined) return this.#emulator.tokenOf(login);
    const minted = this.#minted.get(token);
    if (minted === undefined) return token;
    minted.used += 1;
    if (minted.used % 4_900 === 0) minted.upstream = await this.mint(minted.installation.id, minted.request);
    return minted.upstream;
  }

  /** A fresh token of the emulator for an installation. */
  async mint(installationId: number, request?: string): Promise<string> {
    const path = `/app/installations/${installationId}/access_tokens`;
    const answer = await this.#emulator.request({ method: "POST", path, token: this.#emulator.appJwt(), body: request ?? "{}" });
    if (answer.status !== 201) throw new Error(`the emulator gave no installation token: ${answer.text}`);
    return textOf(parseObject(answer.text)["token"]);
  }

  #isAppJwt(token: string): boolean {
    const [head, payload, signature] = token.split(".");
    if (head === undefined || payload === undefined || signature === undefined || !token.startsWith("eyJ")) return false;
    const isSigned = createVerify("RSA-SHA256")
      .update(`${head}.${payload}`)
      .verify(createPublicKey(this.#emulator.privateKey), signature, "base64url");
    if (!isSigned) return false;
    const { iss, exp } = parseObject(Buffer.from(payload, "base64url").toString("utf8"));
    return Number(iss) === this.#appId && Number(exp) * 1000 > Date.now();
  }
}
