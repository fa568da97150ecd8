import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: { name: "pure", include: ["src/**/*.test.ts", "templates/**/*.test.ts"], testTimeout: 20_000 },
      },
    ],
  },
});
