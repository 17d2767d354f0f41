import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real git, real processes and real sandboxes take their time on a busy machine; nothing here waits for a clock.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Much of the time is spent waiting: for leases, back-offs, processes.
    maxWorkers: 2,
  },
});
