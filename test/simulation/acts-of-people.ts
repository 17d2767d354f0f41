import { onIssue, person, pick, repoOf, type Action } from "./choices.ts";
import {
  configure,
  deleteComment,
  deleteLock,
  editIssue,
  forcePush,
  forgeLedger,
  nameOf,
  openIssue,
  release,
  remark,
  reopenOrClose,
  rewordRemark,
  withdraw,
  writers,
} from "./people.ts";

/** What people do on the forge. */
export const actsOfPeople = {
  open: { weight: 2, act: (world, { what, how }) => openIssue(world, repoOf(world, what), pick(["ann", "eve"], how) ?? "ann", []) },
  label: { weight: 8, act: onIssue((world, found, { how }) => release(world, found, person(how >> 1))) },
  unlabel: { weight: 2, act: onIssue(withdraw) },
  edit: {
    weight: 3,
    act: onIssue((world, found, { how }) => editIssue(world, found, how % 3 === 0 ? "ann" : found.issue.author, how % 2 === 0)),
  },
  "close or reopen": { weight: 2, act: onIssue(reopenOrClose) },
  "delete the issue": {
    weight: 1,
    act: onIssue((world, found, { how }) => {
      if (how % 4 !== 0) return undefined;
      world.forge.deleteIssue(found.repo, found.issue.number, "ann");
      return `ann deletes ${nameOf(found)}`;
    }),
  },
  remark: { weight: 8, act: onIssue((world, found, { who, how }) => remark(world, found, pick([...writers, "eve"], who) ?? "eve", how)) },
  "reword a remark": {
    weight: 1,
    act: onIssue((world, found, { who, how }) => rewordRemark(world, found, pick([...writers, "eve"], who) ?? "eve", how)),
  },
  "delete a comment": { weight: 1, act: onIssue((world, found, { how }) => deleteComment(world, found, how)) },
  "forge a ledger": { weight: 2, act: onIssue((world, found, { how }) => forgeLedger(world, found, how)) },
  "delete the lock": { weight: 1, act: (world, { what }) => deleteLock(world, repoOf(world, what)) },
  push: {
    weight: 1,
    act: (world, { what }) => {
      const repo = repoOf(world, what);
      world.forge.landCommit(repo, "main");
      return `ann pushes to ${repo.name}`;
    },
  },
  "force push": { weight: 1, act: (world, { what }) => forcePush(world, repoOf(world, what)) },
  configure: { weight: 1, act: (world, { what, how }) => configure(world, repoOf(world, what), how) },
} as const satisfies Record<string, Action>;
