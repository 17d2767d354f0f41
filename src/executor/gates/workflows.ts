import type { Change } from "../change.ts";
import { sayPaths } from "./say-paths.ts";

/** Whoever writes these runs code with the CI's secrets. */
const workflowPath = new RegExp(
  [
    String.raw`^\.(?:github|forgejo|gitea)\/(?:workflows|actions)(?:\/|$)`,
    String.raw`^\.?(?:gitlab-ci|travis|drone|woodpecker|appveyor|cirrus|azure-pipelines|bitbucket-pipelines|buildspec|cloudbuild)\.ya?ml$`,
    String.raw`^\.(?:circleci|woodpecker|buildkite|semaphore|azure-pipelines)(?:\/|$)`,
    String.raw`^Jenkinsfile$`,
  ].join("|"),
  "i",
);

export function findWorkflow({ paths }: Change): string | undefined {
  const touched = paths.flatMap(({ path, from }) => [path, from ?? path]).filter((path) => workflowPath.test(path));
  return touched.length === 0 ? undefined : `CI workflows are changed by people only: ${sayPaths([...new Set(touched)])}`;
}
