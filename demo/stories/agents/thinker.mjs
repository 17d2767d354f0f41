// Commits its tests, and then thinks for longer than anybody waits. Called again, it goes on from there.
import { setTimeout as delay } from "node:timers/promises";
import { commit, hasCommitted, implement, runTests, say, testFirst } from "../../sample/moves.mjs";

if (hasCommitted("Expect minutes in durations")) {
  say("My tests are here already: going on from there.");
} else {
  testFirst();
  say("Thinking.");
  await delay(150_000);
}
implement();
runTests("All tests pass");
commit("Say minutes in durations");
