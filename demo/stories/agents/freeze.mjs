// Corrects what CI complains about, and each time breaks another rule of the house's style.
import { commit, framed, implement, minutes, runTests, say, testFirst } from "../../sample/moves.mjs";

const oneLine = `  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return [minutes > 0 ? \`\${minutes} min\` : "", rest > 0 || minutes === 0 ? \`\${rest} s\` : ""].filter((part) => part !== "").join(" ");
`;

const complaint = framed("REPORT")?.match(/src\/\S+:\d+: .*/)?.[0];
if (complaint === undefined) {
  testFirst();
  say("Implementing, in an old style.");
  implement(minutes.replaceAll("const ", "var "));
  commit("Say minutes in durations");
} else {
  say(`CI says: ${complaint}. Writing that anew.`);
  const isAboutVar = complaint.includes("var");
  implement(isAboutVar ? oneLine : `  // TODO: hours\n${minutes}`);
  commit(isAboutVar ? "Say durations in one line" : "Say durations in short lines");
}
runTests("All tests pass");
