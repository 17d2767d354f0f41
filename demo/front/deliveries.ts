import { createHmac, randomUUID } from "node:crypto";
import type { DeliveryStatus, ForgeEvents } from "./events.ts";

/** One webhook that was sent, or would have been. */
export interface Delivery {
  /** The `X-GitHub-Delivery` GUID. A redelivery has the same one. */
  readonly id: string;
  readonly event: string;
  readonly action: string | undefined;
  /** The exact text that is signed. */
  readonly body: string;
  /** Of the last try. */
  status: DeliveryStatus;
}

/** Signs webhooks and sends them one after another, in the order they came up. */
export class Deliveries {
  readonly #secret: string;
  readonly #events: ForgeEvents;
  readonly #all: Delivery[] = [];
  #target: string | undefined;
  #held: Delivery[] | undefined;
  #drops: { left: number; readonly event: string | undefined }[] = [];
  #tail: Promise<void> = Promise.resolve();

  constructor(secret: string, events: ForgeEvents) {
    this.#secret = secret;
    this.#events = events;
  }

  deliverTo(url: string | undefined): void {
    this.#target = url;
  }

  /** Everything since the start, oldest first. */
  list(): readonly Delivery[] {
    return this.#all;
  }

  send(event: string, payload: Readonly<Record<string, unknown>>): void {
    const action = typeof payload["action"] === "string" ? payload["action"] : undefined;
    const delivery: Delivery = { id: randomUUID(), event, action, body: JSON.stringify(payload), status: "off" };
    this.#all.push(delivery);
    const drop = this.#drops.find(({ left, event: only }) => left > 0 && (only === undefined || only === event));
    if (drop !== undefined) {
      drop.left -= 1;
      this.#settle(delivery, "dropped");
    } else if (this.#held !== undefined) {
      this.#held.push(delivery);
      this.#settle(delivery, "held");
    } else {
      this.#enqueue(delivery);
    }
  }

  /** From now on deliveries are kept back until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  /** Sends what was held, in order of arrival or reversed, and ends when all of it has been answered. */
  async release({ order = "arrival" }: { readonly order?: "arrival" | "reversed" } = {}): Promise<void> {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const delivery of order === "reversed" ? held.toReversed() : held) this.#enqueue(delivery);
    await this.#tail;
  }

  /** The next `times` deliveries (of one event, if named) are lost. */
  drop(times: number, event?: string): void {
    this.#drops.push({ left: times, event });
  }

  /** Sends a past delivery again with the same GUID, body and signature, and answers the receiver's status. */
  async redeliver(id: string): Promise<DeliveryStatus> {
    const delivery = this.#all.find((candidate) => candidate.id === id);
    if (delivery === undefined) throw new Error(`no delivery ${id}`);
    this.#enqueue(delivery);
    await this.#tail;
    return delivery.status;
  }

  /** Ends when nothing is on its way. */
  async idle(): Promise<void> {
    await this.#tail;
  }

  #enqueue(delivery: Delivery): void {
    this.#tail = this.#tail.then(async () => this.#settle(delivery, await this.#post(delivery)));
  }

  #settle(delivery: Delivery, status: DeliveryStatus): void {
    delivery.status = status;
    this.#events.emit({ kind: "webhook", event: delivery.event, action: delivery.action, delivery: delivery.id, status });
  }

  async #post(delivery: Delivery): Promise<DeliveryStatus> {
    if (this.#target === undefined) return "off";
    try {
      const response = await fetch(this.#target, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": "GitHub-Hookshot/embedded",
          "x-github-event": delivery.event,
          "x-github-delivery": delivery.id,
          "x-github-hook-id": "1",
          "x-hub-signature-256": `sha256=${createHmac("sha256", this.#secret).update(delivery.body).digest("hex")}`,
        },
        body: delivery.body,
        // As long as GitHub waits.
        signal: AbortSignal.timeout(10_000),
      });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return "unreachable";
    }
  }
}
