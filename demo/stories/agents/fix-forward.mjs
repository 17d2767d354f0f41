// Does not know the house's style, and learns it from CI.
import { commit, framed, implement, minutes, runTests, say, testFirst } from "../../sample/moves.mjs";

const complaint = framed("REPORT")?.match(/src\/\S+:\d+: .*/)?.[0];
if (complaint === undefined) {
  testFirst();
  say("Implementing, in an old style.");
  implement(minutes.replaceAll("const ", "var "));
  runTests("All tests pass");
  commit("Say minutes in durations");
} else {
  say(`CI says: ${complaint}. Correcting that.`);
  implement();
  runTests("All tests still pass");
  commit("Declare by const, as everywhere here");
}
