import { vi } from "vitest";
import { describeLockContract } from "../contracts/lock.ts";
import { createGitWorld } from "../support/git-lock-world.ts";

// Each test runs dozens of git processes; a busy machine takes its time for them.
vi.setConfig({ testTimeout: 30_000 });

describeLockContract("the lock on a git server", createGitWorld);
