import { objectOf, textOf } from "./json.ts";
import { issueNotes, may } from "./model.ts";
import { ok, type Answer, type Call } from "./router.ts";

/**
 * The one question REST cannot answer: when an issue's text was last edited.
 * `query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){issue(number:$number){lastEditedAt}}}`
 */
export function answerGraphql({ forge, identity, body }: Call): Answer {
  if (identity.kind !== "installation" && identity.kind !== "person")
    return { status: 401, body: { message: "This endpoint requires you to be authenticated." } };
  const query = textOf(body["query"]);
  const variables = objectOf(body["variables"]);
  const fullName = `${textOf(variables["owner"])}/${textOf(variables["name"])}`;
  if (!/\bissue\s*\(\s*number\s*:\s*\$number\s*\)\s*\{\s*lastEditedAt\s*\}/.test(query)) {
    return ok({ errors: [{ type: "undefinedField", message: "The embedded forge answers repository.issue.lastEditedAt alone." }] });
  }
  const repo = forge.repos.get(fullName.toLowerCase());
  if (repo === undefined || !may(identity, repo, "issues", "read")) {
    return ok({
      data: { repository: null },
      errors: [{ type: "NOT_FOUND", path: ["repository"], message: `Could not resolve to a Repository with the name '${fullName}'.` }],
    });
  }
  return ok({ data: { repository: { issue: { lastEditedAt: issueNotes(repo, Number(variables["number"])).lastEditedAt } } } });
}
