import { describe, expect, it } from "vitest";
import { keyOf, signedHeaders } from "../../src/doorbell/sign.ts";

describe("a signing secret", () => {
  it.each([
    ["base64 after whsec_", "whsec_AAEC", Buffer.from([0, 1, 2])],
    ["the text itself without that prefix", "AAEC", Buffer.from("AAEC")],
    ["no key at all when no base64 follows the prefix", "whsec_A!EC", undefined],
    ["no key at all when the base64 is cut off", "whsec_AAE", undefined],
  ])("is %s", (_title, secret, key) => {
    expect(keyOf(secret)).toEqual(key);
  });
});

describe("a signature", () => {
  it("is the one that the specification's own libraries make", () => {
    // The example that standardwebhooks' test suites share.
    const key = keyOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    const body = '{"test": 2432232314}';
    expect(key && signedHeaders(key, { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", nowMs: 1_614_265_330_999, body })).toEqual({
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });
});
