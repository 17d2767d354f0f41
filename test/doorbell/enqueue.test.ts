import { describe, expect, it } from "vitest";
import { enqueue } from "../../src/doorbell/enqueue.ts";
import type { Notice } from "../../src/core/notice.ts";
import { closed, handedOver } from "./notices.ts";

const fill = (count: number, make: (issue: number) => Notice) => Array.from({ length: count }, (_, index) => make(index + 1));

describe("the notices that wait", () => {
  it("keep the order in which they rang", () => {
    const { waiting } = enqueue([handedOver(2), closed(1)], closed(3));
    expect(waiting.map(({ run }) => run)).toEqual(["2-ab12", "1-ab12", "3-ab12"]);
  });

  it("hold each notice once, by its id", () => {
    const waiting = [handedOver(1)];
    expect(enqueue(waiting, handedOver(1))).toEqual({ waiting, dropped: undefined });
  });

  it.each<[string, readonly Notice[], Notice, Notice]>([
    ["the oldest quiet one goes", [handedOver(0), ...fill(99, closed)], handedOver(200), closed(1)],
    ["a new quiet one does not come in before loud ones", fill(100, handedOver), closed(200), closed(200)],
    ["the oldest goes when all are loud", fill(100, handedOver), handedOver(200), handedOver(1)],
  ])("are a hundred at most: %s", (_title, waiting, notice, dropped) => {
    const next = enqueue(waiting, notice);
    expect(next.dropped).toEqual(dropped);
    expect(next.waiting).toEqual([...waiting, notice].filter(({ id }) => id !== dropped.id));
  });
});
