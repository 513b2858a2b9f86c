// The parts of Node that the unit tests use.

declare module "node:test" {
  export default function test(name: string, run: () => void | Promise<void>): void;
}

declare module "node:fs" {
  export function readFileSync(path: URL, encoding: string): string;
}

declare module "node:assert/strict" {
  interface Assert {
    (value: unknown, message?: string): asserts value;
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    notEqual(actual: unknown, expected: unknown, message?: string): void;
    rejects(promise: Promise<unknown>, error?: RegExp): Promise<void>;
    throws(act: () => unknown, error?: RegExp): void;
  }
  const assert: Assert;
  export default assert;
}
