// Writes a test that proves nothing, until AFK says so.
import { addTests, commit, examples, framed, implement, runTests, say } from "../../sample/moves.mjs";

const refusal = framed("REPORT")?.split("\n")[0];
if (refusal === undefined) {
  say("Implementing, with a test that passes anyway.");
  addTests(`\ntest("says no minutes when there are none", () => {\n  assert.equal(formatDuration(59), "59 s");\n});\n`);
  implement();
  runTests("All tests pass");
  commit("Say minutes in durations");
} else {
  say(`AFK says: ${refusal}`);
  addTests(examples);
  runTests("All tests pass");
  commit("Expect minutes in durations");
}
