import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration } from "../src/format-duration.js";

test("says seconds", () => {
  assert.equal(formatDuration(42), "42 s");
});
