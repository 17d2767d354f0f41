// The demo's scripted agent: does what a coding agent would do with the sample issue, test first.
import { commit, framed, giveUp, implement, runTests, say, testFirst } from "./moves.mjs";

if (!framed("ISSUE")?.includes("formatDuration")) giveUp("This scripted agent only knows the sample issue about formatDuration.");

say("Reading the issue: formatDuration should say minutes.");
testFirst();
say("Implementing.");
implement();
runTests("All tests pass");
commit("Say minutes in durations\n\nFixes the readability of everything longer than a minute.");
say("Done.");
