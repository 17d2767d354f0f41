// Reaches for a package first. Its registry is down, until somebody says how to do without.
import { commit, framed, implement, runTests, say, testFirst } from "../../sample/moves.mjs";

const hint = framed("GUIDANCE");
if (hint === undefined) {
  say("Looking for a package that formats durations: the registry does not answer.");
  process.exit(1);
}
say(`A maintainer says: ${hint}`);
testFirst();
implement();
runTests("All tests pass");
commit("Say minutes in durations");
